"""The lectures keep the rules, and each rule sees what it is there for."""

from copy import deepcopy

import nbformat
import pytest

from tools import notebook_rules as rules
from tools import taught_code
from tools.executions import lectures
from tools.new_lecture import skeleton
from tools.normalise import CHECKED, normalised
from tools.notebook_rules import RULES, Lecture

SKELETON = normalised(skeleton("16_title"))
for checked in (cell for cell in SKELETON.cells if CHECKED in cell.metadata.get("tags", [])):
    checked.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "42"})]


@pytest.fixture
def lecture():
    """A lecture that keeps all rules, until a test spoils it."""
    return Lecture("16_title", deepcopy(SKELETON))


def find(lecture, id):
    return next(cell for cell in lecture.cells if cell.id == id)


def reports(rule, lecture, words):
    """Say whether a rule finds exactly one thing wrong, and says these words about it."""
    found = rule(lecture)
    return len(found) == 1 and words in found[0]


def test_the_book_has_lectures():
    assert lectures()


@pytest.mark.parametrize("path", lectures(), ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_lecture_keeps_every_rule(path, rule):
    assert rule(rules.read(path)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_skeleton_keeps_every_rule(rule, lecture):
    assert rule(lecture) == []


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("# Title", "a title"),
        ("You will be able to", "goals"),
        ("10 min to read, less than 1 min", "minutes"),
        ("Hardware", "the hardware"),
    ],
)
def test_a_first_cell_that_lacks_something(lecture, words, missing):
    lecture.cells[0].source = lecture.cells[0].source.replace(words, "")
    assert reports(rules.title_goals_minutes_hardware, lecture, missing)


def test_a_link_that_opens_another_lecture(lecture):
    lecture.cells[0].source = lecture.cells[0].source.replace("16_title", "15_captioning")
    assert reports(rules.link_to_colab, lecture, "lacks a link")


def test_a_setup_cell_of_its_own(lecture):
    find(lecture, "setup").source += "\nprint('me too')"
    assert reports(rules.standard_setup_cell, lecture, "standard setup cell")


def test_another_kernel(lecture):
    lecture.notebook.metadata.kernelspec = {"name": "my-venv"}
    assert reports(rules.standard_kernel, lecture, "python3")


def test_a_long_cell(lecture):
    find(lecture, "mean").source = "x = 1\n" * 30 + "x"
    assert reports(rules.short_cells, lecture, "cell mean has 31 lines, expected at most 30")


def test_too_many_code_cells_in_a_row(lecture):
    position = lecture.cells.index(find(lecture, "imports"))
    lecture.cells.insert(position + 1, nbformat.v4.new_code_cell("x = 1", id="more"))
    assert reports(rules.prose_between_code, lecture, "3 code cells in a row without prose")


def test_two_cells_with_one_id(lecture):
    lecture.cells[3].id = lecture.cells[2].id
    assert reports(rules.unique_ids, lecture, "two cells have the id imports")


def test_a_cell_without_an_id(lecture):
    del lecture.cells[3]["id"]
    assert reports(rules.unique_ids, lecture, "a cell has no id")


def test_a_large_file(lecture):
    find(lecture, "why").source = "word " * 50_000
    assert reports(rules.small_file, lecture, "expected at most 200")


def test_a_stored_output_that_nothing_checks(lecture):
    find(lecture, "imports").outputs = [nbformat.v4.new_output("stream", text="hello")]
    assert reports(rules.stored_outputs, lecture, "imports stores an output but is not tagged")


def test_a_checked_cell_with_nothing_stored(lecture):
    find(lecture, "mean").outputs = []
    assert reports(rules.stored_outputs, lecture, "mean is tagged nbval-check-output but stores no")


def test_a_stored_image(lecture):
    data = {"text/plain": "<Figure>", "image/png": "aGVsbG8="}
    find(lecture, "mean").outputs = [nbformat.v4.new_output("display_data", data)]
    assert reports(rules.stored_outputs, lecture, "mean stores an output that is not text")


def test_too_few_checked_cells(lecture):
    find(lecture, "mean").metadata = {}
    assert reports(rules.enough_checked_cells, lecture, "4 cells tagged")


def test_a_skipped_cell(lecture):
    find(lecture, "imports").metadata = {"tags": ["nbval-skip"]}
    assert reports(rules.no_skipped_cells, lecture, "cell imports is tagged nbval-skip")


def test_too_few_questions(lecture):
    find(lecture, "question-mean").source = "# Quiz('16.mean', 'What?')"
    assert reports(rules.enough_questions, lecture, "5 quiz questions, expected at least 6")


def test_one_question_asked_twice_counts_once(lecture):
    source = find(lecture, "question-spread").source
    find(lecture, "question-order").source = source
    assert reports(rules.enough_questions, lecture, "5 quiz questions, expected at least 6")


def test_too_few_exercises(lecture):
    for id in ("exercise-mean-check", "exercise-mean-hints"):
        find(lecture, id).source = "x = 1"
    assert reports(rules.enough_exercises, lecture, "3 exercises with hints, expected at least 4")


def test_an_exercise_without_hints(lecture):
    find(lecture, "exercise-mean-hints").source = "x = 1"
    found = rules.enough_exercises(lecture)
    assert "exercise 16.mean has a check but no hints" in found


def test_no_further_reading(lecture):
    find(lecture, "further").source = "## The end"
    assert reports(rules.further_reading, lecture, "no section Further reading")


@pytest.mark.parametrize("path", ["/home/me/data", "/tmp/x.png", "/Users/me/x", r"C:\Users\me"])
def test_a_path_of_one_machine(lecture, path):
    find(lecture, "imports").source += f"\nopen({path!r})"
    assert reports(rules.no_machine_paths, lecture, "cell imports holds the path")


def test_an_address_is_not_a_path_of_a_machine(lecture):
    find(lecture, "why").source = "See https://example.org/home/tmp/x and and/or."
    assert rules.no_machine_paths(lecture) == []


def test_a_citation_of_nothing(lecture):
    find(lecture, "why").source = "As {cite}`nobody1999nothing` says, and {cite:t}`nobody2000`."
    assert rules.known_citations(lecture) == [
        "nobody1999nothing is cited, but not in book/references.bib",
        "nobody2000 is cited, but not in book/references.bib",
    ]


PACKAGE = '''\
"""A room."""


def double(x: float) -> float:
    """Twice the number."""
    return 2 * x  # twice


class Counter:
    """Counts."""

    def step(self) -> None:
        """One more."""
        self.count += 1
'''
TAUGHT = {
    "with other comments": "# dlcv.room.double\ndef double(x: float) -> float:\n    return 2 * x\n",
    "with its docstring": '# dlcv.room.double\ndef double(x: float) -> float:\n    """2x."""\n'
    "    # two times\n\n    return 2 * x\n",
    "as a class": "# dlcv.room.Counter\nclass Counter:\n    def step(self) -> None:\n"
    "        self.count += 1\n",
    "as a method": "# dlcv.room.Counter.step\ndef step(self) -> None:\n    self.count += 1\n",
    "not at all": "# dlcv.room shows how\nx = 1\n",
}
DRIFTED = {
    "the body": (
        "# dlcv.room.double\ndef double(x: float) -> float:\n    return x + x\n",
        "differs",
    ),
    "the types": ("# dlcv.room.double\ndef double(x):\n    return 2 * x\n", "differs"),
    "the name": ("# dlcv.room.triple\ndef triple(x):\n    return 3 * x\n", "does not have"),
    "the room": ("# dlcv.hall.double\ndef double(x):\n    return 2 * x\n", "does not have"),
    "a line more": (
        "# dlcv.room.double\ndef double(x: float) -> float:\n    return 2 * x\n\ndouble(2)\n",
        "one definition and nothing else",
    ),
}


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "utils" / "dlcv"
    folder.mkdir(parents=True)
    (folder / "room.py").write_text(PACKAGE)
    return tmp_path


@pytest.mark.parametrize("case", TAUGHT)
def test_taught_code_may_differ_in_words_only(package, case):
    assert taught_code.problem(TAUGHT[case], package) is None


@pytest.mark.parametrize("case", DRIFTED)
def test_taught_code_that_drifted(package, case):
    source, words = DRIFTED[case]
    assert words in taught_code.problem(source, package)


def test_the_rule_on_taught_code_names_the_cell(lecture):
    find(lecture, "mean").source = "# dlcv.device.pick_nothing\ndef pick_nothing():\n    return 1"
    assert reports(rules.taught_code_matches, lecture, "cell mean teaches dlcv.device.pick_nothing")
