"""The race, run by mouse, finger and keyboard; its steps against the package's optimisers."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.scratch.surfaces import SURFACES, gradient
from dlcv.study.widgets.optimiser_race import OPTIMISERS, RATES, OptimiserRace, make_optimiser

# Runs the page's module on a state of our own, presses a button, and returns that state.
LIVE = """([state, name, times]) => {
  const key = Object.keys(dlcv.modules).find((one) => one.startsWith("optimiser_race"));
  const el = document.createElement("div");
  el.className = "dlcv-widget";
  document.body.append(el);
  dlcv.modules[key]().render({ model: dlcv.model(state), el });
  const press = [...el.querySelectorAll("button")].find((one) => one.textContent === name);
  for (let i = 0; i < times; i++) press.click();
  el.remove();
  return state;
}"""


@pytest.fixture
def open_race(open_widget):
    """`open_race(...)` gives a page with that race, and no motion."""

    def open_page(*arguments, context=None, **choices):
        widget = OptimiserRace(*arguments, **choices)
        page = open_widget(widget, **{"reduced_motion": "reduce"} | (context or {}))
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def losses(page):
    texts = page.locator(".runner .loss").all_text_contents()
    return [float(text.replace("−", "-")) for text in texts]


def test_every_step_is_the_packages(open_race):
    page = open_race()
    for surface in SURFACES:
        for steps, momentum in ((1, 0.9), (50, 0.9), (50, 0.5)):
            widget = OptimiserRace(surface, momentum=momentum)
            press = ("50 steps", 1) if steps == 50 else ("Step", 1)
            state = page.evaluate(LIVE, [widget.state(), *press])
            assert state["steps"] == steps
            for name in OPTIMISERS:
                place = torch.tensor(SURFACES[surface].start, dtype=torch.float64)
                optimiser = make_optimiser(name, [place], RATES[name], momentum)
                for _ in range(steps):
                    optimiser.step([gradient(SURFACES[surface], place)])
                got = torch.tensor(state["positions"][name], dtype=torch.float64)
                torch.testing.assert_close(
                    got, place, rtol=1e-9, atol=1e-9, msg=f"{name} on {surface}"
                )


def test_steps_go_down_and_back_to_start_goes_back(open_race):
    page = open_race("round bowl")
    before = losses(page)
    assert len(set(before)) == 1
    button(page, "50 steps").click()
    expect(page.locator(".status")).to_have_text(re.compile("^After 50 steps. Lowest now: "))
    assert all(loss < before[0] for loss in losses(page))
    assert page.locator(".map .path.w0").get_attribute("d").count("L") == 50
    assert page.locator(".losses .path.w0").get_attribute("d").count("L") == 50
    button(page, "Back to start").click()
    assert losses(page) == before


def test_a_rate_that_is_too_large_leaves_the_map(open_race):
    page = open_race("long valley", {"SGD": 0.1})
    button(page, "50 steps").click()
    expect(page.locator(".runner .loss").first).to_have_text(re.compile("gone after"))
    expect(page.locator(".status")).to_contain_text("Diverged: SGD.")
    page.get_by_label("Learning rate of SGD").focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Learning rate of SGD")).to_have_attribute("aria-valuetext", "0.01")
    button(page, "50 steps").click()
    expect(page.locator(".status")).not_to_contain_text("Diverged")


def test_the_start_is_dragged_and_has_sliders(open_race):
    page = open_race("round bowl")
    page.locator(".map").scroll_into_view_if_needed()
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=3)
    page.mouse.up()
    assert all(loss == pytest.approx(1, abs=0.05) for loss in losses(page))
    slider = page.get_by_label("Start x₁", exact=True)
    assert float(slider.input_value()) == pytest.approx(1, abs=0.05)
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "−2")


def test_a_finger_chooses_the_start_at_360_pixels(open_race):
    page = open_race("round bowl", context={"width": 360, "has_touch": True, "is_mobile": True})
    page.locator(".map").scroll_into_view_if_needed()
    box = page.locator(".map").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert losses(page)[0] == pytest.approx(0, abs=1e-3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_surface_is_chosen_and_an_optimiser_hidden(open_race):
    page = open_race()
    page.get_by_label("Surface", exact=True).select_option("saddle")
    expect(page.locator(".status")).to_have_text("Surface: saddle.")
    button(page, "50 steps").click()
    page.get_by_role("checkbox", name="Adam").uncheck()
    expect(page.locator(".map .path.w5")).to_have_attribute("d", "")
    expect(page.locator(".walker.w5")).to_have_attribute("display", "none")


def test_momentum_begins_a_new_race(open_race):
    page = open_race()
    button(page, "50 steps").click()
    page.get_by_label("Momentum μ").focus()
    page.keyboard.press("Home")
    expect(page.locator(".status")).to_have_text("Momentum 0.00, back at the start.")
    button(page, "50 steps").click()
    first, second, third = losses(page)[:3]
    assert first == second == third  # without momentum all three are plain descent


def test_run_goes_on_until_paused_and_reduced_motion_offers_steps_alone(open_race):
    expect(button(open_race(), "Run")).to_be_hidden()
    page = open_race(context={"reduced_motion": "no-preference"})
    button(page, "Run").click()
    page.wait_for_function(
        "document.querySelector('.map .path.w0').getAttribute('d').split('L').length > 5"
    )
    button(page, "Pause").click()
    expect(page.locator(".status")).to_have_text(re.compile("^After \\d+ steps"))


def test_both_themes_paint_the_map(open_race):
    pixel = (
        "[...document.querySelector('.map canvas').getContext('2d').getImageData(1, 1, 1, 1).data]"
    )
    light, dark = (
        open_race(context={"theme": theme}).evaluate(pixel) for theme in ("light", "dark")
    )
    assert light[3] == dark[3] == 255
    assert sum(light[:3]) > sum(dark[:3]) + 150


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: setattr(w, "surface", "cliff"), "one of round bowl, .*got 'cliff'"),
        (lambda w: setattr(w, "momentum", 1.0), "momentum from 0.0 to 0.99, got 1.0"),
        (lambda w: setattr(w, "start", [5, 0]), r"within 2.0, got \[5, 0\]"),
        (lambda w: setattr(w, "rates", {"SGD": 1}), "a rate for each of"),
        (lambda w: setattr(w, "rates", RATES | {"Adam": 0}), "rate of Adam from 0.0001 to 10.0"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        change(OptimiserRace())
