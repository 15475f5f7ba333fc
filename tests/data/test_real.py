"""Real data sets for classification: read as they were fetched, or from an unpacked copy."""

import os
from pathlib import Path

import pytest
import torch
from photo_files import accept
from real_files import write_cifar, write_classes, write_mnist, write_pets
from torchvision import datasets

from dlcv.data import real
from dlcv.data.fetching import data_folder
from dlcv.data.known_sets import SETS
from dlcv.data.real import READERS, load_real

pytestmark = pytest.mark.usefixtures("no_network")


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def change_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_is_read_as_it_was_fetched(root, monkeypatch, name):
    """40 + 5 images, numbered in their first pixel; odd numbers have label 1."""
    write_classes(root, name)
    accept(monkeypatch, name, root)
    for part, count in (("train", 40), ("test", 5)):
        images, labels, classes = load_real(name, part)
        assert images.shape == (count, 1, 28, 28)
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert images[:, 0, 0, 0].tolist() == list(range(count))
        assert torch.equal(labels, torch.arange(count) % 2)
        assert classes[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[name]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_batch_after_batch(root, monkeypatch, name, packed, capsys):
    write_cifar(root, name, packed)
    accept(monkeypatch, name, root)
    before = files_below(root)
    batches = {"train": 5 if name == "cifar10" else 1, "test": 1}
    for part, count in batches.items():
        images, labels, classes = load_real(name, part)
        assert images.shape == (2 * count, 3, 32, 32)
        assert torch.equal(labels, torch.tensor([0, 1] * count))
        assert torch.equal(images[:, 2, 31, 31].long(), labels)
        assert classes == ("cat", "dog")
    assert files_below(root) == before  # nothing is unpacked
    assert capsys.readouterr().out == ""  # both layouts have checksums


@pytest.mark.parametrize("packed", [True, False])
def test_pets_are_cut_to_their_central_square_and_listed_in_order(
    root, monkeypatch, packed, capsys
):
    """The middle 40 of 60 columns are white, 2 more on either side: nothing black is left."""
    write_pets(root, packed)
    accept(monkeypatch, "oxford_pets", root)
    images, labels, classes = load_real("oxford_pets", "train", 16)
    assert classes == ("Old Cat", "Pug")
    assert labels.tolist() == [1, 0]
    assert torch.equal(images, torch.full((2, 3, 16, 16), 255, dtype=torch.uint8))
    images, labels, _ = load_real("oxford_pets", "test")
    assert labels.tolist() == [0, 1]
    assert images.shape == (2, 3, 128, 128)
    assert ("which no checksum can verify" in capsys.readouterr().out) == (not packed)


def test_a_photograph_that_a_copy_lacks_is_named(root):
    write_pets(root, packed=False)
    (root / "oxford-iiit-pet/images/pug_1.jpg").unlink()
    with pytest.raises(RuntimeError, match=r"a photograph that is missing.*pug_1\.jpg"):
        load_real("oxford_pets", "train")


ONE_FILE = {
    "mnist": "MNIST/raw/train-labels-idx1-ubyte.gz",
    "fashion_mnist": "FashionMNIST/raw/train-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-python.tar.gz",
    "cifar100": "cifar-100-python.tar.gz",
    "oxford_pets": "oxford-iiit-pet/images.tar.gz",
}


@pytest.mark.parametrize(("name", "file"), ONE_FILE.items())
def test_damage_after_the_first_load_is_named_with_what_to_do(root, monkeypatch, name, file):
    write_classes(root, name)
    accept(monkeypatch, name, root)
    load_real(name, "train")
    change_a_bit(root / file)
    with pytest.raises(RuntimeError, match=rf"{file} is damaged.*delete it and load {name} again"):
        load_real(name, "train")


@pytest.mark.parametrize("packed", [True, False])
def test_no_pickle_is_loaded_before_it_is_verified(root, monkeypatch, packed):
    """A pickle can do anything when it is loaded; the official ones are known to be harmless."""
    write_cifar(root, "cifar10", packed)
    accept(monkeypatch, "cifar10", root)
    change_a_bit(root / ("cifar-10-python.tar.gz" if packed else "cifar-10-batches-py/test_batch"))
    loaded = []
    monkeypatch.setattr(real.pickle, "loads", lambda *args, **kwargs: loaded.append(1))
    with pytest.raises(RuntimeError, match="is damaged"):
        load_real("cifar10", "test")
    assert loaded == []


@pytest.mark.parametrize("name", READERS)
def test_a_download_goes_on_where_it_broke_off_and_at_the_next_address(
    root, monkeypatch, tmp_path, server, name
):
    """The first address has nothing; the second breaks off after 40 bytes."""
    write_classes(tmp_path / "official", name)
    places = [server.url("/dead"), server.url("/mirror")]
    accept(monkeypatch, name, tmp_path / "official", places)
    files = {file.path for part in SETS[name].archives.values() for file in part}
    server.data = {f"/mirror/{file}": (tmp_path / "official" / file).read_bytes() for file in files}
    server.cuts = [40]
    for _ in range(2):
        for part in ("train", "test"):
            assert len(load_real(name, part).labels) > 1
    assert files_below(root) == sorted(files)
    asked = [path for path, _ in server.asked]
    assert sorted(path for path in asked if path.startswith("/dead")) == sorted(
        f"/dead/{file}" for file in files
    )
    assert [wanted for _, wanted in server.asked if wanted] == ["bytes=40-"]
    assert len(asked) == 2 * len(files) + 1


def test_what_is_half_fetched_is_not_read_and_goes_on_next_time(
    root, monkeypatch, tmp_path, server
):
    write_cifar(tmp_path, "cifar10", packed=True)
    accept(monkeypatch, "cifar10", tmp_path, [server.url("/at")])
    server.data["/at/cifar-10-python.tar.gz"] = (tmp_path / "cifar-10-python.tar.gz").read_bytes()
    server.cuts = [300, *[0] * 5]
    with pytest.raises(RuntimeError, match=r"could not be fetched .*broke off after 300 of"):
        load_real("cifar10", "train")
    assert files_below(root) == ["cifar-10-python.tar.gz.part"]
    assert len(load_real("cifar10", "train").labels) == 10
    assert server.asked[-1][1] == "bytes=300-"
    assert files_below(root) == ["cifar-10-python.tar.gz"]


def test_what_is_fetched_but_not_the_official_file_is_thrown_away(
    root, monkeypatch, tmp_path, server
):
    write_mnist(tmp_path)
    accept(monkeypatch, "mnist", tmp_path, [server.url("/at")])
    for file in (file for part in SETS["mnist"].archives.values() for file in part):
        server.data[f"/at/{file.path}"] = b"<html>please sign in</html>"
    with pytest.raises(RuntimeError, match=r"could not be fetched .*its checksum is wrong"):
        load_real("mnist", "train")
    assert files_below(root) == []


def test_a_copy_that_lacks_a_file_is_fetched_anew(root, monkeypatch, tmp_path, server):
    write_cifar(root, "cifar10")
    write_cifar(tmp_path, "cifar10", packed=True)
    accept(monkeypatch, "cifar10", tmp_path, [server.url("/at")])
    server.data["/at/cifar-10-python.tar.gz"] = (tmp_path / "cifar-10-python.tar.gz").read_bytes()
    (root / "cifar-10-batches-py/data_batch_2").unlink()
    assert len(load_real("cifar10", "train").labels) == 10
    assert len(server.asked) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence_too(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match=r"mnist could not be fetched \(.*file/MNIST/raw"):
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
    for file in (file for part in SETS["mnist"].archives.values() for file in part):
        (raw / Path(file.path).name).symlink_to(SAMPLES / "mnist" / file.path)
    theirs = datasets.MNIST(tmp_path, train=False, download=True)  # unpacks; all is there already
    ours = load_real("mnist", "test")
    assert torch.equal(ours.images[:, 0], theirs.data)
    assert torch.equal(ours.labels, theirs.targets)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_equals_what_torchvision_reads(root, monkeypatch, name):
    write_cifar(root, name, random=3)
    accept(monkeypatch, name, root)
    known = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    md5 = {Path(k).name: v for part in SETS[name].unpacked.values() for k, v in part.items()}
    for listed in ("train_list", "test_list"):
        monkeypatch.setattr(known, listed, [[f, md5[f]] for f, _ in getattr(known, listed)])
    monkeypatch.setitem(known.meta, "md5", md5[known.meta["filename"]])
    for part in ("train", "test"):
        theirs, ours = known(root, train=part == "train"), load_real(name, part)
        assert torch.equal(ours.images.permute(0, 2, 3, 1), torch.from_numpy(theirs.data))
        assert ours.labels.tolist() == theirs.targets
        assert list(ours.classes) == theirs.classes


def test_pets_are_named_and_ordered_as_torchvision_has_them(root):
    write_pets(root, packed=False)
    for part in ("train", "test"):
        theirs = datasets.OxfordIIITPet(root, "trainval" if part == "train" else part)
        ours = load_real("oxford_pets", part, 8)
        assert ours.labels.tolist() == [label for _, label in theirs]
        assert list(ours.classes) == theirs.classes
