"""R-CNN, SPPnet and Fast R-CNN: the parts against references, and that all of them learn."""

from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from dlcv.classification.backbone import backbone
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.fast_rcnn import (
    FastRCNN,
    proposed_loss,
    truncated_svd,
    with_proposals,
)
from dlcv.detection.pipeline import judge, turn
from dlcv.detection.rcnn import RCNNConfig, ridge_regression, train_rcnn
from dlcv.detection.sppnet import PyramidFeatures, train_sppnet
from dlcv.study.facts import fact
from dlcv.training import TrainConfig, fit

SCENES = render_scenes(24, seed=8, config=SceneConfig(size=64, kinds=(0, 6)), masks=False)
CLASSES = 8
RECIPE = TrainConfig(2, 3e-3, optimiser="adamw")


def noisy_proposals(scenes, seed=0):
    """Each object's box moved a little, and some boxes anywhere."""
    generator = torch.Generator().manual_seed(seed)
    lists = []
    for target in scenes.targets():
        boxes = target["boxes"].repeat(3, 1)
        boxes = boxes + torch.randn(boxes.shape, generator=generator) * 3
        corner = torch.rand(12, 2, generator=generator) * 40
        anywhere = torch.cat([corner, corner + 10 + torch.rand(12, 2, generator=generator) * 14], 1)
        boxes = torch.cat([boxes, anywhere]).clamp(0, 64)
        lists.append(boxes[(boxes[:, 2:] - boxes[:, :2]).amin(dim=1) > 4])
    return lists


PROPOSALS = noisy_proposals(SCENES)


def test_ridge_equals_scikit_learn():
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(50, 7, generator=generator, dtype=torch.float64)
    T = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    reference = Ridge(alpha=3.0, fit_intercept=False, solver="cholesky").fit(X.numpy(), T.numpy())
    expected = torch.from_numpy(reference.coef_.T.copy())
    torch.testing.assert_close(ridge_regression(X, T, 3.0), expected)


def test_ridge_by_hand_and_with_more_features_than_examples():
    """One example (1, 1) with target 1: w = 1 / (2 + penalty) in both places."""
    w = ridge_regression(torch.ones(1, 2).double(), torch.ones(1, 1).double(), 2.0)
    assert w.flatten().tolist() == pytest.approx([0.25, 0.25])
    with pytest.raises(ValueError, match="penalty >= 0"):
        ridge_regression(torch.ones(1, 2), torch.ones(1, 1), -1.0)


def test_svd_at_full_rank_changes_nothing_and_lower_ranks_lose_the_smallest():
    torch.manual_seed(0)
    layer, x = nn.Linear(9, 6).double(), torch.randn(5, 9).double()
    torch.testing.assert_close(truncated_svd(layer, 6)(x), layer(x))
    spectrum = torch.linalg.svdvals(layer.weight.detach())
    for rank in (1, 3, 5):
        squeeze, spread = truncated_svd(layer, rank)
        error = (spread.weight @ squeeze.weight - layer.weight).norm()
        torch.testing.assert_close(error.detach(), spectrum[rank:].norm())
        assert squeeze.weight.numel() + spread.weight.numel() == rank * 15
    with pytest.raises(ValueError, match="from 1 to 6"):
        truncated_svd(layer, 7)


def test_sizes_after_svd_on_the_fact_sheet():
    fact("L12-SVD-FC6", 1024 * (4096 + 25088))
    fact("L12-SVD-FC7", 256 * (4096 + 4096))


def test_pyramid_features_have_one_length():
    look = PyramidFeatures(backbone())
    windows = torch.tensor([[0.0, 0, 20, 40], [10, 10, 60, 30]])
    found = look(SCENES.images[:1] / 255, torch.zeros(2).long(), windows)
    assert found.shape == (2, look.size) == (2, 64 * 21)


@pytest.mark.parametrize("train", [train_rcnn, train_sppnet])
def test_stages_find_what_they_were_trained_on(train):
    torch.manual_seed(0)
    config = SceneConfig(size=64, kinds=(0, 6))
    scenes = render_scenes(24, seed=8, config=config, masks=False)
    scenes = replace(scenes, labels=scenes.labels.where(scenes.labels != 6, 1))  # kinds 0 and 1
    detector = train(backbone(pretrained=True), scenes, PROPOSALS, 2, RECIPE, RCNNConfig(steps=12))
    found = detector.detect(scenes.images / 255, PROPOSALS)
    assert judge(found, scenes)["map"] > 0.6
    assert all((f["scores"].diff() <= 0).all() for f in found)
    plain = replace(detector, regress=False).detect(scenes.images[:1] / 255, PROPOSALS[:1])[0]
    given = {tuple(box) for box in PROPOSALS[0].tolist()}
    assert {tuple(box) for box in plain["boxes"].tolist()} <= given


def test_a_class_without_examples_is_said():
    with pytest.raises(ValueError, match="one side alone"):
        train_sppnet(backbone(True), SCENES, PROPOSALS, CLASSES, RECIPE, RCNNConfig(steps=1))


def test_scenes_with_proposals_are_picked_together():
    proposed = with_proposals(SCENES, PROPOSALS)
    part = proposed[torch.tensor([3, 1])]
    assert len(part) == 2
    torch.testing.assert_close(part.proposals[0][part.given[0]], PROPOSALS[3])
    assert torch.equal(part.scenes.images[1], SCENES.images[1])
    with pytest.raises(ValueError, match="24 scenes, got 1"):
        with_proposals(SCENES, PROPOSALS[:1])


def test_the_loss_turns_proposals_with_their_scene(monkeypatch):
    seen = {}

    class Spy(nn.Module):
        def losses(self, images, boxes, labels, proposals):
            seen.update(images=images, boxes=boxes, proposals=proposals)
            return {"nothing": images.sum() * 0}

    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: torch.tensor(5))
    part = with_proposals(SCENES, PROPOSALS)[:2]
    proposed_loss(Spy(), (part.scenes.images, part))
    _, turned = turn(part.scenes.images, PROPOSALS[1][None], 5)
    torch.testing.assert_close(seen["proposals"][1], turned[0])


def test_fast_rcnn_learns_with_a_gradient_into_the_backbone():
    torch.manual_seed(0)
    model = FastRCNN(backbone(pretrained=True), CLASSES, bins=3, hidden=32)
    batches = Batches(SCENES.images, with_proposals(SCENES, PROPOSALS), 8)
    history = fit(model, batches, proposed_loss, TrainConfig(4, 3e-3, "adamw"))
    assert history.epochs[-1]["loss"] < 0.8 * history.epochs[0]["loss"]
    assert model.backbone.stage1[0].weight.grad.abs().sum() > 0


def test_no_proposal_no_detection():
    model = FastRCNN(backbone(), CLASSES).eval()
    found = model.detect(SCENES.images[:2] / 255, [torch.zeros(0, 4)] * 2)
    assert [len(f["boxes"]) for f in found] == [0, 0]
