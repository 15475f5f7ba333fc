"""The circle of margins agrees with the package's logits, whatever the sliders say."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import expect

from dlcv.study.widgets.margin_circle import MarginCircle
from dlcv.verification import margins

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
NAMES = ["NormFace", "SphereFace", "CosFace", "ArcFace"]


@pytest.fixture
def open_circle(open_widget):
    def open_it(theme="light", width=760, context=None, **traits):
        return open_widget(MarginCircle(**traits), theme=theme, width=width, **(context or {}))

    return open_it


def cells(page):
    rows = page.locator("tbody tr").all()
    return {
        row.locator("th").inner_text(): [cell.inner_text() for cell in row.locator("td").all()]
        for row in rows
    }


def logits_of(widget, direction):
    """Both logits of an example of A at a direction, degrees, by the package: name → [2]."""
    turn = math.radians(direction)
    x = torch.tensor([[math.cos(turn), math.sin(turn)]], dtype=torch.float64)
    gap = math.radians(widget.gap)
    weight = torch.tensor([[1, 0], [math.cos(gap), math.sin(gap)]], dtype=torch.float64)
    label, s = torch.tensor([0]), widget.scale
    return {
        "NormFace": margins.normface_logits(x, weight, s),
        "SphereFace": margins.sphereface_logits(x, weight, label, widget.sphere, s),
        "CosFace": margins.cosface_logits(x, weight, label, widget.cosine, s),
        "ArcFace": margins.arcface_logits(x, weight, label, math.radians(widget.arc), s),
    }


SETTINGS = [
    {},
    {"at": 75, "gap": 140, "sphere": 4, "cosine": 0.2, "arc": 50, "scale": 4},
    {"at": -20, "gap": 60, "sphere": 3, "cosine": 0.5, "arc": 10, "scale": 30},
    {"at": 12, "gap": 180, "sphere": 1, "cosine": 0, "arc": 0, "scale": 1},
]


@pytest.mark.parametrize("traits", SETTINGS)
def test_probability_loss_and_pull_are_the_packages(open_circle, traits):
    widget = MarginCircle(**traits)
    page = open_circle(**traits)
    label = torch.tensor([0])
    for name, (_, probability, loss, pull) in cells(page).items():
        logits = logits_of(widget, widget.at)[name]
        tolerance = {"rel": 0.5 if loss.count("e") else 0.02, "abs": 6e-4}
        assert float(probability) == pytest.approx(logits.softmax(1)[0, 0].item(), **tolerance)
        assert float(loss) == pytest.approx(F.cross_entropy(logits, label).item(), **tolerance)
        ends = [
            F.cross_entropy(logits_of(widget, widget.at + step)[name], label)
            for step in (-0.001, 0.001)
        ]
        slope = abs((ends[1] - ends[0]).item()) / math.radians(0.002)
        assert float(pull) == pytest.approx(slope, **{**tolerance, "rel": 0.5})


@pytest.mark.parametrize("traits", SETTINGS)
def test_where_the_reach_ends_both_logits_are_equal(open_circle, traits):
    widget = MarginCircle(**traits)
    for name, (reach, *_) in cells(open_circle(**traits)).items():
        own, other = logits_of(widget, float(reach.rstrip("°")))[name][0] / widget.scale
        assert own.item() == pytest.approx(other.item(), abs=0.006)


def test_the_reaches_have_the_closed_forms_of_the_text(open_circle):
    page = open_circle(gap=90, sphere=2, cosine=0.35, arc=28)
    half = 45 - math.degrees(math.asin(0.35 / (2 * math.sin(math.pi / 4))))
    expected = dict(zip(NAMES, (45, 30, half, 31), strict=True))
    for name, (reach, *_) in cells(page).items():
        assert float(reach.rstrip("°")) == pytest.approx(expected[name], abs=0.051)
    says = page.locator(".says").inner_text()
    assert [float(n) for n in re.findall(r"([\d.]+)°(?:,| ?\.)", says)][1:] == pytest.approx(
        [90 - 2 * value for value in expected.values()], abs=0.06
    )


def test_a_margin_that_no_angle_can_keep_says_so(open_circle):
    page = open_circle(gap=20, cosine=0.9, arc=60)
    assert cells(page)["CosFace"][0] == cells(page)["ArcFace"][0] == "none"
    assert cells(page)["SphereFace"][0] != "none"


def test_keys_and_a_finger_move_the_example(open_circle):
    page = open_circle()
    page.get_by_role("slider", name="Example at").press("ArrowRight")
    name = "an example of A 31 degrees from A"
    expect(page.locator("svg.circle")).to_have_attribute("aria-label", re.compile(name))
    page = open_circle(context=PHONE)
    box = page.locator("svg.circle").bounding_box()
    dot = page.locator(".example .dot").bounding_box()
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2, steps=4)  # to the top, half way
    page.mouse.up()
    expect(page.get_by_role("slider", name="Example at")).to_have_value("45")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits_and_is_named(open_circle, theme, width):
    page = open_circle(theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    label = page.locator("svg.circle").get_attribute("aria-label")
    assert label.startswith("Class vectors A and B 90 degrees apart")


@pytest.mark.parametrize(
    ("name", "value"),
    [("at", 181), ("gap", 10), ("sphere", 0), ("cosine", 1.0), ("arc", 61), ("scale", 0)],
)
def test_python_can_set_everything_within_its_range(name, value):
    with pytest.raises(ValueError, match=f"expected {name} from"):
        MarginCircle(**{name: value})
