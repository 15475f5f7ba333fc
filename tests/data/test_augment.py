"""Every augmentation: shape, range, seeds, each image by itself, and what it does to pixels."""

from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchvision.transforms.v2 import functional as tv

from dlcv.data import augment
from dlcv.data.augment_draws import draw_integers
from dlcv.data.batches import Batches
from dlcv.data.warps import matrix, warp_affine

ALL = [name for name in augment.__all__ if name not in {"compose", "from_bytes"}]
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "_unique2", "equal"}


def make(count=6, channels=3, height=12, width=17):
    draw = torch.Generator().manual_seed(5)
    return torch.rand(count, channels, height, width, generator=draw)


def apply(name, images, seed=0, **settings):
    return getattr(augment, name)(images, torch.Generator().manual_seed(seed), **settings)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_range_and_the_original_stay(name, channels):
    images = make(channels=channels)
    before = images.clone()
    result = apply(name, images)
    assert result.shape == images.shape
    assert result.dtype == images.dtype
    assert result.min() >= 0
    assert result.max() <= 1 + 1e-6
    assert images.equal(before)


@pytest.mark.parametrize("name", ALL)
def test_the_generator_decides(name):
    images = make(count=16)
    assert apply(name, images, 1).equal(apply(name, images, 1))
    assert not apply(name, images, 1).equal(apply(name, images, 2))


@pytest.mark.parametrize("name", ALL)
def test_each_image_has_a_draw_of_its_own(name):
    images = make(count=1).expand(40, -1, -1, -1)
    results = apply(name, images)
    assert len(results.flatten(1).unique(dim=0)) >= 2


@pytest.mark.parametrize("name", ALL)
def test_an_empty_batch_and_a_single_pixel(name):
    assert apply(name, make(count=0)).shape == (0, 3, 12, 17)
    assert apply(name, make(height=1, width=1)).shape == (6, 3, 1, 1)


@pytest.mark.parametrize("name", ALL)
def test_wrong_shapes_and_whole_numbers_are_named(name):
    with pytest.raises(ValueError, match="float images"):
        apply(name, torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="uint8"):
        apply(name, torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


NOTHING = {
    "flip_horizontal": {"probability": 0},
    "flip_vertical": {"probability": 0},
    "crop": {"padding": 0},
    "zoom_crop": {"smallest": 1},
    "rotate": {"degrees": 0},
    "scale": {"smallest": 1, "largest": 1},
    "shift": {"share": 0},
    "shear": {"degrees": 0},
    "stretch": {"factor": 1},
    "lens": {"strength": 0},
    "noise": {"std": 0},
    "grey": {"probability": 0},
    "brightness": {"amount": 0},
    "contrast": {"amount": 0},
    "saturation": {"amount": 0},
    "colour_jitter": {"amount": 0},
    "random_erasing": {"probability": 0},
}


@pytest.mark.parametrize("name", NOTHING)
def test_strength_zero_changes_nothing(name):
    images = make()
    torch.testing.assert_close(apply(name, images, **NOTHING[name]), images, rtol=1e-4, atol=1e-5)


def test_flips_by_hand_and_twice():
    images = torch.tensor([[[[1.0, 2], [3, 4]]]]) / 4
    across = apply("flip_horizontal", images, probability=1)
    down = apply("flip_vertical", images, probability=1)
    assert (4 * across).flatten().tolist() == [2, 1, 4, 3]
    assert (4 * down).flatten().tolist() == [3, 4, 1, 2]
    assert apply("flip_horizontal", across, probability=1).equal(images)


def test_flips_choose_half_of_the_images():
    images = make(count=1).expand(2000, -1, -1, -1)
    flipped = (apply("flip_horizontal", images) != images).flatten(1).any(dim=1)
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.04)


def test_every_crop_is_a_window_of_the_padded_image_and_all_occur():
    images = make(count=1, height=5, width=4)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    windows = {
        padded[0, :, i : i + 5, j : j + 4].numpy().tobytes() for i in range(3) for j in range(3)
    }
    crops = apply("crop", images.expand(200, -1, -1, -1), padding=1)
    assert {crop.numpy().tobytes() for crop in crops} == windows


def test_a_zoomed_crop_shows_a_window_and_nothing_from_outside(monkeypatch):
    images = make(count=1, height=8, width=12)
    draws = iter([0.5, 1.0, -1.0])  # half a side, as far right and up as it goes
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), next(draws)))
    result = apply("zoom_crop", images)
    window = images[..., :4, :6]  # "across" moves the content to the right, "down" down
    corner = images[..., 4:, :6]
    zoomed = tv.resize(corner, [8, 12], antialias=False)
    torch.testing.assert_close(result[..., 1:-1, 1:-1], zoomed[..., 1:-1, 1:-1])
    assert not torch.allclose(result, tv.resize(window, [8, 12], antialias=False))


def test_a_quarter_turn_is_exact():
    images = make(height=9, width=9)
    angle = torch.full((6,), torch.pi / 2)
    turned = warp_affine(images, matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos()))
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("degrees", [10.0, -35.0])
def test_rotation_is_torchvisions_also_where_the_image_is_not_square(degrees, monkeypatch):
    images = make(count=2, height=14, width=9)
    monkeypatch.setattr(
        "dlcv.data.warps.draw_uniform", lambda images, *rest: torch.full((2,), degrees)
    )
    expected = tv.rotate(images, degrees, interpolation=tv.InterpolationMode.BILINEAR)
    torch.testing.assert_close(apply("rotate", images), expected, rtol=1e-3, atol=1e-4)


def test_a_shift_by_whole_pixels_moves_them(monkeypatch):
    images = make(count=1, height=5, width=10)
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), 0.2))
    moved = apply("shift", images)  # by 2 columns to the right and 1 row down
    torch.testing.assert_close(moved[..., 1:, 2:], images[..., :-1, :-2], rtol=1e-4, atol=1e-5)
    assert moved[..., 0, :].abs().max() < 1e-5


def test_scale_enlarges_and_a_stretch_keeps_the_area(monkeypatch):
    images = torch.zeros(1, 1, 40, 40)
    images[..., 15:25, 15:25] = 1  # 100 pixels
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), 1.5))
    assert apply("scale", images).sum().item() == pytest.approx(225, rel=0.03)
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), 1.0))
    stretched = apply("stretch", images, factor=1.5)
    assert stretched.sum().item() == pytest.approx(100, rel=0.03)
    assert (stretched[0, 0, 20] > 0.5).sum() == pytest.approx(15, abs=1)


def test_shear_slides_rows_by_the_tangent(monkeypatch):
    images = torch.zeros(1, 1, 41, 61)
    images[..., 30] = 1
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), 20.0))
    sheared = apply("shear", images)[0, 0]
    columns = sheared[[10, 30]].argmax(dim=1)
    expected = 20 * torch.tan(torch.deg2rad(torch.tensor(20.0)))  # for 20 rows
    assert (columns[0] - columns[1]).item() == pytest.approx(expected.item(), abs=1)


def test_a_barrel_pulls_the_border_in_and_leaves_the_middle(monkeypatch):
    images = torch.ones(1, 1, 31, 31)
    monkeypatch.setattr("dlcv.data.warps.draw_uniform", lambda *rest: torch.full((1,), 0.15))
    barrel = apply("lens", images)[0, 0]
    assert barrel[0, 0] == 0
    assert barrel[15, 15] == 1


def test_grey_keeps_three_equal_channels_and_torchvisions_values():
    images = make()
    result = apply("grey", images, probability=1)
    assert result[:, 0].equal(result[:, 2])
    expected = tv.rgb_to_grayscale(images, 1)
    torch.testing.assert_close(result[:, :1], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("brightness", tv.adjust_brightness),
        ("contrast", tv.adjust_contrast),
        ("saturation", tv.adjust_saturation),
    ],
)
@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_colours_are_torchvisions(name, theirs, factor, monkeypatch):
    images = make(count=1)
    monkeypatch.setattr(augment, "draw_uniform", lambda *rest: torch.tensor([factor]))
    expected = theirs(images, factor)
    torch.testing.assert_close(apply(name, images), expected, rtol=1e-3, atol=2e-3)


def test_noise_has_the_spread_that_was_asked_for():
    grey = torch.full((4, 1, 50, 50), 0.5)
    assert apply("noise", grey, std=0.05).std().item() == pytest.approx(0.05, rel=0.03)


def test_erased_is_one_rectangle_of_the_right_area():
    images = torch.full((300, 1, 40, 50), -1.0)  # noise is never negative
    erased = (apply("random_erasing", images, probability=1) >= 0)[:, 0]
    shares = []
    for mask in erased:
        rows, columns = mask.any(dim=1).nonzero()[:, 0], mask.any(dim=0).nonzero()[:, 0]
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all()
        shares.append(mask.float().mean().item())
    assert 0.01 < min(shares) < 0.04
    assert 0.3 < max(shares) <= 0.43
    chosen = (apply("random_erasing", images) >= 0).flatten(1).any(dim=1)
    assert chosen.float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_cutout_sets_a_square_that_the_border_may_cut():
    images = torch.ones(200, 1, 12, 10)
    counts = (apply("cutout", images, size=4) == 0).sum(dim=(1, 2, 3))
    assert counts.max() == 16
    assert counts.min() < 16
    assert counts.min() >= 4


def test_compose_works_in_order_and_in_batches():
    images = make()
    turn = partial(augment.rotate, degrees=5)
    both = augment.compose(augment.flip_horizontal, turn)
    draw = torch.Generator().manual_seed(0)
    by_hand = turn(augment.flip_horizontal(images, draw), draw)
    assert both(images, torch.Generator().manual_seed(0)).equal(by_hand)
    batches = Batches(images, torch.arange(6), 4, augment=both)
    first, again = (torch.cat([x for x, _ in batches.epoch(1)]) for _ in range(2))
    assert first.equal(again)
    assert not first.equal(torch.cat([x for x, _ in batches.epoch(2)]))
    assert augment.compose()(images, draw) is images


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: apply("flip_horizontal", i, probability=2), r"in \[0, 1\], got 2"),
        (lambda i: apply("crop", i, padding=-1), "padding >= 0, got -1"),
        (lambda i: apply("crop", i, frame="grey"), "'constant' or 'reflect', got 'grey'"),
        (lambda i: apply("crop", i, padding=12, frame="reflect"), "less than 12 pixels, got 12"),
        (lambda i: draw_integers(i, torch.Generator(), 0), "high >= 1, got 0"),
        (lambda i: apply("zoom_crop", i, smallest=0), r"\(0, 1\], got 0"),
        (lambda i: apply("rotate", i, degrees=-5), "low <= high, got 5 to -5"),
        (lambda i: apply("stretch", i, factor=0.5), "factor >= 1, got 0.5"),
        (lambda i: apply("lens", i, strength=0.5), r"\[0, 1/6\], got 0.5"),
        (lambda i: apply("noise", i, std=-1), "std >= 0, got -1"),
        (lambda i: apply("contrast", i, amount=1.5), r"\[0, 1\], got 1.5"),
        (lambda i: apply("grey", i[:, :2]), "1 or 3 channels, got 2"),
        (lambda i: apply("random_erasing", i, smallest=0.5), "smallest <= largest <= 1, got 0.5"),
        (lambda i: apply("cutout", i, size=0), "at least 1 pixel, got 0"),
        (lambda i: warp_affine(i, torch.zeros(1, 2, 3)), r"\[6, 2, 3\], got \[1, 2, 3\]"),
    ],
)
def test_bad_settings_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(make())


def test_a_mirrored_frame_shows_the_image_again():
    images = torch.arange(1.0, 5).reshape(1, 1, 1, 4).expand(100, -1, 3, -1)
    mirrored = apply("crop", images, padding=1, frame="reflect")
    rows = {tuple(row) for row in mirrored[:, 0, 1].int().tolist()}
    assert rows == {(2, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 3)}


def test_bytes_become_floats_of_the_same_picture():
    images = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    floats = augment.from_bytes(images, torch.Generator())
    torch.testing.assert_close(floats, torch.tensor([[[[0, 0.2, 1]]]]))
    batches = Batches(images, torch.zeros(1), 1, augment=augment.compose(augment.from_bytes))
    assert next(iter(batches))[0].dtype == torch.float32
    with pytest.raises(ValueError, match=r"expected images of uint8, got torch\.float32"):
        augment.from_bytes(floats, torch.Generator())


# --- devices ---------------------------------------------------------------------------------
class Watch(TorchDispatchMode):
    """Notes every operation, and what lies on another device than the images."""

    def __init__(self):
        super().__init__()
        self.operations, self.devices = [], set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.operations.append(func.overloadpacket.__name__)
        self.devices |= {leaf.device.type for leaf in tree_leaves(out) if torch.is_tensor(leaf)}
        return out


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_made_on_another_device_and_few_numbers_are_read(name):
    images = make()
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"), Watch() as watch:  # what names no device lands on "meta"
        getattr(augment, name)(images, generator)
    assert watch.devices == {"cpu"}
    # Reading a number waits for its device. Two are read, of tensors that are always on the CPU:
    # the seed that pixels are hashed from, and that seed mixed.
    read = [operation for operation in watch.operations if operation in WAITING]
    expected = 2 if name in {"noise", "random_erasing"} else 0
    assert read == ["_local_scalar_dense"] * expected


@pytest.mark.parametrize("name", ALL)
def test_a_large_batch_takes_no_more_operations_than_a_small_one(name):
    counts = []
    for count in (2, 40):
        with Watch() as watch:
            apply(name, make(count=count))
        counts.append(len(watch.operations))
    assert counts[0] == counts[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares the CPU with a GPU")
@pytest.mark.parametrize("name", ALL)
def test_a_gpu_makes_the_same_images(name):
    images = make()
    on_cpu, on_gpu = apply(name, images), apply(name, images.cuda())
    assert on_gpu.is_cuda
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="asks CUDA to complain")
@pytest.mark.parametrize("name", ALL)
def test_nobody_waits_for_the_gpu(name):
    images = make().cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        apply(name, images)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a generator on a GPU")
def test_a_generator_on_the_gpu_is_refused():
    with pytest.raises(ValueError, match="generator on the CPU, got one on cuda"):
        augment.noise(make().cuda(), torch.Generator("cuda"))
