"""Figures of numbers: matrices, curves, points."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dlcv.plots.style import OKABE_ITO, check_count, ink_on, new_axes

_LINE_STYLES = ("-", "--", "-.", ":")


def show_matrix(
    matrix: Tensor,
    title: str | None = None,
    decimals: int | None = None,
    highlight: Tensor | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Show a small matrix with the value written in each cell.

    Args:
        matrix: [H, W], at most 32 × 32.
        title: text above it.
        decimals: digits after the point; None for as few as show the values exactly, at most 2.
        highlight: bool [H, W], cells to frame.
        ax: where to draw; None for a new figure.

    Raises:
        ValueError: if a shape is off.
    """
    if matrix.ndim != 2 or matrix.numel() == 0 or max(matrix.shape) > 32:
        raise ValueError(f"expected a matrix of 1 to 32 rows and columns, got {list(matrix.shape)}")
    if highlight is not None and highlight.shape != matrix.shape:
        want, got = list(matrix.shape), list(highlight.shape)
        raise ValueError(f"expected highlight {want}, got {got}")
    height, width = matrix.shape
    values = matrix.detach().double().cpu()
    ax = new_axes(ax, 0.5 * width + 0.2, 0.5 * height + (0.5 if title else 0.2))
    limit = max(values.abs().max().item(), 1e-12)
    shown = ax.imshow(values.numpy(), cmap="PuOr", vmin=-1.6 * limit, vmax=1.6 * limit)
    decimals = _decimals(values) if decimals is None else decimals
    for row, column in np.ndindex(height, width):
        value = values[row, column].item()
        ink = ink_on(shown.cmap(shown.norm(value))[:3])
        ax.text(column, row, f"{value:.{decimals}f}", ha="center", va="center", color=ink)
        if highlight is not None and highlight[row, column]:
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, ec=OKABE_ITO[3], lw=3, zorder=3))
    ax.set_xticks(np.arange(-0.5, width), labels=[])
    ax.set_yticks(np.arange(-0.5, height), labels=[])
    ax.tick_params(length=0)
    ax.grid(color="white", linewidth=1.5)
    ax.spines[:].set_visible(False)
    ax.set_title(title or "")
    return ax


def _decimals(values: Tensor) -> int:
    return next((d for d in (0, 1) if torch.equal(values, values.round(decimals=d))), 2)


def curves(
    series: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    x_label: str = "",
    y_label: str = "",
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw named curves, told apart by colour and by line style.

    Args:
        series: name → y values, drawn over 0, 1, 2 …, or a pair (x values, y values).
        x_label, y_label: what the axes show, with the unit.
        log: "", "x", "y" or "xy": which axes are logarithmic.
        ax: where to draw; None for a new figure.

    Raises:
        ValueError: if there is no curve, the lengths of a pair differ or `log` is off.
    """
    if not series or log not in ("", "x", "y", "xy"):
        raise ValueError(f"expected a curve and log of '', x, y, xy, got {list(series)}, {log!r}")
    ax = new_axes(ax)
    for i, (name, values) in enumerate(series.items()):
        x, y = values if isinstance(values, tuple) else (range(len(values)), values)
        check_count(f"y values for the x values of {name!r}", y, len(x))
        style = _LINE_STYLES[(i + i // len(OKABE_ITO)) % len(_LINE_STYLES)]
        ax.plot(x, y, style, color=OKABE_ITO[i % len(OKABE_ITO)], label=name)
    ax.set(xlabel=x_label, ylabel=y_label)
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    ax.grid(alpha=0.25)
    ax.legend()
    return ax
