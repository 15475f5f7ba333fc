"""The live curve: what it draws, and that a notebook shows one picture that is kept up to date."""

import nbformat
from nbclient import NotebookClient

from dlcv.training import History
from dlcv.training.live_curve import LiveCurve, describe, draw_history, in_notebook

EPOCHS = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "validation loss": 2.5},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.75, "validation loss": 1.5},
]
HISTORY = History(3, steps_per_epoch=2, losses=[3.0, 1.0, 1.5, 0.5], epochs=EPOCHS)

START = """
import os
from torch import nn
from dlcv.training import live_curve
from dlcv.training import TrainConfig, fit

draw = live_curve.draw_history

def draw_and_note(history):
    print("drawn after epoch", len(history.epochs))
    return draw(history)

live_curve.draw_history = draw_and_note
"""
TRAIN = """
os.environ["DLCV_STATIC"] = "{static}"
model, curve = nn.Linear(1, 1), live_curve.LiveCurve()
loss = lambda model, batch: model.weight.square().sum()
history = fit(model, [None], loss, TrainConfig(3, lr=0.1), on_epoch=curve)
"""


def test_the_losses_of_steps_and_epochs_stand_at_the_right_times():
    left, right = draw_history(HISTORY).axes
    steps, means, validation = left.lines
    assert steps.get_xdata().tolist() == [0.5, 1, 1.5, 2]
    assert steps.get_ydata().tolist() == HISTORY.losses
    assert (means.get_xdata().tolist(), means.get_ydata().tolist()) == ([1, 2], [2, 1])
    assert validation.get_ydata().tolist() == [2.5, 1.5]
    assert [line.get_label() for line in right.lines] == ["accuracy"]
    assert left.get_xlim() == right.get_xlim() == (0, 3)


def test_without_other_metrics_there_is_one_axes_and_an_empty_history_can_be_drawn():
    only_losses = [{"epoch": 1, "loss": 2.0, "validation loss": 2.5}]
    assert len(draw_history(History(1, 2, [3.0, 1.0], only_losses)).axes) == 1
    assert len(draw_history(History(0, 2)).axes) == 1


def test_the_description_says_what_the_picture_shows():
    expected = (
        "Curves over 2 epochs: loss goes from 2 to 1, accuracy goes from 0.5 to 0.75, "
        "validation loss goes from 2.5 to 1.5."
    )
    assert describe(HISTORY) == expected
    assert describe(History(3, 2, [1.0])) == "Loss of the first 1 steps."


def test_outside_a_notebook_nothing_is_drawn(capsys):
    LiveCurve()(HISTORY)
    assert not in_notebook()
    assert capsys.readouterr().out == ""


def test_a_notebook_shows_one_picture_that_the_book_draws_only_once():
    cells = [START, TRAIN.format(static="0"), TRAIN.format(static="1")]
    cells = [nbformat.v4.new_code_cell(source) for source in cells]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120).execute()
    for cell, epochs in zip(notebook.cells[1:], ([1, 2, 3], [3]), strict=True):
        text = "".join(output.text for output in cell.outputs if output.output_type == "stream")
        assert text.splitlines() == [f"drawn after epoch {epoch}" for epoch in epochs]
        (picture,) = [o for o in cell.outputs if o.output_type == "display_data"]
        assert picture.data["image/png"]
        alt = picture.metadata["image/png"]["alt"]
        assert alt.startswith("Curves over 3 epochs: loss goes from")
