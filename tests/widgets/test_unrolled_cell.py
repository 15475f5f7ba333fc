"""The unrolled cell in a browser: its states and gradients against autograd, mouse and keyboard."""

import re

import pytest
import torch
import traitlets
from playwright.sync_api import expect

from dlcv.captioning.gates import lstm_step
from dlcv.study.widgets.unrolled_cell import SIZE, UnrolledCell, cell_weights, sequence

# Runs the page's module on a state of our own and returns that state after it has been drawn.
LIVE = """(state) => {
  const key = Object.keys(dlcv.modules).find((one) => one.startsWith("unrolled_cell"));
  const el = document.createElement("div");
  el.className = "dlcv-widget";
  document.body.append(el);
  dlcv.modules[key]().render({ model: dlcv.model(state), el });
  return state;
}"""


def by_autograd(cell, length, radius, forget):
    """Lengths of the gradients of all states, and of the last state, in float64."""
    kind = "lstm" if cell == "LSTM" else "rnn"
    U, W = (weight.double() for weight in cell_weights(kind))
    b = torch.zeros(len(U)).double()
    b[SIZE : 2 * SIZE] = forget
    states = [torch.zeros(2 * SIZE).double().requires_grad_()]
    for x in sequence()[:length].double():
        h, c = states[-1][None, :SIZE], states[-1][None, SIZE:]
        if cell == "LSTM":
            new = lstm_step(x[None, None], h, c, U, radius * W, b)
        else:
            z = x * U.T + radius * h @ W.T
            new = (torch.tanh(z) if cell == "tanh" else z, c)
        states.append(torch.cat(new, dim=1)[0])
        states[-1].retain_grad()
    (states[-1][:SIZE].sum() * SIZE**-0.5).backward()
    used = 2 * SIZE if cell == "LSTM" else SIZE
    return [s.grad[:used].norm().item() for s in states], states[-1][:SIZE].norm().item()


def slider(page, name):
    return page.get_by_label(name, exact=True)


@pytest.mark.parametrize("cell", ["linear", "tanh", "LSTM"])
@pytest.mark.parametrize(
    ("length", "radius", "forget"), [(20, 1.1, 1.0), (50, 0.6, 3.0), (2, 1.5, -2.0)]
)
def test_gradients_in_the_page_are_autograds(open_widget, cell, length, radius, forget):
    widget = UnrolledCell(cell, length, radius, forget)
    state = open_widget(widget).evaluate(LIVE, widget.state())
    expected, _ = by_autograd(cell, length, radius, forget)
    assert state["gradients"] == pytest.approx(expected, rel=1e-5)


def test_stepping_shows_the_state(open_widget):
    page = open_widget(UnrolledCell("tanh", 6, 1.0))
    expect(page.locator(".status")).to_contain_text("Step 0 of 6: before any input")
    for _ in range(6):
        page.get_by_role("button", name="Next step").click()
    page.get_by_role("button", name="Next step").click()  # there is no seventh
    expect(page.locator(".status")).to_contain_text("Step 6 of 6: after input")
    _, size = by_autograd("tanh", 6, 1.0, 1.0)
    text = page.locator(".status").text_content()
    shown = float(re.search(r"the state has length (\d+\.\d+)", text)[1])
    assert shown == pytest.approx(size, rel=0.06)
    assert "back here: 1.0." in text
    page.get_by_role("button", name="Step back").click()
    expect(page.locator(".status")).to_contain_text("Step 5 of 6")
    assert page.locator(".plus, .minus").count() == 8 * 6
    assert page.locator(".later").count() == 8


def test_the_keyboard_changes_length_radius_and_cell(open_widget):
    page = open_widget(UnrolledCell("linear", 20, 1.0))
    first = page.locator(".bar").first.get_attribute("height")
    slider(page, "Spectral radius of W").focus()
    page.keyboard.press("ArrowLeft")
    assert float(page.locator(".bar").first.get_attribute("height")) < float(first)
    slider(page, "Steps").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".bar").count() == 22
    expect(page.get_by_label("Bias of the forget gates")).to_be_hidden()
    page.get_by_label("Cell", exact=True).select_option("LSTM")
    expect(page.get_by_label("Bias of the forget gates")).to_be_visible()
    slider(page, "Step looked at").focus()
    page.keyboard.press("End")
    expect(page.locator(".gate")).to_have_count(3)
    expect(page.locator(".status")).to_contain_text("Step 21 of 21")


def test_a_shorter_sequence_takes_the_step_along(open_widget):
    page = open_widget(UnrolledCell("tanh", 5, 1.0))
    slider(page, "Step looked at").focus()
    page.keyboard.press("End")
    slider(page, "Steps").focus()
    page.keyboard.press("Home")
    expect(page.locator(".status")).to_contain_text("Step 2 of 2")


def test_open_forget_gates_carry_the_gradient(open_widget):
    reached = []
    for forget in (-3.0, 5.0):
        widget = UnrolledCell("LSTM", 30, 1.0, forget)
        reached.append(open_widget(widget).evaluate(LIVE, widget.state())["gradients"][0])
    assert reached[1] > 0.03 > 1e-6 > reached[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_telephone_is_wide_enough_and_a_finger_steps(open_widget, theme):
    page = open_widget(
        UnrolledCell("LSTM", 50), theme=theme, width=360, has_touch=True, is_mobile=True
    )
    page.get_by_role("button", name="Next step").tap()
    expect(page.locator(".status")).to_contain_text("Step 1 of 50")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="expected one of linear, tanh, LSTM; got 'GRU'"):
        UnrolledCell("GRU")
    with pytest.raises(ValueError, match="expected length from 2 to 50, got 51"):
        UnrolledCell(length=51)
    with pytest.raises((ValueError, traitlets.TraitError), match="radius"):
        UnrolledCell(radius=-1)
