"""Checks and solutions of the exercises on networks: ResNet-20, label smoothing."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.study.exercises.base import attempt, expect

# ---------------------------------------------------------------------------------- 06a.resnet20
PARAMETERS = 269_722
COUNT_SLIPS = {
    270_410: "; the convolutions have biases, which batch normalisation makes useless",
    272_282: "; the shortcuts are 1×1 convolutions, kind B; kind A has no parameters",
    272_474: "; the shortcuts are 1×1 convolutions with BN, kind B; kind A has no parameters",
    268_346: "; the batch normalisations have no parameters here, or are missing",
    175_226: "; that is ResNet-14, with two blocks in a stage",
    464_154: "; that is ResNet-32, with five blocks in a stage",
}


def check_resnet20(answer: object) -> None:
    """Looks at the output, the layers, the count, the sizes of the maps, and the shortcuts."""
    model = attempt(answer)
    expect(isinstance(model, nn.Module), f"expected a module, got {type(model).__name__}.")
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(6))
    logits = attempt(model, images)
    expect(isinstance(logits, Tensor), f"expected logits, got {type(logits).__name__}.")
    expect(logits.shape == (4, 10), f"expected logits [4, 10], got {list(logits.shape)}.")
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    three = [conv for conv in convs if conv.kernel_size == (3, 3)]
    expect(len(three) == 19, f"expected 19 convolutions of 3×3, got {len(three)}.")
    count = sum(p.numel() for p in model.parameters())
    reason = COUNT_SLIPS.get(count, "")
    expect(count == PARAMETERS, f"expected {PARAMETERS:,} parameters, got {count:,}{reason}.")
    sides = _map_sides(model, three, images)
    message = f"expected maps of 32, 16 and 8 pixels in the three stages, got {sides}."
    expect(sides == [32, 16, 8], message)
    check_shortcuts(model, three, images)


def _map_sides(model: nn.Module, convs: list[nn.Conv2d], images: Tensor) -> list[int]:
    found: list[int] = []
    handles = [
        conv.register_forward_hook(lambda layer, args, output: found.append(output.shape[-1]))
        for conv in convs
    ]
    model(images)
    for handle in handles:
        handle.remove()
    return list(dict.fromkeys(found))


def check_shortcuts(model: nn.Module, convs: list[nn.Conv2d], images: Tensor) -> None:
    """With all blocks at zero, the image must still get through: that is what a shortcut does."""
    index = {id(conv): i for i, conv in enumerate(convs)}
    model = deepcopy(model).eval()
    copies = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    expect(len(index) == len(copies), "every convolution must belong to one place of the network.")
    with torch.no_grad():
        for conv in copies[1:]:
            conv.weight.zero_()
        logits = model(images)
    moved = (logits - logits[:1]).abs().max()
    message = "with all weights of the blocks at zero, the logits no longer depend on the image"
    expect(moved > 1e-6, f"{message}: some shortcut is missing.")


def solve_resnet20():
    """Nine blocks; the first of the second and third stage halves the map."""

    class Block(nn.Module):
        def __init__(self, c_in, c_out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(c_out)
            self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(c_out)
            self.stride, self.new = stride, c_out - c_in

        def forward(self, x):
            f = F.relu(self.bn1(self.conv1(x)))
            f = self.bn2(self.conv2(f))
            short = x[:, :, :: self.stride, :: self.stride]
            return F.relu(f + F.pad(short, (0, 0, 0, 0, 0, self.new)))

    layers, channels = (
        [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()],
        16,
    )
    for width in (16, 32, 64):
        for b in range(3):
            stride = 2 if width > 16 and b == 0 else 1
            layers.append(Block(channels, width, stride))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


# --------------------------------------------------------------------------- 06a.label_smoothing
def check_label_smoothing(answer: object) -> None:
    """Compares with torch for several epsilons, and looks for the usual slips."""
    generator = torch.Generator().manual_seed(6)
    for B, K in ((1, 2), (5, 4), (3, 7)):
        logits = 3 * torch.randn(B, K, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, K, (B,), generator=generator)
        for epsilon in (0.0, 0.1, 0.5, 1.0):
            got = attempt(answer, logits, labels, epsilon)
            case = f"logits {[B, K]}, epsilon {epsilon}"
            expect(isinstance(got, Tensor), f"{case}: expected a tensor, got {type(got).__name__}.")
            expect(got.numel() == 1, f"{case}: expected one number, got shape {list(got.shape)}.")
            expected = F.cross_entropy(logits, labels, label_smoothing=epsilon)
            _name_the_slip(got, expected, _slips(logits, labels, epsilon), case)


def _slips(logits: Tensor, labels: Tensor, epsilon: float) -> dict[str, Tensor]:
    K = logits.shape[1]
    log_p = logits.log_softmax(dim=1)
    one_hot = F.one_hot(labels, K).to(log_p)
    others = (1 - epsilon) * one_hot + epsilon / max(1, K - 1) * (1 - one_hot)
    smooth = (1 - epsilon) * one_hot + epsilon / K
    unsmoothed = (1 - epsilon) * one_hot + epsilon
    return {
        "epsilon is shared among *all* K classes, the right one included": (
            -(others * log_p).sum(dim=1).mean()
        ),
        "every class gets epsilon / K, not epsilon": -(unsmoothed * log_p).sum(dim=1).mean(),
        "the sum over the batch was taken, not the mean": -(smooth * log_p).sum(),
        "the mean over the classes was taken, where the cross-entropy is a sum": (
            -(smooth * log_p).mean()
        ),
        "the sign is the wrong way round": (smooth * log_p).sum(dim=1).mean(),
        "epsilon has no effect": -(one_hot * log_p).sum(dim=1).mean(),
        "the probabilities, not their logarithms, were weighted": (
            -(smooth * log_p.exp()).sum(dim=1).mean()
        ),
    }


def _name_the_slip(got: Tensor, expected: Tensor, slips: dict[str, Tensor], case: str) -> None:
    got = got.reshape(()).to(expected)
    if torch.isclose(got, expected):
        return
    for why, rival in slips.items():
        expect(not torch.isclose(got, rival), f"{case}: {why}.")
    expect(False, f"{case}: expected {expected.item():.4f}, got {got.item():.4f}.")


def solve_label_smoothing(logits, labels, epsilon):
    """A mixture of the usual loss and of the mean over all classes."""
    log_p = logits.log_softmax(dim=1)
    right_class = -log_p.gather(1, labels[:, None])[:, 0]  # [B]
    all_classes = -log_p.mean(dim=1)  # [B]
    return ((1 - epsilon) * right_class + epsilon * all_classes).mean()
