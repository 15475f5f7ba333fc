"""The detection cascade: its boxes against the package, its steps by hand and key."""

import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.boxes import batched_nms, clip_boxes, decode_boxes
from dlcv.study.widgets.detection_cascade import DetectionCascade, made_up_cascade

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
BLACK = torch.zeros(3, 60, 80, dtype=torch.uint8)


@pytest.fixture
def cascade():
    return DetectionCascade(*made_up_cascade())


def evaluate(page, expression, argument):
    return page.evaluate(
        f"(x) => {{ {DetectionCascade.source()}; return {expression}; }}", argument
    )


def readout(page):
    return page.locator(".readout").inner_text()


def stage(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def shown_detections(page):
    """Class and score of the boxes that are kept in the end, as written on the picture."""
    stage(page, "Suppression")
    texts = page.locator("g.box:is(.kept) > text").all_text_contents()
    return sorted(texts, key=lambda text: -float(text.split()[-1]))


def expected_detections(cascade):
    found = cascade.detections
    names = [cascade.names[label] for label in found["labels"].tolist()]
    return [
        f"{name} {score:.2f}" for name, score in zip(names, found["scores"].tolist(), strict=True)
    ]


def by_hand(**settings):
    """Two proposals of one object, one of another class's, and nothing to move."""
    proposals = torch.tensor([[10.0, 10, 30, 30], [12, 10, 32, 30], [10, 12, 30, 32]])
    scores = torch.tensor([[0.9, 0.05], [0.8, 0.1], [0.2, 0.7]])
    truth = torch.tensor([[10.0, 10, 30, 30]]), torch.tensor([0])
    return DetectionCascade(
        BLACK, proposals, torch.zeros(3, 4), scores, ["cat", "dog"], *truth, **settings
    )


# --- the numbers ---------------------------------------------------------------------------------


def test_a_case_worked_by_hand(open_widget):
    """IoU of the first two: 18 · 20 of 2 · 400 - 360 px², 0.82. The cat drops a cat, no dog."""
    page = open_widget(by_hand())
    assert readout(page).startswith("3 proposals: boxes where something may be, without a class.")
    assert "1 of 1 true boxes have one" in readout(page)
    stage(page, "Refined boxes")
    assert "Of the 3 that began with an IoU of at least 0.5, the mean goes from 0.88 to 0.88." in (
        readout(page)
    )
    stage(page, "Least score")
    assert readout(page) == (
        "3 proposals × 2 classes = 6 scored boxes; 3 boxes with a score of at least 0.30."
    )
    page.get_by_role("button", name="Next step").click()
    assert readout(page) == (
        "Box 1 is the best of what was left: cat 0.90. It drops 1 box of its class with an IoU "
        "above 0.50. 1 box waits."
    )
    expect(page.locator(".rows li").nth(1)).to_have_text("✗cat 0.80: dropped, IoU 0.82 with box 1")
    page.get_by_role("button", name="Next step").click()
    assert readout(page).endswith(
        "Nothing is left: 2 detections. 1 right at an IoU of 0.5, 1 wrong, 0 missed."
    )
    page.get_by_role("slider", name="NMS: drop above IoU").fill("0.9")
    stage(page, "Suppression")
    assert "Nothing is left: 3 detections. 1 right at an IoU of 0.5, 2 wrong" in readout(page)


def test_decoded_and_clipped_boxes_equal_the_package(open_widget, cascade):
    page = open_widget(cascade)
    generator = torch.Generator().manual_seed(4)
    corner = 60 * torch.rand(200, 2, generator=generator, dtype=torch.float64)
    sides = 1 + 30 * torch.rand(200, 2, generator=generator, dtype=torch.float64)
    proposals = torch.cat([corner, corner + sides], dim=1)
    deltas = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    deltas[0, 2:] = 9  # cut to the largest scale
    decoded = decode_boxes(deltas, proposals)
    argument = [deltas.tolist(), proposals.tolist()]
    found = evaluate(page, "x[0].map((delta, i) => decodeBox(delta, x[1][i]))", argument)
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), decoded)
    clipped = clip_boxes(decoded, (60, 80))
    found = evaluate(page, "x.map((box) => clipBox(box, [60, 80]))", decoded.tolist())
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), clipped)


def test_suppression_keeps_what_the_package_keeps(open_widget, cascade):
    page = open_widget(cascade)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        corner = 60 * torch.rand(40, 2, generator=generator, dtype=torch.float64)
        sides = 5 + 40 * torch.rand(40, 2, generator=generator, dtype=torch.float64)
        boxes = torch.cat([corner, corner + sides], dim=1)
        scores = torch.randint(1, 20, (40,), generator=generator).double() / 20  # with ties
        labels = torch.randint(3, (40,), generator=generator)
        threshold = seed / 20
        kept = batched_nms(boxes, scores, labels, threshold)
        rows = [
            {"box": box, "score": score, "label": label, "at": i}
            for i, (box, score, label) in enumerate(
                zip(boxes.tolist(), scores.tolist(), labels.tolist(), strict=True)
            )
        ]
        steps = evaluate(page, "suppressionSteps(x[0], x[1])", [rows, threshold])
        assert [step["kept"]["at"] for step in steps] == kept.tolist()
        assert sum(1 + len(step["dropped"]) for step in steps) == 40


@pytest.mark.parametrize("per_class", [True, False])
def test_the_page_ends_where_the_package_ends(open_widget, per_class):
    image, proposals, deltas, scores, *rest = made_up_cascade(count=60)
    if per_class:
        shifts = torch.linspace(-0.1, 0.1, scores.shape[1])[:, None]
        deltas = deltas[:, None] + shifts
    cascade = DetectionCascade(image, proposals, deltas, scores, *rest)
    page = open_widget(cascade)
    assert shown_detections(page) == expected_detections(cascade)
    for score, iou in ((0.05, 0.3), (0.7, 0.7), (0.02, 1.0)):
        page.get_by_role("slider", name="Least score").fill(str(score))
        page.get_by_role("slider", name="NMS: drop above IoU").fill(str(iou))
        cascade.score_threshold, cascade.nms_threshold = score, iou
        assert shown_detections(page) == expected_detections(cascade)


# --- the steps -----------------------------------------------------------------------------------


def test_steps_forwards_backwards_and_by_key(open_widget, cascade):
    page = open_widget(cascade)
    forward, back = (page.get_by_role("button", name=name) for name in ("Next step", "Back"))
    expect(back).to_be_disabled()
    titles = []
    for _ in range(4):
        titles.append(page.locator(".title").inner_text())
        forward.press("Enter")
    count = len(cascade.detections["scores"])
    assert titles == [
        "Proposals",
        "Refined boxes",
        "Least score",
        f"Suppression: pick 1 of {count}",
    ]
    slider = page.get_by_role("slider", name="Step")
    slider.press("End")
    expect(page.locator(".title")).to_have_text(f"Suppression: pick {count} of {count}")
    expect(forward).to_be_disabled()
    slider.press("ArrowLeft")
    expect(page.locator(".title")).to_have_text(f"Suppression: pick {count - 1} of {count}")
    back.click()
    expect(page.locator(".title")).to_have_text(f"Suppression: pick {count - 2} of {count}")


def test_every_box_is_drawn_and_decided_once(open_widget, cascade):
    page = open_widget(cascade)
    expect(page.locator("g.box.proposal")).to_have_count(80)
    stage(page, "Refined boxes")
    expect(page.locator("g.box.refined")).to_have_count(80)
    expect(page.locator("path.way")).to_have_count(80)
    stage(page, "Least score")
    above = int((cascade._tensors[2] >= 0.3).sum())
    expect(page.locator("g.box.above")).to_have_count(above)
    for _ in range(3):
        page.get_by_role("button", name="Next step").click()
        kinds = [page.locator(f"g.box.{kind}").count() for kind in ("kept", "dropped", "waiting")]
        assert sum(kinds) == above
    stage(page, "Suppression")
    expect(page.locator("g.box.waiting")).to_have_count(0)


def test_a_threshold_nothing_reaches(open_widget, cascade):
    page = open_widget(cascade)
    stage(page, "Suppression")
    page.get_by_role("slider", name="Least score").fill("0.99")
    kept = len(cascade.detections["scores"])
    assert page.locator("g.box.kept").count() < kept
    page.get_by_role("slider", name="NMS: drop above IoU").fill("0")
    cascade.score_threshold, cascade.nms_threshold = 0.99, 0.0
    assert shown_detections(page) == expected_detections(cascade)
    faint = DetectionCascade(
        BLACK, torch.tensor([[0.0, 0, 9, 9]]), torch.zeros(1, 4), torch.tensor([[0.1]]), ["cat"]
    )
    page = open_widget(faint)
    stage(page, "Least score")
    assert readout(page).endswith("0 boxes with a score of at least 0.30.")
    expect(page.get_by_role("button", name="Suppression")).to_be_disabled()
    expect(page.get_by_role("button", name="Next step")).to_be_disabled()
    expect(page.get_by_role("checkbox")).to_have_count(0)


def test_a_row_lights_its_box_and_true_boxes_can_be_hidden(open_widget, cascade):
    page = open_widget(cascade)
    page.locator(".rows li").nth(2).focus()
    expect(page.locator(".lit")).to_have_count(1)
    expect(page.locator(".truth")).not_to_have_attribute("visibility", "hidden")
    page.get_by_role("checkbox", name="Show the true boxes").uncheck()
    expect(page.locator(".truth")).to_have_attribute("visibility", "hidden")


def test_a_long_list_ends_in_a_count(open_widget, cascade):
    page = open_widget(cascade)
    stage(page, "Least score")
    above = int((cascade._tensors[2] >= 0.3).sum())
    assert above > 40
    expect(page.locator(".rows li")).to_have_count(41)
    expect(page.locator(".rows li").last).to_have_text(f"and {above - 40} more boxes")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, cascade, theme):
    page = open_widget(cascade, theme=theme, **PHONE)
    for _ in range(4):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Next step").tap()
    assert re.match(r"Suppression: pick 2", page.locator(".title").inner_text())


# --- Python --------------------------------------------------------------------------------------


def test_python_sees_the_package(cascade):
    assert cascade.refined.shape == (80, 8, 4)
    found = cascade.detections
    assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
    assert by_hand().detections["labels"].tolist() == [0, 1]
    assert by_hand(nms_threshold=0.9).detections["labels"].tolist() == [0, 0, 1]
    assert "with 4 objects" in cascade.fallback_html()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("score_threshold", 0.0, "expected score_threshold from 0.01 to 0.99"),
        ("nms_threshold", 1.1, "expected nms_threshold from 0 to 1"),
        ("step", -1, "expected step from 0"),
    ],
)
def test_wrong_values_are_errors(cascade, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(cascade, name, value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, torch.zeros(3, 9, 9), r"expected an image uint8 \[3, H, W\], got torch.float32"),
        (1, torch.zeros(4, 5), r"expected proposals of shape \[N, 4\]"),
        (1, torch.zeros(0, 4), "expected 1 to 500 proposals, got 0"),
        (2, torch.zeros(80, 5), r"expected deltas \[80, 4\] or \[80, 8, 4\], got \[80, 5\]"),
        (3, torch.zeros(80, 9), r"expected scores \[80, 8\] in \[0, 1\], got \[80, 9\]"),
        (3, torch.full((80, 8), 1.5), "from 1.5 to 1.5"),
        (5, torch.zeros(1, 3), r"expected objects of shape \[N, 4\]"),
        (6, torch.tensor([0, 1, 2, 8]), "expected a label from 0 to 7 for each object"),
    ],
)
def test_wrong_arguments_are_errors(place, value, message):
    arguments = list(made_up_cascade())
    arguments[place] = value
    with pytest.raises(ValueError, match=message):
        DetectionCascade(*arguments)
