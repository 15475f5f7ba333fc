"""The bench, used by mouse, finger and keyboard; its pixels against the package's functions."""

import math
import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.data import augment, warps
from dlcv.study.widgets.augmentation_bench import (
    ANSWERS,
    CAT,
    KNOBS,
    SIX,
    AugmentationBench,
    cat_picture,
)

NEUTRAL = {
    "flipX": False,
    "flipY": False,
    "window": 1,
    "windowAt": [0, 0],
    "scale": 1,
    "angle": 0,
    "shift": [0, 0],
    "slope": 0,
    "wider": 1,
    "lens": 0,
    "isGrey": False,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "noise": 0,
    "noiseSeed": 0,
    "erased": None,
}

# What the page makes of one draw, and what the package makes of the same numbers in its own order.
CASES = {
    "flip_horizontal": ({"flipX": True}, [0.0]),
    "flip_vertical": ({"flipY": True}, [0.0]),
    "zoom_crop": ({"window": 0.6, "windowAt": [0.4, -0.2]}, [0.6, 1.0, -0.5]),
    "scale": ({"scale": 1.3}, [1.3]),
    "rotate": ({"angle": math.radians(25)}, [25.0]),
    "shift": ({"shift": [0.3, -0.1]}, [0.15, -0.05]),
    "shear": ({"slope": math.tan(math.radians(20))}, [20.0]),
    "stretch": ({"wider": 1.25}, [1.0]),
    "lens": ({"lens": -0.12}, [-0.12]),
    "grey": ({"isGrey": True}, [0.0]),
    "brightness": ({"brightness": 1.4}, [1.4]),
    "contrast": ({"contrast": 0.5}, [0.5]),
    "saturation": ({"saturation": 0.2}, [0.2]),
}


@pytest.fixture
def open_bench(open_widget):
    """`open_bench(...)` gives a page with that bench."""

    def open_page(*arguments, context=None, **choices):
        page = open_widget(AugmentationBench(*arguments, **choices), **(context or {}))
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def pictures(page):
    """The nine canvases as text."""
    return page.evaluate("[...document.querySelectorAll('.grid canvas')].map((c) => c.toDataURL())")


@pytest.fixture(scope="module")
def maths(browser):
    """A page that knows the bench's mathematics."""
    page = browser.new_page()
    source = AugmentationBench.source().split("const SAMPLES")[0]
    page.add_script_tag(content=source + "window.augmented = augmented; window.drawn = drawSample;")
    yield page
    page.close()


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_the_packages(maths, monkeypatch, name):
    draws, numbers = CASES[name]
    picture = (255 * cat_picture()[:, :40, :60]).round() / 255
    monkeypatch.setattr(warps, "draw_uniform", lambda *rest: torch.tensor([numbers.pop(0)]))
    monkeypatch.setattr(augment, "draw_uniform", lambda *rest: torch.tensor([numbers.pop(0)]))
    for room in (warps, augment):
        monkeypatch.setattr(room, "draw_chance", lambda *rest: torch.ones(1, 1, 1, 1).bool())
    numbers = list(numbers)
    expected = getattr(augment, name)(picture[None], torch.Generator())[0]
    pixels = (255 * picture).permute(1, 2, 0).flatten().tolist()
    got = maths.evaluate(
        "([pixels, draws]) => [...augmented(pixels, 40, 60, draws)]", [pixels, NEUTRAL | draws]
    )
    got = torch.tensor(got).reshape(40, 60, 3).permute(2, 0, 1) / 255
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=2e-3)


def test_draws_stay_within_the_ranges_of_the_sliders(maths):
    strengths = {knob.name: 0 for knob in KNOBS} | {"rotate": 30, "zoom_crop": 50, "lens": 10}
    draws = maths.evaluate(
        """(strengths) => Array.from({ length: 300 },
          (_, i) => drawn(strengths, 40, 60, makeRandom(i)))""",
        strengths,
    )
    angles = [math.degrees(one["angle"]) for one in draws]
    windows = [one["window"] for one in draws]
    assert -30 <= min(angles) < -25
    assert 25 < max(angles) <= 30
    assert 0.5 <= min(windows) < 0.55
    assert max(windows) <= 1
    assert all(abs(x) <= 1 - one["window"] + 1e-9 for one in draws for x in one["windowAt"])
    assert max(abs(one["lens"]) for one in draws) <= 0.1
    assert {one["erased"] for one in draws} == {None}
    assert not any(one["flipX"] or one["isGrey"] or one["noise"] for one in draws)


def test_with_everything_off_all_samples_are_the_original(open_bench):
    assert len(set(pictures(open_bench()))) == 1


def test_a_slider_changes_the_samples_and_again_draws_new_ones(open_bench):
    page = open_bench()
    page.get_by_label("Rotate by up to").focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Rotate by up to")).to_have_attribute("aria-valuetext", "15 °")
    first = pictures(page)
    assert len(set(first)) == 9
    button(page, "Again").click()
    second = pictures(page)
    assert first[0] == second[0]
    assert not set(first[1:]) & set(second[1:])
    button(page, "All off").click()
    assert len(set(pictures(page))) == 1


def test_a_flip_changes_some_samples_and_not_others(open_bench):
    page = open_bench()
    page.get_by_label("Flip left–right").check()
    assert len(set(pictures(page))) == 2


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_augmentation_does_something(open_bench, knob):
    page = open_bench("a cat", {knob.name: knob.typical})
    assert len(set(pictures(page))) > 1


def test_the_label_question_answers_with_a_reason(open_bench):
    page = open_bench("a handwritten six")
    judged = page.get_by_label("Does the label survive")
    judged.select_option("flip_horizontal")
    expect(page.locator(".status")).to_contain_text("still a handwritten six?")
    assert len(set(pictures(page))) == 2
    button(page, "Yes, always").click()
    expect(page.locator(".status")).to_contain_text('We would say "no". A mirrored six')
    button(page, "No").click()
    expect(page.locator(".status")).to_contain_text(re.compile("^Right. .*1 of 15"))
    expect(button(page, "No")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Picture", exact=True).select_option("a cat")
    expect(button(page, "No")).to_have_attribute("aria-pressed", "false")
    button(page, "Yes, always").click()
    expect(page.locator(".status")).to_contain_text("Right. A mirrored cat is a cat")


def test_every_augmentation_has_a_verdict_for_every_picture():
    for verdicts in (CAT, SIX):
        assert set(verdicts) == {knob.name for knob in KNOBS}
        assert all(answer in ANSWERS and why.endswith(".") for answer, why in verdicts.values())
    assert all(knob.name in augment.__all__ and 0 < knob.typical <= knob.most for knob in KNOBS)


def test_a_finger_at_360_pixels(open_bench):
    page = open_bench(context={"width": 360, "has_touch": True, "is_mobile": True})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_label("Flip left–right").tap()
    assert len(set(pictures(page))) == 2


def test_both_themes_are_readable(open_bench):
    for theme in ("light", "dark"):
        page = open_bench(context={"theme": theme})
        expect(button(page, "Again")).to_be_visible()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: setattr(w, "picture", "a dog"), "one of a cat, .*got 'a dog'"),
        (lambda w: setattr(w, "strengths", {"rotate": 3}), "a strength for each augmentation"),
        (
            lambda w: setattr(w, "strengths", w.strengths | {"rotate": 181}),
            "rotate from 0 to 180, got 181",
        ),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        change(AugmentationBench())
