"""Quizzes, hints and explore as a reader uses them: mouse, finger, keyboard, and a second visit."""

import matplotlib.pyplot as plt
import pytest
from playwright.sync_api import expect

from dlcv.study import Numeric, Quiz, explore, right, wrong
from dlcv.study.exercises.base import Exercise, Hints

TOUCH = {"has_touch": True, "is_mobile": True}
KEY = "learning-to-see:progress"


def single():
    return Quiz(
        "01.layers",
        "How many layers does XOR need?",
        wrong("One", "One layer draws *one* line."),
        right("Two", "The second layer joins two half-planes."),
    )


def multiple():
    return Quiz(
        "04.true",
        "What holds for a convolution?",
        right("It shares weights.", "One kernel for all places."),
        wrong("It sees the whole image.", "It sees a window."),
        right("It may have a bias.", "One for each output channel."),
    )


def number():
    return Numeric(
        "04.width",
        "How wide is the output?",
        answer=340908,
        why="all connections",
        unit="pixels",
        tolerance=0.5,
        near={340000: "That leaves out the biases."},
    )


def folded():
    exercise = Exercise(
        title="Add", check=print, hints=("Think.", "Use +."), solution="answer = 1 + 1", praise="!"
    )
    return Hints("01.add", exercise)


def bars():
    def draw(height, width):
        plt.figure(figsize=(1 + height, 1 + width))

    return explore(draw, alt="height {height}, width {width}", height=[1, 2, 3], width=[1, 2])


def press(page, name, how):
    """Presses a button with the mouse, a finger, or Enter."""
    target = page.get_by_role("button", name=name)
    if how == "mouse":
        target.click()
    elif how == "touch":
        target.tap()
    else:
        target.focus()
        page.keyboard.press("Enter")


def stored(page):
    return page.evaluate(f"JSON.parse(localStorage.getItem('{KEY}') ?? '{{}}')")


WAYS = [("mouse", {}), ("touch", TOUCH), ("keyboard", {})]
by_all_means = pytest.mark.parametrize(("how", "context"), WAYS, ids=[way for way, _ in WAYS])


# --- one right answer ----------------------------------------------------------------------------


@by_all_means
def test_single_choice_answered_wrong_then_right(open_widget, how, context):
    page = open_widget(single(), **context)
    status = page.get_by_role("status")
    press(page, "One", how)
    expect(status).to_have_text("Not this one. You may try another answer.")
    expect(page.get_by_text("One layer draws one line.")).to_be_visible()
    assert stored(page) == {"quiz": {"01.layers": "tried"}}
    press(page, "Two", how)
    expect(status).to_have_text("Right.")
    expect(page.get_by_text("The second layer joins two half-planes.")).to_be_visible()
    assert stored(page) == {"quiz": {"01.layers": "right"}}


def test_a_right_answer_is_kept_when_a_wrong_one_follows(open_widget):
    page = open_widget(single())
    press(page, "Two", "mouse")
    press(page, "One", "mouse")
    expect(page.get_by_role("status")).to_have_text("Not this one. You may try another answer.")
    assert stored(page) == {"quiz": {"01.layers": "right"}}


def test_the_same_wrong_answer_explains_itself_once(open_widget):
    page = open_widget(single())
    for _ in range(2):
        press(page, "One", "mouse")
    expect(page.locator(".why")).to_have_count(1)


def test_tab_reaches_the_options_in_order(open_widget):
    page = open_widget(single())
    names = []
    for _ in range(2):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.innerText").split()[-1])
    assert names == ["One", "Two"]


# --- several right answers -----------------------------------------------------------------------


@by_all_means
def test_multiple_choice_answered_wrong_then_right(open_widget, how, context):
    page = open_widget(multiple(), **context)

    def tick(name):
        box = page.get_by_role("checkbox", name=name)
        if how == "mouse":
            box.click()
        elif how == "touch":
            box.tap()
        else:
            box.focus()
            page.keyboard.press("Space")

    tick("shares weights")
    tick("whole image")
    press(page, "Check", how)
    status = page.get_by_role("status")
    expect(status).to_have_text("1 of 3 boxes are as they should be.")
    expect(page.get_by_text("False: It sees a window.")).to_be_visible()
    assert stored(page) == {"quiz": {"04.true": "tried"}}
    tick("whole image")
    tick("may have a bias")
    press(page, "Check", how)
    expect(status).to_have_text("3 of 3 boxes are as they should be.")
    assert stored(page) == {"quiz": {"04.true": "right"}}


# --- numbers -------------------------------------------------------------------------------------


@by_all_means
def test_a_number_answered_wrong_nearly_and_right(open_widget, how, context):
    page = open_widget(number(), **context)
    box, verdict = page.get_by_label("Your answer"), page.get_by_role("status")

    def answer(text):
        box.fill(text)
        if how == "keyboard":
            box.press("Enter")
        else:
            press(page, "Check", how)

    answer("12")
    expect(verdict).to_have_text("✗ Not yet. 12 is too small. Try once more.")
    answer("340000")
    expect(verdict).to_have_text("✗ Not yet. That leaves out the biases.")
    assert stored(page) == {"quiz": {"04.width": "tried"}}
    answer("340908")
    expect(verdict).to_have_text("✓ Right. all connections")
    assert stored(page) == {"quiz": {"04.width": "right"}}


@pytest.mark.parametrize("text", ["340,908", "340908.4", "340908,4", " 340908 ", "3.40908e5"])
def test_numbers_are_read_as_people_write_them(open_widget, text):
    page = open_widget(number())
    page.get_by_label("Your answer").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("✓ Right.")


@pytest.mark.parametrize("text", ["", "many", "1e999", "12 px"])
def test_what_is_no_number_is_met_with_a_hint(open_widget, text):
    page = open_widget(number())
    page.get_by_label("Your answer").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Type a number, for example 12 or 0.5.")
    assert stored(page) == {}


def test_a_minus_of_either_kind_is_understood(open_widget):
    page = open_widget(Numeric("01.below", "Below zero?", answer=-3, why="yes"))
    page.get_by_label("Your answer").fill("−3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("✓ Right. yes")


# --- a second visit ------------------------------------------------------------------------------


def test_what_was_answered_is_remembered_after_a_reload(open_widget):
    page = open_widget(single(), multiple(), number())
    expect(page.get_by_text("answered before")).to_have_count(0)
    press(page, "Two", "mouse")
    page.get_by_label("Your answer").fill("1")
    page.keyboard.press("Enter")
    page.reload()
    expect(page.get_by_text("answered before")).to_have_count(1)
    expect(page.locator("[data-quiz='01.layers'] .kind")).to_have_text("Quiz · answered before")


def test_without_storage_a_quiz_still_answers(open_widget):
    page = open_widget(single())
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    press(page, "Two", "mouse")
    expect(page.get_by_role("status")).to_have_text("Right.")


def test_answering_tells_the_page(open_widget):
    page = open_widget(single())
    page.evaluate("addEventListener('dlcv:progress', () => (document.title = 'heard'))")
    press(page, "One", "mouse")
    assert page.title() == "heard"


# --- hints ---------------------------------------------------------------------------------------


@by_all_means
def test_hints_come_one_by_one(open_widget, how, context):
    page = open_widget(folded(), **context)
    press(page, "Hint 1 of 2", how)
    expect(page.get_by_role("listitem")).to_have_text(["Think."])
    press(page, "Hint 2 of 2", how)
    expect(page.get_by_role("listitem")).to_have_text(["Think.", "Use +."])
    expect(page.get_by_role("button", name="No more hints")).to_be_disabled()


def test_the_solution_unfolds(open_widget):
    page = open_widget(folded())
    expect(page.locator("pre")).to_be_hidden()
    page.get_by_text("Worked solution").click()
    expect(page.locator("pre")).to_contain_text("answer = 1 + 1")


def test_a_solved_exercise_is_remembered_and_can_be_taken_back(open_widget):
    page = open_widget(folded())
    page.get_by_label("I have solved it").check()
    assert stored(page) == {"exercise": {"01.add": "done"}}
    page.reload()
    done = page.get_by_label("I have solved it")
    expect(done).to_be_checked()
    done.uncheck()
    assert stored(page) == {"exercise": {"01.add": "open"}}


# --- explore -------------------------------------------------------------------------------------


def test_explore_plays_its_frames_by_keyboard(open_widget):
    page = open_widget(bars())
    picture = page.get_by_role("img")
    expect(picture).to_have_attribute("alt", "height 2, width 2")
    before = picture.get_attribute("src")
    page.get_by_role("slider", name="height").focus()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "height 3, width 2")
    assert picture.get_attribute("src") != before
    page.get_by_role("slider", name="width").focus()
    page.keyboard.press("Home")
    expect(picture).to_have_attribute("alt", "height 3, width 1")
    expect(page.get_by_role("slider", name="width")).to_have_attribute("aria-valuetext", "1")


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_explore_plays_its_frames_by_pointer(open_widget, how):
    page = open_widget(bars(), **(TOUCH if how == "touch" else {}))
    track = page.get_by_role("slider", name="height")
    box = track.bounding_box()
    left = {"x": 4, "y": box["height"] / 2}
    if how == "touch":
        track.tap(position=left)
    else:
        track.click(position=left)
    expect(page.get_by_role("img")).to_have_attribute("alt", "height 1, width 2")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 760])
def test_nothing_is_wider_than_the_page(open_widget, theme, width):
    page = open_widget(single(), multiple(), number(), folded(), bars(), theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
