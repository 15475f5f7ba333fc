"""One scene, eight tasks: what a network may be asked for, drawn on the picture itself."""

import base64
import io

import numpy as np
import torch
import traitlets
from PIL import Image
from skimage.measure import approximate_polygon, find_contours
from torch.nn.functional import max_pool2d

from dlcv.data.joints import SKELETONS
from dlcv.data.scenes import COLOURS, KINDS, PATTERNS, SceneConfig, Scenes, render_scenes
from dlcv.study.widgets.base import Widget

TASKS = ("class", "box", "boxes", "semantic", "instances", "same", "joints", "caption")
SIZE = 288  # px: sharp on a phone, and about 10 KB a picture
SIGHTING_SIZE = 96  # px: of the small pictures that a pair is made with
SEARCHED = 200  # scenes looked through for suitable ones
SMOOTHING_PX = 0.4  # how far an outline may leave the pixels' edges


class TaskLadder(Widget):
    """A scene of the book's little world, and its answer to each task from class to caption.

    Every scene holds three or more objects, two of one kind touching each other: only there a
    semantic mask and instance masks differ. One object at least has joints.

    Attributes (both follow what the reader does, and can be set from Python):
        task: ``"class"``, ``"box"``, ``"boxes"``, ``"semantic"``, ``"instances"``, ``"same"``,
            ``"joints"`` or ``"caption"``.
        index: which of the scenes is shown, from 0.

    Args:
        count: how many scenes to leaf through, 1 to 20.
        seed: which scenes.

    Raises:
        ValueError: a count, a task or an index out of range.

    Taught in: lectures/00_orientation
    """

    module = "task_ladder"
    kinds = traitlets.List(list(KINDS)).tag(sync=True)
    skeletons = traitlets.Dict().tag(sync=True)
    scenes = traitlets.List().tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    task = traitlets.Unicode("class").tag(sync=True)

    def __init__(self, count: int = 5, seed: int = 10):
        if not 1 <= count <= 20:
            raise ValueError(f"expected 1 to 20 scenes, got {count}")
        config = SceneConfig(size=SIZE)
        starts = find_busy(count, seed)
        scenes = [render_scenes(1, seed, start, config) for start in starts]
        super().__init__(
            label="Task ladder: one scene, and what each task says about it",
            skeletons={
                kind: {"names": list(skeleton.names), "bones": list(map(list, skeleton.bones))}
                for kind, skeleton in SKELETONS.items()
            },
            scenes=[
                {**describe(scene), "sightings": see_again(scene, start)}
                for scene, start in zip(scenes, starts, strict=True)
            ],
        )

    @traitlets.validate("task")
    def _check_task(self, proposal):
        if proposal["value"] not in TASKS:
            raise ValueError(f"expected one of {', '.join(TASKS)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("index")
    def _check_index(self, proposal):
        if not 0 <= proposal["value"] < len(self.scenes):
            last = len(self.scenes) - 1
            raise ValueError(f"expected an index from 0 to {last}, got {proposal['value']}")
        return proposal["value"]

    def fallback_html(self) -> str:
        """The first scene with its caption, as a plain picture."""
        scene = self.scenes[0]
        return f'<img src="{scene["image"]}" alt="{scene["caption"]}" width="{SIZE}">'


def find_busy(count: int, seed: int) -> list[int]:
    """The first scenes of a seed with three objects or more, two of a kind touching, one jointed.

    Raises:
        ValueError: there are fewer among the first 200.
    """
    scenes = render_scenes(SEARCHED, seed)
    masks, labels = scenes.masks.float(), scenes.labels
    grown = max_pool2d(masks, kernel_size=3, stride=1, padding=1)
    touch = torch.einsum("nihw,njhw->nij", grown, masks).triu(1) > 0
    alike = labels[:, :, None] == labels[:, None, :]
    jointed = (scenes.joints[..., 2] > 0).any(2).any(1)
    busy = (touch & alike).any((1, 2)) & ((labels >= 0).sum(1) >= 3) & jointed
    found = busy.nonzero()[:, 0].tolist()
    if len(found) < count:
        raise ValueError(f"expected at most {len(found)} scenes of seed {seed}, got {count}")
    return found[:count]


def describe(scene: Scenes) -> dict:
    """One scene as the page gets it: picture, objects, regions of one kind, caption.

    Args:
        scene: a batch of one.

    Returns:
        ``image`` (data URI), ``size`` in px, ``caption``; ``objects`` from the largest box to the
        smallest with ``kind``, ``colour``, ``box`` (xyxy in px), ``joints`` (x, y, and 2 where
        visible, 1 where covered), ``pixels`` and ``outline``;
        ``regions`` with ``kind``, ``pixels`` and ``outline``, by falling size.
    """
    slots = (scene.labels[0] >= 0).nonzero()[:, 0].tolist()
    objects = [
        {
            "kind": KINDS[scene.labels[0, k]],
            "colour": COLOURS[scene.colours[0, k]],
            "box": scene.boxes[0, k].tolist(),
            "joints": [
                joint for joint in scene.joints[0, k].round(decimals=1).tolist() if joint[2]
            ],
            **shape(scene.masks[0, k]),
        }
        for k in slots
    ]
    regions = [
        {"kind": KINDS[label], **shape(scene.semantic[0] == label + 1)}
        for label in sorted(set(scene.labels[0, slots].tolist()))
    ]
    return {
        "image": data_uri(scene.images[0]),
        "size": scene.images.shape[-1],
        "caption": scene.caption(0),
        "objects": sorted(objects, key=lambda item: -area(item["box"])),
        "regions": sorted(regions, key=lambda item: -item["pixels"]),
    }


def see_again(scene: Scenes, seed: int) -> list[dict]:
    """Two new pictures: one of the scene's largest object, one of another individual of its kind.

    An individual is told by kind, colour and pattern; the other one has its colour or its pattern.

    Args:
        scene: a batch of one.
        seed: decides what differs, and which of the two comes first.

    Returns:
        Two of ``image`` (data URI) and ``same``.
    """
    boxes = scene.boxes[0]
    largest = int((boxes[:, 2:] - boxes[:, :2]).prod(1).argmax())
    traits = (scene.labels, scene.colours, scene.patterns)
    kind, colour, pattern = (int(trait[0, largest]) for trait in traits)
    if seed % 4 < 2:
        other = (colour, (pattern + 1) % len(PATTERNS))
    else:
        other = ((colour + 1) % len(COLOURS), pattern)
    pictures = []
    for is_same, (of_colour, of_pattern) in ((True, (colour, pattern)), (False, other)):
        config = SceneConfig(
            SIGHTING_SIZE,
            objects=(1, 1),
            radius=(0.32, 0.42),
            kinds=(kind,),
            colours=(of_colour,),
            patterns=(of_pattern,),
        )
        picture = render_scenes(1, seed, int(is_same), config).images[0]
        pictures.append({"image": data_uri(picture), "same": is_same})
    return pictures if seed % 2 else pictures[::-1]


def area(box: list[float]) -> float:
    """Area of a box xyxy in px²."""
    x1, y1, x2, y2 = box
    return (x2 - x1) * (y2 - y1)


def shape(mask: torch.Tensor) -> dict:
    """Number of pixels of a mask bool [H, W], and its outline as the path of an SVG.

    Returns:
        ``pixels`` and ``outline``; holes come out right under the even-odd rule.
    """
    padded = np.pad(mask.numpy().astype(float), 1)
    rings = [approximate_polygon(ring, SMOOTHING_PX) for ring in find_contours(padded, 0.5)]
    # Centres of padded pixels are at whole numbers; corners of the mask's pixels half a px away.
    paths = [" ".join(f"{x - 0.5:g},{y - 0.5:g}" for y, x in ring.round(1)) for ring in rings]
    return {"pixels": int(mask.sum()), "outline": "".join(f"M{path}Z" for path in paths)}


def data_uri(image: torch.Tensor) -> str:
    """An image uint8 [3, H, W] as the source of an ``<img>``."""
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "WEBP", quality=82, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
