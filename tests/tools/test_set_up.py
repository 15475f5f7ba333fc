"""What `make setup` installs, and that it does so only when there is a reason."""

import json
import re
import sys
import tomllib

import pytest

from tools import set_up
from tools.executions import ROOT

LOCK = (ROOT / "requirements.txt").read_text().splitlines()


def test_every_dependency_is_pinned():
    pin = re.compile(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .+?)?( +# via .+)?")
    assert LOCK[0].split() == ["-e", "."]
    assert [line for line in LOCK[1:] if not pin.fullmatch(line) and line.strip()[:1] != "#"] == []


def test_the_lock_names_no_registry_and_no_place_on_a_disk():
    assert [line for line in LOCK if "://" in line or "file:" in line] == []


def test_the_lock_holds_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {
        "book",
        "test",
        "bench",
    }  # the last is one benchmark's, and may be absent
    asked = extras["book"] + extras["test"] + project["dependencies"]
    names = {re.match(r"[\w-]+", requirement).group().lower() for requirement in asked}
    pinned = {line.split("==")[0] for line in LOCK}
    assert names - pinned == set()


def test_what_comes_from_npm_is_pinned():
    versions = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert set(versions) == {"axe-core", "katex"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A project that was never set up; the steps are noted, not taken."""
    taken = []
    for name in set_up.INPUTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("uv==1.2.3\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / "node_modules" / "katex").mkdir(parents=True)
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(set_up, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(set_up, "STAMP", tmp_path / ".venv" / "set-up")
    monkeypatch.setattr(set_up, "run", lambda *command: taken.append(" ".join(map(str, command))))
    return taken


def test_a_second_time_there_is_nothing_to_do(steps):
    set_up.main()
    assert [re.sub(r"\S*/", "", step) for step in steps] == [
        f"{sys.executable.rsplit('/', 1)[1]} -m venv --clear .venv",
        "python -m pip install --quiet uv==1.2.3",
        "uv pip install --requirement requirements.txt",
        "npm install --no-package-lock --ignore-scripts --no-audit --no-fund",
    ]
    steps.clear()
    set_up.main()
    assert steps == []


@pytest.mark.parametrize("name", set_up.INPUTS)
def test_a_change_of_what_is_asked_for_is_a_reason(steps, name):
    set_up.main()
    steps.clear()
    (set_up.ROOT / name).write_text("uv==1.2.4\n")
    set_up.main()
    assert steps


def test_lost_packages_are_a_reason(steps):
    set_up.main()
    steps.clear()
    (set_up.ROOT / "node_modules" / "katex").rmdir()
    set_up.main()
    assert steps


def test_an_old_python_is_refused_by_name(steps, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed, .* is "):
        set_up.main()
    assert steps == []


def test_a_step_that_fails_stops_the_setup(tmp_path):
    with pytest.raises(SystemExit, match="make setup stopped at: false"):
        set_up.run("false")
