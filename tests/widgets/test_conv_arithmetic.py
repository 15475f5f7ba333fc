"""The arithmetic player: its numbers against the package, its drawing under every control."""

import random
import re

import pytest
import torch
import traitlets
from playwright.sync_api import expect

from dlcv.scratch.convolution import output_size, receptive_field
from dlcv.study.widgets.conv_arithmetic import ConvolutionArithmetic

STILL = {"reduced_motion": "reduce"}
TOUCH = {"has_touch": True, "is_mobile": True}


def show(page, label, value):
    """Moves a slider as a reader would, to a value."""
    page.get_by_role("slider", name=label).fill(str(value))


def result(page):
    return page.locator(".formula .result")


def flag(page):
    return page.locator(".flag")


def reads(page):
    return page.locator(".reads")


def shown_now(page):
    """The number of the output that is pointed at, as the slider tells it."""
    return int(page.get_by_role("slider", name="Output").input_value())


def random_settings(count):
    """Settings in the ranges of the sliders, seeded; some of them do not fit."""
    draw = random.Random(4)
    limits = {"width": 32, "kernel": 11, "stride": 6, "padding": 5, "dilation": 4}
    lowest = {"padding": 0}
    return [
        {name: draw.randint(lowest.get(name, 1), most) for name, most in limits.items()}
        for _ in range(count)
    ]


def evaluate(page, expression, argument):
    """The value of an expression of the widget's own functions."""
    source = ConvolutionArithmetic.source()
    return page.evaluate(f"(x) => {{ {source}; return {expression}; }}", argument)


def renamed(settings):
    return {"size": settings["width"], **settings}


# --- numbers -------------------------------------------------------------------------------------


def test_sizes_and_taps_are_those_of_the_package(open_widget):
    page = open_widget(ConvolutionArithmetic())
    cases = random_settings(300)
    counts = evaluate(page, "x.map((s) => fitWindows(s).count)", [renamed(c) for c in cases])
    for case, count in zip(cases, counts, strict=True):
        assert count == ConvolutionArithmetic(**case).output_size
        if count:
            assert count == output_size(**{"size": case.pop("width"), **case})
    assert 0 < sum(count == 0 for count in counts) < 300


def test_unread_cells_are_those_without_gradient(open_widget):
    """An input that no window reads has no influence on the sum of the outputs."""
    page = open_widget(ConvolutionArithmetic())
    cases = [case for case in random_settings(120) if ConvolutionArithmetic(**case).output_size]
    found = evaluate(page, "x.map(unreadCells)", [renamed(case) for case in cases])
    for case, unread in zip(cases, found, strict=True):
        x = torch.zeros(1, 1, case["width"], requires_grad=True)
        kernel = torch.ones(1, 1, case["kernel"])
        settings = {name: case[name] for name in ("stride", "padding", "dilation")}
        torch.nn.functional.conv1d(x, kernel, **settings).sum().backward()
        expected = (x.grad[0, 0] == 0).nonzero()[:, 0].tolist()
        assert [cell for cell in unread if 0 <= cell < case["width"]] == expected


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (11, 4, 1), (3, 2, 3)])
def test_the_receptive_fields_are_those_of_the_package(open_widget, kernel, stride, dilation):
    widget = ConvolutionArithmetic(32, kernel, stride, 0, dilation)
    fields = [receptive_field([(kernel, stride, dilation)] * depth) for depth in (1, 2, 3)]
    page = open_widget(widget)
    text = page.get_by_text("Receptive field").inner_text()
    assert [int(n) for n in re.findall(r"\d+", text)] == fields


def test_the_case_worked_by_hand(open_widget):
    """12 cells and no padding, a window of 3, steps of 2: it starts at 0, 2, 4, 6 and 8.

    The next would need cells 10 to 12; so cell 11 is never read, and 9 / 2 is not whole.
    """
    page = open_widget(ConvolutionArithmetic(12, 3, 2, 0))
    expect(result(page)).to_have_text("5")
    expect(flag(page)).to_have_text(
        "⚑ Not exact: 9 / 2 = 4.5. The floor drops the rest, 1 cell at the right end. "
        "Never read: input 11. Width 11 or 13 would fit."
    )
    expect(page.locator(".cell.unread")).to_have_count(1)
    expect(page.locator(".window")).to_have_count(5)
    expect(page.locator(".output")).to_have_count(5)


# --- what the reader does ------------------------------------------------------------------------


def test_a_slider_moves_the_formula_the_flag_and_the_drawing(open_widget):
    page = open_widget(ConvolutionArithmetic(12, 3, 1, 1))
    expect(result(page)).to_have_text("12")
    expect(flag(page)).to_have_text("✓ The division is exact, and every input is read.")
    page.get_by_role("slider", name="Stride S").press("ArrowRight")
    expect(result(page)).to_have_text("6")
    expect(flag(page)).to_contain_text("Not exact: 11 / 2 = 5.5.")
    expect(flag(page)).to_contain_text("Only padding is left out.")
    expect(page.locator(".output")).to_have_count(6)
    page.get_by_role("slider", name="Padding P").press("ArrowLeft")
    expect(page.locator(".pad")).to_have_count(0)
    show(page, "Kernel K", 2)
    expect(result(page)).to_have_text("6")
    expect(flag(page)).to_contain_text("✓")


def test_gaps_between_windows_are_told_though_the_division_is_exact(open_widget):
    page = open_widget(ConvolutionArithmetic(10, 2, 4, 0))
    expect(flag(page)).to_contain_text("still the windows leave holes. Never read: inputs 2, 3, 6")
    expect(page.locator(".cell.unread")).to_have_count(4)


def test_a_window_that_does_not_fit(open_widget):
    page = open_widget(ConvolutionArithmetic(5, 4, 1, 0, 2))
    expect(flag(page)).to_have_text(
        "⚑ It does not fit: the window spans 7 cells, the padded row has 5."
    )
    expect(reads(page)).to_have_text("There is no output.")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    expect(page.locator(".output")).to_have_count(0)
    show(page, "Width W", 7)
    expect(result(page)).to_have_text("1")
    expect(reads(page)).to_have_text("Output 0 reads inputs 0, 2, 4 and 6.")


@pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])
def test_the_window_is_walked(open_widget, how):
    page = open_widget(ConvolutionArithmetic(12, 3, 1, 1), **(TOUCH if how == "touch" else {}))
    expect(reads(page)).to_have_text("Output 0 reads inputs 0 and 1, plus 1 cell of padding.")
    following = page.get_by_role("button", name="Next")
    if how == "mouse":
        following.click()
    elif how == "touch":
        following.tap()
    else:
        following.press("Enter")
    expect(reads(page)).to_have_text("Output 1 reads inputs 0, 1 and 2.")
    expect(page.locator(".window.now")).to_have_count(1)
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("button", name="Previous").click()
    expect(reads(page)).to_have_text("Output 11 reads inputs 10 and 11, plus 1 cell of padding.")


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_an_output_is_pointed_at(open_widget, how):
    page = open_widget(ConvolutionArithmetic(12, 3, 1, 1), **(TOUCH if how == "touch" else {}))
    target = page.locator(".output").nth(7)
    if how == "mouse":
        target.hover()
    else:
        target.tap()
    expect(reads(page)).to_have_text("Output 7 reads inputs 6, 7 and 8.")
    assert shown_now(page) == 7


def test_the_beam_stands_on_the_cells_that_are_read(open_widget):
    page = open_widget(ConvolutionArithmetic(14, 3, 2, 1, 2), **STILL)
    page.get_by_role("slider", name="Output").fill("3")
    expect(reads(page)).to_have_text("Output 3 reads inputs 5, 7 and 9.")
    middle = "(nodes) => nodes.map((n) => n.getBoundingClientRect()).map((b) => b.x + b.width / 2)"
    beams = page.locator(".beam rect").evaluate_all(middle)
    cells = page.locator(".stage > svg > .cell").evaluate_all(middle)
    outputs = page.locator(".output .cell").evaluate_all(middle)
    assert beams == pytest.approx([cells[i] for i in (6, 8, 10)] + [outputs[3]], abs=0.6)


def test_play_walks_and_pauses(open_widget):
    page = open_widget(ConvolutionArithmetic(12, 3, 1, 1))
    page.get_by_role("button", name="Play").click()
    expect(reads(page)).to_contain_text("Output 2 reads", timeout=5000)
    expect(reads(page)).to_have_attribute("aria-live", "off")
    page.get_by_role("button", name="Pause").click()
    stopped = shown_now(page)
    page.wait_for_timeout(900)
    assert shown_now(page) == stopped
    expect(reads(page)).to_have_attribute("aria-live", "polite")


def test_with_reduced_motion_nothing_plays(open_widget):
    page = open_widget(ConvolutionArithmetic(), **STILL)
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    moving = "getComputedStyle(document.querySelector('.beam')).transitionProperty"
    assert page.evaluate(moving) in {"all", "none"}
    assert page.evaluate(moving.replace("Property", "Duration")) == "0s"


def test_examples_set_all_sliders_and_own_settings_leave_them(open_widget):
    page = open_widget(ConvolutionArithmetic())
    examples = page.get_by_role("combobox", name="Example")
    examples.select_option(label="the same on 224 cells: does not fit")
    expect(result(page)).to_have_text("54")
    expect(flag(page)).to_contain_text("213 / 4 = 53.25")
    assert page.get_by_role("slider", name="Width W").input_value() == "224"
    examples.select_option(label="AlexNet, first layer: 227 cells, K 11, S 4")
    expect(result(page)).to_have_text("55")
    show(page, "Stride S", 3)
    assert examples.input_value() == ""


def test_every_example_shows_the_size_of_the_package(open_widget):
    page = open_widget(ConvolutionArithmetic())
    examples = page.get_by_role("combobox", name="Example")
    keys = examples.locator("option").evaluate_all("(all) => all.map((o) => o.value)")
    for key in filter(None, keys):
        examples.select_option(key)
        size, *rest = (int(number) for number in key.split(","))
        expect(result(page)).to_have_text(str(output_size(size, *rest)))


# --- the look ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 360, 760])
@pytest.mark.parametrize(
    "settings", [(12, 3, 1, 1), (227, 11, 4, 0), (1, 1, 1, 0), (32, 11, 1, 5, 4)]
)
def test_nothing_is_wider_than_the_page(open_widget, width, settings):
    page = open_widget(ConvolutionArithmetic(*settings), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    stage = page.locator(".stage").bounding_box()
    cells = page.locator(".stage > svg > .cell")
    last = cells.last.bounding_box()
    assert last["x"] + last["width"] <= stage["x"] + stage["width"] + 1


def test_the_drawing_follows_the_width_of_the_page(open_widget):
    page = open_widget(ConvolutionArithmetic(), width=760)
    before = page.locator(".stage svg").bounding_box()["width"]
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function(f"document.querySelector('.stage svg').clientWidth < {before} - 100")


# --- Python --------------------------------------------------------------------------------------


def test_traits_round_trip_and_the_size_follows():
    widget = ConvolutionArithmetic(227, 11, 4, 0)
    assert widget.output_size == 55
    widget.width = 224
    assert widget.output_size == output_size(224, 11, 4) == 54
    widget.width = 4
    assert widget.output_size == 0
    assert widget.state()["width"] == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 0), ("width", 257), ("kernel", 17), ("stride", 0), ("padding", -1), ("dilation", 9)],
)
def test_settings_out_of_range_are_errors(name, value):
    with pytest.raises(ValueError, match=f"expected {name} from .* got {value}"):
        setattr(ConvolutionArithmetic(), name, value)
    with pytest.raises(ValueError, match=f"expected {name}"):
        ConvolutionArithmetic(**{name: value})


def test_a_setting_is_a_whole_number():
    with pytest.raises(traitlets.TraitError, match="expected an int"):
        ConvolutionArithmetic(width=2.5)
    with pytest.raises(ValueError, match="position of at least 0, got -1"):
        ConvolutionArithmetic().position = -1
