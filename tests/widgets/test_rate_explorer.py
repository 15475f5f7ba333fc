"""The explorer of rates shows the numbers that were trained, and nothing else."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from dlcv.study.widgets.rate_explorer import ARMS, RateExplorer

RATES = (0.1, 0.3, 1.0)
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def results():
    generator = np.random.default_rng(5)
    keys = [(a, d, arm) for a in ("ReLU", "logistic") for d in (2, 8) for arm in ARMS]
    return {key: generator.uniform(0.1, 1, (3, 2, 4)) for key in keys}


@pytest.fixture
def open_explorer(open_widget):
    def open_it(**options):
        return open_widget(RateExplorer(RATES, results()), **options)

    return open_it


def says(page) -> str:
    return page.locator(".says").inner_text()


def expected(activation, depth, rate):
    told = []
    for arm in ARMS:
        ends = sorted(100 * results()[activation, depth, arm][rate, :, -1])
        told.append((np.mean(ends), *ends))
    return told


@pytest.mark.parametrize(("activation", "depth", "rate"), [("ReLU", 8, 0), ("logistic", 2, 2)])
def test_the_text_tells_mean_and_seeds_of_both_arms(open_explorer, activation, depth, rate):
    page = open_explorer()
    page.get_by_role("combobox", name="Activation").select_option(activation)
    page.get_by_role("combobox", name="Hidden layers").select_option(str(depth))
    page.get_by_role("slider", name="Learning rate").fill(str(rate))
    text = says(page)
    assert text.startswith(f"{activation}, {depth} hidden layers, rate {RATES[rate]:g}:")
    for arm, (mean, *seeds) in zip(ARMS, expected(activation, depth, rate), strict=True):
        part = text.split(f"{arm} ", maxsplit=1)[1]
        shown = [float(number) for number in re.findall(r"\d+\.\d", part)[:3]]
        assert shown == pytest.approx([mean, *seeds], abs=0.1)


def points(page, selector):
    path = page.locator(selector).get_attribute("d")
    return np.array([pair.split() for pair in path.replace("M", "L").split("L")[1:]], float)


def test_the_curves_are_the_means_of_the_seeds(open_explorer):
    page = open_explorer()
    page.get_by_role("slider", name="Learning rate").fill("2")
    means = results()["ReLU", 8, "with"][2].mean(axis=0)  # [epochs]
    curve = points(page, ".chart:first-child .line.with")
    height = (curve[:, 1] - 26) / (230 - 26 - 40)
    assert 1 - height == pytest.approx(means, abs=2e-3)
    ends = results()["ReLU", 8, "without"][:, :, -1].mean(axis=1)
    curve = points(page, ".chart:last-child .line.without")
    assert 1 - (curve[:, 1] - 26) / (230 - 26 - 40) == pytest.approx(ends, abs=2e-3)
    share = (curve[:, 0] - curve[0, 0]) / (curve[-1, 0] - curve[0, 0])
    assert share == pytest.approx(np.log10(RATES) + 1, abs=2e-3)


def test_keys_move_the_rate_and_a_finger_finds_the_nearest(open_explorer):
    page = open_explorer()
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    assert "rate 1:" in says(page)
    page = open_explorer(**PHONE)
    chart = page.locator(".chart").last
    box = chart.bounding_box()
    page.touchscreen.tap(box["x"] + 0.15 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator(".says")).to_contain_text("rate 0.1:")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits_and_is_named(open_explorer, theme, width):
    page = open_explorer(theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = [chart.get_attribute("aria-label") for chart in page.locator(".chart").all()]
    assert names == ["Accuracy over 4 epochs at rate 0.3", "Accuracy after 4 epochs at 3 rates"]


def test_one_rate_and_one_epoch_can_be_shown(open_widget):
    page = open_widget(RateExplorer((0.1,), {("ReLU", 2, arm): [[[0.5]]] for arm in ARMS}))
    assert "without 50.0 % (50.0); with 50.0 % (50.0)" in says(page)


def test_python_can_set_what_is_shown_within_limits():
    widget = RateExplorer(RATES, results())
    widget.activation, widget.depth, widget.rate = "logistic", 2, 0
    for name, value in (("activation", "tanh"), ("depth", 3), ("rate", 3)):
        with pytest.raises(ValueError, match=f"expected {name} among"):
            setattr(widget, name, value)


@pytest.mark.parametrize(
    ("rates", "change", "message"),
    [
        (RATES, {("ReLU", 3, "with"): np.zeros((3, 2, 4))}, "expected results for"),
        (RATES, {("ReLU", 2, "with"): np.zeros((3, 2, 5))}, r"expected one shape \[3, seeds"),
        ((0.1, 0.3), {}, r"expected one shape \[2, seeds, epochs\]"),
        ((0.3, 0.1, 1.0), {}, "expected rising rates"),
        ((0.0, 0.1, 1.0), {}, "expected rising rates above 0"),
    ],
)
def test_wrong_results_are_errors(rates, change, message):
    with pytest.raises(ValueError, match=message):
        RateExplorer(rates, {**results(), **change})


def test_no_results_are_an_error():
    with pytest.raises(ValueError, match="expected results"):
        RateExplorer(RATES, {})
