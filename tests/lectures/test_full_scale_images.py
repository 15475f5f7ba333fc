"""The cells of the full scale that sort real images run, on tiny sets laid out like the real ones.

Data and networks are those of the full scale; images, rates and epochs are few.
"""

from dataclasses import replace

import pytest
import torch
from lecture_cells import run
from photo_files import accept
from real_files import write_cifar, write_mnist, write_pets


@pytest.fixture(autouse=True)
def _sets(tmp_path, monkeypatch, untrained, on_pretended_gpu):
    """40 + 5 digits of two classes, 500 + 100 noisy pictures of two, two breeds of pets."""
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    write_mnist(tmp_path)
    write_cifar(tmp_path, "cifar10", packed=True, random=100)
    write_pets(tmp_path)
    for name in ("mnist", "cifar10", "oxford_pets"):
        accept(monkeypatch, name, tmp_path)


def brief(*, quick, full):
    """Stand in for `at_scale`: the full scale with one epoch, one rate and twelve images."""
    if hasattr(full, "rates"):
        return replace(full, images=12, epochs=1, batch=6, rates=full.rates[:1])
    if isinstance(full, dict):
        return full | {"images": 12, "epochs": 1}
    return full


def few(*, quick, full):
    """Stand in for `at_scale`: the data of the full scale, the small network of the quick one."""
    return full if isinstance(full, str) else quick


def test_lecture_0_compares_on_mnist_and_cifar():
    names = run("00_orientation", ("imports", "data", "conv"), at_scale=brief)
    assert names["easy"].train.images.shape == (36, 1, 28, 28)
    assert names["hard"].train.images.shape == (450, 3, 32, 32)
    network = names["convolutional"](names["hard"])
    assert network(names["hard"].test.images).shape == (100, 2)


def test_lecture_3_trains_on_mnist():
    names = run("03_training", ("imports", "data", "three-runs"), at_scale=brief)
    assert names["pixels"] == 784
    assert len(names["first_losses"](names["mlp"](seed=0), lr=0.1, count=2)) == 2


def test_lecture_5_normalises_on_mnist():
    names = run("05_normalisation", ("imports", "data", "grid"), at_scale=brief)
    grid = names["train_grid"]((0.1,), depth=2, epochs=1, batch_size=12, norm="batch")
    assert grid.loss.shape == (1, 3, 1)
    assert grid.loss.isfinite().all()


def test_lecture_6a_compares_networks_on_mnist_and_cifar():
    comparison = ("inception-imports", "inception-module", "inception-arms")
    cells = ("imports", "study", "prune-train", *comparison)
    names = run("06a_classic_architectures", cells, at_scale=brief)
    assert names["digits"].train.images.shape == (12, 1, 28, 28)
    assert [len(part.labels) for part in names["scenes"][:3]] == [12, 50, 100]
    inception, race = names["arms"]["inception"], names["race"]
    network, history = names["train"]("a test", inception, race, names["scenes"], lr=0.1, seed=0)
    assert len(history.losses) == 2
    assert network(names["scenes"].test.images).shape == (100, 2)


def test_lecture_6b_compares_gates_on_cifar():
    cells = ("imports", "se-taught", "se-network", "se-train")
    names = run("06b_modern_architectures", cells, at_scale=brief)
    network = names["trained"](gated=True, lr=0.01, seed=0)
    assert network(names["pictures"]).shape == (12, 2)
    assert names["accuracy_on"]("test", network) in [k / 100 for k in range(101)]


def test_lecture_7_borrows_a_resnet_for_the_pets():
    names = run("07_transfer", ("imports", "target-data"), at_scale=brief)
    images, labels = names["parts"][0]
    assert images.shape == (2, 3, 224, 224)
    assert names["data"].classes == ("Old Cat", "Pug")
    with torch.no_grad():
        assert names["source"].eval()(images).shape == (len(labels), 2)


def test_lecture_8_races_on_cifar():
    cells = ("imports", "race-imports", "race-stages", "race-recipe")
    slow = "compiling takes too long for a test"
    names = run("08_gpu_and_distributed", cells, at_scale=few, problem=slow)
    images, _ = names["learn"]
    assert (images.shape, images.dtype) == ((500, 3, 32, 32), torch.uint8)
    assert list(names["step_s"]) == list(names["stages"])
    assert [len(shares) for shares in names["reached"].values()] == [3, 3]
