"""Beam search in the page against the package's, worked by mouse, finger and keyboard."""

import base64

import pytest
import torch
from playwright.sync_api import expect

from dlcv.captioning.captioner import Captioner
from dlcv.captioning.vocabulary import Vocabulary
from dlcv.study.widgets.caption_beam import LONGEST, WIDEST, CaptionBeam

CAPTIONS = ["a red fish left of a blue ring", "an orange crab above a white ball", "a green boat"]

# Runs the page's search on a scene: for each step, the words kept.
SEARCH = """([state, scene, width]) => {
  const key = Object.keys(dlcv.modules).find((one) => one.startsWith("caption_beam"));
  const el = document.createElement("div");
  el.className = "dlcv-widget";
  document.body.append(el);
  const all = { ...state, scene, width, shown: 0 };
  dlcv.modules[key]().render({ model: dlcv.model(all), el });
  const next = [...el.querySelectorAll("button")].find((one) => one.textContent === "Next word");
  const seen = [];
  while (!next.disabled) {
    next.click();
    seen.push([...el.querySelectorAll(".hypotheses button")].map((one) =>
      [one.querySelector("span").textContent, one.querySelector("b").textContent]));
  }
  return seen;
}"""


def make():
    """A captioner that was never trained, with steep scores, and three scenes."""
    torch.manual_seed(0)
    vocabulary = Vocabulary(CAPTIONS)
    captioner = Captioner(len(vocabulary), "attend", channels=12).eval()
    captioner.speak.weight.data *= 6
    generator = torch.Generator().manual_seed(1)
    grids = 3 * torch.randn(3, 16, 12, generator=generator)
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=generator)
    return captioner, vocabulary, images, grids


@pytest.fixture(scope="module")
def parts():
    return make()


@pytest.fixture
def widget(parts):
    return CaptionBeam(*parts, CAPTIONS)


def said(vocabulary, hypothesis):
    words = vocabulary.decode([hypothesis.words])[0] or "(nothing)"
    return words + (" ■" if hypothesis.words[-1] == Vocabulary.end else "")


@pytest.mark.parametrize("width", range(1, WIDEST + 1))
def test_every_step_of_the_search_is_the_packages(open_widget, widget, parts, width):
    captioner, vocabulary, _, grids = parts
    page = open_widget(widget)
    for scene, grid in enumerate(grids):
        kept = []
        captioner.beam(grid, width, LONGEST, watch=kept.append)
        steps = page.evaluate(SEARCH, [widget.state(), scene, width])
        assert [[name for name, _ in step] for step in steps] == [
            [said(vocabulary, one) for one in step] for step in kept
        ]
        shown = [float(p.replace("−", "-")[6:]) for step in steps for _, p in step]
        expected = [one.log_prob for step in kept for one in step]
        assert shown == pytest.approx(expected, abs=0.006)


def test_attention_is_the_captioners(widget, parts):
    captioner, _, _, grids = parts
    scene = widget.scenes[1]
    assert scene["beginnings"][0] == []
    assert scene["attention"]["shape"] == [len(scene["beginnings"]), 16]
    first = list(base64.b64decode(scene["attention"]["data"])[:16])
    image = captioner.look(grids[1:2])
    expected = (255 * captioner.attention(image, torch.zeros(1, 96))[0]).round().int().tolist()
    assert first == expected


def test_words_come_one_by_one_and_start_again(open_widget, widget):
    page = open_widget(widget)
    expect(page.locator(".status")).to_have_text("Press Next word.")
    expect(page.locator(".hypotheses button")).to_have_count(1)
    page.get_by_role("button", name="Next word").click()
    expect(page.locator(".hypotheses button")).to_have_count(3)
    expect(page.locator(".status")).to_contain_text("After 1 word the best is")
    assert page.locator(".scroll text").count() == 1 + 3
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".status")).to_have_text("Press Next word.")


def test_the_keyboard_widens_the_beam_and_chooses_a_hypothesis(open_widget, widget):
    page = open_widget(widget)
    page.get_by_label("Beam width").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Words so far").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    buttons = page.locator(".hypotheses button")
    expect(buttons).to_have_count(4)
    buttons.nth(2).focus()
    page.keyboard.press("Enter")
    expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(buttons.nth(2)).to_be_focused()
    expect(page.locator(".scroll text.chosen")).to_have_count(1)
    picture = page.locator("canvas").get_attribute("aria-label")
    assert "bright where the network looked for" in picture


def test_the_right_caption_is_shown_on_demand(open_widget, widget):
    page = open_widget(widget)
    expect(page.locator(".answer")).to_have_text("")
    page.get_by_label("Show the right caption").check()
    expect(page.locator(".answer")).to_have_text(f"Right: {CAPTIONS[0]}")
    page.get_by_label("Scene", exact=True).select_option("1")
    expect(page.locator(".answer")).to_have_text(f"Right: {CAPTIONS[1]}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_telephone_is_wide_enough_and_a_finger_speaks(open_widget, widget, theme):
    page = open_widget(widget, theme=theme, width=360, has_touch=True, is_mobile=True)
    for _ in range(4):
        page.get_by_role("button", name="Next word").tap()
    page.locator(".hypotheses button").nth(1).tap()
    expect(page.locator(".hypotheses button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_other_captioners_and_counts_are_refused(parts):
    captioner, vocabulary, images, grids = parts
    with pytest.raises(ValueError, match="the way 'attend' and as many of each, got 'every'"):
        CaptionBeam(Captioner(9, "every"), vocabulary, images, grids, CAPTIONS)
    with pytest.raises(ValueError, match="3, 3 and 2"):
        CaptionBeam(captioner, vocabulary, images, grids, CAPTIONS[:2])
    with pytest.raises(ValueError, match="expected width from 1 to 5, got 6"):
        CaptionBeam(*parts, CAPTIONS).width = 6
