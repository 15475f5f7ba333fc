"""The bubble chart: its numbers against the package, its drawing under every control."""

import random

import pytest
import torch
from playwright.sync_api import expect

from dlcv.classification.complexity import summarise
from dlcv.classification.depth import weight_depth
from dlcv.classification.designer import BLOCKS, designed_network
from dlcv.classification.published import NETWORKS, cost_of
from dlcv.study.widgets.cost_accuracy import DESIGN, CostAccuracy

TOUCH = {"has_touch": True, "is_mobile": True}
QUICK = [n for n in NETWORKS if n.family in ("AlexNet", "VGG", "small") or n.name == "ResNet-50"]
SETTINGS = [
    (name, width, depth, resolution, gate)
    for name, width in zip(BLOCKS, (24, 16, 64, 64, 40, 8), strict=True)
    for depth, resolution, gate in ((1, 96, False), (3, 128, True), (2, 224, False))
]


@pytest.fixture(scope="module")
def widget():
    return CostAccuracy(QUICK)


@pytest.fixture
def fresh(widget):
    """The same widget, back at its beginning."""
    widget.set_trait("x", "multiply_adds")
    widget.set_trait("y", "published")
    widget.set_trait("size", "parameters")
    widget.set_trait("hidden", [])
    widget.set_trait("selected", "")
    widget.set_trait("logarithmic", True)
    widget.set_trait("design", DESIGN)
    return widget


def evaluate(page, expression, argument=None):
    """The value of an expression of the widget's own functions."""
    return page.evaluate(f"(x) => {{ {CostAccuracy.source()}; return {expression}; }}", argument)


def readout(page):
    return page.locator(".readout")


def chart(page):
    return page.locator(".chart")


# --- numbers -------------------------------------------------------------------------------------


def test_every_design_costs_what_the_package_counts(open_widget, fresh):
    page = open_widget(fresh)
    keys = ("block", "width", "depth", "resolution", "gate")
    designs = [dict(zip(keys, setting, strict=True)) for setting in SETTINGS]
    counted = evaluate(page, "x.map(designCost)", designs)
    for design, cost in zip(designs, counted, strict=True):
        side = design.pop("resolution")
        with torch.device("meta"):
            model = designed_network(**design)
        summary = summarise(model, (3, side, side))
        assert cost["parameters"] == summary.parameters, design
        assert cost["multiply_adds"] == summary.multiply_adds, design
        assert cost["activation_bytes"] == summary.activation_bytes, design
        assert cost["depth"] == weight_depth(model, (3, side, side)), design
        if not design["gate"]:
            fields = [r.receptive_field for r in summary.layers if ".main." in r.name]
            assert cost["field"] == fields[-1][0], design


def test_the_front_is_that_of_a_slow_search(open_widget, fresh):
    page = open_widget(fresh)
    draw = random.Random(6)
    points = [{"x": draw.randint(1, 30), "y": draw.randint(1, 30)} for _ in range(40)]
    front = evaluate(page, "frontOf(x)", points)
    beaten = [
        p for p in points if any(q != p and q["x"] <= p["x"] and q["y"] >= p["y"] for q in points)
    ]
    expected = {(p["x"], p["y"]) for p in points if p not in beaten}
    assert {(p["x"], p["y"]) for p in front} == expected
    assert evaluate(page, "frontOf([])") == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("short(25557032)", "25.6 M"),
        ("short(385814752)", "386 M"),
        ("short(121)", "121"),
        ("linearTicks(48, 86)", [50, 60, 70, 80]),
        ("logTicks(3e7, 5e10)", [1e8, 1e9, 1e10]),
        ("logTicks(90, 600)", [100, 200, 500]),
    ],
)
def test_numbers_on_the_axes(open_widget, fresh, call, expected):
    assert evaluate(open_widget(fresh), call) == expected


def test_the_data_are_the_package_s(fresh):
    rows = {row["name"]: row for row in fresh.networks}
    resnet = next(network for network in QUICK if network.name == "ResNet-50")
    assert rows["ResNet-50"]["multiply_adds"] == cost_of(resnet).multiply_adds == 4_089_184_256
    assert rows["ResNet-50"]["depth"] == 50
    assert rows["ResNet-50"]["published"] == 75.3


# --- what the reader does ------------------------------------------------------------------------


def test_a_bubble_for_each_network_that_has_the_number(open_widget, fresh):
    page = open_widget(fresh)
    known = [network for network in QUICK if network.published]
    expect(page.locator(".bubble")).to_have_count(len(known))
    expect(readout(page)).to_contain_text("are left out")
    page.get_by_role("combobox", name="Top-1 accuracy").select_option("newer")
    newer = [network for network in QUICK if network.newer]
    expect(page.locator(".bubble")).to_have_count(len(newer))


def test_axes_scale_and_area_are_chosen(open_widget, fresh):
    page = open_widget(fresh)
    place = "Number(document.querySelector('[data-name=\"VGG-16\"]').getAttribute('{}'))"
    before = page.evaluate(place.format("cx"))
    page.get_by_role("combobox", name="Scale").select_option("linear")
    assert page.evaluate(place.format("cx")) != before
    page.get_by_role("combobox", name="Across").select_option("depth")
    expect(page.locator(".axis").first).to_contain_text("layers with weights")
    radius = page.evaluate(place.format("r"))
    page.get_by_role("combobox", name="Area of a bubble").select_option("all alike")
    assert page.evaluate(place.format("r")) < radius
    page.get_by_role("combobox", name="Across").select_option("year")
    expect(page.locator(".front")).to_have_count(0)


def test_a_family_is_hidden_and_shown(open_widget, fresh):
    page = open_widget(fresh)
    count = page.locator(".bubble").count()
    vgg = page.get_by_role("button", name="VGG")
    expect(vgg).to_have_attribute("aria-pressed", "true")
    vgg.press("Enter")
    expect(vgg).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".bubble")).to_have_count(count - 4)
    vgg.click()
    expect(page.locator(".bubble")).to_have_count(count)


def test_with_no_family_there_is_a_word_instead_of_a_chart(open_widget, fresh):
    page = open_widget(fresh)
    for family in ("AlexNet", "VGG", "small", "ResNet"):
        page.get_by_role("button", name=family).click()
    expect(chart(page)).to_contain_text("No network to show")
    chart(page).press("ArrowRight")
    page.get_by_role("button", name="VGG").click()
    expect(page.locator(".bubble")).to_have_count(4)


@pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])
def test_a_network_is_pointed_at(open_widget, fresh, how):
    page = open_widget(fresh, **(TOUCH if how == "touch" else {}))
    bubble = page.locator('[data-name="VGG-16"]')
    if how == "mouse":
        bubble.hover(force=True)
    elif how == "touch":
        bubble.tap(force=True)
    else:
        chart(page).focus()
        for _ in range(30):
            if "VGG-16" in readout(page).inner_text():
                break
            page.keyboard.press("ArrowRight")
    expect(readout(page)).to_contain_text("VGG-16 (2014): 73 % top-1 [Simonyan and Zisserman 2015")
    expect(readout(page)).to_contain_text("138 M parameters, 15.5 G multiply-adds")
    expect(page.locator(".bubble.chosen")).to_have_count(1)


def test_arrow_keys_walk_by_cost_and_by_accuracy_and_stop_at_the_ends(open_widget, fresh):
    page = open_widget(fresh)
    chart(page).focus()
    page.keyboard.press("ArrowUp")
    expect(readout(page)).to_contain_text("MobileNet v1 0.25")
    page.keyboard.press("ArrowDown")
    expect(readout(page)).to_contain_text("MobileNet v1 0.25")
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    expect(readout(page)).to_contain_text("VGG-19")


def test_the_reader_designs_a_network(open_widget, fresh):
    page = open_widget(fresh)
    expect(page.locator(".yours")).to_have_count(0)
    page.get_by_text("Design your own").click()
    expect(page.locator(".yours")).to_have_count(1)
    cost = page.locator(".design-cost")
    before = cost.inner_text()
    page.get_by_role("slider", name="Width of the first stage").fill("48")
    expect(cost).not_to_have_text(before)
    page.get_by_role("combobox", name="Block").select_option("grouped")
    expect(page.get_by_role("slider", name="Width of the first stage")).to_have_value("64")
    page.get_by_role("checkbox").check()
    expect(cost).to_contain_text("the whole image")
    page.get_by_role("slider", name="Blocks").fill("8")
    expect(cost).to_contain_text("162 layers")


# --- the look ------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_nothing_is_wider_than_the_page(open_widget, fresh, width, theme):
    page = open_widget(fresh, width=width, theme=theme)
    page.get_by_text("Design your own").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".chart svg")).to_be_visible()
    box = page.locator(".chart svg").bounding_box()
    names = page.locator(".name").evaluate_all(
        "(all) => all.map((n) => n.getBoundingClientRect()).map((b) => [b.left, b.right])"
    )
    assert all(box["x"] - 1 <= a and b <= box["x"] + box["width"] + 1 for a, b in names)


def test_names_do_not_cover_each_other(open_widget, fresh):
    page = open_widget(fresh)
    boxes = page.locator(".name").evaluate_all(
        "(all) => all.map((n) => n.getBoundingClientRect())"
        ".map((b) => [b.x, b.y, b.right, b.bottom])"
    )
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        for u0, v0, u1, v1 in boxes[:i]:
            inside = min(x1, u1) - max(x0, u0) > 3 and min(y1, v1) - max(y0, v0) > 4
            assert not inside


# --- Python --------------------------------------------------------------------------------------


def test_python_moves_the_chart_within_bounds(fresh):
    fresh.x = "parameters"
    with pytest.raises(ValueError, match="expected x among"):
        fresh.x = "price"
    with pytest.raises(ValueError, match="expected y among"):
        fresh.y = "top5"
    with pytest.raises(ValueError, match="known block"):
        fresh.design = {**DESIGN, "block": "transformer"}
    with pytest.raises(ValueError, match="at least one network"):
        CostAccuracy([])
