"""The skip mixer against the package: fused scores, labels and measures."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.segmentation.mean_iou import mean_iou
from dlcv.study.widgets.skip_mixer import SkipMixer

NAMES = ["water", "fish", "crab"]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def true_classes(side=32):
    classes = torch.zeros(2, side, side, dtype=torch.uint8)
    classes[:, 5:20, 8:30], classes[1, 22:29, 2:9] = 1, 2
    classes[:, 3:5, 8:30] = 255  # what lies above the first object, nobody could say
    return classes


def make(side=32) -> SkipMixer:
    generator = torch.Generator().manual_seed(14)
    images = torch.randint(256, (2, 3, side, side), generator=generator, dtype=torch.uint8)
    maps = [2 * draw(i, 2, 3, side // s, side // s) for i, s in enumerate((16, 8, 4))]
    return SkipMixer(images, true_classes(side), NAMES, {"coarse": maps[:1], "fine": maps})


def shares(page) -> list[float]:
    text = page.locator(".says").inner_text()
    return [float(number) / 100 for number in re.findall(r"([\d.]+) %", text)]


def expected(mixer) -> tuple[float, float]:
    """Mean IoU and share of right pixels, from the package's fused scores."""
    classes = true_classes()[mixer.picture]
    labels = mixer.fused.argmax(dim=0)
    counted = classes != 255
    share = (labels == classes)[counted].float().mean().item()
    return mean_iou(labels, classes, len(NAMES), 255)[0], share


@pytest.mark.parametrize("kind", ["bilinear", "nearest"])
@pytest.mark.parametrize("used", [[16, 8, 4], [16], [16, 4], [8], []])
def test_measures_are_those_of_the_package(open_widget, used, kind):
    mixer = make()
    mixer.used, mixer.kind = used, kind
    page = open_widget(mixer)
    mean, pixels = expected(mixer)
    assert shares(page)[:2] == pytest.approx([mean, pixels], abs=0.0011)


def test_pixels_that_nobody_could_name_count_nowhere(open_widget):
    mixer = make()
    assert mixer.shown == 1  # the last class of the first picture
    page = open_widget(mixer)
    classes = true_classes()[0]
    planes = torch.stack([classes == k for k in range(3)]).float()
    near = torch.nn.functional.max_pool2d(planes[None], 5, stride=1, padding=2)[0].sum(0) > 1
    edges = near & (classes != 255)
    right = (mixer.fused.argmax(dim=0) == classes)[edges].float().mean().item()
    assert shares(page)[2] == pytest.approx(right, abs=0.0011)


def test_ticks_and_choices_change_what_is_added(open_widget):
    mixer = make()
    page = open_widget(mixer)
    page.get_by_label("stride 4", exact=True).uncheck()
    mixer.used = [16, 8]
    assert shares(page)[:2] == pytest.approx(expected(mixer), abs=0.0011)
    page.get_by_role("combobox", name="Picture").select_option("1")
    page.get_by_role("combobox", name="Enlarge by").select_option("nearest")
    mixer.picture, mixer.kind = 1, "nearest"
    assert shares(page)[:2] == pytest.approx(expected(mixer), abs=0.0011)


def test_another_network_has_its_own_strides(open_widget):
    page = open_widget(make())
    page.get_by_role("combobox", name="Trained as").select_option("coarse")
    expect(page.get_by_label("stride 16", exact=True)).to_be_checked()
    expect(page.get_by_label("stride 4", exact=True)).to_be_disabled()
    expect(page.locator(".level:visible")).to_have_count(2)


def test_the_classes_of_the_picture_are_listed_with_their_overlap(open_widget):
    mixer = make()
    page = open_widget(mixer)
    iou = mean_iou(mixer.fused.argmax(0), torch.zeros(32, 32), 3)[1]
    assert len(page.locator(".classes li").all()) == int((~iou.isnan()).sum())
    expect(page.locator(".classes")).to_contain_text("fish")


def test_scores_of_another_class_are_shown(open_widget):
    page = open_widget(make())
    page.get_by_role("combobox", name="Scores of").select_option("2")
    canvas = page.locator(".level canvas").first
    assert "scores of crab" in canvas.get_attribute("aria-label")


def test_the_keyboard_ticks(open_widget):
    page = open_widget(make())
    page.get_by_label("stride 8", exact=True).focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("stride 8: 4×4, left out")).to_be_visible()


def test_a_finger_ticks(open_widget):
    page = open_widget(make(), **PHONE)
    page.get_by_text("stride 16", exact=True).tap()
    expect(page.get_by_text("stride 16: 2×2, left out")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits(open_widget, theme, width):
    page = open_widget(make(), theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(1, 3, 8, 8)}, "expected uint8 images"),
        ({"images": torch.zeros(1, 3, 256, 256, dtype=torch.uint8)}, "S <= 128"),
        ({"classes": torch.zeros(1, 4, 4, dtype=torch.uint8)}, r"expected classes \[1, 8, 8\]"),
        ({"networks": {}}, "and a network"),
        ({"networks": {"a": [torch.zeros(1, 2, 2, 2)] * 2}}, "expected maps .* of a, got"),
        ({"network": "b"}, r"expected one of \['a'\], got 'b'"),
    ],
)
def test_wrong_arguments_are_errors(change, message):
    arguments = {
        "images": torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        "classes": torch.zeros(1, 8, 8, dtype=torch.uint8),
        "names": ["a", "b"],
        "networks": {"a": [torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 4, 4)]},
    }
    with pytest.raises(ValueError, match=message):
        SkipMixer(**(arguments | change))
