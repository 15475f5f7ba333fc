"""The faces: the same for the same numbers, a person in every picture, and hard for pixels."""

import hashlib

import pytest
import torch
from torch.nn import functional as F

from dlcv.data import faces as faces_module
from dlcv.data.face_traits import HAIR, SKIN, people_of, ramp
from dlcv.data.faces import TRAITS, FaceConfig, draw_traits, face_images, render_faces

STILL = FaceConfig(strength=0.0)


@pytest.fixture(scope="module")
def album():
    return render_faces(12, 5, seed=7)


def of(album, person, picture, pictures=5):
    return album.images[person * pictures + picture]


# --- the same face for the same numbers -------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "pictures", "start", "first"),
    [(1, 1, 0, 0), (1, 1, 11, 4), (4, 2, 5, 1), (12, 1, 0, 3), (1, 5, 6, 0)],
)
def test_a_face_is_the_same_alone_and_in_any_batch(album, people, pictures, start, first):
    part = render_faces(people, pictures, seed=7, start=start, first_picture=first)
    for i in range(people):
        for j in range(pictures):
            assert torch.equal(of(part, i, j, pictures), of(album, start + i, first + j))


@pytest.mark.parametrize("faces_at_once", [1, 7, 1000])
def test_a_face_is_the_same_in_any_chunking(album, monkeypatch, faces_at_once):
    monkeypatch.setitem(faces_module._CHUNK_PIXELS, "cpu", faces_at_once * 48 * 48)
    assert torch.equal(render_faces(6, 5, seed=7).images, album.images[:30])


def test_a_face_is_the_same_on_any_number_of_threads():
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(render_faces(2, 2, seed=1, config=FaceConfig(160)).images)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)


def test_a_face_is_the_same_after_other_random_numbers_were_drawn(album):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert torch.equal(render_faces(2, 5, seed=7).images, album.images[:10])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_faces_are_those_the_book_was_written_with():
    """Any machine gives these bytes; a change in the drawing must be meant, and changes them."""
    images = render_faces(4, 4, seed=2024).images
    assert hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16] == "d834fdf4fd342f95"


def test_every_tensor_of_the_rendering_is_made_on_the_device_asked_for():
    with torch.device("meta"):  # what names no device lands here, and cannot be rendered with
        faces = render_faces(3, 2, seed=4, device="cpu")
    assert torch.equal(faces.images, render_faces(3, 2, seed=4).images)
    assert {faces.images.device.type, faces.labels.device.type} == {"cpu"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares the CPU with a GPU")
def test_a_gpu_renders_the_same_faces():
    on_cpu, on_gpu = (render_faces(20, 10, seed=4, device=d) for d in ("cpu", "cuda"))
    assert on_gpu.images.is_cuda
    assert torch.equal(on_cpu.labels, on_gpu.labels.cpu())
    change = (on_cpu.images.int() - on_gpu.images.cpu().int()).abs()
    assert change.max() <= 1
    assert (change > 0).float().mean() < 1e-5


# --- forms ------------------------------------------------------------------------------------


def test_forms_and_types():
    got = render_faces(3, 2, start=8, config=FaceConfig(40))
    assert got.images.shape == (6, 3, 40, 40)
    assert got.images.dtype == torch.uint8
    assert got.labels.tolist() == [8, 8, 9, 9, 10, 10]
    assert len(TRAITS) == 26


@pytest.mark.parametrize(("people", "pictures"), [(0, 4), (4, 0), (0, 0)])
def test_no_face(people, pictures):
    got = render_faces(people, pictures)
    assert got.images.shape == (0, 3, 48, 48)
    assert got.images.dtype == torch.uint8
    assert got.labels.shape == (0,)


@pytest.mark.parametrize("size", [16, 33, 96])
def test_a_face_has_the_same_features_in_any_size(size):
    small, large = (render_faces(4, 2, config=FaceConfig(s, 0.0)).images for s in (size, 192))
    shrunk = F.interpolate(large.float(), size=(size, size), mode="area")
    assert (small.float() - shrunk).abs().mean() < 6


# --- people and circumstances -----------------------------------------------------------------


def test_without_circumstances_all_pictures_of_a_person_are_the_same_and_no_two_people_are():
    images = render_faces(60, 2, seed=3, config=STILL).images.view(60, 2, -1).float()
    assert torch.equal(images[:, 0], images[:, 1])
    distance = torch.cdist(images[:, 0], images[:, 0]) + torch.eye(60) * 1e9
    assert distance.min() > 0.05 * 255 * images.shape[2] ** 0.5


def test_more_strength_moves_a_picture_farther_from_the_still_one():
    still, weak, strong = (
        render_faces(20, 3, seed=3, config=FaceConfig(strength=s)).images.float()
        for s in (0.0, 0.4, 0.8)
    )
    assert 8 < (weak - still).abs().mean() < (strong - still).abs().mean() - 8


def test_no_two_pictures_are_alike(album):
    images = torch.cat([album.images, render_faces(12, 5, seed=8).images]).flatten(1).float()
    distance = torch.cdist(images, images) + torch.eye(120) * 1e9
    assert distance.min() > 0.05 * 255 * images.shape[1] ** 0.5


@pytest.mark.parametrize("name", TRAITS)
def test_every_trait_shows(name):
    """Halfway people whose one trait goes from end to end; beards hide nothing here."""
    traits = torch.full((3, 26), 0.5)
    place = list(TRAITS).index(name)
    traits[:, place] = torch.tensor([0.0, 0.5, 1.0])
    images = face_images(traits, torch.zeros(3, dtype=torch.int64), config=STILL).float()
    assert (images[2] - images[0]).abs().amax() > 15
    assert (images[2] - images[0]).abs().mean() < 45  # and it is one trait, not another person


def test_equal_conditions_show_different_people_in_the_same_light():
    traits = draw_traits(2, seed=5)
    same = face_images(traits, torch.tensor([9, 9])).float()
    other = face_images(traits, torch.tensor([9, 10])).float()
    corner = (slice(None), slice(0, 5), slice(0, 5))  # nothing but the backdrop
    assert torch.equal(same[0], other[0])
    assert (same[0][corner] - same[1][corner]).abs().max() == 0
    assert (other[0][corner] - other[1][corner]).abs().max() > 5


def test_traits_are_spread_evenly_and_belong_to_their_person():
    traits = draw_traits(2000, seed=1)
    assert (traits.mean(0) - 0.5).abs().max() < 0.03
    assert (traits.std(0) - 12**-0.5).abs().max() < 0.02
    assert (traits.T.corrcoef() - torch.eye(26)).abs().max() < 0.12
    assert torch.equal(draw_traits(3, seed=1, start=500), traits[500:503])


def test_colours_of_a_person_by_hand():
    """At the ends of a ladder its first and last rung, halfway between two of them their mean."""
    place = torch.tensor([0.0, 0.125, 1.0])[:, None, None]
    black, brown = torch.tensor(HAIR[0]), torch.tensor(HAIR[1])
    expected = torch.stack([black, (black + brown) / 2, torch.tensor(HAIR[-1])])
    torch.testing.assert_close(ramp(place, HAIR), expected)
    lowest = people_of(torch.zeros(1, 26))
    cool = torch.tensor([0.9, 1.0, 1.1])
    torch.testing.assert_close(lowest.skin[0], torch.tensor(SKIN[0]) * cool)
    assert lowest["face_width"].item() == pytest.approx(0.60)
    assert people_of(torch.ones(1, 26))["mouth_y"].item() == pytest.approx(0.62)


def test_pixels_hardly_tell_whether_two_pictures_show_one_person():
    """Alike in pixels are pictures of one light and pose: three ways to compare stay below 0.68."""
    images = render_faces(100, 6, seed=77).images.float()
    grey = images.mean(1).flatten(1)
    colour = images.flatten(1)
    generator = torch.Generator().manual_seed(0)
    person = torch.arange(100).repeat(3)
    first = person * 6 + torch.randint(3, (300,), generator=generator)
    partner = person * 6 + torch.randint(3, 6, (300,), generator=generator)
    stranger = (partner + 6 * torch.randint(1, 100, (300,), generator=generator)) % 600
    for x in (colour - colour.mean(0), grey - grey.mean(1, keepdim=True)):
        x = F.normalize(x)
        alike, unlike = ((x[first] * x[other]).sum(1) for other in (partner, stranger))
        assert best_accuracy(alike, unlike) <= 0.68
    alike, unlike = (-(colour[first] - colour[other]).norm(dim=1) for other in (partner, stranger))
    assert best_accuracy(alike, unlike) <= 0.68


def best_accuracy(alike, unlike):
    """The share of right answers at the threshold that suits these very pairs best."""
    thresholds = torch.cat([alike, unlike])
    accepted = (alike >= thresholds[:, None]).double().mean(1)
    rejected = (unlike < thresholds[:, None]).double().mean(1)
    return ((accepted + rejected) / 2).max().item()


def test_traits_do_tell_it():
    """The person is in the picture: without circumstances pixels are enough."""
    images = render_faces(60, 2, seed=77, config=FaceConfig(strength=0.1)).images.flatten(1).float()
    distance = torch.cdist(images[::2], images[1::2])
    assert (distance.argmin(1) == torch.arange(60)).float().mean() > 0.9


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FaceConfig(size=15), "expected an integer size of 16 to 512 px, got 15"),
        (lambda: FaceConfig(size=48.0), "expected an integer size of 16 to 512 px, got 48.0"),
        (lambda: FaceConfig(strength=1.5), r"expected a strength in \[0, 1\], got 1.5"),
        (lambda: render_faces(-1, 1), "expected numbers of at least 0, got"),
        (lambda: render_faces(1, 1, first_picture=-2), "expected numbers of at least 0, got"),
        (lambda: render_faces(1, 2, first_picture=2**24 - 1), "pictures below 2"),
        (lambda: render_faces(1, 1, seed=-1), "expected a seed in"),
        (lambda: face_images(torch.zeros(2, 26), torch.zeros(1).long()), r"and conditions \[N\]"),
        (lambda: face_images(torch.zeros(1, 25), torch.zeros(1).long()), r"traits \[N, 26\], got"),
        (lambda: face_images(torch.ones(1, 26) * 2, torch.zeros(1).long()), r"traits in \[0, 1\]"),
    ],
)
def test_faces_say_what_they_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
