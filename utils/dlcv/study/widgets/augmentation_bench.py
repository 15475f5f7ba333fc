"""A picture, every augmentation with a slider, a grid of samples, and a question about labels."""

from typing import NamedTuple

import torch
import traitlets
from torch import Tensor
from torch.nn.functional import avg_pool2d

from dlcv.data.bundled import load_digits_split, load_photo
from dlcv.study.widgets.base import Widget, pack


class Knob(NamedTuple):
    """One augmentation of the bench.

    Attributes:
        name: its name in `dlcv.data.augment`.
        text: what the reader sees.
        most: the end of the slider; 0 switches it off.
        unit: behind the value.
        typical: the strength at which the label question is asked.
    """

    name: str
    text: str
    most: float
    unit: str
    typical: float


KNOBS = (
    Knob("flip_horizontal", "Flip left–right, half of them", 1, "", 1),
    Knob("flip_vertical", "Flip top–bottom, half of them", 1, "", 1),
    Knob("zoom_crop", "Crop: cut off up to", 90, "%", 80),
    Knob("scale", "Scale by up to", 60, "%", 40),
    Knob("rotate", "Rotate by up to", 180, "°", 180),
    Knob("shift", "Shift by up to", 50, "%", 20),
    Knob("shear", "Shear by up to", 45, "°", 25),
    Knob("stretch", "Stretch by up to", 80, "%", 40),
    Knob("lens", "Lens, bent by up to", 16, "%", 16),
    Knob("noise", "Noise, spread", 40, "%", 15),
    Knob("grey", "Grey, half of them", 1, "", 1),
    Knob("brightness", "Brightness ±", 100, "%", 60),
    Knob("contrast", "Contrast ±", 100, "%", 60),
    Knob("saturation", "Colour ±", 100, "%", 100),
    Knob("random_erasing", "Erase up to", 90, "%", 60),
)

ANSWERS = ("yes", "depends", "no")

CAT = {
    "flip_horizontal": ("yes", "A mirrored cat is a cat, and an equally likely photograph."),
    "flip_vertical": (
        "yes",
        "It is still a cat, so the label is true. Whether it helps is another matter: photographs "
        "are rarely upside down.",
    ),
    "zoom_crop": (
        "depends",
        "Part of a cat is a cat; a piece of the blanket is not. Keep the window large.",
    ),
    "scale": ("yes", "A cat nearer or further away."),
    "rotate": ("yes", "A cat in any position, though large angles are rare in photographs."),
    "shift": ("yes", "As long as most of it stays in the picture."),
    "shear": ("yes", "As if seen from the side."),
    "stretch": ("yes", "A thinner or a stouter cat."),
    "lens": ("yes", "Another camera, the same cat."),
    "noise": ("yes", "As by night. So much that you see no cat any more would be too much."),
    "grey": ("yes", "A cat in black and white. For telling oranges from lemons: no."),
    "brightness": ("yes", "Another hour of the day."),
    "contrast": ("yes", "Fog or flash."),
    "saturation": ("yes", "Unless the colour is the class."),
    "random_erasing": ("depends", "Part of it hidden: a cat. All of it hidden: a wrong label."),
}

SIX = {
    "flip_horizontal": ("no", "A mirrored six is no digit at all."),
    "flip_vertical": ("no", "Upside down in a mirror, it is no digit either."),
    "zoom_crop": ("depends", "The lower half of a six is a zero."),
    "scale": ("yes", "People write large and small."),
    "rotate": ("depends", "By 15°: slanted writing. By 180°: a nine."),
    "shift": ("yes", "As long as it stays in the picture."),
    "shear": ("yes", "That is what slanted handwriting is."),
    "stretch": ("yes", "Wide and narrow hands."),
    "lens": ("yes", "Bent a little, still a six."),
    "noise": ("yes", "A bad scan."),
    "grey": ("yes", "There is no colour to lose: it does nothing."),
    "brightness": ("yes", "A softer pencil."),
    "contrast": ("yes", "A paler copy."),
    "saturation": ("yes", "There is no colour to change: it does nothing."),
    "random_erasing": ("depends", "Without its upper stroke a six is a zero."),
}


class AugmentationBench(Widget):
    """Samples of an augmented picture, drawn in the page, and a question of each: is it still one?

    All that moves pixels is one mapping, so that pixels are sampled once; the order is that of
    `KNOBS`, and each by itself does what its function in `dlcv.data.augment` does.

    Attributes (they follow what the reader does, and can be set from Python):
        picture: "a cat" or "a handwritten six".
        strengths: by name of an augmentation from 0 (off) to the end of its slider.
        seed: of the samples shown.

    Args:
        picture: what to begin with.
        strengths: those that shall not begin at 0.

    Raises:
        ValueError: one of these is unknown or out of range.

    Taught in: lectures/03_training
    """

    module = "augmentation_bench"
    parts = ("augmentation_maths",)
    pictures = traitlets.List().tag(sync=True)
    knobs = traitlets.List().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    strengths = traitlets.Dict().tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(self, picture: str = "a cat", strengths: dict[str, float] | None = None):
        super().__init__(
            label="Augmentation bench: new pictures from one",
            pictures=[
                pack_picture("a cat", cat_picture(), CAT),
                pack_picture("a handwritten six", six_picture(), SIX),
            ],
            knobs=[knob._asdict() for knob in KNOBS],
            picture=picture,
            strengths={knob.name: 0.0 for knob in KNOBS} | (strengths or {}),
        )

    @traitlets.validate("picture")
    def _check_picture(self, proposal):
        names = [one["name"] for one in self.pictures]
        if proposal["value"] not in names:
            raise ValueError(f"expected one of {', '.join(names)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("strengths")
    def _check_strengths(self, proposal):
        strengths, most = proposal["value"], {knob.name: knob.most for knob in KNOBS}
        if set(strengths) != set(most):
            unknown = sorted(set(strengths) ^ set(most))
            raise ValueError(f"expected a strength for each augmentation, got {unknown}")
        for name, value in strengths.items():
            if not 0 <= value <= most[name]:
                raise ValueError(f"expected {name} from 0 to {most[name]}, got {value}")
        return strengths


def cat_picture() -> Tensor:
    """The photograph of a cat, float [3, 72, 108]: a quarter of its size, its border cut off."""
    small = avg_pool2d(load_photo("chelsea"), 4)  # [3, 75, 112]
    return small[:, 1:73, 2:110]


def six_picture() -> Tensor:
    """A handwritten six, float [3, 28, 28]."""
    images, labels = load_digits_split(size=28).train
    return images[labels == 6][5].expand(3, -1, -1)


def pack_picture(name: str, image: Tensor, verdicts: dict[str, tuple[str, str]]) -> dict:
    """A picture [3, H, W] in [0, 1] with what is said about each augmentation of it."""
    pixels = (255 * image).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    said = {key: {"answer": answer, "why": why} for key, (answer, why) in verdicts.items()}
    return {"name": name, "pixels": pack(pixels.numpy()), "verdicts": said}
