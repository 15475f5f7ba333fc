"""Joints: where the drawing puts them, and visible exactly where the object's mask is."""

import pytest
import torch

from dlcv.data.joints import COVERED, JOINTS, SKELETONS, VISIBLE, place_joints
from dlcv.data.layout import Layout
from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.data.shapes import SHAPES

JOINTED = tuple(KINDS.index(kind) for kind in SKELETONS)


def layout(kind, turn=(1.0, 0.0), mirror=1.0):
    """One object in the middle of a scene, with a radius of a quarter of the scene."""
    one = torch.ones(1, 1)
    return Layout(
        present=one.bool(),
        kinds=torch.full((1, 1), KINDS.index(kind)),
        colours=one.long(),
        patterns=one.long(),
        x=one * 0.5,
        y=one * 0.5,
        radius=one * 0.25,
        cos=one * turn[0],
        sin=one * turn[1],
        mirror=one * mirror,
        tint=torch.zeros(1, 1, 3),
        phase=one,
    )


EVERYWHERE = torch.ones(1, 1, 100, 100, dtype=torch.bool)


def test_a_starfish_by_hand():
    """Upright, radius 25 px, middle at (50, 50): its top arm ends 0.84 · 25 = 21 px above."""
    joints = place_joints(layout("starfish"), EVERYWHERE)[0, 0]
    assert joints[0].tolist() == [50.0, 50.0, VISIBLE]
    assert joints[1].tolist() == pytest.approx([50.0, 29.0, VISIBLE])
    away = (joints[1:, :2] - 50.0).norm(dim=1)
    assert torch.allclose(away, torch.full((5,), 21.0))


def test_a_quarter_turn_and_a_mirror_by_hand():
    """A fish's mouth at (0.85, 0.18) is at (71.25, 54.5); turned clockwise, at (45.5, 71.25)."""
    mouth = place_joints(layout("fish"), EVERYWHERE)[0, 0, 0, :2]
    assert mouth.tolist() == pytest.approx([71.25, 54.5])
    mouth = place_joints(layout("fish", turn=(0.0, 1.0)), EVERYWHERE)[0, 0, 0, :2]
    assert mouth.tolist() == pytest.approx([45.5, 71.25])
    mouth = place_joints(layout("fish", mirror=-1.0), EVERYWHERE)[0, 0, 0, :2]
    assert mouth.tolist() == pytest.approx([28.75, 54.5])


@pytest.mark.parametrize("kind", ["starfish", "crab"])
def test_left_is_left_in_the_picture_for_what_a_mirror_does_not_change(kind):
    plain, mirrored = (place_joints(layout(kind, mirror=m), EVERYWHERE) for m in (1.0, -1.0))
    assert torch.equal(plain, mirrored)
    for name, (x, _, _) in zip(SKELETONS[kind].names, plain[0, 0].tolist(), strict=True):
        if "left" in name or "right" in name:
            assert (x < 50.0) == ("left" in name)


@pytest.mark.parametrize("kind", SKELETONS)
def test_every_joint_lies_inside_the_silhouette(kind):
    figure, _ = SHAPES[KINDS.index(kind)]
    x, y = torch.tensor(SKELETONS[kind].places).T
    assert figure(x, y).silhouette.max() < -0.02


@pytest.mark.parametrize("kind", SKELETONS)
def test_the_bones_link_all_joints_without_a_circle(kind):
    skeleton = SKELETONS[kind]
    reached = {0}
    for _ in skeleton.bones:
        reached |= {b for bone in skeleton.bones for b in bone if reached & set(bone)}
    assert reached == set(range(len(skeleton.names)))
    assert len(skeleton.bones) == len(skeleton.names) - 1
    assert len(skeleton.names) == len(skeleton.places) == len(set(skeleton.places))


def test_of_an_object_alone_in_the_picture_every_joint_is_visible():
    config = SceneConfig(objects=(1, 1), radius=(0.2, 0.4), kinds=JOINTED)
    scenes = render_scenes(200, seed=11, config=config)
    for label, joints in zip(scenes.labels[:, 0].tolist(), scenes.joints[:, 0], strict=True):
        count = len(SKELETONS[KINDS[label]].names)
        assert joints[count:].abs().sum() == 0
        assert joints[:count, 2].eq(VISIBLE).all()


def test_a_joint_is_visible_exactly_where_the_mask_of_its_object_is():
    """A crowd in which half of the joints are covered; looked up one by one."""
    config = SceneConfig(objects=(6, 8), radius=(0.2, 0.3), kinds=JOINTED, min_visible=0.1)
    scenes = render_scenes(20, seed=12, config=config)
    states = []
    for i, k, j in (scenes.joints[..., 2] > 0).nonzero().tolist():
        x, y, state = scenes.joints[i, k, j].tolist()
        on_picture = 0 <= x < 64 and 0 <= y < 64
        assert (state == VISIBLE) == (on_picture and bool(scenes.masks[i, k, int(y), int(x)]))
        states.append(state)
    assert 0.2 < states.count(COVERED) / len(states) < 0.8


def test_other_kinds_and_empty_slots_have_none():
    scenes = render_scenes(50, seed=13)
    jointed = torch.isin(scenes.labels, torch.tensor(JOINTED))
    assert (scenes.joints[~jointed] == 0).all()
    assert (scenes.joints[jointed].sum((1, 2)) > 0).all()
    assert scenes.joints.shape == (50, 4, JOINTS, 3)
