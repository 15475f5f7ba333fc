"""The threshold on pairs: its rates are the package's, and its pictures lie on the right side."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.study.widgets.pair_threshold import PairThreshold
from dlcv.verification.protocol import roc, true_accepts_at

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
COUNT = 60


def make(**changes):
    generator = torch.Generator().manual_seed(8)
    same = torch.arange(COUNT) % 2 == 0
    noise = torch.randn(2, COUNT, generator=generator)
    scores = {  # halves of 1/64, which float16 holds exactly
        "weak": ((noise[0] * 0.3 + same * 0.1).clamp(-1, 1) * 64).round() / 64,
        "strong": ((noise[1] * 0.2 + same * 0.5).clamp(-1, 1) * 64).round() / 64,
    }
    pictures = torch.randint(256, (40, 3, 8, 8), generator=generator, dtype=torch.uint8)
    parts = {"scores": scores, "same": same, "shown": range(0, COUNT, 3), "pictures": pictures}
    return PairThreshold(**(parts | changes)), scores, same


@pytest.fixture
def open_pairs(open_widget):
    def open_it(**options):
        widget, scores, same = make()
        return open_widget(widget, **options), scores, same

    return open_it


def percents(page):
    return [
        float(number) for number in re.findall(r"([\d.]+) %", page.locator(".says").inner_text())
    ]


@pytest.mark.parametrize("name", ["weak", "strong"])
@pytest.mark.parametrize("threshold", [-1, -0.15, 0.2, 0.33, 1])
def test_the_rates_are_those_of_a_count(open_pairs, name, threshold):
    page, scores, same = open_pairs()
    page.get_by_role("combobox", name="Verifier").select_option(name)
    page.get_by_role("slider", name="Threshold").fill(str(threshold))
    accepted = scores[name] >= threshold
    expected = [accepted[same], accepted[~same], accepted == same]
    expected = [100 * share.double().mean().item() for share in expected]
    assert percents(page) == pytest.approx(expected, abs=0.051)
    headings = [heading.inner_text() for heading in page.locator(".case .heading").all()]
    counts = [int(re.search(r"(\d+) of 60", text)[1]) for text in headings]
    cases = [accepted & same, accepted & ~same, ~accepted & same, ~accepted & ~same]
    assert counts == [int(case.sum()) for case in cases]


def test_the_curve_is_the_packages(open_pairs):
    page, scores, same = open_pairs()
    page.get_by_role("combobox", name="Verifier").select_option("weak")
    path = page.locator(".curve").get_attribute("d")
    points = torch.tensor([[float(n) for n in p.split()] for p in re.split("[ML]", path)[1:]])
    far, tar = (points[:, 0] - 42) / (340 - 54), 1 - (points[:, 1] - 26) / (220 - 66)
    curve = roc(scores["weak"], same)
    torch.testing.assert_close(far.double(), curve.false_accepts, rtol=0, atol=1e-3)
    torch.testing.assert_close(tar.double(), curve.true_accepts, rtol=0, atol=1e-3)
    assert true_accepts_at(curve, 1.0) == 1


def test_pictures_lie_on_the_side_of_their_score_nearest_first(open_pairs):
    page, scores, same = open_pairs()
    page.get_by_role("slider", name="Threshold").fill("0.2")
    for title, accepted, kind in (
        ("accepted, same person", True, True),
        ("rejected, different people", False, False),
    ):
        labels = page.get_by_role("region", name=title).get_by_role("img").all()
        shown = [float(one.get_attribute("aria-label").split("score ")[1]) for one in labels]
        members = [
            scores["strong"][i].item()
            for i in range(0, COUNT, 3)
            if same[i] == kind and (scores["strong"][i] >= 0.2) == accepted
        ]
        nearest = sorted(members, key=lambda score: abs(score - 0.2))[:6]
        assert shown == pytest.approx(nearest, abs=0.006)


def test_keys_move_the_threshold_and_a_finger_finds_the_curve(open_pairs):
    page, *_ = open_pairs()
    page.get_by_role("slider", name="Threshold").press("ArrowRight")
    expect(page.locator(".says")).to_contain_text("threshold 0.01")
    page, *_ = open_pairs(**PHONE)
    chart = page.locator(".chart").last
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.touchscreen.tap(box["x"] + 0.95 * box["width"], box["y"] + 0.13 * box["height"])
    tar, far, _ = percents(page)
    assert min(tar, far) > 90


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_it_fits_and_is_named(open_pairs, theme, width):
    page, *_ = open_pairs(theme=theme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = [chart.get_attribute("aria-label") for chart in page.locator(".chart").all()]
    assert names[0].startswith("Scores of all pairs; strong, threshold 0.00")
    assert names[1].startswith("ROC curve; strong, threshold 0.00")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {}}, "expected scores"),
        ({"scores": {"a": torch.zeros(3)}}, r"expected scores \[60\]"),
        ({"scores": {"a": torch.full((COUNT,), 2.0)}}, r"expected scores in \[-1, 1\]"),
        ({"same": torch.ones(COUNT).bool()}, "expected pairs of both kinds"),
        ({"shown": [60] * 20}, "expected numbers of pairs below 60"),
        ({"shown": range(3)}, r"expected pictures uint8 \[6, 3, S, S\]"),
    ],
)
def test_what_does_not_fit_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_python_can_choose_within_limits():
    widget, *_ = make()
    widget.verifier, widget.threshold = "weak", 0.5
    for name, value in (("verifier", "none"), ("threshold", 1.5)):
        with pytest.raises(ValueError, match="expected"):
            setattr(widget, name, value)
