"""A new lecture passes every check from its first minute on."""

import os
import subprocess
import sys

import pytest

from tools.new_lecture import enter, lay_out


def run(project, *command):
    """Run a command in a copy of the project, with the copy's package and tools."""
    paths = os.pathsep.join((str(project / "utils"), str(project)))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    capture = {"capture_output": True, "text": True}
    return subprocess.run([sys.executable, *command], cwd=project, env=environment, **capture)


def test_a_new_lecture_runs_and_passes_all_checks(project_copy):
    made = run(project_copy, "-m", "tools.new_lecture", "99b_sums_and_means")
    assert made.returncode == 0, made.stdout + made.stderr
    lecture = "lectures/99b_sums_and_means.ipynb"
    checked = run(project_copy, "-m", "tools.check")
    assert "sums_and_means" not in checked.stdout, checked.stdout
    tested = run(project_copy, "-m", "pytest", "--nbval-lax", lecture)
    assert tested.returncode == 0, tested.stdout
    assert (project_copy / "_build" / lecture).exists()
    exercises = run(project_copy, "-m", "pytest", "tests/study/test_exercises.py", "-k", "99b")
    assert exercises.returncode == 0, exercises.stdout


@pytest.fixture
def small_project(tmp_path):
    exercises = tmp_path / "utils" / "dlcv" / "study" / "exercises"
    exercises.mkdir(parents=True)
    (exercises / "__init__.py").write_text('TOPICS = {"01": "perceptron"}  # lecture → module\n')
    toc = "parts:\n  - chapters:\n      - file: lectures/01_perceptron\n  - caption: Appendix\n"
    (tmp_path / "_toc.yml").write_text(toc)
    return tmp_path


def test_a_new_lecture_is_entered_where_lectures_are_listed(small_project):
    notebook = lay_out("16_world_models", small_project)
    assert notebook == small_project / "lectures" / "16_world_models.ipynb"
    assert (small_project / "_toc.yml").read_text() == (
        "parts:\n  - chapters:\n      - file: lectures/01_perceptron\n"
        "      - file: lectures/16_world_models\n  - caption: Appendix\n"
    )
    exercises = small_project / "utils" / "dlcv" / "study" / "exercises"
    entered = 'TOPICS = {"01": "perceptron", "16": "world_models"}  # lecture → module\n'
    assert (exercises / "__init__.py").read_text() == entered
    compile((exercises / "world_models.py").read_text(), "world_models.py", "exec")


def test_a_lecture_is_never_overwritten(small_project):
    lay_out("16_world_models", small_project)
    with pytest.raises(FileExistsError, match="expected a new lecture"):
        lay_out("16_world_models", small_project)


def test_a_list_without_a_place_to_enter_is_an_error(tmp_path):
    (tmp_path / "list").write_text("nothing here\n")
    with pytest.raises(ValueError, match="expected something like"):
        enter(tmp_path / "list", r"file: lectures/\w+", "more")


@pytest.mark.parametrize("name", ["", "title", "1_title", "16_Title", "16 title"])
def test_an_odd_name_is_refused(name):
    result = subprocess.run(
        [sys.executable, "-m", "tools.new_lecture", name], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "expected make new-lecture NAME=16_title" in result.stderr
