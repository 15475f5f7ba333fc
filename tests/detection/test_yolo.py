"""YOLO's cells, loss and decoding: by hand, against plain loops, and at their edges."""

import math

import pytest
import torch
from tiny_detector import TinyBackbone
from torch.autograd import gradcheck
from torchvision.ops import box_iou

from dlcv.detection.yolo import (
    Yolo,
    cell_boxes,
    paired_iou,
    responsible,
    yolo_decode,
    yolo_losses,
    yolo_targets,
)
from dlcv.study.facts import fact


def random_objects(seed, B=3, K=4, size=64, classes=5):
    """Boxes [B, K, 4] inside the picture, no two centres in a cell of 8 px, and labels."""
    g = torch.Generator().manual_seed(seed)
    cells = torch.stack([torch.randperm(64, generator=g)[:K] for _ in range(B)])
    centre = (
        torch.stack([cells % 8, cells // 8], dim=-1) * 8 + 1 + 6 * torch.rand(B, K, 2, generator=g)
    )
    half = 2 + 10 * torch.rand(B, K, 2, generator=g)
    labels = torch.randint(-1, classes, (B, K), generator=g)
    return torch.cat([centre - half, centre + half], dim=-1), labels


def slow_losses(output, targets, n):
    """Equation 3, cell by cell and number by number."""
    B, S = output.shape[:2]
    sums = dict.fromkeys(("centre", "size", "object", "no object", "class"), 0.0)
    for b in range(B):
        for i in range(S):
            for j in range(S):
                numbers, truth = output[b, i, j].tolist(), targets[b, i, j].tolist()
                boxes = [numbers[5 * k : 5 * k + 5] for k in range(n)]
                best = None
                if truth[4] == 1:
                    overlaps = [iou_in_cell(box, truth, i, j, S) for box in boxes]
                    best = overlaps.index(max(overlaps))
                    x, y, rw, rh, c = boxes[best]
                    sums["centre"] += 5 * ((x - truth[0]) ** 2 + (y - truth[1]) ** 2)
                    sums["size"] += 5 * (rw - math.sqrt(truth[2])) ** 2
                    sums["size"] += 5 * (rh - math.sqrt(truth[3])) ** 2
                    sums["object"] += (c - overlaps[best]) ** 2
                    for p, q in zip(numbers[5 * n :], truth[5:], strict=True):
                        sums["class"] += (p - q) ** 2
                for k, box in enumerate(boxes):
                    if k != best:
                        sums["no object"] += 0.5 * box[4] ** 2
    return {name: value / B for name, value in sums.items()}


def iou_in_cell(box, truth, i, j, S):
    """Overlap of a box (x, y, sqrt w, sqrt h) with a truth (x, y, w, h) of cell (i, j)."""
    corners = []
    for x, y, w, h in ((*box[:2], box[2] ** 2, box[3] ** 2), truth[:4]):
        cx, cy = (x + j) / S, (y + i) / S
        corners.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    a, b = (torch.tensor([c], dtype=torch.float64) for c in corners)
    return box_iou(a, b).item()


def test_the_papers_numbers():
    S, B, C = 7, 2, 20
    output = torch.zeros(1, S, S, 5 * B + C)
    fact("L13-YOLO-OUT", output.numel())
    fact("L13-YOLO-DEPTH", output.shape[-1])
    fact("L13-YOLO-BOXES", yolo_decode(output, 448, B)[0].shape[1])
    box = torch.tensor([[[200.0, 130, 300, 230]]])  # centre (250, 180)
    targets = yolo_targets(box, torch.tensor([[3]]), 448, S, C)
    _, row, column = targets[..., 4].nonzero()[0].tolist()
    fact("L13-YOLO-ROW", row)
    fact("L13-YOLO-COL", column)
    double = yolo_targets(box.double(), torch.tensor([[3]]), 448, S, C)
    fact("L13-YOLO-DX", double[0, row, column, 0])


def test_one_object_by_hand():
    """Centre (10, 30) of 40 px and 4 cells of 10 px: on the edge, so column 1, row 3."""
    boxes = torch.tensor([[[5.0, 20, 15, 40]]])
    targets = yolo_targets(boxes, torch.tensor([[1]]), 40, 4, 2)
    assert targets[0, 3, 1].tolist() == [0, 0, 0.25, 0.5, 1, 0, 1]
    assert targets.count_nonzero() == 4  # nothing anywhere else


def test_a_centre_on_the_far_border_stays_inside():
    targets = yolo_targets(torch.tensor([[[30.0, 30, 50, 50]]]), torch.tensor([[0]]), 40, 4, 1)
    assert targets[0, 3, 3, :2].tolist() == [1, 1]


def test_of_two_centres_in_a_cell_the_last_stays():
    boxes = torch.tensor([[[0.0, 0, 8, 8], [1, 1, 5, 5]]])
    targets = yolo_targets(boxes, torch.tensor([[0, 1]]), 40, 4, 2)
    assert targets[..., 4].sum() == 1
    assert targets[0, 0, 0, 5:].tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_decoding_a_perfect_answer_gives_the_objects_back(seed):
    boxes, labels = random_objects(seed)
    targets = yolo_targets(boxes, labels, 64, 8, 5)
    output = torch.cat([targets[..., :2], targets[..., 2:4].sqrt(), targets[..., 4:]], dim=-1)
    found, scores = yolo_decode(output, 64, boxes_per_cell=1)
    for b in range(len(boxes)):
        there = labels[b] >= 0
        kept = scores[b].amax(dim=1) > 0.5
        assert kept.sum() == there.sum()
        iou = box_iou(boxes[b, there].clamp(0, 64), found[b, kept])
        best, at = iou.max(dim=1)
        torch.testing.assert_close(best, torch.ones_like(best))
        assert scores[b, kept].argmax(dim=1)[at].tolist() == labels[b, there].tolist()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_loss_equals_plain_loops(n):
    g = torch.Generator().manual_seed(n)
    targets = yolo_targets(*random_objects(n), 64, 8, 5)
    output = torch.rand(3, 8, 8, 5 * n + 5, generator=g)
    losses = yolo_losses(output.double(), targets.double(), n)
    for name, expected in slow_losses(output.double(), targets.double(), n).items():
        assert losses[name].item() == pytest.approx(expected, rel=1e-9), name


def test_overlaps_equal_torchvision():
    g = torch.Generator().manual_seed(0)
    corner = torch.rand(2, 20, 2, generator=g)
    a, b = torch.cat([corner, corner + torch.rand(2, 20, 2, generator=g)], dim=-1)
    torch.testing.assert_close(paired_iou(a, b), box_iou(a, b).diagonal())
    assert paired_iou(torch.zeros(4), torch.zeros(4)) == 0


def test_cells_become_boxes_in_the_right_place():
    place = torch.zeros(2, 2, 1, 4)
    place[..., 2:] = 0.5
    assert cell_boxes(place)[1, 0, 0].tolist() == [-0.25, 0.25, 0.25, 0.75]  # row 1, column 0


def test_the_box_that_fits_best_is_responsible():
    targets = yolo_targets(torch.tensor([[[0.0, 0, 10, 10]]]), torch.tensor([[0]]), 20, 1, 1)
    good, bad = [0.25, 0.25, 0.5**0.5, 0.5**0.5, 0], [0.9, 0.9, 0.1, 0.1, 1]
    boxes = torch.tensor([bad, good]).reshape(1, 1, 1, 2, 5)
    mine, iou = responsible(boxes, targets)
    assert mine.flatten().tolist() == [False, True]
    assert iou.flatten()[1] == pytest.approx(1)


def test_gradients_by_numeric_check():
    """The IoU is a constant for the gradient, so it is held: one box a cell, far from its object
    (IoU 0 on both sides of the finite difference)."""
    targets = yolo_targets(torch.tensor([[[1.0, 1, 5, 5]]]), torch.tensor([[0]]), 16, 2, 2)
    output = torch.rand(1, 2, 2, 7, dtype=torch.float64)
    output[0, 0, 0, :4] = torch.tensor([5.0, 5, 0.2, 0.2])
    output.requires_grad_()
    assert gradcheck(lambda x: tuple(yolo_losses(x, targets.double(), 1).values()), output)


def test_confidence_has_no_gradient_through_the_overlap():
    targets = yolo_targets(torch.tensor([[[1.0, 1, 9, 9]]]), torch.tensor([[0]]), 16, 2, 1)
    output = torch.full((1, 2, 2, 6), 0.5, requires_grad=True)
    yolo_losses(output, targets, 1)["object"].backward()
    assert output.grad[..., 4].count_nonzero() == 1
    assert output.grad[..., :4].count_nonzero() == 0


def test_an_empty_picture_trains_confidence_alone():
    targets = yolo_targets(torch.zeros(1, 0, 4), torch.zeros(1, 0).long(), 32, 4, 2)
    output = torch.ones(1, 4, 4, 12, requires_grad=True)
    losses = yolo_losses(output, targets)
    sum(losses.values()).backward()
    assert {name: x.item() for name, x in losses.items() if x != 0} == {"no object": 16.0}
    assert output.grad.count_nonzero() == 4 * 4 * 2


@pytest.mark.parametrize(("level", "grid"), [(-1, 4), (0, 8)])
def test_the_network_gives_a_grid_losses_and_detections(level, grid):
    torch.manual_seed(0)
    model = Yolo(TinyBackbone(4, 6), classes=3, level=level)
    images = torch.rand(2, 3, 32, 32)
    assert model(images).shape == (2, grid, grid, 13)
    losses = model.losses(images, torch.tensor([[[1.0, 1, 9, 9]]] * 2), torch.tensor([[0], [-1]]))
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    found = model.eval().detect(images, score_threshold=0)
    assert len(found) == 2
    assert set(found[0]) == {"boxes", "scores", "labels"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: yolo_targets(torch.zeros(1, 4), torch.zeros(1), 8, 2, 2), r"boxes \[B, K, 4\]"),
        (
            lambda: yolo_targets(torch.zeros(1, 1, 4), torch.tensor([[2]]), 8, 2, 2),
            "labels below 2, got 2",
        ),
        (lambda: yolo_decode(torch.zeros(1, 2, 2, 10), 8), "more than 10 numbers"),
        (
            lambda: yolo_losses(torch.zeros(1, 2, 2, 12), torch.zeros(1, 2, 2, 8)),
            "same cells and classes",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.cuda
def test_cpu_and_gpu_agree():
    targets = yolo_targets(*random_objects(1), 64, 8, 5)
    output = torch.rand(3, 8, 8, 15, generator=torch.Generator().manual_seed(0))
    here, there = yolo_losses(output, targets), yolo_losses(output.cuda(), targets.cuda())
    for name, loss in here.items():
        torch.testing.assert_close(loss, there[name].cpu())
