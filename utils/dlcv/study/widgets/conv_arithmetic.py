"""The convolution arithmetic player: where the windows of one axis lie, and how many fit."""

import traitlets

from dlcv.scratch.convolution import output_size
from dlcv.study.widgets.base import Widget, within

# Smallest and largest value of each setting: what a page can still draw.
RANGES = {
    "width": (1, 256),
    "kernel": (1, 16),
    "stride": (1, 16),
    "padding": (0, 16),
    "dilation": (1, 8),
}


class ConvolutionArithmetic(Widget):
    """A row of cells, the windows that slide over it, and the formula that counts them.

    Out of ``width`` cells and ``padding`` zeros at both ends, each window reads ``kernel`` cells,
    ``dilation`` apart; the next window begins ``stride`` cells further. Windows and cells are
    numbered from 0; ``position`` is the window that the player points at.

    Args:
        width: input length W in cells, 1 to 256.
        kernel: window length K in taps, 1 to 16.
        stride: step S between windows, 1 to 16.
        padding: zeros P at each end, 0 to 16.
        dilation: distance d between neighbouring taps, 1 to 8.

    Raises:
        ValueError: a setting outside its range.
        traitlets.TraitError: a setting that is no whole number.

    Reference:
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, 2016, sec. 2
        and 5.1.

    Taught in: lectures/04_convolutions
    """

    module = "conv_arithmetic"
    parts = ("conv_size",)
    width = traitlets.Int().tag(sync=True)
    kernel = traitlets.Int().tag(sync=True)
    stride = traitlets.Int().tag(sync=True)
    padding = traitlets.Int().tag(sync=True)
    dilation = traitlets.Int().tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, width: int = 12, kernel: int = 3, stride: int = 1, padding: int = 1, dilation: int = 1
    ):
        super().__init__(
            label="Convolution arithmetic: how many windows fit on a row of cells",
            width=width,
            kernel=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
        )

    @traitlets.validate(*RANGES)
    def _in_range(self, proposal):
        return within(RANGES, proposal)

    @traitlets.validate("position")
    def _not_negative(self, proposal):
        if proposal["value"] < 0:
            raise ValueError(f"expected a position of at least 0, got {proposal['value']}")
        return proposal["value"]

    @property
    def output_size(self) -> int:
        """How many windows fit, 0 where the window is longer than the padded row."""
        if self.dilation * (self.kernel - 1) + 1 > self.width + 2 * self.padding:
            return 0
        return output_size(self.width, self.kernel, self.stride, self.padding, self.dilation)
