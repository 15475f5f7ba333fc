"""Two and three processes take the steps of one; towers agree with the grouped convolution."""

import copy

import pytest
import torch
from distributed import workers
from torch import nn

from dlcv.distributed import WorkerError, launch
from dlcv.distributed.collectives import ring_all_reduce, ring_traffic, weighted_mean
from dlcv.distributed.data_parallel import (
    data_parallel,
    first_and_last,
    largest_difference,
    train_alone,
)
from dlcv.distributed.towers import small_alexnet, tower, two_towers


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    return model, torch.randn(12, 6), torch.randint(0, 3, (12,))


@pytest.mark.parametrize(("way", "count", "K"), [("hand", 12, 2), ("ddp", 12, 3), ("hand", 11, 3)])
def test_gradients_and_weights_are_those_of_one_process(problem, way, count, K):
    model, images, labels = problem
    alone = copy.deepcopy(model)
    steps = train_alone(alone, images[:count], labels[:count], lr=0.1)
    expected = first_and_last(steps, alone, 5)
    for answer in launch(data_parallel, K, way, model, images[:count], labels[:count]):
        for got, wanted in zip(answer, expected, strict=True):
            assert largest_difference(got, wanted) < 1e-6
    assert largest_difference(expected[1], list(model.parameters())) > 1e-3  # there was a way to go


def test_unequal_shards_are_refused_by_ddp_and_an_unknown_way_by_name(problem):
    model, images, labels = problem
    with pytest.raises(WorkerError, match="expected equal shards for 2 workers, got 11"):
        launch(data_parallel, 2, "ddp", model, images[:11], labels[:11])
    with pytest.raises(WorkerError, match="expected one of hand, ddp, got 'nix'"):
        launch(data_parallel, 1, "nix", model, images, labels)


# ------------------------------------------------------------------------------------ collectives
def test_the_weighted_mean_by_hand():
    mean = weighted_mean([torch.tensor([1.0]), torch.tensor([5.0])], [3, 1])
    assert mean.tolist() == [2.0]
    with pytest.raises(ValueError, match=r"a size for each tensor, got 1 and \[\]"):
        weighted_mean([mean], [])
    with pytest.raises(ValueError, match="size for each tensor"):
        weighted_mean([mean], [0])


def test_the_ring_by_hand():
    """Two workers: each sends the half that the other will own, then the finished half."""
    sums, sent = ring_all_reduce([torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])])
    assert [s.tolist() for s in sums] == [[11, 22], [11, 22]]
    assert sent == 2


@pytest.mark.parametrize("K", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("N", [0, 1, 7, 40])
def test_the_ring_gives_everybody_the_sum(K, N):
    generator = torch.Generator().manual_seed(K)
    arrays = [torch.randn(N, generator=generator, dtype=torch.float64) for _ in range(K)]
    before = [array.clone() for array in arrays]
    sums, sent = ring_all_reduce(arrays)
    for total in sums:
        torch.testing.assert_close(total, torch.stack(arrays).sum(dim=0))
    assert all(torch.equal(a, b) for a, b in zip(arrays, before, strict=True))
    if N % K == 0:
        assert sent == pytest.approx(ring_traffic(N, K))


def test_the_ring_between_processes_is_torchs_all_reduce():
    arrays = [torch.randn(10, generator=torch.Generator().manual_seed(k)) for k in range(3)]
    for ours, theirs in launch(workers.ring, 3, arrays):
        torch.testing.assert_close(ours, theirs)


def test_what_the_ring_refuses():
    with pytest.raises(ValueError, match=r"one array \[N\] for each worker, got \[\]"):
        ring_all_reduce([])
    with pytest.raises(ValueError, match=r"got \[\[2\], \[3\]\]"):
        ring_all_reduce([torch.zeros(2), torch.zeros(3)])
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        ring_traffic(1.0, 0)


# ----------------------------------------------------------------------------------------- towers
def test_two_towers_are_a_grouped_convolution():
    layer = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    x = torch.randn(2, 4, 9, 7)
    torch.testing.assert_close(two_towers(x, layer), layer(x))
    with pytest.raises(ValueError, match="two groups, got 1"):
        two_towers(x, nn.Conv2d(4, 6, 3))


def test_two_processes_compute_what_one_does_and_exchange_half_the_maps():
    torch.manual_seed(0)
    model, images = small_alexnet(3, 8), torch.randn(2, 3, 5, 6)
    x = images
    for layer in model[:2]:
        x = layer(x).relu()
    halves = launch(tower, 2, model, images)
    torch.testing.assert_close(torch.cat([maps for maps, _ in halves], dim=1), model[2](x))
    assert [received for _, received in halves] == [2 * 4 * 5 * 6 * 4] * 2
