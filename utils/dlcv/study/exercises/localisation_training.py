"""Checks and solutions of the exercises that train: two heads, and the joints of a fish."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.backbone import backbone
from dlcv.data.joints import SKELETONS
from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.box_losses import paired_iou
from dlcv.detection.pose import crop_and_resize, pck
from dlcv.study.exercises.base import NotAttempted, attempt, expect

LEARN, JUDGE = 300, 100
JOINTS = len(SKELETONS["fish"].names)


@cache
def heads_data() -> tuple[Tensor, Tensor, Tensor]:
    """Maps [400, 112, 4, 4], labels and boxes in shares, of scenes with one of three kinds."""
    world = SceneConfig(objects=(1, 1), radius=(0.16, 0.36), kinds=(0, 1, 2))
    scenes = render_scenes(LEARN + JUDGE, 103, config=world, masks=False)
    return _maps(scenes.images / 255), scenes.labels[:, 0], scenes.boxes[:, 0] / 64


@cache
def fish_data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maps of the cut-out fish, their joints and boxes in px, and which joints are seen."""
    world = SceneConfig(objects=(1, 1), radius=(0.2, 0.4), kinds=(KINDS.index("fish"),))
    scenes = render_scenes(LEARN + JUDGE, 104, config=world, masks=False)
    joints, boxes = scenes.joints[:, 0, :JOINTS], scenes.boxes[:, 0]
    crops = crop_and_resize(scenes.images / 255, boxes, 64)
    return _maps(crops), joints[..., :2], boxes, joints[..., 2] > 0


@torch.no_grad()
def _maps(images: Tensor) -> Tensor:
    trunk = backbone(pretrained=True).eval()
    return torch.cat([trunk.features(part)[-1] for part in images.split(100)])


def _outputs(predict: object, *inputs: Tensor) -> object:
    """Calls what the reader's function returned; three dots mean that nothing was attempted."""
    if predict is ...:
        raise NotAttempted
    expect(callable(predict), f"expected a function back, got {type(predict).__name__}.")
    return attempt(predict, *inputs)


# -------------------------------------------------------------------------------- 10.two_heads
def check_two_heads(answer: object) -> None:
    """Trains on 300 scenes and judges on 100 others."""
    maps, labels, boxes = heads_data()
    torch.manual_seed(10)
    learnt = attempt(answer, maps[:LEARN].clone(), labels[:LEARN].clone(), boxes[:LEARN].clone())
    got = _outputs(learnt, maps[LEARN:].clone())
    expect(isinstance(got, tuple) and len(got) == 2, "expected logits and boxes, as two values.")
    logits, found = got
    _check_shape("logits", logits, (JUDGE, 3))
    _check_shape("boxes", found, (JUDGE, 4))
    iou = paired_iou(found.detach().float(), boxes[LEARN:]).mean().item()
    if iou < 0.6 and found.detach().abs().max() > 3:
        expect(False, "the boxes lie outside the picture: give them in shares of it, from 0 to 1.")
    right = (logits.argmax(dim=1) == labels[LEARN:]).float().mean().item()
    hint = "Does the box head still know places (no pooling)? Is the box loss weighted enough?"
    expect(iou > 0.6, f"mean IoU {iou:.2f} on other scenes, it should be above 0.6. {hint}")
    hint = "Is the class loss in the sum, or drowned by the box loss?"
    expect(right >= 0.8, f"{right:.0%} of the classes are right, it should be 80 %. {hint}")


def _check_shape(name: str, tensor: object, shape: tuple[int, ...]) -> None:
    expect(isinstance(tensor, Tensor), f"{name}: expected a tensor, got {type(tensor).__name__}.")
    got = list(tensor.shape)
    expect(tuple(got) == shape, f"{name}: expected shape {list(shape)}, got {got}.")
    expect(tensor.isfinite().all(), f"{name}: some values are not finite.")


def solve_two_heads(maps, labels, boxes):
    """Two small networks on the flattened map, trained by the sum of both losses."""

    def head(outputs):
        layers = nn.Linear(112 * 16, 96), nn.ReLU(), nn.Linear(96, outputs)
        return nn.Sequential(nn.Flatten(), *layers)

    classes, places = head(3), head(4)
    parameters = [*classes.parameters(), *places.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=0.002)
    for _ in range(150):
        class_loss = F.cross_entropy(classes(maps), labels)
        box_loss = F.smooth_l1_loss(places(maps), boxes, beta=0.1)
        optimiser.zero_grad()
        (class_loss + 10 * box_loss).backward()
        optimiser.step()

    def predict(new_maps):
        with torch.no_grad():
            return classes(new_maps), places(new_maps)

    return predict


# -------------------------------------------------------------------------------------- 10.pose
def check_pose(answer: object) -> None:
    """Trains on 300 fish and judges on 100 others."""
    maps, joints, boxes, seen = fish_data()
    torch.manual_seed(10)
    learnt = attempt(answer, maps[:LEARN].clone(), joints[:LEARN].clone(), boxes[:LEARN].clone())
    found = _outputs(learnt, maps[LEARN:].clone(), boxes[LEARN:].clone())
    _check_shape("joints", found, (JUDGE, JOINTS, 2))
    found = found.detach().float()
    sizes = (boxes[LEARN:, 2:] - boxes[LEARN:, :2]).amax(dim=1)

    def score(points: Tensor) -> float:
        return pck(points, joints[LEARN:], seen[LEARN:], sizes)

    reached = score(found)
    if reached <= 0.8:
        middle = (boxes[LEARN:, None, :2] + boxes[LEARN:, None, 2:]) / 2
        size = boxes[LEARN:, None, 2:] - boxes[LEARN:, None, :2]
        if score(found * size + middle) > 0.8:
            expect(
                False, "these are still relative to the box: go back to px, `r * size + middle`."
            )
        if score(found.flip(2)) > 0.8:
            expect(False, "x and y are swapped.")
    hint = "Are the targets relative to the box, and is the map flattened, not averaged?"
    expect(reached > 0.8, f"PCK {reached:.2f} on other fish, it should be above 0.8. {hint}")


def solve_pose(maps, joints, boxes):
    """Regress coordinates relative to the box; turn them back with the box of the new fish."""

    def middle_and_size(boxes):
        lt, rb = boxes[:, None, :2], boxes[:, None, 2:]
        return (lt + rb) / 2, rb - lt

    middle, size = middle_and_size(boxes)
    targets = (joints - middle) / size
    layers = nn.Linear(112 * 16, 96), nn.ReLU(), nn.Linear(96, 10)
    head = nn.Sequential(nn.Flatten(), *layers, nn.Unflatten(1, (5, 2)))
    optimiser = torch.optim.AdamW(head.parameters(), lr=0.002)
    for _ in range(150):
        loss = (head(maps) - targets).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def predict(new_maps, new_boxes):
        middle, size = middle_and_size(new_boxes)
        with torch.no_grad():
            return head(new_maps) * size + middle

    return predict
