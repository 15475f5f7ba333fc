"""Work, memory, large batches: counted by hand, and against torch."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

from dlcv.distributed.costs import (
    Machine,
    Work,
    amdahl,
    layer_work,
    measure_machine,
    median_seconds,
)
from dlcv.distributed.large_batch import scaled_rate, synced_batch_norm, warmup_rate
from dlcv.distributed.memory import Checkpointed, saved_bytes, training_memory
from dlcv.distributed.side_by_side import error_rates, train_many


def test_the_work_of_a_layer_by_hand():
    x = torch.empty(2, 3, 5, 6, device="meta")
    conv = layer_work(nn.Conv2d(3, 4, 3, padding=1, device="meta"), x)
    assert conv.operations == 2 * 27 * (2 * 4 * 5 * 6)
    assert conv.bytes == 4 * (180 + 240 + 4 * 27 + 4)
    relu = layer_work(nn.ReLU(), x)
    assert (relu.operations, relu.bytes) == (180, 4 * 360)
    grouped = layer_work(nn.Conv2d(4, 4, 1, groups=4), torch.ones(1, 4, 2, 2))
    assert grouped.operations == 2 * 16


def test_the_roofline_has_a_slope_and_a_flat_part():
    machine = Machine(peak=100.0, bandwidth=10.0)
    assert machine.ridge == 10
    assert [machine.attainable(i) for i in (1, 10, 50)] == [10, 100, 100]
    assert machine.least_seconds(Work(operations=100, bytes=100)) == 10
    assert Work(operations=100, bytes=100).intensity == 1


def test_the_machine_is_measured():
    machine = measure_machine("cpu", size=64, mib=1)
    assert machine.peak > 1e6
    assert machine.bandwidth > 1e6


def test_the_first_call_does_not_count():
    calls = []
    assert median_seconds(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4
    with pytest.raises(ValueError, match="one repeat, got 0"):
        median_seconds(lambda: None, repeats=0)


def test_amdahl_by_hand():
    assert amdahl(0.0, 8) == 1
    assert amdahl(1.0, 8) == 8
    assert amdahl(0.9, 1e9) == pytest.approx(10)
    for bad in ((1.1, 2), (0.5, 0)):
        with pytest.raises(ValueError, match="workers >= 1"):
            amdahl(*bad)


# ----------------------------------------------------------------------------------------- memory
def test_saved_bytes_by_hand():
    """A linear layer keeps its input, tanh its output, which is the next layer's input too."""
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    assert saved_bytes(model, torch.randn(4, 3)) == 4 * (4 * 3 + 4 * 5)
    assert saved_bytes(nn.Linear(3, 5).requires_grad_(False), torch.randn(4, 3)) == 0
    assert saved_bytes(nn.Linear(3, 5), torch.randn(400, 3)[:4]) == 4 * 4 * 3  # not the whole set


def test_what_is_kept_grows_with_the_batch_and_shrinks_with_checkpoints():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(16)))
    x = torch.randn(10, 8)
    whole = saved_bytes(model, x)
    assert saved_bytes(model, torch.cat([x, x])) == 2 * whole

    halves = nn.Sequential(*(Checkpointed(model[i : i + 4]) for i in range(0, 16, 4)))
    assert saved_bytes(halves, x) == 4 * x.nbytes  # the inputs of the four blocks


def test_checkpoints_change_no_gradient():
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(6)]
    x = torch.randn(10, 8)
    plain = nn.Sequential(*layers)
    ours = nn.Sequential(*(Checkpointed(nn.Sequential(*layers[i : i + 2])) for i in (0, 2, 4)))
    theirs = checkpoint_sequential(plain, 3, x, use_reentrant=False)
    results = []
    for output in (plain(x), ours(x), theirs):
        loss = output.square().sum()
        results.append(torch.autograd.grad(loss, tuple(plain.parameters())))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


@pytest.mark.parametrize(("optimiser", "states"), [("sgd", 0), ("momentum", 1), ("adam", 2)])
def test_the_optimisers_memory_is_what_torch_keeps(optimiser, states):
    model = nn.Linear(7, 9)
    memory = training_memory(model, torch.randn(2, 7), optimiser)
    weights = 4 * (7 * 9 + 9)
    assert (memory.parameters, memory.gradients) == (weights, weights)
    assert memory.optimiser == states * weights
    assert memory.total == (2 + states) * weights + memory.activations
    real = {
        "sgd": torch.optim.SGD(model.parameters(), 0.1),
        "momentum": torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
        "adam": torch.optim.Adam(model.parameters()),
    }[optimiser]
    model(torch.randn(2, 7)).sum().backward()
    real.step()
    kept = [t for state in real.state.values() for t in state.values() if torch.is_tensor(t)]
    assert sum(4 * t.numel() for t in kept if t.dim()) == memory.optimiser


def test_frozen_weights_need_no_gradient():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    memory = training_memory(model, torch.randn(1, 4), "adam")
    assert (memory.gradients, memory.optimiser) == (4 * 10, 8 * 10)
    with pytest.raises(ValueError, match="expected one of sgd, momentum, adam, got 'lion'"):
        training_memory(model, torch.randn(1, 4), "lion")


# -------------------------------------------------------------------------------- large batches
def test_rates_by_hand():
    assert scaled_rate(0.1, 256, 8192) == pytest.approx(3.2)
    assert [warmup_rate(t, 0.1, 0.5, 4) for t in (0, 2, 4, 9)] == pytest.approx(
        [0.1, 0.3, 0.5, 0.5]
    )
    assert warmup_rate(0, 0.1, 0.5, 0) == 0.5
    with pytest.raises(ValueError, match="positive numbers"):
        scaled_rate(0.1, 0, 8)
    with pytest.raises(ValueError, match="steps >= 0"):
        warmup_rate(-1, 0.1, 0.5, 4)


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5)])
def test_synced_batch_norm_is_the_batch_norm_of_the_whole_batch(shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 100
    shards = [x[:1].requires_grad_(), x[1:4], x[4:]]
    whole = torch.cat(shards)
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3, affine=False).double()
    torch.testing.assert_close(torch.cat(synced_batch_norm(shards)), layer(whole))
    weights = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ours = torch.autograd.grad((torch.cat(synced_batch_norm(shards)) * weights).sum(), shards[0])
    theirs = torch.autograd.grad((layer(whole) * weights).sum(), shards[0])
    torch.testing.assert_close(ours, theirs)
    with pytest.raises(ValueError, match="at least one value"):
        synced_batch_norm([torch.zeros(0, 3)])


# ---------------------------------------------------------------------------------- side by side
def test_networks_side_by_side_learn_as_each_alone():
    """The same first weights, batches and rates through torch's own optimiser."""
    torch.manual_seed(0)
    images, labels = torch.randn(20, 64), torch.randint(0, 10, (20,))
    rates, seeds = (0.05, 0.2), (3, 4)
    many = train_many(
        images, labels, rates, seeds, batch=6, epochs=2, warmup_epochs=1, first_rate=0.5
    )
    for k, (rate, seed) in enumerate(zip(rates, seeds, strict=True)):
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b) for a, b in ((64, 64), (64, 64), (64, 10))]
        model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        optimiser = torch.optim.SGD(model.parameters(), momentum=0.9)
        generator, step = torch.Generator().manual_seed(seed), 0
        for _ in range(2):
            for chosen in torch.randperm(20, generator=generator)[:18].split(6):
                optimiser.param_groups[0]["lr"] = warmup_rate(step, rate / 2, rate, 3)
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
                optimiser.step()
                step += 1
        torch.testing.assert_close(many[0][k], layers[0].weight.T)
        torch.testing.assert_close(many[5][k, 0], layers[2].bias)
        wrong = (model(images).argmax(dim=1) != labels).float().mean()
        torch.testing.assert_close(error_rates(many, images, labels)[k], wrong)


def test_side_by_side_wants_a_seed_for_each_rate():
    with pytest.raises(ValueError, match="got 1 rates, 2 seeds, batch 1 of 3 images"):
        train_many(torch.zeros(3, 64), torch.zeros(3), [0.1], [1, 2], 1, 1)
