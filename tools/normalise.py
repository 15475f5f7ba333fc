"""Bring notebooks into the form in which they are committed, so that diffs show what changed.

Keeps the text outputs of cells tagged `nbval-check-output`; drops all other outputs, execution
counts and the metadata that tools leave behind.

    python -m tools.normalise [FILE ...]
"""

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.executions import ROOT, lectures

CHECKED = "nbval-check-output"
NOTEBOOK_METADATA = {
    "accelerator": "GPU",
    "colab": {"provenance": [], "toc_visible": True},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("cellView", "jupyter", "mystnb", "tags")


def text_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return what of a cell's outputs is text and says the same on every machine."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            kept.append(nbformat.v4.new_output("stream", name=output.name, text=output.text))
        elif "text/plain" in output.get("data", {}):
            data = {"text/plain": output.data["text/plain"]}
            kept.append(nbformat.v4.new_output(output.output_type, data=data))
    return kept


def normalised(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with nothing in it that depends on who ran it, or whether."""
    cells = []
    for cell in notebook.cells:
        metadata = {name: cell.metadata[name] for name in CELL_METADATA if name in cell.metadata}
        common = {"id": cell.id, "metadata": metadata, "source": cell.source.strip("\n")}
        if cell.cell_type != "code":
            cells.append(NotebookNode(common, cell_type=cell.cell_type))
            continue
        outputs = text_outputs(cell.outputs) if CHECKED in metadata.get("tags", []) else []
        cells.append(nbformat.v4.new_code_cell(outputs=outputs, **common))
    return nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(NOTEBOOK_METADATA))


def text(notebook: NotebookNode) -> str:
    """Return the text of the normalised notebook: sorted keys, indent 1, one newline at its end."""
    return nbformat.writes(normalised(notebook)) + "\n"


def problems(root: Path = ROOT) -> list[str]:
    """Return the lectures that are not in their normal form."""
    return [
        f"{path.relative_to(root)} is not normalised (make normalise does it)"
        for path in lectures(root)
        if path.read_text("utf-8") != text(nbformat.read(path, as_version=4))
    ]


def main() -> None:
    """Normalise the notebooks on the command line, or all lectures."""
    for path in [Path(name) for name in sys.argv[1:]] or lectures():
        before, after = path.read_text("utf-8"), text(nbformat.read(path, as_version=4))
        if before != after:
            path.write_text(after, "utf-8")
            print(f"normalised {path}")


if __name__ == "__main__":
    main()
