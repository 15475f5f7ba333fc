"""Photographs with sentences that people wrote about them: Flickr8k, COCO, or your own."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from dlcv.data.archives import Files, Folder
from dlcv.data.coco_layout import CocoLayout, find_labels
from dlcv.data.photographs import load_squares, read_listed
from dlcv.data.real_sets import open_set

_SENTENCES = "Flickr8k.token.txt"
_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset", "Images", "images")  # the first is official


class CaptionedPhotos(NamedTuple):
    """N photographs and what people said about them.

    Attributes:
        images: uint8 [N, 3, S, S], RGB, see `dlcv.data.photographs.load_squares`.
        captions: the sentences about each, five in Flickr8k and five or more in COCO.
        names: the files of the photographs.
    """

    images: Tensor
    captions: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]


def load_captions(
    source: str | Path, part: str, size: int, count: int | None = None
) -> CaptionedPhotos:
    """Load photographs with captions.

    Args:
        source: "flickr8k" or "coco", fetched first if it is nowhere on this machine; or the path of
            a folder, with `Flickr8k.token.txt` (lines "photo.jpg#0", a tab, the sentence),
            `Flickr_8k.PARTImages.txt` and the photographs in `Images`, or with
            `annotations/captions_PART.json` as in COCO.
        part: "train", "dev" or "test" of Flickr8k, "train" or "val" of COCO.
        size: height and width of the squares that the photographs become, px.
        count: load only the first `count` photographs of the list.

    Returns:
        The photographs and their captions, as they were written.

    Raises:
        ValueError: if there is no such set or part, or a number is out of its range.
        RuntimeError: if data cannot be fetched or are damaged. The message says what to do.
    """
    if count is not None and count < 1:
        raise ValueError(f"expected a count >= 1, got {count}")
    if not isinstance(source, Path) and source not in ("flickr8k", "coco"):
        raise ValueError(f"expected flickr8k, coco or the Path of a folder, got {source!r}")
    files: Files = Folder(source) if isinstance(source, Path) else open_set(source, part)
    if source == "coco" or find_labels(files, part, "captions"):
        entries = CocoLayout(files, part, "captions").captions()
    else:
        entries = _flickr8k(files, part)
    entries = entries[:count]
    images, _ = load_squares(files, [file for file, _ in entries], size)
    captions = tuple(tuple(sentences) for _, sentences in entries)
    return CaptionedPhotos(images, captions, tuple(file for file, _ in entries))


def _flickr8k(files: Files, part: str) -> list[tuple[str, list[str]]]:
    """The photographs of a part and their sentences, in the order of the list."""
    listed = f"Flickr_8k.{part}Images.txt"
    if listed not in files or _SENTENCES not in files:
        expected = f"{listed} with {_SENTENCES}, or annotations/captions_{part}.json"
        raise ValueError(f"expected {expected}, got neither")
    sentences: dict[str, list[str]] = {}
    for line in read_listed(files, _SENTENCES).decode("utf-8").splitlines():
        key, _, sentence = line.partition("\t")
        sentences.setdefault(key.rsplit("#", 1)[0], []).append(sentence.strip())
    names = read_listed(files, listed).decode("utf-8").split()
    if without := [name for name in names if name not in sentences]:
        raise RuntimeError(f"{listed} lists {without[0]}, which has no sentence in {_SENTENCES}")
    return [(_place(files, name), sentences[name]) for name in names]


def _place(files: Files, name: str) -> str:
    places = [f"{folder}/{name}" for folder in _FOLDERS]
    return next((place for place in places if place in files), places[0])
