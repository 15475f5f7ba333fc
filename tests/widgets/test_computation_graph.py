"""The computation graph, used by mouse, finger and keyboard; its numbers against Value."""

import re

import pytest
from playwright.sync_api import expect

from dlcv.scratch.autograd import Value, forward_order
from dlcv.study.widgets.computation_graph import ComputationGraph

NUMBERS = {"x1": 1.0, "x2": 2.0, "w1": 0.5, "w2": -0.25, "b": 0.1, "y": 1.0}


def neuron(**changes):
    """The worked neuron of the lecture, and its inputs by name."""
    given = {name: Value(number, name=name) for name, number in (NUMBERS | changes).items()}
    z = given["w1"] * given["x1"] + given["w2"] * given["x2"] + given["b"]
    error = (z.logistic() - given["y"]) ** 2 * 0.5
    z.name, error.name = "z", "E"
    return error, given


def everything(a=0.7, b=-0.4):
    """Every operation that there is, with a number that is used several times."""
    given = {"a": Value(a, name="a"), "b": Value(b, name="b")}
    x, y = given.values()
    end = (x * y + x.tanh()).exp() - (x * x + 1).log() / (y**2 + 2) + (-y).relu() * x.logistic()
    return end + x**3, given


@pytest.fixture
def open_graph(open_widget):
    """`open_graph(end)` gives a page with the graph of a value, and no motion."""

    def open_page(end, **context):
        page = open_widget(ComputationGraph(end), **{"reduced_motion": "reduce"} | context)
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def number(text):
    return float(re.search(r"-?\d+(\.\d+)?(e-?\d+)?", text.replace("−", "-"))[0])


def shown(page):
    """All values and gradients on the page, box by box."""
    values = page.locator(".node .value").all_text_contents()
    grads = page.locator(".node .grad").all_text_contents()
    return [number(t) for t in values], [number(t) for t in grads]


def assert_same(page, end):
    end.backward()
    order = forward_order(end)
    values, grads = shown(page)
    assert values == pytest.approx([node.data for node in order], rel=2e-3, abs=1e-4)
    assert grads == pytest.approx([node.grad for node in order], rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("make", [neuron, everything])
def test_the_page_computes_what_value_computes(open_graph, make):
    end, _ = make()
    assert_same(open_graph(end), end)


def test_keys_turn_an_input_and_everything_follows(open_graph):
    page = open_graph(neuron()[0])
    slider(page, "w1").focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "PageUp"):
        page.keyboard.press(key)
    end, _ = neuron(w1=1.6)
    assert_same(page, end)
    expect(slider(page, "w1")).to_have_attribute("aria-valuenow", "1.6")
    expect(page.locator(".status")).to_contain_text(re.compile(r"^w1 = 1.6; E = 0\.0\d+"))
    page.keyboard.press("End")
    expect(slider(page, "w1")).to_have_attribute("aria-valuenow", "3")
    page.keyboard.press("Home")
    expect(slider(page, "w1")).to_have_attribute("aria-valuenow", "-3")


def test_a_drag_upwards_raises_an_input(open_graph):
    page = open_graph(neuron()[0])
    box = slider(page, "b").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 20, steps=3)
    page.mouse.move(x, y - 40, steps=3)
    page.mouse.up()
    page.mouse.move(x, y - 90)  # after the release nothing follows any more
    expect(slider(page, "b")).to_have_attribute("aria-valuenow", "1.1")
    assert_same(page, neuron(b=1.1)[0])


def test_a_finger_drags_too_and_the_graph_stands_upright_on_a_phone(open_graph):
    page = open_graph(neuron()[0], width=360, has_touch=True, is_mobile=True)
    first, last = (page.locator(".node").nth(k).bounding_box() for k in (0, -1))
    assert last["y"] > first["y"] + 200  # from top to bottom
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = slider(page, "x2").bounding_box()
    session = page.context.new_cdp_session(page)
    for kind, dy in (("touchStart", 0), ("touchMove", -20), ("touchMove", -40), ("touchEnd", None)):
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        points = [] if dy is None else [{"x": x, "y": y + dy}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(slider(page, "x2")).to_have_attribute("aria-valuenow", "3")
    assert_same(page, neuron(x2=3.0)[0])


def test_the_walk_goes_forward_then_backward(open_graph):
    page = open_graph(neuron()[0])
    button(page, "Start over").click()
    assert page.locator(".node .value").all_text_contents().count("?") == 8  # all operations
    assert set(page.locator(".node .grad").all_text_contents()) == {"∂ ?"}
    button(page, "Step").click()
    expect(page.locator(".status")).to_have_text("Forward, ×: from w1 and x1 comes 0.5.")
    expect(page.locator(".node.now")).to_have_count(1)
    for _ in range(7):
        button(page, "Step").click()
    expect(page.locator(".status")).to_have_text(
        "Forward, ×: from 0.2256 and 0.5 comes E = 0.1128."
    )
    button(page, "Step").click()
    expect(page.locator(".status")).to_have_text(
        "Backward, ×: 1 arrives; times the local slope, "
        "0.2256 gets 1 · 0.5 = 0.5, 0.5 gets 1 · 0.2256 = 0.2256."
    )
    for _ in range(7):
        button(page, "Step").click()
    assert "∂ ?" not in page.locator(".node .grad").all_text_contents()
    assert_same(page, neuron()[0])
    button(page, "Start over").click()
    button(page, "Show all").click()
    assert_same(page, neuron()[0])


def test_turning_an_input_during_the_walk_keeps_the_rest_hidden(open_graph):
    page = open_graph(neuron()[0])
    button(page, "Start over").click()
    slider(page, "w1").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".status")).to_have_text("w1 = 0.6.")
    assert page.locator(".node .value").all_text_contents().count("?") == 8


def test_play_walks_by_itself_and_only_where_motion_is_welcome(open_graph):
    expect(button(open_graph(neuron()[0]), "Play")).to_be_hidden()
    page = open_graph(neuron()[0], reduced_motion="no-preference")
    button(page, "Play").click()
    expect(page.locator(".status")).to_have_text(re.compile("Only the inputs are known"))
    expect(page.locator(".status")).to_have_text(re.compile("^Forward"), timeout=4000)
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()


def test_edges_carry_sign_and_size_of_the_gradient(open_graph):
    end, _ = neuron()
    page = open_graph(end)
    classes = [e.get_attribute("class") for e in page.locator(".edge").all()]
    assert len(classes) == 14  # one for each input of an operation
    assert set(classes) == {"edge plus", "edge minus"}
    widths = [float(e.get_attribute("stroke-width")) for e in page.locator(".edge").all()]
    assert max(widths) == 7.0
    assert min(widths) >= 1.0


def test_what_is_undefined_is_called_so(open_graph):
    x = Value(1.0, name="x")
    page = open_graph(x.log() + x)
    slider(page, "x").focus()
    page.keyboard.press("Home")
    expect(page.locator(".node .value").last).to_have_text("undefined")


def test_python_sets_and_reads_the_values():
    widget = ComputationGraph(neuron()[0])
    assert widget.values == NUMBERS
    widget.values = {**widget.values, "w1": 2}
    assert widget.values["w1"] == 2.0
    ops = [node["op"] for node in widget.nodes if node["inputs"]]
    assert ops == ["×", "×", "+", "+", "σ", "−", "^2", "×"]
    for i, node in enumerate(widget.nodes):
        assert all(source < i for source in node["inputs"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: ComputationGraph(Value(1) * 2), r"names that differ, got \[\]"),
        (
            lambda: ComputationGraph(Value(1, name="a") * Value(2, name="a")),
            r"names that differ, got \['a', 'a'\]",
        ),
        (lambda: ComputationGraph(Value(9, name="a") * 2), r"in \[-3, 3\], got \{'a': 9.0\}"),
        (
            lambda: setattr(ComputationGraph(Value(1, name="a") * 2), "values", {"b": 1.0}),
            r"values of \['a'\], got \['b'\]",
        ),
        (
            lambda: ComputationGraph(Value(1, (Value(1, name="a"),), (1.0,), "sin")),
            r"operations of .*got \['sin'\]",
        ),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        change()
