"""Checks of the exercises on the R-CNN family; the package is the reference."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dlcv.detection.anchors import BACKGROUND, IGNORED, assign, make_anchors
from dlcv.detection.boxes import box_convert, box_iou, decode_boxes, encode_boxes
from dlcv.detection.rcnn import ridge_regression
from dlcv.detection.roi import roi_pool
from dlcv.study.exercises.base import attempt, expect


def compare(got: object, expected: Tensor, rivals: Mapping[str, Tensor], case: str) -> None:
    """Ends the check unless two tensors agree; a rival that agrees instead names the mistake."""
    expect(isinstance(got, Tensor), f"{case}: expected a tensor, got {type(got).__name__}.")
    if agree(got, expected):
        return
    for why, rival in rivals.items():
        expect(not agree(got, rival), f"{case}: {why}.")
    shapes = f"expected shape {list(expected.shape)}, got {list(got.shape)}"
    expect(got.shape == expected.shape, f"{case}: {shapes}.")
    worst = (got - expected).abs().max().item()
    expect(False, f"{case}: the shape is right, but the values are off by up to {worst:.3g}.")


def agree(got: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal to 1e-9."""
    return got.shape == other.shape and torch.allclose(got.to(other.dtype), other, atol=1e-9)


def pair_of(answer: object, count: int, what: str) -> tuple:
    """Ends the check unless the answer is a tuple of so many parts."""
    expect(
        isinstance(answer, tuple | list) and len(answer) == count,
        f"Expected {count} values, {what}, got {type(answer).__name__}.",
    )
    return tuple(answer)


def drawn_boxes(count: int, generator: torch.Generator) -> Tensor:
    """Boxes [count, 4] at random places, 10 to 60 px large."""
    corner = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 100
    size = 10 + torch.rand(count, 2, generator=generator, dtype=torch.float64) * 50
    return torch.cat([corner, corner + size], dim=1)


# ------------------------------------------------------------------------------------ 12.encode
def check_encode(answer: object) -> None:
    """Compares both functions with the package's, then goes there and back."""
    encode, decode = pair_of(answer, 2, "the two functions")
    generator = torch.Generator().manual_seed(12)
    G, P = drawn_boxes(20, generator), drawn_boxes(20, generator)
    g, p = (box_convert(boxes, "xyxy", "cxcywh") for boxes in (G, P))
    t = encode_boxes(G, P)
    rivals = {
        "the centres are divided by the size of the true box; it is the proposal's": torch.cat(
            [(g[:, :2] - p[:, :2]) / g[:, 2:], t[:, 2:]], 1
        ),
        "corners are compared; take centres": torch.cat(
            [(G[:, :2] - P[:, :2]) / p[:, 2:], t[:, 2:]], 1
        ),
        "the ratio of the sizes still needs its logarithm": torch.cat(
            [t[:, :2], g[:, 2:] / p[:, 2:]], 1
        ),
        "the direction is turned round: from the proposal to the truth": -t,
        "the move is in pixels; divide it by the proposal's size": torch.cat(
            [g[:, :2] - p[:, :2], t[:, 2:]], 1
        ),
    }
    compare(attempt(encode, G, P), t, rivals, "encode")
    moved = box_convert(torch.cat([p[:, :2] + p[:, 2:] * t[:, :2], g[:, 2:]], 1), "cxcywh", "xyxy")
    centred = torch.cat([p[:, :2] + p[:, 2:] * t[:, :2], g[:, 2:]], 1)
    straight = torch.cat([centred[:, :2], p[:, 2:] * t[:, 2:]], 1)
    rivals = {
        "the result is (centre, size); turn it into corners": centred,
        "sizes grow by e to the power of t": box_convert(straight, "cxcywh", "xyxy"),
        "the moves are in units of the proposal's size": box_convert(
            torch.cat([p[:, :2] + t[:, :2], g[:, 2:]], 1), "cxcywh", "xyxy"
        ),
    }
    compare(attempt(decode, t, P), moved, rivals, "decode")


def solve_encode(reference, proposals):
    G, P = box_convert(reference, "xyxy", "cxcywh"), box_convert(proposals, "xyxy", "cxcywh")
    moves = (G[:, :2] - P[:, :2]) / P[:, 2:]
    return torch.cat([moves, (G[:, 2:] / P[:, 2:]).log()], dim=1)


def solve_decode(deltas, proposals):
    return decode_boxes(deltas, proposals)


# ------------------------------------------------------------------------------------- 12.ridge
def check_ridge(answer: object) -> None:
    """Compares with the normal equations on three systems."""
    generator = torch.Generator().manual_seed(5)
    for N, D, penalty in ((40, 6, 10.0), (200, 12, 1000.0), (5, 8, 1.0)):
        X = torch.randn(N, D, generator=generator, dtype=torch.float64)
        T = torch.randn(N, 4, generator=generator, dtype=torch.float64)
        eye = torch.eye(D, dtype=torch.float64)
        gram, right = X.T @ X, X.T @ T
        rivals = {
            "the penalty is missing": torch.linalg.pinv(gram) @ right,
            "the penalty was added to every entry; only the diagonal gets it": torch.linalg.solve(
                gram + penalty * torch.ones_like(gram) + 1e-12 * eye, right
            ),
            "the penalty is squared": torch.linalg.solve(gram + penalty**2 * eye, right),
            "the penalty is multiplied by the number of examples": torch.linalg.solve(
                gram + penalty * N * eye, right
            ),
            "transpose the result: one column for each target": torch.linalg.solve(
                gram + penalty * eye, right
            ).T,
        }
        case = f"{N} examples of {D} features, penalty {penalty:g}"
        compare(attempt(answer, X, T, penalty), ridge_regression(X, T, penalty), rivals, case)


def solve_ridge(features, targets, penalty):
    gram = features.T @ features + penalty * torch.eye(features.shape[1]).to(features)
    return torch.linalg.solve(gram, features.T @ targets)


# ---------------------------------------------------------------------------------- 12.roi_pool
def check_roi_pool(answer: object) -> None:
    """Compares values and gradients with the package's RoI pooling."""
    generator = torch.Generator().manual_seed(7)
    for region, bins in (
        ((1, 2, 6, 7), 2),
        ((0, 0, 6, 4), 3),
        ((3, 3, 4, 5), 3),
        ((2, 1, 8, 8), 7),
    ):
        x = torch.randn(9, 9, generator=generator, dtype=torch.float64, requires_grad=True)
        upstream = torch.randn(bins, bins, generator=generator, dtype=torch.float64)
        boxes = [torch.tensor([region], dtype=torch.float64)]
        pooled = roi_pool(x[None, None], boxes, bins)[0, 0]
        gradient = torch.autograd.grad((pooled * upstream).sum(), x)[0]
        got = attempt(answer, x.detach().clone(), region, bins, upstream)
        values, slope = pair_of(got, 2, "the pooled grid and the gradient")
        case = f"region {region}, {bins}×{bins} bins"
        x1, y1, x2, y2 = region
        inner = x.detach()[None, None, y1:y2, x1:x2]
        turned = x.detach()[None, None, x1 : x2 + 1, y1 : y2 + 1]
        pool = torch.nn.functional.adaptive_max_pool2d
        mean = torch.nn.functional.adaptive_avg_pool2d
        rivals = {
            "both ends belong to the region: its height is $y_2-y_1+1$": pool(inner, bins)[0, 0],
            "rows and columns are exchanged: $x$ counts columns": pool(turned, bins)[0, 0],
            "the mean of each bin was taken; take its maximum": mean(
                x.detach()[None, None, y1 : y2 + 1, x1 : x2 + 1], bins
            )[0, 0],
        }
        compare(values, pooled.detach(), rivals, f"{case}, pooled")
        sign = (gradient != 0).double()
        rivals = {
            "each winner got 1 instead of the gradient that came from above": sign,
            "where two bins have the same winner, their gradients add up": overwritten(
                x.detach(), region, bins, upstream
            ),
        }
        compare(slope, gradient, rivals, f"{case}, gradient")


def overwritten(x: Tensor, region: tuple, bins: int, upstream: Tensor) -> Tensor:
    """The gradient if the last bin of a shared winner counts alone."""
    return solve_roi_pool(x, region, bins, upstream, add=False)[1]


def solve_roi_pool(feature_map, region, bins, upstream, add=True):
    x1, y1, x2, y2 = region
    h, w = y2 - y1 + 1, x2 - x1 + 1
    pooled, gradient = torch.zeros_like(upstream), torch.zeros_like(feature_map)
    for i in range(bins):
        top, bottom = y1 + i * h // bins, y1 - (-(i + 1) * h // bins)  # floor and ceil
        for j in range(bins):
            left, right = x1 + j * w // bins, x1 - (-(j + 1) * w // bins)
            part = feature_map[top:bottom, left:right]
            row, column = divmod(int(part.argmax()), right - left)
            pooled[i, j] = part[row, column]
            before = gradient[top + row, left + column] if add else 0
            gradient[top + row, left + column] = before + upstream[i, j]
    return pooled, gradient


# ----------------------------------------------------------------------------- 12.anchor_labels
def check_labels(answer: object) -> None:
    """Compares exact counts on a grid of anchors with three sets of objects."""
    anchors = make_anchors((6, 8), 16, (24, 48), (0.5, 1, 2)).double()
    for objects in (
        [[10.0, 12, 40, 40], [60, 30, 110, 80]],
        [[0.0, 0, 14, 9], [50, 40, 98, 86], [56, 44, 100, 90]],
        [[16.0, 16, 64, 64]],
    ):
        boxes = torch.tensor(objects, dtype=torch.float64)
        expected = counts(assign(anchors, boxes))
        got = pair_of(attempt(answer, anchors, boxes), 3, "positive, negative, ignored")
        got = tuple(int(n) for n in got)
        if got == expected:
            continue
        case = f"{len(boxes)} objects"
        best = box_iou(anchors, boxes).amax(dim=1)
        strict = (int((best >= 0.7).sum()), int((best < 0.3).sum()))
        strict = (*strict, len(anchors) - sum(strict))
        expect(
            got != strict or strict == expected,
            f"{case}: an object that no anchor overlaps by 0.7 was left out. The anchors that "
            "overlap it most of all are positive, too.",
        )
        expect(
            sum(got) == len(anchors),
            f"{case}: there are {len(anchors)} anchors, and your counts add up to {sum(got)}. "
            "An anchor has one label.",
        )
        expect(
            got != (expected[0], expected[1] + expected[2], 0),
            f"{case}: anchors between 0.3 and 0.7 are not negative, they are ignored.",
        )
        expect(False, f"{case}: expected {expected}, got {got}.")


def counts(found: Tensor) -> tuple[int, int, int]:
    """Positive, negative and ignored anchors."""
    return (
        int((found >= 0).sum()),
        int((found == BACKGROUND).sum()),
        int((found == IGNORED).sum()),
    )


def solve_labels(anchors, objects):
    iou = box_iou(anchors, objects)  # [A, M]
    best = iou.amax(dim=1)
    rescued = (iou == iou.amax(dim=0)).any(dim=1)  # the best of all for some object
    positive = (best >= 0.7) | rescued
    negative = (best < 0.3) & ~positive
    return int(positive.sum()), int(negative.sum()), int((~positive & ~negative).sum())


# --------------------------------------------------------------------------------------- 12.svd
def check_svd(answer: object) -> None:
    """Looks at shapes, the count of weights, and the error, which no other product beats."""
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(12, 20, generator=generator, dtype=torch.float64)
    spectrum, errors = torch.linalg.svdvals(matrix), []
    for rank in (1, 4, 12):
        got = attempt(answer, matrix, rank)
        left, right, weights = pair_of(got, 3, "left, right and the number of weights")
        case = f"a 12×20 matrix at rank {rank}"
        shapes = [list(getattr(part, "shape", ())) for part in (left, right)]
        wanted = [[12, rank], [rank, 20]]
        expect(shapes == wanted, f"{case}: expected shapes {wanted}, got {shapes}.")
        expect(
            weights != 12 * 20 or rank == 12 * 20, f"{case}: $uv$ is what the whole matrix holds."
        )
        expect(
            weights == rank * (12 + 20),
            f"{case}: expected $t(u+v)={rank * 32}$ weights, got {weights}.",
        )
        error, least = (matrix - left @ right).norm(), spectrum[rank:].norm()
        expect(
            torch.isclose(error, least, atol=1e-9),
            f"{case}: the product is off by {error:.3f}; the nearest of this rank by {least:.3f}. "
            "Are the singular values in it, once, and the largest?",
        )
        errors.append(error)


def solve_svd(matrix, rank):
    U, S, Vt = torch.linalg.svd(matrix, full_matrices=False)
    left, right = U[:, :rank] * S[:rank], Vt[:rank]
    return left, right, left.numel() + right.numel()
