"""The perceptron plane, used by mouse, finger and keyboard; its numbers against the package."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.scratch.perceptron import Perceptron
from dlcv.scratch.separability import is_separable, max_margin_separator, novikoff_bound
from dlcv.study.widgets.perceptron_plane import PerceptronPlane

STILL = {"reduced_motion": "reduce"}


@pytest.fixture
def open_plane(open_widget):
    """`open_plane("AND")` gives a page with that preset and no motion."""

    def open_page(preset="AND", place=None, **context):
        widget = PerceptronPlane(preset)
        if place is not None:
            widget.place(*place)
        page = open_widget(widget, **STILL | context)
        expect(page.locator('.dlcv-widget[data-ready="true"]')).to_be_visible()
        return page

    return open_page


def fact(page, name):
    """The reading beside the plane under a name."""
    row = page.locator(".facts > div").filter(has=page.locator("dt", has_text=name))
    return row.locator("dd")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def point(page, number):
    return page.get_by_role("button", name=re.compile(rf"^Point {number},"))


def place_on_screen(page, x1, x2):
    box = page.locator(".plane").bounding_box()
    return box["x"] + (x1 + 2) / 4 * box["width"], box["y"] + (2 - x2) / 4 * box["height"]


def choose(page, preset):
    page.get_by_label("Points", exact=True).select_option(preset)


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text.replace("−", "-"))]


def test_a_step_on_and_learns_it_and_tells_the_sum(open_plane):
    page = open_plane("AND")
    button(page, "Step").click()
    expect(page.locator(".status")).to_have_text(
        "Point 1, class −1: score 0, undecided, which counts as a mistake. "
        "(0, 0, 0) + (1, 1, −1) = (1, 1, −1)."
    )
    expect(fact(page, "Weights")).to_have_text("(1, 1, −1)")
    expect(fact(page, "Mistakes so far")).to_have_text("1")
    expect(fact(page, "Points right")).to_have_text("4 of 4 · most so far: 4")
    expect(fact(page, "Mistake bound")).to_have_text("9, from R² = 3 and best γ = 0.577")
    expect(fact(page, "Margin")).to_have_text("0.577 of at most 0.577")
    assert page.locator(".line").get_attribute("d")
    assert page.locator("path.update").get_attribute("d")
    assert page.locator(".band").get_attribute("d").count("M") == 2


def test_or_takes_three_mistakes_and_nand_one(open_plane):
    page = open_plane()
    for preset, weights, mistakes in (("OR", "(1, 1, 1)", "3"), ("NAND", "(−1, −1, 1)", "1")):
        choose(page, preset)
        button(page, "Run").click()
        expect(fact(page, "Weights")).to_have_text(weights)
        expect(fact(page, "Mistakes so far")).to_have_text(mistakes)
        expect(page.locator(".status")).to_contain_text("the rule stops")


def test_xor_goes_round_for_ever(open_plane):
    page = open_plane("XOR")
    expect(fact(page, "Mistake bound")).to_have_text("none: no line separates these points")
    button(page, "Run").click()
    lines = page.locator(".passes li")
    expect(lines).to_have_text([f"After pass {i}: (0, 0, 0), 4 mistakes" for i in (1, 2, 3)])
    expect(page.locator(".status")).to_contain_text("goes round for ever")
    expect(fact(page, "Mistakes so far")).to_have_text("12")


def test_no_sliders_solve_xor_but_three_points_they_do(open_plane):
    page = open_plane("XOR")
    for name in ("w₁", "w₂", "b"):
        page.get_by_label(name, exact=True).focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
    expect(fact(page, "Weights")).to_have_text("(1, 1, 1)")
    expect(fact(page, "Points right")).to_have_text("3 of 4 · most so far: 3")
    expect(page.locator(".status")).to_have_text("3 of 4 points right.")
    expect(page.locator(".point.wrong")).to_have_count(1)
    expect(point(page, 4)).to_have_attribute("aria-label", re.compile("wrong$"))
    button(page, "Weights to 0").click()
    expect(fact(page, "Points right")).to_have_text("undecided while all weights are 0")


def test_mouse_drops_drags_and_flips(open_plane):
    page = open_plane("AND")
    page.mouse.click(*place_on_screen(page, 0.5, -0.5))
    expect(point(page, 5)).to_have_attribute("aria-label", re.compile(r"\+1, at \(0.5, −0.5\)"))
    page.mouse.move(*place_on_screen(page, 0.5, -0.5))
    page.mouse.down()
    page.mouse.move(*place_on_screen(page, 0.5, 0.5), steps=4)
    page.mouse.move(*place_on_screen(page, 1.5, 0.25), steps=4)
    page.mouse.up()
    expect(point(page, 5)).to_have_attribute("aria-label", re.compile(r"\+1, at \(1.5, 0.25\)"))
    point(page, 5).click()
    expect(point(page, 5)).to_have_attribute("aria-label", re.compile("class −1"))
    expect(page.locator(".point")).to_have_count(5)  # neither drag nor flip has added one
    expect(page.get_by_label("Points", exact=True)).to_have_value("own points")


def test_a_drag_past_the_edge_stays_in_the_plane(open_plane):
    page = open_plane("AND")
    page.mouse.move(*place_on_screen(page, 1, 1))
    page.mouse.down()
    page.mouse.move(*place_on_screen(page, 1.5, 3), steps=4)
    page.mouse.up()
    expect(point(page, 4)).to_have_attribute("aria-label", re.compile(r"\(1.5, 1.875\)"))


def test_finger_drops_drags_and_flips_on_a_phone(open_plane):
    page = open_plane("AND", width=360, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*place_on_screen(page, 0, -1.5))
    expect(page.locator(".point")).to_have_count(5)
    page.touchscreen.tap(*place_on_screen(page, 0, -1.5))
    expect(point(page, 5)).to_have_attribute("aria-label", re.compile("class −1"))
    touch = page.context.new_cdp_session(page)
    for kind, places in (
        ("touchStart", [(0, -1.5)]),
        ("touchMove", [(0.2, -1)]),
        ("touchMove", [(0.5, 0)]),
        ("touchEnd", []),
    ):
        spots = [dict(zip("xy", place_on_screen(page, *at), strict=True)) for at in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
    expect(point(page, 5)).to_have_attribute("aria-label", re.compile(r"−1, at \(0.5, 0\)"))
    button(page, "Delete point").tap()
    expect(page.locator(".point")).to_have_count(4)


def test_keyboard_moves_flips_adds_and_deletes(open_plane):
    page = open_plane("XOR")
    point(page, 1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(point(page, 1)).to_have_attribute("aria-label", re.compile(r"\(−0.875, −0.875\)"))
    page.keyboard.press("Enter")
    expect(point(page, 1)).to_have_attribute("aria-label", re.compile(r"class \+1"))
    page.keyboard.press("Space")
    expect(point(page, 1)).to_have_attribute("aria-label", re.compile("class −1"))
    page.keyboard.press("Delete")
    expect(page.locator(".point")).to_have_count(3)
    expect(fact(page, "Mistake bound")).not_to_have_text(re.compile("none"))
    page.get_by_label("New points").select_option("class −1")
    button(page, "Add point").press("Enter")
    expect(page.locator(".point")).to_have_count(4)
    expect(point(page, 4)).to_be_focused()
    expect(point(page, 4)).to_have_attribute("aria-label", re.compile("class −1"))
    button(page, "Flip class").press("Enter")
    expect(point(page, 4)).to_have_attribute("aria-label", re.compile(r"class \+1"))


def test_an_empty_plane_waits_and_a_full_one_says_so(open_plane):
    page = open_plane("empty plane")
    expect(button(page, "Step")).to_be_disabled()
    for _ in range(41):
        button(page, "Add point").press("Enter")
    expect(page.locator(".point")).to_have_count(40)
    expect(page.locator(".status")).to_have_text("The plane holds at most 40 points.")
    places = page.locator(".point").evaluate_all("all => all.map((p) => p.ariaLabel.split(',')[2])")
    assert len(places) == 40
    for _ in range(40):
        page.locator(".point").last.press("Backspace")
    expect(page.locator(".point")).to_have_count(0)
    expect(button(page, "Add point")).to_be_focused()


def test_running_moves_on_by_itself_and_pauses(open_plane):
    page = open_plane("XOR", reduced_motion="no-preference")
    button(page, "Run").click()
    expect(fact(page, "Mistakes so far")).not_to_have_text(re.compile("^[01]$"))
    button(page, "Pause").click()
    count = fact(page, "Mistakes so far").text_content()
    page.wait_for_timeout(1200)
    expect(fact(page, "Mistakes so far")).to_have_text(count)


def random_plane(seed, count):
    """Points on eighths, labelled by a random line for even seeds, by chance for odd ones."""
    draw = torch.Generator().manual_seed(seed)
    points = torch.randint(-14, 15, (count, 2), generator=draw) / 8
    line = torch.randn(3, generator=draw)
    scores = points @ line[:2] + line[2] + (seed % 2) * torch.randn(count, generator=draw)
    return points.tolist(), (2 * (scores > 0).int() - 1).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_what_the_page_computes_is_what_python_computes(open_plane, seed):
    points, labels = random_plane(seed, 14)
    data = torch.tensor(points, dtype=torch.float64), torch.tensor(labels)
    page = open_plane(place=(points, labels))
    bound = fact(page, "Mistake bound")
    if not is_separable(*data):
        expect(bound).to_have_text("none: no line separates these points")
        return
    expected = novikoff_bound(*data, max_margin_separator(*data))
    assert numbers(bound.text_content())[0] == pytest.approx(expected, abs=1e-3)
    button(page, "Run").click()
    learner = Perceptron(max_passes=100).fit(*data)  # where the page stops, too
    expect(fact(page, "Mistakes so far")).to_have_text(str(learner.mistakes))
    assert numbers(fact(page, "Weights (").text_content()) == learner.weights.tolist()
    last = learner.after_pass[-4:].tolist()
    assert [numbers(t)[1:4] for t in page.locator(".passes li").all_text_contents()] == last


def test_seeds_cover_both_kinds_of_data():
    kinds = {
        is_separable(torch.tensor(points), torch.tensor(labels))
        for points, labels in (random_plane(seed, 14) for seed in range(8))
    }
    assert kinds == {True, False}


def test_python_sets_and_reads_the_state():
    plane = PerceptronPlane("OR")
    assert plane.labels == [-1, 1, 1, 1]
    plane.weights = [1, 1, 1]
    plane.place([[0.26, -1.0], [1, 1]], [1, -1])
    assert plane.points == [[0.25, -1.0], [1.0, 1.0]]  # snapped to eighths
    assert plane.preset == "own points"
    plane.preset = "XOR"
    assert plane.labels == [-1, 1, 1, -1]
    assert plane.weights == [0, 0, 0]


def test_presets_are_what_they_are_called():
    presets = {item["name"]: item for item in PerceptronPlane().presets}
    assert list(presets) == ["AND", "OR", "NAND", "XOR", "two clouds", "empty plane"]
    separable = {
        name: is_separable(torch.tensor(item["points"]), torch.tensor(item["labels"]))
        for name, item in presets.items()
        if item["points"]
    }
    assert [name for name, holds in separable.items() if not holds] == ["XOR"]
    clouds = presets["two clouds"]
    learner = Perceptron().fit(torch.tensor(clouds["points"]), torch.tensor(clouds["labels"]))
    assert 5 <= learner.mistakes <= 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plane: PerceptronPlane("NOT"), "expected one of AND.*got 'NOT'"),
        (lambda plane: plane.place([[0, 0]], [1, 1]), "expected 1 labels, got 2"),
        (lambda plane: plane.place([[0, 3]], [1]), r"pairs in \[-2, 2\], got"),
        (lambda plane: plane.place([[0, 0]], [0]), r"labels -1 and \+1, got \[0\]"),
        (lambda plane: plane.place([[0, 0]] * 41, [1] * 41), "at most 40"),
        (lambda plane: setattr(plane, "weights", [1, 2]), r"three finite weights.*got \[1, 2\]"),
        (lambda plane: setattr(plane, "weights", [1, 2, float("nan")]), "finite"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        change(PerceptronPlane())
