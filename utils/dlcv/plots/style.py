"""The look of the book's figures."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import Tensor

OKABE_ITO = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # green
    "#D55E00",  # vermilion
    "#CC79A7",  # pink
    "#56B4E9",  # sky
    "#F0E442",  # yellow
    "#000000",  # black
)
"""The palette of M. Okabe and K. Ito, Color universal design, 2008."""


def use_book_style() -> None:
    """Set matplotlib's defaults for the book: readable text, no clutter, the palette above."""
    mpl.rcParams.update(
        {
            "figure.dpi": 96,
            "figure.figsize": (6.0, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=OKABE_ITO),
            "image.interpolation": "nearest",
            "lines.linewidth": 1.8,
        }
    )


def new_axes(ax: Axes | None, width_in: float = 6.0, height_in: float = 3.6) -> Axes:
    """The Axes, or one in a new figure if there is none."""
    return plt.subplots(figsize=(width_in, height_in))[1] if ax is None else ax


def ink_on(colour: str | tuple) -> str:
    """Black or white, whichever can be read on a colour (Rec. 709 luma)."""
    red, green, blue = to_rgb(colour)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"


def check_count(name: str, values: Sequence | Tensor | None, count: int) -> None:
    """Raise ValueError unless the values, if any, are as many as expected."""
    if values is not None and len(values) != count:
        raise ValueError(f"expected {count} {name}, got {len(values)}")
