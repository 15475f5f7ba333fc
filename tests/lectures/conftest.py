"""Projects to try things on, a copy of this one and one of a few notebooks; untrained networks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lecture_cells
import nbformat
import pretended_gpu
import pytest
import torch
from nbformat import NotebookNode
from torch import nn

from dlcv.classification import imagenet, transfer
from tools.executions import ROOT
from tools.repository import files


@pytest.fixture
def project_copy(tmp_path):
    """A copy of the working tree, as a git repository of its own with everything committed."""
    copy = tmp_path / "project"
    for path in files():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    git = ["git", "-c", "user.name=A reader", "-c", "user.email=reader@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "A copy"]):
        subprocess.run([*git, *arguments], cwd=copy, check=True)
    return copy


class Book:
    """A small project with lectures of its own, run as the real ones are."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, *cells: str | NotebookNode) -> Path:
        """Write a lecture: strings become code cells under a title."""
        code = [nbformat.v4.new_code_cell(c) if isinstance(c, str) else c for c in cells]
        for number, cell in enumerate(code):
            cell.id = f"cell-{number}"
        title = nbformat.v4.new_markdown_cell(f"# {name}", id="title")
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook = nbformat.v4.new_notebook(cells=[title, *code], metadata={"kernelspec": kernel})
        path = self.root / "lectures" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command in the project, with this project's tools and plugin at hand."""
        paths = os.pathsep.join(map(str, (self.root, ROOT, ROOT / "tests")))
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        for name in [name for name in environment if name.startswith("PYTEST")]:
            del environment[name]
        capture = {"capture_output": True, "text": True}
        return subprocess.run(command, cwd=self.root, env=environment, **capture)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run the lectures as the standard command does."""
        options = ("-p", "one_pass", "-p", "no:cacheprovider", "--color=no", "--rootdir=.")
        command = (sys.executable, "-m", "pytest", *options)
        return self.run(*command, "--nbval-lax", "lectures", *arguments)


@pytest.fixture
def book(tmp_path):
    """An empty book."""
    return Book(tmp_path)


@pytest.fixture(scope="module")
def new_book(tmp_path_factory):
    """`new_book()` gives an empty book that the tests of a module may share."""
    return lambda: Book(tmp_path_factory.mktemp("book"))


@pytest.fixture
def untrained(monkeypatch):
    """Residual networks with random weights, as those learnt on ImageNet would have to be fetched.

    Returns a list of what was asked for: (name, pretrained).
    """
    build, asked = imagenet.torchvision_resnet, []

    def random_weights(name, pretrained):
        asked.append((name, pretrained))
        return build(name)

    for module in (imagenet, transfer):
        monkeypatch.setattr(module, "torchvision_resnet", random_weights)
    return asked


@pytest.fixture
def on_pretended_gpu(monkeypatch):
    """Cells of lectures compute on a GPU that is none, see `pretended_gpu`."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 0))
    monkeypatch.setattr(nn.Parameter, "__new__", staticmethod(pretended_gpu.made))
    monkeypatch.setattr(nn.Parameter, "__deepcopy__", pretended_gpu.copied)
    monkeypatch.setattr(lecture_cells, "DEVICE", pretended_gpu.GPU)
    with pretended_gpu.PretendedGpu():
        yield
