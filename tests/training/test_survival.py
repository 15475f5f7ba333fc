"""Trainings in processes that are killed, on full disks, with damaged files: they end the same."""

import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training import long_runs

from dlcv.training.checkpoint import load_checkpoint, previous, save_checkpoint

LONGEST_S = 120


@pytest.fixture(scope="module")
def run():
    """Train in a process of its own, see `long_runs.train`, and return its exit code."""
    command = [sys.executable, "-m", "training.long_runs"]
    tests = Path(long_runs.__file__).parent.parent
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tests, **pipes) as server:

        def train(task, folder, seed=0, kill=None, wait_s=LONGEST_S):
            server.stdin.write(json.dumps([[task, str(folder), seed, kill], wait_s]) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield train
        server.stdin.close()


def ending(folder):
    """Return the weights and the history that a training ended with."""
    return torch.load(folder / "done.pt", weights_only=True)


def assert_same(folder, expected):
    got = ending(folder)
    assert got["history"] == expected["history"]
    for name, weights in expected["weights"].items():
        assert torch.equal(got["weights"][name], weights), name


@pytest.fixture(scope="module", params=long_runs.TASKS)
def unbroken(request, run, tmp_path_factory):
    """A task, and how it ends if nothing happens."""
    folder = tmp_path_factory.mktemp(request.param)
    assert run(request.param, folder) == 0
    return request.param, ending(folder)


def test_killed_again_and_again_in_steps_and_in_saves_it_ends_the_same(run, unbroken, tmp_path):
    task, expected = unbroken
    steps, draw, killed = len(expected["history"]["losses"]), random.Random(task), []
    while not (tmp_path / "done.pt").exists():
        seed = len(killed)  # a new process has other weights and other random numbers
        place = [*long_runs.PLACES][seed % 3]
        visit = draw.randint(3, steps // 3 if place == "before a step" else steps // 6)
        code = run(task, tmp_path, seed, (place, visit))
        assert code in (0, -signal.SIGKILL)
        killed += [place] if code else []
    assert set(killed) == set(long_runs.PLACES)
    assert_same(tmp_path, expected)
    assert {file.name for file in tmp_path.iterdir()} == {"run.pt", "run.pt.previous", "done.pt"}


def test_killed_from_outside_at_any_moment_it_ends_the_same(run, unbroken, tmp_path):
    task, expected = unbroken
    draw, patience_s, kills = random.Random(1), 0.05, 0
    while True:
        seed = kills if (tmp_path / "run.pt").exists() else 0
        if run(task, tmp_path, seed, wait_s=draw.random() * patience_s) == 0:
            break
        kills += 1
        patience_s *= 1.3  # until it is enough, on whatever machine this is
    assert kills >= 2
    assert_same(tmp_path, expected)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_costs_the_time_since_the_one_before(run, unbroken, tmp_path, damage):
    task, expected = unbroken
    assert run(task, tmp_path, kill=("before a step", 6)) == -signal.SIGKILL
    path = tmp_path / "run.pt"
    whole = path.read_bytes()
    assert len(load_checkpoint(path)["losses"]) == 4
    flipped = whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1])
    flipped += whole[len(flipped) :]
    path.write_bytes({"cut": whole[:-100], "flipped": flipped, "empty": b""}[damage])
    with pytest.warns(UserWarning, match=r"got .*run\.pt: .* Going on from .*run\.pt\.previous"):
        assert len(load_checkpoint(path)["losses"]) == 2
    assert run(task, tmp_path, seed=7) == 0
    assert_same(tmp_path, expected)


def test_if_both_files_are_damaged_it_says_so_and_touches_neither(tmp_path):
    path = tmp_path / "run.pt"
    for step in (1, 2):
        save_checkpoint(path, {"step": step})
    for file in (path, previous(path)):
        file.write_bytes(file.read_bytes()[:-9])
    before = path.read_bytes(), previous(path).read_bytes()
    with pytest.raises(ValueError, match=r"whole checkpoint .* got .*run\.pt\.previous"):
        load_checkpoint(path)
    assert (path.read_bytes(), previous(path).read_bytes()) == before


def test_a_full_disk_is_named_and_leaves_the_checkpoints_as_they_were(run, tmp_path):
    assert run("digits", tmp_path, kill=("before a step", 6)) == -signal.SIGKILL
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert run("digits", tmp_path, kill=("full disk", 8_000)) == 1
    said = tmp_path / "said.txt"
    assert re.search(r"expected to save .*run\.pt on a disk with room for it", said.read_text())
    said.unlink()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert run("digits", tmp_path) == 0  # with room again, it goes on
