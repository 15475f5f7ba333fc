"""The exercises of lecture 12: solutions pass, plausible mistakes are called by their name."""

import pytest
import torch

from dlcv.detection.boxes import box_convert, box_iou
from dlcv.study.exercises import check
from dlcv.study.exercises.rcnn_checks import (
    solve_decode,
    solve_encode,
    solve_labels,
    solve_ridge,
    solve_roi_pool,
    solve_svd,
)

RIGHT = {
    "12.encode": (solve_encode, solve_decode),
    "12.ridge": solve_ridge,
    "12.roi_pool": solve_roi_pool,
    "12.anchor_labels": solve_labels,
    "12.svd": solve_svd,
}


def halves(boxes):
    return box_convert(boxes, "xyxy", "cxcywh").split(2, dim=1)


def by_truth(G, P):
    (g, gs), (p, ps) = halves(G), halves(P)
    return torch.cat([(g - p) / gs, (gs / ps).log()], 1)


def no_log(G, P):
    (g, gs), (p, ps) = halves(G), halves(P)
    return torch.cat([(g - p) / ps, gs / ps], 1)


def in_pixels(t, P):
    p, ps = halves(P)
    boxes = torch.cat([p + t[:, :2], ps * t[:, 2:].exp()], 1)
    return box_convert(boxes, "cxcywh", "xyxy")


def unconverted(t, P):
    p, ps = halves(P)
    return torch.cat([p + ps * t[:, :2], ps * t[:, 2:].exp()], 1)


def penalty_everywhere(X, T, penalty):
    return torch.linalg.solve(X.T @ X + penalty + 1e-12 * torch.eye(X.shape[1]), X.T @ T)


def end_excluded(x, region, bins, upstream):
    x1, y1, x2, y2 = region
    return solve_roi_pool(x, (x1, y1, x2 - 1, y2 - 1), bins, upstream)


def ones(x, region, bins, upstream):
    return solve_roi_pool(x, region, bins, torch.ones_like(upstream))


def no_rescue(anchors, objects):
    best = box_iou(anchors, objects).amax(dim=1)
    positive, negative = int((best >= 0.7).sum()), int((best < 0.3).sum())
    return positive, negative, len(anchors) - positive - negative


def nothing_ignored(anchors, objects):
    positive, negative, ignored = solve_labels(anchors, objects)
    return positive, negative + ignored, 0


def values_twice(matrix, rank):
    U, S, Vt = torch.linalg.svd(matrix, full_matrices=False)
    return U[:, :rank] * S[:rank], S[:rank, None] * Vt[:rank], rank * 32


def smallest(matrix, rank):
    U, S, Vt = torch.linalg.svd(matrix, full_matrices=False)
    return U[:, -rank:] * S[-rank:], Vt[-rank:], rank * 32


WRONG = [
    ("12.encode", (by_truth, solve_decode), "it is the proposal's"),
    ("12.encode", (no_log, solve_decode), "logarithm"),
    ("12.encode", (lambda G, P: -solve_encode(G, P), solve_decode), "turned round"),
    ("12.encode", (solve_encode, in_pixels), "units of the proposal"),
    ("12.encode", (solve_encode, unconverted), "corners"),
    ("12.encode", solve_encode, "two functions"),
    ("12.ridge", lambda X, T, p: torch.linalg.pinv(X) @ T, "penalty is missing"),
    ("12.ridge", penalty_everywhere, "only the diagonal"),
    ("12.ridge", lambda X, T, p: solve_ridge(X, T, p).T, "transpose"),
    ("12.roi_pool", end_excluded, "both ends belong"),
    ("12.roi_pool", ones, "instead of the gradient"),
    (
        "12.roi_pool",
        lambda *args: solve_roi_pool(*args, add=False),
        "add up",
    ),
    ("12.roi_pool", lambda *args: solve_roi_pool(*args)[0], "2 values"),
    ("12.anchor_labels", no_rescue, "left out"),
    ("12.anchor_labels", nothing_ignored, "ignored"),
    ("12.anchor_labels", lambda a, o: (0, 0, 0), "add up to 0"),
    ("12.svd", values_twice, "once"),
    ("12.svd", smallest, "largest"),
    ("12.svd", lambda m, t: (*solve_svd(m, t)[:2], 240), "whole matrix"),
    ("12.svd", lambda m, t: (solve_svd(m, t)[1], solve_svd(m, t)[0], 32 * t), "shapes"),
]


@pytest.mark.parametrize("id", RIGHT)
def test_solutions_pass(id):
    assert check(id, RIGHT[id]).status == "right", check(id, RIGHT[id]).message


@pytest.mark.parametrize(("id", "answer", "message"), WRONG)
def test_mistakes_are_named(id, answer, message):
    verdict = check(id, answer)
    assert verdict.status == "wrong"
    assert message in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_three_dots_are_no_attempt(id):
    assert check(id, ...).status == "not attempted"
