"""Lectures 6a and 6b: the architectures at full size, with torchvision's weights."""

from collections.abc import Callable
from functools import partial

import torch
import torchvision
from torch import nn

from benchmarks.checks import Check, count, difference, draw
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


def take_over(model: nn.Module, other: nn.Module) -> nn.Module:
    """Give a network on the meta device the tensors of another, in their order, main part first."""
    theirs = sorted(other.state_dict().items(), key=lambda item: item[0].lower().startswith("aux"))
    pairs = zip(model.state_dict().items(), theirs, strict=True)
    state = {name: tensor.reshape(like.shape) for (name, like), (_, tensor) in pairs}
    model.load_state_dict(state, assign=True)
    return model


def fill(model: nn.Module) -> nn.Module:
    """Give a network on the meta device random weights, of a size that keeps signals as they are.

    They repeat after a prime number of values, which is quicker than to draw 138 million.
    """
    noise, model = draw(999_983, dtype=torch.float32), model.to_empty(device="cpu")
    for name, tensor in model.state_dict().items():
        if tensor.dim() > 1:
            repeats = -(-tensor.numel() // len(noise))
            values = noise.repeat(repeats)[: tensor.numel()] * (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(values.view_as(tensor))
            noise = noise.roll(12_345)
        else:
            tensor.fill_(1.0 if name.endswith(("weight", "running_var")) else 0.0)
    return model


@torch.no_grad()
def compare(build: Callable, size: int, theirs: dict, ours: dict, note: str) -> Check:
    """Compare the logits of one image with those of torchvision's network of the same name."""
    with torch.device("meta"):
        model, reference = build(**ours), getattr(torchvision.models, build.__name__)(**theirs)
    reference = fill(reference).eval()
    model = take_over(model, reference).eval()
    images = draw(1, 3, size, size, dtype=torch.float32)
    found = difference([model(images)], [reference(images)])
    package = f"{build.__module__.removeprefix('dlcv.')}.{build.__name__}"
    return Check(package, count(model), f"torchvision's, with its weights{note}", found)


def check(
    build: Callable, size: int = 64, theirs: dict | None = None, note: str = "", **ours: object
) -> Callable[[], Check]:
    """Return the check of a network for images of some size, in px."""
    return partial(compare, build, size, theirs or {}, ours, note)


HEADS = {"theirs": {"aux_logits": True, "init_weights": False}, "note": " and auxiliary heads"}
CHECKS = {
    "AlexNet": check(classic.alexnet, 224),
    "VGG-16": check(vgg.vgg16, 224),
    "GoogLeNet": check(inception.googlenet, **HEADS, like_torchvision=True, auxiliary_heads=True),
    "Inception v3": check(inception_v3.inception_v3, 96, **HEADS, auxiliary_head=True),
    "ResNet-50": check(residual.resnet50),
    "ResNeXt-50": check(residual.resnext50_32x4d),
    "DenseNet-121": check(dense.densenet121),
    "MobileNet v2": check(mobile.mobilenet_v2),
    "MNASNet": check(mobile.mnasnet1_0),
    "EfficientNet-B0": check(efficient.efficientnet_b0),
}
