"""Cells of lectures, run by themselves."""

import nbformat
import torch

from dlcv.device import seed_everything
from tools.executions import ROOT

DEVICE = torch.device("cpu")  # where the cells compute


def sources(lecture: str) -> dict[str, str]:
    """What the cells of a lecture hold, by their names."""
    notebook = nbformat.read(ROOT / "lectures" / f"{lecture}.ipynb", as_version=4)
    return {cell["id"]: cell["source"] for cell in notebook.cells}


def run(lecture: str, cells, **known) -> dict:
    """Run some cells of a lecture, by their names, and return all that they have defined."""
    written = sources(lecture)
    names = {"device": DEVICE, "seed_everything": seed_everything} | known
    for cell in cells:
        exec(compile(written[cell], cell, "exec"), names)
    return names
