"""A browser is found, or installed, or its absence is said aloud."""

import pytest

from tools import ensure_browser


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(ensure_browser, "candidates", lambda playwright: [])


@pytest.fixture
def installers(monkeypatch):
    """The two ways to install one, that only note that they were tried."""
    tried = []
    for name in ("download", "install_package"):
        way = lambda name=name: tried.append(name)  # noqa: E731
        way.__doc__ = f"trying {name}"
        monkeypatch.setattr(ensure_browser, name, way)
    return tried


def test_the_browser_that_is_found_starts(installers):
    assert ensure_browser.ensure_browser() == ensure_browser.browser_path()
    assert installers == []


def test_a_browser_that_does_not_start_is_passed_over(monkeypatch, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    working = ensure_browser.browser_path()
    monkeypatch.setattr(ensure_browser, "candidates", lambda playwright: [str(broken), working])
    assert ensure_browser.browser_path() == working


def test_both_ways_are_tried_before_giving_up(no_browser, installers):
    with pytest.raises(FileNotFoundError, match="expected an installed Chromium"):
        ensure_browser.ensure_browser()
    assert installers == ["download", "install_package"]


def test_a_way_that_fails_does_not_keep_the_next_from_being_tried(
    no_browser, installers, monkeypatch
):
    def no_such_program():
        """trying in vain"""
        raise OSError("no such program")

    monkeypatch.setattr(ensure_browser, "download", no_such_program)
    with pytest.raises(FileNotFoundError):
        ensure_browser.ensure_browser()
    assert installers == ["install_package"]
