"""What every lecture's notebook keeps to. Each rule takes a lecture and returns its problems."""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import taught_code
from tools.executions import ROOT, lectures
from tools.normalise import CHECKED, NOTEBOOK_METADATA, text_outputs
from tools.setup_cell import colab_link, setup_cell

MAX_LINES = 30  # of a code cell
MAX_CODE_CELLS_IN_A_ROW = 2
MAX_KB = 200
MIN_QUESTIONS = 6
MIN_EXERCISES = 4
MIN_CHECKED_CELLS = 5
GOALS, MINUTES, HARDWARE = "You will be able to", r"\d+ min", r"(?i)\bhardware\b"
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|mnt|opt|var|srv|Users)/|\b[A-Z]:\\+Users")


@dataclass(frozen=True)
class Lecture:
    """A lecture's notebook under its name, such as 04_convolutions."""

    name: str
    notebook: NotebookNode

    @property
    def cells(self) -> list[NotebookNode]:
        """All cells."""
        return self.notebook.cells

    @property
    def code(self) -> list[NotebookNode]:
        """The code cells."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> str:
        """All markdown, as one text."""
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    def calls(self, *names: str) -> list[str]:
        """Return the first argument of every call of one of these functions, if it is text."""
        nodes = [node for cell in self.code for node in ast.walk(syntax_tree(cell))]
        calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
        calls = [node for node in calls if getattr(node.func, "id", None) in names]
        firsts = [node.args[0] for node in calls]
        return [node.value for node in firsts if isinstance(node, ast.Constant)]


def syntax_tree(cell: NotebookNode) -> ast.Module:
    """Return a code cell's syntax tree, its magics turned into calls."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


def title_goals_minutes_hardware(lecture: Lecture) -> list[str]:
    """The first cell says what the lecture is, what it is good for, and what it takes."""
    first = lecture.cells[0].source if lecture.cells[0].cell_type == "markdown" else ""
    missing = {
        "a title": re.match(r"# \S", first),
        f"goals ({GOALS} …)": GOALS in first,
        "minutes (for example 40 min)": re.search(MINUTES, first),
        "the hardware": re.search(HARDWARE, first),
    }
    return [f"the first cell lacks {what}" for what, found in missing.items() if not found]


def link_to_colab(lecture: Lecture) -> list[str]:
    """The first cell opens this very lecture on Colab."""
    link = colab_link(lecture.name)
    return [] if f"({link})" in lecture.cells[0].source else [f"the first cell lacks a link {link}"]


def standard_setup_cell(lecture: Lecture) -> list[str]:
    """The first code cell is the setup cell, the same in all lectures."""
    if lecture.code and lecture.code[0].source == setup_cell():
        return []
    return ["the first code cell is not the standard setup cell (tools/setup_cell.py)"]


def standard_kernel(lecture: Lecture) -> list[str]:
    """The notebook asks for the kernel that every Jupyter has."""
    same = lecture.notebook.metadata.get("kernelspec") == NOTEBOOK_METADATA["kernelspec"]
    return [] if same else ["the kernel is not python3"]


def short_cells(lecture: Lecture) -> list[str]:
    """A code cell fits on a screen."""
    lengths = {cell.id: len(cell.source.splitlines()) for cell in lecture.code}
    long = {id: length for id, length in lengths.items() if length > MAX_LINES}
    return [f"cell {id} has {n} lines, expected at most {MAX_LINES}" for id, n in long.items()]


def prose_between_code(lecture: Lecture) -> list[str]:
    """Code comes in small steps with prose between them."""
    found = []
    for kind, group in groupby(lecture.cells, key=lambda cell: cell.cell_type):
        run = list(group)
        if kind == "code" and len(run) > MAX_CODE_CELLS_IN_A_ROW:
            found.append(f"{len(run)} code cells in a row without prose, from cell {run[0].id}")
    return found


def unique_ids(lecture: Lecture) -> list[str]:
    """Every cell has an id of its own, on which links and diffs rely."""
    counts = Counter(cell.get("id") for cell in lecture.cells)
    found = [f"two cells have the id {id}" for id, count in counts.items() if count > 1 and id]
    return found + (["a cell has no id"] if None in counts else [])


def small_file(lecture: Lecture) -> list[str]:
    """The file stays small enough to read in a diff."""
    kilobytes = len(nbformat.writes(lecture.notebook).encode()) / 1000
    return [f"{kilobytes:.0f} KB, expected at most {MAX_KB}"] if kilobytes > MAX_KB else []


def stored_outputs(lecture: Lecture) -> list[str]:
    """Stored are the text outputs of the checked cells and nothing else."""
    found = []
    for cell in lecture.code:
        checked = CHECKED in cell.metadata.get("tags", [])
        if cell.outputs and not checked:
            found.append(f"cell {cell.id} stores an output but is not tagged {CHECKED}")
        elif checked and not cell.outputs:
            found.append(f"cell {cell.id} is tagged {CHECKED} but stores no output")
        elif cell.outputs != text_outputs(cell.outputs):
            found.append(f"cell {cell.id} stores an output that is not text")
    return found


def enough_checked_cells(lecture: Lecture) -> list[str]:
    """Several outputs are compared with what the author saw."""
    count = sum(CHECKED in cell.metadata.get("tags", []) for cell in lecture.code)
    return at_least(MIN_CHECKED_CELLS, count, f"cells tagged {CHECKED}")


def no_skipped_cells(lecture: Lecture) -> list[str]:
    """Every cell runs in the tests: the page shows what the tests saw."""
    skipped = [cell.id for cell in lecture.code if "nbval-skip" in cell.metadata.get("tags", [])]
    return [f"cell {id} is tagged nbval-skip" for id in skipped]


def enough_questions(lecture: Lecture) -> list[str]:
    """The reader is asked often."""
    return at_least(MIN_QUESTIONS, len(set(lecture.calls("Quiz", "Numeric"))), "quiz questions")


def enough_exercises(lecture: Lecture) -> list[str]:
    """There is something to do, and help with it."""
    checked, helped = set(lecture.calls("check")), set(lecture.calls("hints"))
    without = [f"exercise {id} has a check but no hints" for id in sorted(checked - helped)]
    return at_least(MIN_EXERCISES, len(checked & helped), "exercises with hints") + without


def at_least(expected: int, found: int, what: str) -> list[str]:
    """Return a problem unless enough was found."""
    return [] if found >= expected else [f"{found} {what}, expected at least {expected}"]


def further_reading(lecture: Lecture) -> list[str]:
    """The lecture ends in what to read next."""
    found = re.search(r"(?m)^#+ Further reading$", lecture.prose)
    return [] if found else ["there is no section Further reading"]


def taught_code_matches(lecture: Lecture) -> list[str]:
    """A cell that teaches a function holds the package's function."""
    problems = {cell.id: taught_code.problem(cell.source) for cell in lecture.code}
    return [f"cell {id} {problem}" for id, problem in problems.items() if problem]


def no_machine_paths(lecture: Lecture) -> list[str]:
    """Nothing refers to the machine on which the lecture was written."""
    found = {cell.id: MACHINE_PATH.search(cell.source) for cell in lecture.cells}
    return [f"cell {id} holds the path {match[0]}…" for id, match in found.items() if match]


def known_citations(lecture: Lecture) -> list[str]:
    """Every key that is cited is in the bibliography."""
    bibliography = ROOT / "book" / "references.bib"
    entries = bibliography.read_text("utf-8") if bibliography.exists() else ""
    known = set(re.findall(r"@\w+\{\s*([^,\s]+),", entries))
    roles = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", lecture.prose)
    cited = {key.strip() for role in roles for key in role.split(",")}
    return [f"{key} is cited, but not in book/references.bib" for key in sorted(cited - known)]


RULES = (
    title_goals_minutes_hardware,
    link_to_colab,
    standard_setup_cell,
    standard_kernel,
    short_cells,
    prose_between_code,
    unique_ids,
    small_file,
    stored_outputs,
    enough_checked_cells,
    no_skipped_cells,
    enough_questions,
    enough_exercises,
    further_reading,
    taught_code_matches,
    no_machine_paths,
    known_citations,
)


def read(path: Path) -> Lecture:
    """Return the lecture in a file."""
    return Lecture(path.stem, nbformat.read(path, as_version=4))


def problems(root: Path = ROOT) -> list[str]:
    """Return all problems of all lectures."""
    read_lectures = [read(path) for path in lectures(root)]
    return [
        f"lectures/{lecture.name}.ipynb: {problem}"
        for lecture in read_lectures
        for rule in RULES
        for problem in rule(lecture)
    ]
