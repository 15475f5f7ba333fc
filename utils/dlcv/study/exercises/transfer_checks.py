"""Checks and solutions of the exercises on transfer."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.few_shot import draw_few, small_network
from dlcv.classification.transfer import cache_features, layer_groups, ridge_probe
from dlcv.data.batches import Batches
from dlcv.data.bundled import LabelledImages, load_digits_split
from dlcv.data.glyphs import GlyphConfig, render_glyphs
from dlcv.study.exercises.base import attempt, expect
from dlcv.training import TrainConfig, classification_loss, fit


# --------------------------------------------------------------------------------- 07.head_swap
def check_head(answer: object) -> None:
    """Looks at what can learn, and at what the body says before and after a training step."""
    torch.manual_seed(7)
    model = small_network(6, channels=(4, 6, 8))
    images = torch.rand(12, 1, 8, 8)
    body = copy.deepcopy(model[:-1]).eval()
    before = body(images)
    new = attempt(answer, model, 3)
    expect(isinstance(new, nn.Module), f"expected the network, got {type(new).__name__}.")
    logits = new(images)
    expect(
        logits.shape == (12, 3), f"expected logits [12, 3] for 3 classes, got {list(logits.shape)}."
    )
    learning = {name for name, p in new.named_parameters() if p.requires_grad}
    expect(learning, "nothing can learn: the new head was frozen along with the rest.")
    borrowed = sorted(name for name in learning if not name.startswith("head"))
    expect(
        not borrowed,
        f"{len(borrowed)} borrowed parameters still require gradients, `{(borrowed or [''])[0]}` "
        "for one.",
    )
    expect(learning == {"head.weight", "head.bias"}, f"expected a whole new head, got {learning}.")
    new(images + 3)  # a batch of other images comes through
    new_body = copy.deepcopy(new[:-1]).eval()
    expect(
        torch.equal(new_body(images), before),
        "the body's answers drifted without any gradient: its batch normalisation still follows "
        "the batches. Frozen layers belong in evaluation mode.",
    )


def solve_head(model, num_classes):
    """Freeze everything, statistics included, then give it a head that can learn."""
    model.requires_grad_(False)
    model.eval()
    model[-1] = nn.Linear(model[-1].in_features, num_classes)
    return model


# ------------------------------------------------------------------------------ 07.linear_probe
def check_probe(answer: object) -> None:
    """Compares with the closed form, then with a head trained by gradient descent."""
    generator = torch.Generator().manual_seed(7)
    centres = 2 + torch.randn(5, 20, generator=generator, dtype=torch.float64)
    labels = torch.arange(400) % 5
    features = centres[labels] + 1.2 * torch.randn(
        400, 20, generator=generator, dtype=torch.float64
    )
    train, test = slice(0, 100), slice(100, 400)
    got = attempt(answer, features[train], labels[train], 5, 3.0)
    expect(isinstance(got, tuple) and len(got) == 2, "expected the pair (W, b).")
    W, b = got
    head = ridge_probe(features[train], labels[train], 5, 3.0)
    _compare_probe(W, b, head, features[train], labels[train])
    scores = (features[test] @ W + b).argmax(1)
    ours = (scores == labels[test]).double().mean().item()
    theirs = _sgd_head(features, labels, train, test)
    expect(
        ours > theirs - 0.02, f"{ours:.3f} right on new data, a head trained by SGD {theirs:.3f}."
    )


def _compare_probe(W: object, b: object, head: nn.Linear, X: Tensor, labels: Tensor) -> None:
    right_W, right_b = head.weight.T, head.bias
    expect(isinstance(W, Tensor) and isinstance(b, Tensor), "expected two tensors, W and b.")
    expect(
        W.shape != right_W.T.shape, "this is $W$ transposed: features in rows, classes in columns."
    )
    shapes = f"W {list(right_W.shape)} and b {list(right_b.shape)}"
    got = f"{list(W.shape)} and {list(b.shape)}"
    expect(W.shape == right_W.shape and b.shape == right_b.shape, f"expected {shapes}, got {got}.")
    Y = F.one_hot(labels, 5).double()
    centred, identity = X - X.mean(0), torch.eye(X.shape[1], dtype=X.dtype)

    def same(other: Tensor) -> bool:
        return torch.allclose(W.to(other), other, atol=1e-6)

    free = torch.linalg.solve(centred.T @ centred, centred.T @ (Y - Y.mean(0)))
    expect(not same(free), "the penalty is missing: this is plain least squares.")
    raw = torch.linalg.solve(X.T @ X + 3.0 * identity, X.T @ Y)
    expect(not same(raw), "the features were not centred, so there is no free bias.")
    mean = torch.linalg.solve(centred.T @ centred / len(X) + 3.0 * identity, centred.T @ Y / len(X))
    expect(not same(mean), "$X^\\top X$ is a sum over the images here, not a mean.")
    expect(same(right_W), f"W is off by up to {(W - right_W).abs().max():.3g}.")
    expect(torch.allclose(b.to(right_b), right_b, atol=1e-6), "W is right; the bias is not.")


def _sgd_head(features: Tensor, labels: Tensor, train: slice, test: slice) -> float:
    torch.manual_seed(7)
    head = nn.Linear(features.shape[1], 5).double()
    batches = Batches(features[train], labels[train], 20)
    fit(
        head,
        batches,
        classification_loss,
        TrainConfig(30, lr=0.05, schedule="cosine"),
    )
    return (head(features[test]).argmax(1) == labels[test]).double().mean().item()


def solve_probe(features, labels, num_classes, penalty):
    """Centre, solve one linear system, and put the means back into the bias."""
    Y = F.one_hot(labels, num_classes).to(features)
    x_mean, y_mean = features.mean(0), Y.mean(0)
    X, Y = features - x_mean, Y - y_mean
    W = torch.linalg.solve(X.T @ X + penalty * torch.eye(X.shape[1]).to(X), X.T @ Y)
    return W, y_mean - x_mean @ W


# ------------------------------------------------------------------------------- 07.layer_rates
def check_groups(answer: object) -> None:
    """Compares group by group, on a network with a frozen first stage."""
    model = small_network(3, channels=(2, 3, 4))
    model[0].requires_grad_(False)
    groups = attempt(answer, model, 0.08, 0.5)
    expect(
        isinstance(groups, list) and all(isinstance(g, dict) for g in groups),
        "expected a list of dicts, as an optimiser takes it.",
    )
    expect(
        all({"params", "lr"} <= set(group) for group in groups),
        "every group needs `params` and `lr`.",
    )
    rates = {id(p): (g["lr"], k) for k, g in enumerate(groups) for p in list(g["params"])}
    frozen = [p for p in model[0].parameters() if id(p) in rates]
    expect(not frozen, "the first stage is frozen, but its parameters are in a group.")
    names = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in rates]
    expect(not names, f"`{(names or [''])[0]}` is in no group: it would never move.")
    count = sum(len(list(group["params"])) for group in groups)
    expect(count == len(rates), "a parameter is in two groups.")
    wanted = layer_groups(model, 0.08, 0.5)
    found = [rates[id(group["params"][0])][0] for group in wanted]
    right = [group["lr"] for group in wanted]
    expect(found != right[::-1], "the rates are the wrong way round: the head learns fastest.")
    counted = [0.08 * 0.5 ** (4 - k) for k in (1, 2, 4)]
    expect(
        not torch.allclose(torch.tensor(found), torch.tensor(counted)),
        "the pool has no parameters and does not count as a stage.",
    )
    expect(
        torch.allclose(torch.tensor(found), torch.tensor(right)),
        f"expected the rates {right} from stage 2 to the head, got {found}.",
    )
    expect(
        len(groups) == 3, f"expected 3 groups, one for each stage that learns, got {len(groups)}."
    )


def solve_groups(model, lr, factor):
    """One group for each stage that can learn; the head gets the full rate."""
    stages = [[p for p in stage.parameters() if p.requires_grad] for stage in model]
    stages = [parameters for parameters in stages if parameters]
    L = len(stages) - 1
    return [{"params": p, "lr": lr * factor ** (L - k)} for k, p in enumerate(stages)]


# ------------------------------------------------------------------------- 07.source_that_hurts
SEEDS, PER_CLASS = 5, 5


def check_hurts(answer: object) -> None:
    """Trains on the reader's source, then reads the digits 5 to 9 with the frozen features."""
    digits, glyphs = sources()
    source = attempt(answer, digits, glyphs)
    expect(
        isinstance(source, tuple) and len(source) == 2,
        "expected the pair (images, labels) of the source task.",
    )
    images, labels = source
    expect(
        isinstance(images, Tensor) and images.dim() == 4 and images.shape[1:] == (1, 8, 8),
        "expected images [N, 1, 8, 8].",
    )
    expect(
        isinstance(labels, Tensor)
        and labels.shape == images.shape[:1]
        and not labels.is_floating_point(),
        "expected one whole number as a label for each image.",
    )
    classes = int(labels.max()) + 1
    expect(
        int(labels.min()) >= 0 and classes > 1,
        "a source needs labels 0, 1, … of two classes or more.",
    )
    borrowed, own = transfer_and_scratch(images, labels.long(), classes)
    lower = sum(a < b for a, b in zip(borrowed, own, strict=True))
    means = f"{sum(borrowed) / SEEDS:.2f} against {sum(own) / SEEDS:.2f} from scratch"
    expect(
        sum(own) - sum(borrowed) > 0.03 * SEEDS and lower >= SEEDS - 1,
        f"this source does not hurt reliably: {means}, below it for {lower} of {SEEDS} seeds. "
        "Find one that teaches less.",
    )


def sources() -> tuple[LabelledImages, LabelledImages]:
    """The digits 0 to 4 of the training part, and 1,200 glyphs of 60 classes, all 8×8 pixels."""
    train = load_digits_split(8).train
    low = train.labels < 5
    glyphs = render_glyphs(1200, range(60), config=GlyphConfig(size=8, grey=True))
    return (
        LabelledImages(train.images[low], train.labels[low]),
        LabelledImages(glyphs.images / 255, glyphs.labels),
    )


def transfer_and_scratch(
    images: Tensor, labels: Tensor, classes: int
) -> tuple[list[float], list[float]]:
    """Accuracies on the digits 5 to 9 with the source's frozen features, and from scratch."""
    torch.manual_seed(0)
    source = small_network(classes, places=2)
    _train(source, images, labels, epochs=max(1, 5000 // len(images)), lr=0.05)
    split, borrowed, own = load_digits_split(8), [], []
    train, test = (
        LabelledImages(part.images[part.labels > 4], part.labels[part.labels > 4] - 5)
        for part in (split.train, split.test)
    )
    for seed in range(SEEDS):
        few = draw_few(train.labels, PER_CLASS, seed)
        x, y = train.images[few], train.labels[few]
        body = source[:-1]
        head = ridge_probe(cache_features(body, x), y, 5, penalty=1.0)
        scores = head(cache_features(body, test.images))
        borrowed.append((scores.argmax(1) == test.labels).float().mean().item())
        torch.manual_seed(seed)
        fresh = small_network(5, places=2)
        _train(fresh, x, y, epochs=40, lr=0.02)
        scores = cache_features(fresh, test.images)
        own.append((scores.argmax(1) == test.labels).float().mean().item())
    return borrowed, own


def _train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, lr: float) -> None:
    config = TrainConfig(epochs, lr=lr, weight_decay=5e-4, schedule="cosine")
    fit(model, Batches(images, labels, 32), classification_loss, config)


def solve_hurts(digits, glyphs):
    """Two classes only, and a network that may forget everything but one upright stroke."""
    return digits.images, (digits.labels == 1).long()
