"""The device room: seeds repeat, the scale is what the environment says, measurements measure."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import dlcv
from dlcv.device import (
    Timer,
    at_scale,
    autocast,
    environment_report,
    peak_memory_mib,
    pick_device,
    scale,
    seed_everything,
)


def draw() -> tuple[float, float, float]:
    legacy = np.random.random()  # noqa: NPY002 (the global generator is what is tested)
    return random.random(), legacy, torch.rand(()).item()


def test_pick_device_takes_cuda_exactly_where_there_is_one():
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_one_seed_repeats_all_three_generators_and_another_changes_all_three():
    seed_everything(3)
    first = draw()
    seed_everything(3)
    again = draw()
    seed_everything(4)
    other = draw()
    assert again == first
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_seed_range_are_accepted(seed):
    seed_everything(seed)
    assert torch.initial_seed() == seed


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_outside_the_range_is_an_error_that_names_it(seed):
    with pytest.raises(ValueError, match=f"got {seed}"):
        seed_everything(seed)


def test_autocast_leaves_the_cpu_in_full_precision():
    with autocast("cpu"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == torch.float32


@pytest.mark.cuda
def test_autocast_multiplies_in_bfloat16_only_when_enabled():
    ones = torch.ones(2, 2, device="cuda")
    expected = torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float32
    with autocast("cuda"):
        assert (ones @ ones).dtype == expected
    with autocast("cuda", enabled=False):
        assert (ones @ ones).dtype == torch.float32


def test_the_timer_measures_the_block_and_survives_an_error_in_it():
    clock = Timer("cpu")
    with pytest.raises(ValueError, match="stop"), clock:
        raise ValueError(f"stop after {torch.ones(50, 50).sum()}")
    assert 0 < clock.seconds < 60


@pytest.mark.cuda
def test_the_timer_waits_for_the_gpu():
    a = torch.rand(4096, 4096, device="cuda")
    with Timer("cuda") as once:
        a @ a
    with Timer("cuda") as many:
        for _ in range(64):
            a @ a
    assert many.seconds > 4 * once.seconds or many.seconds > 0.01


def test_peak_memory_grows_by_a_large_tensor_and_keeps_its_peak_when_that_is_gone():
    script = (
        "import torch; from dlcv.device import peak_memory_mib as peak\n"
        "start = peak('cpu'); block = torch.ones(64 * 2**20); held = peak('cpu')\n"
        "del block; print(start, held, peak('cpu'))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    start, held, afterwards = map(float, run.stdout.split())
    assert start + 200 < held < start + 300  # 64 Mi values of 4 bytes: 256 MiB
    assert afterwards > held - 1  # the kernel counts in batches of pages


@pytest.mark.cuda
def test_peak_memory_on_cuda_counts_the_bytes_of_a_tensor():
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = peak_memory_mib("cuda")
    block = torch.zeros(16 * 2**20, dtype=torch.uint8, device="cuda")
    assert peak_memory_mib("cuda") - before == pytest.approx(block.numel() / 2**20, abs=0.1)


@pytest.mark.parametrize(("word", "value"), [("quick", 3), ("full", 90)])
def test_the_environment_variable_decides_the_scale(monkeypatch, word, value):
    monkeypatch.setenv("DLCV_SCALE", word)
    assert scale() == word
    assert at_scale(quick=3, full=90) == value


def test_without_the_variable_the_hardware_decides(monkeypatch):
    monkeypatch.delenv("DLCV_SCALE", raising=False)
    assert scale() == ("full" if torch.cuda.is_available() else "quick")


@pytest.mark.parametrize("word", ["Quick", "", "medium"])
def test_any_other_scale_is_an_error_that_quotes_it(monkeypatch, word):
    monkeypatch.setenv("DLCV_SCALE", word)
    with pytest.raises(ValueError, match=f"'quick' or 'full', got '{word}'"):
        at_scale(quick=1, full=2)


def test_the_report_is_one_line_with_versions_hardware_and_scale(monkeypatch):
    monkeypatch.setenv("DLCV_SCALE", "quick")
    report = environment_report()
    assert "\n" not in report
    assert report.startswith(f"dlcv {dlcv.__version__} · torch {torch.__version__.split('+')[0]}")
    assert report.endswith("scale: quick")
    assert ("GiB" if torch.cuda.is_available() else "cores") in report
