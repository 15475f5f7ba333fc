"""The block of cells shows the sets and the numbers that torch computes."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import expect

from dlcv.study.widgets.norm_axes import NORMS, NormAxes

SHAPE = (2, 6, 2, 3)
MAPS = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5)) * 2 + 1
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
SETS = {"batch": 6, "layer": 2, "instance": 12, "group": 6}  # with three groups


def normalised(norm: str) -> torch.Tensor:
    return {
        "batch": lambda: F.batch_norm(MAPS, None, None, training=True),
        "layer": lambda: F.layer_norm(MAPS, SHAPE[1:]),
        "instance": lambda: F.instance_norm(MAPS),
        "group": lambda: F.group_norm(MAPS, 3),
    }[norm]()


def facts(page) -> dict[str, str]:
    names = page.locator(".facts dt").all_text_contents()
    return dict(zip(names, page.locator(".facts dd").all_text_contents(), strict=True))


def number(text: str) -> float:
    return float(re.search(r"[−-]?[\d.]+$", text)[0].replace("−", "-"))


def block(page):
    return page.get_by_role("application")


def cell(page, *place):
    return page.locator(f'.cell[data-cell="{np.ravel_multi_index(place, SHAPE)}"]')


@pytest.fixture
def open_block(open_widget):
    def open_it(norm="batch", **options):
        return open_widget(NormAxes(MAPS, norm, groups=3), **options)

    return open_it


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 4, 1, 2)])
def test_a_cell_shows_its_set_with_the_numbers_of_torch(open_block, norm, place):
    page = open_block(norm)
    cell(page, *place).click()
    same = {  # cells that get the gradient of the set's mean
        "batch": lambda n, c: c == place[1],
        "layer": lambda n, c: n == place[0],
        "instance": lambda n, c: (n, c) == place[:2],
        "group": lambda n, c: (n, c // 2) == (place[0], place[1] // 2),
    }[norm]
    members = [index for index in np.ndindex(SHAPE) if same(*index[:2])]
    lit = page.locator(".cell:not(.out)")
    numbers = [int(one) for one in lit.evaluate_all("(all) => all.map((n) => n.dataset.cell)")]
    assert numbers == [np.ravel_multi_index(index, SHAPE) for index in members]
    values = torch.stack([MAPS[index] for index in members])
    told = facts(page)
    assert number(told["This cell"]) == pytest.approx(MAPS[place].item(), abs=6e-4)
    assert number(told["Mean μ"]) == pytest.approx(values.mean().item(), abs=6e-4)
    assert number(told["Deviation σ"]) == pytest.approx(values.std(correction=0).item(), abs=6e-4)
    assert number(told["Normalised"]) == pytest.approx(normalised(norm)[place].item(), abs=6e-4)
    assert told["Its set"] == f"{len(members)} values"
    assert told["Sets in all"] == f"{SETS[norm]} of {len(members)} values"


def test_learnt_and_running_numbers_are_those_of_torchs_layers(open_block):
    page = open_block()
    layers = {
        "batch": torch.nn.BatchNorm2d(6),
        "layer": torch.nn.LayerNorm(SHAPE[1:]),
        "instance": torch.nn.InstanceNorm2d(6, affine=True),
        "group": torch.nn.GroupNorm(3, 6),
    }
    for norm, layer in layers.items():
        page.get_by_role("combobox", name="Norm").select_option(norm)
        running = [b.numel() for name, b in layer.named_buffers() if name != "num_batches_tracked"]
        told = facts(page)
        assert told["Learnt numbers"] == str(sum(p.numel() for p in layer.parameters()))
        assert told["Running numbers"] == str(sum(running))


def test_groups_run_from_layer_to_instance_norm(open_block):
    page = open_block("group")
    slider = page.get_by_role("slider", name="Groups G")
    counts = []
    for step in range(4):
        slider.fill(str(step))
        counts.append(facts(page)["Sets in all"].split()[0])
    assert counts == ["2", "4", "6", "12"]  # G = 1, 2, 3, 6 for two images
    page.get_by_role("combobox", name="Norm").select_option("batch")
    expect(slider).to_be_hidden()


def test_normalised_values_change_the_colours(open_block):
    page = open_block()
    before = cell(page, 0, 0, 0, 0).get_attribute("fill")
    page.get_by_label("Show normalised values").check()
    assert cell(page, 0, 0, 0, 0).get_attribute("fill") != before


def test_the_mouse_looks_and_a_click_keeps(open_block):
    page = open_block("instance")
    before = facts(page)["This cell"]
    cell(page, 1, 5, 1, 1).hover()
    assert facts(page)["This cell"].startswith("image 2, channel 6")
    page.mouse.move(1, 1)
    assert facts(page)["This cell"] == before
    cell(page, 1, 5, 1, 1).click()
    page.mouse.move(1, 1)
    assert facts(page)["This cell"].startswith("image 2, channel 6")


def test_arrow_keys_walk_over_maps_and_stop_at_the_border(open_block):
    page = open_block("instance")
    block(page).focus()
    for key in ["ArrowLeft", *["ArrowRight"] * 4, *["ArrowDown"] * 9]:
        page.keyboard.press(key)
    expect(page.locator(".says")).to_contain_text("Image 2, channel 2, row 2, column 2")


def test_a_finger_chooses_a_cell(open_block):
    page = open_block("layer", **PHONE)
    cell(page, 1, 3, 0, 1).tap()
    expect(page.locator(".says")).to_contain_text("Image 2, channel 4, row 1, column 2")
    expect(page.locator(".cell:not(.out)")).to_have_count(36)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits(open_block, theme, width):
    page = open_block(theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_python_can_set_what_is_shown():
    widget = NormAxes(MAPS)
    widget.norm, widget.groups, widget.selected = "group", 6, [1, 5, 1, 2]
    assert widget.state()["selected"] == [1, 5, 1, 2]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("groups", 4, "groups that divide 6 channels, got 4"),
        ("groups", 0, "got 0"),
        ("selected", [2, 0, 0, 0], r"inside \[2, 6, 2, 3\], got \[2, 0, 0, 0\]"),
        ("selected", [0, 0], "expected a cell inside"),
    ],
)
def test_wrong_values_are_errors(name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(NormAxes(MAPS, groups=3), name, value)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.zeros((2, 3)), r"expected \[N, C, H, W\] with 1 to 400 values, got \[2, 3\]"),
        (np.zeros((0, 2, 1, 1)), "1 to 400 values"),
        (np.zeros((4, 4, 6, 5)), "1 to 400 values"),
        (np.full((1, 2, 1, 1), np.nan), "expected finite numbers"),
    ],
)
def test_wrong_maps_are_errors(maps, message):
    with pytest.raises(ValueError, match=message):
        NormAxes(maps)
