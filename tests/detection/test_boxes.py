"""Boxes against torchvision, hand-made cases and their own properties."""

import pytest
import torch
import torchvision.ops as reference
from hypothesis import given
from hypothesis import strategies as st

from dlcv.detection.boxes import (
    FORMATS,
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    generalised_box_iou,
    nms,
)
from dlcv.study.facts import fact

TOY = torch.tensor(
    [
        [10.0, 10, 50, 50, 0.9],
        [12, 12, 52, 52, 0.8],
        [30, 30, 70, 70, 0.7],
        [100, 100, 140, 140, 0.6],
        [104, 100, 144, 140, 0.5],
    ]
)


def random_boxes(count, seed, dtype=torch.float64):
    """Boxes in an image 120 px wide and 80 px high, many of them overlapping."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator, dtype=dtype) * torch.tensor([100.0, 60.0])
    size = 1 + torch.rand(count, 2, generator=generator, dtype=dtype) * torch.tensor([50.0, 40.0])
    return torch.cat([corner, corner + size], dim=1).to(dtype)


def box(*numbers):
    return torch.tensor([numbers], dtype=torch.float64)


def test_overlaps_of_the_fact_sheet():
    fact("L11-IOU-UNIT", box_iou(box(0, 0, 2, 2), box(1, 1, 3, 3)).item())
    fact("L11-IOU-QUARTER", box_iou(box(0, 0, 4, 4), box(1, 0, 5, 4)).item())
    fact("L11-IOU-HALFSQ", box_iou(box(0, 0, 10, 10), box(2, 2, 8, 8)).item())
    fact("L11-IOU-4060", box_iou(box(10, 10, 50, 50), box(20, 20, 60, 60)).item())
    fact("L11-IOU-12", box_iou(TOY[:1, :4].double(), TOY[1:2, :4].double()).item())


def test_a_box_around_one_pixel_has_area_one():
    assert box_area(box(3, 4, 4, 5)).item() == 1


def test_overlap_equals_torchvision():
    one, two = random_boxes(60, seed=1), random_boxes(40, seed=2)
    torch.testing.assert_close(box_iou(one, two), reference.box_iou(one, two))
    ours, theirs = generalised_box_iou(one, two), reference.generalized_box_iou(one, two)
    torch.testing.assert_close(ours, theirs)


def test_overlap_by_counting_pixels():
    """Boxes with whole-pixel edges cover whole pixels, which can be counted."""
    one, two = random_boxes(8, seed=3).round(), random_boxes(8, seed=4).round()
    grids = []
    for boxes in (one, two):
        grid = torch.zeros(len(boxes), 130, 170, dtype=torch.bool)
        for mask, (x1, y1, x2, y2) in zip(grid, boxes.int().tolist(), strict=True):
            mask[y1:y2, x1:x2] = True
        grids.append(grid)
    common = (grids[0][:, None] & grids[1]).sum((2, 3))
    either = (grids[0][:, None] | grids[1]).sum((2, 3))
    torch.testing.assert_close(box_iou(one, two), common.double() / either)


def test_boxes_that_touch_or_have_no_area_do_not_overlap():
    assert box_iou(box(0, 0, 1, 1), box(1, 0, 2, 1)).item() == 0
    assert box_iou(box(1, 1, 1, 1), box(1, 1, 1, 1)).item() == 0


def test_giou_sees_how_far_apart_two_boxes_are():
    near = generalised_box_iou(box(0, 0, 1, 1), box(2, 0, 3, 1)).item()
    far = generalised_box_iou(box(0, 0, 1, 1), box(9, 0, 10, 1)).item()
    assert near == pytest.approx(-1 / 3)
    assert far == pytest.approx(-8 / 10)


def test_giou_has_a_gradient_where_iou_has_none():
    away = box(5, 5, 6, 6).requires_grad_()
    box_iou(away, box(0, 0, 1, 1)).sum().backward()
    assert not away.grad.any()
    away.grad = None
    generalised_box_iou(away, box(0, 0, 1, 1)).sum().backward()
    assert away.grad.abs().sum() > 0


def test_gradients_of_overlap():
    one, two = random_boxes(3, seed=5).requires_grad_(), random_boxes(4, seed=6)
    assert torch.autograd.gradcheck(lambda b: generalised_box_iou(b, two), one)
    assert torch.autograd.gradcheck(lambda b: box_iou(b, two), one)


@pytest.mark.parametrize("in_fmt", FORMATS)
@pytest.mark.parametrize("out_fmt", FORMATS)
def test_formats_equal_torchvision_and_lead_back(in_fmt, out_fmt):
    boxes = reference.box_convert(random_boxes(20, seed=7), "xyxy", in_fmt)
    there = box_convert(boxes, in_fmt, out_fmt)
    torch.testing.assert_close(there, reference.box_convert(boxes, in_fmt, out_fmt))
    torch.testing.assert_close(box_convert(there, out_fmt, in_fmt), boxes)


def test_clipping_keeps_what_lies_inside():
    boxes = torch.tensor([[-5.0, 2, 30, 90], [3, 4, 5, 6], [200, 1, 210, 2]])
    clipped = clip_boxes(boxes, (80, 25))
    assert clipped.tolist() == [[0, 2, 25, 80], [3, 4, 5, 6], [25, 1, 25, 2]]
    torch.testing.assert_close(clipped, reference.clip_boxes_to_image(boxes, (80, 25)))


@pytest.mark.parametrize("threshold", [0.9, 0.5, 0.1])
def test_suppression_of_the_fact_sheet(threshold):
    kept = nms(TOY[:, :4], TOY[:, 4], threshold)
    fact(f"L11-NMS-{threshold}", len(kept))
    assert kept[0] == 0


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.8])
def test_suppression_equals_torchvision(seed, threshold):
    boxes = random_boxes(30, seed, torch.float32)
    scores = torch.rand(30, generator=torch.Generator().manual_seed(seed))
    expected = reference.nms(boxes, scores, threshold)
    assert nms(boxes, scores, threshold).tolist() == expected.tolist()


def test_of_equal_scores_the_first_box_wins():
    boxes = box(0, 0, 10, 10).repeat(3, 1)
    assert nms(boxes, torch.ones(3), 0.5).tolist() == [0]


@pytest.mark.parametrize("seed", range(10))
def test_suppression_by_class_is_suppression_of_each_class(seed):
    boxes = random_boxes(40, seed) - 30  # some of them at negative places
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(40, generator=generator)
    labels = torch.randint(3, (40,), generator=generator)
    kept = batched_nms(boxes, scores, labels, 0.3)
    expected = []
    for label in range(3):
        where = (labels == label).nonzero()[:, 0]
        expected += where[nms(boxes[where], scores[where], 0.3)].tolist()
    assert sorted(kept.tolist()) == sorted(expected)
    assert (scores[kept].diff() <= 0).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threshold", [0.0, 0.37, 1.0])
def test_the_compiled_suppression_keeps_what_ours_keeps(dtype, threshold):
    boxes = random_boxes(200, seed=12).to(dtype)
    scores = torch.rand(200, generator=torch.Generator().manual_seed(6)).round(decimals=1)  # ties
    one_class = torch.zeros(200, dtype=torch.int64)
    kept = batched_nms(boxes, scores.to(dtype), one_class, threshold)
    expected = nms(boxes.to(torch.promote_types(dtype, torch.float32)), scores.to(dtype), threshold)
    assert torch.equal(kept, expected)


def test_no_boxes_are_no_trouble():
    none = torch.zeros(0, 4, requires_grad=True)
    assert box_iou(none, box(0, 0, 1, 1).float()).shape == (0, 1)
    assert nms(none, torch.zeros(0), 0.5).shape == (0,)
    empty = batched_nms(none, torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0.5)
    assert empty.shape == (0,)
    assert empty.dtype == torch.int64
    encode_boxes(none, none).sum().backward()
    assert none.grad.shape == (0, 4)


def test_offsets_by_hand():
    """A proposal 8 wide and 4 high; the object lies 2 to its right and is twice as high."""
    offsets = encode_boxes(box(2, -2, 10, 6), box(0, 0, 8, 4))
    expected = torch.tensor([[0.25, 0.0, 0.0, 2.0]]).double()
    expected[0, 3] = torch.log(torch.tensor(2.0).double())
    torch.testing.assert_close(offsets, expected)


def test_offsets_equal_torchvision():
    from torchvision.models.detection._utils import BoxCoder

    one, two = random_boxes(50, seed=8), random_boxes(50, seed=9)
    coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
    torch.testing.assert_close(encode_boxes(one, two), coder.encode_single(one, two))
    deltas = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)).double() * 3
    torch.testing.assert_close(decode_boxes(deltas, two), coder.decode_single(deltas, two))


def test_decoding_undoes_encoding_at_any_scale():
    one, two = random_boxes(50, seed=10), random_boxes(50, seed=11)
    offsets = encode_boxes(one, two)
    torch.testing.assert_close(decode_boxes(offsets, two), one, rtol=0, atol=1e-9)
    torch.testing.assert_close(encode_boxes(3 * one, 3 * two), offsets)


def test_decoding_cannot_overflow():
    assert decode_boxes(torch.full((1, 4), 1e6), box(0, 0, 1, 1).float()).isfinite().all()


@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-100, 100))
def test_overlap_is_symmetric_bounded_and_knows_no_scale(seed, stretch, shift):
    one, two = random_boxes(5, seed), random_boxes(6, seed + 1)
    iou = box_iou(one, two)
    assert (iou >= 0).all()
    assert (iou <= 1).all()
    torch.testing.assert_close(iou, box_iou(two, one).T)
    torch.testing.assert_close(iou, box_iou(one * stretch + shift, two * stretch + shift))
    assert (generalised_box_iou(one, two) <= iou + 1e-12).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: box_area(torch.zeros(4)), r"\[N, 4\] in xyxy, got \[4\]"),
        (lambda: box_iou(torch.zeros(2, 4), torch.zeros(2, 5)), r"boxes2 .* got \[2, 5\]"),
        (lambda: box_area(torch.zeros(1, 4, dtype=torch.int64)), "floats, got torch.int64"),
        (lambda: box_convert(torch.zeros(1, 4), "xyxy", "yxyx"), "formats among"),
        (lambda: nms(torch.zeros(2, 4), torch.zeros(3), 0.5), r"2 scores, got \[3\]"),
        (lambda: nms(torch.zeros(2, 4), torch.zeros(2), 1.5), r"\[0, 1\], got 1.5"),
        (
            lambda: batched_nms(torch.zeros(2, 4), torch.zeros(2), torch.zeros(1), 0.5),
            r"2 labels, got \[1\]",
        ),
        (lambda: encode_boxes(torch.zeros(2, 4), torch.zeros(1, 4)), "as many reference boxes"),
        (lambda: decode_boxes(torch.zeros(2, 4), torch.zeros(1, 4)), "as many deltas"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_gives_the_same():
    boxes = random_boxes(200, seed=12, dtype=torch.float32)
    scores = torch.rand(200, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 3
    on_gpu = [tensor.cuda() for tensor in (boxes, scores, labels)]
    torch.testing.assert_close(box_iou(on_gpu[0], on_gpu[0]).cpu(), box_iou(boxes, boxes))
    expected = batched_nms(boxes, scores, labels, 0.4)
    assert batched_nms(*on_gpu, 0.4).tolist() == expected.tolist()
