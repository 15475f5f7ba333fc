"""Lay out a lecture that passes every check: python -m tools.new_lecture 16_title.

Writes the notebook and its exercises, and enters them where lectures and exercises are listed.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.executions import ROOT, environment
from tools.normalise import text
from tools.setup_cell import colab_link, setup_cell
from tools.store_outputs import store_outputs

SKELETON = Path(__file__).parent / "skeleton"
NAME = re.compile(r"(\d\d[ab]?)_([a-z][a-z0-9_]*)")
CELL = re.compile(r"^%% (\w+) (\S+)(?: (\{.*\}))?\n", re.MULTILINE)


def skeleton(name: str) -> NotebookNode:
    """Return the notebook of a new lecture, without outputs."""
    number, topic = NAME.fullmatch(name).groups()
    words = {
        "{title}": topic.replace("_", " ").capitalize(),
        "{number}": number,
        "{colab}": colab_link(name),
        "{setup}": setup_cell(),
    }
    _, *parts = CELL.split((SKELETON / "lecture.txt").read_text("utf-8"))
    cells = []
    for kind, id, metadata, source in zip(*[iter(parts)] * 4, strict=True):
        for placeholder, word in words.items():
            source = source.replace(placeholder, word)
        new_cell = getattr(nbformat.v4, f"new_{kind}_cell")
        cells.append(new_cell(source.rstrip(), id=id, metadata=json.loads(metadata or "{}")))
    return nbformat.v4.new_notebook(cells=cells)


def enter(file: Path, pattern: str, addition: str) -> None:
    """Add text behind the last match of a pattern in a file."""
    content = file.read_text("utf-8")
    matches = list(re.finditer(pattern, content))
    if not matches:
        raise ValueError(f"expected something like {pattern} in {file}, got none")
    end = matches[-1].end()
    file.write_text(content[:end] + matches[-1].expand(addition) + content[end:], "utf-8")


def lay_out(name: str, root: Path = ROOT) -> Path:
    """Write the files of a new lecture and enter it in the lists; return its notebook."""
    number, topic = NAME.fullmatch(name).groups()
    notebook = root / "lectures" / f"{name}.ipynb"
    exercises = root / "utils" / "dlcv" / "study" / "exercises"
    for path in (notebook, exercises / f"{topic}.py"):
        if path.exists():
            raise FileExistsError(f"expected a new lecture, got one whose {path} exists")
    notebook.parent.mkdir(exist_ok=True)
    notebook.write_text(text(skeleton(name)), "utf-8")
    template = (SKELETON / "exercises.txt").read_text("utf-8")
    words = {"topic": topic.replace("_", " "), "number": number}
    (exercises / f"{topic}.py").write_text(template.format(**words), "utf-8")
    enter(exercises / "__init__.py", r'TOPICS = \{[^}]*"\w+"', f', "{number}": "{topic}"')
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", exercises], check=True)
    enter(root / "_toc.yml", r"(?m)^( *)- file: lectures/\w+\n", rf"\1- file: lectures/{name}\n")
    return notebook


def main() -> None:
    """Lay out the lecture named on the command line, and store its checked outputs."""
    name = "".join(sys.argv[1:])
    if not NAME.fullmatch(name):
        sys.exit(f"expected make new-lecture NAME=16_title or such, got {name!r}")
    notebook = lay_out(name)
    os.environ.update(environment())
    store_outputs(notebook)
    print(f"{notebook.relative_to(ROOT)} is laid out: open it with make lab.")


if __name__ == "__main__":
    main()
