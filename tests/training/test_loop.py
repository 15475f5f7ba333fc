"""The training loop: it learns, it measures, and after any stop it goes on as if there was none."""

import math
import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from dlcv.data.batches import Batches
from dlcv.training import (
    TrainConfig,
    accuracy,
    classification_loss,
    eval_mode,
    evaluate,
    fit,
)
from dlcv.training.checkpoint import load_checkpoint, save_checkpoint

EPOCHS, STEPS = 3, 5


class Stop(Exception):
    """Stands for a power cut."""


def blobs(N: int = 36) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes of 4x5 images, easy to tell apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(N) % 3
    return torch.randn(N, 1, 4, 5, generator=generator) + 2 * labels[:, None, None, None], labels


def network(seed: int = 0) -> nn.Sequential:
    """A small net with all that has a state: weights, running statistics, random dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(80, 3),
    )


def jitter(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return images + 0.1 * torch.randn(images.shape, generator=generator)


class Noisy(Dataset):
    """A data set of the usual kind: its augmentation draws from all three global generators."""

    def __len__(self) -> int:
        return 36

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = blobs()
        legacy = np.random.standard_normal()  # noqa: NPY002 (as augmentations often do)
        return images[index] + 0.1 * (torch.randn(1, 4, 5) + random.gauss(0, 1) + legacy), labels[
            index
        ]


def device_batches() -> Batches:
    return Batches(*blobs(), batch_size=8, seed=3, augment=jitter)


def loader() -> DataLoader:
    return DataLoader(Noisy(), batch_size=8, shuffle=True)


def measure(model: nn.Module) -> dict[str, float]:
    return {"accuracy": evaluate(model, [blobs()]), "luck": random.random()}


def stop_after(calls: int):
    """Return a loss that fails at the given call."""
    count = 0

    def loss(model, batch):
        nonlocal count
        count += 1
        if count > calls:
            raise Stop
        return classification_loss(model, batch)

    return loss


def train(path, make_batches, config, save_every=0, loss_fn=classification_loss, seed=0):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the global generator is what is tested)
    model = network(seed)
    settings = {"checkpoint": path, "save_every": save_every, "validate": measure}
    history = fit(model, make_batches(), loss_fn, config, **settings)
    return model, history


def assert_same_bits(model: nn.Module, other: nn.Module) -> None:
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


SGD = TrainConfig(EPOCHS, lr=0.05, schedule="cosine", weight_decay=1e-3, warmup_steps=2)
ADAM = TrainConfig(
    EPOCHS, lr=0.01, optimiser="adamw", schedule="step", lr_drops=(2,), clip_norm=1.0
)


@pytest.mark.parametrize("save_every", [0, 1, 2, STEPS])
@pytest.mark.parametrize("config", [SGD, ADAM], ids=["sgd", "adamw"])
@pytest.mark.parametrize("make_batches", [device_batches, loader])
def test_after_a_stop_at_any_step_weights_and_history_are_those_of_no_stop(
    tmp_path, make_batches, config, save_every
):
    expected_model, expected = train(None, make_batches, config)
    assert len(expected.losses) == EPOCHS * STEPS
    for stop in random.Random(save_every).sample(range(EPOCHS * STEPS), 5):
        path = tmp_path / f"{stop}.pt"
        with pytest.raises(Stop):
            train(path, make_batches, config, save_every, loss_fn=stop_after(stop))
        # A new process starts with other weights and other random numbers.
        model, history = train(path, make_batches, config, save_every, seed=99)
        assert history == expected
        assert_same_bits(model, expected_model)


def test_a_training_that_is_stopped_again_and_again_ends_the_same(tmp_path):
    expected_model, expected = train(None, device_batches, SGD)
    path, stops = tmp_path / "run.pt", 0
    while True:
        try:
            model, history = train(path, device_batches, SGD, 1, stop_after(1), seed=stops)
            break
        except Stop:
            stops += 1
    assert stops == EPOCHS * STEPS - 1
    assert history == expected
    assert_same_bits(model, expected_model)


def test_a_stop_while_validating_after_the_last_step_of_an_epoch(tmp_path):
    expected_model, expected = train(None, device_batches, SGD)

    def fail(model):
        raise Stop

    random.seed(0)
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        fit(
            network(),
            device_batches(),
            classification_loss,
            SGD,
            checkpoint=path,
            save_every=STEPS,
            validate=fail,
        )
    assert len(load_checkpoint(path)["losses"]) == STEPS
    model, history = train(path, device_batches, SGD, seed=99)
    assert history == expected
    assert_same_bits(model, expected_model)


def test_a_finished_training_is_read_back_without_a_step(tmp_path):
    path = tmp_path / "run.pt"
    expected_model, expected = train(path, device_batches, SGD)
    model, history = train(path, device_batches, SGD, loss_fn=stop_after(0), seed=99)
    assert history == expected
    assert_same_bits(model, expected_model)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train(path, device_batches, SGD)
    with pytest.raises(ValueError, match=r"'optimiser': \('sgd', 'adamw'\)"):
        train(path, device_batches, ADAM)
    save_checkpoint(tmp_path / "foreign.pt", {"model": {}})
    with pytest.raises(ValueError, match=r"'epochs': \(None, 3\)"):
        train(tmp_path / "foreign.pt", device_batches, SGD)
    with pytest.raises(ValueError, match=r"now\) {'steps_per_epoch': \(5, 9\)}"):
        train(path, lambda: Batches(*blobs(), batch_size=4), SGD)


def test_a_checkpoint_of_another_network_is_refused_and_nothing_is_changed(tmp_path):
    path, other = tmp_path / "run.pt", nn.Sequential(nn.Flatten(), nn.Linear(20, 3))
    train(path, device_batches, SGD)
    before = other[1].weight.detach().clone()
    message = (
        r"got .*run\.pt of another one, .*'1\.weight': \(\(4,\), \(3, 20\)\).* Delete the file"
    )
    with pytest.raises(ValueError, match=message):
        fit(other, device_batches(), classification_loss, SGD, checkpoint=path)
    assert torch.equal(other[1].weight, before)


def test_one_step_of_plain_descent_by_hand():
    """The loss (w - 3)² has slope -6 at w = 0; with rate 0.5 the step leads to 3."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    config = TrainConfig(epochs=1, lr=0.5, momentum=0.0)
    history = fit(model, [None], lambda model, batch: (model.weight - 3).square().sum(), config)
    assert model.weight.item() == 3
    assert history.losses == [9]
    assert history.epochs == [{"epoch": 1, "loss": 9}]


def test_the_loop_equals_one_written_out(tmp_path):
    batches = Batches(*blobs(), batch_size=8, seed=3)
    model, twin = network(), network()
    torch.manual_seed(5)
    fit(model, batches, classification_loss, TrainConfig(epochs=2, lr=0.1))
    torch.manual_seed(5)
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(2):
        for images, labels in batches.epoch(epoch):
            optimiser.zero_grad()
            F.cross_entropy(twin(images), labels).backward()
            optimiser.step()
    assert_same_bits(model, twin)


def test_it_learns_three_easy_classes():
    model, history = train(None, device_batches, TrainConfig(epochs=20, lr=0.02))
    assert evaluate(model, [blobs()]) >= 0.95
    assert history.epochs[-1]["loss"] < 0.5 * history.epochs[0]["loss"]


def test_the_norm_of_a_gradient_is_clipped():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    config = TrainConfig(epochs=1, lr=1.0, momentum=0.0, clip_norm=0.25)
    fit(model, [None], lambda model, batch: 100 * model.weight.sum(), config)
    assert model.weight.item() == pytest.approx(-0.25, rel=1e-5)


def test_another_optimiser_with_a_rate_for_each_part_follows_the_schedule():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[1].parameters()}]
    optimiser = torch.optim.SGD(groups, lr=0.1)
    seen = []

    def loss(model, batch):
        seen.append([group["lr"] for group in optimiser.param_groups])
        return model(torch.ones(1, 2)).sum()

    config = TrainConfig(epochs=2, lr=0.1, schedule="step", lr_drops=(1,))
    fit(model, [None], loss, config, optimiser=optimiser)
    assert seen == [[0.5, 0.1], [pytest.approx(0.05), pytest.approx(0.01)]]


def test_a_loss_that_is_not_finite_stops_training_and_leaves_weights_and_checkpoint(tmp_path):
    path, model, calls = tmp_path / "run.pt", network(), 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        return classification_loss(model, batch) * (math.nan if calls == 8 else 1)

    message = r"the loss is nan at step 7 with learning rate 0\.05; last finite loss: \d"
    with pytest.raises(FloatingPointError, match=message):
        fit(model, device_batches(), loss, TrainConfig(3, lr=0.05), checkpoint=path)
    assert all(p.isfinite().all() for p in model.parameters())
    state = load_checkpoint(path)
    assert len(state["losses"]) == STEPS
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


def test_weights_that_broke_are_not_saved_over_good_ones(tmp_path):
    """An infinite gradient at a finite loss: the last step of epoch 2 spoils the weights."""
    path, calls = tmp_path / "run.pt", 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        if calls == 2 * STEPS:
            return (model[0].weight - model[0].weight.detach()).sqrt().sum()
        return classification_loss(model, batch)

    with pytest.raises(FloatingPointError, match=r"a value of 0\.weight is not finite at step 10"):
        fit(network(), device_batches(), loss, TrainConfig(3, lr=0.05), checkpoint=path)
    assert len(load_checkpoint(path)["losses"]) == STEPS


def test_a_first_loss_that_is_not_finite_is_reported_as_such():
    images, labels = torch.full((2, 1, 4, 5), math.inf), torch.tensor([0, 1])
    with pytest.raises(FloatingPointError, match=r"is nan at step 0 .* last finite loss: none"):
        fit(network(), [(images, labels)], classification_loss, TrainConfig(1, lr=0.1))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (
            blobs(36),
            r"a batch of 36 \(set the batch size to 18; .* lecture 08\), 2 GiB are missing",
        ),
        (blobs(1), r"a batch of 1 \(make the image smaller\)"),
        (None, r"a larger one \(make the batch smaller\)"),
    ],
)
def test_out_of_memory_names_the_batch_size_to_set(batch, message):
    def too_large(model, batch):
        raise torch.cuda.OutOfMemoryError("2 GiB are missing")

    with pytest.raises(torch.cuda.OutOfMemoryError, match=message) as caught:
        fit(network(), [batch], too_large, TrainConfig(1, lr=0.1))
    assert str(caught.value.__cause__) == "2 GiB are missing"


def test_frozen_batch_normalisation_stays_frozen_and_a_model_in_evaluation_mode_is_woken():
    model = network()
    model[1].eval()
    modes = []

    def loss(model, batch):
        modes.append((model[1].training, model[4].training))
        return classification_loss(model, batch)

    before = model[1].running_mean.clone()
    fit(model, device_batches(), loss, TrainConfig(2, lr=0.1), validate=measure)
    assert set(modes) == {(False, True)}
    assert torch.equal(model[1].running_mean, before)
    model.eval()
    fit(model, device_batches(), loss, TrainConfig(1, lr=0.1))
    assert modes[-1] == (True, True)


def test_on_epoch_hears_of_every_epoch_and_of_what_a_checkpoint_brought(tmp_path):
    heard, path, config = [], tmp_path / "run.pt", TrainConfig(3, lr=0.1)

    def note(history):
        heard.append(len(history.epochs))

    for _ in range(2):
        fit(
            network(), device_batches(), classification_loss, config, checkpoint=path, on_epoch=note
        )
    assert heard == [1, 2, 3, 3]


def test_no_epoch_and_no_batch():
    history = fit(network(), device_batches(), classification_loss, TrainConfig(0, lr=0.1))
    assert (history.losses, history.epochs) == ([], [])
    with pytest.raises(ValueError, match="at least one batch, got 0"):
        fit(network(), [], classification_loss, TrainConfig(1, lr=0.1))


def shown(monkeypatch, capsys, seconds, is_terminal=True, on_epoch=None) -> str:
    """What a training of 15 steps prints, by a clock on which each takes some seconds."""
    now = 0.0

    def loss(model, batch):
        nonlocal now
        now += seconds
        return classification_loss(model, batch)

    monkeypatch.setattr("tqdm.std.time", lambda: now)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    fit(network(), device_batches(), loss, TrainConfig(3, lr=0.1), on_epoch=on_epoch)
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_training_of_more_than_ten_seconds_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.delenv("DLCV_STATIC", raising=False)
    out = shown(monkeypatch, capsys, 4)
    assert " 2/15 [" not in out  # after 8 s
    assert " 3/15 [00:12<00:48, " in out
    assert re.search(r"15/15 \[01:00<00:00, .*loss \d\.\d{4}\]", out)
    assert out.split("\r")[-2].strip() == out.split("\r")[-1] == ""  # at the end it is wiped off


def test_a_short_training_and_one_whose_output_nobody_watches_print_nothing(monkeypatch, capsys):
    monkeypatch.delenv("DLCV_STATIC", raising=False)
    assert shown(monkeypatch, capsys, 0.6) == ""
    assert shown(monkeypatch, capsys, 4, is_terminal=False) == ""
    monkeypatch.setattr("dlcv.training.loop.in_notebook", lambda: True)
    assert " 3/15 [00:12<" in shown(monkeypatch, capsys, 4, is_terminal=False)
    monkeypatch.setenv("DLCV_STATIC", "1")  # the book is built
    assert shown(monkeypatch, capsys, 4, is_terminal=False) == ""
    assert shown(monkeypatch, capsys, 4) == ""


@pytest.mark.parametrize("seconds", [0.6, 4])
def test_what_is_printed_after_an_epoch_stands_on_lines_of_its_own(monkeypatch, capsys, seconds):
    monkeypatch.delenv("DLCV_STATIC", raising=False)

    def report(history):
        print("epochs:", len(history.epochs))

    lines = shown(monkeypatch, capsys, seconds, on_epoch=report).split("\n")
    assert [line.split("\r")[-1] for line in lines[:3]] == [f"epochs: {k}" for k in (1, 2, 3)]


def test_accuracy_of_four_rows_by_hand():
    logits = torch.tensor([[1.0, 2, 0], [3, 1, 2], [0, 0, 1], [0, 5, 1]])
    assert accuracy(logits, torch.tensor([1, 0, 0, 1])) == 0.75


@pytest.mark.parametrize(
    ("logits", "labels"), [((2, 3), (3,)), ((2, 3, 4), (2,)), ((2,), (2,)), ((0, 3), (0,))]
)
def test_accuracy_names_the_shapes_it_cannot_compare(logits, labels):
    with pytest.raises(ValueError, match=r"logits \[B, K\] and labels \[B\] with B > 0, got"):
        accuracy(torch.zeros(logits), torch.zeros(labels))


def test_evaluate_weighs_batches_by_their_images_and_puts_every_mode_back():
    model = network()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    images, labels = blobs(9)
    uneven = [(images[:7], labels[:7]), (images[7:], labels[7:])]
    whole = evaluate(model, [(images, labels)], F.cross_entropy)
    assert evaluate(model, uneven, F.cross_entropy) == pytest.approx(whole, rel=1e-6)
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(ValueError, match="at least one image"):
        evaluate(model, [])


def test_evaluation_mode_ends_even_after_an_error():
    model = network()
    with pytest.raises(Stop), eval_mode(model):
        raise Stop
    assert all(module.training for module in model.modules())


@pytest.mark.cuda
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_training_on_the_gpu_learns_and_goes_on_from_a_checkpoint(tmp_path, mixed_precision):
    images, labels = blobs()
    batches = Batches(images.cuda(), labels.cuda(), batch_size=8)
    config = TrainConfig(6, lr=0.1, mixed_precision=mixed_precision)
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        fit(network().cuda(), batches, stop_after(17), config, checkpoint=path, save_every=4)
    model = network(1).cuda()
    history = fit(model, batches, classification_loss, config, checkpoint=path)
    assert len(history.losses) == 6 * STEPS
    assert evaluate(model, batches) >= 0.9
