"""The region proposal network against torchvision's, its sampling, its losses, its proposals."""

import math

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork as Theirs
from torchvision.models.detection.rpn import RPNHead, concat_box_prediction_layers

from dlcv.detection.anchors import BACKGROUND, IGNORED, assign, make_anchors
from dlcv.detection.box_head import BETA
from dlcv.detection.boxes import box_iou, encode_boxes, nms
from dlcv.detection.region_proposals import (
    AnchorTargets,
    RegionConfig,
    RegionProposalNetwork,
    anchor_targets,
    propose,
    rpn_losses,
    suppress,
)
from dlcv.detection.sampling import sample
from dlcv.study.facts import fact

SIZE = (48, 64)
EVERY = RegionConfig(anchors_sampled=10**6, before_nms=60, proposals=20)


def some_boxes(seed, count, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    limits = torch.tensor([size[1], size[0]])
    corner = torch.rand(count, 2, generator=generator) * (limits - 24)
    return torch.cat([corner, corner + 8 + 16 * torch.rand(count, 2, generator=generator)], 1)


def some_images(seed):
    """Boxes [3, 4, 4] and labels [3, 4]: two images with objects, the last one empty."""
    boxes = torch.stack([some_boxes(seed + i, 4) for i in range(3)])
    labels = torch.tensor([[0, 2, -1, 1], [-1, 1, -1, -1], [-1, -1, -1, -1]])
    return boxes, labels


def theirs(config=EVERY):
    """Torchvision's network, with its sampler taking everything there is."""
    generator = AnchorGenerator(((16,),), (config.ratios,))
    counts = {"training": config.before_nms, "testing": config.before_nms}
    kept = {"training": config.proposals, "testing": config.proposals}
    return Theirs(
        generator,
        RPNHead(8, 3),
        config.positive,
        config.negative,
        2 * config.anchors_sampled,
        0.5,
        counts,
        kept,
        config.nms_threshold,
    )


def predictions(seed, anchors):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, anchors, generator=generator)
    return logits, 0.3 * torch.randn(3, anchors, 4, generator=generator)


def test_losses_by_hand():
    """A positive and a negative anchor with logit 0 cost ln 2 each; one offset is off by 2."""
    targets = AnchorTargets(torch.tensor([1]), torch.tensor([0]), torch.tensor([[2.0, 0, 0, 0]]))
    losses = rpn_losses(torch.zeros(1, 3), torch.zeros(1, 3, 4), targets)
    assert losses["objectness"].item() == pytest.approx(math.log(2))
    assert losses["rpn_box"].item() == pytest.approx((2 - BETA / 2) / 2)  # the line, over n = 2


@pytest.mark.parametrize("seed", range(4))
def test_losses_equal_torchvision(seed):
    anchors = make_anchors((6, 8), 8, (14, 22), (0.5, 1, 2))
    boxes, labels = some_images(seed)
    logits, offsets = predictions(seed, len(anchors))
    network = theirs()
    truth = [{"boxes": b[k >= 0]} for b, k in zip(boxes, labels, strict=True)]
    found, matched = network.assign_targets_to_anchors([anchors] * 3, truth)
    deltas = network.box_coder.encode(matched, [anchors] * 3)
    expected = network.compute_loss(logits.reshape(-1, 1), offsets.reshape(-1, 4), found, deltas)
    got = rpn_losses(logits, offsets, anchor_targets(anchors, boxes, labels, EVERY))
    torch.testing.assert_close(got["objectness"], expected[0])
    torch.testing.assert_close(got["rpn_box"], expected[1])


def test_network_equals_torchvision_with_its_weights():
    torch.manual_seed(0)
    ours, head = RegionProposalNetwork(8, 3, hidden=8), RPNHead(8, 3)
    pairs = ((ours.conv, head.conv[0][0]), (ours.objectness, head.cls_logits))
    for mine, other in (*pairs, (ours.offsets, head.bbox_pred)):
        mine.load_state_dict(other.state_dict())
    maps = [torch.randn(2, 8, 6, 9), torch.randn(2, 8, 3, 5)]
    logits, offsets = ours(maps)
    theirs_logits, theirs_offsets = concat_box_prediction_layers(*head(maps))
    assert logits.shape == (2, 3 * (54 + 15))
    assert offsets.shape == (2, 3 * (54 + 15), 4)
    torch.testing.assert_close(logits.reshape(-1, 1), theirs_logits)
    torch.testing.assert_close(offsets.reshape(-1, 4), theirs_offsets)


def test_parameters_of_the_paper():
    """With two scores an anchor, as in the paper, a second logit for each of nine anchors."""
    network = RegionProposalNetwork(512, 9, hidden=512)
    second_score = 9 * (512 + 1)
    fact("L12-RPN-PARAMS", sum(p.numel() for p in network.parameters()) + second_score)


@pytest.mark.parametrize("seed", range(4))
def test_proposals_equal_torchvision(seed):
    anchors = make_anchors((6, 8), 8, (14, 22), (0.5, 1, 2))
    logits, offsets = predictions(seed, len(anchors))
    network = theirs().eval()
    decoded = network.box_coder.decode(offsets.reshape(-1, 4), [anchors] * 3).view(3, -1, 4)
    expected, _ = network.filter_proposals(
        decoded, logits.reshape(-1, 1), [SIZE] * 3, [len(anchors)]
    )
    got = propose(logits, offsets, anchors, SIZE, EVERY)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_proposals_stay_inside_and_apart():
    anchors = make_anchors((6, 8), 8, (14, 22), (0.5, 1, 2))
    for boxes in propose(*predictions(7, len(anchors)), anchors, SIZE, EVERY):
        assert 0 < len(boxes) <= EVERY.proposals
        assert boxes.min() >= 0
        assert (boxes <= torch.tensor([64.0, 48, 64, 48])).all()
        assert box_iou(boxes, boxes).triu(1).max() <= EVERY.nms_threshold
        assert (boxes[:, 2:] - boxes[:, :2]).min() >= 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_suppression_equals_nms(seed, threshold):
    boxes = torch.stack([some_boxes(10 * seed + i, 50) for i in range(3)])
    kept = suppress(boxes, threshold)
    for image, stays in zip(boxes, kept, strict=True):
        expected = nms(image, torch.arange(50, 0, -1.0), threshold)
        assert stays.nonzero()[:, 0].tolist() == expected.tolist()


def test_suppression_of_a_chain():
    """Each box overlaps only its neighbours: the second falls, so the third stays, and so on."""
    left = torch.arange(9.0) * 6
    boxes = torch.stack([left, torch.zeros(9), left + 10, torch.full((9,), 10.0)], 1)[None]
    assert suppress(boxes, 0.2)[0].tolist() == [True, False] * 4 + [True]
    assert suppress(boxes[:, :0], 0.2).shape == (1, 0)


def test_sampling_fills_up_with_background():
    found = torch.tensor([0, 3, 1, 1] + [BACKGROUND] * 20 + [IGNORED] * 9)
    torch.manual_seed(0)
    positive, negative = sample(found, 8, 0.25)
    assert len(positive) == 2
    assert len(negative) == 6
    assert (found[positive] >= 0).all()
    assert (found[negative] == BACKGROUND).all()
    positive, negative = sample(found, 16, 0.5)
    assert len(positive) == 4
    assert len(negative) == 12
    positive, negative = sample(found[:0], 8, 0.5)
    assert len(positive) == len(negative) == 0
    with pytest.raises(ValueError, match="share in"):
        sample(found, 8, 1.5)


def test_every_anchor_is_drawn_alike():
    torch.manual_seed(1)
    found = torch.full((10,), BACKGROUND)
    drawn = torch.cat([sample(found, 3, 0.5)[1] for _ in range(2000)])
    assert drawn.bincount(minlength=10).sub(600).abs().max() < 100  # five standard deviations


def test_targets_point_from_anchors_to_their_objects():
    boxes, labels = some_images(3)
    anchors = make_anchors((6, 8), 8, (14, 22), (0.5, 1, 2))
    targets = anchor_targets(anchors, boxes, labels, RegionConfig(anchors_sampled=16))
    assert len(targets.positive) + len(targets.negative) == 3 * 16
    assert (targets.positive < 2 * len(anchors)).all()  # nothing in the empty image
    for place, offset in zip(targets.positive.tolist(), targets.offsets, strict=True):
        image, anchor = divmod(place, len(anchors))
        objects = boxes[image][labels[image] >= 0]
        found = assign(anchors, objects, 0.6, 0.3)[anchor]
        expected = encode_boxes(objects[found][None], anchors[anchor][None])[0]
        torch.testing.assert_close(offset, expected)


def test_gradients():
    torch.manual_seed(0)
    targets = AnchorTargets(torch.tensor([1, 5]), torch.tensor([0, 7]), torch.randn(2, 4).double())
    logits = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    offsets = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    both = lambda *tensors: tuple(rpn_losses(*tensors, targets).values())  # noqa: E731
    assert torch.autograd.gradcheck(both, (logits, offsets))


def test_no_object_anywhere_is_no_loss_of_boxes():
    anchors = make_anchors((2, 2), 8, (14,), (1,))
    boxes, labels = torch.zeros(1, 2, 4), torch.full((1, 2), -1)
    logits, offsets = (torch.zeros(shape, requires_grad=True) for shape in ((1, 4), (1, 4, 4)))
    losses = rpn_losses(logits, offsets, anchor_targets(anchors, boxes, labels, EVERY))
    assert losses["rpn_box"] == 0
    assert losses["objectness"] > 0
    sum(losses.values()).backward()
    assert (logits.grad > 0).all()
    assert (offsets.grad == 0).all()


@pytest.mark.cuda
def test_cpu_and_cuda_agree():
    anchors = make_anchors((6, 8), 8, (14, 22), (0.5, 1, 2))
    logits, offsets = predictions(0, len(anchors))
    expected = propose(logits, offsets, anchors, SIZE, EVERY)
    got = propose(logits.cuda(), offsets.cuda(), anchors.cuda(), SIZE, EVERY)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine.cpu(), other)
