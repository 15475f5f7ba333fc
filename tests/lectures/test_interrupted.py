"""A lecture that was stopped goes on where it was, if whoever runs it named a folder for that."""

import ast

import nbformat
import pytest
import torch
from lecture_cells import run

import dlcv.training
from tools.executions import lectures

CELLS = ("imports", "se-taught", "se-network", "se-train", "se-run")
SMALL = {"data": "scenes", "images": 300, "epochs": 2, "width": 4, "blocks": 1}


class Stop(Exception):
    """Stands for a machine that goes away."""


def trained() -> dict:
    """Run the trainings of lecture 6b, with few images: eight of six steps each."""
    return run("06b_modern_architectures", CELLS, at_scale=lambda **_: SMALL)


def assert_same(names: dict, others: dict) -> None:
    """Compare the weights of all networks and their scores."""
    for way in ("plain", "gated"):
        for network, other in zip(names[way], others[way], strict=True):
            pairs = zip(network.state_dict().values(), other.state_dict().values(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)
        assert names[f"{way}_test"] == others[f"{way}_test"]


@pytest.fixture
def stop_after(monkeypatch):
    """Count the steps of all trainings, and let the one after some number fail."""
    steps, loss = [], dlcv.training.classification_loss

    def counted(model, batch):
        if len(steps) == counted.last:
            raise Stop
        steps.append(len(batch[0]))
        return loss(model, batch)

    def set_last(count):
        steps.clear()
        counted.last = count
        return steps

    monkeypatch.setattr(dlcv.training, "classification_loss", counted)
    monkeypatch.setenv("DLCV_SCALE", "quick")
    return set_last


def test_a_lecture_goes_on_after_a_stop_and_ends_with_the_same_numbers(
    tmp_path, monkeypatch, stop_after
):
    """48 steps; stopped in the middle of the third training, the first 15 were saved."""
    monkeypatch.delenv("DLCV_CHECKPOINTS", raising=False)
    monkeypatch.chdir(tmp_path)
    steps = stop_after(None)
    expected, then = trained(), torch.randn(3)
    assert len(steps) == 48
    assert not list(tmp_path.iterdir())  # nothing was saved, since nobody asked for it

    monkeypatch.setenv("DLCV_CHECKPOINTS", str(tmp_path / "saved"))
    stop_after(16)
    with pytest.raises(Stop):
        trained()
    steps = stop_after(None)
    assert_same(trained(), expected)
    assert torch.equal(torch.randn(3), then)  # later cells draw the same
    assert len(steps) == 48 - 15
    files = [file.name for file in (tmp_path / "saved").glob("*.pt")]
    assert len(files) == 8
    assert all(name.startswith("quick-06b-gated=") for name in files)

    steps = stop_after(0)  # a step would fail
    assert_same(trained(), expected)


def names_of_files(lecture) -> list[str]:
    """What a lecture gives to `checkpoint_file`, as it is written in the cells."""
    notebook = nbformat.read(lecture, as_version=4)
    return [
        ast.unparse(call.args[0])
        for cell in notebook.cells
        if cell.cell_type == "code" and "checkpoint_file(" in cell.source
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "checkpoint_file"
    ]


def test_no_two_trainings_share_a_file():
    """Every name begins with the lecture's number and stands at one place only."""
    found = {lecture.name.split("_")[0]: names_of_files(lecture) for lecture in lectures()}
    for number, names in found.items():
        assert len(names) == len({*names}), number
        assert all(name.lstrip("f").startswith(f"'{number}-") for name in names), names
    long = {"06a", "06b", "07", "09", "12", "13", "14", "15"}
    assert long <= {number for number in found if found[number]}
