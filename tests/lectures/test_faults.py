"""A broken lecture fails the run, and the run says which lecture, which cell and why."""

import re

import nbformat
import pytest

from tools import executions
from tools.normalise import CHECKED

TAGGED = {"tags": [CHECKED]}
FIVE = nbformat.v4.new_output("stream", text="5\n")
print_sum = nbformat.v4.new_code_cell("print(x + x)", metadata=TAGGED, outputs=[FIVE])
print_nothing_stored = nbformat.v4.new_code_cell("print(x)", metadata=TAGGED)
FAULTS = {
    "an exception": (
        ["x = 1", "raise ValueError('boom')"],
        "Cell 1 (id cell-1): Cell execution caused an exception: ValueError: boom",
    ),
    "a hang": (
        ["x = 1", "import time\ntime.sleep(60)"],
        "Cell 1 (id cell-1): Timeout of 10 seconds exceeded executing cell",
    ),
    "a dead kernel": (
        ["import os", "os._exit(1)", "x = 1"],
        "Cell 1 (id cell-1): The kernel died while it ran this cell.",
    ),
    "a wrong stored output": (
        ["x = 2", print_sum],
        "Cell 1 (id cell-1): Cell outputs differ",
    ),
    "nothing stored to compare with": (
        ["x = 2", print_nothing_stored],
        f"Cell 1 (id cell-1): It is tagged {CHECKED} but has no stored output",
    ),
    "an image without words": (
        ["import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"],
        "Cell 0 (id cell-0): It shows an image, but its metadata mystnb.image.alt",
    ),
    "a warning": (
        ["import warnings\nwarnings.warn('careful', stacklevel=1)"],
        "Cell 0 (id cell-0): It writes to stderr: ",
    ),
    "a widget for live use only": (
        ["import ipywidgets\nipywidgets.IntSlider()"],
        "Cell 0 (id cell-0): It shows a widget that has no static form.",
    ),
    "an expected exception that did not come": (
        [nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["raises-exception"]})],
        "Cell 0 (id cell-0): It is tagged raises-exception but raised none.",
    ),
}


@pytest.fixture(scope="module")
def broken(new_book):
    """A book in which every lecture is broken, and what pytest said of it."""
    book = new_book()
    for fault, (cells, _) in FAULTS.items():
        book.write(fault.replace(" ", "_"), *cells)
    return book, book.pytest("--nbval-cell-timeout=10")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_run_and_says_lecture_cell_and_reason(broken, fault):
    book, result = broken
    name = fault.replace(" ", "_")
    assert result.returncode == 1
    assert f"lectures/{name}.ipynb, {FAULTS[fault][1]}" in result.stdout
    assert not executions.is_fresh(book.root / "lectures" / f"{name}.ipynb", book.root)


def test_a_dead_kernel_is_noticed_long_before_the_cell_times_out(book):
    book.write("faulty", "import os", "os._exit(1)")
    result = book.pytest("--nbval-cell-timeout=1000", "--durations=0", "-vv")
    seconds = re.search(r"([\d.]+)s call .*Cell 1", result.stdout).group(1)
    assert float(seconds) < 10


def test_a_failed_run_takes_back_what_an_earlier_one_said(book):
    flaky = "from pathlib import Path\nassert Path('flag').exists()"
    lecture = book.write("flaky", flaky)
    flag = book.root / "lectures" / "flag"
    flag.touch()
    assert book.pytest().returncode == 0
    assert executions.is_fresh(lecture, book.root)
    flag.unlink()
    assert book.pytest().returncode == 1
    assert not executions.is_fresh(lecture, book.root)
