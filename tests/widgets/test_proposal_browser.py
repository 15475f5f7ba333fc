"""The proposal browser: its numbers against the package, and its controls by hand and key."""

import base64
import itertools
import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.proposals import average_recall, best_overlaps, recall_against_count
from dlcv.study.widgets.base import pack
from dlcv.study.widgets.proposal_browser import MOST, ProposalBrowser, proposals_by_method

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser_widget():
    return ProposalBrowser(photos=("coffee",))


def boxes_of(widget, picture, method):
    """The proposals as the page has them, float64 [N, 4]."""
    packed = widget.pictures[picture]["methods"][method]["boxes"]
    flat = torch.frombuffer(bytearray(base64.b64decode(packed["data"])), dtype=torch.uint8)
    return flat.reshape(packed["shape"]).double()


def readout(page):
    text = page.locator(".readout").inner_text()
    found = re.search(r"^(\d+) of (\d+).*recall (\d\.\d+), average recall (\d\.\d+)", text)
    return [float(number) for number in found.groups()]


def test_the_page_shows_what_python_computes(open_widget, browser_widget):
    page = open_widget(browser_widget)
    stops = sorted({round(MOST ** (i / 40)) for i in range(41)})
    for picture, method, stop in itertools.product((0, 1), range(4), (0, 20, len(stops) - 1)):
        page.get_by_role("combobox", name="Picture").select_option(str(picture))
        page.get_by_role("combobox", name="Method").select_option(str(method))
        page.get_by_role("slider", name="Proposals").fill(str(stop))
        shown, total, recall, ar = readout(page)
        boxes = boxes_of(browser_widget, picture, method)
        objects = torch.tensor(browser_widget.pictures[picture]["boxes"], dtype=torch.float64)
        assert total == len(boxes)
        assert shown == min(stops[stop], len(boxes))
        first = boxes[: int(shown)]
        expected = recall_against_count([first], [objects], [len(first)])[0]
        assert recall == pytest.approx(expected, abs=0.0051)
        assert ar == pytest.approx(average_recall(best_overlaps(first, objects)), abs=0.0051)


def test_curve_and_best_equal_the_package_on_random_boxes(open_widget, browser_widget):
    page = open_widget(browser_widget)
    generator = torch.Generator().manual_seed(2)
    corner = 80 * torch.rand(60, 2, generator=generator).double()
    boxes = torch.cat([corner, corner + 5 + 60 * torch.rand(60, 2, generator=generator)], 1)
    proposals, objects = boxes[:50], boxes[50:]
    source = ProposalBrowser.source()
    call = "return { best: bestProposals(x[0], x[1], 50), curve: recallCurve(x[0], x[1]) };"
    found = page.evaluate(f"(x) => {{ {source}; {call} }}", [proposals.tolist(), objects.tolist()])
    overlaps = best_overlaps(proposals, objects)
    assert [one["iou"] for one in found["best"]] == pytest.approx(overlaps.tolist())
    expected = recall_against_count([proposals], [objects], range(1, 51))
    assert found["curve"] == pytest.approx(expected)


def test_picture_method_and_number_are_chosen(open_widget):
    page = open_widget(ProposalBrowser(photos=("coffee",)))
    page.get_by_role("combobox", name="Picture").select_option(label="coffee")
    page.get_by_role("combobox", name="Method").select_option(label="random boxes")
    slider = page.get_by_role("slider", name="Proposals")
    slider.press("Home")
    assert readout(page)[0] == 1
    slider.press("End")
    assert readout(page)[:2] == [MOST, MOST]
    expect(page.locator(".rows li")).to_have_count(3)
    expect(page.locator(".rows")).to_contain_text("spoon")


def test_more_proposals_never_lose_an_object(open_widget, browser_widget):
    browser_widget.picture, browser_widget.method = 0, 3
    page = open_widget(browser_widget)
    slider = page.get_by_role("slider", name="Proposals")
    slider.press("Home")
    recalls = []
    for _ in range(8):
        recalls.append(readout(page)[2])
        for _ in range(5):
            slider.press("ArrowRight")
    assert recalls == sorted(recalls)
    assert recalls[-1] > recalls[0]


def test_a_row_lights_its_object(open_widget, browser_widget):
    page = open_widget(browser_widget)
    page.locator(".rows li").first.focus()
    expect(page.locator(".mark.lit")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, browser_widget, theme):
    page = open_widget(browser_widget, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("slider", name="Proposals").tap()
    assert readout(page)[0] >= 1


def test_proposals_of_every_method_lie_inside():
    found = proposals_by_method(torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(1)))
    for boxes in found.values():
        assert (boxes >= -1e-4).all()
        assert (boxes[:, 2:] <= torch.tensor([60.0, 40.0]) + 1e-4).all()
        assert pack(boxes.round().byte().numpy())["shape"][1] == 4


@pytest.mark.parametrize(
    ("name", "value"), [("picture", 2), ("method", 4), ("count", 0), ("count", 501)]
)
def test_wrong_values_are_errors(browser_widget, name, value):
    with pytest.raises(ValueError, match=f"expected {name} from"):
        setattr(browser_widget, name, value)


def test_a_photograph_without_boxes_is_an_error():
    with pytest.raises(ValueError, match="expected one of astronaut"):
        ProposalBrowser(photos=("brick",))
