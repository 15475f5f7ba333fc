"""The scenes: the same for the same seed, and every label true of the picture."""

import hashlib
import re
from dataclasses import FrozenInstanceError, fields

import pytest
import torch

from dlcv.data import scenes as scenes_module
from dlcv.data.counter_random import CounterRandom
from dlcv.data.joints import JOINTS
from dlcv.data.layout import lay_out
from dlcv.data.painting import paint_objects
from dlcv.data.palette import RGB
from dlcv.data.scenes import COLOURS, KINDS, PATTERNS, SceneConfig, Scenes, render_scenes

CROWD = SceneConfig(size=48, objects=(4, 9), radius=(0.12, 0.3))
SINGLE = SceneConfig(objects=(1, 1), radius=(0.3, 0.45))


@pytest.fixture(scope="module")
def batch():
    return render_scenes(60, seed=7)


@pytest.fixture(scope="module")
def crowd():
    return render_scenes(30, seed=8, config=CROWD)


def differences(one, other):
    """Names of the tensors in which two results differ."""
    pairs = [(f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
    return [name for name, a, b in pairs if not torch.equal(a, b)]


# --- the same scene for the same seed ---------------------------------------------------------


@pytest.mark.parametrize(
    "config", [SceneConfig(), CROWD, SINGLE], ids=["default", "crowd", "single"]
)
def test_a_scene_is_the_same_alone_and_in_any_batch(config):
    whole = render_scenes(20, seed=3, config=config)
    for start, count in ((0, 1), (7, 1), (19, 1), (4, 7), (0, 20)):
        part = render_scenes(count, seed=3, start=start, config=config)
        assert differences(part, whole[start : start + count]) == []


@pytest.mark.parametrize("scenes_at_once", [1, 3, 1000])
def test_a_scene_is_the_same_in_any_chunking(batch, monkeypatch, scenes_at_once):
    monkeypatch.setitem(scenes_module._CHUNK_PIXELS, "cpu", scenes_at_once * 64 * 64)
    assert differences(render_scenes(20, seed=7), batch[:20]) == []


def test_a_scene_is_the_same_on_any_number_of_threads():
    before, config = torch.get_num_threads(), SceneConfig(size=160)
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(render_scenes(4, seed=1, config=config))
    finally:
        torch.set_num_threads(before)
    assert differences(results[0], results[1]) == differences(results[0], results[2]) == []


def test_a_scene_is_the_same_after_other_random_numbers_were_drawn(batch):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert differences(render_scenes(60, seed=7), batch) == []
    assert torch.equal(torch.get_rng_state(), state)


def test_the_scenes_are_those_the_book_was_written_with():
    """Any machine gives these bytes; a change in the drawing must be meant, and changes them."""
    scenes = render_scenes(16, seed=2024)
    digest = hashlib.sha256(scenes.images.numpy().tobytes() + scenes.boxes.numpy().tobytes())
    assert digest.hexdigest()[:16] == "814b8a91d4d1d764"


def test_every_tensor_of_the_rendering_is_made_on_the_device_asked_for():
    with torch.device("meta"):  # what names no device lands here, and cannot be rendered with
        scenes = render_scenes(5, seed=4, config=CROWD, device="cpu")
    assert not differences(render_scenes(5, seed=4, config=CROWD), scenes)
    for field in fields(scenes):
        assert getattr(scenes, field.name).device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares the CPU with a GPU")
@pytest.mark.parametrize("config", [SceneConfig(), CROWD], ids=["default", "crowd"])
def test_a_gpu_renders_the_same_scenes(config):
    on_cpu = render_scenes(200, seed=4, config=config)
    on_gpu = render_scenes(200, seed=4, config=config, device="cuda")
    assert on_gpu.images.is_cuda
    assert set(differences(on_cpu, on_gpu.to("cpu"))) <= {"images"}  # all labels are identical
    change = (on_cpu.images.int() - on_gpu.images.cpu().int()).abs()
    assert change.max() <= 1
    assert (change > 0).float().mean() < 1e-5


def test_no_two_scenes_are_alike(batch):
    other = render_scenes(60, seed=8)
    images = torch.cat([batch.images, other.images]).flatten(1).float()
    distance = torch.cdist(images, images) + torch.eye(120) * 1e9
    assert distance.min() > 0.02 * 255 * images.shape[1] ** 0.5


# --- forms ------------------------------------------------------------------------------------


def test_forms_and_types():
    got = render_scenes(3, config=SceneConfig(size=40, objects=(2, 5)))
    forms = {f.name: (list(getattr(got, f.name).shape), getattr(got, f.name).dtype)
             for f in fields(got)}  # fmt: skip
    assert forms == {
        "images": ([3, 3, 40, 40], torch.uint8),
        "boxes": ([3, 5, 4], torch.float32),
        "labels": ([3, 5], torch.int64),
        "colours": ([3, 5], torch.int64),
        "patterns": ([3, 5], torch.int64),
        "joints": ([3, 5, 6, 3], torch.float32),
        "masks": ([3, 5, 40, 40], torch.bool),
        "semantic": ([3, 40, 40], torch.uint8),
    }
    assert len(got) == 3
    assert (len(KINDS), len(COLOURS), len(PATTERNS)) == (8, 8, 3)


def test_no_scene_and_empty_scenes():
    assert render_scenes(0).images.shape == (0, 3, 64, 64)
    got = render_scenes(40, seed=1, config=SceneConfig(objects=(0, 1)))
    empty = (got.labels < 0).all(1)
    assert 0 < empty.sum() < 40
    i = int(empty.nonzero()[0])
    assert got.caption(i) == "an empty scene"
    assert got.targets()[i]["boxes"].shape == (0, 4)
    assert got.semantic[i].max() == 0
    alone = render_scenes(1, seed=1, start=i, config=SceneConfig(objects=(0, 1)))
    assert torch.equal(alone.images[0], got.images[i])


def test_without_masks_the_rest_is_the_same(batch):
    got = render_scenes(60, seed=7, masks=False)
    assert got.masks is None
    assert got.semantic is None
    for name in ("images", "boxes", "labels", "colours", "patterns"):
        assert torch.equal(getattr(got, name), getattr(batch, name))
    assert set(got.targets()[0]) == {"boxes", "labels"}


def test_the_number_of_objects_and_the_choices_keep_to_the_config():
    config = SceneConfig(
        objects=(2, 3), kinds=[1, 6], colours=[0, 2, 7], patterns=[2], radius=(0.1, 0.12)
    )
    got = render_scenes(100, config=config)
    present = got.labels >= 0
    assert present.sum(1).min() >= 1
    assert present.sum(1).max() == 3
    assert got.labels[present].unique().tolist() == [1, 6]
    assert got.colours[present].unique().tolist() == [0, 2, 7]
    assert got.patterns[present].unique().tolist() == [2]
    for values in (got.labels, got.colours, got.patterns):
        assert (values[~present] == -1).all()
    extent = (got.boxes[..., 2:] - got.boxes[..., :2])[present]
    assert extent.max() <= 2 * 0.12 * 64 + 2


def test_images_fill_the_range_and_noise_can_be_turned_off(batch):
    assert batch.images.min() < 20
    assert batch.images.max() > 240
    loud = render_scenes(30, seed=2, config=SceneConfig(noise=0.1))
    quiet = render_scenes(30, seed=2, config=SceneConfig(noise=0.0))
    assert torch.equal(loud.masks, quiet.masks)
    change = (loud.images.float() - quiet.images.float()) / 255
    assert change.mean().abs() < 0.01
    assert 0.02 < change.std() < 0.08


def test_distractors_change_the_picture_but_no_label(batch):
    plain = render_scenes(60, seed=7, config=SceneConfig(distractors=False))
    assert differences(plain, batch) == ["images"]
    changed = (plain.images.int() - batch.images.int()).abs().amax(1) > 8
    assert changed.any(-1).any(-1).float().mean() > 0.9
    assert not (changed & batch.masks.any(1)).float().mean() > 0.01


def test_a_scene_at_twice_the_size_is_the_same_scene():
    small = render_scenes(40, seed=5, config=SINGLE)
    large = render_scenes(40, seed=5, config=SceneConfig(128, SINGLE.objects, SINGLE.radius))
    assert torch.equal(small.labels, large.labels)
    assert (small.boxes * 2 - large.boxes).abs().max() <= 3


# --- every label is true of the picture -------------------------------------------------------


def loop_box(mask):
    """First and last pixel of a mask, by a loop over all of them."""
    pixels = [(x, y) for y, row in enumerate(mask.tolist()) for x, on in enumerate(row) if on]
    xs, ys = zip(*pixels, strict=True)
    return [min(xs), min(ys), max(xs) + 1, max(ys) + 1]


@pytest.mark.parametrize("name", ["batch", "crowd"])
def test_boxes_are_tight_around_the_visible_masks(name, request):
    got = request.getfixturevalue(name)
    for i in range(len(got)):
        for k in range(got.labels.shape[1]):
            if got.labels[i, k] >= 0:
                assert got.boxes[i, k].tolist() == loop_box(got.masks[i, k])
            else:
                assert not got.masks[i, k].any()
                assert got.boxes[i, k].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["batch", "crowd"])
def test_masks_are_disjoint_and_agree_with_the_semantic_map(name, request):
    got = request.getfixturevalue(name)
    assert got.masks.sum(1).max() == 1
    semantic = torch.zeros_like(got.semantic)
    for i, k in (got.labels >= 0).nonzero().tolist():
        semantic[i][got.masks[i, k]] = got.labels[i, k].item() + 1
    assert torch.equal(semantic, got.semantic)


@pytest.mark.parametrize("min_visible", [0.1, 0.4, 0.9])
def test_objects_are_kept_exactly_if_enough_of_them_is_visible(min_visible):
    """Going from the front to the back by hand, over the whole silhouettes."""
    config = SceneConfig(size=48, objects=(3, 6), radius=(0.15, 0.35), min_visible=min_visible)
    got = render_scenes(25, seed=9, config=config)
    patches = paint_objects(lay_out(CounterRandom(9, 0, 25), config), 48, 0.35)
    whole = torch.zeros(25, 6, 48, 48, dtype=torch.bool)
    for m in range(len(patches.scene)):
        rows, columns = patches.rows[m][:, None], patches.columns[m][None, :]
        whole[patches.scene[m], patches.slot[m], rows, columns] = patches.inside[m]
    removed = 0
    for i in range(25):
        front = torch.zeros(48, 48, dtype=torch.bool)
        for k in reversed(range(6)):
            seen = whole[i, k] & ~front
            share = seen.sum().item() / max(1, whole[i, k].sum().item())
            kept = share > 0 and share >= min_visible
            assert (got.labels[i, k] >= 0).item() is kept
            removed += whole[i, k].any().item() and not kept
            if kept:
                assert torch.equal(got.masks[i, k], seen)
                front |= seen
    assert removed > 0


def test_the_default_keeps_objects_apart_enough():
    got = render_scenes(200, seed=11)
    number = lay_out(CounterRandom(11, 0, 200), SceneConfig()).present.sum()
    assert (got.labels >= 0).sum() > 0.93 * number


def test_kinds_colours_patterns_and_numbers_are_balanced():
    got = render_scenes(2000, seed=1, config=SceneConfig(size=24, radius=(0.13, 0.26)), masks=False)
    present = got.labels >= 0
    for values, count in ((got.labels, 8), (got.colours, 8), (got.patterns, 3)):
        share = values[present].bincount(minlength=count) / present.sum()
        assert (share * count - 1).abs().max() < 0.12
    assert (present.sum(1).bincount(minlength=5)[1:] / 2000 - 0.25).abs().max() < 0.05


def test_the_picture_shows_the_colour_of_the_label():
    """The median colour inside a plain fish, starfish, jellyfish or ring is nearest to its name."""
    config = SceneConfig(objects=(1, 1), radius=(0.3, 0.45), kinds=[0, 1, 3, 6], patterns=[0])
    got = render_scenes(200, seed=3, config=config)
    right = 0
    for image, mask, colour in zip(got.images, got.masks[:, 0], got.colours[:, 0], strict=True):
        median = image[:, mask].float().median(1).values / 255
        right += int((RGB - median).norm(dim=1).argmin() == colour)
    assert right >= 195


def test_an_object_differs_from_the_picture_without_it():
    """Where its mask is, a scene differs from its own backdrop; elsewhere only shadows do."""
    config = SceneConfig(objects=(0, 1), noise=0.0, radius=(0.3, 0.4))
    got = render_scenes(60, seed=6, config=config)
    draws = CounterRandom(6, 0, 60)
    lay_out(draws, config)
    centre = (torch.arange(64) + 0.5) / 64
    bare = scenes_module.backdrop(draws, centre[None], centre[:, None], True).transpose(0, 1)
    change = (got.images - bare.clamp(0, 1) * 255).abs().amax(1)
    assert change[~got.masks.any(1)].median() <= 0.5
    for i in (got.labels[:, 0] >= 0).nonzero()[:, 0]:
        assert change[i][got.masks[i, 0]].median() > 15


# --- captions, targets, parts -----------------------------------------------------------------


def by_hand(*objects, size=50):
    """One scene from (box, kind, colour) triples."""
    boxes, kinds, colours = zip(*objects, strict=True)
    labels = torch.tensor([[KINDS.index(kind) for kind in kinds]])
    return Scenes(
        images=torch.zeros(1, 3, size, size, dtype=torch.uint8),
        boxes=torch.tensor([boxes], dtype=torch.float32),
        labels=labels,
        colours=torch.tensor([[COLOURS.index(colour) for colour in colours]]),
        patterns=torch.zeros_like(labels),
        joints=torch.zeros(*labels.shape, JOINTS, 3),
    )


FISH = ([0, 10, 10, 20], "fish", "red")
RING = ([30, 12, 44, 26], "ring", "blue")
STAR = ([1, 40, 8, 47], "starfish", "orange")


def test_captions_by_hand():
    """The fish centre (5, 15) is 32 left of the ring's (37, 19) and only 4 above it."""
    assert by_hand(FISH, RING).caption(0) == "a red fish left of a blue ring"
    assert by_hand(RING, FISH).caption(0) == "a red fish left of a blue ring"
    assert by_hand(FISH, STAR).caption(0) == "a red fish above an orange starfish"
    assert by_hand(STAR, FISH).captions() == ["a red fish above an orange starfish"]


def test_a_caption_names_the_largest_boxes():
    assert by_hand(STAR, RING, FISH).caption(0) == "a red fish left of a blue ring"
    assert by_hand(STAR, RING, FISH).caption(0, objects=1) == "a blue ring"
    assert by_hand(STAR).caption(0) == "an orange starfish"


NOUN = rf"an? ({'|'.join(COLOURS)}) ({'|'.join(KINDS)})"


@pytest.mark.parametrize("name", ["batch", "crowd"])
def test_captions_are_true(name, request):
    """Read each caption back and find what it says among the boxes."""
    got = request.getfixturevalue(name)
    relations = set()
    for i, caption in enumerate(got.captions()):
        present = (got.labels[i] >= 0).nonzero()[:, 0].tolist()
        area = {k: (got.boxes[i, k, 2:] - got.boxes[i, k, :2]).prod().item() for k in present}
        largest = sorted(present, key=lambda k: -area[k])[:2]
        named = {k: (COLOURS[got.colours[i, k]], KINDS[got.labels[i, k]]) for k in largest}
        if len(present) == 1:
            assert re.fullmatch(NOUN, caption).groups() == named[largest[0]]
            continue
        first_colour, first, relation, second_colour, second = re.fullmatch(
            f"{NOUN} (left of|above) {NOUN}", caption
        ).groups()
        relations.add(relation)
        axis = 0 if relation == "left of" else 1
        centre = {k: (got.boxes[i, k, :2] + got.boxes[i, k, 2:]) / 2 for k in largest}
        near, far = sorted(largest, key=lambda k: centre[k][axis].item())
        assert (named[near], named[far]) == ((first_colour, first), (second_colour, second))
        gap = (centre[far] - centre[near]).abs()
        assert gap[axis] >= gap[1 - axis]
    assert relations == {"left of", "above"}


def test_an_article_is_an_only_before_a_vowel(batch):
    for caption in batch.captions():
        for article, word in re.findall(r"\b(an?) (\w)", caption):
            assert (article == "an") == (word in "aeiou")


def test_captions_hang_on_the_scene_alone(batch):
    assert batch[20:40].captions() == batch.captions()[20:40]


def test_targets_hold_the_objects_present(batch):
    for i, target in enumerate(batch.targets()):
        present = batch.labels[i] >= 0
        assert torch.equal(target["labels"], batch.labels[i][present])
        assert torch.equal(target["boxes"], batch.boxes[i][present])
        assert torch.equal(target["masks"], batch.masks[i][present])
    assert torch.equal(batch.targets(first_label=1)[0]["labels"], batch.targets()[0]["labels"] + 1)


def test_targets_are_accepted_by_torchvision():
    """Its detectors check boxes and labels before they compute a loss."""
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    got = render_scenes(2, seed=1)
    torch.manual_seed(0)
    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=9)
    losses = model(list(got.images / 255.0), got.targets(first_label=1))
    assert all(loss.isfinite() for loss in losses.values())


def test_parts_of_the_scenes(batch):
    chosen = torch.tensor([5, 2])
    part = batch[chosen]
    assert len(part) == 2
    assert torch.equal(part.masks, batch.masks[chosen])
    assert differences(batch.to("cpu"), batch) == []
    assert render_scenes(3, masks=False)[:2].masks is None


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "knobs",
    [
        {"size": 8},
        {"size": 2048},
        {"size": 64.0},
        {"objects": (3, 2)},
        {"objects": (0, 0)},
        {"objects": (-1, 2)},
        {"radius": (0.0, 0.2)},
        {"radius": (0.3, 0.2)},
        {"radius": (0.3, 0.6)},
        {"radius": (0.03, 0.2)},
        {"kinds": []},
        {"kinds": [8]},
        {"colours": [-1]},
        {"patterns": [3]},
        {"min_visible": 0.0},
        {"min_visible": 1.5},
        {"noise": -0.1},
        {"noise": 0.6},
    ],
    ids=str,
)
def test_knobs_out_of_range_are_errors(knobs):
    with pytest.raises(ValueError, match=r"expected .* got"):
        SceneConfig(**knobs)


def test_a_config_cannot_be_changed_by_accident():
    with pytest.raises(FrozenInstanceError):
        SceneConfig().size = 32


@pytest.mark.parametrize("where", [{"count": -1}, {"start": -1}, {"seed": -1}, {"seed": 2**63}])
def test_counts_and_seeds_out_of_range_are_errors(where):
    with pytest.raises(ValueError, match=r"expected .* got"):
        render_scenes(**{"count": 1, **where})


def test_a_caption_of_three_objects_is_an_error(batch):
    with pytest.raises(ValueError, match="expected 1 or 2 objects in a caption, got 3"):
        batch.caption(0, objects=3)


def test_one_integer_is_no_part_of_the_scenes(batch):
    with pytest.raises(TypeError, match="expected a slice or a tensor of indices, got 3"):
        batch[3]
