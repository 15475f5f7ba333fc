"""`make check` runs every check and says what each one found."""

import pytest

from tools import check


def test_all_checks_run_and_the_findings_are_shown(monkeypatch, capsys):
    checks = {"first": lambda: ["one thing", "another"], "second": list, "third": lambda: ["x"]}
    monkeypatch.setattr(check, "CHECKS", checks)
    with pytest.raises(SystemExit) as exit_of_main:
        check.main()
    assert exit_of_main.value.code == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["FAILED", "first"],
        ["one", "thing"],
        ["another"],
        ["ok", "second"],
        ["FAILED", "third"],
        ["x"],
    ]


def test_nothing_found_is_success(monkeypatch):
    monkeypatch.setattr(check, "CHECKS", {"only": list})
    with pytest.raises(SystemExit) as exit_of_main:
        check.main()
    assert exit_of_main.value.code == 0


def test_a_program_that_fails_is_quoted(tmp_path, monkeypatch):
    (tmp_path / "spoiled.py").write_text("import os\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (finding,) = check.complaints("ruff", "check", "--quiet", "--output-format=concise", ".")
    assert finding.startswith("spoiled.py:1:8: F401")
    assert check.complaints("ruff", "--version") == []


def test_a_large_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "large.bin").write_bytes(bytes(1_000_001))
    (tmp_path / "small.bin").write_bytes(bytes(1_000_000))
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check.repository, "files", lambda: sorted(tmp_path.iterdir()))
    assert check.large_files() == ["large.bin has 1000 KB, expected at most 1000"]
