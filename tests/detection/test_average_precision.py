"""Average precision against pycocotools, a slow reference after VOC's rules, and cases by hand."""

import contextlib
import io
import itertools
import math

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dlcv.detection.average_precision import (
    average_precision,
    mean_average_precision,
    precision_recall,
)
from dlcv.detection.matching import Objects, match, overlaps
from dlcv.study.facts import fact

TOYS = {"A": ("10110", 4), "B": ("1101001", 5), "C": ("011", 3), "D": ("111", 3), "E": ("1001", 2)}
NAMES = {"voc07": "AP11", "area": "APALL", "coco": "AP101"}
COCO_THRESHOLDS = [round(0.5 + 0.05 * i, 2) for i in range(10)]


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("method", NAMES)
def test_toys_of_the_fact_sheet(toy, method):
    hits, objects = TOYS[toy]
    right = torch.tensor([hit == "1" for hit in hits])
    recall, precision = precision_recall(torch.arange(len(hits), 0, -1.0), right, objects)
    fact(f"L11-{NAMES[method]}-{toy}", average_precision(recall, precision, method))


def test_a_curve_by_hand():
    """Two objects; the second detection is wrong, the third finds the other object."""
    recall, precision = precision_recall(
        torch.tensor([0.2, 0.9, 0.5]), torch.tensor([True, True, False]), 2
    )
    assert recall.tolist() == [0.5, 0.5, 1.0]
    assert precision.tolist() == [1.0, 0.5, pytest.approx(2 / 3)]
    assert average_precision(recall, precision, "area") == pytest.approx((1 + 2 / 3) / 2)


def scenes(seed, images=12, classes=3, whole=False):
    """Objects and detections of them: shifted, doubled, of the wrong class, invented."""
    generator = np.random.default_rng(seed)
    predictions, targets = [], []
    for _ in range(images):
        count = generator.integers(0, 7)
        corner = generator.uniform(0, 60, (count, 2))
        boxes = np.concatenate([corner, corner + generator.uniform(8, 40, (count, 2))], axis=1)
        labels = generator.integers(0, classes, count)
        found = np.repeat(np.arange(count), generator.integers(0, 4, count))
        moved = boxes[found] + generator.normal(0, 3, (len(found), 4))
        kinds = np.where(generator.random(len(found)) < 0.8, labels[found], 0)
        wrong = generator.uniform(0, 60, (generator.integers(0, 4), 2))
        wrong = np.concatenate([wrong, wrong + generator.uniform(5, 40, wrong.shape)], axis=1)
        moved = np.concatenate([moved, wrong])
        kinds = np.concatenate([kinds, generator.integers(0, classes, len(wrong))])
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        # few different scores, so that ties are common
        scores = generator.integers(1, 20, len(moved)) / 20
        predictions.append(
            {
                "boxes": torch.from_numpy(moved).double(),
                "scores": torch.from_numpy(scores),
                "labels": torch.from_numpy(kinds),
            }
        )
        targets.append(
            {
                "boxes": torch.from_numpy(boxes).double(),
                "labels": torch.from_numpy(labels),
                "crowd": torch.from_numpy(generator.random(count) < 0.15),
                "difficult": torch.from_numpy(generator.random(count) < 0.2),
            }
        )
    return predictions, targets


def by_pycocotools(predictions, targets, thresholds):
    annotations, results = [], []
    for image, (prediction, target) in enumerate(zip(predictions, targets, strict=True), start=1):
        rows = zip(
            target["boxes"].tolist(), target["labels"].tolist(), target["crowd"], strict=True
        )
        for (x1, y1, x2, y2), label, crowd in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": label,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(crowd),
                }
            )
        entries = (prediction[name].tolist() for name in ("boxes", "labels", "scores"))
        for (x1, y1, x2, y2), label, score in zip(*entries, strict=True):
            results.append(
                {
                    "image_id": image,
                    "category_id": label,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": score,
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i + 1} for i in range(len(targets))],
            "categories": [{"id": k} for k in range(3)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array(thresholds)
        evaluation.evaluate()
        evaluation.accumulate()
    # thresholds x recalls x classes x areas x detections: all areas, 100 detections
    return evaluation.eval["precision"][:, :, :, 0, 2].mean(axis=1)  # [T, K]


@pytest.mark.parametrize("seed", range(12))
def test_coco_equals_pycocotools(seed):
    predictions, targets = scenes(seed)
    targets = [{**target, "difficult": target["crowd"]} for target in targets]
    expected = by_pycocotools(predictions, targets, COCO_THRESHOLDS)
    got = mean_average_precision(predictions, targets, COCO_THRESHOLDS, "coco")
    classes = [k for k in range(3) if expected[0, k] >= 0]  # -1 without objects
    assert sorted(got["per_class"]) == classes
    for k in classes:
        assert got["per_class"][k] == pytest.approx(expected[:, k].mean(), abs=1e-12)
    for t, row in zip(COCO_THRESHOLDS, expected, strict=True):
        assert got["per_threshold"][t] == pytest.approx(row[classes].mean(), abs=1e-12)


def test_coco_counts_a_hundred_detections_an_image():
    targets = [{"boxes": torch.tensor([[0.0, 0, 9, 9]]), "labels": torch.tensor([0])}]
    boxes = torch.tensor([[50.0, 50, 60, 60]]).repeat(101, 1)
    boxes[100] = torch.tensor([0.0, 0, 9, 9])  # right, but the worst of 101
    prediction = {
        "boxes": boxes,
        "scores": torch.linspace(1, 0.1, 101),
        "labels": torch.zeros(101, dtype=torch.int64),
    }
    assert mean_average_precision([prediction], targets, method="coco")["map"] == 0
    assert mean_average_precision([prediction], targets, method="area")["map"] > 0


def iou_of(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area


def voc_by_the_book(predictions, targets, label, threshold, method):
    """The development kit's procedure, read from its description, in plain Python."""
    ranked = [
        (-score, image, index)
        for image, prediction in enumerate(predictions)
        for index, (score, kind) in enumerate(
            zip(prediction["scores"].tolist(), prediction["labels"].tolist(), strict=True)
        )
        if kind == label
    ]
    ranked.sort()
    objects = [
        [
            {"box": box, "difficult": bool(hard), "found": False}
            for box, kind, hard in zip(
                t["boxes"].tolist(), t["labels"].tolist(), t["difficult"], strict=True
            )
            if kind == label
        ]
        for t in targets
    ]
    total = sum(not o["difficult"] for image in objects for o in image)
    curve, tp, fp = [], 0, 0
    for _, image, index in ranked:
        box = predictions[image]["boxes"][index].tolist()
        best = max(objects[image], key=lambda o: iou_of(box, o["box"]), default=None)
        if best is not None and iou_of(box, best["box"]) >= threshold:
            if best["difficult"]:
                continue
            tp, fp = (tp, fp + 1) if best["found"] else (tp + 1, fp)
            best["found"] = True
        else:
            fp += 1
        curve.append((tp / total, tp / (tp + fp)))
    reach = lambda r: max((p for recall, p in curve if recall >= r), default=0.0)  # noqa: E731
    if method == "voc07":
        return sum(reach(t / 10) for t in range(11)) / 11
    recalls = sorted({0.0, *(r for r, _ in curve)})
    return sum((b - a) * reach(b) for a, b in itertools.pairwise(recalls))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["voc07", "area"])
def test_voc_equals_its_procedure(seed, method):
    predictions, targets = scenes(seed)
    targets = [{**t, "crowd": torch.zeros_like(t["crowd"])} for t in targets]
    got = mean_average_precision(predictions, targets, (0.3, 0.5), method)
    for label, ap in got["per_class"].items():
        expected = [voc_by_the_book(predictions, targets, label, t, method) for t in (0.3, 0.5)]
        assert ap == pytest.approx(sum(expected) / 2, abs=1e-12)
    assert got["map"] == pytest.approx(sum(got["per_class"].values()) / len(got["per_class"]))


def two_objects():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 2, 10, 12]])
    none = torch.zeros(2, dtype=torch.bool)
    return Objects(boxes, none, none)


def test_the_two_rules_differ_where_the_best_object_is_taken():
    """Both detections overlap the first object most, and both overlap the second one enough."""
    detections = torch.tensor([[0.0, 0, 10, 10], [0.0, 0.5, 10, 10.5]])
    overlap = overlaps(detections, two_objects())
    assert match(overlap, two_objects(), 0.5, "voc")[0].tolist() == [True, False]
    assert match(overlap, two_objects(), 0.5, "coco")[0].tolist() == [True, True]


def test_an_object_is_found_once():
    detections = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    one = Objects(*(entry[:1] for entry in two_objects()))
    for rule in ("voc", "coco"):
        right, counts = match(overlaps(detections, one), one, 0.5, rule)
        assert right.tolist() == [True, False, False]
        assert counts.all()


def test_a_crowd_may_be_found_often_and_never_counts():
    crowd = Objects(torch.tensor([[0.0, 0, 100, 100]]), torch.tensor([True]), torch.tensor([True]))
    detections = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    overlap = overlaps(detections, crowd)
    assert overlap.tolist() == [[1.0], [1.0]]
    right, counts = match(overlap, crowd, 0.5, "coco")
    assert not right.any()
    assert not counts.any()


def test_perfect_detections_and_none_at_all():
    targets = scenes(3)[1]
    targets = [{"boxes": t["boxes"], "labels": t["labels"]} for t in targets]
    perfect = [{**t, "scores": torch.rand(len(t["labels"]))} for t in targets]
    nothing = [{name: entry[:0] for name, entry in p.items()} for p in perfect]
    for method in NAMES:
        assert mean_average_precision(perfect, targets, method=method)["map"] == pytest.approx(1)
        assert mean_average_precision(nothing, targets, method=method)["map"] == 0


def test_duplicates_lower_the_average_precision():
    targets = [{"boxes": torch.tensor([[0.0, 0, 9, 9], [20, 20, 29, 29]]), "labels": torch.ones(2)}]
    once = {
        "boxes": targets[0]["boxes"],
        "scores": torch.tensor([0.9, 0.8]),
        "labels": torch.ones(2),
    }
    twice = {name: torch.cat([entry[:1], entry]) for name, entry in once.items()}
    assert mean_average_precision([once], targets)["map"] == 1
    assert mean_average_precision([twice], targets)["map"] == pytest.approx((1 + 2 / 3) / 2)


def test_without_objects_there_is_no_mean():
    result = mean_average_precision([], [])
    assert math.isnan(result["map"])
    assert result["per_class"] == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: average_precision(torch.zeros(1), torch.zeros(1), "voc"), "method among"),
        (lambda: average_precision(torch.zeros(2), torch.zeros(1)), r"\[2\] and \[1\]"),
        (lambda: average_precision(torch.tensor([1.0, 0]), torch.ones(2)), "never falls"),
        (lambda: precision_recall(torch.zeros(1), torch.zeros(1).bool(), 0), "one object"),
        (lambda: precision_recall(torch.zeros(1), torch.zeros(2).bool(), 1), r"\[1\] and \[2\]"),
        (lambda: mean_average_precision([], [{}]), "as many predictions"),
        (
            lambda: mean_average_precision([{}], [{}]),
            r"predictions\[0\] with boxes, scores, labels",
        ),
        (
            lambda: mean_average_precision(
                [{"boxes": torch.zeros(2, 4), "scores": torch.zeros(1), "labels": torch.zeros(2)}],
                [{}],
            ),
            "2 scores",
        ),
        (lambda: match(torch.zeros(1, 2), two_objects(), 0.5, "pascal"), "rule among"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
