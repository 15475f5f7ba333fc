"""`fit` in several processes: the losses of one, the same weights in all, and it goes on."""

import pytest
import torch
from distributed import together
from torch import nn

from dlcv.distributed import WorkerError, launch
from dlcv.training.checkpoint import load_checkpoint
from dlcv.training.processes import Team, batch_size

ROUND_OFF = {"rtol": 1e-4, "atol": 1e-6}  # float32, sums in another order, nine steps


def assert_close(got, expected):
    """Compare two trainings: every loss, every weight, up to round-off."""
    losses = [torch.tensor(each["history"].losses) for each in (got, expected)]
    torch.testing.assert_close(*losses, **ROUND_OFF)
    for name, value in expected["state"].items():
        torch.testing.assert_close(got["state"][name], value, **ROUND_OFF)


def assert_same_bits(got, expected):
    assert got["history"] == expected["history"]
    for name, value in expected["state"].items():
        assert torch.equal(got["state"][name], value), name


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("sgd", 2),
        ("sgd", 3),
        ("adam", 2),
        ("frozen normalisation", 2),
        ("a weight rests", 2),
        ("other weights, other numbers", 2),
    ],
)
def test_several_processes_have_the_losses_and_the_weights_of_one(name, count):
    expected = together.train(0, 1, name)
    answers = launch(together.train, count, name, backend="gloo")
    for answer in answers:
        assert_close(answer, expected)
        assert_same_bits(answer, answers[0])
    start = together.task(name, 0)["model"].state_dict()["0.weight"]
    assert (expected["state"]["0.weight"] - start).abs().max() > 0.01  # there was a way to go


@pytest.mark.cuda
def test_several_gpus_have_the_losses_of_the_cpu():
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    expected = together.train(0, 1, "sgd")
    for answer in launch(together.train, 2, "sgd", backend="nccl"):
        assert answer["history"].losses == pytest.approx(expected["history"].losses, rel=1e-3)


def test_each_sees_its_part_and_the_first_alone_reports():
    first, second = launch(together.train, 2, "sgd", backend="gloo")
    # Of the last batch, one image, the first process sees it too: with weight 0.
    assert first["seen"] == [8, 8, 1] * together.EPOCHS
    assert second["seen"] == [8, 8, 1] * together.EPOCHS
    assert (first["calls"], second["calls"]) == (together.EPOCHS, 0)
    assert [epoch["rank"] for epoch in second["history"].epochs] == [0] * together.EPOCHS


def test_running_statistics_are_those_of_the_first_process():
    """Each normalises its part by that part's own mean, so the losses are not those of one."""
    first, second = launch(together.train, 2, "normalisation", backend="gloo")
    assert_same_bits(second, first)
    expected = together.train(0, 1, "normalisation")["history"].losses
    assert first["history"].losses[0] != pytest.approx(expected[0], rel=1e-3)


@pytest.mark.parametrize("name", ["sgd", "dropout"])
def test_after_one_of_them_was_killed_all_go_on_and_end_the_same(tmp_path, name):
    expected = launch(together.train, 2, name, backend="gloo")
    path = tmp_path / "run.pt"
    with pytest.raises(WorkerError):
        launch(together.train, 2, name, path, 6, backend="gloo")
    assert len(load_checkpoint(path)["losses"]) == 4
    answers = launch(together.train, 2, name, path, backend="gloo")
    assert [len(answer["seen"]) for answer in answers] == [5, 5]
    for answer, wanted in zip(answers, expected, strict=True):
        assert_same_bits(answer, wanted)


def test_one_process_goes_on_with_what_two_began_and_the_other_way_round(tmp_path):
    expected = together.train(0, 1, "sgd")
    for first, then in ((2, 1), (1, 2)):
        path = tmp_path / f"{first}.pt"
        with pytest.raises(WorkerError):
            launch(together.train, first, "sgd", path, 6, backend="gloo")
        assert_close(launch(together.train, then, "sgd", path, backend="gloo")[0], expected)


# ---------------------------------------------------------------------------------------- parts
def team(rank, size):
    result = Team()
    result.rank, result.size = rank, size
    return result


@pytest.mark.parametrize(("B", "K"), [(8, 2), (7, 3), (3, 3), (1, 4), (2, 5)])
def test_the_parts_joined_are_the_batch_and_their_weights_sum_to_one(B, K):
    batch = torch.rand(B, 2), list(range(B))
    shares = [team(rank, K).share(batch) for rank in range(K)]
    assert sum(weight for _, weight in shares) == pytest.approx(1)
    parts = [part for part, weight in shares if weight]
    assert torch.equal(torch.cat([images for images, _ in parts]), batch[0])
    assert [label for _, labels in parts for label in labels] == batch[1]
    assert all(len(images) for (images, _), _ in shares)


def test_a_dict_and_a_tensor_are_taken_apart_too_and_alone_nothing_is():
    assert team(1, 2).share({"x": [1, 2, 3], "y": "abc"}) == ({"x": [2, 3], "y": "bc"}, 2 / 3)
    part, weight = team(0, 2).share(torch.arange(4))
    assert (part.tolist(), weight) == ([0, 1], 0.5)
    assert Team().share(None) == (None, 1.0)


def test_what_cannot_be_taken_apart_is_named():
    assert batch_size((torch.zeros(4, 2), [1, 2, 3, 4])) == 4
    for batch in ((torch.zeros(4), [1]), None, (torch.zeros(2), 0.5), ()):
        with pytest.raises(ValueError, match="one entry for each image, got"):
            team(0, 2).share(batch)


def test_in_one_process_the_model_is_called_as_it_is():
    model = nn.Linear(2, 1)
    loss_of = Team().loss_of(model, lambda model, batch: model(batch).sum())
    assert loss_of(torch.ones(1, 2)).item() == model(torch.ones(1, 2)).item()
