"""Proposals of several methods on the book's scenes and on photographs, to leaf through."""

from collections.abc import Mapping

import torch
import traitlets
from torch import Tensor

from dlcv.data.photo_boxes import load_photo_objects
from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.edge_boxes import propose_edge_boxes
from dlcv.detection.proposals import random_boxes, sliding_windows
from dlcv.detection.selective_search import selective_search
from dlcv.study.widgets.base import Widget, pack, within
from dlcv.study.widgets.task_ladder import data_uri

LONGEST_PX = 200  # below 256, so that a corner travels as one byte
MOST = 500  # proposals of a method


class ProposalBrowser(Widget):
    """Pictures with objects, the proposals of four methods, and what they reach.

    Attributes (they follow what the reader does, and can be set from Python):
        picture: which of the pictures is shown, from 0.
        method: which of the methods, from 0.
        count: how many of its proposals, 1 to 500.

    Args:
        photos: names of `dlcv.data.photo_boxes.PHOTO_BOXES`, shown behind one scene.
        seed: of the scene and of everything random.

    Raises:
        ValueError: a photograph without boxes, or a number out of range.

    Taught in: lectures/11_detection_foundations
    """

    module = "proposal_browser"
    pictures = traitlets.List().tag(sync=True)
    picture = traitlets.Int(0).tag(sync=True)
    method = traitlets.Int(3).tag(sync=True)
    count = traitlets.Int(31).tag(sync=True)

    def __init__(self, photos: tuple[str, ...] = ("coins", "coffee", "astronaut"), seed: int = 11):
        scenes = render_scenes(1, seed, config=SceneConfig(size=LONGEST_PX, objects=(5, 6)))
        target = scenes.targets()[0]
        names = [KINDS[label] for label in target["labels"]]
        pictures = {"a scene": (scenes.images[0] / 255, target["boxes"], names)}
        pictures |= {name: load_photo_objects(name, LONGEST_PX) for name in photos}
        super().__init__(
            label="Proposal browser: where four methods look for objects",
            pictures=[describe(name, *parts, seed) for name, parts in pictures.items()],
        )

    @traitlets.validate("picture", "method", "count")
    def _in_range(self, proposal):
        methods = len(self.pictures[0]["methods"])
        ranges = {"picture": (0, len(self.pictures) - 1), "method": (0, methods - 1)}
        return within(ranges | {"count": (1, MOST)}, proposal)

    def fallback_html(self) -> str:
        """The first picture."""
        picture = self.pictures[0]
        return f'<img src="{picture["image"]}" alt="{picture["name"]}" width="{LONGEST_PX}">'


def proposals_by_method(image: Tensor, seed: int = 0) -> Mapping[str, Tensor]:
    """The proposals of four methods for a picture float [3, H, W], the best first."""
    size = (image.shape[1], image.shape[2])
    windows = sliding_windows(size, [max(size) / 2 ** (i / 2) for i in range(1, 7)])
    shuffled = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    return {
        "random boxes": random_boxes(size, MOST, seed),
        "sliding windows": windows[shuffled],
        "edge boxes": propose_edge_boxes(image),
        "selective search": selective_search(image, seed=seed),
    }


def describe(name: str, image: Tensor, boxes: Tensor, names: list[str], seed: int) -> dict:
    """One picture as the page gets it; proposals rounded to whole pixels."""
    methods = proposals_by_method(image, seed)
    return {
        "name": name,
        "image": data_uri((255 * image).round().byte()),
        "size": list(image.shape[1:]),
        "boxes": [[round(x, 1) for x in box] for box in boxes.tolist()],
        "names": names,
        "methods": [
            {"name": method, "boxes": pack(found[:MOST].round().byte().numpy())}
            for method, found in methods.items()
        ],
    }
