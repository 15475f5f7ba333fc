"""Read boxes, masks and captions that lie as in COCO: one JSON file for all photographs."""

import json
from functools import cached_property

import numpy as np
from skimage.draw import polygon2mask

from dlcv.data.archives import Files
from dlcv.data.photographs import read_listed
from dlcv.data.voc_layout import IGNORED_PIXEL, AnnotatedPhoto, PhotoObject, has_area

_LABELS = ("annotations/{kind}_{part}2017.json", "annotations/{kind}_{part}.json",
           "annotations/{part}.json", "{part}/_annotations.coco.json")  # fmt: skip
_PHOTOS = ("{part}2017/", "{part}/", "images/{part}2017/", "images/{part}/", "images/", "")


class CocoLayout:
    """Photographs of one part, laid out as in COCO.

    Args:
        files: where to read.
        part: "train", "val" or how else the JSON file is called.
        kind: what the file holds, "instances" or "captions".

    Raises:
        ValueError: if there is no such file.
        RuntimeError: if it is not what COCO writes.

    Reference:
        Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014.
    """

    def __init__(self, files: Files, part: str, kind: str = "instances") -> None:
        self.files, self.part = files, part
        name = find_labels(files, part, kind)
        if name is None:
            tried = ", ".join(place.format(kind=kind, part=part) for place in _LABELS)
            raise ValueError(f"expected one of {tried}, got none of them")
        try:
            self.content = json.loads(read_listed(files, name))
            self.images = {image["id"]: image for image in self.content["images"]}
            self.of_image: dict[int, list[dict]] = {id_: [] for id_ in self.images}
            for entry in self.content["annotations"]:
                self.of_image[entry["image_id"]].append(entry)
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(f"{name} is not laid out as COCO's files are: {error!r}") from error

    @cached_property
    def names(self) -> dict[int, str]:
        """The name of each category by its id, in the order of the ids, which have gaps."""
        return {c["id"]: c["name"] for c in sorted(self.content["categories"], key=_id)}

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(self.names.values())

    def photos(self) -> list[AnnotatedPhoto]:
        """All photographs with their objects, in the order of the file."""
        return [
            AnnotatedPhoto(self.file_of(image), self._objects(id_))
            for id_, image in self.images.items()
        ]

    def captions(self) -> list[tuple[str, list[str]]]:
        """All photographs, by the names of their files, with their sentences."""
        return [
            (self.file_of(image), [entry["caption"].strip() for entry in self.of_image[id_]])
            for id_, image in self.images.items()
        ]

    def file_of(self, image: dict) -> str:
        """Where a photograph lies; if nowhere, where it should."""
        places = [place.format(part=self.part) + image["file_name"] for place in _PHOTOS]
        return next((place for place in places if place in self.files), places[0])

    def masks(self, photo: AnnotatedPhoto, size: int) -> np.ndarray:
        """The pixels of each of M objects, bool [M, size, size]."""
        sides = self._sides[photo.file]
        drawn = [draw_outline(item.outline, sides, size) for item in photo.objects]
        return np.stack(drawn) if drawn else np.zeros((0, size, size), bool)

    def semantic(self, photo: AnnotatedPhoto, size: int) -> np.ndarray:
        """The class of each pixel plus 1, uint8 [size, size]; 0: background, 255: crowds.

        Where objects overlap, the one with fewer pixels lies in front.
        """
        drawn = np.zeros((size, size), np.uint8)
        masks = self.masks(photo, size)
        for i in np.argsort(-masks.sum((1, 2)), kind="stable"):
            item = photo.objects[i]
            drawn[masks[i]] = IGNORED_PIXEL if item.crowd else self.classes.index(item.name) + 1
        return drawn

    @cached_property
    def _sides(self) -> dict[str, tuple[int, int]]:
        return {self.file_of(i): (i["height"], i["width"]) for i in self.images.values()}

    def _objects(self, id_: int) -> list[PhotoObject]:
        objects = []
        for entry in self.of_image[id_]:
            x, y, w, h = entry["bbox"]
            crowd, outline = bool(entry.get("iscrowd", 0)), entry.get("segmentation")
            name = self.names[entry["category_id"]]
            objects.append(PhotoObject(name, (x, y, x + w, y + h), False, crowd, outline))
        return [item for item in objects if has_area(item.box)]


def find_labels(files: Files, part: str, kind: str = "instances") -> str | None:
    """Where the JSON file of a part lies, None if nowhere."""
    places = [place.format(kind=kind, part=part) for place in _LABELS]
    return next((place for place in places if place in files), None)


def draw_outline(outline: object, sides: tuple[int, int], size: int) -> np.ndarray:
    """Draw what COCO calls a segmentation.

    Args:
        outline: polygons, each [x1, y1, x2, y2, …] in px of the photograph; or run lengths, a dict
            with `size` (height, width) and `counts`.
        sides: height and width of the photograph, px.
        size: height and width of the drawing, px. A pixel belongs to a polygon if its centre does.

    Returns:
        bool [size, size].

    Raises:
        RuntimeError: if there is no outline.
    """
    if not outline:
        raise RuntimeError("expected a segmentation of every object, got one without")
    H, W = sides
    if isinstance(outline, dict):
        whole = run_lengths(outline)
        rows, columns = (((np.arange(size) + 0.5) * side / size).astype(int) for side in (H, W))
        return whole[rows[:, None], columns[None, :]]
    drawn = np.zeros((size, size), bool)
    for polygon in outline:
        corners = np.array(polygon, float).reshape(-1, 2)[:, ::-1]  # rows and columns
        drawn |= polygon2mask((size, size), corners * [size / H, size / W] - 0.5)
    return drawn


def run_lengths(outline: dict) -> np.ndarray:
    """Unroll COCO's run lengths: column after column, zeros and ones by turns, bool [H, W]."""
    counts = outline["counts"]
    runs = counts if isinstance(counts, list) else _unpack(counts)
    H, W = outline["size"]
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(W, H).T


def _unpack(text: str | bytes) -> list[int]:
    """Run lengths from COCO's text: 5 bits a letter, low ones first; from the fourth, differences.

    Bit 5 says that another letter follows, and bit 4 of the last one is the sign.
    """
    letters = iter(text.encode() if isinstance(text, str) else text)
    runs: list[int] = []
    for letter in letters:
        value, shift, code = 0, 0, letter - 48
        while True:
            value |= (code & 31) << shift
            shift += 5
            if not code & 32:
                break
            code = next(letters) - 48
        value -= (1 << shift) if code & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


def _id(category: dict) -> int:
    return category["id"]
