"""Real data sets: what is on disk is verified, what is not is fetched whole or not at all."""

import os
import socket
from pathlib import Path

import pytest
import torch
from real_files import accept, files_of, write_cifar, write_mnist, write_pets
from torchvision import datasets

from dlcv.data.real import SOURCES, data_folder, load_real

pytestmark = pytest.mark.usefixtures("no_network")


def fetched_by(monkeypatch, write):
    """Stand in for torchvision's MNIST: `write` lays out the files of a download."""

    class StandIn(datasets.MNIST):
        def __init__(self, root, download):
            write(Path(root))

    monkeypatch.setattr(datasets, "MNIST", StandIn)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_is_read_from_its_verified_archives(root, monkeypatch, name):
    """40 + 5 images, numbered in their first pixel; odd numbers have label 1."""
    write_mnist(root, SOURCES[name].folder)
    accept(monkeypatch, name, root)
    for part, count in (("train", 40), ("test", 5)):
        images, labels, classes = load_real(name, part)
        assert images.shape == (count, 1, 28, 28)
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert images[:, 0, 0, 0].tolist() == list(range(count))
        assert torch.equal(labels, torch.arange(count) % 2)
        assert classes[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[name]


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_batch_after_batch(root, monkeypatch, name):
    write_cifar(root, name)
    accept(monkeypatch, name, root)
    batches = {"train": 5 if name == "cifar10" else 1, "test": 1}
    for part, count in batches.items():
        images, labels, classes = load_real(name, part)
        assert images.shape == (2 * count, 3, 32, 32)
        assert torch.equal(labels, torch.tensor([0, 1] * count))
        assert torch.equal(images[:, 2, 31, 31].long(), labels)
        assert classes == ("cat", "dog")


def test_pets_are_cut_to_their_central_square_and_listed_in_order(root, monkeypatch):
    """The middle 40 of 60 columns are white, 2 more on either side: nothing black is left."""
    write_pets(root)
    accept(monkeypatch, "oxford_pets", root)
    images, labels, classes = load_real("oxford_pets", "train", 16)
    assert classes == ("Old Cat", "Pug")
    assert labels.tolist() == [1, 0]
    assert torch.equal(images, torch.full((2, 3, 16, 16), 255, dtype=torch.uint8))
    images, labels, _ = load_real("oxford_pets", "test")
    assert labels.tolist() == [0, 1]
    assert images.shape == (2, 3, 128, 128)


@pytest.mark.parametrize("file", files_of("mnist"))
def test_a_damaged_file_is_named_with_what_to_do(root, monkeypatch, file):
    write_mnist(root)
    accept(monkeypatch, "mnist", root)
    path = root / "MNIST" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # one bit
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match=r"is damaged.*delete the folder .*MNIST and load mnist"):
        load_real("mnist", "train")
    path.unlink()
    with pytest.raises(RuntimeError, match=rf"{Path(file).name} is missing; delete the folder"):
        load_real("mnist", "test")


def test_damage_after_the_first_load_is_noticed_too(root, monkeypatch):
    write_cifar(root, "cifar10")
    accept(monkeypatch, "cifar10", root)
    load_real("cifar10", "test")
    (root / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"half")
    with pytest.raises(RuntimeError, match="data_batch_3 is damaged"):
        load_real("cifar10", "test")


@pytest.mark.parametrize("name", SOURCES)
def test_without_a_network_one_sentence_says_what_to_do(root, name, capsys):
    """This is torchvision's own download, up to the network that is not there."""
    with pytest.raises(RuntimeError, match=r"could not be fetched .*set DLCV_DATA to") as error:
        load_real(name, "train")
    assert "\n" not in str(error.value)
    assert "no network here" in str(error.value)
    assert list(root.iterdir()) == []
    printed = capsys.readouterr().out
    source = SOURCES[name]
    for word in (f"about {source.download_mb} MB", str(root), source.homepage, source.licence):
        assert word in printed


def test_a_download_that_breaks_off_leaves_nothing(root, monkeypatch):
    def half(folder):
        write_mnist(folder)
        raise ConnectionResetError("the server hung up")

    fetched_by(monkeypatch, half)
    with pytest.raises(RuntimeError, match=r"could not be fetched .*the server hung up"):
        load_real("mnist", "train")
    assert list(root.iterdir()) == []


def test_an_impatient_reader_leaves_nothing_either(root, monkeypatch):
    def stopped(folder):
        write_mnist(folder)
        raise KeyboardInterrupt

    fetched_by(monkeypatch, stopped)
    with pytest.raises(KeyboardInterrupt):
        load_real("mnist", "train")
    assert list(root.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_what_is_fetched_is_moved_into_place_and_not_fetched_again(root, monkeypatch, tmp_path):
    write_mnist(tmp_path)
    accept(monkeypatch, "mnist", tmp_path)
    times = []
    fetched_by(monkeypatch, lambda folder: (times.append(1), write_mnist(folder)))
    for _ in range(2):
        assert len(load_real("mnist", "train").labels) == 40
    assert len(times) == 1
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_what_is_fetched_is_verified_too(root, monkeypatch):
    fetched_by(monkeypatch, write_mnist)  # not the official files
    with pytest.raises(RuntimeError, match="is damaged"):
        load_real("mnist", "train")


def test_a_folder_that_cannot_be_made_is_one_sentence_too(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match=r"mnist could not be fetched into .*file"):
        load_real("mnist", "train")


def test_the_folder_is_the_chosen_one_or_a_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("DLCV_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder() == tmp_path / ".cache" / "dlcv"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert data_folder() == tmp_path / "elsewhere" / "dlcv"
    monkeypatch.setenv("DLCV_DATA", "~/sets")
    assert data_folder() == tmp_path / "sets"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("svhn", "train"), r"mnist.*oxford_pets.*got 'svhn' and 'train'"),
        (("mnist", "validation"), r"train, test, got 'mnist' and 'validation'"),
        (("mnist", "train", 32), r"for oxford_pets alone.*got 32 for mnist"),
        (("oxford_pets", "train", 0), r"size >= 1, .*got 0"),
    ],
)
def test_an_unknown_name_part_or_size_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_real(*arguments)


def samples() -> Path | None:
    """Real files on this machine: $DLCV_DATA_SAMPLES, or shared/data beside the project."""
    if chosen := os.environ.get("DLCV_DATA_SAMPLES"):
        return Path(chosen)
    above = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents]
    return next((folder for folder in above if folder.is_dir()), None)


SAMPLES = samples()


@pytest.mark.skipif(SAMPLES is None, reason="no real files on this machine")
def test_the_official_mnist_files_pass_and_hold_what_is_known_of_them(monkeypatch, tmp_path):
    """60,000 + 10,000 images; mean and standard deviation are known everywhere: 0.1307, 0.3081."""
    monkeypatch.setenv("DLCV_DATA", str(SAMPLES / "mnist"))
    train, test = load_real("mnist", "train"), load_real("mnist", "test")
    assert (len(train.labels), len(test.labels)) == (60_000, 10_000)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels.bincount()[0] == 980
    pixels = train.images.float() / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.skipif(SAMPLES is None, reason="no real files on this machine")
def test_mnist_equals_what_torchvision_reads(monkeypatch, tmp_path):
    monkeypatch.setenv("DLCV_DATA", str(SAMPLES / "mnist"))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in files_of("mnist"):
        (raw / Path(file).name).symlink_to(SAMPLES / "mnist" / "MNIST" / file)
    theirs = datasets.MNIST(tmp_path, train=False, download=True)  # unpacks; all is there already
    ours = load_real("mnist", "test")
    assert torch.equal(ours.images[:, 0], theirs.data)
    assert torch.equal(ours.labels, theirs.targets)
