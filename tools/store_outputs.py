"""Run a lecture and store the text outputs of its checked cells.

python -m tools.store_outputs 04_convolutions
"""

import os
import sys
from pathlib import Path
from subprocess import DEVNULL

import nbformat
from nbclient import NotebookClient

from tools.executions import ROOT, environment
from tools.normalise import text


def store_outputs(path: Path) -> None:
    """Run a lecture as the tests would, and write it back with the outputs that they compare."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute(stderr=DEVNULL)
    path.write_text(text(notebook), "utf-8")


def main() -> None:
    """Store the outputs of the lecture named on the command line."""
    path = ROOT / "lectures" / f"{''.join(sys.argv[1:])}.ipynb"
    if not path.exists():
        sys.exit(f"expected make outputs LECTURE=04_convolutions or such; there is no {path}")
    os.environ.update(environment())
    store_outputs(path)


if __name__ == "__main__":
    main()
