"""Executed lectures: where they lie, and whether they still speak for the lecture as it is now.

A lecture that passed lies in `_build/lectures` as `NAME.ipynb` (with its outputs) and `NAME.json`
(its key, seconds and peak memory). The key covers all that could change an output: the code cells,
the whole package, the pinned dependencies, Python, the scale, and the recorder itself. Prose is
not in it: a markdown cell can be edited without running anything.
"""

import hashlib
import json
import os
import platform
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
RECORDER = (ROOT / "tests" / "one_pass.py", ROOT / "tools" / "executions.py")


def environment() -> dict[str, str]:
    """Return the environment variables with which a lecture runs for the book."""
    scale = os.environ.get("DLCV_SCALE", "quick")
    return {"DLCV_SCALE": scale, "DLCV_STATIC": "1", "OMP_NUM_THREADS": "1"}


def lectures(root: Path = ROOT) -> list[Path]:
    """Return the lectures' notebooks, in the order of the book."""
    return sorted((root / "lectures").glob("*.ipynb"))


def executed_notebook(lecture: Path, root: Path = ROOT) -> Path:
    """Return where the executed copy of a lecture lies; its record lies beside it as .json."""
    return root / "_build" / lecture.resolve().relative_to(root.resolve())


def environment_files(root: Path) -> list[Path]:
    """Return the files outside the notebook that its outputs may depend on."""
    package = [path for path in (root / "utils" / "dlcv").rglob("*") if path.is_file()]
    package = [path for path in package if "__pycache__" not in path.parts]
    lock = [path for path in [root / "requirements.txt"] if path.exists()]
    return sorted(package) + lock + list(RECORDER)


def key(lecture: Path, root: Path = ROOT) -> str:
    """Return the digest of everything that could change an output of this lecture."""
    notebook = json.loads(lecture.read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [["".join(cell["source"]), cell["metadata"], cell["outputs"]] for cell in code]
    settings = [environment(), platform.python_version(), notebook["metadata"]]
    digest = hashlib.sha256(json.dumps([cells, settings], sort_keys=True).encode())
    for path in environment_files(root):
        digest.update(os.path.relpath(path, root).encode() + path.read_bytes())
    return digest.hexdigest()


def store(
    lecture: Path, notebook: nbformat.NotebookNode, root: Path, *, key: str, **measured: object
) -> None:
    """Keep an executed lecture, its key when it began to run, and what was measured on the way."""
    target = executed_notebook(lecture, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    record = {"key": key, **measured}
    target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


def forget(lecture: Path, root: Path) -> None:
    """Drop what is known of a lecture, before it runs anew."""
    executed_notebook(lecture, root).with_suffix(".json").unlink(missing_ok=True)


def read_record(lecture: Path, root: Path = ROOT) -> dict | None:
    """Return key, seconds and peak memory of a lecture's last run, or None if it did not pass."""
    record = executed_notebook(lecture, root).with_suffix(".json")
    return json.loads(record.read_text()) if record.exists() else None


def is_fresh(lecture: Path, root: Path = ROOT) -> bool:
    """Say whether the lecture passed exactly as it and everything under it are now."""
    record = read_record(lecture, root)
    return record is not None and record["key"] == key(lecture, root)


def stale_lectures(root: Path = ROOT) -> list[Path]:
    """Return the lectures that have to run before the site may be built."""
    return [lecture for lecture in lectures(root) if not is_fresh(lecture, root)]
