"""The RoI bins: both poolings against torchvision, and the region by hand, key and slider."""

import re

import pytest
import torch
from playwright.sync_api import expect
from torchvision.ops import roi_align, roi_pool

from dlcv.study.widgets.roi_bins import RoiBins, example_maps

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
SIDES = [(5, 9), (8, 8), (2, 12)]


@pytest.fixture
def widget():
    return RoiBins()


def evaluate(page, expression, argument):
    return page.evaluate(f"(x) => {{ {RoiBins.source()}; return {expression}; }}", argument)


def shown(page, name):
    texts = (
        page.get_by_role("group", name=f"{name}: values").get_by_role("button").all_inner_texts()
    )
    return [float(text.replace("−", "-")) for text in texts]


def agree(page, widget):
    """The page's two tables hold what torchvision computes, to the two digits that are shown."""
    for name, expected in (("RoIPool", widget.pooled), ("RoIAlign", widget.sampled)):
        assert shown(page, name) == pytest.approx(expected.flatten().tolist(), abs=0.0051)


def region_map(page, name="RoIPool"):
    return page.get_by_role("application", name=name)


def spot(page, x_cells, y_cells, name="RoIPool", sides=8):
    box = region_map(page, name).bounding_box()
    return box["x"] + x_cells / sides * box["width"], box["y"] + y_cells / sides * box["height"]


def edges(page):
    names = ("Left", "Top", "Right", "Bottom")
    return [float(page.get_by_role("slider", name=name).input_value()) for name in names]


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=3)
    page.mouse.up()


# --- the numbers ---------------------------------------------------------------------------------


def test_the_case_of_the_lecture(open_widget, widget):
    """On the ramp 0 to 63, the region (1.3, 1.7, 5.3, 5.7) in cells: 35 against 19.4."""
    page = open_widget(widget)
    assert shown(page, "RoIPool") == [35, 37, 51, 53]
    assert shown(page, "RoIAlign") == [19.4, 21.4, 35.4, 37.4]
    expect(page.locator(".readout")).to_have_text(
        "Region 1.3, 1.7, 5.3, 5.7 in cells. Bin row 0, column 0: RoIPool takes the largest of 9 "
        "cells: 35. RoIAlign takes the mean of 4 points (14.9, 15.9, 22.9, 23.9): 19.4."
    )
    # the window is cells 1 to 5 across and 2 to 6 down: 16 to 96 and 32 to 112 px
    expect(page.locator(".note").first).to_contain_text("by 4.8, −4.8, 11.2, 20.8 px")
    expect(page.locator(".note").first).to_contain_text("by 20.8 px at worst")


@pytest.mark.parametrize("aligned", [True, False])
def test_values_equal_torchvision_on_random_regions(open_widget, widget, aligned):
    page = open_widget(widget)
    generator = torch.Generator().manual_seed(5)
    for i in range(60):
        H, W = SIDES[i % 3]
        stride = (1, 16, 10)[i % 3]
        values = torch.randn(H, W, generator=generator, dtype=torch.float64)
        corners = torch.rand(2, 2, generator=generator, dtype=torch.float64).sort(dim=0).values
        # beyond the map on every side now and then, as while it slides
        region = ((1.4 * corners - 0.2) * torch.tensor([W, H]) * stride).flatten().tolist()
        bins, samples = 1 + i % 4, (-1, 1, 2, 3)[i // 4 % 4]
        box = torch.tensor([[0, *region]], dtype=torch.float64)
        arguments = (values[None, None], box, bins, 1 / stride)
        found = evaluate(
            page,
            "[poolRegion(...x[0]), alignRegion(...x[0], ...x[1])].map((one) => one.results.map"
            "(({ value }) => value))",
            [[values.tolist(), region, stride, bins], [samples, aligned]],
        )
        pooled = roi_pool(*arguments).flatten()
        sampled = roi_align(*arguments, sampling_ratio=samples, aligned=aligned).flatten()
        assert found[0] == pytest.approx(pooled.tolist(), abs=1e-12)
        assert found[1] == pytest.approx(sampled.tolist(), abs=1e-9)


def test_the_page_follows_every_setting(open_widget, widget):
    page = open_widget(widget)
    agree(page, widget)
    page.get_by_role("slider", name="Bins a side").fill("3")
    widget.bins = 3
    agree(page, widget)
    page.get_by_role("checkbox", name="aligned").uncheck()
    widget.aligned = False
    agree(page, widget)
    expect(page.locator(".note").last).to_contain_text("half a cell, 8 px, too far right and down")
    for samples in (1, 4, -1):
        page.get_by_role("combobox", name="Points a bin").select_option(str(samples))
        widget.samples = samples
        agree(page, widget)
    for name in example_maps():
        page.get_by_role("combobox", name="Feature map").select_option(name)
        widget.map = name
        agree(page, widget)


def test_whole_cells_leave_nothing_to_round_but_the_last_row_and_column(open_widget):
    page = open_widget(RoiBins(region=(16, 16, 80, 80)))
    expect(page.locator(".note").first).to_contain_text("by 0, 0, 16, 16 px")


def test_a_slide_makes_one_jump_and_the_other_a_line(open_widget, widget):
    page = open_widget(widget)
    before = shown(page, "RoIPool"), shown(page, "RoIAlign")
    page.get_by_role("button", name="A tenth to the right").click()
    assert shown(page, "RoIPool") == before[0]  # 1.4 cells round to 1 as well
    assert shown(page, "RoIAlign") == [value + 0.1 for value in before[1]]
    page.get_by_role("button", name="A tenth to the right").click()
    assert shown(page, "RoIPool") == [value + 1 for value in before[0]]
    assert page.get_by_role("img", name="RoIPool's value jumps 2 times").count() == 1


# --- the region ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RoIPool", "RoIAlign"])
def test_the_mouse_moves_and_resizes_the_region(open_widget, widget, name):
    page = open_widget(widget)
    drag(page, spot(page, 3, 4, name), spot(page, 4, 4.5, name))
    assert edges(page) == pytest.approx([36.8, 35.2, 100.8, 99.2], abs=0.6)
    drag(page, spot(page, 6.3, 6.2, name), spot(page, 7.5, 7.5, name))
    assert edges(page) == pytest.approx([36.8, 35.2, 120, 120], abs=0.6)
    drag(page, spot(page, 2.3, 2.2, name), spot(page, 9.9, 9.9, name))  # past the other corner
    assert edges(page) == pytest.approx([119, 119, 120, 120], abs=0.6)
    widget.region = edges(page)
    agree(page, widget)


def test_a_region_stops_at_the_border(open_widget, widget):
    page = open_widget(widget)
    drag(page, spot(page, 3, 4), spot(page, 7.9, 0.1))
    assert edges(page) == [64, 0, 128, 64]


def test_keys_move_and_resize(open_widget, widget):
    page = open_widget(widget)
    region_map(page).focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert edges(page) == pytest.approx([21.8, 28.2, 86.8, 91.2])


def test_sliders_move_one_edge_each(open_widget, widget):
    page = open_widget(widget)
    page.get_by_role("slider", name="Left").fill("40")
    page.get_by_role("slider", name="Bottom").fill("100.5")
    assert edges(page) == [40, 27.2, 84.8, 100.5]
    page.get_by_role("slider", name="Right").fill("3")  # not past the left edge
    assert edges(page) == [40, 27.2, 41, 100.5]
    widget.region = edges(page)
    agree(page, widget)


def test_a_press_on_a_value_looks_at_its_bin(open_widget, widget):
    page = open_widget(widget)
    page.get_by_role("button", name="row 1, column 0: 35.4").press("Enter")
    expect(page.locator(".readout")).to_contain_text("Bin row 1, column 0: RoIPool takes")
    pressed = page.get_by_role("button", name=re.compile("row 1, column 0"))
    assert [one.get_attribute("aria-pressed") for one in pressed.all()] == ["true", "true"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("row 1")
    page.get_by_role("slider", name="Bins a side").fill("1")
    expect(page.locator(".readout")).to_contain_text("Bin row 0, column 0")


def test_a_smaller_map_keeps_the_region_inside(open_widget):
    maps = {"wide": torch.rand(8, 8), "small": torch.rand(2, 3)}
    widget = RoiBins(maps, region=(60, 70, 120, 110))
    page = open_widget(widget)
    page.get_by_role("combobox", name="Feature map").select_option("small")
    assert edges(page) == [47, 31, 48, 32]
    widget.region, widget.map = [47, 31, 48, 32], "small"
    agree(page, widget)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough_and_scrolls_beside_the_region(open_widget, widget, theme):
    page = open_widget(widget, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    touch = "(n) => getComputedStyle(n).touchAction"
    assert page.locator(".body").first.evaluate(touch) == "none"
    assert region_map(page).evaluate(touch) == "auto"
    page.get_by_role("button", name="row 0, column 1: 37", exact=True).tap()
    expect(page.locator(".readout")).to_contain_text("column 1")


# --- Python --------------------------------------------------------------------------------------


def test_python_hears_torchvision(widget):
    assert widget.pooled[0, 0] == 35
    assert widget.sampled[0, 0] == pytest.approx(19.4)
    widget.region = [16, 16, 80, 80]
    assert widget.sampled[0, 0] == pytest.approx(13.5)
    assert RoiBins({"tiny": torch.eye(2)}).region == pytest.approx([5.2, 6.8, 21.2, 22.8])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bins", 5, "expected bins from 1 to 4, got 5"),
        ("samples", 0, "expected samples from 1 to 4, or -1, got 0"),
        ("map", "none", "expected a map among a ramp"),
        ("region", [0, 0, 0.5, 9], "expected a region of 1 px or more inside 128 x 128 px"),
        ("region", [0, 0, 129, 9], "expected a region of 1 px or more inside"),
        ("selected", [0, -1], r"expected \[row, column\] of a bin"),
    ],
)
def test_wrong_values_are_errors(widget, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(widget, name, value)


@pytest.mark.parametrize(
    ("maps", "settings", "message"),
    [
        ({}, {}, "expected at least one feature map, got none"),
        ({"line": torch.rand(1, 9)}, {}, r"of 2 to 12 cells, got \[1, 9\]"),
        ({"hole": torch.full((3, 3), torch.nan)}, {}, "expected finite numbers in the map"),
        (None, {"stride": 0}, "expected a stride from 1 to 64 px, got 0"),
    ],
)
def test_wrong_arguments_are_errors(maps, settings, message):
    with pytest.raises(ValueError, match=message):
        RoiBins(maps, **settings)
