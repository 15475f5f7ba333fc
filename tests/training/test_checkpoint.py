"""Checkpoints: whole or not at all, plain data only, and random numbers that go on."""

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from dlcv.training.checkpoint import (
    checkpoint_file,
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)


def draw() -> tuple:
    legacy = np.random.standard_normal()  # noqa: NPY002 (the global generator is what is tested)
    return random.gauss(0, 1), legacy, torch.randn(3).tolist()


def test_a_round_trip_keeps_every_bit(tmp_path):
    contents = {"t": torch.randn(2, 3), "numbers": [1, 0.1, None, True], "pair": (1, "a")}
    save_checkpoint(tmp_path / "new" / "run.pt", contents)
    loaded = load_checkpoint(tmp_path / "new" / "run.pt")
    assert torch.equal(loaded.pop("t"), contents.pop("t"))
    assert loaded == contents


def test_after_a_failed_save_the_old_file_is_there_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"step": 1})

    def full_disk(contents, file):
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    expected = r"to save .*run\.pt on a disk with room for it, got no space left .*free: \d+ MiB"
    with pytest.raises(OSError, match=expected):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_takes_the_place_of_the_old_one_in_a_single_move(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"step": 1})

    def killed_just_before(source, target):
        assert load_checkpoint(source) == {"step": 2}
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed_just_before)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}


def test_a_damaged_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"weights": torch.randn(1000)})
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"expected a whole checkpoint .* got .*run\.pt"):
            load_checkpoint(path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "run.pt"
    torch.save({"trap": Trap()}, path)
    with pytest.raises(ValueError, match="plain data"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(ValueError, match="plain data"):
        load_checkpoint(path)
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_is_reported_as_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt")


def test_all_generators_go_on_from_a_saved_state(tmp_path):
    draw()  # an odd number of normal draws: half a pair is waiting inside the generators
    save_checkpoint(tmp_path / "random.pt", random_state())
    expected = draw(), draw()
    restore_random_state(load_checkpoint(tmp_path / "random.pt"))
    assert (draw(), draw()) == expected


def test_a_file_is_named_only_if_a_folder_is_and_tells_the_scales_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_SCALE", "full")
    for nothing in (None, ""):
        monkeypatch.delenv("DLCV_CHECKPOINTS", raising=False)
        if nothing is not None:
            monkeypatch.setenv("DLCV_CHECKPOINTS", nothing)
        assert checkpoint_file("12-faster-0") is None
    monkeypatch.setenv("DLCV_CHECKPOINTS", str(tmp_path / "runs"))
    assert checkpoint_file("12-faster-0") == tmp_path / "runs" / "full-12-faster-0.pt"
    assert checkpoint_file("1×1 and 3×3-0.1").name == "full-1×1 and 3×3-0.1.pt"
    monkeypatch.setenv("DLCV_SCALE", "quick")
    assert checkpoint_file("12-faster-0").name == "quick-12-faster-0.pt"
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("DLCV_CHECKPOINTS", "~/runs")
    assert checkpoint_file("a") == Path.home() / "runs" / "quick-a.pt"


@pytest.mark.parametrize("folder", [None, "runs"])
@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "..\\a", "a:b", "a\nb"])
def test_a_name_that_no_file_can_have_is_refused_even_where_nothing_is_saved(
    name, folder, monkeypatch
):
    monkeypatch.delenv("DLCV_CHECKPOINTS", raising=False)
    if folder:
        monkeypatch.setenv("DLCV_CHECKPOINTS", folder)
    with pytest.raises(ValueError, match=r"expected the name of a file without any of .*, got '"):
        checkpoint_file(name)
