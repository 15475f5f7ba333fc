"""A lecture runs unedited where only the package is: on Colab, or beside a wheel of it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from tools.executions import ROOT, lectures
from tools.repository import address
from tools.setup_cell import setup_cell

UV = Path(sys.executable).with_name("uv")
RUNNER = ["nbclient", "ipykernel"]  # what executes a notebook; Colab and Jupyter bring their own
BUILDERS = ["pip", "setuptools", "wheel"]


def run(*command, **options):
    """Run a command to its good end, and return what it said."""
    options = {"capture_output": True, "text": True} | options
    result = subprocess.run([str(part) for part in command], **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def install(python, *packages):
    """Install into an environment the versions of the lock: from uv's cache if they are there."""
    pins = python.parent.parent / "pins.txt"
    lock = (ROOT / "requirements.txt").read_text().splitlines()
    pins.write_text("\n".join(line for line in lock if not line.startswith("-e")))
    command = [UV, "pip", "install", "--quiet", "--python", python, "--constraint", pins, *packages]
    if subprocess.run([*map(str, command), "--offline"], capture_output=True).returncode != 0:
        run(*command)


@pytest.fixture
def fresh_python(tmp_path):
    """The Python of a new, empty environment."""
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    return tmp_path / "venv" / "bin" / "python"


def environment(**extra):
    """What a reader's shell has set: nothing of this project's."""
    ours = ("PYTHON", "PYTEST", "DLCV", "VIRTUAL_ENV", "JUPYTER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"DLCV_SCALE": "quick", "OMP_NUM_THREADS": "1"} | extra


def execute(python, notebook, **extra):
    """Execute a notebook in its own folder, as an environment of its own would."""
    command = (python.with_name("jupyter-execute"), "--inplace", "--timeout=600", notebook.name)
    run(*command, cwd=notebook.parent, env=environment(**extra))
    return nbformat.read(notebook, as_version=4)


def versions(python):
    """Return name → version of what is installed."""
    listing = json.loads(run(UV, "pip", "list", "--format=json", "--python", python))
    return {package["name"]: package["version"] for package in listing}


def dependencies():
    """Return what the package asks for, and nothing of the package itself."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def test_a_lecture_runs_in_an_empty_folder_beside_a_wheel(project_copy, fresh_python, tmp_path):
    source = ("--python", sys.executable, "--no-build-isolation")
    run(UV, "build", "--quiet", "--wheel", *source, "--out-dir", tmp_path, project_copy)
    (wheel,) = tmp_path.glob("dlcv-*.whl")
    install(fresh_python, wheel, *RUNNER)
    folder = tmp_path / "empty"
    folder.mkdir()
    lecture = lectures()[0]
    shutil.copy(lecture, folder)
    executed = execute(fresh_python, folder / lecture.name)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")


def test_the_setup_cell_installs_the_package_and_leaves_the_rest(
    project_copy, fresh_python, tmp_path
):
    install(fresh_python, *dependencies(), *RUNNER, *BUILDERS)
    before = versions(fresh_python)
    assert "dlcv" not in before
    notebook = tmp_path / "empty" / "first.ipynb"
    notebook.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(setup_cell())]
    notebook.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    redirect = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{project_copy.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address(),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads 0 as "build with what is installed"
        "PIP_NO_INDEX": "1",  # it must make do with what is there
    }
    executed = execute(fresh_python, notebook, **redirect)
    after = versions(fresh_python)
    assert set(after) - set(before) == {"dlcv"}
    assert {name: after[name] for name in before} == before
    assert "dlcv" in executed.cells[0].outputs[-1].text
