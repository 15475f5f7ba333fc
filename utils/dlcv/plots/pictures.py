"""Figures of images: images, boxes, masks, filters."""

from collections.abc import Sequence
from math import ceil
from textwrap import fill

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from dlcv.plots.style import OKABE_ITO, check_count, ink_on, new_axes

_FIGURE_WIDTH_IN = 9.0


def _picture(image: Tensor) -> np.ndarray:
    """An image [C, H, W] as matplotlib wants it: float [H, W, 3] in [0, 1]."""
    if not isinstance(image, Tensor):
        raise TypeError(f"expected an image tensor [C, H, W], got {type(image).__name__}")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise ValueError(f"expected an image [1 or 3, H, W], got {list(image.shape)}")
    image = image.detach().cpu()
    image = image / 255.0 if image.dtype == torch.uint8 else image.float()
    if not (image.min() >= 0.0 and image.max() <= 1.0):
        got = f"{image.min():.3g} to {image.max():.3g}"
        raise ValueError(f"expected uint8 or values in [0, 1], got values from {got}")
    return image.expand(3, -1, -1).permute(1, 2, 0).numpy()


def show_images(
    images: Tensor | Sequence[Tensor],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Show images in a grid, row by row, with sharp pixels.

    Args:
        images: N images [C, H, W], C = 1 or 3, uint8 or float in [0, 1]; their sizes may differ.
        titles: a text above each image, broken into lines where it is longer than the image.
        columns: images in a row; None for at most 8.
        ax: where to draw; None for a new figure.

    Returns:
        The Axes; image i lies in column i % columns, and one unit is one pixel.

    Raises:
        TypeError: if an image is not a tensor.
        ValueError: if there is no image, or a shape, a range or the number of titles is off.
    """
    pictures = [_picture(image) for image in images]
    if not pictures or (columns is not None and columns < 1):
        raise ValueError(f"expected images and columns >= 1, got {len(pictures)} and {columns}")
    check_count("titles", titles, len(pictures))
    columns = columns or min(8, len(pictures))
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    gap = 0.06 * width
    inches = _FIGURE_WIDTH_IN if ax is None else _width_in(ax)
    inches_per_pixel = min(2.2, inches / columns) / (width + gap)
    texts = [_wrap(title, width * inches_per_pixel) for title in titles or []]
    lines = max((text.count("\n") + 1 for text in texts), default=0)
    step_x, step_y = width + gap, height + gap + lines * 0.16 / inches_per_pixel
    full = (columns * step_x, ceil(len(pictures) / columns) * step_y)
    ax = new_axes(ax, *(extent * inches_per_pixel for extent in full))
    for i, picture in enumerate(pictures):
        x, y = i % columns * step_x, i // columns * step_y
        ax.imshow(picture, extent=(x, x + picture.shape[1], y + picture.shape[0], y))
        if texts:
            middle = x + picture.shape[1] / 2
            ax.text(middle, y - gap / 2, texts[i], ha="center", va="bottom", fontsize=9)
    bottom = full[1] - step_y + height + gap / 2
    ax.set(xlim=(-gap / 2, full[0] - gap / 2), ylim=(bottom, bottom - full[1]))
    ax.set_axis_off()
    return ax


def _wrap(title: str, width_in: float) -> str:
    """Break a title of 9 points, about 15 letters an inch, into lines that fit a width."""
    letters = max(8, int(15 * width_in))
    return "\n".join(fill(line, letters) for line in title.split("\n"))


def _width_in(ax: Axes) -> float:
    return ax.figure.get_figwidth() * ax.get_position().width


def show_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str] | Sequence[int] | Tensor | None = None,
    scores: Sequence[float] | Tensor | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw boxes over an image, each with its label and score.

    Args:
        image: [C, H, W], C = 1 or 3, uint8 or float in [0, 1].
        boxes: [N, 4], xyxy in px with continuous edges.
        labels: N texts, or N indices into `names`; equal labels get equal colours.
        scores: N numbers, shown with two decimals.
        names: the texts of the indices.
        ax: where to draw; None for a new figure.

    Raises:
        ValueError: if a shape or a length is off.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"expected boxes [N, 4], got {list(boxes.shape)}")
    check_count("labels", labels, len(boxes))
    check_count("scores", scores, len(boxes))
    ax = _show_one(image, ax)
    keys = labels.tolist() if isinstance(labels, Tensor) else labels
    for i, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        colour = _colour_of(keys, i)
        edge = {"fill": False, "path_effects": [withStroke(linewidth=4, foreground="black")]}
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, ec=colour, lw=2, **edge))
        text = [] if keys is None else [str(names[keys[i]] if names is not None else keys[i])]
        text += [] if scores is None else [f"{float(scores[i]):.2f}"]
        if text:
            frame = {"facecolor": colour, "edgecolor": "black", "pad": 1.5, "linewidth": 0.8}
            ink = ink_on(colour)
            ax.text(x1, y1, " ".join(text), color=ink, fontsize=8, va="bottom", bbox=frame)
    return ax


def _show_one(image: Tensor, ax: Axes | None) -> Axes:
    picture = _picture(image)
    height, width = picture.shape[:2]
    ax = new_axes(ax, 4.0, 4.0 * height / width)
    ax.imshow(picture, extent=(0, width, height, 0))
    ax.set_axis_off()
    return ax


def _colour_of(labels: Sequence | None, i: int) -> str:
    palette = OKABE_ITO[:-1]  # black is the outline
    if labels is None:
        return palette[1]
    if isinstance(labels[i], int):
        return palette[labels[i] % len(palette)]
    return palette[sorted(set(labels)).index(labels[i]) % len(palette)]


def show_masks(
    image: Tensor,
    masks: Tensor,
    labels: Sequence[str] | Sequence[int] | Tensor | None = None,
    opacity: float = 0.5,
    ax: Axes | None = None,
) -> Axes:
    """Lay coloured masks with an outline over an image.

    Args:
        image: [C, H, W], C = 1 or 3, uint8 or float in [0, 1].
        masks: bool [K, H, W].
        labels: K texts or integers; equal labels get equal colours. None: each mask has its own.
        opacity: of the masks, in [0, 1].
        ax: where to draw; None for a new figure.

    Raises:
        ValueError: if a shape, a type or a length is off.
    """
    if masks.dtype != torch.bool or masks.ndim != 3 or masks.shape[1:] != image.shape[1:]:
        want = f"[K, {', '.join(str(n) for n in image.shape[1:])}]"
        raise ValueError(f"expected bool masks {want}, got {masks.dtype} {list(masks.shape)}")
    check_count("labels", labels, len(masks))
    ax = _show_one(image, ax)
    height, width = masks.shape[1:]
    keys = list(range(len(masks))) if labels is None else labels
    keys = keys.tolist() if isinstance(keys, Tensor) else keys
    for k, mask in enumerate(masks.cpu()):
        paint = np.zeros((height, width, 4))
        paint[mask.numpy()] = (*to_rgb(_colour_of(keys, k)), opacity)
        ax.imshow(paint, extent=(0, width, height, 0))
        if mask.any() and not mask.all():
            across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
            ax.contour(
                across, down, mask.numpy().astype(float), [0.5], colors="black", linewidths=1
            )
    return ax


def show_filters(weights: Tensor, columns: int | None = None, ax: Axes | None = None) -> Axes:
    """Show the filters of a convolution on one common scale: 0 is middle grey.

    Args:
        weights: [K, C, h, w], C = 1 or 3.
        columns: filters in a row; None for at most 8.
        ax: where to draw; None for a new figure.

    Raises:
        ValueError: if the shape is off; a filter of other depth has no picture of its own.
    """
    if weights.ndim != 4 or weights.shape[1] not in (1, 3):
        raise ValueError(f"expected weights [K, 1 or 3, h, w], got {list(weights.shape)}")
    weights = weights.detach().float().cpu()
    largest = weights.abs().amax().clamp(min=1e-12) if weights.numel() else torch.tensor(1.0)
    return show_images((weights / largest + 1.0) / 2.0, columns=columns, ax=ax)
