"""With the same weights, our networks and torchvision's say the same."""

import pytest
import torch
import torchvision
from torch import Tensor, nn

from dlcv.classification import (
    classic,
    dense,
    efficient,
    inception,
    inception_v3,
    mobile,
    residual,
    vgg,
)


def on_meta(build, **settings) -> nn.Module:
    """Build a network without values, which takes a moment whatever its size."""
    with torch.device("meta"):
        return build(**settings)


def fill(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter and every statistic of a network on the meta device random values.

    Weights repeat after a prime number of values, which is quicker than to draw 130 million.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.empty(999_983).uniform_(-1.7, 1.7, generator=generator)
    model = model.to_empty(device="cpu")
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dim() > 1:
            repeats = -(-tensor.numel() // len(noise))
            values = noise.repeat(repeats)[: tensor.numel()] * (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(values.view_as(tensor))
            noise = noise.roll(12_345)
        elif tensor.is_floating_point():
            middle = 1.0 if name.endswith("weight") else 0.0
            tensor.uniform_(middle - 0.2, middle + 0.2, generator=generator)
        else:
            tensor.zero_()
    return model


def take_over(model: nn.Module, other: nn.Module) -> nn.Module:
    """Give a network on the meta device the tensors of another, in their order, main part first."""
    theirs = sorted(other.state_dict().items(), key=lambda item: item[0].lower().startswith("aux"))
    ours = model.state_dict()
    assert len(ours) == len(theirs)
    pairs = zip(ours.items(), theirs, strict=True)
    state = {name: theirs.reshape(shape.shape) for (name, shape), (_, theirs) in pairs}
    model.load_state_dict(state, assign=True)
    return model


# our builder, its settings, torchvision's settings, side of the images
PAIRS = {
    "alexnet": (classic.alexnet, {}, {}, 224),
    "googlenet": (
        inception.googlenet,
        {"like_torchvision": True, "auxiliary_heads": True},
        {"aux_logits": True, "init_weights": False},
        64,
    ),
    "inception_v3": (
        inception_v3.inception_v3,
        {"auxiliary_head": True},
        {"aux_logits": True, "init_weights": False},
        96,
    ),
    "resnext50_32x4d": (residual.resnext50_32x4d, {}, {}, 64),
    "mobilenet_v2": (mobile.mobilenet_v2, {"width": 1.4}, {"width_mult": 1.4}, 64),
    "mnasnet1_0": (mobile.mnasnet1_0, {}, {}, 64),
    "squeezenet1_0": (mobile.squeezenet1_0, {}, {}, 64),
}
FAMILIES = {
    vgg: ("vgg", (11, 13, 16, 19), 224),
    residual: ("resnet", (18, 34, 50, 101, 152), 64),
    dense: ("densenet", (121, 169, 201, 161), 64),
    efficient: ("efficientnet_b", range(8), 64),
}
for room, (family, members, side) in FAMILIES.items():
    PAIRS |= {f"{family}{k}": (getattr(room, f"{family}{k}"), {}, {}, side) for k in members}


@pytest.mark.parametrize("name", PAIRS)
@torch.no_grad()
def test_the_logits_are_those_of_torchvision(name):
    build, ours, theirs, size = PAIRS[name]
    reference = fill(on_meta(getattr(torchvision.models, name), **theirs)).eval()
    model = take_over(on_meta(build, **ours), reference).eval()
    images = torch.rand(1, 3, size, size + 10 * (size < 224), generator=torch.manual_seed(1))
    logits = model(images)
    assert logits.shape == (1, 1000)
    assert logits.std() > 0
    torch.testing.assert_close(logits, reference(images), rtol=1e-4, atol=1e-4 * logits.std())


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@torch.no_grad()
def test_in_training_the_auxiliary_heads_answer_as_in_torchvision(name):
    build, ours, theirs, _ = PAIRS[name]
    reference = fill(on_meta(getattr(torchvision.models, name), **theirs))
    model = take_over(on_meta(build, **ours), reference)
    for layer in (*model.modules(), *reference.modules()):
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    size = 299 if name == "inception_v3" else 64
    images = torch.rand(2, 3, size, size, generator=torch.manual_seed(1))
    outputs = model.train()(images)
    logits, *heads = reference.train()(images)
    expected: list[Tensor] = [logits, *reversed(heads)]  # torchvision gives the later head first
    for output, other in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, other, rtol=1e-3, atol=1e-3)
