"""Processes start, answer, and end: also when one of them raises, dies or never comes back."""

import multiprocessing
import signal
import sys
import time

import pytest
import torch
import torch.distributed as dist
from distributed import workers

from dlcv.distributed import WorkerError, launch
from dlcv.distributed.launcher import hidden_main


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def test_every_worker_answers_with_its_own_rank_and_all_sum_up():
    assert launch(workers.rank_and_sum, 3, 10.0) == [(0, 3, 33.0), (1, 3, 33.0), (2, 3, 33.0)]


def test_one_worker_is_enough():
    assert launch(workers.rank_and_sum, 1, 10.0) == [(0, 1, 10.0)]


def test_tensors_travel_both_ways():
    (answer,) = launch(workers.doubled, 1, torch.arange(3.0))
    assert answer.tolist() == [0, 2, 4]


def test_workers_have_one_thread_and_use_gloo_over_loopback():
    assert launch(workers.surroundings, 1) == [
        (1, "gloo", "lo0" if sys.platform == "darwin" else "lo")
    ]


def test_a_worker_that_raises_is_quoted_and_the_others_are_stopped():
    start = time.monotonic()
    with pytest.raises(
        WorkerError, match=r"worker 1 of 2 raised ValueError: no such luck(.|\n)*fails"
    ):
        launch(workers.fails_on_one, 2)
    assert time.monotonic() - start < 30  # worker 0 waits for a message that never comes


def test_a_worker_that_is_killed_is_named():
    with pytest.raises(WorkerError, match=r"worker 1 of 2 died without a word \(exit code -9\)"):
        launch(workers.dies_on_one, 2, signal.SIGKILL)


def test_workers_that_never_finish_are_stopped(monkeypatch):
    monkeypatch.setattr("dlcv.distributed.launcher.SLOW_START_S", 5.0)
    with pytest.raises(WorkerError, match="in time, got no answer from 0"):
        launch(workers.sleeps_on_zero, 2, timeout_s=3.0)  # time enough to meet, on a busy machine


def test_a_function_of_a_notebook_is_refused_with_a_reason():
    def local(rank, world_size):
        return rank

    local.__module__ = "__main__"
    with pytest.raises(ValueError, match=r"importable module.*got local, defined in this notebook"):
        launch(local, 2)


@pytest.mark.parametrize(("world_size", "timeout_s"), [(0, 1.0), (2, 0.0)])
def test_no_worker_or_no_time_is_an_error(world_size, timeout_s):
    with pytest.raises(ValueError, match="expected a worker and some time"):
        launch(workers.rank_and_sum, world_size, 1.0, timeout_s=timeout_s)


def test_the_main_program_is_hidden_from_new_processes_and_comes_back():
    main = sys.modules["__main__"]
    with hidden_main():
        assert not hasattr(sys.modules["__main__"], "__file__")
    assert sys.modules["__main__"] is main


def test_nothing_is_joined_in_this_process():
    launch(workers.rank_and_sum, 1, 1.0)
    assert not dist.is_initialized()
