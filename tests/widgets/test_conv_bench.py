"""The convolution bench: its numbers against torch, and every control by the hands that use it."""

import numpy as np
import pytest
import torch
import traitlets
from playwright.sync_api import expect

from dlcv.study.widgets.conv_bench import (
    KERNELS,
    ConvolutionBench,
    example_images,
    simple_patterns,
)

STILL = {"reduced_motion": "reduce"}
TOUCH = {"has_touch": True, "is_mobile": True}

# 6 wide, 5 high: pixel = 10 row + column, so that a number tells its place.
RAMP = (10 * np.arange(5)[:, None] + np.arange(6)).astype(np.uint8)


@pytest.fixture
def open_bench(open_widget):
    """`open_bench(kernel, image=RAMP, ...)` gives a page with that bench and no motion."""

    def open_page(kernel=KERNELS["Sobel x"], image=RAMP, context=None, **settings):
        bench = ConvolutionBench({"ramp": image}, kernel, **settings)
        return open_widget(bench, **STILL | (context or {}))

    return open_page


def readout(page):
    return page.locator(".readout")


def choose(page, label, text):
    page.get_by_role("combobox", name=label, exact=True).select_option(label=text)


def chosen(page, label):
    box = page.get_by_role("combobox", name=label, exact=True)
    return box.evaluate("(select) => select.selectedOptions[0].text")


def output_map(page):
    return page.get_by_role("application", name="Output")


def input_map(page):
    return page.get_by_role("application", name="Input")


def numbers(texts):
    return [float(text.replace("−", "-")) for text in texts]


def square(page, name):
    """The numbers in one of the squares beside the kernel."""
    return numbers(page.get_by_role("group", name=name).locator(".cell").all_inner_texts())


def spot(page, area, row, column, rows, columns):
    """The middle of a pixel of a map, on the screen."""
    box = area.bounding_box()
    return (
        box["x"] + (column + 0.5) / columns * box["width"],
        box["y"] + (row + 0.5) / rows * box["height"],
    )


def walk(page, area, row, column):
    """Moves the selected output to the top left corner, then to a place."""
    area.focus()
    for key, times in [("ArrowUp", 8), ("ArrowLeft", 8)]:
        for _ in range(times):
            page.keyboard.press(key)
    for key, times in [("ArrowDown", row), ("ArrowRight", column)]:
        for _ in range(times):
            page.keyboard.press(key)


def evaluate(page, expression, argument):
    source = ConvolutionBench.source()
    return page.evaluate(f"(x) => {{ {source}; return {expression}; }}", argument)


# --- numbers -------------------------------------------------------------------------------------


def random_cases(count):
    """Images, kernels and settings in the ranges of the bench, seeded."""
    rng = np.random.default_rng(4)
    for _ in range(count):
        size = rng.integers(3, 14, 2)
        K = rng.choice([3, 5])
        yield {
            "image": rng.integers(0, 256, size).tolist(),
            "kernel": rng.normal(size=(K, K)).tolist(),
            "padding": int(rng.integers(0, 3)),
            "stride": int(rng.integers(1, 4)),
            "dilation": int(rng.integers(1, 3)),
        }


def test_every_output_is_that_of_torch(open_bench):
    page = open_bench()
    settings = "{ ...c, kernel: c.kernel.length }"
    expression = f"x.map((c) => correlate(c.image, c.kernel, {settings}))"
    cases = list(random_cases(100))
    empty = 0
    for case, found in zip(cases, evaluate(page, expression, cases), strict=True):
        image = torch.tensor(case.pop("image"), dtype=torch.float64)
        kernel = torch.tensor(case.pop("kernel"), dtype=torch.float64)
        span = case["dilation"] * (len(kernel) - 1) + 1
        if min(image.shape) + 2 * case["padding"] < span:
            empty += 1
            assert found["values"] == []
            continue
        expected = torch.nn.functional.conv2d(image[None, None], kernel[None, None], **case)[0, 0]
        assert [found["rows"], found["columns"]] == list(expected.shape)
        values = torch.tensor(found["values"], dtype=torch.float64).view_as(expected)
        torch.testing.assert_close(values, expected, rtol=1e-12, atol=1e-9)
    assert 0 < empty < 50


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(("padding", "stride", "dilation"), [(0, 1, 1), (1, 2, 1), (2, 3, 2)])
def test_what_is_shown_is_what_python_computes(open_widget, flipped, padding, stride, dilation):
    settings = {"padding": padding, "stride": stride, "dilation": dilation, "flipped": flipped}
    bench = ConvolutionBench({"ramp": RAMP}, KERNELS["emboss"], **settings)
    page = open_widget(bench, **STILL)
    expected = bench.output
    rows, columns = expected.shape
    expect(output_map(page)).to_have_attribute("aria-label", f"Output {rows} × {columns}")
    shown = numbers(output_map(page).locator("text").all_text_contents())
    assert shown == expected.flatten().tolist()  # whole numbers
    for row, column in [(0, 0), (rows - 1, columns - 1)]:
        walk(page, output_map(page), row, column)
        total = numbers([page.locator(".sum strong").inner_text()])[0]
        assert total == expected[row, column].item()
        assert sum(square(page, "Products")) == total


def test_the_case_worked_by_hand(open_bench):
    """Sobel x on the ramp: two steps to the right add 2, so the rows give 2, 4 and 2: 8 in all."""
    page = open_bench()
    walk(page, output_map(page), 1, 2)
    expect(readout(page)).to_have_text(
        "Output row 1, column 2: 8. Its window begins at input row 1, column 2."
    )
    assert square(page, "Pixels in the window") == [12, 13, 14, 22, 23, 24, 32, 33, 34]
    assert square(page, "Products") == [-12, 0, 14, -44, 0, 48, -32, 0, 34]
    expect(page.locator(".sum")).to_have_text(
        "12·(−1) + 14·1 + 22·(−2) + 24·2 + 32·(−1) + 34·1 = 8"
    )
    expect(page.locator(".formula math")).to_have_count(6)  # three steps each for H and W
    assert page.locator(".formula .result").all_text_contents() == ["3", "4"]


# --- pointing at an output -----------------------------------------------------------------------


def test_the_mouse_shows_a_window_and_a_click_keeps_it(open_bench):
    page = open_bench()
    before = readout(page).inner_text()
    page.mouse.move(*spot(page, output_map(page), 2, 1, 3, 4))
    expect(readout(page)).to_contain_text("Output row 2, column 1: 8.")
    page.mouse.move(2, 2)
    expect(readout(page)).to_have_text(before)
    page.mouse.click(*spot(page, output_map(page), 0, 3, 3, 4))
    page.mouse.move(2, 2)
    expect(readout(page)).to_contain_text("Output row 0, column 3: 8.")


def test_a_finger_chooses_an_output(open_bench):
    page = open_bench(context=TOUCH)
    page.touchscreen.tap(*spot(page, output_map(page), 2, 0, 3, 4))
    expect(readout(page)).to_contain_text("Output row 2, column 0: 8.")


def test_arrow_keys_stop_at_the_border(open_bench):
    page = open_bench()
    walk(page, output_map(page), 9, 9)
    expect(readout(page)).to_contain_text("Output row 2, column 3: 8.")


def test_the_window_is_outlined_on_the_input(open_bench):
    page = open_bench(padding=1, dilation=2)
    walk(page, output_map(page), 0, 1)
    area = input_map(page).bounding_box()
    cell = area["width"] / 8  # 6 pixels and padding
    box = page.locator(".window").first.bounding_box()
    assert [box["x"] - area["x"], box["y"] - area["y"]] == pytest.approx([cell, 0], abs=2.5)
    assert [box["width"], box["height"]] == pytest.approx([5 * cell, 5 * cell], abs=4)
    expect(page.locator(".tap")).to_have_count(9)
    expect(readout(page)).to_contain_text("3 of its cells are padding.")
    expect(page.get_by_role("group", name="Pixels in the window").locator(".pad")).to_have_count(3)


def test_a_tap_of_the_kernel_is_found_in_all_squares(open_bench):
    page = open_bench()
    page.get_by_role("group", name="Products").locator(".cell").nth(5).hover()
    expect(page.locator(".cell.same")).to_have_count(3)
    expect(input_map(page).locator(".same")).to_have_count(1)


# --- the input: who reads a pixel, and drawing ---------------------------------------------------


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_pixel_tells_which_outputs_read_it(open_bench, how):
    page = open_bench(context=TOUCH if how == "touch" else None)
    point = page.touchscreen.tap if how == "touch" else page.mouse.move
    point(*spot(page, input_map(page), 2, 3, 5, 6))
    expect(readout(page)).to_have_text("Input row 2, column 3: 23. 9 outputs read it.")
    expect(output_map(page).locator(".reader")).to_have_count(9)
    point(*spot(page, input_map(page), 0, 0, 5, 6))
    expect(readout(page)).to_have_text("Input row 0, column 0: 0. One output reads it.")


def test_readers_are_the_pixels_column_of_the_transposed_convolution(open_bench):
    """The outputs that read a pixel are those through which a gradient reaches it."""
    settings = {"padding": 1, "stride": 2, "dilation": 2}
    page = open_bench(np.ones((3, 3)), **settings)
    x = torch.zeros(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    torch.nn.functional.conv2d(x, kernel, **settings).sum().backward()
    input_map(page).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(output_map(page).locator(".reader")).to_have_count(int(x.grad[0, 0, 1, 1]))


def test_the_mouse_draws_a_line_without_gaps(open_bench):
    page = open_bench(KERNELS["identity"], np.zeros((8, 8), np.uint8))
    page.get_by_role("button", name="Draw").click()
    area = input_map(page)
    page.mouse.move(*spot(page, area, 1, 1, 8, 8))
    page.mouse.down()
    page.mouse.move(*spot(page, area, 6, 6, 8, 8))
    page.mouse.up()
    shown = numbers(output_map(page).locator("text").all_text_contents())
    assert shown == (255 * np.eye(6)).ravel().tolist()
    assert chosen(page, "Image") == "your own"


def test_a_finger_draws_only_while_drawing_is_on(open_bench):
    page = open_bench(KERNELS["identity"], np.zeros((8, 8), np.uint8), context=TOUCH)
    assert input_map(page).evaluate("(n) => getComputedStyle(n).touchAction") == "auto"
    page.touchscreen.tap(*spot(page, input_map(page), 3, 3, 8, 8))
    assert set(output_map(page).locator("text").all_text_contents()) == {"0"}
    draw = page.get_by_role("button", name="Draw")
    draw.tap()
    expect(draw).to_have_attribute("aria-pressed", "true")
    assert input_map(page).evaluate("(n) => getComputedStyle(n).touchAction") == "none"
    page.touchscreen.tap(*spot(page, input_map(page), 3, 3, 8, 8))
    assert numbers(output_map(page).locator("text").all_text_contents()).index(255) == 2 * 6 + 2


def test_the_keyboard_paints_with_the_ink_that_is_set(open_bench):
    page = open_bench(KERNELS["identity"], np.zeros((8, 8), np.uint8))
    page.get_by_role("slider", name="Ink").fill("90")
    input_map(page).focus()
    for key in ["ArrowDown"] * 2 + ["ArrowRight", "Space"]:
        page.keyboard.press(key)
    expect(readout(page)).to_have_text("Input row 2, column 1: 90. 6 outputs read it.")
    texts = output_map(page).locator("text")
    assert numbers(texts.all_text_contents()).index(90) == 1 * 6 + 0
    page.keyboard.press("Space")
    expect(readout(page)).to_contain_text("Input row 2, column 1: 0.")


def test_clear_makes_the_image_black(open_bench):
    page = open_bench(KERNELS["identity"])
    page.get_by_role("button", name="Clear").click()
    assert set(output_map(page).locator("text").all_text_contents()) == {"0"}


# --- kernel, settings, operation -----------------------------------------------------------------


def test_a_weight_is_edited(open_bench):
    page = open_bench(KERNELS["identity"])
    expect(page.locator(".sum strong")).to_have_text("34")
    page.get_by_label("Weight in row 0, column 0").fill("-2.5")
    expect(page.locator(".sum strong")).to_have_text("−23.5")  # 34 - 2.5 · 23
    assert chosen(page, "Kernel") == "your own"
    page.get_by_label("Weight in row 0, column 0").fill("")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Weight in row 0, column 0")).to_have_value("-2.5")


@pytest.mark.parametrize("name", list(KERNELS))
def test_every_preset_shows_its_result(open_widget, name):
    bench = ConvolutionBench(padding=1)
    page = open_widget(bench, **STILL)
    choose(page, "Kernel", name)
    bench.kernel = KERNELS[name]
    shown = numbers(output_map(page).locator("text").all_text_contents())
    expected = bench.output.flatten().tolist()
    assert shown == pytest.approx(expected, abs=0.5)  # rounded to fit the pixels
    assert page.locator(".bar.signed").count() == (min(expected) < 0)


def test_a_kernel_grows_with_zeros_and_shrinks_to_its_middle(open_bench):
    page = open_bench(KERNELS["identity"], padding=2)
    before = output_map(page).locator("text").all_text_contents()
    choose(page, "Size", "5 × 5")
    expect(page.get_by_role("spinbutton")).to_have_count(25)
    expect(output_map(page)).to_have_attribute("aria-label", "Output 5 × 6")
    choose(page, "Size", "3 × 3")
    assert output_map(page).locator("text").all_text_contents() == before


def test_true_convolution_turns_the_kernel(open_bench):
    impulse = np.zeros((7, 7), np.uint8)
    impulse[3, 3] = 1
    kernel = np.arange(9.0).reshape(3, 3)
    page = open_bench(kernel, impulse)

    def middle():
        shown = numbers(output_map(page).locator("text").all_text_contents())
        return np.array(shown).reshape(5, 5)[1:4, 1:4]

    np.testing.assert_array_equal(middle(), kernel[::-1, ::-1])  # correlation mirrors the kernel
    choose(page, "Operation", "true convolution")
    np.testing.assert_array_equal(middle(), kernel)  # convolution stamps it
    expect(page.get_by_text("Kernel, turned by 180°")).to_be_visible()
    page.get_by_label("Weight in row 0, column 0").fill("80")  # shows the last of the nine
    assert middle()[2, 2] == 80


@pytest.mark.parametrize(
    ("label", "keys", "size"),
    [("Padding P", 2, "7 × 8"), ("Stride S", 1, "2 × 2"), ("Dilation d", 1, "1 × 2")],
)
def test_sliders_change_the_size(open_bench, label, keys, size):
    page = open_bench()
    expect(output_map(page)).to_have_attribute("aria-label", "Output 3 × 4")
    for _ in range(keys):
        page.get_by_role("slider", name=label).press("ArrowRight")
    expect(output_map(page)).to_have_attribute("aria-label", f"Output {size}")


def test_a_kernel_that_does_not_fit_is_told(open_bench):
    page = open_bench(KERNELS["Gaussian 5 × 5"])
    page.get_by_role("slider", name="Dilation d").fill("2")
    expect(readout(page)).to_have_text(
        "The kernel is larger than the padded image: there is no output."
    )
    expect(output_map(page)).to_have_attribute("aria-label", "Output is empty")
    output_map(page).focus()
    page.keyboard.press("ArrowRight")
    page.mouse.click(*spot(page, input_map(page), 2, 2, 5, 6))
    expect(readout(page)).to_have_text("Input row 2, column 2: 22. No outputs read it.")
    page.get_by_role("slider", name="Padding P").fill("2")
    expect(output_map(page)).to_have_attribute("aria-label", "Output 1 × 2")


def test_images_are_chosen(open_widget):
    page = open_widget(ConvolutionBench(), **STILL)
    choices = page.get_by_role("combobox", name="Image")
    names = choices.locator("option").all_inner_texts()
    assert names == [*example_images(), "blank, 16 × 16", "your own"]
    for name, image in example_images().items():
        choose(page, "Image", name)
        rows, columns = image.shape
        expect(input_map(page)).to_have_attribute("aria-label", f"Input {rows} × {columns}")


def test_play_moves_the_window_and_pauses(open_widget):
    page = open_widget(ConvolutionBench({"ramp": RAMP}))
    page.get_by_role("button", name="Play").click()
    expect(readout(page)).to_contain_text("Output row 0, column 1", timeout=5000)
    expect(readout(page)).to_have_attribute("aria-live", "off")
    page.get_by_role("button", name="Pause").click()
    stopped = readout(page).inner_text()
    page.wait_for_timeout(500)
    assert readout(page).inner_text() == stopped


def test_with_reduced_motion_nothing_plays_or_turns(open_bench):
    page = open_bench()
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    choose(page, "Operation", "true convolution")
    assert page.evaluate("document.getAnimations().length") == 0


# --- the look ------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_nothing_is_wider_than_the_page(open_widget, theme, width):
    bench = ConvolutionBench(kernel=KERNELS["spots 5 × 5"], padding=2)
    page = open_widget(bench, theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inner = "(n) => n.scrollWidth - n.clientWidth"
    assert page.locator(".close-up").evaluate(inner) <= 0
    boxes = [page.get_by_role("application").nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)


# --- Python --------------------------------------------------------------------------------------


def test_traits_round_trip():
    bench = ConvolutionBench({"ramp": RAMP})
    assert bench.image == RAMP.tolist()
    bench.image = np.zeros((4, 7), np.uint8)
    bench.kernel = torch.ones(3, 3)
    assert bench.output.shape == (2, 5)
    bench.padding, bench.stride, bench.dilation, bench.flipped = 2, 2, 2, True
    bench.selected = (1, 2)
    state = bench.state()
    assert state["kernel"] == [[1.0] * 3] * 3
    assert state["selected"] == [1, 2]
    assert bench.output.shape == (2, 4)


def test_example_images_are_as_described():
    images = example_images()
    assert images["a handwritten 4"].shape == (8, 8)
    assert images["a photograph"].shape == (32, 32)
    for image in images.values():
        assert image.dtype == np.uint8
        assert image.max() > image.min()
    assert [image.shape for image in simple_patterns().values()] == [(12, 12)] * 4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("padding", 3, "expected padding from 0 to 2, got 3"),
        ("stride", 0, "expected stride from 1 to 3, got 0"),
        ("dilation", 3, "expected dilation from 1 to 2, got 3"),
        ("kernel", [[1, 2], [3, 4]], r"expected a 3x3 or 5x5 kernel, got shape \[2, 2\]"),
        ("kernel", np.full((3, 3), np.inf), "expected finite numbers"),
        ("image", np.zeros((2, 9), np.uint8), r"of 3 to 40 pixels, got \[2, 9\]"),
        ("image", np.zeros((9, 41), np.uint8), r"of 3 to 40 pixels, got \[9, 41\]"),
        ("image", np.full((4, 4), 256), "expected whole numbers from 0 to 255"),
        ("image", np.zeros((4, 4)), "expected whole numbers from 0 to 255 as pixels, got float64"),
        ("selected", [1], r"expected \[row, column\]"),
        ("selected", [0, -1], r"expected \[row, column\]"),
    ],
)
def test_wrong_values_are_errors(name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(ConvolutionBench({"ramp": RAMP}), name, value)


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match="at least one image, got none"):
        ConvolutionBench({})
    with pytest.raises(ValueError, match="expected padding"):
        ConvolutionBench({"ramp": RAMP}, padding=9)
    with pytest.raises(traitlets.TraitError, match="expected an int"):
        ConvolutionBench({"ramp": RAMP}, stride="wide")
    with pytest.raises(ValueError, match="expected a window that fits"):
        _ = ConvolutionBench({"ramp": RAMP}, KERNELS["Gaussian 5 × 5"], dilation=2).output
