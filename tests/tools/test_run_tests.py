"""The counts at the end of `make test` are true, whatever happens on the way."""

import re
import sys

import pytest

from tools import run_lectures, run_tests
from tools.run_tests import Stage, pytest_stage, run_all, summary


@pytest.fixture(autouse=True)
def reports(tmp_path, monkeypatch):
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_lectures, "WORKERS", "0")
    (tmp_path / "reports").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")


def python(name, source, needs=()):
    return Stage(name, [sys.executable, "-c", source], needs)


def stage_of(tmp_path, name, source):
    (tmp_path / f"test_{name}.py").write_text(source)
    return pytest_stage(name, f"test_{name}.py")


def last_line(results):
    return summary(results).splitlines()[-1]


def test_passed_tests_are_counted(tmp_path):
    two = stage_of(tmp_path, "two", "def test_a(): pass\ndef test_b(): pass\n")
    results = run_all((two, python("tool", "")))
    assert last_line(results) == "3 passed, 0 failed"


def test_failed_tests_are_counted_and_named(tmp_path):
    source = "import pytest\ndef test_a(): assert 1 == 2\ndef test_b(): pytest.skip('later')\n"
    broken_fixture = "@pytest.fixture\ndef broken(): raise ValueError('boom')\n"
    source += broken_fixture + "def test_c(broken): pass\n"
    results = run_all((stage_of(tmp_path, "mixed", source),))
    assert last_line(results) == "0 passed, 2 failed, 1 skipped"
    assert "test_mixed test_a: assert 1 == 2" in summary(results)
    assert "boom" in summary(results)


def test_a_stage_that_stops_counts_as_failed(tmp_path):
    syntax_error = stage_of(tmp_path, "syntax", "def test_a(: pass\n")
    crash = stage_of(tmp_path, "crash", "import os\ndef test_a(): os._exit(3)\n")
    nothing = stage_of(tmp_path, "nothing", "x = 1\n")
    results = run_all((syntax_error, crash, nothing, python("tool", "raise SystemExit(2)")))
    assert [result.failed for result in results.values()] == [1, 1, 1, 1]
    assert "tool: stopped with exit code 2" in summary(results)
    assert last_line(results) == "0 passed, 4 failed"


def test_later_stages_run_also_after_one_failed(tmp_path):
    later = python("later", "open('ran', 'w')")
    results = run_all((python("first", "raise SystemExit(1)"), later))
    assert (tmp_path / "ran").exists()
    assert last_line(results) == "1 passed, 1 failed"


def test_a_stage_without_what_it_needs_is_not_run_and_counts_as_failed(tmp_path):
    later = python("later", "open('ran', 'w')", needs=("first",))
    results = run_all((python("first", "raise SystemExit(1)"), later))
    assert not (tmp_path / "ran").exists()
    assert "later: not run" in summary(results)
    assert last_line(results) == "0 passed, 2 failed"


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("1", 1)])
def test_the_exit_code_says_whether_all_passed(code, expected, monkeypatch, capsys):
    monkeypatch.setattr(run_tests, "STAGES", (python("only", f"raise SystemExit({code})"),))
    with pytest.raises(SystemExit) as exit_of_main:
        run_tests.main()
    assert exit_of_main.value.code == expected
    assert re.fullmatch(r"\d+ passed, \d+ failed", capsys.readouterr().out.splitlines()[-1])
