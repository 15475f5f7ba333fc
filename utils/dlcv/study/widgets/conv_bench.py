"""The convolution bench: an image, a kernel, and every product and sum of their convolution."""

from collections.abc import Mapping

import numpy as np
import torch
import traitlets
from torch import Tensor

from dlcv.data.bundled import load_digits_split, load_photo
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.scratch.convolution import output_size
from dlcv.study.widgets.base import Widget, pack, within

LARGEST_SIDE_PX = 40  # more cells than that are too small to point at on a phone

KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "mean of nine": [[1 / 9] * 3] * 3,
    "Gaussian blur": [[1 / 16, 1 / 8, 1 / 16], [1 / 8, 1 / 4, 1 / 8], [1 / 16, 1 / 8, 1 / 16]],
    "Sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "Laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "Gaussian 5 × 5": [
        [a * b / 256 for b in (1, 4, 6, 4, 1)] for a in (1, 4, 6, 4, 1)
    ],  # binomial rows
    "spots 5 × 5": [
        [0, 0, -1, 0, 0],
        [0, -1, -2, -1, 0],
        [-1, -2, 16, -2, -1],
        [0, -1, -2, -1, 0],
        [0, 0, -1, 0, 0],
    ],
}

RANGES = {"padding": (0, 2), "stride": (1, 3), "dilation": (1, 2)}


class ConvolutionBench(Widget):
    """An image and a kernel to choose, draw and edit, and their convolution, number by number.

    Every trait is linked both ways, so ``bench.kernel = [[...]]`` moves the picture, and what the
    reader draws or edits can be read in Python; :attr:`output` is then the same result by torch.

    Args:
        images: name → uint8 array [H, W] with sides of 3 to 40 pixels, 0 black, 255 white; by
            default :func:`example_images`.
        kernel: 3x3 or 5x5 numbers to begin with.
        padding: zeros around the image, 0 to 2.
        stride: step between windows, 1 to 3.
        dilation: distance between neighbouring taps, 1 or 2.
        flipped: True turns the kernel by 180 degrees (true convolution), False leaves it
            (correlation, what deep learning calls convolution).

    Raises:
        ValueError: no image, or an image, kernel or setting outside what is said above.

    Taught in: lectures/04_convolutions
    """

    module = "conv_bench"
    parts = ("pixels", "conv_size", "conv_bench_view")
    images = traitlets.List().tag(sync=True)
    presets = traitlets.List().tag(sync=True)
    image = traitlets.Any().tag(sync=True)
    kernel = traitlets.Any().tag(sync=True)
    padding = traitlets.Int(0).tag(sync=True)
    stride = traitlets.Int(1).tag(sync=True)
    dilation = traitlets.Int(1).tag(sync=True)
    flipped = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.List([3, 3]).tag(sync=True)

    def __init__(
        self,
        images: Mapping[str, np.ndarray] | None = None,
        kernel: object = KERNELS["Sobel x"],
        *,
        padding: int = 0,
        stride: int = 1,
        dilation: int = 1,
        flipped: bool = False,
    ):
        images = example_images() if images is None else images
        if not images:
            raise ValueError("expected at least one image, got none")
        pixels = {name: _as_pixels(image) for name, image in images.items()}
        super().__init__(
            label="Convolution bench: an image, a kernel, and how each output comes about",
            images=[{"name": name, "pixels": pack(image)} for name, image in pixels.items()],
            presets=[{"name": name, "kernel": kernel} for name, kernel in KERNELS.items()],
            image=next(iter(pixels.values())),
            kernel=kernel,
            padding=padding,
            stride=stride,
            dilation=dilation,
            flipped=flipped,
        )

    @traitlets.validate("image")
    def _image(self, proposal):
        return _as_pixels(proposal["value"]).tolist()

    @traitlets.validate("kernel")
    def _kernel(self, proposal):
        return _as_kernel(proposal["value"]).tolist()

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("selected")
    def _selected(self, proposal):
        value = [int(place) for place in proposal["value"]]
        if len(value) != 2 or min(value) < 0:
            raise ValueError(f"expected [row, column] of an output, got {proposal['value']}")
        return value

    @property
    def output(self) -> Tensor:
        """What torch makes of the present image, kernel and settings: float64 [H', W'].

        Raises:
            ValueError: the kernel is longer than the padded image.
        """
        image = torch.tensor(self.image, dtype=torch.float64)
        kernel = torch.tensor(self.kernel, dtype=torch.float64)
        settings = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        for side in image.shape:
            output_size(side, len(kernel), **settings)
        if self.flipped:
            kernel = kernel.flip(0, 1)
        return torch.nn.functional.conv2d(image[None, None], kernel[None, None], **settings)[0, 0]


def example_images() -> dict[str, np.ndarray]:
    """A handwritten digit, a photograph, a scene and four patterns: name → uint8 [H, W]."""
    digits = load_digits_split(size=8).test
    four = digits.images[digits.labels == 4][4, 0]
    photo = load_photo("camera").mean(dim=0)[60:220, 180:340]
    face = torch.nn.functional.interpolate(photo[None, None], (32, 32), mode="area")[0, 0]
    config = SceneConfig(size=36, objects=(1, 1), radius=(0.4, 0.44), distractors=False, noise=0.0)
    scene = render_scenes(1, seed=0, start=1, config=config, masks=False)
    grey = scene.images[0].float().mean(dim=0)
    images = {"a handwritten 4": 255 * four, "a photograph": 255 * face, scene.caption(0): grey}
    as_pixels = {name: image.round().byte().numpy() for name, image in images.items()}
    return as_pixels | simple_patterns()


def simple_patterns() -> dict[str, np.ndarray]:
    """Four 12x12 images on which one sees what a kernel does: name → uint8 [12, 12]."""
    row, column = np.mgrid[:12, :12]
    square = (abs(row - 5.5) < 3) & (abs(column - 5.5) < 3)
    patterns = {
        "a square": square,
        "one bright pixel (impulse)": (row == 5) & (column == 5),
        "an edge (step)": column >= 6,
        "stripes": (row + column) % 4 < 2,
    }
    return {name: np.where(bright, 255, 0).astype(np.uint8) for name, bright in patterns.items()}


def _as_pixels(image: object) -> np.ndarray:
    pixels = np.asarray(image)
    if pixels.ndim != 2 or not all(3 <= side <= LARGEST_SIDE_PX for side in pixels.shape):
        shape = list(pixels.shape)
        raise ValueError(f"expected an image [H, W] of 3 to {LARGEST_SIDE_PX} pixels, got {shape}")
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        span = f"{pixels.dtype} from {pixels.min()} to {pixels.max()}"
        raise ValueError(f"expected whole numbers from 0 to 255 as pixels, got {span}")
    return pixels.astype(np.uint8)


def _as_kernel(kernel: object) -> np.ndarray:
    values = np.asarray(kernel, dtype=np.float64)
    if values.shape not in {(3, 3), (5, 5)}:
        raise ValueError(f"expected a 3x3 or 5x5 kernel, got shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite numbers in the kernel, got {values.tolist()}")
    return values
