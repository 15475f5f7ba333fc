"""Photographs with boxes: PASCAL VOC, COCO, or your own in either layout, all by one call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from dlcv.data.archives import Files, Folder
from dlcv.data.coco_layout import CocoLayout, find_labels
from dlcv.data.photographs import load_squares
from dlcv.data.real_sets import open_set
from dlcv.data.voc_layout import VOC_CLASSES, AnnotatedPhoto, VocLayout

_VOC_ROOTS = ("", "VOCdevkit/VOC2012/", "VOCdevkit/VOC2007/", "VOC2012/", "VOC2007/")
_NAMES = ("voc2007", "voc2012", "coco")


@dataclass(frozen=True)
class BoxedPhotos:
    """N photographs and what is in them, as the detectors of the book take it; K slots for objects.

    Like `dlcv.data.scenes.Scenes` it has images, boxes and labels, can be indexed, and gives
    `targets` to be judged by; so `Batches(photos.images, photos, 16)` feeds any detector.

    Args:
        images: uint8 [N, 3, S, S], RGB, see `dlcv.data.photographs.load_squares`.
        boxes: float32 [N, K, 4], xyxy in px of these squares; zeros in an empty slot.
        labels: int64 [N, K], index into `classes` of what is to be learnt and found; -1 in an empty
            slot and where the object is difficult or a crowd.
        difficult: bool [N, K], objects that nobody has to find (VOC).
        crowd: bool [N, K], boxes around many objects, which nobody has to find (COCO).
        every_label: int64 [N, K], as `labels`, and also of those that nobody has to find.
        sides: float32 [N, 2], height and width of the photographs, px.
        classes: the names of the classes.
        names: the files of the photographs.
        masks: bool [N, K, S, S], the pixels of each object; None if not asked for.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    difficult: Tensor
    crowd: Tensor
    every_label: Tensor
    sides: Tensor
    classes: tuple[str, ...]
    names: tuple[str, ...]
    masks: Tensor | None = None

    symmetries: ClassVar[int] = 2  # a photograph has an up and a down: only left and right may swap

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.images)

    def __getitem__(self, which: slice | Tensor) -> "BoxedPhotos":
        """Some of the photographs, by a slice or a tensor of indices."""
        if not isinstance(which, slice | Tensor):
            raise TypeError(f"expected a slice or a tensor of indices, got {which!r}")
        chosen = torch.arange(len(self), device=self.images.device)[which].tolist()
        some = {name: tensor[which] for name, tensor in self._tensors().items()}
        return replace(self, names=tuple(self.names[i] for i in chosen), **some)

    def to(self, device: torch.device | str) -> "BoxedPhotos":
        """The photographs with their tensors on a device."""
        moved = {name: tensor.to(device) for name, tensor in self._tensors().items()}
        return replace(self, **moved)

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def targets(self, first_label: int = 0) -> list[dict[str, Tensor]]:
        """All objects of each photograph, also those that nobody has to find.

        Args:
            first_label: label of classes[0], see `Scenes.targets`.

        Returns:
            One dict per photograph, as `dlcv.detection.pipeline.judge` takes it: `boxes` float32
            [n, 4], `labels` int64 [n], `difficult` and `crowd` bool [n], and `masks` bool [n, S, S]
            where there are such.
        """
        result = []
        for i, there in enumerate(self.every_label >= 0):
            target = {
                "boxes": self.boxes[i, there],
                "labels": self.every_label[i, there] + first_label,
                "difficult": self.difficult[i, there],
                "crowd": self.crowd[i, there],
            }
            if self.masks is not None:
                target["masks"] = self.masks[i, there]
            result.append(target)
        return result


def load_boxes(
    source: str | Path,
    part: str,
    size: int,
    count: int | None = None,
    classes: Sequence[str] | None = None,
    masks: bool = False,
) -> BoxedPhotos:
    """Load photographs with boxes around their objects.

    Args:
        source: "voc2007", "voc2012" or "coco", fetched first if it is nowhere on this machine; or
            the path of a folder of your own, in one of two layouts. VOC: `JPEGImages`,
            `Annotations/*.xml` and `ImageSets/Main/PART.txt`. COCO: `annotations/PART.json` or
            `annotations/instances_PART.json`, and the photographs in `PART`, `images` or beside.
        part: "train", "val" or "trainval", of VOC 2007 also "test"; "train" or "val" of COCO; or
            how your own parts are called.
        size: height and width of the squares that the photographs become, px.
        count: load only the first `count` photographs of the list.
        classes: keep only objects of these classes, in this order, and only photographs with one.
        masks: load the pixels of each object too, N K size² bytes; of VOC, the photographs in
            `ImageSets/Segmentation` alone have them.

    Returns:
        The photographs. Boxes without an area are left out.

    Raises:
        ValueError: if there is no such set, part, layout or class, or a number is out of its range.
        RuntimeError: if data cannot be fetched or are damaged. The message says what to do.

    Example:
        >>> photos = load_boxes("voc2007", "trainval", 128, count=500)  # doctest: +SKIP
        >>> photos = load_boxes(Path("my_photos"), "train", 128)  # doctest: +SKIP
    """
    layout, photos, classes = open_photos(source, part, count, classes, masks)
    images, sides = load_squares(layout.files, [photo.file for photo in photos], size)
    loaded = _assemble(photos, classes, images, sides)
    return replace(loaded, masks=_masks(layout, photos, loaded, size)) if masks else loaded


def open_photos(
    source: str | Path,
    part: str,
    count: int | None,
    classes: Sequence[str] | None,
    masks: bool,
) -> tuple[VocLayout | CocoLayout, list[AnnotatedPhoto], tuple[str, ...]]:
    """Open a set and choose photographs of it, see `load_boxes`: layout, photographs, classes."""
    if count is not None and count < 1:
        raise ValueError(f"expected a count >= 1, got {count}")
    layout = open_layout(source, part)
    photos = layout.photos(part, masks) if isinstance(layout, VocLayout) else layout.photos()
    return layout, *select(photos, layout.classes, classes, count)


def open_layout(source: str | Path, part: str) -> VocLayout | CocoLayout:
    """Open a known set or a folder, and find out how it is laid out.

    Raises:
        ValueError: if there is no such set or the folder has neither layout.
        RuntimeError: if data cannot be fetched or are damaged.
    """
    if isinstance(source, Path):
        return _recognise(source, part)
    if source not in _NAMES:
        expected = f"one of {', '.join(_NAMES)} or the Path of a folder"
        raise ValueError(f"expected {expected}, got {source!r}")
    files = open_set(source, part)
    if source == "coco":
        return CocoLayout(files, part)
    return VocLayout(files, f"VOCdevkit/VOC{source[3:]}/", VOC_CLASSES)


def _recognise(folder: Path, part: str) -> VocLayout | CocoLayout:
    if not folder.is_dir():
        raise ValueError(f"expected a folder with photographs, got {folder}, which is none")
    files: Files = Folder(folder)
    if voc := VocLayout.find(files, _VOC_ROOTS):
        return voc
    if find_labels(files, part):
        return CocoLayout(files, part)
    expected = f"JPEGImages, Annotations and ImageSets, or annotations/instances_{part}.json"
    raise ValueError(f"expected {expected} in {folder}, got neither")


def select(
    photos: list[AnnotatedPhoto],
    known: Sequence[str],
    wanted: Sequence[str] | None,
    count: int | None,
) -> tuple[list[AnnotatedPhoto], tuple[str, ...]]:
    """Keep the objects of some classes, the photographs that show one, and the first of these.

    Raises:
        ValueError: if a class is not known or nothing is left.
    """
    if wanted is not None:
        if unknown := [name for name in wanted if name not in known]:
            raise ValueError(f"expected classes among {', '.join(known)}, got {unknown}")
        photos = [
            photo._replace(objects=[item for item in photo.objects if item.name in wanted])
            for photo in photos
        ]
        photos = [photo for photo in photos if photo.objects]
    if not photos:
        raise ValueError(f"expected photographs of {wanted or 'any class'}, got none")
    return photos[:count], tuple(wanted or known)


def _assemble(
    photos: list[AnnotatedPhoto], classes: tuple[str, ...], images: Tensor, sides: Tensor
) -> BoxedPhotos:
    """Bring all objects into slots and their boxes into the pixels of the squares."""
    N, K, S = len(photos), max(1, *(len(photo.objects) for photo in photos)), images.shape[-1]
    boxes, labels = torch.zeros(N, K, 4), torch.full((N, K), -1)
    difficult, crowd = torch.zeros(2, N, K, dtype=torch.bool)
    number = {name: i for i, name in enumerate(classes)}
    for i, photo in enumerate(photos):
        if n := len(photo.objects):
            boxes[i, :n] = torch.tensor([item.box for item in photo.objects])
            labels[i, :n] = torch.tensor([number[item.name] for item in photo.objects])
            difficult[i, :n] = torch.tensor([item.difficult for item in photo.objects])
            crowd[i, :n] = torch.tensor([item.crowd for item in photo.objects])
    scale = S / sides.flip(1).repeat(1, 2)  # [N, 4]: width, height, width, height
    boxes = (boxes * scale[:, None]).clamp(0, S)
    labels[(boxes[..., 2:] <= boxes[..., :2]).any(-1)] = -1  # wholly outside the photograph
    learnt = labels.where(~(difficult | crowd), -1)
    files = tuple(photo.file for photo in photos)
    return BoxedPhotos(images, boxes, learnt, difficult, crowd, labels, sides, classes, files)


def _masks(
    layout: VocLayout | CocoLayout, photos: list[AnnotatedPhoto], loaded: BoxedPhotos, size: int
) -> Tensor:
    """The pixels of all objects, bool [N, K, S, S]."""
    masks = torch.zeros(*loaded.labels.shape, size, size, dtype=torch.bool)
    for i, photo in enumerate(photos):
        masks[i, : len(photo.objects)] = torch.from_numpy(layout.masks(photo, size))
    return masks
