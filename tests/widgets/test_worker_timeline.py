"""The timeline of workers, used by mouse, finger and keyboard; its events against the package's."""

import math
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from dlcv.distributed.simulation import expected_wait, simulate
from dlcv.study.widgets.worker_timeline import SLOWDOWN, WorkerTimeline

# Runs the page's module on a state of our own, presses a button, and returns that state: what
# Python would read from a live widget.
LIVE = """([state, name, times]) => {
  const key = Object.keys(dlcv.modules).find((one) => one.startsWith("worker_timeline"));
  const el = document.createElement("div");
  el.className = "dlcv-widget";
  document.body.append(el);
  dlcv.modules[key]().render({ model: dlcv.model(state), el });
  const press = [...el.querySelectorAll("button")].find((one) => one.textContent === name);
  for (let i = 0; i < times; i++) press.click();
  return state;
}"""
KEYS = (0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F)


def mix(x):
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


def chance(seed, worker, count, stream):
    """The page's random numbers, in Python's whole numbers."""
    x = mix((seed + 0x9E3779B9) & 0xFFFFFFFF)
    x = mix(x ^ ((worker + 1) * KEYS[0] & 0xFFFFFFFF))
    x = mix(x ^ ((count + 1) * KEYS[1] & 0xFFFFFFFF))
    x = mix((x + (stream + 1) * KEYS[2]) & 0xFFFFFFFF)
    return (x + 0.5) / 2**32


def draw_of(seed, spread, stragglers):
    def draw(worker, count):
        time = 1 - spread - spread * math.log(chance(seed, worker, count, 0))
        return time * SLOWDOWN if chance(seed, worker, count, 1) < stragglers else time

    return draw


def rules(policy, workers, backups):
    total = workers + (backups if policy in ("backup", "cut") else 0)
    wait_for = 1 if policy == "async" else workers
    return {
        "workers": total,
        "wait_for": wait_for,
        "takes_stale": policy == "async",
        "interrupts": policy == "cut",
    }


@pytest.fixture
def open_timeline(open_widget):
    """`open_timeline(...)` gives a page with that widget, and no motion."""

    def open_page(*arguments, context=None, **choices):
        widget = WorkerTimeline(*arguments, **choices)
        page = open_widget(widget, **{"reduced_motion": "reduce"} | (context or {}))
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def figure(page, name):
    """The first number beside a name."""
    row = page.locator(".figures div", has=page.get_by_text(name, exact=True))
    return float(re.search(r"\d+(\.\d+)?", row.locator("dd").text_content())[0])


@pytest.mark.parametrize("policy", ["sync", "backup", "cut", "async"])
@pytest.mark.parametrize(("spread", "stragglers"), [(1.0, 0.0), (0.4, 0.1)])
def test_events_in_the_page_are_those_of_the_package(open_timeline, policy, spread, stragglers):
    arguments = (policy, 5, 2, spread, stragglers, 3)
    page = open_timeline(*arguments)
    state = page.evaluate(LIVE, [WorkerTimeline(*arguments).state(), "100 updates", 3])
    timeline = simulate(
        draw_of(3, spread, stragglers), updates=state["updates"], **rules(policy, 5, 2)
    )
    assert state["updates"] >= 300
    assert state["time"] == pytest.approx(timeline.update_times[-1], rel=1e-12)
    assert state["staleness"] == np.bincount(timeline.staleness()).tolist()
    used = len(timeline.staleness())
    assert state["dropped"] == len(timeline.tasks) - used


@pytest.mark.parametrize(("policy", "n"), [("sync", 10), ("cut", 15)])
def test_mean_waits_are_the_order_statistics(open_timeline, policy, n):
    page = open_timeline(policy)
    for _ in range(30):
        button(page, "100 updates").click()
    mean = expected_wait(10, n)
    assert figure(page, "Time from update to update") == pytest.approx(mean, rel=0.04)
    expect(page.locator(".figures")).to_contain_text(f"in the long run {mean:.3g}")


def test_asynchronous_workers_never_wait_and_are_as_stale_as_they_are_many(open_timeline):
    page = open_timeline("async", 10)
    for _ in range(30):
        button(page, "100 updates").click()
    assert figure(page, "Workers wait") == 0
    assert figure(page, "Dropped or cut short") == 0
    assert figure(page, "Mean staleness") == pytest.approx(9, rel=0.03)
    assert figure(page, "Updates a unit of time") == pytest.approx(10, rel=0.05)
    label = page.locator(".bars").get_attribute("aria-label")
    assert re.fullmatch(r"Staleness from 0 to \d+, mean \d+(\.\d+)?", label)


def test_without_spread_nobody_waits_for_anybody(open_timeline):
    page = open_timeline("sync", 4, spread=0.0)
    assert figure(page, "Time from update to update") == 1
    assert figure(page, "Workers wait") == 0


def test_the_keyboard_chooses_everything(open_timeline):
    page = open_timeline("sync", 4)
    expect(page.get_by_label("Backup workers")).to_be_disabled()
    page.get_by_label("Policy", exact=True).select_option("backup")
    expect(page.get_by_label("Backup workers")).to_be_enabled()
    page.get_by_label("Backup workers").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".status")).to_contain_text("8 workers, an update takes the first 4.")
    page.get_by_label("Workers", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".status")).to_contain_text("9 workers, an update takes the first 5.")
    page.get_by_label("Stragglers").focus()
    page.keyboard.press("End")
    expect(page.get_by_label("Stragglers")).to_have_attribute("aria-valuetext", "20 %")
    page.get_by_label("Spread of times").focus()
    page.keyboard.press("Home")
    expect(page.get_by_label("Spread of times")).to_have_attribute("aria-valuetext", "0 %")
    before = page.locator("path.used").get_attribute("d")
    button(page, "New times").focus()
    page.keyboard.press("Enter")
    assert page.locator("path.used").get_attribute("d") != before


def test_every_outcome_is_drawn(open_timeline):
    for policy, outcome in (
        ("backup", "dropped"),
        ("cut", "cut"),
        ("sync", "idle"),
        ("async", "running"),
    ):
        page = open_timeline(policy)
        assert page.locator(f"path.{outcome}").get_attribute("d").startswith("M"), policy
    assert page.locator("path.dropped").get_attribute("d") == ""


def test_a_finger_works_it_on_a_narrow_dark_screen(open_timeline):
    context = {"width": 360, "theme": "dark", "has_touch": True, "is_mobile": True}
    page = open_timeline("cut", 20, 10, context=context)
    before = page.locator(".status").text_content()
    button(page, "Next update").tap()
    expect(page.locator(".status")).not_to_have_text(before)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert button(page, "Next update").bounding_box()["height"] >= 44


def test_play_runs_until_paused_and_reduced_motion_offers_steps_alone(open_timeline):
    expect(button(open_timeline(), "Play")).to_be_hidden()
    page = open_timeline("async", context={"reduced_motion": "no-preference"})
    begun = page.locator(".chart .axis span").last.text_content()
    button(page, "Play").click()
    page.wait_for_function(
        f"document.querySelector('.chart .axis').lastChild.textContent > {begun}"
    )
    button(page, "Pause").click()
    expect(page.locator(".status")).to_contain_text("every gradient is an update. After")
    at = page.locator(".chart .axis span").last.text_content()
    page.wait_for_timeout(200)
    assert page.locator(".chart .axis span").last.text_content() == at


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": "lazy"}, "one of sync, backup, cut, async; got 'lazy'"),
        ({"workers": 1}, "workers from 2 to 20, got 1"),
        ({"backups": 11}, "backups from 0 to 10, got 11"),
        ({"spread": 1.5}, "spread from 0.0 to 1.0, got 1.5"),
        ({"stragglers": 0.5}, "stragglers from 0.0 to 0.2, got 0.5"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        WorkerTimeline(**change)
