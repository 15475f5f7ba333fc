"""A figure in a notebook that grows while a network trains."""

import os
import sys
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlcv.training.run import History


class LiveCurve:
    """Draw loss and metrics again at the end of every epoch, always in the same place.

    Give it to `fit` as `on_epoch`. Outside a notebook it does nothing. While the book is built
    (DLCV_STATIC=1) it draws once, at the end.

    Example:
        >>> history = fit(model, train, classification_loss, config, on_epoch=LiveCurve())
    """

    def __init__(self) -> None:
        self._handle: Any = None  # of the picture in the notebook, once there is one

    def __call__(self, history: History) -> None:
        """Draw what was measured so far."""
        is_last = len(history.epochs) == history.planned_epochs
        if not in_notebook() or (os.environ.get("DLCV_STATIC") == "1" and not is_last):
            return
        from IPython.display import Image, display

        png = BytesIO()
        draw_history(history).savefig(png, format="png")
        picture = Image(png.getvalue(), format="png", alt=describe(history))
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)


def in_notebook() -> bool:
    """Say whether this code runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # not loaded: certainly no notebook
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def draw_history(history: History) -> Figure:
    """Draw the loss of every step with its mean over every epoch and, beside it, the metrics.

    A metric whose name ends in "loss" is drawn with the loss.

    Args:
        history: What `dlcv.training.fit` returned.

    Returns:
        A figure with one Axes for losses, and a second one if there are other metrics.
    """
    metrics = metric_names(history)
    columns = 1 if all(name.endswith("loss") for name in metrics) else 2
    figure = Figure(figsize=(4 * columns, 3), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    times = [(i + 1) / history.steps_per_epoch for i in range(len(history.losses))]
    axes[0].plot(times, history.losses, color="0.75", linewidth=1, label="loss of each step")
    plot_column(axes[0], history, "loss", label="mean loss of the epoch")
    for name in metrics:
        plot_column(axes[0 if name.endswith("loss") else 1], history, name, label=name)
    for ax in axes:
        ax.set(xlabel="epoch", xlim=(0, max(1, history.planned_epochs)))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
    return figure


def plot_column(ax: Axes, history: History, name: str, label: str) -> None:
    """Plot one number of every epoch, at the end of that epoch."""
    ends = [row["epoch"] for row in history.epochs]
    ax.plot(ends, [row[name] for row in history.epochs], marker="o", clip_on=False, label=label)


def describe(history: History) -> str:
    """Say in a sentence what `draw_history` shows."""
    if not history.epochs:
        return f"Loss of the first {len(history.losses)} steps."
    first, last = history.epochs[0], history.epochs[-1]
    columns = [
        f"{name} goes from {first[name]:.3g} to {last[name]:.3g}"
        for name in ("loss", *metric_names(history))
    ]
    return f"Curves over {last['epoch']} epochs: " + ", ".join(columns) + "."


def metric_names(history: History) -> list[str]:
    """Return the names of what `validate` measured, in its order."""
    return [name for name in (history.epochs or [{}])[0] if name not in ("epoch", "loss")]
