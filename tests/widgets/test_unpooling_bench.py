"""The unpooling bench against the package's pooling, unpooling and bilinear kernel."""

import itertools
import re
from importlib.resources import files

import pytest
import torch
from playwright.sync_api import expect

from dlcv.study.widgets.unpooling_bench import RIDGE, UnpoolingBench

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
THEME = "theme/pydata_sphinx_theme/static/styles/pydata-sphinx-theme.css"
WAYS = {"By switches": "switches", "Repeated": "nearest", "Bilinear": "bilinear"}


def grid(page, name):
    return page.locator("figure", has=page.get_by_text(name, exact=True)).locator("svg")


def numbers(page, name) -> list[float]:
    return [float(text) for text in grid(page, name).locator("text").all_text_contents()]


def says(page):
    return page.locator(".says")


def random_map(rows, columns):
    generator = torch.Generator().manual_seed(14)
    return torch.randint(10, (rows, columns), generator=generator).tolist()


@pytest.mark.parametrize("values", [RIDGE, random_map(6, 4), random_map(2, 8)])
def test_all_three_ways_give_the_packages_numbers(open_widget, values):
    bench = UnpoolingBench(values)
    page = open_widget(bench)
    for name, way in WAYS.items():
        expected = bench.enlarged[way].flatten().tolist()
        assert numbers(page, name) == pytest.approx(expected, abs=0.051), name
    maxima = torch.nn.functional.max_pool2d(torch.tensor(values).float()[None], 2).flatten()
    assert numbers(page, "Maxima") == maxima.tolist()


def test_the_distance_from_the_map_is_written_beside_each(open_widget):
    bench = UnpoolingBench()
    page = open_widget(bench)
    for name, way in WAYS.items():
        off = (bench.enlarged[way] - torch.tensor(RIDGE)).abs().mean().item()
        figure = page.locator("figure", has=page.get_by_text(name, exact=True))
        shown = re.search(r"off by ([\d.]+) a cell", figure.inner_text())[1]
        assert float(shown) == pytest.approx(off, abs=0.0051)


def test_a_new_maximum_takes_the_switch(open_widget):
    page = open_widget(UnpoolingBench([[1, 2], [3, 4]]))
    expect(page.get_by_text("switches 3")).to_be_visible()
    grid(page, "Map").focus()
    page.keyboard.press("9")
    expect(page.get_by_text("switches 0")).to_be_visible()
    assert numbers(page, "By switches") == [9, 0, 0, 0]
    expect(says(page)).to_contain_text("Row 1, column 1: 9, the maximum of its window.")


def test_keys_choose_and_change(open_widget):
    page = open_widget(UnpoolingBench())
    grid(page, "Map").focus()
    for key in ["ArrowLeft", "ArrowDown", "ArrowRight", "+", "PageDown", "-"]:
        page.keyboard.press(key)
    expect(says(page)).to_contain_text("Row 2, column 2: 7, ")
    for _ in range(12):
        page.keyboard.press("-")
    expect(says(page)).to_contain_text("Row 2, column 2: 0, not the maximum")


def test_a_drag_upwards_raises_a_cell_and_the_slider_follows(open_widget):
    page = open_widget(UnpoolingBench())
    box = grid(page, "Map").bounding_box()
    x, y = box["x"] + box["width"] / 8, box["y"] + box["height"] / 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 60)
    page.mouse.up()
    page.mouse.move(x, y + 90)
    assert numbers(page, "Map")[0] == 5
    slider = page.get_by_role("slider", name="Value of the chosen cell")
    expect(slider).to_have_value("5")
    slider.fill("3")
    assert numbers(page, "Map")[0] == 3


def test_a_finger_chooses_a_cell(open_widget):
    page = open_widget(UnpoolingBench(), **PHONE)
    box = grid(page, "Map").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    expect(says(page)).to_contain_text("Row 4, column 4: 0")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits(open_widget, theme, width):
    page = open_widget(UnpoolingBench(random_map(8, 8)), theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_ways_back_stand_side_by_side_on_the_page(open_widget):
    """The theme of the book has rules of its own for common class names."""
    page = open_widget(UnpoolingBench(), width=700)
    page.add_style_tag(content=files("pydata_sphinx_theme").joinpath(THEME).read_text("utf-8"))
    for names in (["Map", "Maxima"], WAYS):
        boxes = [grid(page, name).bounding_box() for name in names]
        bottoms = [round(box["y"] + box["height"]) for box in boxes]
        assert len(set(bottoms)) == 1, names
        assert all(a["x"] + a["width"] < b["x"] for a, b in itertools.pairwise(boxes)), names


def test_python_can_set_what_is_shown():
    bench = UnpoolingBench()
    bench.values, bench.selected = torch.ones(2, 4).tolist(), [1, 3]
    assert bench.state()["values"] == [[1] * 4] * 2
    assert bench.enlarged["switches"].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("values", [[1, 2, 3]] * 2, r"rows and columns out of .*, got sides \[2, 3\]"),
        ("values", [[1, 2], [3]], "got sides"),
        ("values", [[1, 10], [0, 0]], "values from 0 to 9"),
        ("selected", [4, 0], r"a cell inside \[4, 4\], got \[4, 0\]"),
        ("selected", [0], "expected a cell"),
    ],
)
def test_wrong_values_are_errors(name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(UnpoolingBench(), name, value)
