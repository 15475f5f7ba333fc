"""The appendix's table of systems: its numbers computed anew, its reading and its writing."""

import importlib

import nbformat
import pytest
import torch

from benchmarks import systems
from benchmarks.checks import Check, count, difference
from benchmarks.systems import (
    CHECKS,
    Row,
    as_markdown,
    bound,
    compute,
    limit,
    make_row,
    reached,
    read_results,
    read_table,
)
from dlcv.study.results import LECTURE_OF, Result
from tools.executions import ROOT

TABLE = read_table((ROOT / "book" / "appendix.md").read_text("utf-8"))
STALE = "the appendix is out of date: run make systems"
EMPTY = "# Page\n\n% systems\n% /systems\n\nThe end.\n"


# --- the table in the book -----------------------------------------------------------------------
def test_it_holds_every_system_of_the_written_lectures_in_order():
    assert list(TABLE) == systems.systems(), STALE
    assert set(CHECKS) <= set(LECTURE_OF)


@pytest.mark.parametrize("system", TABLE)
def test_a_line_says_what_is_computed(system):
    row, check = TABLE[system], CHECKS[system]()
    expected = make_row(system, check, (row.reached, row.seconds))
    assert row._replace(apart="") == expected._replace(apart=""), STALE
    assert check.difference <= 10 * limit(row.apart), f"{system} is no longer what it was; {STALE}"
    assert check.difference < 1e-5


@pytest.mark.parametrize("system", TABLE)
def test_what_it_names_is_in_the_package(system):
    name = "dlcv." + TABLE[system].package.strip("`").split("(")[0]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)


# --- how it is made ------------------------------------------------------------------------------
@pytest.fixture
def book(tmp_path):
    """A course of two lectures: the perceptron's has run, LeNet's has not."""
    for name in ("01_perceptron", "04_convolutions"):
        notebook = nbformat.v4.new_notebook()
        (tmp_path / "lectures").mkdir(exist_ok=True)
        nbformat.write(notebook, tmp_path / "lectures" / f"{name}.ipynb")
    cell = nbformat.v4.new_code_cell("train()")
    texts = (
        "hello\n",
        "Result: perceptron, accuracy: 0.5\nResult: perceptron, accuracy: 0.96, 1.2 s\n",
    )
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    cell.outputs.append(
        nbformat.v4.new_output("stream", name="stderr", text="Result: LeNet-5, a: 1")
    )
    executed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text"), cell])
    (tmp_path / "_build" / "lectures").mkdir(parents=True)
    nbformat.write(executed, tmp_path / "_build" / "lectures" / "01_perceptron.ipynb")
    return tmp_path


def test_results_are_read_from_what_a_lecture_printed_the_last_of_each_system(book):
    assert read_results("01_perceptron", book) == {
        "perceptron": Result("perceptron", "accuracy", 0.96, 0.96, 0.96, 1, 1.2)
    }
    assert read_results("04_convolutions", book) is None


def test_a_lecture_that_has_not_run_keeps_its_numbers(book):
    checks = dict.fromkeys(LECTURE_OF, lambda: Check("scratch.mlp", 1234, "torch", 3e-8))
    rows = compute(EMPTY, book, checks)
    assert [(row.system, row.reached, row.seconds) for row in rows] == [
        ("perceptron", "accuracy: 0.96", "1.2"),
        ("convolution", "–", "–"),
        ("LeNet-5", "–", "–"),
    ]
    assert rows[0] == Row(
        "[1](../lectures/01_perceptron.ipynb)",
        "perceptron",
        "`scratch.mlp`",
        "1,234",
        "accuracy: 0.96",
        "1.2",
        "torch",
        "<\N{NO-BREAK SPACE}10⁻⁷",
    )
    rows[2] = rows[2]._replace(reached="accuracy: 0.9", seconds="4")
    rows[0] = rows[0]._replace(reached="old")
    page = EMPTY.replace("% /systems", as_markdown(rows) + "\n% /systems")
    again = compute(page, book, checks)
    assert (again[0].reached, again[2].reached, again[2].seconds) == (
        "accuracy: 0.96",
        "accuracy: 0.9",
        "4",
    )


def test_what_is_written_is_read_back():
    row = make_row("U-Net", Check("segmentation.unet", None, "torch", 0.0), ("–", "–"))
    page = EMPTY.replace("% /systems", as_markdown([row]) + "\n% /systems")
    assert read_table(page) == {"U-Net": row}
    with pytest.raises(ValueError, match="expected a page with a table"):
        read_table("# Page")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (3e-17, "< 10⁻¹²"), (1e-7, "< 10⁻⁶"), (9.9e-8, "< 10⁻⁷"), (0.5, "< 10⁰")],
)
def test_differences_are_rounded_up(number, text):
    assert bound(number).replace("\N{NO-BREAK SPACE}", " ") == text
    assert number < limit(bound(number))


def test_results_are_shown_with_their_spread():
    assert reached(Result("SSD", "mAP", 0.9123, 0.9, 0.92, 3, 12.34)) == (
        "mAP: 0.912 (0.9 to 0.92)",
        "12",
    )
    assert reached(Result("BLEU", "BLEU-4", 1.0, 1.0, 1.0)) == ("BLEU-4: 1", "–")
    assert reached(None) == ("–", "–")


def test_the_difference_is_relative_and_notices_what_does_not_fit():
    assert difference([torch.tensor([1.0, 5.0]), 2.0], [torch.tensor([1.0, 4.0]), 2.0]) == 0.25
    with pytest.raises(ValueError, match="expected numbers of one shape"):
        difference([torch.zeros(2)], [torch.ones(3)])
    with pytest.raises(ValueError, match="expected numbers of one shape"):
        difference([0.0], [0.0])
    with pytest.raises(ValueError, match="shorter"):
        difference([1.0, 2.0], [1.0])
    layer = torch.nn.Linear(2, 3)
    layer.bias.requires_grad_(False)
    assert count(layer) == 6
