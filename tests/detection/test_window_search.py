"""Windows to train on, windows to look through, and answers made of them."""

import pytest
import torch

from dlcv.detection.box_losses import paired_iou
from dlcv.detection.boxes import box_iou
from dlcv.detection.overfeat import DenseWindowNet, WindowNet
from dlcv.detection.window_search import (
    LONGEST_PER_WINDOW,
    SHIFT,
    Candidates,
    background_windows,
    look_everywhere,
    merge_boxes,
    merged_answers,
    object_windows,
    single_answers,
    window_targets,
)


def random_boxes(count, seed):
    generator = torch.Generator().manual_seed(seed)
    corner = 40 * torch.rand(count, 2, generator=generator)
    return torch.cat([corner, corner + 10 + 14 * torch.rand(count, 2, generator=generator)], dim=1)


def test_object_windows_are_squares_around_their_objects():
    boxes = random_boxes(300, 1)
    windows = object_windows(boxes, torch.Generator().manual_seed(2))
    sides = windows[:, 2:] - windows[:, :2]
    torch.testing.assert_close(sides[:, 0], sides[:, 1], rtol=1e-4, atol=1e-4)
    longest = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    shares = sides[:, 0] / longest
    low, high = LONGEST_PER_WINDOW
    assert shares.min() > low - 1e-3
    assert shares.max() < high + 1e-3
    off = ((windows - boxes)[:, :2] + (windows - boxes)[:, 2:]) / 2 / longest[:, None]
    assert 0.9 * SHIFT < off.abs().max() <= SHIFT + 1e-3


def test_background_windows_lie_inside_and_say_whether_they_miss():
    boxes = random_boxes(300, 3)
    windows, missed = background_windows(boxes, 64, torch.Generator().manual_seed(4))
    assert windows.min() >= -1e-4
    assert windows.max() <= 64 + 1e-3
    overlap = box_iou(windows, boxes).diagonal()
    assert torch.equal(missed, overlap < 0.25)
    assert 0.3 < missed.float().mean() < 1


def test_the_same_seed_draws_the_same_windows():
    boxes = random_boxes(5, 5)
    one, two = (object_windows(boxes, torch.Generator().manual_seed(6)) for _ in range(2))
    assert torch.equal(one, two)


def test_targets_by_hand():
    """A window from 10 to 30: a box from 15 to 25 across and 10 to 30 down."""
    target = window_targets(torch.tensor([[10.0, 10, 30, 30]]), torch.tensor([[15.0, 10, 25, 30]]))
    assert target.tolist() == [[0.25, 0, 0.75, 1]]


@torch.no_grad()
def test_windows_and_boxes_return_to_the_image_from_every_scale():
    torch.manual_seed(0)
    net = DenseWindowNet(WindowNet(3)).eval()
    net.boxer[-1].weight.zero_()
    net.boxer[-1].bias.copy_(torch.tensor([0.0, 0, 1, 1]))  # the box is the window
    images = torch.rand(2, 3, 48, 64)
    for offsets in (True, False):
        found = look_everywhere(net, images, (0.4, 0.75, 1.0), offsets)  # 0.4: nothing fits
        torch.testing.assert_close(found.boxes[0], found.windows, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(found.probs.sum(dim=1), torch.ones(2, len(found.windows)))
        sides = (found.windows[:, 2] - found.windows[:, 0]).round(decimals=2).unique()
        assert sides.tolist() == pytest.approx([28, 28 / 0.75], abs=0.01)
        assert found.windows.min() >= 0
        assert found.windows[:, 2].max() <= 64 + 1e-3
        assert found.windows[:, 3].max() <= 48 + 1e-3
    assert look_everywhere(net, images, (1.0,)).windows[:, 0].unique().diff().unique().tolist() == [
        2
    ]


def test_merging_by_hand():
    """Two nearly equal boxes become their mean with both scores; the third stays alone."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60], [2, 0, 12, 10]])
    merged, scores = merge_boxes(boxes, torch.tensor([0.5, 0.75, 0.25]), 0.5)
    assert merged.tolist() == [[1, 0, 11, 10], [50, 50, 60, 60]]
    assert scores.tolist() == [0.75, 0.75]


def test_a_merged_box_is_the_mean_of_all_its_members():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10]])
    merged, scores = merge_boxes(boxes, torch.ones(3), 0.3)
    torch.testing.assert_close(merged, torch.tensor([[1.0, 0, 11, 10]]))
    assert scores.tolist() == [3]


def test_merging_leaves_no_similar_pair_and_loses_no_score():
    boxes, scores = random_boxes(25, 7), torch.rand(25, generator=torch.Generator().manual_seed(8))
    before = boxes.clone(), scores.clone()
    merged, total = merge_boxes(boxes, scores, 0.4)
    assert 1 < len(merged) < 25
    assert box_iou(merged, merged).triu(diagonal=1).max() < 0.4
    torch.testing.assert_close(total.sum(), scores.sum())
    assert torch.equal(boxes, before[0])  # the arguments stay as they are
    assert torch.equal(scores, before[1])
    assert (total.diff() <= 0).all()


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_or_one_box_stays(count):
    boxes, scores = merge_boxes(random_boxes(count, 9), torch.ones(count), 0.5)
    assert len(boxes) == len(scores) == count


def candidates():
    """Two images, two kinds and background, four windows; three agree, one is surer."""
    probs = torch.tensor(
        [
            [[0.6, 0.6, 0.6, 0.0], [0.0, 0.0, 0.0, 0.9], [0.4, 0.4, 0.4, 0.1]],
            [[0.1, 0.2, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.8, 0.7, 0.2, 0.8]],
        ]
    )
    windows = torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [4, 0, 14, 10], [30, 30, 40, 40]])
    return Candidates(probs, windows, torch.stack([windows + 1, windows + 2]))


def test_the_surest_window_answers():
    labels, boxes = single_answers(candidates(), regress=False)
    assert labels.tolist() == [1, 1]
    assert boxes.tolist() == [[30, 30, 40, 40], [4, 0, 14, 10]]
    _, boxes = single_answers(candidates(), regress=True)
    assert boxes.tolist() == [[31, 31, 41, 41], [6, 2, 16, 12]]


def test_many_that_agree_outvote_one():
    labels, boxes = merged_answers(candidates(), iou_threshold=0.3)
    assert labels.tolist() == [0, 1]
    torch.testing.assert_close(boxes[0], torch.tensor([3.0, 1, 13, 11]))
    assert boxes[1].tolist() == [6, 2, 16, 12]  # the others are less than half as likely


def test_answers_of_a_network_have_a_place_in_the_image():
    torch.manual_seed(1)
    found = look_everywhere(DenseWindowNet(WindowNet(3)).eval(), torch.rand(2, 3, 40, 40), (0.8, 1))
    labels, boxes = single_answers(found, regress=False)
    assert ((labels >= 0) & (labels < 3)).all()
    assert (paired_iou(boxes, torch.tensor([[0.0, 0, 40, 40]]).expand(2, 4)) > 0.4).all()


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="expected 2 scores"):
        merge_boxes(random_boxes(2, 1), torch.ones(3), 0.5)
    with pytest.raises(ValueError, match="expected as many windows as boxes"):
        window_targets(random_boxes(2, 1), random_boxes(3, 1))
    with pytest.raises(ValueError, match="expected boxes of shape"):
        object_windows(torch.rand(4), torch.Generator())
