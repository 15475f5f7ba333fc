"""What a reader does on a lecture's page: answers, asks for hints, moves every control."""

import json

import pytest
from built_site import lecture_pages

LECTURES = lecture_pages()
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

# What a widget shows, without the values written beside its sliders and without the focus.
SHOWN = """widget => {
  const copy = widget.cloneNode(true);
  copy.querySelectorAll('.control').forEach(node => node.remove());
  const drawn = [...widget.querySelectorAll('canvas')].map(canvas => canvas.toDataURL());
  return copy.innerHTML + drawn.join();
}"""


def _state(item) -> dict:
    """The data that a widget carries on the page."""
    output = item.locator("xpath=ancestor::div[contains(@class, 'dlcv-output')]")
    return json.loads(output.locator("script[type='application/json']").text_content())


def _answer_choice(quiz, options, press):
    buttons = quiz.locator("button.option")
    order = sorted(range(len(options)), key=lambda i: options[i]["right"])  # wrong ones first
    for i in order:
        press(buttons.nth(i))
        said = "Right." if options[i]["right"] else "Not this one."
        assert said in quiz.locator("li").nth(i).inner_text()
        quiz.get_by_role("status").get_by_text(said).wait_for()


def _answer_boxes(quiz, options, press):
    boxes, verify = quiz.get_by_role("checkbox"), quiz.get_by_role("button", name="Check")
    count = len(options)
    for i, option in enumerate(options):
        if not option["right"]:
            press(boxes.nth(i))
    press(verify)
    quiz.get_by_role("status").get_by_text(f"0 of {count} boxes").wait_for()
    for i in range(count):
        press(boxes.nth(i))
    press(verify)
    quiz.get_by_role("status").get_by_text(f"{count} of {count} boxes").wait_for()


def _answer_number(quiz, state, press):
    wrong = [item["value"] for item in state["near"]] + [
        state["answer"] + 1000 + state["tolerance"]
    ]
    for value, said in [*((value, "Not yet.") for value in wrong), (state["answer"], "Right.")]:
        quiz.get_by_role("textbox").fill(repr(value))
        press(quiz.get_by_role("button", name="Check"))
        quiz.get_by_role("status").get_by_text(said).wait_for()
    quiz.get_by_role("textbox").fill("many")
    press(quiz.get_by_role("button", name="Check"))
    quiz.get_by_role("status").get_by_text("Type a number").wait_for()


def _answer(quiz, press):
    state = _state(quiz)
    if "answer" in state:
        _answer_number(quiz, state, press)
    elif sum(option["right"] for option in state["options"]) > 1:
        _answer_boxes(quiz, state["options"], press)
    else:
        _answer_choice(quiz, state["options"], press)


@pytest.mark.parametrize("device", ["mouse", "touch", "keyboard"])
@pytest.mark.parametrize("path", LECTURES)
def test_every_question_is_answered_wrong_and_right(visit, path, device):
    page = visit(path, **(PHONE if device == "touch" else {}))

    def by_key(control):
        control.focus()
        page.keyboard.press("Space")

    press = {"mouse": lambda c: c.click(), "touch": lambda c: c.tap(), "keyboard": by_key}[device]
    quizzes = page.locator("[data-quiz]")
    assert quizzes.count() >= 6
    for i in range(quizzes.count()):
        _answer(quizzes.nth(i), press)
    kept = json.loads(page.evaluate("localStorage.getItem('learning-to-see:progress')"))
    ids = [quizzes.nth(i).get_attribute("data-quiz") for i in range(quizzes.count())]
    assert len(set(ids)) == len(ids)
    assert {kept["quiz"][id] for id in ids} == {"right"}


@pytest.mark.parametrize("path", LECTURES)
def test_every_exercise_gives_hints_and_its_solution(visit, path):
    page = visit(path)
    exercises = page.locator("[data-exercise]")
    assert exercises.count() >= 4
    for i in range(exercises.count()):
        exercise = exercises.nth(i)
        texts = _state(exercise)["hints"]
        for shown in range(1, len(texts) + 1):
            exercise.get_by_role("button", name="Hint").click()
            assert exercise.locator("ol > li").count() == shown
        assert exercise.get_by_role("button", name="No more hints").is_disabled()
        code = exercise.locator(".highlight")
        assert not code.is_visible()
        exercise.locator("summary").click()
        assert code.is_visible()
        exercise.get_by_label("I have solved it").check()


def _acts(page, widget, slider) -> bool:
    """Whether moving a slider, by up to ten of its steps, changes what is shown."""
    before = widget.evaluate(SHOWN)
    slider.focus()
    for key in ["ArrowRight"] * 10 + ["ArrowLeft"] * 20:
        page.keyboard.press(key)
        page.wait_for_timeout(60)
        if widget.evaluate(SHOWN) != before:
            return True
    return False


@pytest.mark.parametrize("path", LECTURES)
def test_every_slider_changes_what_is_shown(visit, path):
    page = visit(path)
    page.emulate_media(reduced_motion="reduce")
    sliders = page.locator(".dlcv-widget input[type='range']:visible")
    for i in range(sliders.count()):
        slider = sliders.nth(i)
        widget = slider.locator("xpath=ancestor::div[contains(@class, 'dlcv-widget')]")
        name = slider.evaluate("node => node.labels[0]?.textContent ?? node.ariaLabel")
        later = widget.get_by_role("button", name="Next step")
        while not _acts(page, widget, slider):
            assert later.count() == 1, f"{name} changes nothing"
            assert later.is_enabled(), f"{name} changes nothing in any step"
            later.click()  # it may belong to a later step


@pytest.mark.parametrize("path", ["index.html", *LECTURES])
def test_every_button_and_list_can_be_used_by_touch(visit, path):
    page = visit(path, **PHONE)
    controls = page.locator(".dlcv-widget :is(button, select):visible")
    for i in range(controls.count()):
        control = controls.nth(i)
        if control.is_disabled():
            continue
        if control.evaluate("node => node.tagName") == "SELECT":
            for value in control.evaluate("node => [...node.options].map(option => option.value)"):
                control.select_option(value)
        else:
            control.tap()


def test_progress_shows_on_the_contents_page(visit):
    page = visit(LECTURES[0])
    quiz = page.locator("[data-quiz]:has(button.option)").first
    right = [option["right"] for option in _state(quiz)["options"]].index(True)
    quiz.locator("button.option").nth(right).click()
    page.locator("[data-exercise]").first.get_by_label("I have solved it").check()
    page.goto(page.url.replace(LECTURES[0], "index.html"))
    page.get_by_text("1 of", exact=False).first.wait_for()
    assert page.get_by_text("1 of", exact=False).count() >= 1
