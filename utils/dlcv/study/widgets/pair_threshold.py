"""Pairs of faces, a threshold on their scores, and the ROC curve that it walks along."""

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor

from dlcv.study.widgets.base import Widget, pack, within


class PairThreshold(Widget):
    """Move the threshold of a verifier; see both rates move, and which pairs change sides.

    All pairs count for the rates. Some of them are shown as pictures, sorted into the four cases:
    accepted or rejected, rightly or wrongly.

    Args:
        scores: For each verifier, by name, the scores [M] of the same pairs, in [−1, 1], the larger
            the more alike.
        same: bool [M], with pairs of both kinds.
        shown: numbers of the pairs whose pictures are shown, each below M.
        pictures: uint8 [2 × len(shown), 3, S, S]: the two faces of each shown pair, one after the
            other.

    Attributes (both follow what the reader does, and can be set from Python):
        verifier: one of the names.
        threshold: a pair with at least this score is accepted, −1 to 1.

    Raises:
        ValueError: scores, pairs and pictures do not fit together, or an attribute is out of range.

    Taught in: lectures/09_verification
    """

    module = "pair_threshold"
    parts = ("pair_charts",)
    names = traitlets.List().tag(sync=True)
    scores = traitlets.Dict().tag(sync=True)
    same = traitlets.Dict().tag(sync=True)
    shown = traitlets.List().tag(sync=True)
    sprite = traitlets.Unicode().tag(sync=True)
    verifier = traitlets.Unicode().tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self, scores: Mapping[str, Tensor], same: Tensor, shown: Sequence[int], pictures: Tensor
    ):
        if not scores or any(values.shape != same.shape for values in scores.values()):
            raise ValueError(f"expected scores {list(same.shape)} of at least one verifier")
        if same.all() or not same.any():
            raise ValueError(f"expected pairs of both kinds, got {len(same)} of one")
        table = torch.stack(list(scores.values())).float().cpu()  # [V, M]
        if not (table.min() >= -1.001 and table.max() <= 1.001):
            raise ValueError(f"expected scores in [-1, 1], got {table.min()} to {table.max()}")
        shown = [int(number) for number in shown]
        if not shown or not all(0 <= number < len(same) for number in shown):
            raise ValueError(f"expected numbers of pairs below {len(same)}, got {shown}")
        if pictures.ndim != 4 or len(pictures) != 2 * len(shown) or pictures.dtype != torch.uint8:
            expected = f"uint8 [{2 * len(shown)}, 3, S, S]"
            raise ValueError(f"expected pictures {expected}, got {list(pictures.shape)}")
        super().__init__(
            label="A threshold on the scores of pairs",
            names=list(scores),
            scores=pack(table.numpy().astype(np.float16)),
            same=pack(same.cpu().numpy().astype(np.uint8)),
            shown=shown,
            sprite=_sprite(pictures),
            verifier=list(scores)[-1],
        )

    @traitlets.validate("verifier")
    def _known(self, proposal):
        if proposal["value"] not in self.names:
            raise ValueError(f"expected one of {self.names}, got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("threshold")
    def _within(self, proposal):
        return within({"threshold": (-1, 1)}, proposal)


def _sprite(pictures: Tensor) -> str:
    """All pictures in one image, pair below pair, as an address that holds its own data."""
    pairs = pictures.cpu().unflatten(0, (-1, 2))  # [P, 2, 3, S, S]
    sheet = pairs.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)  # [P S, 2 S, 3]
    file = io.BytesIO()
    Image.fromarray(sheet.contiguous().numpy()).save(file, "WEBP", quality=80, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
