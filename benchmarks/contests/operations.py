"""Boxes, regions, augmentation and the renderer, against torchvision's and kornia's."""

import importlib.util
from collections.abc import Callable
from functools import partial

import torch
import torchvision
from torch import Tensor
from torchvision.transforms import v2

from benchmarks.checks import draw_boxes
from benchmarks.contests import Contest, Pair
from dlcv.data import augment
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.boxes import box_iou, nms
from dlcv.detection.roi import roi_align, roi_pool

ONE_BY_ONE = "torchvision's v2, image by image"


def noise(device: torch.device, *shape: int) -> Tensor:
    """Uniform numbers, the same on every device."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)


def suppression(count: int, device: torch.device) -> Pair:
    """Suppress duplicates among random boxes of a picture of 96 px."""
    boxes, scores = draw_boxes(count).to(device), noise(device, count)
    return Pair(lambda: nms(boxes, scores, 0.5), lambda: torchvision.ops.nms(boxes, scores, 0.5))


def overlaps(count: int, device: torch.device) -> Pair:
    """The IoU of every box with every other."""
    one, other = (draw_boxes(count, seed).to(device) for seed in (0, 1))
    return Pair(lambda: box_iou(one, other), lambda: torchvision.ops.box_iou(one, other))


def regions(
    ours: Callable, theirs: Callable, settings: dict[str, object], device: torch.device
) -> Pair:
    """The features of 80 regions on two maps of stride 8, 64 channels and 5 by 5 bins."""
    maps = noise(device, 2, 64, 12, 12)
    boxes = torch.cat([(torch.arange(80) % 2)[:, None], draw_boxes(80)], dim=1).to(device)
    return Pair(
        lambda: ours(maps, boxes, 5, 1 / 8, **settings),
        lambda: theirs(maps, boxes, 5, 1 / 8, **settings),
    )


def ours_of(change: Callable, images: Tensor, **settings: float) -> Callable[[], Tensor]:
    """Our augmentation, with draws of its own for each image."""
    draw = torch.Generator().manual_seed(0)
    return lambda: change(images, draw, **settings)


def by_torchvision(images: Tensor, change: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
    """Theirs draws once for a batch: draws for each image need a loop over the images."""
    return lambda: torch.stack([change(image) for image in images])


def mirror(device: torch.device, probability: float = 1.0) -> Pair:
    """Mirror 256 images of 32 px, with a probability."""
    images = noise(device, 256, 3, 32, 32)
    theirs = by_torchvision(images, v2.RandomHorizontalFlip(probability))
    return Pair(ours_of(augment.flip_horizontal, images, probability=probability), theirs)


def shifted_crop(device: torch.device, padding: int = 4) -> Pair:
    """Crop 256 images of 32 px at random places of a frame of zeros."""
    images = noise(device, 256, 3, 32, 32)
    theirs = v2.RandomCrop(32, padding=padding or None)
    return Pair(ours_of(augment.crop, images, padding=padding), by_torchvision(images, theirs))


def colours(device: torch.device, amount: float = 0.3) -> Pair:
    """Change brightness, contrast and saturation of 256 images of 32 px."""
    images = noise(device, 256, 3, 32, 32)
    theirs = by_torchvision(images, v2.ColorJitter(amount, amount, amount))
    return Pair(ours_of(augment.colour_jitter, images, amount=amount), theirs)


def turned(device: torch.device, degrees: float = 15.0) -> Pair:
    """Turn 256 images of 32 px by angles of their own; the reference draws them in one batch."""
    import kornia.augmentation as kornia

    images = noise(device, 256, 3, 32, 32)
    theirs = kornia.RandomRotation(degrees, p=1.0, align_corners=False)
    return Pair(ours_of(augment.rotate, images, degrees=degrees), lambda: theirs(images))


def cut_out(device: torch.device, size: int = 8) -> Pair:
    """Blacken a square in 256 images; at the border ours may be cut, theirs lies inside."""
    import kornia.augmentation as kornia

    images, share = noise(device, 256, 3, 32, 32), (size / 32) ** 2
    theirs = kornia.RandomErasing(p=1.0, scale=(share, share), ratio=(1.0, 1.0))
    return Pair(ours_of(augment.cutout, images, size=size), lambda: theirs(images))


def scenes(device: torch.device) -> Pair:
    """Render 32 scenes of 96 px, with boxes and masks."""
    config = SceneConfig(size=96)
    return Pair(lambda: render_scenes(32, 1, config=config, device=device), None)


def has_kornia() -> bool:
    """Whether kornia, the extra `bench` of pyproject.toml, is installed."""
    return importlib.util.find_spec("kornia") is not None


TORCHVISION = torchvision.ops
POOL = partial(regions, roi_pool, TORCHVISION.roi_pool, {})
ALIGN = partial(regions, roi_align, TORCHVISION.roi_align, {"sampling_ratio": 2, "aligned": True})
CONTESTS = [
    Contest("IoU of 500 × 500 boxes", "11", "torchvision's box_iou", partial(overlaps, 500)),
    Contest("NMS of 100 boxes", "11", "torchvision's nms", partial(suppression, 100)),
    Contest("NMS of 1,000 boxes", "11", "torchvision's nms", partial(suppression, 1000)),
    Contest("RoIPool, 80 regions", "12", "torchvision's roi_pool", POOL),
    Contest("RoIAlign, 80 regions", "12", "torchvision's roi_align", ALIGN),
    Contest("mirror 256 images", "3", ONE_BY_ONE, mirror),
    Contest("crop 256 images", "3", ONE_BY_ONE, shifted_crop, same=False),
    Contest("colours of 256 images", "3", ONE_BY_ONE, colours, same=False),
    Contest("turn 256 images", "3", "kornia's RandomRotation", turned, False, "kornia"),
    Contest("cut out of 256 images", "3", "kornia's RandomErasing", cut_out, False, "kornia"),
    Contest("render 32 scenes", "0", "nobody else renders them", scenes),
]
