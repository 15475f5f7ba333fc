"""What every segmenter of the book shares: the loss on turned scenes, the answer, the judgement."""

import json
from collections.abc import Callable
from importlib.resources import files

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.data.voc_layout import IGNORED_PIXEL
from dlcv.segmentation.mean_iou import SegmentationScores, confusion_matrix, segmentation_scores
from dlcv.training import eval_mode

SYMMETRIES = 8  # of a square: four quarter turns, each with or without a flip


def turn(images: Tensor, symmetry: int) -> Tensor:
    """Turn and flip square images or label maps.

    Args:
        images: [..., S, S].
        symmetry: Bit 0 flips left and right, bit 1 top and bottom, bit 2 swaps rows and columns.

    Raises:
        ValueError: If the images are not square or there is no such symmetry.

    Taught in: lectures/14_segmentation
    """
    if images.shape[-1] != images.shape[-2] or symmetry not in range(SYMMETRIES):
        got = f"{list(images.shape)} and {symmetry}"
        raise ValueError(f"expected square images and a symmetry from 0 to 7, got {got}")
    flipped = [axis for axis, bit in ((-1, 1), (-2, 2)) if symmetry & bit]
    images = images.flip(flipped) if flipped else images
    return images.transpose(-1, -2) if symmetry & 4 else images


def segmentation_loss(
    model: nn.Module, batch: tuple[Tensor, Tensor], symmetries: int = SYMMETRIES
) -> Tensor:
    """Return the mean cross-entropy over all pixels of a batch, turned by a symmetry at random.

    This is what `dlcv.training.fit` takes, with `Batches(scenes.images, scenes.semantic, 16)`, and
    for photographs as `partial(segmentation_loss, symmetries=2)`.

    Args:
        model: From images [B, 3, S, S] in [0, 1] to logits [B, K, S, S].
        batch: Images uint8 [B, 3, S, S] and classes uint8 [B, S, S], 255 in pixels to be ignored.
        symmetries: The first so many are drawn from; 2 of them keep top and bottom.

    Taught in: lectures/14_segmentation
    """
    images, classes = batch
    symmetry = int(torch.randint(symmetries, ()))
    logits = model(turn(images.float() / 255, symmetry))
    return F.cross_entropy(logits, turn(classes, symmetry).long(), ignore_index=IGNORED_PIXEL)


@torch.no_grad()
def label_pixels(model: Callable[[Tensor], Tensor], images: Tensor, batch_size: int = 50) -> Tensor:
    """Give every pixel the class of its highest score, in evaluation mode.

    Args:
        model: From images [B, 3, H, W] in [0, 1] to logits [B, K, H, W].
        images: uint8 [N, 3, H, W].
        batch_size: Images at once.

    Returns:
        uint8 [N, H, W].

    Taught in: lectures/14_segmentation
    """
    with eval_mode(model):
        labels = [model(part / 255).argmax(dim=1).byte() for part in images.split(batch_size)]
    return torch.cat(labels)


def judge(
    model: nn.Module, images: Tensor, classes: Tensor, num_classes: int
) -> SegmentationScores:
    """Measure a segmenter on images and their true classes.

    Args:
        model: See `label_pixels`.
        images: uint8 [N, 3, H, W].
        classes: uint8 [N, H, W], each in [0, K), or 255 in pixels that do not count.
        num_classes: K.

    Taught in: lectures/14_segmentation
    """
    found = label_pixels(model, images)
    return segmentation_scores(confusion_matrix(found, classes, num_classes, IGNORED_PIXEL))


def load_measured() -> dict[str, dict]:
    """Read what `tools/measure_segmenters.py` measured; the data card beside the file explains it.

    Returns:
        Network → "rates", the mean IoU on validation scenes by learning rate, and for most of them
        "long", the mean IoU on test scenes of three long trainings, and "long_seconds".

    Taught in: lectures/14_segmentation
    """
    text = files("dlcv.segmentation").joinpath("measured/segmenters.json").read_text("utf-8")
    return json.loads(text)
