"""The project's address is said once, and every copy agrees."""

import subprocess
import sys

import pytest

from tools.executions import ROOT
from tools.repository import address, move, problems

OURS = "https://github.com/someone/course"
COPIES = {
    "pyproject.toml": f'[project]\nname = "dlcv"\n[project.urls]\nRepository = "{OURS}"\n',
    "_config.yml": f"repository:\n  url: {OURS}\n",
    "lectures/01.ipynb": '"[Open](https://colab.research.google.com/github/someone/course/blob/main/'
    f'lectures/01.ipynb)", "%pip install \\"dlcv @ git+{OURS}\\""\n',
    "README.md": f"git clone {OURS}\nhttps://someone.github.io/course/ {OURS}/issues\n",
    "book/credits.md": "https://github.com/someone/course-notes and https://github.com/other/course\n",
}


@pytest.fixture
def project(tmp_path):
    for name, content in COPIES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\xff")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_projects_own_copies_agree():
    assert problems() == []


def test_agreeing_copies_are_no_problem(project):
    assert problems(project) == []


@pytest.mark.parametrize("name", ["_config.yml", "lectures/01.ipynb", "README.md"])
def test_a_copy_that_drifted_is_reported(project, name):
    path = project / name
    path.write_text(path.read_text().replace("someone/course", "someone/old"))
    found = problems(project)
    assert found
    assert all(line.startswith(f"{name}: ") for line in found)
    assert all(line.endswith("goes to someone/old, expected someone/course") for line in found)


def test_the_verb_changes_every_copy_and_nothing_else(project):
    changed = move("https://github.com/new-owner/book.2", project)
    names = {str(path.relative_to(project)) for path in changed}
    assert names == set(COPIES) - {"book/credits.md"}
    assert address(project) == "https://github.com/new-owner/book.2"
    assert problems(project) == []
    assert "https://new-owner.github.io/book.2/" in (project / "README.md").read_text()
    assert (project / "book/credits.md").read_text() == COPIES["book/credits.md"]
    assert move(OURS, project)
    assert {name: (project / name).read_text() for name in COPIES} == COPIES


@pytest.mark.parametrize("words", [[], ["gitlab.com/a/b"], ["https://github.com/a"]])
def test_an_odd_address_is_refused(words):
    command = [sys.executable, "-m", "tools.repository", *words]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert "expected make repository URL=https://github.com/owner/name" in result.stderr
