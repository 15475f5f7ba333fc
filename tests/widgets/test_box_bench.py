"""The box bench: its losses against the package, and both boxes by mouse, finger and keyboard."""

import pytest
import torch
from playwright.sync_api import expect

from dlcv.study.widgets.box_bench import LEAST, SIDE_PX, BoxBench

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def random_boxes(count, seed):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 70, (count, 2), generator=generator)
    size = torch.randint(LEAST, 30, (count, 2), generator=generator)
    return torch.cat([corner, corner + size], dim=1).tolist()


def evaluate(page, expression, argument):
    return page.evaluate(f"(x) => {{ {BoxBench.source()}; return {expression}; }}", argument)


def box_of(page, kind):
    """The box as drawn, in px of the picture."""
    node = page.locator(f".body.{kind}")
    x, y, width, height = (float(node.get_attribute(k)) for k in ("x", "y", "width", "height"))
    return [x, y, x + width, y + height]


def shown(page):
    texts = page.locator("td.value").all_inner_texts()
    return [float(text.replace(",", "")) for text in texts]


def drag(page, locator, dx, dy):
    """Drags by px of the picture."""
    scale = page.locator(".picture").bounding_box()["width"] / SIDE_PX
    box = locator.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx * scale, y + dy * scale, steps=4)
    page.mouse.up()


def test_every_loss_is_that_of_the_package(open_widget):
    bench = BoxBench()
    page = open_widget(bench)
    pairs = list(zip(random_boxes(80, 1), random_boxes(80, 2), strict=True))
    found = evaluate(page, "x.map(([a, b]) => boxLosses(a, b))", pairs)
    apart = 0
    for (predicted, true), losses in zip(pairs, found, strict=True):
        bench.predicted, bench.true = predicted, true
        apart += losses["overlap"] == 0
        for name, value in bench.losses.items():
            assert losses[name] == pytest.approx(value, abs=1e-9), name
    assert 5 < apart < 75


def test_the_first_preset_is_the_case_of_the_lecture(open_widget):
    page = open_widget(BoxBench())
    assert shown(page) == [64, 8, 7.5, 0.333, 0.333]
    page.get_by_role("combobox").select_option(label="small, shifted: L2 = 8")
    assert shown(page)[:2] == [64, 8]
    assert shown(page)[3] == pytest.approx(1 - 1 / 9, abs=5e-4)
    page.get_by_role("combobox").select_option(label="apart")
    expect(page.locator(".readout")).to_contain_text("They do not meet")


def test_the_mouse_moves_and_resizes(open_widget):
    page = open_widget(BoxBench())
    drag(page, page.locator(".body.predicted"), -8, 0)
    assert box_of(page, "predicted") == [30, 30, 70, 70]
    assert shown(page) == [0, 0, 0, 0, 0]
    drag(page, page.locator(".corner.predicted"), 8, 4)
    assert box_of(page, "predicted") == [30, 30, 78, 74]
    drag(page, page.locator(".corner.predicted"), -90, -90)
    assert box_of(page, "predicted") == [30, 30, 30 + LEAST, 30 + LEAST]


def test_a_box_stays_in_the_picture(open_widget):
    page = open_widget(BoxBench())
    drag(page, page.locator(".body.predicted"), 90, 90)
    assert box_of(page, "predicted") == [60, 60, 100, 100]


def test_the_keyboard_moves_and_resizes(open_widget):
    page = open_widget(BoxBench())
    body = page.get_by_role("application", name="Predicted box: arrow keys move it")
    body.focus()
    for key in ["ArrowLeft"] * 3 + ["ArrowDown", "Shift+ArrowRight"]:
        page.keyboard.press(key)
    assert box_of(page, "predicted") == [35, 31, 76, 71]
    page.get_by_role("application", name="True box, lower right corner").focus()
    page.keyboard.press("ArrowUp")
    assert box_of(page, "true") == [30, 30, 70, 69]
    expect(page.get_by_role("combobox")).to_have_value("-1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, theme):
    page = open_widget(BoxBench(), theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert (
        page.locator(".body.predicted").evaluate("(n) => getComputedStyle(n).touchAction") == "none"
    )


@pytest.mark.parametrize(
    "box", [[0, 0, 3, 50], [-1, 0, 50, 50], [60, 60, 101, 99], [1, 2, 3], [50, 50, 20, 80]]
)
def test_wrong_boxes_are_errors(box):
    with pytest.raises(ValueError, match="expected predicted as x1, y1, x2, y2 from 0 to 100"):
        BoxBench().predicted = box
