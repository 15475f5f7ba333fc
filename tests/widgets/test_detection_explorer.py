"""The detection explorer: its numbers against the package, and its controls by hand and key."""

import itertools
import random
import re

import pytest
import torch
from playwright.sync_api import expect

from dlcv.detection.average_precision import METHODS, average_precision, precision_recall
from dlcv.detection.boxes import box_iou, nms
from dlcv.detection.matching import Objects, match, overlaps
from dlcv.study.widgets.detection_explorer import DetectionExplorer, as_boxes

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def explorer():
    return DetectionExplorer(count=4)


@pytest.fixture
def fresh():
    return DetectionExplorer(count=2)


def evaluate(page, expression, argument):
    return page.evaluate(
        f"(x) => {{ {DetectionExplorer.source()}; return {expression}; }}", argument
    )


def shown_ap(page):
    return float(re.search(r"AP (\d\.\d+)", page.locator(".readout").inner_text())[1])


def slide(page, label, value):
    page.get_by_role("slider", name=label).fill(str(value))


def random_case(seed):
    rng = random.Random(seed)

    def box():
        x, y = rng.uniform(0, 60), rng.uniform(0, 40)
        return [x, y, x + rng.uniform(5, 40), y + rng.uniform(5, 30)]

    detections = [
        {"box": box(), "score": rng.randint(1, 9) / 10} for _ in range(rng.randint(0, 15))
    ]
    return {"detections": detections, "objects": [box() for _ in range(rng.randint(1, 5))]}


def test_overlap_suppression_and_matching_equal_the_package(open_widget, explorer):
    page = open_widget(explorer)
    for seed in range(25):
        case = random_case(seed)
        boxes = as_boxes([d["box"] for d in case["detections"]])
        scores = torch.tensor([d["score"] for d in case["detections"]], dtype=torch.float64)
        those = as_boxes(case["objects"])
        none = torch.zeros(len(those), dtype=torch.bool)
        found = evaluate(
            page, "x.detections.map(({ box }) => x.objects.map((o) => boxIou(box, o)))", case
        )
        expected = box_iou(boxes, those)
        torch.testing.assert_close(
            torch.tensor(found, dtype=torch.float64).reshape(expected.shape), expected
        )
        kept = nms(boxes, scores, 0.3)
        ours = evaluate(
            page, "suppress(x.detections, 0.3).map((d) => x.detections.indexOf(d))", case
        )
        assert ours == kept.tolist()
        objects = Objects(those, none, none)
        ranked = scores.argsort(descending=True, stable=True)
        right, _ = match(overlaps(boxes[ranked], objects), objects, 0.4)
        judged = "matchDetections(x.detections, x.objects, 0.4).map((d) => d.isRight)"
        assert evaluate(page, judged, case) == right.tolist()


def test_average_precision_equals_the_package(open_widget, explorer):
    page = open_widget(explorer)
    rng = random.Random(5)
    for method in METHODS * 20:
        count = rng.randint(1, 30)
        hits = [rng.random() < 0.5 for _ in range(rng.randint(0, count))]
        scores = torch.arange(len(hits), 0, -1.0)
        expected = average_precision(
            *precision_recall(scores, torch.tensor(hits).bool(), count), method
        )
        judged = [{"score": s, "isRight": h} for s, h in zip(scores.tolist(), hits, strict=True)]
        argument = {"judged": judged, "count": count, "method": method}
        call = "averagePrecision(precisionRecall(x.judged, x.count), x.method)"
        assert evaluate(page, call, argument) == pytest.approx(expected, abs=1e-9)


def test_the_page_computes_what_python_computes(open_widget):
    explorer = DetectionExplorer(count=3)
    page = open_widget(explorer)
    assert shown_ap(page) == pytest.approx(explorer.average_precision, abs=6e-4)
    names = ("scoreThreshold", "nmsThreshold", "iouThreshold", "method")
    scenes = [
        {
            "objects": scene["objects"],
            "detections": [
                {"box": box, "score": score}
                for box, score in zip(scene["boxes"], scene["scores"], strict=True)
            ],
        }
        for scene in explorer.scenes
    ]
    values = [(0.0, 1.0, 0.5), (0.0, 0.5, 0.5), (0.6, 0.3, 0.75), (0.95, 0.0, 0.05)]
    for row, method in itertools.product(values, METHODS):
        explorer.score_threshold, explorer.nms_threshold, explorer.iou_threshold = row
        explorer.method = method
        argument = {"scenes": scenes, "settings": dict(zip(names, (*row, method), strict=True))}
        found = evaluate(page, "judgeScenes(x.scenes, x.settings).ap", argument)
        assert found == pytest.approx(explorer.average_precision, abs=1e-9)


def test_every_slider_moves_the_answer(open_widget, fresh):
    page = open_widget(fresh)
    slide(page, "NMS: drop above IoU", 0.4)
    slide(page, "Least score", 0.3)
    slide(page, "Right from IoU", 0.7)
    page.get_by_role("combobox", name="AP by").select_option("voc07")
    fresh.nms_threshold, fresh.score_threshold, fresh.iou_threshold = 0.4, 0.3, 0.7
    fresh.method = "voc07"
    assert shown_ap(page) == pytest.approx(fresh.average_precision, abs=6e-4)


def test_a_higher_least_score_leaves_fewer_boxes_and_never_more_ap(open_widget, explorer):
    page = open_widget(explorer)
    marks, aps = [], []
    for score in (0, 0.3, 0.6, 0.9):
        slide(page, "Least score", score)
        marks.append(page.locator(".mark:is(.right, .wrong)").count())
        aps.append(shown_ap(page))
    assert marks == sorted(marks, reverse=True)
    assert marks[0] > marks[-1]
    assert aps == sorted(aps, reverse=True)


def test_rows_and_boxes_agree_and_a_row_lights_its_box(open_widget, explorer):
    page = open_widget(explorer)
    for kind in ("right", "wrong", "missed"):
        assert page.locator(f"li.{kind}").count() == page.locator(f".mark.{kind}").count()
    row = page.locator(".rows li").first
    row.focus()
    expect(page.locator(".mark.lit")).to_have_count(1)
    row.evaluate("(node) => node.blur()")
    expect(page.locator(".mark.lit")).to_have_count(0)


def test_scenes_follow_each_other_in_a_ring(open_widget, fresh):
    page = open_widget(fresh)
    expect(page.get_by_text("Scene 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Previous scene").press("Enter")
    expect(page.get_by_text("Scene 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Next scene").click()
    expect(page.get_by_text("Scene 1 of 2")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, explorer, theme):
    page = open_widget(explorer, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    before = page.locator(".mark").count()
    page.get_by_role("slider", name="NMS: drop above IoU").tap()
    assert page.locator(".mark").count() <= before


def test_scenes_hold_what_is_promised(explorer):
    assert all(len(scene["objects"]) >= 2 for scene in explorer.scenes)
    assert sum(len(scene["boxes"]) for scene in explorer.scenes) > 12
    assert "<img" in explorer.fallback_html()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("score_threshold", 1.0, "expected score_threshold from 0 to 0.95"),
        ("nms_threshold", -0.1, "expected nms_threshold from 0 to 1"),
        ("iou_threshold", 0, "expected iou_threshold from 0.05"),
        ("method", "voc", "expected one of voc07, area, coco; got 'voc'"),
        ("index", 9, "expected an index from 0 to 3, got 9"),
    ],
)
def test_wrong_values_are_errors(explorer, name, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)


def test_too_many_scenes_are_an_error():
    with pytest.raises(ValueError, match="expected 1 to 20 scenes, got 21"):
        DetectionExplorer(count=21)
