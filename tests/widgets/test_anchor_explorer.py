"""The anchor explorer: its anchors and labels against the package, its controls by hand and key."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.anchors import assign, make_anchors
from dlcv.detection.boxes import box_iou, encode_boxes
from dlcv.study.widgets.anchor_explorer import RATIOS, AnchorExplorer, example_scene

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
COUNTS = re.compile(r"= (\d+) anchors: (\d+) positive, (\d+) ignored, (\d+) background")


@pytest.fixture
def explorer():
    return AnchorExplorer()


def evaluate(page, expression, argument):
    return page.evaluate(f"(x) => {{ {AnchorExplorer.source()}; return {expression}; }}", argument)


def readout(page):
    return page.locator(".readout").inner_text()


def shown_counts(page):
    total, positive, ignored, background = map(int, COUNTS.search(readout(page)).groups())
    assert total == positive + ignored + background
    return {"positive": positive, "background": background, "ignored": ignored}


def stage(page):
    return page.get_by_role("application")


def place(page):
    found = re.match(r"Row (\d+), column (\d+)", page.locator(".title").inner_text())
    return [int(at) for at in found.groups()]


def spot(page, row, column, side=256, stride=16, margin=26):
    """Where on the screen a place of the feature map is."""
    box = page.locator(".stage svg").bounding_box()
    scale = box["width"] / (side + 2 * margin)
    x, y = (margin + (column + 0.5) * stride) * scale, (margin + (row + 0.5) * stride) * scale
    return box["x"] + x, box["y"] + y


def random_boxes(count, seed):
    generator = torch.Generator().manual_seed(seed)
    corner = 150 * torch.rand(count, 2, generator=generator)
    return torch.cat([corner, corner + 10 + 80 * torch.rand(count, 2, generator=generator)], dim=1)


# --- the numbers ---------------------------------------------------------------------------------


def test_a_case_worked_by_hand(open_widget):
    """An object that fills a cell of 32 px is one anchor exactly: IoU 1, nothing to move."""
    boxes = torch.tensor([[32.0, 64.0, 64.0, 96.0]])
    settings = {"stride": 32, "scales": (32,), "ratios": (1.0,)}
    page = open_widget(
        AnchorExplorer(torch.zeros(3, 96, 128, dtype=torch.uint8), boxes, ["cell"], **settings)
    )
    assert "3 × 4 places × 1 = 12 anchors: 1 positive, 0 ignored, 11 background." in readout(page)
    assert place(page) == [1, 2]
    expect(page.locator(".rows li")).to_have_text(
        "–32 px 1:1 (32 × 32), touches no object: background"
    )
    page.get_by_role("button", name="Next place with a positive").click()
    assert place(page) == [2, 1]
    expect(page.locator(".rows li")).to_have_text(
        "✓32 px 1:1 (32 × 32), IoU 1.00 with cell: positive, target (0.00, 0.00, 0.00, 0.00)"
    )


def test_anchors_labels_and_overlaps_equal_the_package_bit_for_bit(open_widget, explorer):
    page = open_widget(explorer)
    for seed in range(12):
        stride = (8, 16, 32)[seed % 3]
        grid = (6 + seed % 3, 9)
        scales, ratios = [20.0 + seed, 64.0], list(RATIOS[: 2 + seed % 4])
        boxes = random_boxes(1 + seed % 4, seed)
        anchors = make_anchors(grid, stride, scales, ratios)
        argument = [grid, stride, scales, ratios]
        found = evaluate(page, "makeAnchors(...x)", argument)
        assert torch.equal(torch.tensor(found), anchors)
        for positive, negative in ((0.7, 0.3), (0.5, 0.5), (0.95, 0.05)):
            settings = {"positive": positive, "negative": negative, "rescue": seed % 2 == 0}
            argument = [anchors.tolist(), boxes.tolist(), settings]
            labels = evaluate(page, "assignAnchors(...x)", argument)
            expected = assign(anchors, boxes, **settings)
            assert [one["found"] for one in labels] == expected.tolist()
            iou = box_iou(anchors, boxes).amax(dim=1)
            assert torch.equal(torch.tensor([one["iou"] for one in labels]), iou)


def test_targets_equal_the_package(open_widget, explorer):
    page = open_widget(explorer)
    objects, anchors = random_boxes(20, 1), random_boxes(20, 2)
    for object, anchor, expected in zip(
        objects, anchors, encode_boxes(objects, anchors), strict=True
    ):
        found = evaluate(page, "encodeBox(...x)", [object.tolist(), anchor.tolist()])
        assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_the_page_counts_what_python_counts_after_every_change(open_widget, explorer):
    page = open_widget(explorer)
    assert shown_counts(page) == explorer.counts
    page.get_by_role("slider", name="Positive from IoU").fill("0.5")
    page.get_by_role("slider", name="Background below IoU").fill("0.4")
    explorer.positive, explorer.negative = 0.5, 0.4
    assert shown_counts(page) == explorer.counts
    page.get_by_role("checkbox", name="Every object gets").uncheck()
    explorer.rescue = False
    assert shown_counts(page) == explorer.counts
    page.get_by_role("checkbox", name="128").check()
    page.get_by_role("checkbox", name="2:1").uncheck()
    explorer.scales, explorer.ratios = [*explorer.scales, 128.0], [0.5, 1.0]
    assert shown_counts(page) == explorer.counts
    page.get_by_role("combobox", name="Stride").select_option("8")
    explorer.stride = 8
    assert shown_counts(page) == explorer.counts
    assert len(explorer.anchors) == 32 * 32 * 8


def test_without_rescue_an_object_can_be_left_out_and_the_page_says_so(open_widget, explorer):
    page = open_widget(explorer)
    expect(page.locator(".readout")).to_contain_text("Every object has an anchor.")
    page.get_by_role("slider", name="Positive from IoU").fill("0.95")
    page.get_by_role("checkbox", name="Every object gets").uncheck()
    expect(page.locator(".readout")).to_contain_text("0 positive")
    expect(page.locator(".readout")).to_contain_text("No anchor stands for bottle, ring")
    page.get_by_role("button", name="Next place").click()  # there is none: nothing moves
    assert place(page) == [8, 8]


# --- the controls --------------------------------------------------------------------------------


def test_keys_move_and_stop_at_the_border(open_widget, explorer):
    page = open_widget(explorer)
    stage(page).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert place(page) == [7, 9]
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    assert place(page) == [15, 9]
    assert page.get_by_role("slider", name="Row").input_value() == "15"


def test_the_mouse_drags_the_place(open_widget, explorer):
    page = open_widget(explorer)
    page.mouse.move(*spot(page, 3, 4))
    page.mouse.down()
    assert place(page) == [3, 4]
    page.mouse.move(*spot(page, 10, 12), steps=4)
    assert place(page) == [10, 12]
    page.mouse.up()
    page.mouse.move(*spot(page, 1, 1))
    assert place(page) == [10, 12]


def test_a_finger_chooses_a_place(open_widget, explorer):
    page = open_widget(explorer, **PHONE)
    page.touchscreen.tap(*spot(page, 2, 13))
    assert place(page) == [2, 13]
    assert page.locator(".reach").evaluate("(n) => getComputedStyle(n).touchAction") == "none"
    assert stage(page).evaluate("(n) => getComputedStyle(n).touchAction") == "auto"


def test_sliders_move_the_place(open_widget, explorer):
    page = open_widget(explorer)
    page.get_by_role("slider", name="Row").fill("0")
    page.get_by_role("slider", name="Column").press("End")
    assert place(page) == [0, 15]


def test_thresholds_push_each_other(open_widget, explorer):
    page = open_widget(explorer)
    page.get_by_role("slider", name="Background below IoU").fill("0.8")
    assert page.get_by_role("slider", name="Positive from IoU").input_value() == "0.8"
    page.get_by_role("slider", name="Positive from IoU").fill("0.2")
    assert page.get_by_role("slider", name="Background below IoU").input_value() == "0.2"
    assert shown_counts(page)["ignored"] == 0


def test_the_last_scale_stays(open_widget, explorer):
    page = open_widget(explorer)
    for name in ("32", "64", "96"):
        page.get_by_role("checkbox", name=name, exact=True).click()
    expect(page.get_by_role("checkbox", name="96")).to_be_checked()
    expect(page.locator(".rows li")).to_have_count(3)


def test_a_coarser_map_keeps_the_place_inside(open_widget, explorer):
    explorer.place = [15, 15]
    page = open_widget(explorer)
    page.get_by_role("combobox", name="Stride").select_option("32")
    assert place(page) == [7, 7]
    stage(page).press("ArrowLeft")
    assert place(page) == [7, 6]


def test_a_row_lights_its_anchor(open_widget, explorer):
    page = open_widget(explorer)
    expect(page.locator(".rows li")).to_have_count(9)
    expect(page.locator(".box:not(.object)")).to_have_count(9)
    page.locator(".rows li").nth(4).focus()
    expect(page.locator(".box.lit")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, explorer, theme):
    page = open_widget(explorer, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("checkbox", name="48").tap()
    expect(page.locator(".rows li")).to_have_count(12)


# --- Python --------------------------------------------------------------------------------------


def test_python_sees_the_package(explorer):
    assert explorer.grid == (16, 16)
    assert explorer.anchors.shape == (16 * 16 * 9, 4)
    assert sum(explorer.counts.values()) == len(explorer.assigned)
    assert explorer.place == [8, 8]
    assert 'alt="A picture with bottle' in explorer.fallback_html()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("positive", 0.0, "expected positive from 0.05 to 0.95, got 0.0"),
        ("negative", 1.0, "expected negative from 0.05"),
        ("stride", 7, "expected stride from 8 to 32 among 8, 16, 32; got 7"),
        ("scales", [], "expected scales from 8 to 512"),
        ("ratios", [0.7], "expected ratios"),
        ("place", [1], r"expected \[row, column\]"),
        ("place", [-1, 0], r"expected \[row, column\]"),
    ],
)
def test_wrong_values_are_errors(explorer, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)


def test_wrong_arguments_are_errors():
    image, boxes, names = example_scene()
    with pytest.raises(ValueError, match=r"expected an image uint8 \[3, H, W\] with boxes"):
        AnchorExplorer(image)
    with pytest.raises(ValueError, match=r"expected an image uint8 \[3, H, W\] with boxes"):
        AnchorExplorer(image / 255, boxes)
    with pytest.raises(ValueError, match="expected a name for each box, got 1 for 4"):
        AnchorExplorer(image, boxes, names[:1])
    with pytest.raises(ValueError, match="expected a name for each box, got 0 for 0"):
        AnchorExplorer(image, boxes[:0])
    with pytest.raises(ValueError, match=r"got 0\.6 and 0\.5"):
        AnchorExplorer(image, boxes, positive=0.5, negative=0.6)
    with pytest.raises(ValueError, match="expected scales from 8 to 512"):
        AnchorExplorer(image, boxes, scales=(4,))
