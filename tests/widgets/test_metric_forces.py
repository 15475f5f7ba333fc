"""The forces on the circle are the gradients of the package's losses."""

import math
import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.study.widgets.metric_forces import MetricForces
from dlcv.verification.losses import contrastive_loss, triplet_loss

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
HALF, RADIUS, LENGTH = 175, 105, 34
SETTINGS = [
    ("triplet", 0.5, [90, 150, 45]),
    ("triplet", 0.2, [10, 20, -150]),
    ("triplet", 2.0, [0, 30, 180]),
    ("contrastive", 1.0, [90, 150, 45]),
    ("contrastive", 0.5, [0, 90, 120]),
]


@pytest.fixture
def open_forces(open_widget):
    def open_it(loss="triplet", margin=0.5, places=(90, 150, 45), **options):
        widget = MetricForces(loss=loss, margin=margin, places=list(places))
        return open_widget(widget, **options)

    return open_it


def by_autograd(loss, margin, places):
    turns = torch.deg2rad(torch.tensor(places, dtype=torch.float64))
    points = torch.stack([turns.cos(), turns.sin()], 1).requires_grad_()
    a, p, n = points.split(1)
    if loss == "triplet":
        value = triplet_loss(a, p, n, margin)
    else:
        same = torch.tensor([True, False])
        value = contrastive_loss(torch.cat([a, a]), torch.cat([p, n]), same, margin)
    value.backward()
    return value.item(), points.grad


@pytest.mark.parametrize(("loss", "margin", "places"), SETTINGS)
def test_the_arrows_are_minus_the_gradients(open_forces, loss, margin, places):
    page = open_forces(loss, margin, places)
    value, gradients = by_autograd(loss, margin, places)
    shown = float(page.locator(".facts dd").last.inner_text())
    assert shown == pytest.approx(value, abs=6e-4)
    arrows = [path.get_attribute("d") for path in page.locator(".force").all()]
    for path, gradient, degrees in zip(arrows, gradients.tolist(), places, strict=True):
        turn = math.radians(degrees)
        start = (HALF + RADIUS * math.cos(turn), HALF - RADIUS * math.sin(turn))
        move = (-LENGTH * gradient[0], LENGTH * gradient[1])
        if math.hypot(*move) < 0.5:
            assert path == ""
            continue
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)[:4]]
        expected = [*start, start[0] + move[0], start[1] + move[1]]
        assert numbers == pytest.approx(expected, abs=0.06)


def test_what_kind_of_triplet_it_is(open_forces):
    says = {
        (90, 150, 45): "hard",
        (90, 120, 50): "semi-hard",
        (90, 100, -90): "idle",
        (90, 90, 90): "no gradient: nothing moves",
    }
    for places, expected in says.items():
        page = open_forces(places=places)
        assert expected in page.locator(".says").inner_text()


def test_steps_lead_to_rest(open_forces):
    page = open_forces()
    for _ in range(12):
        page.get_by_role("button", name="One step down").click()
    expect(page.locator(".says")).to_contain_text("idle: the margin is kept")
    assert float(page.locator(".facts dd").last.inner_text()) == 0


def test_keys_and_a_pointer_move_the_points(open_forces):
    page = open_forces()
    page.get_by_role("slider", name="Negative at").press("ArrowLeft")
    drawing = page.locator("svg.circle")
    expect(drawing).to_have_attribute("aria-label", re.compile("negative at 44 degrees"))
    page = open_forces(**PHONE)
    box = page.locator("svg.circle").bounding_box()
    dot = page.locator(".role-a .grip").bounding_box()
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    value = float(page.get_by_role("slider", name="Anchor at").input_value())
    assert abs(value) == pytest.approx(180, abs=1)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits_and_is_named(open_forces, theme, width):
    page = open_forces(theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    label = page.locator("svg.circle").get_attribute("aria-label")
    assert label.startswith("Anchor at 90, positive at 150, negative at 45 degrees")


@pytest.mark.parametrize(
    ("name", "value"),
    [("margin", 3.0), ("loss", "hinge"), ("places", [1, 2]), ("places", [0, 0, 200])],
)
def test_python_can_set_everything_within_its_range(name, value):
    with pytest.raises(ValueError, match="expected"):
        MetricForces(**{name: value})
