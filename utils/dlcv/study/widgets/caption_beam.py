"""A caption word by word: the beam's hypotheses as a tree, and where the network looks."""

import torch
import traitlets
from torch import Tensor

from dlcv.captioning.captioner import Captioner
from dlcv.captioning.search import beam_search
from dlcv.captioning.vocabulary import Vocabulary
from dlcv.study.widgets.base import Widget, pack, within

WIDEST, LONGEST = 5, 9


class CaptionBeam(Widget):
    """Beam search on scenes, with the log-probabilities of a trained captioner.

    What travels to the page is the log-probability of every next word after every beginning that a
    beam of width 1 to 5 extends; the page searches by itself.

    Attributes (they follow what the reader does, and can be set from Python):
        scene: which scene, counted from 0.
        width: hypotheses kept, 1 to 5.
        shown: words said so far, 0 to 9.
        best: the best hypothesis so far, as text.

    Args:
        captioner: a trained captioner that attends, in evaluation mode.
        vocabulary: its words.
        images: uint8 [N, 3, S, S], N >= 1.
        grids: their features [N, P, C].
        captions: the right caption of each.
        width: what to begin with.

    Raises:
        ValueError: the captioner does not attend, or the counts differ.

    Taught in: lectures/15_captioning
    """

    module = "caption_beam"
    parts = ("beam_maths",)
    words = traitlets.List().tag(sync=True)
    scenes = traitlets.List().tag(sync=True)
    scene = traitlets.Int(0).tag(sync=True)
    width = traitlets.Int(3).tag(sync=True)
    shown = traitlets.Int(0).tag(sync=True)
    best = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        captioner: Captioner,
        vocabulary: Vocabulary,
        images: Tensor,
        grids: Tensor,
        captions: list[str],
        width: int = 3,
    ):
        if captioner.way != "attend" or not 0 < len(images) == len(grids) == len(captions):
            got = f"{captioner.way!r}, {len(images)}, {len(grids)} and {len(captions)}"
            raise ValueError(f"expected the way 'attend' and as many of each, got {got}")
        scenes = zip(images, grids, captions, strict=True)
        super().__init__(
            label="Beam search: a caption word by word",
            words=vocabulary.words,
            scenes=[describe(captioner, *scene) for scene in scenes],
            width=width,
        )

    @traitlets.validate("scene", "width", "shown")
    def _check_number(self, proposal):
        ranges = {"scene": (0, len(self.scenes) - 1), "width": (1, WIDEST), "shown": (0, LONGEST)}
        return within(ranges, proposal)


@torch.no_grad()
def describe(captioner: Captioner, image: Tensor, grid: Tensor, caption: str) -> dict:
    """One scene with the log-probabilities and attention of all beginnings that are needed."""
    step, attended = captioner.narrator(grid[None]), captioner.look(grid[None])
    beginnings, state = [(), *needed(captioner, grid)], captioner.cell.start(1)
    states, scores, attention = {}, [], []
    for words in beginnings:  # shorter ones first
        before, last = (state, Vocabulary.start) if not words else (states[words[:-1]], words[-1])
        attention.append(captioner.attention(attended, before[0])[0])
        logits, states[words] = step(torch.tensor([last], device=grid.device), before)
        scores.append(logits.log_softmax(dim=1)[0])
    return {
        "image": pack(image.permute(1, 2, 0).cpu().numpy()),
        "caption": caption,
        "beginnings": [list(words) for words in beginnings],
        "scores": pack(torch.stack(scores).cpu().float().numpy()),
        "attention": pack((255 * torch.stack(attention)).round().byte().cpu().numpy()),
    }


def needed(captioner: Captioner, grid: Tensor) -> list[tuple[int, ...]]:
    """The beginnings that a beam of some width extends, shorter ones first."""
    found: set[tuple[int, ...]] = set()

    def watch(kept):
        found.update(one.words for one in kept if one.words[-1] != Vocabulary.end)

    for width in range(1, WIDEST + 1):
        step, state = captioner.narrator(grid[None]), captioner.cell.start(1)
        beam_search(step, state, width, LONGEST, watch=watch)
    return sorted((words for words in found if len(words) < LONGEST), key=lambda w: (len(w), w))
