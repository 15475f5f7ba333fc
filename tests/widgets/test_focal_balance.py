"""The focal loss widget: its numbers against the package, and its controls by hand and key."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.retinanet import focal_loss
from dlcv.study.widgets.focal_balance import MIDDLES, FocalBalance, count

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def answers(seed=0):
    """Many easy background answers, a few objects of all kinds."""
    g = torch.Generator().manual_seed(seed)
    background = torch.sigmoid(4 + 1.5 * torch.randn(5000, generator=g))
    return background, torch.sigmoid(torch.randn(60, generator=g))


@pytest.fixture
def widget():
    return FocalBalance({"trained": answers(), "other": answers(1)})


def shown(page):
    text = page.locator(".parts").inner_text()
    return [float(x) / 100 for x in re.findall(r"(\d+(?:\.\d+)?) %", text)]


def slide(page, label, value):
    page.get_by_role("slider", name=label).fill(str(value))


def test_losses_and_slopes_equal_the_package(open_widget, widget):
    page = open_widget(widget)
    p = torch.tensor([0.01, 0.3, 0.5, 0.9, 0.999], dtype=torch.float64)
    logits = p.logit().requires_grad_()
    for gamma in (0, 0.5, 2, 5):
        loss = focal_loss(logits, torch.ones_like(p), gamma, 0.3)
        (slope,) = torch.autograd.grad(loss.sum(), logits)
        call = f"x.map((p) => [focalLoss(p, {gamma}, 0.3), focalSlope(p, {gamma}, 0.3)])"
        source = FocalBalance.source()
        found = page.evaluate(f"(x) => {{ {source}; return {call}; }}", p.tolist())
        expected = torch.stack([loss, -slope], dim=1)
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected)


def test_the_page_divides_the_loss_as_python_does(open_widget, widget):
    page = open_widget(widget)
    for gamma, alpha, easy in ((0, 0.5, 0.6), (2, 0.25, 0.6), (5, 0.95, 0.9), (0.5, 0.05, 0.5)):
        slide(page, "γ", gamma)
        slide(page, "α", alpha)
        slide(page, "easy from", easy)
        widget.gamma, widget.alpha, widget.easy = gamma, alpha, easy
        expected = [widget.shares[name] for name in ("easy", "hard", "objects")]
        assert shown(page) == pytest.approx(expected, abs=0.0051)


def test_a_larger_gamma_takes_the_loss_off_the_easy_background(open_widget, widget):
    page = open_widget(widget)
    easy = []
    for gamma in (0, 1, 2, 4):
        slide(page, "γ", gamma)
        easy.append(shown(page)[0])
    assert easy == sorted(easy, reverse=True)
    assert easy[0] > 2 * easy[-1]


def test_the_factor_of_the_paper_is_told(open_widget, widget):
    page = open_widget(widget)
    slide(page, "γ", 2)
    expect(page.locator(".readout")).to_contain_text("p = 0.9 counts 100 times less")


def test_another_detector_is_chosen_and_keys_move_a_slider(open_widget, widget):
    page = open_widget(widget)
    before = shown(page)
    page.get_by_role("combobox", name="Answers of").select_option(label="other")
    assert shown(page) != before
    page.get_by_role("slider", name="γ").press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("γ = 0.1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, widget, theme):
    page = open_widget(widget, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("slider", name="γ").tap()
    expect(page.locator(".readout")).not_to_contain_text("γ = 0.0")


def test_counting_loses_nobody():
    p = torch.tensor([0.0, 1.0, 0.5, 1e-9])
    assert count(p).sum() == 4
    assert count(MIDDLES).tolist() == [1] * len(MIDDLES)
    assert count(torch.zeros(0)).sum() == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gamma", 6, "expected gamma from 0 to 5"),
        ("alpha", 1, "expected alpha from 0.05"),
        ("easy", 0.2, "expected easy from 0.5"),
        ("which", 2, "expected which from 0 to 1"),
    ],
)
def test_wrong_values_are_errors(widget, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(widget, name, value)


def test_no_answers_and_no_probabilities_are_errors():
    with pytest.raises(ValueError, match="at least one detector"):
        FocalBalance({})
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\]"):
        count(torch.tensor([2.0]))
