"""Labeled Faces in the Wild: real faces, and the pairs by which verifiers have been compared."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from torch import Tensor

from dlcv.data.archives import Files, Folder
from dlcv.data.photographs import load_squares, read_listed
from dlcv.data.real_sets import open_set

CROP = 0.6  # of either side of 250 px: the face with little around it; a teaching value


class FacePairs(NamedTuple):
    """Faces, who they show, and pairs of them to be judged.

    Attributes:
        images: uint8 [N, 3, S, S], RGB.
        labels: int64 [N], index into `people`.
        people: their names.
        first: int64 [M], the first image of each pair, fold after fold.
        second: int64 [M], the second one.
        same: bool [M], whether both show one person.
        folds: number of folds, of equally many pairs; no person occurs in two of them.
    """

    images: Tensor
    labels: Tensor
    people: tuple[str, ...]
    first: Tensor
    second: Tensor
    same: Tensor
    folds: int

    def outside(self, fold: int) -> Tensor:
        """Which images show nobody who occurs in a fold, bool [N]: these one may learn from.

        Args:
            fold: from 0 to folds - 1.

        Raises:
            ValueError: if there is no such fold.
        """
        if not 0 <= fold < self.folds:
            raise ValueError(f"expected a fold from 0 to {self.folds - 1}, got {fold}")
        inside = torch.arange(len(self.same)).tensor_split(self.folds)[fold]
        seen = torch.cat([self.first[inside], self.second[inside]])
        return ~torch.isin(self.labels, self.labels[seen])


def load_lfw(size: int, crop: float = CROP, source: Path | None = None) -> FacePairs:
    """Load the aligned ("funneled") faces of LFW with the pairs of its View 2.

    13,233 photographs of 5,749 people, and 10 folds of 300 pairs of the same and 300 of different
    people: `verification_accuracy(scores, faces.same, faces.folds)` is the published measure.

    Args:
        size: height and width afterwards, px.
        crop: share of either side that is kept around the centre, in (0, 1].
        source: a folder with `lfw_funneled/NAME/NAME_0001.jpg` and `pairs.txt`; None for the
            official set, fetched first if it is nowhere on this machine.

    Returns:
        The faces and their pairs.

    Raises:
        ValueError: if size or crop is out of its range.
        RuntimeError: if data cannot be fetched or are damaged, or the pairs do not fit the faces.

    Reference:
        Huang et al., Labeled Faces in the Wild, 2007; Huang et al., Unsupervised Joint Alignment of
        Complex Images, ICCV 2007 (funneling).
    """
    files: Files = open_set("lfw", "pairs") if source is None else Folder(source)
    names = [name for name in files.names("lfw_funneled") if name.endswith(".jpg")]
    place = {PurePosixPath(name).stem: i for i, name in enumerate(names)}
    shown = [PurePosixPath(name).parent.name for name in names]
    people = tuple(sorted(set(shown)))
    number = {person: i for i, person in enumerate(people)}
    pairs, folds = read_pairs(read_listed(files, "pairs.txt").decode("utf-8"))
    if missing := [name for pair in pairs for name in pair if name not in place]:
        raise RuntimeError(f"pairs.txt lists {missing[0]}, but there is no such photograph")
    images, _ = load_squares(files, names, size, crop)
    labels = torch.tensor([number[person] for person in shown])
    first, second = torch.tensor([[place[name] for name in pair] for pair in pairs]).T
    return FacePairs(images, labels, people, first, second, labels[first] == labels[second], folds)


def read_pairs(text: str) -> tuple[list[tuple[str, str]], int]:
    """Read `pairs.txt`: a line with two numbers, then the pairs, fold after fold.

    A line has a name and two numbers of photographs, or two names with a number each.

    Returns:
        The stems of both files of each pair, and the number of folds.

    Raises:
        RuntimeError: if a line is laid out otherwise or there are not as many pairs as announced.
    """
    head, *rows = [line.split() for line in text.splitlines() if line.strip()]
    if len(head) != 2 or any(len(row) not in (3, 4) for row in rows):
        raise RuntimeError("expected lines with 2, then 3 or 4 words in pairs.txt")
    folds, of_a_kind = int(head[0]), int(head[1])
    if len(rows) != 2 * folds * of_a_kind:
        expected = f"{folds} folds of {of_a_kind} pairs of each kind"
        raise RuntimeError(f"expected {expected} in pairs.txt, got {len(rows)} pairs")
    return [
        (_stem(*row[:2]), _stem(row[-2] if len(row) == 4 else row[0], row[-1])) for row in rows
    ], folds


def _stem(person: str, number: str) -> str:
    return f"{person}_{int(number):04d}"
