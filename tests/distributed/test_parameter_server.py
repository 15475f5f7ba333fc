"""The server of real processes: synchronous is plain descent, asynchronous is stale."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

from dlcv.distributed import WorkerError, launch
from dlcv.distributed.parameter_server import Policy, ServerTask, parameter_server


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    return nn.Linear(5, 3), torch.randn(40, 5), torch.randint(0, 3, (40,))


def serve(problem, workers, policy, updates=12, **settings):
    task = ServerTask(policy, updates, batch_size=8, mean_delay_s=0.002, **settings)
    return launch(parameter_server, workers + 1, *problem, task, backend="gloo")


def descend(problem, workers, updates, lr):
    """The same mini-batches, in one process."""
    model, images, labels = problem
    weights = parameters_to_vector(model.parameters()).detach().clone()
    generators = [torch.Generator().manual_seed(rank) for rank in range(1, workers + 1)]
    for _ in range(updates):
        gradients = []
        for generator in generators:
            chosen = torch.randint(len(images), (8,), generator=generator)
            torch.empty(()).exponential_(generator=generator)  # the delay
            w = weights.clone().requires_grad_()
            logits = images[chosen] @ w[:15].reshape(3, 5).T + w[15:]
            (gradient,) = torch.autograd.grad(cross_entropy(logits, labels[chosen]), w)
            gradients.append(gradient)
        weights = weights - lr * torch.stack(gradients).mean(dim=0)
    return weights


def test_synchronous_workers_take_the_steps_of_one_process(problem):
    log, *counts = serve(problem, 2, Policy(2))
    torch.testing.assert_close(log.parameters, descend(problem, 2, 12, lr=0.1))
    assert counts == [12, 12]
    assert (log.staleness, log.dropped) == ([0] * 24, 0)
    assert len(log.update_times_s) == 12
    assert log.update_times_s == sorted(log.update_times_s)


def test_asynchronous_gradients_are_stale_and_all_but_the_last_are_used(problem):
    log, *counts = serve(problem, 3, Policy(1, takes_stale=True), updates=60)
    assert len(log.staleness) == 60
    assert sum(counts) == 60 + log.dropped
    assert log.dropped == 2  # those who were computing when the server closed
    assert 0.5 < sum(log.staleness) / 60 <= 2  # two others, with the beginning below


def test_one_asynchronous_worker_is_never_stale(problem):
    log, count = serve(problem, 1, Policy(1, takes_stale=True))
    assert (log.staleness, log.dropped, count) == ([0] * 12, 0, 12)
    torch.testing.assert_close(log.parameters, descend(problem, 1, 12, lr=0.1))


def test_backup_workers_have_late_gradients_dropped(problem):
    log, *counts = serve(problem, 3, Policy(2), updates=20)
    assert log.staleness == [0] * 40
    assert sum(counts) == 40 + log.dropped
    assert log.dropped > 0


def test_impossible_policies_are_refused(problem):
    with pytest.raises(ValueError, match="wait for a gradient at least, got 0"):
        Policy(0)
    with pytest.raises(WorkerError, match="workers that exist, got 3 of 1 workers"):
        serve(problem, 1, Policy(3))
