"""A normalised notebook holds what its author wrote, and nothing of who ran it."""

import nbformat

from tools.normalise import CHECKED, NOTEBOOK_METADATA, problems, text

RESULT = nbformat.v4.new_output(
    "execute_result",
    {"text/plain": "42", "image/png": "aGVsbG8="},
    execution_count=3,
    metadata={"timing": 1},
)


def run_notebook():
    """A notebook as Colab and JupyterLab leave it after a run."""
    checked = nbformat.v4.new_code_cell(
        "6 * 7\n",
        id="checked",
        execution_count=3,
        outputs=[RESULT, nbformat.v4.new_output("stream", text="hello\n")],
        metadata={"tags": [CHECKED], "executionInfo": {"elapsed": 3}, "cellView": "form"},
    )
    plain = nbformat.v4.new_code_cell("1", id="plain", execution_count=4, outputs=[RESULT])
    prose = nbformat.v4.new_markdown_cell("# Title", id="title", metadata={"editable": True})
    metadata = {"kernelspec": {"name": "venv", "display_name": "me"}, "widgets": {"state": {}}}
    return nbformat.v4.new_notebook(cells=[prose, checked, plain], metadata=metadata)


def normal_form():
    return nbformat.reads(text(run_notebook()), as_version=4)


def test_text_outputs_of_checked_cells_stay():
    _, checked, plain = normal_form().cells
    assert [dict(output.get("data", {})) for output in checked.outputs] == [
        {"text/plain": "42"},
        {},
    ]
    assert checked.outputs[1].text == "hello\n"
    assert plain.outputs == []


def test_counts_and_traces_of_tools_go():
    notebook = normal_form()
    prose, checked, plain = notebook.cells
    assert (checked.execution_count, checked.outputs[0].execution_count) == (None, None)
    assert plain.execution_count is None
    assert checked.metadata == {"tags": [CHECKED], "cellView": "form"}
    assert checked.outputs[0].metadata == {}
    assert prose.metadata == {}
    assert notebook.metadata == NOTEBOOK_METADATA


def test_sources_and_ids_stay():
    assert [(cell.id, cell.source) for cell in normal_form().cells] == [
        ("title", "# Title"),
        ("checked", "6 * 7"),
        ("plain", "1"),
    ]


def test_the_normal_form_is_valid_and_its_own_normal_form():
    once = text(run_notebook())
    nbformat.validate(nbformat.reads(once, as_version=4))
    assert text(nbformat.reads(once, as_version=4)) == once


def test_the_text_is_made_for_diffs():
    once = text(run_notebook())
    assert once.startswith('{\n "cells": [\n  {\n   "cell_type"')
    assert once.endswith("}\n")
    assert not once.endswith("\n\n")


def test_the_check_names_a_notebook_that_is_not_normalised(tmp_path):
    (tmp_path / "lectures").mkdir()
    path = tmp_path / "lectures" / "01_first.ipynb"
    nbformat.write(run_notebook(), path)
    assert problems(tmp_path) == [
        "lectures/01_first.ipynb is not normalised (make normalise does it)"
    ]
    path.write_text(text(run_notebook()))
    assert problems(tmp_path) == []
