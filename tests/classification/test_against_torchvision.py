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
    "vgg11": (vgg.vgg11, {}, {}, 224),
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
    "resnet18": (residual.resnet18, {}, {}, 64),
    "resnet34": (residual.resnet34, {}, {}, 64),
    "resnet50": (residual.resnet50, {}, {}, 64),
    "resnext50_32x4d": (residual.resnext50_32x4d, {}, {}, 64),
    "densenet121": (dense.densenet121, {}, {}, 64),
    "mobilenet_v2": (mobile.mobilenet_v2, {"width": 1.4}, {"width_mult": 1.4}, 64),
    "mnasnet1_0": (mobile.mnasnet1_0, {}, {}, 64),
    "squeezenet1_0": (mobile.squeezenet1_0, {}, {}, 64),
    **{
        f"efficientnet_b{b}": (getattr(efficient, f"efficientnet_b{b}"), {}, {}, 64) for b in (0, 2)
    },
}


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


LARGER = {
    vgg: ["vgg13", "vgg16", "vgg19"],
    residual: ["resnet101", "resnet152"],
    dense: ["densenet169", "densenet201", "densenet161"],
    mobile: ["mobilenet_v2"],
    efficient: [f"efficientnet_b{b}" for b in (1, 3, 4, 5, 6, 7)],
}


@pytest.mark.parametrize(("room", "name"), [(room, n) for room in LARGER for n in LARGER[room]])
def test_the_larger_ones_have_the_shapes_of_torchvision(room, name):
    """The code is that of the smaller ones; only their tables differ."""
    ours, theirs = on_meta(getattr(room, name)), on_meta(getattr(torchvision.models, name))
    shapes = [[[*p.shape, 1, 1][:4] for p in model.parameters()] for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    epsilons = [
        [layer.eps for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
        for model in (ours, theirs)
    ]
    assert epsilons[0] == epsilons[1]


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
