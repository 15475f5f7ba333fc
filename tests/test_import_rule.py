"""The order of the house: imports run down, topics keep apart, importing changes nothing."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dlcv

PACKAGE = Path(dlcv.__file__).parent
TOPICS = ["scratch", "classification", "verification", "detection", "segmentation", "captioning"]

# A room may import itself and the rooms of the floors below, but no other room of its own floor.
FLOORS = [
    ["device"],
    ["plots"],
    ["training"],
    ["data"],
    [*TOPICS, "distributed"],
    ["study"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
GRAB_BAGS = {"utils", "helpers", "common", "misc"}


def module_name(path: Path) -> str:
    """dlcv/data/scenes.py -> dlcv.data.scenes, dlcv/data/__init__.py -> dlcv.data"""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_names(source: str, module: str, is_package: bool) -> list[str]:
    """Return the full names of everything that a module's source imports, at any depth."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                here = module.split(".")
                base = here[: len(here) - node.level + is_package]
                start = ".".join([*base, *filter(None, [node.module])])
            names += [f"{start}.{alias.name}" for alias in node.names]
    return names


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return what the source of a module breaks of the import rule."""
    inside = module.split(".")[1:]
    found = [f"{module}: no module is called {name}" for name in inside if name in GRAB_BAGS]
    room = inside[0] if inside else None
    if room is not None and room not in FLOOR:
        return [*found, f"{module}: {room} has no floor in this test"]
    for name in imported_names(source, module, is_package):
        package, other, *_ = [*name.split("."), ""]
        if package != "dlcv" or other in ("", "__version__", room):
            continue
        if room is None or other not in FLOOR or FLOOR[other] >= FLOOR[room]:
            found.append(f"{module} imports {name}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_module_keeps_the_import_rule(module):
    path = MODULES[module]
    assert violations(path.read_text(), module, path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dlcv", "from dlcv.device import scale"),
        ("dlcv.device", "import dlcv.training"),
        ("dlcv.plots", "from dlcv.training import fit"),
        ("dlcv.training", "from dlcv.data.batches import Batches"),
        ("dlcv.data.scenes", "def f():\n    import dlcv.detection.boxes"),
        ("dlcv.detection.boxes", "from dlcv.segmentation import mean_iou"),
        ("dlcv.detection.boxes", "from dlcv import segmentation"),
        ("dlcv.detection.boxes", "from ..segmentation import mean_iou"),
        ("dlcv.detection.boxes", "if True:\n    from dlcv.study.quiz import Quiz"),
        ("dlcv.data.scenes", "from dlcv.nowhere import thing"),
        ("dlcv.data.utils", ""),
        ("dlcv.attic.box", ""),
    ],
)
def test_the_rule_reports_what_it_forbids(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dlcv.device", "from dlcv import __version__"),
        ("dlcv.training", "import torch\nfrom dlcv.device import autocast"),
        ("dlcv.detection.rcnn", "from dlcv.detection import boxes\nfrom .boxes import nms"),
        ("dlcv.study.widgets.base", "from dlcv.detection.boxes import nms\nfrom .. import quiz"),
    ],
)
def test_the_rule_lets_pass_what_it_allows(module, source):
    assert violations(source, module) == []


def test_a_relative_import_in_a_package_is_seen_from_inside_it():
    source = "from .boxes import nms\nfrom ..segmentation import mean_iou"
    names = imported_names(source, "dlcv.detection", is_package=True)
    assert names == ["dlcv.detection.boxes.nms", "dlcv.segmentation.mean_iou"]


WATCH = """
import importlib, os, random, sys, warnings
import matplotlib, numpy, torch
import sklearn  # sets environment variables of OpenMP itself

def state():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        style = {key: repr(value) for key, value in dict.items(matplotlib.rcParams)}
    numpy_state = numpy.random.get_state()
    return {
        "torch's random state": torch.get_rng_state().tolist(),
        "Python's random state": random.getstate(),
        "NumPy's random state": (numpy_state[1].tolist(), *numpy_state[2:]),
        "the style of figures": style,
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the number of threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "gradients": torch.is_grad_enabled(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "cuDNN": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "CUDA, by starting it": torch.cuda.is_initialized(),
        "the environment": dict(os.environ),
        "the working directory": os.getcwd(),
    }

for module in sys.argv[1:]:
    before = state()
    importlib.import_module(module)
    after = state()
    for name in before:
        if before[name] != after[name]:
            print(f"importing {module} changes {name}")
"""


def changes_on_import(modules: list[str], folder: Path | None = None) -> list[str]:
    """Import modules one after the other in a fresh process and return what each one changes."""
    environment = dict(os.environ, PYTHONPATH=str(folder or ""))
    run = subprocess.run(
        [sys.executable, "-c", WATCH, *modules], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_importing_changes_nothing():
    assert changes_on_import(list(MODULES)) == []


def test_a_change_on_import_is_noticed(tmp_path):
    lines = {
        "it_seeds": "import torch; torch.manual_seed(1)",
        "it_draws": "import random; random.random()",
        "it_styles": "import matplotlib; matplotlib.rcParams['font.size'] = 31",
        "it_types": "import torch; torch.set_default_dtype(torch.float64)",
        "it_imports": "import torch, numpy, matplotlib",
    }
    for name, source in lines.items():
        (tmp_path / f"{name}.py").write_text(source)
    assert changes_on_import(list(lines), tmp_path) == [
        "importing it_seeds changes torch's random state",
        "importing it_draws changes Python's random state",
        "importing it_styles changes the style of figures",
        "importing it_types changes the default dtype",
    ]
