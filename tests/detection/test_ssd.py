"""SSD's default boxes, matching, mining and loss, by hand and against torchvision's."""

from types import SimpleNamespace

import pytest
import torch
from tiny_detector import TinyBackbone
from torch.autograd import gradcheck
from torchvision.models.detection import _utils as reference
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD

from dlcv.detection.anchors import BACKGROUND
from dlcv.detection.boxes import box_iou
from dlcv.detection.ssd import (
    BoxMap,
    Ssd,
    default_boxes,
    hard_negatives,
    linear_scales,
    match_defaults,
    ssd_losses,
    ssd_targets,
)
from dlcv.study.facts import fact

SSD300 = ((38, 19, 10, 5, 3, 1), ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)))
SSD512 = ((64, 32, 16, 8, 4, 2, 1), ((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2,), (2,)))


def paper_boxes(sides, ratios, scales):
    maps = [BoxMap(scales[k], scales[k + 1], r) for k, r in enumerate(ratios)]
    return default_boxes([(s, s) for s in sides], maps, (300, 300))


def random_boxes(n, seed, size=96):
    g = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=g) * size * 0.7
    return torch.cat([corner, corner + 8 + torch.rand(n, 2, generator=g) * size * 0.3], dim=1)


def small_defaults():
    return default_boxes(
        [(6, 8), (3, 4)], [BoxMap(0.2, 0.35, (2.0,)), BoxMap(0.35, 0.5, (2.0,))], (72, 96)
    )


def test_the_papers_numbers():
    scales = linear_scales(6)
    for k in range(6):
        fact(f"L13-SSD-S{k + 1}", scales[k])
    boxes = paper_boxes(*SSD300, scales)
    fact("L13-SSD300", len(boxes))
    fact("L13-SSD-OUT", len(boxes) * (21 + 4))
    for side, ratios in zip(*SSD300, strict=True):
        one = default_boxes([(side, side)], [BoxMap(0.2, 0.3, ratios)], (300, 300))
        fact(f"L13-SSD300-{side}", len(one))
    fact("L13-SSD512", len(paper_boxes(*SSD512, linear_scales(7))))


def test_torchvisions_network_has_as_many_parameters_as_the_fact_sheet_says():
    with torch.device("meta"):
        network = ssd300_vgg16(weights=None, weights_backbone=None)
    fact("L13-SSD-PARAMS", sum(p.numel() for p in network.parameters()))


def test_one_place_by_hand():
    """Centre (50, 50); sides 20 and 40; the ratio 4 gives 40 by 10 and 10 by 40."""
    boxes = default_boxes([(1, 1)], [BoxMap(0.2, 0.8, (4.0,))], (100, 100))
    expected = [[40, 40, 60, 60], [30, 30, 70, 70], [30, 45, 70, 55], [45, 30, 55, 70]]
    torch.testing.assert_close(boxes, torch.tensor(expected).float())


def test_default_boxes_equal_torchvisions():
    scales = linear_scales(6)
    generator = DefaultBoxGenerator([list(r) for r in SSD300[1]], scales=scales, clip=False)
    images = ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
    maps = [torch.zeros(1, 1, s, s) for s in SSD300[0]]
    torch.testing.assert_close(
        paper_boxes(*SSD300, scales), generator(images, maps)[0], rtol=0, atol=1e-3
    )


def test_a_picture_that_is_not_square():
    boxes = small_defaults()
    assert len(boxes) == (6 * 8 + 3 * 4) * 4
    wh = boxes[:, 2:] - boxes[:, :2]
    torch.testing.assert_close(wh[0], torch.tensor([0.2 * 96, 0.2 * 72]))


def slow_match(defaults, boxes, threshold):
    iou = box_iou(defaults, boxes).tolist()
    found = [BACKGROUND] * len(defaults)
    for a, row in enumerate(iou):
        if max(row) > threshold:
            found[a] = row.index(max(row))
    rows, columns = set(range(len(defaults))), set(range(len(boxes)))
    while columns:
        _, a, m = max((iou[a][m], -a, -m) for a in rows for m in columns)
        found[-a] = -m
        rows.remove(-a)
        columns.remove(-m)
    return found


@pytest.mark.parametrize("seed", range(10))
def test_matching_equals_plain_loops_and_reaches_every_object(seed):
    defaults, boxes = small_defaults(), random_boxes(1 + seed % 5, seed)
    found = match_defaults(defaults, boxes)
    assert found.tolist() == slow_match(defaults, boxes, 0.5)
    assert set(range(len(boxes))) <= set(found.tolist())


@pytest.mark.parametrize("seed", range(20))
def test_matching_equals_torchvision_unless_two_objects_want_one_box(seed):
    defaults, boxes = small_defaults(), random_boxes(3, seed)
    wanted = box_iou(boxes, defaults).argmax(dim=1)
    if len(set(wanted.tolist())) < 3:
        pytest.skip("torchvision then leaves an object without a box")
    expected = reference.SSDMatcher(0.5)(box_iou(boxes, defaults))
    assert match_defaults(defaults, boxes).tolist() == expected.tolist()


def test_two_objects_that_want_the_same_box_get_two():
    defaults = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60]])
    boxes = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 8]])
    assert match_defaults(defaults, boxes).tolist() == [0, 1, BACKGROUND]


def test_without_objects_all_is_background():
    assert set(match_defaults(small_defaults(), torch.zeros(0, 4)).tolist()) == {BACKGROUND}


def test_mining_by_hand():
    loss = torch.tensor([[0.1, 5.0, 3.0, 2.0, 9.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    positive = torch.zeros(2, 6).bool()
    positive[0, 4] = True
    chosen = hard_negatives(loss, positive)
    assert chosen[0].tolist() == [False, True, True, True, False, False]
    assert not chosen[1].any()  # no positive, no negative


def batch(seed, dtype=torch.float32):
    """Logits, offsets and targets of two pictures, as ours and as torchvision wants them."""
    g = torch.Generator().manual_seed(seed)
    defaults = small_defaults()
    boxes = torch.stack([random_boxes(3, seed), random_boxes(3, seed + 100)])
    labels = torch.randint(0, 4, (2, 3), generator=g)
    labels[1, 2] = -1
    logits = torch.randn(2, len(defaults), 5, generator=g).to(dtype)
    offsets = torch.randn(2, len(defaults), 4, generator=g).to(dtype)
    return defaults, boxes, labels, logits, offsets


@pytest.mark.parametrize("seed", range(4))
def test_the_losses_equal_torchvisions(seed):
    defaults, boxes, labels, logits, offsets = batch(seed)
    classes, goals = ssd_targets(defaults, boxes, labels)
    ours = ssd_losses(logits, offsets, classes, goals)
    targets = [
        {"boxes": boxes[b, there], "labels": labels[b, there] + 1}
        for b, there in enumerate(labels >= 0)
    ]
    model = SimpleNamespace(box_coder=reference.BoxCoder((10, 10, 5, 5)), neg_to_pos_ratio=3)
    found = [match_defaults(defaults, t["boxes"]) for t in targets]
    heads = {"cls_logits": logits, "bbox_regression": offsets}
    theirs = SSD.compute_loss(model, targets, heads, [defaults, defaults], found)
    torch.testing.assert_close(ours["class"], theirs["classification"])
    torch.testing.assert_close(ours["box"], theirs["bbox_regression"])


def test_gradients_by_numeric_check():
    defaults, boxes, labels, logits, offsets = batch(3, torch.float64)
    classes, goals = ssd_targets(defaults, boxes.double(), labels)
    few = classes.nonzero()[:6, 1]
    inputs = (logits[:, few].requires_grad_(), offsets[:, few].requires_grad_())

    def losses(z, t):
        return tuple(ssd_losses(z, t, classes[:, few], goals[:, few], ratio=None).values())

    assert gradcheck(losses, inputs)


def test_no_positive_is_zero_and_not_nan():
    logits = torch.randn(1, 5, 3, requires_grad=True)
    offsets = torch.randn(1, 5, 4, requires_grad=True)
    losses = ssd_losses(logits, offsets, torch.zeros(1, 5).long(), torch.zeros(1, 5, 4))
    sum(losses.values()).backward()
    assert [x.item() for x in losses.values()] == [0, 0]


@pytest.mark.parametrize(("levels", "places"), [((0, 1, 2), 64 + 16 + 4), ((1,), 16)])
def test_the_network_gives_boxes_losses_and_detections(levels, places):
    torch.manual_seed(0)
    model = Ssd(TinyBackbone(4, 6), classes=3, levels=levels)
    images = torch.rand(2, 3, 32, 32)
    logits, offsets, defaults = model(images)
    assert logits.shape == (2, 4 * places, 4)
    assert offsets.shape == (2, 4 * places, 4)
    assert defaults.shape == (4 * places, 4)
    losses = model.losses(images, torch.tensor([[[1.0, 1, 9, 9]]] * 2), torch.tensor([[0], [-1]]))
    sum(losses.values()).backward()
    found = model.eval().detect(images, score_threshold=0)
    assert all(f["labels"].max() < 3 for f in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_scales(1), "at least 2 maps"),
        (lambda: default_boxes([(1, 1)], [], (8, 8)), "as many map sizes"),
        (lambda: match_defaults(torch.zeros(1, 4), torch.zeros(2, 4)), "at most 1 objects"),
        (
            lambda: ssd_losses(
                torch.zeros(1, 2, 3),
                torch.zeros(1, 2, 4),
                torch.zeros(1, 3).long(),
                torch.zeros(1, 2, 4),
            ),
            "as many logits as classes",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.cuda
def test_cpu_and_gpu_agree():
    defaults, boxes, labels, logits, offsets = batch(0)
    here = ssd_losses(logits, offsets, *ssd_targets(defaults, boxes, labels))
    there = ssd_targets(defaults.cuda(), boxes.cuda(), labels.cuda())
    for name, loss in ssd_losses(logits.cuda(), offsets.cuda(), *there).items():
        torch.testing.assert_close(loss.cpu(), here[name])
