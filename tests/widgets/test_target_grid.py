"""Objects over YOLO's grid: targets against the package, moving by pointer and key, collisions."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.yolo import yolo_targets
from dlcv.study.widgets.target_grid import SIZE_PX, TargetGrid

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def told(page):
    """The target that is spelt out, as numbers."""
    text = page.locator(".readout").inner_text()
    return [float(x) for x in re.search(r"told \((.*?)\)", text)[1].split(", ")]


def expected(widget, row, column):
    return [round(x, 2) for x in widget.targets[row, column].tolist()]


def row_of(page, object_):
    return page.locator(".numbers tbody tr").nth(object_)


def test_targets_equal_the_package(open_widget):
    page = open_widget(TargetGrid())
    g = torch.Generator().manual_seed(0)
    corner = torch.randint(0, 380, (60, 9, 2), generator=g)
    side = torch.randint(16, 69, (60, 9, 2), generator=g)
    boxes, labels = torch.cat([corner, corner + side], dim=2).float(), torch.randint(0, 3, (60, 9))
    for i in range(60):
        S = i % 12 + 1
        argument = {"o": boxes[i].tolist(), "l": labels[i].tolist(), "S": S, "size": SIZE_PX}
        call = "[...targetCells(x.o, x.l, {S: x.S, C: 3, size: x.size}).values()]"
        cells = page.evaluate(f"(x) => {{ {TargetGrid.source()}; return {call}; }}", argument)
        mine = torch.zeros(S, S, 8)
        for cell in cells:
            mine[cell["row"], cell["column"]] = torch.tensor(cell["numbers"])
        theirs = yolo_targets(boxes[i : i + 1], labels[i : i + 1], SIZE_PX, S, 3)[0]
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)


def test_the_example_of_the_lecture(open_widget):
    """A centre at (250, 180) px lies in row 2, column 3 of 7×7 cells of 64 px."""
    widget = TargetGrid()
    page = open_widget(widget)
    expect(page.locator(".readout")).to_contain_text("row 2, column 3")
    assert told(page) == pytest.approx(
        [250 / 64 - 3, 180 / 64 - 2, 100 / 448, 100 / 448, 1, 0, 0, 1], abs=0.006
    )
    assert told(page) == expected(widget, 2, 3)


def test_a_drag_moves_the_object_to_another_cell(open_widget):
    widget = TargetGrid()
    page = open_widget(widget)
    box = page.locator(".picture").bounding_box()
    scale = box["width"] / SIZE_PX
    page.mouse.move(box["x"] + 250 * scale, box["y"] + 180 * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + (250 + 128) * scale, box["y"] + (180 - 64) * scale, steps=4)
    page.mouse.up()
    expect(page.locator(".readout")).to_contain_text("row 1, column 5")
    moved = [float(page.locator(".body").first.get_attribute(name)) for name in ("x", "y")]
    assert moved == pytest.approx([328, 66], abs=1.5)
    widget.boxes = [
        [int(moved[0]), int(moved[1]), int(moved[0]) + 100, int(moved[1]) + 100],
        *widget.boxes[1:],
    ]
    assert told(page) == expected(widget, 1, 5)


def test_the_corner_changes_the_size_and_stays_in_the_picture(open_widget):
    page = open_widget(TargetGrid())
    box = page.locator(".corner").first.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + 2000, box["y"] + 3)
    page.mouse.up()
    assert told(page)[2:4] == pytest.approx([(448 - 200) / 448, 100 / 448], abs=0.006)


def test_arrow_keys_move_and_resize(open_widget):
    page = open_widget(TargetGrid())
    second = page.get_by_role("application", name=re.compile("^Object 2 .*move"))
    second.focus()
    expect(page.locator(".readout")).to_contain_text("object 2 (dog)")
    assert told(page)[:2] == pytest.approx([105 / 64 - 1, 100 / 64 - 1], abs=0.006)
    for _ in range(3):  # 24 px to the right, over the border at 128 px
        second.press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("row 1, column 2")
    second.press("Shift+ArrowDown")
    assert told(page)[3] == pytest.approx(68 / 448, abs=0.006)


def test_two_centres_in_one_cell_lose_the_earlier_object(open_widget):
    boxes = [[200, 130, 300, 230], [196, 130, 300, 240], [0, 0, 40, 40]]
    widget = TargetGrid(boxes, [2, 0, 1])
    page = open_widget(widget)
    expect(page.locator(".readout")).to_contain_text("Object 1 (car) is lost: object 2 (dog)")
    expect(page.locator(".readout")).to_contain_text("2 of 3 objects have a cell")
    expect(row_of(page, 0)).to_contain_text("lost to 2")
    expect(page.locator(".body.lost")).to_have_count(1)
    assert widget.targets[..., 4].sum() == 2
    page.get_by_role("slider", name="Cells in a row").fill("1")
    expect(page.locator(".readout")).to_contain_text("1 of 3 objects have a cell")
    expect(page.locator(".cell")).to_have_count(1)
    page.get_by_role("application", name=re.compile("^Object 3 .*move")).focus()
    assert told(page)[4:] == [1, 0, 1, 0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, theme):
    page = open_widget(TargetGrid(), theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    table = page.locator(".scroll")
    assert table.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    page.locator(".body").nth(2).tap()
    expect(page.locator(".readout")).to_contain_text("object 3 (bicycle)")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("grid", 13, "expected grid from 1 to 12"),
        ("chosen", 4, "expected chosen from 0 to 3"),
        ("boxes", [[0, 0, 20, 20]], "expected 4 boxes"),
        ("boxes", [[0, 0, 20, 15]] * 4, "sides of 16 or more"),
    ],
)
def test_wrong_values_are_errors(name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(TargetGrid(), name, value)


def test_labels_must_fit():
    with pytest.raises(ValueError, match="a label below 3 for each box"):
        TargetGrid([[0, 0, 20, 20]], [3])
