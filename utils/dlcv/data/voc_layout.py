"""Read boxes and masks that lie as in PASCAL VOC: JPEGImages, Annotations, ImageSets."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from dlcv.data.archives import Files
from dlcv.data.photographs import decode, read_listed

IGNORED_PIXEL = 255  # around objects, where nobody could say; and within crowds

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


class PhotoObject(NamedTuple):
    """One object in a photograph.

    Attributes:
        name: of its class.
        box: xyxy in px of the photograph, continuous edges.
        difficult: nobody has to find it (VOC).
        crowd: one box around many, each of which nobody has to find (COCO).
        outline: where its pixels are, as the layout has it: in VOC its number in the image of
            objects, in COCO polygons or run lengths.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool = False
    crowd: bool = False
    outline: object = None


class AnnotatedPhoto(NamedTuple):
    """A photograph, by the name of its file, and the objects in it that have an area."""

    file: str
    objects: Sequence[PhotoObject]


class VocLayout:
    """Photographs laid out as in PASCAL VOC.

    Args:
        files: where to read.
        root: the folder that holds JPEGImages, with a `/` at its end, or nothing.
        classes: the names of the classes; by default those that occur in Annotations, sorted.

    Reference:
        Everingham et al., The PASCAL Visual Object Classes (VOC) Challenge, IJCV 2010.
    """

    def __init__(self, files: Files, root: str, classes: Sequence[str] | None = None) -> None:
        self.files, self.root = files, root
        self.classes = tuple(classes or self._occurring())

    @classmethod
    def find(cls, files: Files, roots: Sequence[str]) -> "VocLayout | None":
        """Look for the layout in some folders; None if it is in none of them."""
        for root in roots:
            if any(files.names(f"{root}ImageSets/{kind}") for kind in ("Main", "Segmentation")):
                return cls(files, root)
        return None

    def parts(self, kind: str = "Main") -> list[str]:
        """The names of the lists of photographs; those of classes, "cat_train", are no parts."""
        lists = [PurePosixPath(name).stem for name in self.files.names(self._sets(kind))]
        return [name for name in lists if name.rpartition("_")[0] not in self.classes]

    def photos(self, part: str, segmented: bool = False) -> list[AnnotatedPhoto]:
        """The photographs of a part, in the order of its list.

        Args:
            part: the name of a list, "train".
            segmented: take the list of photographs that have masks.

        Raises:
            ValueError: if there is no such part.
            RuntimeError: if a listed file is missing or cannot be read.
        """
        kind = "Segmentation" if segmented else "Main"
        name = f"{self._sets(kind)}/{part}.txt"
        if name not in self.files:
            raise ValueError(f"expected a part among {', '.join(self.parts(kind))}, got {part!r}")
        ids = [line.split()[0] for line in self._text(name).splitlines() if line.strip()]
        return [self._photo(id_) for id_ in ids]

    def masks(self, photo: AnnotatedPhoto, size: int) -> np.ndarray:
        """The pixels of each of M objects, bool [M, size, size]."""
        drawn = self._drawing("SegmentationObject", photo, size)
        numbers = np.array([int(item.outline) for item in photo.objects]).reshape(-1, 1, 1)
        return drawn == numbers

    def semantic(self, photo: AnnotatedPhoto, size: int) -> np.ndarray:
        """The class of each pixel plus 1, uint8 [size, size]; 0: background, 255: ignored."""
        return self._drawing("SegmentationClass", photo, size)

    def _sets(self, kind: str) -> str:
        return f"{self.root}ImageSets/{kind}"

    def _text(self, name: str) -> str:
        return read_listed(self.files, name).decode("utf-8")

    def _occurring(self) -> list[str]:
        names = {
            node.findtext("name")
            for file in self.files.names(f"{self.root}Annotations")
            if file.endswith(".xml")
            for node in self._tree(file).iter("object")
        }
        return sorted(names)

    def _tree(self, file: str) -> ElementTree.Element:
        try:
            return ElementTree.fromstring(read_listed(self.files, file))
        except ElementTree.ParseError as error:
            raise RuntimeError(f"{file} is no XML: {error}") from error

    def _photo(self, id_: str) -> AnnotatedPhoto:
        annotation = f"{self.root}Annotations/{id_}.xml"
        tree = self._tree(annotation)
        nodes = enumerate(tree.findall("object"), start=1)
        objects = [_voc_object(node, number, annotation) for number, node in nodes]
        endings = (".jpg", ".jpeg", ".png", ".JPG")
        files = [f"{self.root}JPEGImages/{id_}{ending}" for ending in endings]
        file = next((file for file in files if file in self.files), files[0])
        return AnnotatedPhoto(file, [item for item in objects if has_area(item.box)])

    def _drawing(self, folder: str, photo: AnnotatedPhoto, size: int) -> np.ndarray:
        name = f"{self.root}{folder}/{PurePosixPath(photo.file).stem}.png"
        drawn = decode(name, read_listed(self.files, name))
        if drawn.mode not in ("P", "L"):
            raise RuntimeError(f"expected {name} with one number in each pixel, got {drawn.mode}")
        return np.array(drawn.resize((size, size), Image.Resampling.NEAREST))


def has_area(box: Sequence[float]) -> bool:
    """Whether a box xyxy has an area."""
    return box[2] > box[0] and box[3] > box[1]


def _voc_object(node: ElementTree.Element, number: int, file: str) -> PhotoObject:
    """Read one object. VOC counts pixels from 1, the last one included."""
    edges = [node.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
    if None in edges or node.findtext("name") is None:
        raise RuntimeError(f"expected a name and a whole bndbox of each object in {file}")
    x1, y1, x2, y2 = (float(edge) for edge in edges)
    difficult = node.findtext("difficult", "0").strip() == "1"
    return PhotoObject(node.findtext("name"), (x1 - 1, y1 - 1, x2, y2), difficult, outline=number)
