"""The race on CIFAR-10: its arithmetic, its reference, and a small training through all of it."""

import shlex
import socket
import sys

import pytest
import torch
from photo_files import accept
from real_files import write_cifar

from benchmarks import cifar10_speed
from benchmarks.cifar10_speed import (
    Outcome,
    Recipe,
    ReferenceFailed,
    report,
    run_reference,
    take_turns,
    train_once,
)
from dlcv.classification.speed_net import SpeedNet
from dlcv.distributed.speedrun import Machinery, race_data


def says(text):
    return [sys.executable, "-c", f"print({text!r})"]


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["cifar10_speed", *arguments])
    cifar10_speed.main()


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def tiny(monkeypatch):
    """Both races as small as can be."""
    for name in ("cifar10", "scenes"):
        monkeypatch.setitem(cifar10_speed.RECIPES, name, Recipe(1, batch_size=16))
        monkeypatch.setitem(cifar10_speed.WIDTHS, name, (4, 8, 8))


def test_both_sides_and_their_ratio_by_hand():
    ours = [Outcome(8.0, 0.95), Outcome(6.0, 0.94), Outcome(7.0, 0.93)]
    text = report({"ours": ours, "reference": [Outcome(2.0, 0.93)] * 3}).splitlines()
    numbers = "ours: 7.00 s, accuracy 94.00% (93.00% to 95.00%), seeds: 3"
    assert text[0] == f"{numbers}; 94% reached"
    assert text[1].startswith("reference: 2.00 s, accuracy 93.00%")
    assert text[1].endswith("; 94% not reached")
    assert text[2] == "ours takes 3.50 times as long as the reference"
    assert report({"ours": ours}, goal=None) == numbers


def test_the_sides_take_turns():
    asked = []

    def side(name):
        return lambda seed: asked.append(f"{name}{seed}") or Outcome(1.0, 0.5)

    outcomes = take_turns({"a": side("a"), "b": side("b")}, 3)
    assert asked == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [len(runs) for runs in outcomes.values()] == [3, 3]


def test_the_last_line_of_the_reference_counts():
    assert run_reference(says("epoch 3 0.5\n3.29 s, accuracy 0.9401\n")) == Outcome(3.29, 0.9401)


@pytest.mark.parametrize("text", ["", "done", "3.29", "3.29 94.01", "1 2 0.5"])
def test_a_reference_that_says_something_else_is_named(text):
    got = repr(text) if text else "nothing"
    with pytest.raises(ReferenceFailed, match=f"seconds and accuracy in its last line, got {got}"):
        run_reference(says(text))


def test_without_a_gpu_the_scenes_stand_in_and_this_is_said(monkeypatch, capsys, tiny):
    command = shlex.join(says("2.5 0.5"))
    run_main(monkeypatch, "--seeds", "1", "--reference", command)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "The book's scenes instead of CIFAR-10, as there is no GPU: no time to 94%."
    assert lines[2].startswith("ours, seed 0: ")
    assert lines[3] == "reference, seed 0: 2.50 s, 50.00% right"
    assert lines[-2] == "reference: 2.50 s, accuracy 50.00% (50.00% to 50.00%), seeds: 1"
    assert lines[-1].startswith("ours takes ")
    run_main(monkeypatch, "--seeds", "1", "--data", "scenes")
    assert "instead of CIFAR-10, as asked for" in capsys.readouterr().out


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_goes_through_it_from_the_official_layout(
    monkeypatch, capsys, tmp_path, tiny, packed
):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    write_cifar(tmp_path, "cifar10", packed, random=8)
    accept(monkeypatch, "cifar10", tmp_path)
    run_main(monkeypatch, "--data", "cifar10", "--seeds", "2", "--epochs", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["ours, seed 0", "ours, seed 1", "ours"]
    assert lines[-1].endswith("seeds: 2; 94% not reached")


def test_without_the_data_one_sentence_says_what_to_do(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"cifar10 could not be fetched \(.*no network here"):
        run_main(monkeypatch, "--data", "cifar10")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", "gave no result: it ended with status 3."),
        ("1 / 0", "gave no result: it ended with status 1."),
        ("print('hello')", "gave no result: .* in its last line, got 'hello'."),
        ("pass", "gave no result: .* in its last line, got nothing."),
    ],
)
def test_a_reference_without_a_result_ends_it_in_one_sentence(
    monkeypatch, capfd, tiny, code, message
):
    """And its own errors have been shown."""
    command = shlex.join([sys.executable, "-c", code])
    with pytest.raises(SystemExit, match=message):
        run_main(monkeypatch, "--seeds", "1", "--reference", command)
    assert ("ZeroDivisionError" in capfd.readouterr().err) == ("/" in code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seeds", "0"), "a whole number, at least 1, got '0'"),
        (("--epochs", "-1"), "a whole number, at least 1, got '-1'"),
        (("--reference", "no_such_program x"), "that can be run, got 'no_such_program x'"),
        (("--reference", ""), "that can be run, got ''"),
        (("--reference", "python 'x"), 'No closing quotation in "python \'x"'),
        (("--data", "mnist"), "invalid choice: 'mnist'"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_trained(
    monkeypatch, capsys, arguments, message
):
    with pytest.raises(SystemExit):
        run_main(monkeypatch, *arguments)
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_its_help_shows_how_to_call_it_and_what_the_reference_must_say(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_main(monkeypatch, "--help")
    printed = capsys.readouterr().out
    for text in ('--reference "python theirs.py"', '"3.29 0.9401"', "--data {cifar10,scenes}"):
        assert text in printed


def test_a_small_training_goes_through_it():
    data = race_data("scenes")
    assert data[0][0].shape == (640, 3, 24, 24)
    assert len(data[1][1]) == 400
    recipe = Recipe(epochs=1, batch_size=64)
    outcome, again = (train_once(data, recipe, Machinery(), (16, 24, 24), 0) for _ in range(2))
    assert outcome.seconds > 0
    assert outcome.accuracy > 0.16  # chance is 0.125
    assert outcome.accuracy == again.accuracy


def test_warming_up_leaves_no_trace():
    torch.manual_seed(0)
    data = torch.randint(256, (16, 3, 24, 24), dtype=torch.uint8), torch.arange(16) % 2
    model = SpeedNet(2, data[0] / 255, (4, 8, 8))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recipe = Recipe(epochs=1, batch_size=8)
    cifar10_speed.warm_up(model, data, recipe, Machinery(), torch.device("cpu"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_there_is_no_other_race():
    with pytest.raises(ValueError, match="expected 'cifar10' or 'scenes', got 'mnist'"):
        race_data("mnist")
