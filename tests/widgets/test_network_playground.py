"""The playground, used by mouse, finger and keyboard; its training against the package's."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.data.planar import plane_set
from dlcv.scratch.losses import binary_cross_entropy
from dlcv.scratch.mlp import MLP, train
from dlcv.study.widgets.network_playground import NOISE, POINTS, NetworkPlayground

# Runs the page's module on a state of our own, presses a button, and returns that state: what
# Python would read from a live widget.
LIVE = """([state, name, times]) => {
  const key = Object.keys(dlcv.modules).find((one) => one.startsWith("network_playground"));
  const el = document.createElement("div");
  el.className = "dlcv-widget";
  document.body.append(el);
  dlcv.modules[key]().render({ model: dlcv.model(state), el });
  const press = [...el.querySelectorAll("button")].find((one) => one.textContent === name);
  for (let i = 0; i < times; i++) press.click();
  return state;
}"""

STEPS = "parseInt(document.querySelector('.facts').textContent.split('·')[2])"
PIXEL = "document.querySelector('.plane canvas').getContext('2d').getImageData(0, 0, 1, 1).data"


@pytest.fixture
def open_playground(open_widget):
    """`open_playground(...)` gives a page with that network, and no motion."""

    def open_page(*arguments, context=None, **choices):
        widget = NetworkPlayground(*arguments, **choices)
        page = open_widget(widget, **{"reduced_motion": "reduce"} | (context or {}))
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def facts(page):
    """Loss, percentage right and steps under the plane."""
    text = page.locator(".facts").text_content().replace("−", "-")
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def two_classes(outputs, labels):
    return binary_cross_entropy(outputs.reshape(-1), labels.double())


@pytest.mark.parametrize("activation", ["tanh", "logistic", "ReLU", "linear"])
@pytest.mark.parametrize("hidden", [(3, 2), ()])
def test_training_in_the_page_is_training_in_python(open_playground, activation, hidden):
    widget = NetworkPlayground("two moons", hidden, activation, rate=0.5, seed=3)
    page = open_playground("two moons", hidden, activation, rate=0.5, seed=3)
    state = page.evaluate(LIVE, [widget.state(), "Step", 25])

    points, labels = plane_set("two moons", POINTS, NOISE)
    model = MLP([2, *hidden, 1], activation, seed=3, dtype=torch.float64)
    train(model, points.double(), labels, two_classes, lr=0.5, epochs=25)
    for layer, (weights, bias) in zip(state["parameters"], model.layers, strict=True):
        expected = {"rtol": 1e-8, "atol": 1e-10}
        torch.testing.assert_close(
            torch.tensor(layer["weights"], dtype=torch.float64), weights.data, **expected
        )
        torch.testing.assert_close(
            torch.tensor(layer["biases"], dtype=torch.float64), bias.data, **expected
        )
    assert state["steps"] == 25
    loss = two_classes(model(points.double()), labels)
    assert state["loss"] == pytest.approx(float(loss.data), rel=1e-8)


def test_gradients_on_edges_and_bars_are_those_of_the_package(open_playground):
    page = open_playground("XOR", (3,), "tanh", seed=1)
    points, labels = plane_set("XOR", POINTS, NOISE)
    model = MLP([2, 3, 1], "tanh", seed=1, dtype=torch.float64)
    two_classes(model(points.double()), labels).backward()
    norms = [float(weights.grad.norm()) for weights, _ in model.layers]
    bars = page.locator(".bar b").all_text_contents()
    assert [float(text.replace("−", "-")) for text in bars] == pytest.approx(norms, rel=6e-3)

    page.locator(".diagram svg").focus()
    page.keyboard.press("ArrowRight")  # the first edge: from x₁ to the first hidden unit
    page.keyboard.press("ArrowDown")  # the second: from x₂
    weights = model.layers[0][0]
    expected = [float(weights.data[0, 1]), float(weights.grad[0, 1])]
    text = page.locator(".readout").text_content()
    assert text.startswith("x₂ → layer 1, unit 1: weight")
    got = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text.replace("−", "-").split("weight")[1])
    assert [float(n) for n in got] == pytest.approx(expected, rel=6e-3)
    expect(page.locator(".edge.chosen")).to_have_count(1)


def test_steps_lower_the_loss_until_the_circles_are_told_apart(open_playground):
    page = open_playground("circles", (4,), "tanh")
    before = facts(page)
    assert before[2] == 0
    button(page, "Step").click()
    expect(page.locator(".status")).to_have_text(re.compile("^After 1 steps?: loss"))
    for _ in range(5):
        button(page, "100 steps").click()
    loss, right, steps = facts(page)
    assert (right, steps) == (100, 501)
    assert loss < before[0] / 5
    assert page.locator(".boundary").get_attribute("d").count("M") > 20
    assert page.locator(".curve .line").get_attribute("d").count("L") > 200


def test_without_hidden_layers_the_circles_stay_mixed(open_playground):
    page = open_playground("circles", ())
    for _ in range(3):
        button(page, "100 steps").click()
    assert facts(page)[1] < 75
    expect(page.locator(".bar")).to_have_count(1)


def test_the_network_is_chosen_by_sliders_and_lists(open_playground):
    page = open_playground()
    page.get_by_label("Hidden layers").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Units a layer").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".diagram .unit")).to_have_count(2 + 6 + 6 + 1)
    expect(page.locator(".diagram .edge")).to_have_count(2 * 6 + 6 * 6 + 6)
    expect(page.locator(".bar")).to_have_count(3)
    first = facts(page)[0]
    page.get_by_label("Points", exact=True).select_option("two moons")
    expect(page.locator(".one")).to_have_count(POINTS // 2)
    assert facts(page)[0] != first
    page.get_by_label("Activation").select_option("logistic")
    button(page, "New weights").click()
    page.get_by_label("Learning rate").focus()
    page.keyboard.press("Home")
    expect(page.get_by_label("Learning rate")).to_have_attribute("aria-valuetext", "0.01")


def test_logistic_units_lose_the_gradient_and_tanh_keeps_it(open_playground):
    ratios = {}
    for activation in ("logistic", "tanh"):
        page = open_playground("circles", (6,) * 5, activation)
        texts = page.locator(".bar b").all_text_contents()
        norms = [float(text.replace("−", "-")) for text in texts]
        ratios[activation] = norms[0] / norms[-2]
    assert ratios["logistic"] < 1e-2 < 0.1 < ratios["tanh"]


def test_edges_show_weights_or_gradients(open_playground):
    page = open_playground("XOR", (3,))
    widths = [e.get_attribute("stroke-width") for e in page.locator(".edge").all()]
    page.get_by_label("Edges show").select_option("weights")
    assert [e.get_attribute("stroke-width") for e in page.locator(".edge").all()] != widths


def test_a_mouse_reads_an_edge_and_a_finger_too(open_playground):
    for context in ({}, {"width": 360, "has_touch": True, "is_mobile": True}):
        page = open_playground("XOR", (1,), context=context)
        edge = page.locator(".diagram .hit").last
        page.locator(".diagram").scroll_into_view_if_needed()
        middle = edge.evaluate(
            """(path) => {
              const point = path.getPointAtLength(path.getTotalLength() / 2);
              const at = point.matrixTransform(path.getScreenCTM());
              return [at.x, at.y];
            }"""
        )
        if context:
            page.touchscreen.tap(*middle)
        else:
            page.mouse.move(*middle)
        expect(page.locator(".readout")).to_have_text(
            re.compile("^layer 1, unit 1 → output: weight")
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= context.get("width", 760)


def test_play_learns_until_paused_and_reduced_motion_offers_steps_alone(open_playground):
    expect(button(open_playground(), "Play")).to_be_hidden()
    page = open_playground(context={"reduced_motion": "no-preference"})
    button(page, "Play").click()
    page.wait_for_function(STEPS + " > 20")
    button(page, "Pause").click()
    expect(page.locator(".status")).to_have_text(re.compile("^Paused after"))
    steps = facts(page)[2]
    page.wait_for_timeout(200)
    assert facts(page)[2] == steps


def test_a_rate_that_is_too_large_is_called_so(open_playground):
    page = open_playground("circles", (6, 6, 6), "linear", rate=30)
    for _ in range(10):
        button(page, "100 steps").click()
    expect(page.locator(".status")).to_contain_text("the learning rate is too large")


def test_both_themes_paint_the_plane(open_playground):
    colours = []
    for theme in ("light", "dark"):
        page = open_playground("two clouds", (2,), context={"theme": theme})
        colours.append(page.evaluate(f"[...{PIXEL}]"))
    assert colours[0] != colours[1]
    assert all(colour[3] == 255 for colour in colours)


def test_python_sets_and_reads_the_state():
    widget = NetworkPlayground("XOR", (3, 2), "tanh", seed=1)
    shapes = [(len(p["weights"]), len(p["weights"][0])) for p in widget.parameters]
    assert shapes == [(3, 2), (2, 3), (1, 2)]
    widget.steps = 7
    widget.hidden = [4]
    assert len(widget.parameters) == 2
    assert widget.steps == 0
    kept = widget.parameters
    widget.activation = "ReLU"
    widget.rate = 0.1
    assert widget.parameters == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: setattr(w, "data_set", "bananas"), "one of two clouds, .*got 'bananas'"),
        (lambda w: setattr(w, "activation", "step"), "one of tanh, .*got 'step'"),
        (lambda w: setattr(w, "rate", 0.0), r"rate in \(0, 30\], got 0.0"),
        (lambda w: setattr(w, "hidden", [7]), r"at most 5 layers of 1 to 6 units, got \[7\]"),
        (lambda w: setattr(w, "hidden", [1] * 6), "at most 5 layers"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        change(NetworkPlayground())
