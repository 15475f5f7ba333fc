"""The architecture explorer: its numbers against `summarise`, and all ways to point at a layer."""

import math
import re

import pytest
from playwright.sync_api import expect
from torch import nn

from dlcv.classification.attention import se_block
from dlcv.classification.classic import alexnet_grouped, lenet5
from dlcv.classification.inception import googlenet
from dlcv.classification.residual import residual_network, resnet18
from dlcv.study.widgets.architecture_explorer import ArchitectureExplorer

TOUCH = {"has_touch": True, "is_mobile": True}


def gated() -> nn.Sequential:
    return residual_network(se_block, (1, 1, 1, 1), 4)


@pytest.fixture(scope="module")
def explorer():
    networks = {"AlexNet": alexnet_grouped, "ResNet-18": resnet18, "gated": gated}
    return ArchitectureExplorer(networks, {"AlexNet": 227})


@pytest.fixture
def page(open_widget, explorer):
    return open_widget(explorer)


def evaluate(page, expression, argument=None):
    """The value of an expression of the widget's own functions."""
    return page.evaluate(
        f"(x) => {{ {ArchitectureExplorer.source()}; return {expression}; }}", argument
    )


def plot(page, name="AlexNet"):
    return page.get_by_role("slider", name=f"Layers of {name}")


def reading(page):
    return page.locator(".reading")


def choose(page, label, text):
    page.get_by_role("combobox", name=label, exact=True).select_option(label=text)


def value_of(page, term):
    """What the reading says of a layer's parameters, output and so on."""
    return page.locator(f"dt:text-is('{term}') + dd").inner_text().replace("\u00a0", " ")


def bar_heights(page, number=0):
    """The heights of the bars of a chart, in hundredths of it."""
    bars = page.locator(".plot").nth(number).locator("rect:not(.band)")
    return bars.evaluate_all("(bars) => bars.map((bar) => +bar.getAttribute('height'))")


def layers_of(explorer, name):
    (columns,) = (n for n in explorer.networks if n["name"] == name)
    return columns


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AlexNet", "ResNet-18", "gated"])
def test_folding_keeps_the_totals(explorer, name):
    columns, summary = layers_of(explorer, name), explorer.summaries[name]
    assert sum(columns["parameters"]) == summary.parameters
    assert sum(columns["multiply_adds"]) == summary.multiply_adds
    assert sum(columns["memory"]) == summary.activation_bytes


def test_a_layer_has_the_numbers_of_the_package_and_of_what_follows_it(explorer):
    columns, summary = layers_of(explorer, "ResNet-18"), explorer.summaries["ResNet-18"]
    i = columns["layers"].index("stage3.0.body.0.conv")
    conv, bn = summary.layer("stage3.0.body.0.conv"), summary.layer("stage3.0.body.0.bn")
    assert columns["texts"][i] == "3 × 3 convolution, stride 2"
    assert columns["shapes"][i] == [256, 14, 14]
    assert columns["parameters"][i] == conv.parameters + bn.parameters == 128 * 256 * 9 + 512
    assert columns["multiply_adds"][i] == conv.multiply_adds
    assert columns["memory"][i] == 2 * 4 * 256 * 14 * 14  # before and after normalisation
    assert columns["field"][i] == list(conv.receptive_field)


def test_layers_are_described_in_words(explorer):
    texts = dict(
        zip(*[layers_of(explorer, "AlexNet")[k] for k in ("layers", "texts")], strict=True)
    )
    assert texts == {
        "conv1": "11 × 11 convolution, stride 4",
        "pool1": "3 × 3 max pooling, stride 2",
        "conv2": "5 × 5 convolution, 2 groups",
        "pool2": "3 × 3 max pooling, stride 2",
        "conv3": "3 × 3 convolution",
        "conv4": "3 × 3 convolution, 2 groups",
        "conv5": "3 × 3 convolution, 2 groups",
        "pool5": "3 × 3 max pooling, stride 2",
        "fc6": "fully connected",
        "fc7": "fully connected",
        "fc8": "fully connected",
    }


def test_what_only_trains_is_counted_too():
    explorer = ArchitectureExplorer({"GoogLeNet": lambda: googlenet(auxiliary_heads=True)})
    columns = layers_of(explorer, "GoogLeNet")
    assert columns["layers"][-1] == "(elsewhere)"
    assert columns["texts"][-1].startswith("not in the forward pass")
    assert columns["parameters"][-1] == 13_004_888 - 6_624_904


def test_a_gate_between_maps_begins_no_stage(page, explorer):
    stages = evaluate(page, "x.map((n) => loadNetwork(n).stages)", explorer.networks)
    sides = [[stage["side"] for stage in one] for one in stages]
    assert sides == [
        [55, 27, 13, 6, 1],
        [112, 56, 28, 14, 7, 1],
        [112, 56, 28, 14, 7, 1],
    ]
    for one, columns in zip(stages, explorer.networks, strict=True):
        assert sum(stage["count"] for stage in one) == len(columns["layers"])


@pytest.mark.parametrize(
    ("quantity", "label"),
    [
        ("parameters", "parameters"),
        ("multiply_adds", "multiply-adds"),
        ("memory", "memory of the maps"),
        ("field", "receptive field"),
        ("side", "side of a map"),
        ("channels", "channels"),
    ],
)
def test_bars_stand_in_proportion(page, explorer, quantity, label):
    choose(page, "Bars show", label)
    columns = layers_of(explorer, "AlexNet")
    values = {
        "field": [max(field) if field else math.inf for field in columns["field"]],
        "side": [shape[1] if len(shape) > 1 else 1 for shape in columns["shapes"]],
        "channels": [shape[0] for shape in columns["shapes"]],
        **{name: columns[name] for name in ("parameters", "multiply_adds", "memory")},
    }[quantity]
    most = max(value for value in values if value < math.inf)
    expected = [100 if value == math.inf else 100 * value / most for value in values]
    assert bar_heights(page) == pytest.approx(expected)


def test_a_logarithmic_scale_begins_at_a_power_of_ten(page, explorer):
    page.get_by_label("logarithmic").check()
    values = layers_of(explorer, "AlexNet")["parameters"]
    low = 10 ** math.floor(math.log10(min(v for v in values if v)))
    high = math.log10(max(values) / low)
    expected = [100 * math.log10(v / low) / high if v else 0 for v in values]
    assert bar_heights(page) == pytest.approx(expected)
    assert tick_texts(page) == ["10 k", "100 k", "1 M", "10 M"]


def test_large_numbers_are_short(page):
    texts = evaluate(page, "x.map(compact)", [0, 999, 1000, 25_557_032, 138_357_544])
    assert [t.replace("\u00a0", " ") for t in texts] == ["0", "999", "1.00 k", "25.6 M", "138 M"]


def test_scales_have_two_to_six_ticks_inside(page):
    scales = [
        {"most": most, "floor": 1, "base": base, "unit": unit, "isLog": is_log}
        for most in (1, 3, 7, 96, 138e6, 4.2e9)
        for base, unit in ((10, 1), (32, 1024 if most > 1024 else 1))
        for is_log in (False, True)
    ]
    for scale, ticks in zip(scales, evaluate(page, "x.map(ticksOf)", scales), strict=True):
        assert (1 if scale["most"] < 32 and scale["isLog"] else 2) <= len(ticks) <= 6
        assert ticks == sorted(ticks)
        assert ticks[-1] <= scale["most"] * (1 + 1e-9)


def tick_texts(page):
    texts = page.locator(".ticks").first.locator("span").all_inner_texts()
    return [text.replace("\u00a0", " ") for text in texts]


def test_bytes_are_counted_in_powers_of_two(page):
    choose(page, "Bars show", "memory of the maps")
    assert tick_texts(page) == ["0 B", "1 MiB", "2 MiB"]
    page.get_by_label("logarithmic").check()
    assert tick_texts(page) == ["1 KiB", "32 KiB", "1 MiB"]


def test_totals_are_those_of_the_package(page, explorer):
    choose(page, "Compare with", "ResNet-18")
    rows = page.locator("table tr").all_inner_texts()
    cells = [row.replace("\u00a0", " ").split("\t") for row in rows]
    mib = explorer.summaries["AlexNet"].activation_bytes / 2**20
    assert cells[1] == ["AlexNet", "61.0 M", "724 M", f"{mib:.2f} MiB", "195 px"]
    assert cells[2][:3] == ["ResNet-18", "11.7 M", "1.81 G"]
    ratio = explorer.summaries["ResNet-18"].parameters / explorer.summaries["AlexNet"].parameters
    assert cells[3][1] == f"× {ratio:.2f}"
    choose(page, "Compare with", "gated")
    cells = page.locator("table tr").nth(2).locator("td").all_inner_texts()
    assert cells[-1] == "all"


# --- pointing ------------------------------------------------------------------------------------


def test_the_first_layer_is_shown(page):
    expect(reading(page)).to_contain_text("conv1 · layer 1 of 11 of AlexNet")
    assert value_of(page, "output") == "96 maps of 55 × 55"
    assert value_of(page, "parameters") == "34,944 (0.1 %)"
    assert value_of(page, "receptive field") == "11 px"


def test_the_keyboard_walks_through_layers_and_stages(page):
    plot(page).focus()
    for key, name in [
        *(("ArrowRight", "pool1"), ("ArrowUp", "conv2"), ("ArrowLeft", "pool1")),
        *(("PageDown", "pool2"), ("PageDown", "pool5"), ("PageUp", "pool2")),
        *(("End", "fc8"), ("ArrowRight", "fc8"), ("Home", "conv1"), ("ArrowLeft", "conv1")),
    ]:
        page.keyboard.press(key)
        expect(page.locator(".layer-name strong")).to_have_text(name)
    expect(plot(page)).to_have_attribute("aria-valuenow", "1")
    expect(plot(page)).to_have_attribute(
        "aria-valuetext", re.compile("^conv1: 11 × 11 convolution")
    )


def middle(page, index, count, name="AlexNet"):
    box = plot(page, name).bounding_box()
    return box["x"] + (index + 0.5) / count * box["width"], box["y"] + box["height"] / 2


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_pointing_at_a_bar_shows_its_layer(open_widget, explorer, how):
    page = open_widget(explorer, **(TOUCH if how == "touch" else {}))
    place = middle(page, 8, 11)
    page.touchscreen.tap(*place) if how == "touch" else page.mouse.move(*place)
    expect(page.locator(".layer-name strong")).to_have_text("fc6")
    assert value_of(page, "parameters") == "37,752,832 (61.9 %)"
    assert value_of(page, "receptive field") == "the whole image"


def test_the_buttons_go_to_the_neighbours(page):
    page.get_by_role("button", name="Next layer").click()
    page.get_by_role("button", name="Next layer").click()
    page.get_by_role("button", name="Previous layer").click()
    expect(page.locator(".layer-name strong")).to_have_text("pool1")
    page.get_by_role("button", name="Previous layer").click()
    page.get_by_role("button", name="Previous layer").click()
    expect(page.locator(".layer-name strong")).to_have_text("conv1")


def test_two_networks_share_a_scale_and_one_reading(page, explorer):
    choose(page, "Compare with", "ResNet-18")
    fc6 = layers_of(explorer, "AlexNet")["parameters"][8]
    assert max(bar_heights(page, 1)) == pytest.approx(
        100 * max(layers_of(explorer, "ResNet-18")["parameters"]) / fc6
    )
    plot(page, "ResNet-18").focus()
    page.keyboard.press("End")
    expect(reading(page)).to_contain_text("of ResNet-18")
    expect(page.locator(".network.active strong")).to_have_text("ResNet-18")
    plot(page).focus()
    page.keyboard.press("ArrowRight")
    expect(reading(page)).to_contain_text("pool1 · layer 2 of 11 of AlexNet")
    choose(page, "Compare with", "nothing")
    expect(page.locator(".network").nth(1)).to_be_hidden()


def test_another_network_begins_at_its_first_layer(page):
    plot(page).focus()
    page.keyboard.press("End")
    choose(page, "Network", "ResNet-18")
    expect(reading(page)).to_contain_text("stem.0.conv · layer 1 of")


# --- the receptive field -------------------------------------------------------------------------


def square(page):
    """The outlined square on the photograph: its side over that of the photograph."""
    frame, image = (page.locator(f".photo {name}") for name in (".frame", "image"))
    boxes = [node.bounding_box() for node in (frame, image)]
    middles = [box["x"] + box["width"] / 2 for box in boxes]
    assert middles[0] == pytest.approx(middles[1], abs=1)
    drawn = boxes[0]["width"] / boxes[1]["width"]
    side = float(frame.get_attribute("width")) / float(image.get_attribute("width"))
    assert drawn == pytest.approx(side, abs=4 / boxes[1]["width"])  # the outline has a width too
    return side


def test_the_square_is_the_receptive_field(page):
    plot(page).focus()
    for field in [11, 19, 51, 67, 99, 131, 163, 195]:
        assert square(page) == pytest.approx(field / 227)
        assert value_of(page, "receptive field") == f"{field} px"
        page.keyboard.press("ArrowRight")
    assert square(page) == 1  # fc6 sees everything


def test_a_field_beyond_the_image_is_drawn_beyond_it(page):
    choose(page, "Network", "ResNet-18")
    plot(page, "ResNet-18").focus()
    page.keyboard.press("End")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert value_of(page, "receptive field") == "435 px, more than the image"
    assert square(page) == pytest.approx(435 / 224)


# --- every reader --------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_nothing_is_wider_than_the_page(open_widget, explorer, theme, width):
    page = open_widget(explorer, theme=theme, width=width)
    choose(page, "Compare with", "gated")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for label in page.locator(".stages > span > span").all():
        inner, outer = label.bounding_box(), label.locator("xpath=..").bounding_box()
        is_hidden = inner["y"] >= outer["y"] + outer["height"] - 1
        assert is_hidden or inner["width"] <= outer["width"] + 1


def test_two_explorers_on_a_page_do_not_mix(open_widget, explorer):
    page = open_widget(explorer, ArchitectureExplorer({"LeNet-5": lenet5}, {"LeNet-5": 32}))
    assert plot(page, "LeNet-5").get_attribute("aria-valuemax") == "7"
    plot(page, "LeNet-5").focus()
    page.keyboard.press("End")
    expect(reading(page).nth(1)).to_contain_text("output · layer 7 of 7 of LeNet-5")
    expect(reading(page).nth(0)).to_contain_text("conv1 · layer 1")


# --- Python --------------------------------------------------------------------------------------


def test_it_begins_as_asked(open_widget):
    explorer = ArchitectureExplorer(
        {"a": lenet5(), "b": lenet5},
        {"a": 32, "b": 32},
        network="b",
        other="a",
        quantity="field",
        logarithmic=True,
    )
    page = open_widget(explorer)
    assert page.locator(".heading strong").all_inner_texts() == ["b", "a"]
    assert page.get_by_label("logarithmic").is_checked()
    assert page.get_by_label("Bars show").input_value() == "field"
    assert explorer.summaries["a"] == explorer.summaries["b"]


def test_without_scripts_the_totals_are_there(explorer):
    text = explorer.fallback_html()
    assert "<th>AlexNet</th><td>60,965,224</td><td>724,406,816</td>" in text
    assert "needs JavaScript" in text


def test_python_sets_what_is_shown():
    one = ArchitectureExplorer({"a": lenet5, "b": lenet5}, {"a": 32, "b": 32})
    one.network, one.other, one.layer = "b", "a", 3
    assert one.state()["layer"] == 3
    with pytest.raises(ValueError, match="expected one of a, b, got 'c'"):
        one.network = "c"


def test_it_is_small(explorer):
    assert len(explorer.static_html()) < 60_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"networks": {}}, "at least one network, got none"),
        ({"sizes": {"b": 32}}, "expected sizes of the networks, got one of"),
        ({"network": "b"}, "expected one of a, got 'b'"),
        ({"other": "b"}, "expected one of a, got 'b'"),
        ({"quantity": "beauty"}, "expected one of parameters, .*, got 'beauty'"),
    ],
)
def test_what_is_not_there_is_an_error(settings, message):
    settings = {"networks": {"a": lenet5}, "sizes": {"a": 32}, **settings}
    if not settings["networks"]:
        settings["sizes"] = {}
    with pytest.raises(ValueError, match=message):
        ArchitectureExplorer(**settings)
