"""What the tests saw is what the page shows, and nothing runs twice or is shown too late."""

import shutil
import sys

import nbformat
import pytest

from tools import build_site, executions
from tools.normalise import CHECKED
from tools.store_outputs import store_outputs

OUTPUTS = [
    "print('one')\nprint('two')",
    "import sys\nprint('half', end='\\rwhole\\n')",
    "from IPython.display import clear_output\nprint('old')\nclear_output()\nprint('new')",
    "from IPython.display import display\nhandle = display({'state': 1}, display_id=True)",
    "handle.update({'state': 2})",
    "from IPython.display import HTML\nHTML('<b>bold</b>')",
    nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
    nbformat.v4.new_code_cell(
        "print(6 * 7)",
        metadata={"tags": [CHECKED]},
        outputs=[nbformat.v4.new_output("stream", text="42\n")],
    ),
]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_lecture_that_passed_is_kept_with_the_outputs_a_notebook_would_show(book, workers):
    lecture = book.write("good", *OUTPUTS)
    book.write("other", "print('elsewhere')")
    result = book.pytest("-n", workers)
    assert result.returncode == 0, result.stdout
    executed = nbformat.read(executions.executed_notebook(lecture, book.root), as_version=4)
    nbformat.validate(executed)
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    streams, overwritten, cleared, updated, update, html, error, checked = cells
    assert [output.text for output in streams.outputs] == ["one\ntwo\n"]
    assert overwritten.outputs[0].text == "whole\n"
    assert cleared.outputs[0].text == "new\n"
    assert updated.outputs[0].data["text/plain"] == "{'state': 2}"
    assert update.outputs == []
    assert html.outputs[0].data["text/html"] == "<b>bold</b>"
    assert error.outputs[0].ename == "ZeroDivisionError"
    assert checked.outputs[0].text == "42\n"
    assert "widgets" not in executed.metadata
    assert executions.is_fresh(lecture, book.root)


def test_seconds_and_memory_are_measured(book):
    source = "import time\nblock = bytearray(300 * 2**20)\ntime.sleep(1)"
    lecture = book.write("heavy", source)
    assert book.pytest().returncode == 0
    record = executions.read_record(lecture, book.root)
    assert record["seconds"] >= 1
    assert record["peak_memory_mib"] >= 300


CONFIG = """\
title: A tiny book
execute: {execute_notebooks: cache}
only_build_toc_files: true
"""
TOC = """\
format: jb-book
root: lectures/counted
chapters:
- file: lectures/other
"""


def lay_out(book):
    """Make a site of two lectures; the first notes every time that it runs."""
    count = "with open('runs.txt', 'a') as file:\n    print('run', file=file)"
    book.write("counted", count, "6 * 7")
    book.write("other", "print(open('word.txt').read())")
    (book.root / "lectures" / "word.txt").write_text("yesterday")
    (book.root / "_config.yml").write_text(CONFIG)
    (book.root / "_toc.yml").write_text(TOC)


def build(book):
    source = f"import pathlib, tools.build_site as b; b.main(pathlib.Path({str(book.root)!r}))"
    return book.run(sys.executable, "-c", source)


def runs(book):
    return (book.root / "lectures" / "runs.txt").read_text()


def page(book, name):
    return (book.root / "_build" / "html" / "lectures" / f"{name}.html").read_text()


@pytest.fixture(scope="module")
def built(new_book):
    """A site built after pytest ran its lectures, and what the build said."""
    book = new_book()
    lay_out(book)
    tested = book.pytest("-n", "2")
    assert tested.returncode == 0, tested.stdout
    return book, build(book)


def test_after_the_tests_the_build_executes_nothing(built):
    book, result = built
    assert result.returncode == 0, result.stdout + result.stderr
    log = (book.root / "_build" / "site.log").read_text()
    assert log.count("Using cached notebook") == 2
    assert "Executing notebook" not in log
    assert runs(book) == "run\n"
    assert "42" in page(book, "counted")
    assert "yesterday" in page(book, "other")


def test_jupyter_book_alone_takes_the_same_outputs(built):
    book, _ = built
    shutil.rmtree(book.root / "_build" / ".doctrees")
    result = book.run(build_site.JUPYTER_BOOK, "build", ".")
    assert result.returncode == 0
    assert result.stderr.count("Using cached notebook") + result.stdout.count("Using cached") == 2
    assert runs(book) == "run\n"


def test_new_outputs_reach_a_page_whose_source_did_not_change(built):
    book, _ = built
    (book.root / "lectures" / "word.txt").write_text("today")
    assert book.pytest().returncode == 0
    assert build(book).returncode == 0
    assert "today" in page(book, "other")
    assert "yesterday" not in page(book, "other")


def keep_as_passed(book):
    for lecture in executions.lectures(book.root):
        notebook, key = nbformat.read(lecture, as_version=4), executions.key(lecture, book.root)
        executions.store(lecture, notebook, book.root, key=key)


def test_no_site_while_a_lecture_has_not_passed(book):
    lay_out(book)
    keep_as_passed(book)
    book.write("other", "raise ValueError('boom')")
    with pytest.raises(SystemExit, match="have not passed as they are now: other"):
        build_site.main(book.root)


def test_a_warning_stops_the_build_every_time(book):
    lay_out(book)
    keep_as_passed(book)
    (book.root / "page.md").write_text("# A page\n\n[nowhere](missing.md)\n")
    (book.root / "_toc.yml").write_text(TOC + "- file: page\n")
    for _ in range(2):
        result = build(book)
        assert result.returncode == 1
        assert "page.md:3: WARNING" in result.stdout


def test_a_build_that_executes_is_refused(book):
    lay_out(book)
    keep_as_passed(book)
    (book.root / "_config.yml").write_text(CONFIG.replace("cache", "force"))
    result = build(book)
    assert result.returncode == 1
    assert "Executing notebook" in result.stdout


@pytest.fixture
def passed(book):
    """A lecture with a package under it, kept as one that passed."""
    (book.root / "utils" / "dlcv").mkdir(parents=True)
    (book.root / "utils" / "dlcv" / "rooms.py").write_text("ANSWER = 42\n")
    (book.root / "requirements.txt").write_text("torch==1.0\n")
    lecture = book.write("good", "x = 1")
    assert executions.stale_lectures(book.root) == [lecture]
    keep_as_passed(book)
    assert executions.stale_lectures(book.root) == []
    return lecture


def test_a_change_while_a_lecture_runs_makes_it_stale(book):
    package = book.root / "utils" / "dlcv"
    package.mkdir(parents=True)
    (package / "rooms.py").write_text("ANSWER = 42\n")
    edit_meanwhile = "open('../utils/dlcv/rooms.py', 'w').write('ANSWER = 43');"
    lecture = book.write("good", edit_meanwhile)
    assert book.pytest().returncode == 0
    assert executions.stale_lectures(book.root) == [lecture]


def test_a_change_in_the_package_makes_a_lecture_stale(book, passed):
    (book.root / "utils" / "dlcv" / "rooms.py").write_text("ANSWER = 43\n")
    assert executions.stale_lectures(book.root) == [passed]


def test_a_new_file_in_the_package_makes_a_lecture_stale(book, passed):
    (book.root / "utils" / "dlcv" / "widget.js").write_text("export default {}\n")
    assert executions.stale_lectures(book.root) == [passed]


def test_a_change_in_the_pinned_dependencies_makes_a_lecture_stale(book, passed):
    (book.root / "requirements.txt").write_text("torch==2.0\n")
    assert executions.stale_lectures(book.root) == [passed]


def test_another_scale_makes_a_lecture_stale(book, passed, monkeypatch):
    monkeypatch.setenv("DLCV_SCALE", "full")
    assert executions.stale_lectures(book.root) == [passed]


def edit(lecture, change):
    notebook = nbformat.read(lecture, as_version=4)
    change(notebook)
    nbformat.write(notebook, lecture)


def test_a_change_of_code_or_of_a_tag_makes_a_lecture_stale(book, passed):
    edit(passed, lambda notebook: notebook.cells[1].metadata.update(tags=["hide-input"]))
    assert executions.stale_lectures(book.root) == [passed]
    edit(passed, lambda notebook: notebook.cells[1].update(metadata={}, source="x = 2"))
    assert executions.stale_lectures(book.root) == [passed]


def test_a_change_of_prose_does_not(book, passed):
    edit(passed, lambda notebook: notebook.cells[0].update(source="# A better title"))
    assert executions.stale_lectures(book.root) == []


def test_stored_outputs_are_what_the_next_run_compares_with(book):
    checked = nbformat.v4.new_code_cell("print(6 * 7)\nx", metadata={"tags": [CHECKED]})
    lecture = book.write("good", "x = [1, 2]\nprint(x)", checked)
    assert book.pytest().returncode == 1
    store_outputs(lecture)
    _, first, second = nbformat.read(lecture, as_version=4).cells
    assert first.outputs == []
    assert second.outputs[0].text == "42\n"
    assert second.outputs[1].data == {"text/plain": "[1, 2]"}
    assert book.pytest().returncode == 0
