"""Check and solution of the exercise on RoIAlign."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.study.exercises.base import Exercise, attempt, expect


def grid(features, box, bins, stride, shift=0.5, samples=2, rounded=False, swapped=False):
    """Sample a box of a map with some of the rules changed; samples [C, bins, s, bins, s]."""
    x1, y1, x2, y2 = box.tolist()
    x1, y1, x2, y2 = (edge / stride - shift for edge in (x1, y1, x2, y2))
    if rounded:
        x1, y1, x2, y2 = (float(round(edge)) for edge in (x1, y1, x2, y2))
    step = (torch.arange(bins * samples, dtype=features.dtype) + 0.5) / (bins * samples)
    x, y = x1 + step * (x2 - x1), y1 + step * (y2 - y1)
    if swapped:
        x, y = y, x
    C, H, W = features.shape
    rows = (1 - (y.clamp(0, H - 1)[:, None] - torch.arange(H)).abs()).clamp(min=0)
    columns = (1 - (x.clamp(0, W - 1)[:, None] - torch.arange(W)).abs()).clamp(min=0)
    rows, columns = rows.to(features), columns.to(features)
    return (rows @ features @ columns.T).reshape(C, bins, samples, bins, samples)


def with_(**changes) -> Callable:
    """The right rule with some changes."""
    return lambda *case: grid(*case, **changes).mean(dim=(2, 4))


def nearest(features, box, bins, stride):
    """The place in which each sample lies, without interpolation."""
    C, H, W = features.shape
    x1, y1, x2, y2 = (box / stride).tolist()
    step = (torch.arange(2 * bins) + 0.5) / (2 * bins)
    x = (x1 + step * (x2 - x1)).floor().long().clamp(0, W - 1)
    y = (y1 + step * (y2 - y1)).floor().long().clamp(0, H - 1)
    return features[:, y][:, :, x].reshape(C, bins, 2, bins, 2).mean(dim=(2, 4))


MISTAKES = {
    "the half place is missing: the value at index $j$ of the map stands for $j+0.5$": (
        with_(shift=0.0)
    ),
    "the edges of the box were rounded; that is RoIPool's error, which RoIAlign avoids": (
        with_(rounded=True)
    ),
    "a bin has one sample in its middle; take $2×2$": with_(samples=1),
    "rows and columns are swapped: `box` is (x1, y1, x2, y2), the map is $[C, H, W]$": (
        with_(swapped=True)
    ),
    "the samples of a bin are averaged; you took the largest": (
        lambda *case: grid(*case).amax(dim=(2, 4))
    ),
    "the box is in pixels of the image; divide it by the stride": (
        lambda features, box, bins, stride: with_()(features, box, bins, 1)
    ),
    "a sample between four places is interpolated; you took the place in which it lies": nearest,
    "the half place is subtracted, not added": with_(shift=-0.5),
}


def cases() -> list[tuple[Tensor, Tensor, int, int]]:
    """Maps, boxes, bins and strides, boxes at the border among them."""
    generator = torch.Generator().manual_seed(14)

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    found = []
    for bins, stride in ((2, 8), (3, 4), (7, 16), (1, 8), (5, 2), (4, 8)):
        features = torch.randn(2, 9, 12, generator=generator, dtype=torch.float64)
        x1, y1 = draw(0, 6 * stride), draw(0, 4 * stride)
        box = [x1, y1, draw(x1 + 2 * stride, 12 * stride), draw(y1 + stride, 9 * stride)]
        found.append((features, torch.tensor(box, dtype=torch.float64), bins, stride))
    features, _, bins, stride = found[0]
    whole = torch.tensor([0, 0, 12 * stride, 9 * stride], dtype=torch.float64)
    return [*found, (features, whole, bins * 6, stride)]


def check_roi_align(answer: object) -> None:
    """Compares with torchvision's on random boxes and on one that fills the image."""
    from torchvision.ops import roi_align  # here, as importing it changes the environment

    for features, box, bins, stride in cases():
        got = attempt(answer, features.clone(), box.clone(), bins, stride)
        case = f"a box of {bins}×{bins} bins on a map {list(features.shape)}, stride {stride}"
        expect(isinstance(got, Tensor), f"expected a tensor, got {type(got).__name__}.")
        shape = [len(features), bins, bins]
        expect(list(got.shape) == shape, f"{case}: expected shape {shape}, got {list(got.shape)}.")
        expected = roi_align(features[None], [box[None]], bins, 1 / stride, 2, aligned=True)[0]
        if torch.allclose(got.double(), expected, atol=1e-4):
            continue
        for why, rule in MISTAKES.items():
            rival = rule(features, box, bins, stride)
            expect(not torch.allclose(got.double(), rival, atol=1e-4), f"{case}: {why}.")
        transposed = torch.allclose(got.double().mT, expected, atol=1e-4)
        expect(not transposed, f"{case}: the grid is transposed; rows of bins come first.")
        worst = (got - expected).abs().max().item()
        border = box.min() == 0 and box[2] == features.shape[2] * stride
        where = " Does a sample beyond the outermost middles take their value?" if border else ""
        expect(False, f"{case}: values are off by up to {worst:.3g}.{where}")


def solve_roi_align(features, box, bins, stride):
    """Where do the samples lie on the map? Interpolate there, then average each bin."""
    H, W = features.shape[1:]
    x1, y1, x2, y2 = (box / stride - 0.5).tolist()  # index j of the map stands for j + 0.5
    step = (torch.arange(2 * bins) + 0.5) / (2 * bins)  # two samples a bin and side
    x, y = x1 + step * (x2 - x1), y1 + step * (y2 - y1)
    shares = torch.stack(
        [
            ((x + 0.5) / W * 2 - 1).expand(2 * bins, -1),  # -1 and 1 are the map's edges
            ((y + 0.5) / H * 2 - 1)[:, None].expand(-1, 2 * bins),
        ],
        dim=-1,
    )
    sampled = F.grid_sample(
        features[None],
        shares[None].to(features),
        padding_mode="border",
        align_corners=False,
    )
    return F.avg_pool2d(sampled, 2)[0]


EXERCISES = {
    "14.roi_align": Exercise(
        title="RoIAlign",
        check=check_roi_align,
        hints=(
            "Take the box to the map: divide by the stride. Then subtract 0.5, because the value "
            "at index $j$ was computed for the middle of its place, $j+0.5$.",
            "Cut each side of the box into $2·$`bins` equal steps; the samples lie in the middle "
            "of each step. Along x they are `x1 + (i + 0.5) / (2 * bins) * (x2 - x1)`.",
            "A sample at $t$ takes the share $\\max(0, 1-|t-j|)$ from place $j$, in rows and in "
            "columns alike, so the samples are `rows @ features @ columns.T` with two small "
            "matrices of shares. Move $t$ into $[0, H-1]$ first: beyond the outermost middles "
            "the map goes on as it is there.",
            "Average the samples two by two: `F.avg_pool2d(samples, 2)`.",
        ),
        solution=solve_roi_align,
        praise="Nothing is rounded, so the box has a gradient in principle, and a mask lies where "
        "its object is. Two matrix products are all it takes.",
    ),
}
