"""The book's own little world: small scenes of sea and beach, with all their labels.

One call renders images together with boxes, classes, colours, masks and captions, so the same
scenes serve classification, localisation, detection, segmentation and captioning.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor

from dlcv.data.backdrops import backdrop
from dlcv.data.counter_random import CounterRandom
from dlcv.data.joints import JOINTS, place_joints
from dlcv.data.layout import Layout, SceneConfig, lay_out
from dlcv.data.painting import Patches, paint_objects, stamp
from dlcv.data.palette import COLOURS, PATTERNS
from dlcv.data.shapes import KINDS

__all__ = ["COLOURS", "KINDS", "PATTERNS", "SceneConfig", "Scenes", "render_scenes"]

_CHUNK_PIXELS = {"cpu": 2**18, "cuda": 2**22}  # pixels of a scene times scenes rendered at once


@dataclass(frozen=True)
class Scenes:
    """N scenes and everything known about them; K slots for objects, later slots lie in front.

    Args:
        images: uint8 [N, 3, S, S], RGB.
        boxes: float32 [N, K, 4], xyxy in px with continuous edges, tight around what is visible of
            the object; zeros in an empty slot.
        labels: int64 [N, K], index into KINDS; -1 in an empty slot, likewise the next two.
        colours: int64 [N, K], index into COLOURS.
        patterns: int64 [N, K], index into PATTERNS.
        joints: float32 [N, K, JOINTS, 3], x and y in px of the joints that `SKELETONS` names for
            the object's kind, and 2 where the joint is visible, 1 where it is covered; zeros where
            there is none (see `dlcv.data.joints`).
        masks: bool [N, K, S, S], the visible pixels of each object; no two overlap. None if not
            asked for.
        semantic: uint8 [N, S, S], 0 for background, label + 1 on objects. None if not asked for.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    colours: Tensor
    patterns: Tensor
    joints: Tensor
    masks: Tensor | None = None
    semantic: Tensor | None = None

    symmetries: ClassVar[int] = 8  # a scene may be turned and flipped in every way, see `turn`

    def __len__(self) -> int:
        """Number of scenes."""
        return len(self.images)

    def __getitem__(self, which: slice | Tensor) -> "Scenes":
        """Some of the scenes, by a slice or a tensor of indices."""
        if not isinstance(which, slice | Tensor):
            raise TypeError(f"expected a slice or a tensor of indices, got {which!r}")
        return self._map(lambda tensor: tensor[which])

    def to(self, device: torch.device | str) -> "Scenes":
        """The scenes with their tensors on a device."""
        return self._map(lambda tensor: tensor.to(device))

    def _map(self, change) -> "Scenes":
        old = [getattr(self, field.name) for field in fields(self)]
        return Scenes(*[None if tensor is None else change(tensor) for tensor in old])

    def targets(self, first_label: int = 0) -> list[dict[str, Tensor]]:
        """Boxes, labels and masks per scene in the form torchvision's detectors take.

        Args:
            first_label: label of KINDS[0]. Torchvision's own detectors keep 0 for the background
                and want 1 here.

        Returns:
            One dict per scene: `boxes` float32 [n, 4], `labels` int64 [n] and, where there are
            masks, `masks` bool [n, S, S], of the n objects in the scene.
        """
        result = []
        for i, found in enumerate(self.labels >= 0):
            target = {"boxes": self.boxes[i, found], "labels": self.labels[i, found] + first_label}
            if self.masks is not None:
                target["masks"] = self.masks[i, found]
            result.append(target)
        return result

    def captions(self, objects: int = 2) -> list[str]:
        """The caption of every scene, see `caption`."""
        return [self.caption(i, objects) for i in range(len(self))]

    def caption(self, i: int, objects: int = 2) -> str:
        """Say what is in scene i: "a red fish left of a blue ring".

        The caption is a function of the scene. It names the objects with the largest boxes (of
        equal ones, the one further back). With two, the relation is the axis on which the box
        centres differ more, and the object named first is the one to the left or above; so there
        are two relations, "left of" and "above", and one right caption.

        Args:
            i: which scene.
            objects: how many objects to name at most, 1 or 2.

        Raises:
            ValueError: if `objects` is neither 1 nor 2.

        Taught in: lectures/15_captioning
        """
        if objects not in (1, 2):
            raise ValueError(f"expected 1 or 2 objects in a caption, got {objects}")
        slots = _largest(self.boxes[i], self.labels[i])[:objects]
        names = [f"{COLOURS[self.colours[i, k]]} {KINDS[self.labels[i, k]]}" for k in slots]
        names = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names]
        if len(names) < 2:
            return names[0] if names else "an empty scene"
        first, second = (self.boxes[i, k, :2] + self.boxes[i, k, 2:] for k in slots)
        dx, dy = (second - first).tolist()
        relation, forward = ("left of", dx >= 0) if abs(dx) >= abs(dy) else ("above", dy > 0)
        return f" {relation} ".join(names if forward else names[::-1])


def _largest(boxes: Tensor, labels: Tensor) -> list[int]:
    """Slots of the objects of one scene, from the largest box to the smallest."""
    areas = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).tolist()
    present = [k for k, label in enumerate(labels.tolist()) if label >= 0]
    return sorted(present, key=lambda k: -areas[k])


def render_scenes(
    count: int,
    seed: int = 0,
    start: int = 0,
    config: SceneConfig | None = None,
    device: torch.device | str = "cpu",
    masks: bool = True,
) -> Scenes:
    """Render the scenes start … start + count - 1 of a seed.

    Scene i of a seed and a config is the same, to the bit, whether it is rendered alone or in a
    batch, and on any number of threads: its random numbers are hashed from (seed, i), and no pixel
    depends on another scene. Rendering uses only integer arithmetic and float operations whose last
    bit IEEE 754 prescribes (+ - * / sqrt, each in a kernel of its own), so a GPU that rounds by the
    standard, as CUDA devices do by default, gives the same scene too.

    Args:
        count: number of scenes N, >= 0.
        seed: an integer in [0, 2^63); use one for training, another for testing.
        start: index of the first scene, >= 0.
        config: the knobs; None for the defaults of `SceneConfig`.
        device: where the scenes are rendered and stay.
        masks: also return `masks` and `semantic`, S² (K + 1) bytes a scene.

    Returns:
        The scenes, K = config.objects[1] slots each.

    Raises:
        ValueError: if `count`, `start` or `seed` is negative or too large.
    """
    if count < 0 or start < 0:
        raise ValueError(f"expected count >= 0 and start >= 0, got {count} and {start}")
    config, device = config or SceneConfig(), torch.device(device)
    scenes = _empty(count, config, device, masks)
    chunk = max(1, _CHUNK_PIXELS.get(device.type, 2**18) // config.size**2)
    for first in range(0, count, chunk):
        number = min(chunk, count - first)
        part = _render_chunk(seed, start + first, number, config, device)
        for field in fields(scenes):
            whole = getattr(scenes, field.name)
            if whole is not None:
                whole[first : first + number] = getattr(part, field.name)
    return scenes


def _empty(count: int, config: SceneConfig, device: torch.device, masks: bool) -> Scenes:
    slots, size = config.objects[1], config.size

    def tensor(*shape: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(count, *shape, dtype=dtype, device=device)

    return Scenes(
        images=tensor(3, size, size, dtype=torch.uint8),
        boxes=tensor(slots, 4, dtype=torch.float32),
        labels=tensor(slots, dtype=torch.int64),
        colours=tensor(slots, dtype=torch.int64),
        patterns=tensor(slots, dtype=torch.int64),
        joints=tensor(slots, JOINTS, 3, dtype=torch.float32),
        masks=tensor(slots, size, size, dtype=torch.bool) if masks else None,
        semantic=tensor(size, size, dtype=torch.uint8) if masks else None,
    )


def _render_chunk(
    seed: int, start: int, count: int, config: SceneConfig, device: torch.device
) -> Scenes:
    draws = CounterRandom(seed, start, count, device)
    layout = lay_out(draws, config)
    patches = paint_objects(layout, config.size, config.radius[1])
    kept, masks = _visible(patches, layout, config)
    centres = (torch.arange(config.size, device=device) + 0.5) * (1.0 / config.size)
    canvas = backdrop(draws, centres[None, :], centres[:, None], config.distractors)
    stamp(canvas, patches, kept)
    grain = CounterRandom(seed, start, count, device, purpose=1)
    labels = torch.where(kept, layout.kinds, -1)
    return Scenes(
        images=_develop(canvas, grain, config.noise),
        boxes=_tight_boxes(masks),
        labels=labels,
        colours=torch.where(kept, layout.colours, -1),
        patterns=torch.where(kept, layout.patterns, -1),
        joints=place_joints(layout, masks),
        masks=masks,
        semantic=(masks * (labels[:, :, None, None] + 1).to(torch.uint8)).amax(1),
    )


def _visible(patches: Patches, layout: Layout, config: SceneConfig) -> tuple[Tensor, Tensor]:
    """Which objects stay [N, K], and their visible pixels [N, K, S, S], judged front to back."""
    count, slots = layout.present.shape
    masks = torch.zeros(
        count, slots, config.size, config.size, dtype=torch.bool, device=layout.present.device
    )
    scene, rows, columns = patches.index(torch.arange(len(patches.scene), device=masks.device))
    masks[scene, patches.slot[:, None, None], rows, columns] = patches.inside
    kept, covered = layout.present.clone(), torch.zeros_like(masks[:, 0])
    for slot in reversed(range(slots)):
        whole = masks[:, slot].sum((1, 2))
        masks[:, slot] &= ~covered
        seen = masks[:, slot].sum((1, 2))
        kept[:, slot] &= (seen > 0) & (seen >= whole * config.min_visible)
        masks[:, slot] &= kept[:, slot, None, None]
        covered |= masks[:, slot]
    return kept, masks


def _tight_boxes(masks: Tensor) -> Tensor:
    """Boxes [N, K, 4] around masks [N, K, S, S]: first pixel, last pixel + 1; zeros if empty."""
    size = masks.shape[-1]
    pixel = torch.arange(size, device=masks.device)
    edges = []
    for used in (masks.any(-2), masks.any(-1)):
        last = torch.where(used, pixel + 1, 0).amax(-1)
        edges.append((torch.where(used, pixel, size).amin(-1).minimum(last), last))
    (x1, x2), (y1, y2) = edges
    return torch.stack([x1, y1, x2, y2], -1).float()


def _develop(canvas: Tensor, grain: CounterRandom, noise: float) -> Tensor:
    """Add noise and round to bytes: [3, N, S, S] in [0, 1] to uint8 [N, 3, S, S]."""
    images = canvas.transpose(0, 1)
    level = grain.uniform(1, 1, 1, high=noise)
    images = images + grain.noise(*images.shape[1:]) * level
    return (images.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
