"""What windows cost: the page's counts against those of the package, and every control."""

import pytest
from playwright.sync_api import expect

from dlcv.classification.complexity import summarise
from dlcv.classification.vgg import vgg16
from dlcv.detection.overfeat import DenseWindowNet, WindowNet, map_side
from dlcv.study.widgets.window_cost import NETWORKS, WindowCost, build, count_pass

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def compare(page, network, image, offsets):
    """`compareCosts` of the page's module."""
    source = WindowCost.source()
    expression = "compareCosts(x.networks[x.network], x.image, x.offsets)"
    argument = {"networks": WindowCost().networks, "network": network}
    argument |= {"image": image, "offsets": offsets}
    return page.evaluate(f"(x) => {{ {source}; return {expression}; }}", argument)


@pytest.mark.parametrize("network", range(len(NETWORKS)))
def test_counts_equal_those_of_summarise(open_widget, network):
    page = open_widget(WindowCost())
    net = NETWORKS[network]
    one_crop = summarise(build(net), (3, net.window, net.window)).multiply_adds
    step = {0: 6, 1: 2, 2: 32}[network]
    for image in (net.window, net.window + step, 2 * net.window + 1, 4 * net.window):
        found = compare(page, network, image, False)
        windows = map_side(image, net.window, step) ** 2
        assert (found["windows"], found["step"], found["perCrop"]) == (windows, step, one_crop)
        assert found["crops"] == windows * one_crop
        assert found["once"] == count_pass(net, image)
        assert found["once"] == sum(row["once"] for row in found["rows"])


def test_with_offsets_the_counts_are_those_of_the_lectures_network(open_widget):
    """The class head alone: the widget leaves out the box head."""
    page = open_widget(WindowCost())
    net = WindowNet(4)
    for image in (32, 64, 97):
        for offsets in (False, True):
            dense = DenseWindowNet(net, offsets)
            summary = summarise(dense, (3, image, image))
            box_head = sum(row.multiply_adds for row in summary.layers if "boxer" in row.name)
            found = compare(page, 0, image, offsets)
            assert found["once"] == summary.multiply_adds - box_head
            assert found["along"] == map_side(image, 28, dense.step_px)


def test_vgg_is_vgg():
    assert count_pass(NETWORKS[2], 224) == summarise(vgg16(), (3, 224, 224)).multiply_adds


def test_one_window_saves_nothing_and_more_save_more(open_widget):
    page = open_widget(WindowCost())
    ratios = [compare(page, 2, image, False)["ratio"] for image in (224, 448, 896)]
    assert ratios[0] == 1
    assert ratios == sorted(ratios)


def test_the_controls(open_widget):
    page = open_widget(WindowCost())
    readout = page.locator(".readout")
    expect(readout).to_contain_text("144 windows, 6 px apart")
    page.get_by_label("Pool at all offsets").check()
    expect(readout).to_contain_text("1,225 windows, 2 px apart")
    page.get_by_role("slider", name="Image").press("Home")
    expect(readout).to_contain_text("1 windows")
    page.get_by_role("combobox", name="Network").select_option(label="VGG-16, 224 px")
    page.get_by_label("Pool at all offsets").uncheck()
    page.get_by_role("slider", name="Image").fill("384")
    expect(readout).to_contain_text("36 windows, 32 px apart")
    expect(page.locator("tbody tr")).to_have_count(16)
    expected = 36 * count_pass(NETWORKS[2], 224) / count_pass(NETWORKS[2], 384)
    expect(page.locator(".readout strong")).to_have_text(f"{expected:.1f} times less")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, theme):
    page = open_widget(WindowCost(), theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    inner = "(n) => n.scrollWidth - n.clientWidth"
    assert page.locator(".scroll").evaluate(inner) <= 0


@pytest.mark.parametrize(("name", "value"), [("network", 3), ("image", 27), ("image", 225)])
def test_wrong_values_are_errors(name, value):
    with pytest.raises(ValueError, match=f"expected {name} from"):
        setattr(WindowCost(), name, value)
