"""YOLO's grid: its decoding against the package, and its controls by pointer and key."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.yolo import yolo_decode, yolo_targets
from dlcv.study.widgets.yolo_grid import LAYERS, YoloGrid

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
S, SIZE = 6, 96


@pytest.fixture(scope="module")
def scenes():
    return render_scenes(3, seed=5, config=SceneConfig(size=SIZE, objects=(3, 4)), masks=False)


@pytest.fixture
def widget(scenes):
    """A network that is nearly right: the targets, spoilt a little."""
    g = torch.Generator().manual_seed(0)
    truth = yolo_targets(scenes.boxes, scenes.labels, SIZE, S, len(KINDS))
    one = torch.cat([truth[..., :2], truth[..., 2:4].sqrt(), truth[..., 4:5]], dim=-1)
    output = torch.cat([one, 0.5 * one, truth[..., 5:]], dim=-1)
    output = output + 0.15 * torch.randn(output.shape, generator=g)
    return YoloGrid(scenes.images, output, scenes.targets(), KINDS)


def evaluate(page, expression, argument):
    return page.evaluate(f"(x) => {{ {YoloGrid.source()}; return {expression}; }}", argument)


def shown(page):
    found = re.search(r"(\d+|No) box", page.locator(".readout").inner_text())[1]
    return 0 if found == "No" else int(found)


def test_boxes_and_scores_equal_the_package(open_widget, widget):
    page = open_widget(widget)
    shape = {"S": S, "B": 2, "C": len(KINDS), "size": SIZE}
    for i in range(3):
        output = widget._output[i]
        argument = {"output": output.flatten().tolist(), "shape": shape}
        found = evaluate(page, "readGrid(x.output, x.shape)", argument)
        boxes, scores = yolo_decode(output[None], SIZE)
        best, labels = scores[0].max(dim=1)
        torch.testing.assert_close(
            torch.tensor([f["box"] for f in found]), boxes[0], atol=1e-3, rtol=0
        )
        assert [f["score"] for f in found] == pytest.approx(best.tolist(), abs=1e-5)
        certain = best > 0.01
        assert (
            torch.tensor([f["label"] for f in found])[certain].tolist() == labels[certain].tolist()
        )


def test_responsible_cells_equal_the_targets(open_widget, widget, scenes):
    page = open_widget(widget)
    truth = yolo_targets(scenes.boxes, scenes.labels, SIZE, S, len(KINDS))
    for i, target in enumerate(scenes.targets()):
        argument = {"objects": target["boxes"].tolist(), "shape": {"S": S, "size": SIZE}}
        cells = evaluate(page, "[...responsibleCells(x.objects, x.shape).values()]", argument)
        assert len(cells) == int(truth[i, ..., 4].sum())
        for cell in cells:
            expected = truth[i, cell["row"], cell["column"]]
            assert cell["inside"] == pytest.approx(expected[:2].tolist(), abs=1e-5)
            assert cell["roots"] == pytest.approx(expected[2:4].sqrt().tolist(), abs=1e-5)


def test_the_boxes_shown_are_the_packages_detections(open_widget, widget):
    page = open_widget(widget)
    for least in (0.05, 0.3, 0.6):
        page.get_by_role("slider", name="Show boxes from score").fill(str(least))
        for suppress in (True, False):
            page.get_by_role("checkbox", name="suppress duplicates").set_checked(suppress)
            widget.least_score, widget.suppress = least, suppress
            assert shown(page) == len(widget.detections["boxes"])
            expect(page.locator(".found")).to_have_count(shown(page))


def test_a_click_and_the_arrow_keys_choose_a_cell(open_widget, widget):
    page = open_widget(widget)
    box = page.locator(".canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 1.5 / S, box["y"] + box["height"] * 4.5 / S)
    expect(page.locator(".readout")).to_contain_text("row 4, column 1")
    grid = page.get_by_role("application")
    grid.press("ArrowUp")
    grid.press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("row 3, column 2")
    for _ in range(S):
        grid.press("ArrowLeft")
    expect(page.locator(".readout")).to_contain_text("row 3, column 0")
    expect(page.locator(".said")).to_have_count(2)


def test_a_cell_with_a_centre_shows_its_target(open_widget, widget, scenes):
    truth = yolo_targets(scenes.boxes, scenes.labels, SIZE, S, len(KINDS))
    row, column = (truth[0, ..., 4] > 0).nonzero()[0].tolist()
    widget.cell = [row, column]
    page = open_widget(widget)
    expect(page.locator(".readout")).to_contain_text("lies here")
    target = page.locator(".numbers tr").last.inner_text()
    assert f"{truth[0, row, column, 0]:.2f}" in target
    expect(page.locator(".bars .best")).to_have_count(1)


def test_layers_and_scenes_change_the_picture(open_widget, widget):
    page = open_widget(widget)
    counts = {}
    for layer in LAYERS:
        page.get_by_role("combobox", name="Colour the cells by").select_option(layer)
        counts[layer] = page.locator(".tint").count()
    assert counts["none"] == 0
    assert 0 < counts["truth"] <= 4
    before = page.locator(".canvas img").get_attribute("src")
    page.get_by_role("combobox", name="Picture").select_option("2")
    assert page.locator(".canvas img").get_attribute("src") != before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, widget, theme):
    page = open_widget(widget, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".canvas").tap(position={"x": 5, "y": 5})
    expect(page.locator(".readout")).to_contain_text("row 0, column 0")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("index", 3, "expected index from 0 to 2"),
        ("cell", [0, 6], "expected a cell .* below 6"),
        ("layer", "depth", "expected one of confidence"),
        ("least_score", 0, "expected least_score from 0.05"),
    ],
)
def test_wrong_values_are_errors(widget, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(widget, name, value)


def test_an_output_that_does_not_fit_is_an_error(scenes):
    with pytest.raises(ValueError, match=r"as many outputs \[.., 18\]"):
        YoloGrid(scenes.images, torch.zeros(3, S, S, 17), scenes.targets(), KINDS)
