"""Boxes around the objects in some of the bundled photographs, drawn by hand for this book."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from dlcv.data.bundled import load_photo

_COINS = (
    (22, 35, 66, 74), (81, 38, 120, 74), (132, 28, 179, 73), (192, 29, 240, 73),
    (255, 33, 297, 72), (305, 15, 364, 71), (25, 104, 66, 145), (84, 107, 122, 145),
    (134, 110, 174, 145), (186, 104, 226, 144), (245, 95, 296, 144), (317, 104, 356, 144),
    (25, 177, 63, 217), (80, 174, 124, 217), (135, 179, 174, 217), (189, 170, 236, 217),
    (251, 172, 297, 217), (315, 156, 380, 218), (18, 232, 74, 289), (92, 244, 135, 288),
    (144, 236, 201, 288), (220, 240, 269, 288), (275, 239, 326, 289), (335, 247, 380, 289),
)  # fmt: skip

PHOTO_BOXES: dict[str, tuple[tuple[str, tuple[int, int, int, int]], ...]] = {
    "astronaut": (
        ("astronaut", (18, 15, 364, 512)),
        ("helmet", (278, 343, 512, 512)),
        ("model of a shuttle", (354, 0, 457, 290)),
        ("flag", (0, 0, 100, 512)),
        ("badge", (134, 348, 208, 423)),
        ("name tag", (278, 339, 329, 377)),
    ),
    "coffee": (
        ("cup", (173, 18, 408, 308)),
        ("saucer", (76, 70, 479, 390)),
        ("spoon", (327, 66, 425, 326)),
    ),
    "coins": tuple(("coin", box) for box in _COINS),
    "rocket": (
        ("rocket", (308, 127, 335, 407)),
        ("mast", (168, 122, 204, 400)),
        ("mast", (440, 122, 478, 400)),
        ("tower", (0, 0, 89, 427)),
        ("tower", (560, 0, 640, 427)),
    ),
}
"""Photograph → names and boxes xyxy, in px of the photograph as it is, good to a few px. What is
an object is a matter of taste: other eyes would have drawn other boxes."""


def load_photo_objects(name: str, longest_px: int) -> tuple[Tensor, Tensor, list[str]]:
    """Load a bundled photograph with its objects, made smaller.

    Args:
        name: a key of PHOTO_BOXES.
        longest_px: the longer side afterwards, px.

    Returns:
        The picture float32 [3, H, W] in [0, 1], boxes float32 [M, 4] (xyxy in px of this picture)
        and M names.

    Raises:
        ValueError: if there are no boxes for this name, or the side is not positive.

    Taught in: lectures/11_detection_foundations
    """
    if name not in PHOTO_BOXES or longest_px < 1:
        expected = f"one of {', '.join(PHOTO_BOXES)} and a side of at least 1 px"
        raise ValueError(f"expected {expected}, got {name!r}, {longest_px}")
    photo = load_photo(name)
    sides = photo.shape[1:]
    size = tuple(max(1, round(side * longest_px / max(sides))) for side in sides)
    small = interpolate(photo[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    names = [name for name, _ in PHOTO_BOXES[name]]
    boxes = torch.tensor([box for _, box in PHOTO_BOXES[name]], dtype=torch.float32)
    scale = torch.tensor([size[1] / sides[1], size[0] / sides[0]]).repeat(2)
    return small, boxes * scale, names
