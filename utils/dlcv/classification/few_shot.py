"""Few examples: how to draw them, and a small network for small grey images to try them on."""

from collections import OrderedDict

import torch
from torch import Tensor, nn


def draw_few(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Pick the same number of examples of each class at random.

    Args:
        labels: Classes [N], whole numbers.
        per_class: Examples of each class that occurs, at least 1.
        seed: Which ones; a draw of more examples with the same seed contains the smaller draw.

    Returns:
        Indices int64, class after class.

    Raises:
        ValueError: If per_class is below 1 or a class has fewer examples.

    Taught in: lectures/07_transfer
    """
    if per_class < 1:
        raise ValueError(f"expected at least 1 example a class, got {per_class}")
    generator, chosen = torch.Generator().manual_seed(seed), []
    for label in labels.unique():
        members = (labels.cpu() == label.cpu()).nonzero()[:, 0]
        if len(members) < per_class:
            raise ValueError(f"expected {per_class} examples of class {label}, got {len(members)}")
        chosen.append(members[torch.randperm(len(members), generator=generator)][:per_class])
    return torch.cat(chosen).to(labels.device)


def small_network(
    num_classes: int, channels: tuple[int, int, int] = (16, 32, 64), places: int = 1
) -> nn.Sequential:
    """Build a small convolutional network for grey images of 8 to 32 px.

    Args:
        num_classes: Number of classes K.
        channels: Channels of its three stages; each but the first halves the map.
        places: The last map is averaged down to places × places; 1 keeps no idea of where.

    Returns:
        stage1 to stage3, pool, head: images [B, 1, H, W] to logits [B, K].

    Taught in: lectures/07_transfer
    """
    c1, c2, c3 = channels

    def stage(fan_in: int, fan_out: int, stride: int) -> nn.Sequential:
        conv = nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(fan_out), nn.ReLU())

    stages = [
        ("stage1", stage(1, c1, 1)),
        ("stage2", stage(c1, c2, 2)),
        ("stage3", stage(c2, c3, 2)),
    ]
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(places), nn.Flatten())
    head = nn.Linear(places**2 * c3, num_classes)
    return nn.Sequential(OrderedDict([*stages, ("pool", pool), ("head", head)]))
