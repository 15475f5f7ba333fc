"""One detector, several sizes of the same picture, one list of detections."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dlcv.detection.pipeline import Detections, thin_out


def detect_at_scales(
    detect: Callable[[nn.Module, Tensor], list[Detections]], sizes_px: Sequence[int]
) -> Callable[[nn.Module, Tensor], list[Detections]]:
    """Return a detector that looks at each picture in several sizes.

    All detections are put back to the picture's own size and thinned out together. The cost is the
    sum over the sizes, each about in proportion to its square.

    Args:
        detect: Function (model, images float [B, 3, S, S]) -> detections of each image.
        sizes_px: The sizes to look at.

    Returns:
        Such a function, for `dlcv.detection.pipeline.detect_all`.

    Raises:
        ValueError: If there is no size, or one that is not positive.

    Taught in: lectures/13_one_stage
    """
    if not sizes_px or min(sizes_px) < 1:
        raise ValueError(f"expected at least one size above 0, got {list(sizes_px)}")

    def look(model: nn.Module, images: Tensor) -> list[Detections]:
        views = []
        for size in sizes_px:
            larger = interpolate(images, (size, size), mode="bilinear", antialias=True)
            found = detect(model, larger)
            back = images.shape[-1] / size
            views.append([{**one, "boxes": one["boxes"] * back} for one in found])
        return [merge(some) for some in zip(*views, strict=True)]

    return look


def merge(views: Sequence[Detections]) -> Detections:
    """Return the detections of several views of one picture, without duplicates."""
    parts = [torch.cat([view[name] for view in views]) for name in ("boxes", "scores", "labels")]
    return thin_out(*parts, score_threshold=0)
