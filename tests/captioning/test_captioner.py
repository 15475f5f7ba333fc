"""The captioner: features, its three ways, its loss against a slow one, learning, mistakes."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.captioning.box_writer import BoxWriter
from dlcv.captioning.captioner import (
    WAYS,
    Captioner,
    grid_features,
    teacher_forcing_loss,
)
from dlcv.captioning.mistakes import mistakes, parse_caption
from dlcv.captioning.vocabulary import Vocabulary
from dlcv.classification.backbone import backbone
from dlcv.data.scenes import SceneConfig, render_scenes

SMALL = {"channels": 5, "places": 4, "size": 7, "word_size": 3, "image_size": 6}


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(way, seed=0):
    torch.manual_seed(seed)
    return Captioner(6, way, **SMALL).eval()


# ------------------------------------------------------------------------------ features
def test_the_grid_holds_the_two_coarsest_maps():
    encoder = backbone().eval()
    images = render_scenes(3, seed=1, masks=False).images
    grids = grid_features(encoder, images, batch_size=2)
    maps = encoder.features(images.float() / 255)
    assert grids.shape == (3, 16, 176)
    torch.testing.assert_close(grids[1, 6, 64:], maps[3][1, :, 1, 2])
    torch.testing.assert_close(grids[1, 6, :64], maps[2][1, :, 2:4, 4:6].mean(dim=(1, 2)))
    assert not grids.requires_grad


def test_other_images_are_refused():
    with pytest.raises(
        ValueError, match=r"expected uint8 images .* got torch.float32 \[1, 3, 8, 8\]"
    ):
        grid_features(backbone(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="N >= 1"):
        grid_features(backbone(), torch.zeros(0, 3, 8, 8, dtype=torch.uint8))


# ------------------------------------------------------------------------------ three ways
@pytest.mark.parametrize("way", WAYS)
def test_the_loss_is_that_of_each_sentence_alone(way):
    model, grids = small(way), draw(3, 4, 5)
    words = torch.tensor([[2, 0, -1, -1], [3, 2, 4, 0], [5, 4, 0, -1]])
    total = count = 0
    for grid, row in zip(grids, words, strict=True):
        image, state, last = model.look(grid[None]), model.cell.start(1), torch.tensor([1])
        for word in row[row >= 0]:
            logits, state = model.step(last, image, state)
            total += F.cross_entropy(logits, word[None]).item()
            count, last = count + 1, word[None]
    assert teacher_forcing_loss(model, (grids, words)).item() == pytest.approx(
        total / count, rel=1e-5
    )


def test_first_sees_the_image_once_and_every_always():
    words, h = torch.tensor([1, 3]), torch.zeros(2, 7)
    for way, later in (("first", False), ("every", True)):
        model = small(way)
        seen = model.glimpse(words, model.look(draw(2, 4, 5)), h)
        assert bool(seen[0].any())
        assert bool(seen[1].any()) == later


def test_attention_is_a_weighted_mean_by_hand():
    model = small("attend")
    grids, h = draw(2, 4, 5), draw(2, 7, seed=1)
    image = model.look(grids)
    weights = model.attention(image, h)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    query = model.query(h)[1]
    scores = torch.stack([model.key(place) @ query for place in grids[1]]) / 6**0.5
    torch.testing.assert_close(weights[1], scores.softmax(0))
    seen = model.glimpse(torch.tensor([1, 1]), image, h)
    torch.testing.assert_close(
        seen[1], sum(w * v for w, v in zip(weights[1], image[1][1], strict=True))
    )


def test_attention_without_places_is_blind_to_their_order():
    model, grid = small("attend"), draw(1, 4, 5)
    turned = grid[:, [2, 0, 3, 1]]
    for order, equal in ((0.0, True), (1.0, False)):
        model.place.data = order * draw(4, 6, seed=3)
        outs = [
            model.step(torch.tensor([1]), model.look(g), model.cell.start(1))[0]
            for g in (grid, turned)
        ]
        assert torch.allclose(*outs, atol=1e-6) == equal


@pytest.mark.parametrize("way", WAYS)
def test_beam_of_width_1_is_greedy(way):
    model, grids = small(way), draw(4, 4, 5)
    said = model.greedy(grids, longest=5)
    for grid, row in zip(grids, said, strict=True):
        assert list(model.beam(grid, 1, longest=5)[0].words) == row[row >= 0].tolist()


def test_standardised_features():
    model, grids = small("attend"), 3 + 2 * draw(9, 4, 5)
    model.standardise(grids)
    x = (grids - model.mean) / model.std
    assert x.mean().abs() < 1e-5
    assert x.std().item() == pytest.approx(1, abs=0.02)


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="got 'last'"):
        Captioner(6, "last")


@pytest.mark.parametrize("way", WAYS)
def test_every_parameter_gets_a_gradient(way):
    model = small(way).train()
    words = torch.tensor([[2, 3, 0], [4, 0, -1], [5, 2, 0]])
    teacher_forcing_loss(model, (draw(3, 4, 5), words)).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_it_learns_to_say_what_it_sees():
    scenes = render_scenes(16, seed=1, config=SceneConfig(size=32, objects=(1, 1)), masks=False)
    captions, grids = scenes.captions(), grid_features(backbone(True).eval(), scenes.images)
    vocabulary = Vocabulary(captions)
    torch.manual_seed(0)
    model = Captioner(len(vocabulary))
    model.standardise(grids)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimiser.zero_grad()
        teacher_forcing_loss(model, (grids, vocabulary.encode(captions))).backward()
        optimiser.step()
    assert vocabulary.decode(model.greedy(grids)) == captions


# ------------------------------------------------------------------------------ mistakes
def test_captions_are_taken_apart():
    assert parse_caption("an orange fish") == ([("orange", "fish")], None)
    two = [("red", "ball"), ("blue", "ring")]
    assert parse_caption("a red ball left of a blue ring") == (two, "left of")
    for wrong in (
        "an red fish",
        "a fish",
        "a red fish above",
        "a red fish above a red fish of",
        "",
    ):
        assert parse_caption(wrong) is None


def test_every_caption_of_scenes_can_be_taken_apart():
    scenes = render_scenes(60, seed=5, config=SceneConfig(objects=(1, 3)), masks=False)
    for caption in scenes.captions():
        assert parse_caption(caption) is not None
        assert mistakes(caption, caption) == set()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("a red fish", {"count"}),
        ("a red fish above a blue ring", {"relation"}),
        ("a blue ring left of a red fish", {"relation"}),
        ("a green fish left of a blue ring", {"colour"}),
        ("a red crab left of a blue ring", {"kind"}),
        ("a green fish left of a blue ball", {"colour", "kind"}),
        ("a red fish left of", {"grammar"}),
    ],
)
def test_mistakes_have_names(said, wrong):
    assert mistakes(said, "a red fish left of a blue ring") == wrong


def test_the_reference_must_be_a_caption():
    with pytest.raises(ValueError, match="as reference, got 'an empty scene'"):
        mistakes("a red fish", "an empty scene")


# ------------------------------------------------------------------------------ boxes
def test_boxes_one_after_another_are_learnt_by_heart():
    torch.manual_seed(0)
    grids = draw(3, 2, 4)
    boxes = torch.tensor(
        [
            [[0.1, 0.2, 0.3, 0.5], [0.5, 0.5, 0.9, 0.8]],
            [[0.3, 0.3, 0.6, 0.6], [0, 0, 0, 0]],
            [[0, 0, 0, 0], [0, 0, 0, 0]],
        ]
    )
    model = BoxWriter(channels=4, places=2, size=32, image_size=16)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        model.loss(grids, boxes).backward()
        optimiser.step()
    written = model.write(grids)
    assert [len(found) for found in written] == [2, 1, 0]
    torch.testing.assert_close(written[0], boxes[0], atol=0.06, rtol=0)
    assert len(model.write(grids, longest=1)[0]) == 1
