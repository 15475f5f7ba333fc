"""Known sets: found on disk, verified, read from their archives, or fetched."""

import shutil

import pytest
from photo_files import accept, voc_files, write_archive, write_folder, write_set
from torchvision import datasets
from torchvision.datasets.lfw import _LFW
from torchvision.datasets.voc import DATASET_YEAR_DICT

from dlcv.data import real_sets
from dlcv.data.archives import Archive, Folder, Together, read_all
from dlcv.data.known_sets import SETS
from dlcv.data.real_sets import open_set

SOME = {"a/one.txt": b"1", "a/b/two.txt": b"22", "three.txt": b"333"}
ONE_PART = {"voc2007": "test", "voc2012": "val", "coco": "val", "lfw": "pairs", "flickr8k": "dev"}
ONE_PART |= dict.fromkeys(("mnist", "fashion_mnist", "cifar10", "cifar100", "oxford_pets"), "train")


pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("ending", ["zip", "tar", "tgz", "folder"])
def test_an_archive_reads_as_a_folder_does(tmp_path, ending):
    if ending == "folder":
        files = Folder(write_folder(tmp_path / "files", SOME))
    else:
        files = Archive(write_archive(tmp_path / f"files.{ending}", SOME))
    assert {name: files.read(name) for name in SOME} == SOME
    assert dict(read_all(files, SOME)) == SOME
    assert files.names("a") == ["a/b/two.txt", "a/one.txt"]
    assert files.names("b") == []
    assert "a/one.txt" in files
    assert "a" not in files
    with pytest.raises(FileNotFoundError):
        files.read("a/none.txt")


def test_an_archive_is_read_from_front_to_back(tmp_path):
    archive = Archive(write_archive(tmp_path / "files.tgz", SOME))
    assert [name for name, _ in read_all(archive, sorted(SOME, reverse=True))] == list(SOME)


def test_several_places_read_as_one_and_the_first_counts(tmp_path):
    first = Archive(write_archive(tmp_path / "first.zip", {"x": b"new", "y": b"1"}))
    second = Archive(write_archive(tmp_path / "second.tar", {"x": b"old", "z/z": b"2"}))
    files = Together([first, second])
    assert dict(read_all(files, ["z/z", "x", "y"])) == {"x": b"new", "y": b"1", "z/z": b"2"}
    assert files.names("z") == ["z/z"]
    with pytest.raises(FileNotFoundError, match="holds none"):
        files.read("none")
    with pytest.raises(FileNotFoundError):
        list(read_all(files, ["x", "none"]))


@pytest.mark.parametrize("name", SETS)
def test_without_a_network_one_sentence_says_what_to_do(root, name, capsys):
    """And before that, how much would come, from where, into which folder, on what terms."""
    with pytest.raises(RuntimeError, match=r"could not be fetched .*set DLCV_DATA to") as error:
        open_set(name, ONE_PART[name])
    files = SETS[name].archives[ONE_PART[name]]
    for word in ("no network here", "\0", *(str(root / file.path) for file in files)):
        assert (word in str(error.value)) == (word != "\0")
    assert "\n" not in str(error.value)
    assert not any(path.is_file() for path in root.rglob("*"))
    printed = capsys.readouterr().out
    size = f"about {sum(file.megabytes for file in files):.0f} MB"
    for word in (size, str(root), SETS[name].homepage, SETS[name].terms):
        assert word in printed


def test_archives_on_disk_are_verified_and_read_as_they_are(root, monkeypatch, capsys):
    write_set(root, "voc2007")
    accept(monkeypatch, "voc2007", root)
    files = open_set("voc2007", "train")
    assert files.read("VOCdevkit/VOC2007/ImageSets/Main/val.txt") == b"a4\n"
    assert capsys.readouterr().out == ""
    path = root / "VOCtrainval_06-Nov-2007.tar"
    data = bytearray(path.read_bytes())
    data[600] ^= 1  # one bit
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match=r"06-Nov-2007.tar is damaged.*delete it .* 460 MB"):
        open_set("voc2007", "train")


def test_only_what_a_part_needs_is_fetched(root, monkeypatch, tmp_path):
    """Of COCO val, the photographs are there: only the 253 MB of labels are asked for."""
    write_set(tmp_path, "coco")
    accept(monkeypatch, "coco", tmp_path)
    asked = []

    def fetch(file):
        asked.append(file.path)
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / file.path, root / file.path)

    monkeypatch.setattr(real_sets, "fetch", fetch)
    (root / "coco").mkdir(parents=True)
    shutil.copy(tmp_path / "coco/val2017.zip", root / "coco/val2017.zip")
    for _ in range(2):
        assert "val2017/a4.jpg" in open_set("coco", "val")
    assert asked == ["coco/annotations_trainval2017.zip"]


def test_a_part_file_is_never_read(root, tmp_path):
    write_archive(root / "VOCtest_06-Nov-2007.tar.part", {"x": b""})
    with pytest.raises(RuntimeError, match="could not be fetched"):
        open_set("voc2007", "test")


def test_an_unpacked_copy_is_read_with_a_word_of_warning(root, capsys):
    write_folder(root, voc_files("VOCdevkit/VOC2012/"))
    assert "VOCdevkit/VOC2012/JPEGImages/a1.jpg" in open_set("voc2012", "val")
    assert "which no checksum can verify" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("imagenet", "train"), r"mnist, .*voc2007, voc2012, coco, lfw, flickr8k, got 'imagenet'"),
        (("voc2012", "test"), r"voc2012 train, val, trainval, got 'test'"),
    ],
)
def test_an_unknown_set_or_part_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        open_set(*arguments)


@pytest.mark.parametrize(
    ("name", "known"), [("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)]
)
def test_files_of_mnist_are_those_that_torchvision_knows(name, known):
    files = [file for part in SETS[name].archives.values() for file in part]
    for file, (theirs, md5) in zip(files, known.resources, strict=True):
        assert file.path == f"{known.__name__}/raw/{theirs}"
        assert (file.urls[0], file.checksum) == (known.mirrors[0] + theirs, md5)


@pytest.mark.parametrize(
    ("name", "known"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)]
)
def test_files_of_cifar_are_those_that_torchvision_knows(name, known):
    meta = (known.meta["filename"], known.meta["md5"])
    for part, listed in (("train", known.train_list), ("test", known.test_list)):
        (file,) = SETS[name].archives[part]
        assert (file.path, file.urls[0], file.checksum) == (
            known.filename,
            known.url,
            known.tgz_md5,
        )
        entries = [(f"{known.base_folder}/{entry}", md5) for entry, md5 in (*listed, meta)]
        assert list(SETS[name].unpacked[part].items()) == entries


def test_other_addresses_and_checksums_are_those_that_torchvision_knows():
    """And those of scikit-learn where it fetches what torchvision no longer does."""
    from sklearn.datasets import _lfw

    files = SETS["oxford_pets"].archives["train"]
    assert {(file.urls[0], file.checksum) for file in files} == set(
        datasets.OxfordIIITPet._RESOURCES
    )
    known = {"2007": "train", "2007-test": "test", "2012": "train"}
    for key, part in known.items():
        (file,) = SETS[f"voc{key[:4]}"].archives[part]
        theirs = DATASET_YEAR_DICT[key]
        assert file.urls[0] == theirs["url"]
        assert (file.path, file.checksum) == (theirs["filename"], theirs["md5"])
    faces, pairs = SETS["lfw"].archives["pairs"]
    assert (faces.urls[0], faces.checksum) == _lfw.FUNNELED_ARCHIVE[1:]
    assert (pairs.urls[0], pairs.checksum) == _lfw.TARGETS[2][1:]
    assert faces.path == f"{_LFW.base_folder}/{_LFW.file_dict['funneled'][1]}"


def test_the_table_holds_together():
    for known in SETS.values():
        assert known.unpacked.keys() in ({}.keys(), known.archives.keys())
        assert all(len(c) in (0, 32) for part in known.unpacked.values() for c in part.values())
        for file in (file for files in known.archives.values() for file in files):
            assert len(file.checksum) in (32, 64)
            assert int(file.checksum, 16) >= 0
            assert file.megabytes > 0
            assert all(url.startswith("http") for url in file.urls)
