"""Eight losses on one budget: the data, the judging, and the numbers measured with them.

The numbers were written by `tools/measure_verification.py`; the data card beside them says how.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from torch import nn

from dlcv.data.bundled import LabelledImages
from dlcv.data.faces import FaceConfig, render_faces
from dlcv.verification.mining import Pairs
from dlcv.verification.network import embed, pair_scores
from dlcv.verification.protocol import make_pairs, roc, true_accepts_at, verification_accuracy

FILE = "losses.csv"
COLUMNS = ("loss", "part", "seed", "lr", "accuracy", "tar")
FALSE_ACCEPTS = 0.01  # at which `tar` is read off
LONGER = 3  # times as many passes in the measurements that are called "longer"


@dataclass(frozen=True)
class Budget:
    """What every loss gets: faces, passes over them, and a network of a width.

    Attributes:
        people: To learn from.
        pictures: Of each.
        size: Height and width of the images, px.
        epochs: Passes over the pictures.
        width: Of the network, see `FaceNetwork`.
        strangers: People in the validation and in the test set, who are nowhere else.
        pairs: That are judged, in ten folds.
    """

    people: int = 320
    pictures: int = 16
    size: int = 32
    epochs: int = 4
    width: int = 12
    strangers: int = 200
    pairs: int = 3000

    def training_faces(self) -> LabelledImages:
        """The pictures to learn from, of the people 0 … people − 1."""
        return render_faces(self.people, self.pictures, config=FaceConfig(self.size))

    def strangers_of(self, part: str) -> tuple[LabelledImages, Pairs]:
        """Ten pictures each of people who are not learnt from, and pairs of them.

        Args:
            part: "validation", "test", or "longer", which is judged on the people of "test".
        """
        start = {"validation": 10**6, "test": 2 * 10**6, "longer": 2 * 10**6}[part]
        faces = render_faces(self.strangers, 10, start=start, config=FaceConfig(self.size))
        return faces, make_pairs(faces.labels, self.pairs)


class Verdict(NamedTuple):
    """Ten-fold accuracy, and the share of true accepts at one false accept in a hundred."""

    accuracy: float
    tar: float


def judge_verifier(model: nn.Module, faces: LabelledImages, pairs: Pairs) -> Verdict:
    """Judge a network on pairs of people it has never seen, by the LFW protocol.

    Args:
        model: From images to embeddings.
        faces: The pictures.
        pairs: Of their indices, fold after fold, as `make_pairs` gives them.

    Returns:
        Accuracy and TAR.

    Taught in: lectures/09_verification
    """
    scores = pair_scores(embed(model, faces.images), pairs)
    tar = true_accepts_at(roc(scores, pairs.same), FALSE_ACCEPTS)
    return Verdict(verification_accuracy(scores, pairs.same).mean, tar)


class Measurement(NamedTuple):
    """One training: which loss, on which people it was judged, its seed, its rate, its verdict."""

    loss: str
    part: str
    seed: int
    lr: float
    accuracy: float
    tar: float


def measurements(part: str) -> list[Measurement]:
    """The trainings that were measured with `Budget()`.

    Args:
        part: "validation", where each loss has one training for each rate; "test", where it has
            one for each of three seeds, at the best of these rates; or "longer", the same with
            `LONGER` times as many passes.

    Returns:
        The trainings, in the order of the file.

    Raises:
        ValueError: If there is no such part.
    """
    text = (files("dlcv.verification") / "measured" / FILE).read_text(encoding="utf-8")
    kinds = (str, str, int, float, float, float)
    rows = [
        Measurement(*[kind(row[name]) for kind, name in zip(kinds, COLUMNS, strict=True)])
        for row in csv.DictReader(text.splitlines())
    ]
    found = [row for row in rows if row.part == part]
    if not found:
        raise ValueError(f"expected 'validation', 'test' or 'longer', got {part!r}")
    return found
