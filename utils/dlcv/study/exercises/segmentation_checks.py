"""Checks and solutions of the exercises on segmentation."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.segmentation.mean_iou import segmentation_scores
from dlcv.segmentation.upsampling import bilinear_kernel
from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.convolution_layers import compare

NAMES = ("pixel accuracy", "mean accuracy", "mean IoU", "weighted IoU")
WORKED = ((50, 2, 3), (4, 30, 1), (6, 0, 4))


def draw(*shape: int, seed: int = 14) -> Tensor:
    """Seeded random numbers in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ----------------------------------------------------------------------------------- 14.metrics
def check_metrics(answer: object) -> None:
    """Compares with the package on the worked table and on random ones."""
    generator = torch.Generator().manual_seed(14)
    tables = {"the worked table": torch.tensor(WORKED)}
    for K in (2, 5):
        counts = torch.randint(1, 40, (K, K), generator=generator)
        tables[f"a table of {K} classes"] = counts
    for case, n in tables.items():
        got = attempt(answer, n.clone())
        right = isinstance(got, tuple | list) and len(got) == 4
        expect(right, f"expected four numbers, got {type(got).__name__}: {got}.")
        scores = segmentation_scores(n)
        expected = (
            *(scores.pixel_accuracy, scores.mean_accuracy),
            *(scores.mean_iou, scores.weighted_iou),
        )
        for name, mine, theirs in zip(NAMES, got, expected, strict=True):
            if abs(float(mine) - theirs) > 1e-6:
                expect(False, f"{case}, {name}: {_why(name, float(mine), n.double())}")


def _why(name: str, got: float, n: Tensor) -> str:
    right, truth, called = n.diag(), n.sum(1), n.sum(0)
    union = truth + called - right
    mistakes = {
        ("mean accuracy", right / called): "the truth is in the *rows*: divide by the sums of rows",
        ("mean IoU", right / (truth + called)): "the right pixels are in the row sum and in the "
        "column sum; a union counts them once",
        (
            "mean IoU",
            right / truth,
        ): "pixels that were called so by mistake belong to the union too",
        ("weighted IoU", called / n.sum() * right / union * len(n)): "the weights are the *true* "
        "shares of the classes, not how often they were called",
    }
    for (which, values), reason in mistakes.items():
        if which == name and abs(values.mean().item() - got) < 1e-6:
            return f"{reason}."
    if name == "weighted IoU" and abs((right / union).mean().item() - got) < 1e-6:
        return "this is the plain mean; weight each class with its share of the pixels."
    return f"got {got:.4f}, which is not what the formula gives."


def solve_metrics(n):
    """Row sums are the truth, column sums the predictions, the diagonal is right."""
    right, truth, called = n.diag(), n.sum(dim=1), n.sum(dim=0)
    iou = right / (truth + called - right)
    pixel_accuracy = right.sum() / n.sum()
    mean_accuracy = (right / truth).mean()
    weighted = (truth * iou).sum() / n.sum()
    return pixel_accuracy, mean_accuracy, iou.mean(), weighted


# ---------------------------------------------------------------------------------- 14.bilinear
def check_bilinear(answer: object) -> None:
    """Compares the kernel, then what it does to a map, with torch's interpolation."""
    for factor in (2, 4, 3, 8):
        got = attempt(answer, factor)
        expected = bilinear_kernel(factor).double()
        case = f"factor {factor}"
        rivals = {
            "the sum should be $f^2$, so that a flat map stays flat; do not divide by it": (
                expected / expected.sum()
            ),
            "the taps fall by $1/f$ a step, where $f$ is the factor and not the size": (
                _taps(factor, slope=1 / (len(expected) / 2 + 0.5))
            ),
            "one row of taps is not enough: multiply it with itself, $w_{ij}=w_iw_j$": (
                expected.diagonal().sqrt()
            ),
        }
        got = got.double() if isinstance(got, Tensor) else got
        compare(got, expected, rivals, case)
        x = draw(1, 1, 5, 6)
        large = F.conv_transpose2d(x, got[None, None], stride=factor, padding=factor // 2)
        theirs = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        inside = (..., slice(factor, -factor), slice(factor, -factor))
        same = torch.allclose(large[inside], theirs[inside])
        expect(same, f"{case}: inside the border the result is not that of `interpolate`.")


def _taps(factor: int, slope: float) -> Tensor:
    size = 2 * factor - factor % 2
    taps = 1 - slope * (torch.arange(size).double() - (size - 1) / 2).abs()
    return taps[:, None] * taps


def solve_bilinear(factor):
    """Taps that fall linearly from the middle, times themselves."""
    size = 2 * factor - factor % 2
    middle = (size - 1) / 2
    taps = 1 - (torch.arange(size) - middle).abs() / factor
    return taps[:, None] * taps[None, :]


# -------------------------------------------------------------------------------- 14.conversion
def check_conversion(answer: object) -> None:
    """On the training size the answer of the layer; on a larger map its answer for each window."""
    for C, size, K in ((3, 4, 5), (2, 3, 7)):
        torch.manual_seed(14)
        layer = nn.Linear(C * size * size, K).double()
        conv = attempt(answer, layer, C, size)
        expect(isinstance(conv, nn.Module), f"expected a module, got {type(conv).__name__}.")
        case, x = f"a layer on {C}×{size}×{size}", draw(2, C, size, size)
        got = attempt(conv.double(), x)
        expected = layer(x.flatten(1))
        rows, last = layer.weight.reshape(K, C, size, size), layer.bias
        rivals = {
            "the bias is missing": F.conv2d(x, rows),
            "the kernel is turned or transposed: a row of the weight runs channel, row, column": (
                F.conv2d(x, rows.transpose(2, 3), last)
            ),
            "the row of weights was cut with the channels last": F.conv2d(
                x, layer.weight.reshape(K, size, size, C).permute(0, 3, 1, 2), last
            ),
        }
        compare(got, expected[..., None, None], rivals, case)
        larger = draw(1, C, size + 2, size + 3)
        maps = attempt(conv, larger)
        shape = [1, K, 3, 4]
        expect(list(maps.shape) == shape, f"{case}: expected maps {shape}, got {list(maps.shape)}.")
        window = layer(larger[:, :, 1 : 1 + size, 2 : 2 + size].flatten(1))
        same = torch.allclose(maps[:, :, 1, 2], window)
        expect(same, f"{case}: place (1, 2) of a larger map is not the layer on that window.")


def solve_conversion(layer, channels, size):
    """The same numbers in another shape."""
    conv = nn.Conv2d(channels, layer.out_features, kernel_size=size)
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(conv.weight.shape))
        conv.bias.copy_(layer.bias)
    return conv


# -------------------------------------------------------------------------------------- 14.fuse
def check_fuse(answer: object) -> None:
    """Compares with scores doubled, added and enlarged by fixed bilinear kernels."""
    for K, side in ((3, 2), (6, 3)):
        coarse, middle, fine = (draw(2, K, side * n, side * n, seed=n) for n in (1, 2, 4))
        got = attempt(answer, coarse, middle, fine, bilinear_kernel)
        right = solve_fuse(coarse, middle, fine, bilinear_kernel)
        up = _enlarger(K)
        rivals = {
            "the scores of stride 32 were left out": up(up(middle, 2) + fine, 8),
            "the scores of stride 16 were left out": up(up(up(coarse, 2), 2) + fine, 8),
            "the scores of stride 8 were left out": up(up(up(coarse, 2) + middle, 2), 8),
            "the sum has stride 8 and must still be enlarged eight times": (
                up(up(coarse, 2) + middle, 2) + fine
            ),
            "the channels were mixed: every class is enlarged for itself (`groups`)": (
                solve_fuse(
                    *(s.sum(1, keepdim=True).expand_as(s) for s in (coarse, middle, fine)),
                    bilinear_kernel,
                )
            ),
        }
        compare(got, right, rivals, f"{K} classes, stride 32 has {side}×{side} places")


def _enlarger(K: int) -> Callable[[Tensor, int], Tensor]:
    def up(x: Tensor, factor: int) -> Tensor:
        weight = bilinear_kernel(factor).to(x.dtype).expand(K, 1, -1, -1)
        return F.conv_transpose2d(x, weight, stride=factor, padding=factor // 2, groups=K)

    return up


def solve_fuse(stride32, stride16, stride8, bilinear_kernel):
    """Double, add, double, add, and eight times back to the pixels."""
    K = stride32.shape[1]

    def enlarge(x, factor):
        weight = bilinear_kernel(factor).to(x.dtype).expand(K, 1, -1, -1)
        return F.conv_transpose2d(x, weight, stride=factor, padding=factor // 2, groups=K)

    total = enlarge(stride32, 2) + stride16
    total = enlarge(total, 2) + stride8
    return enlarge(total, 8)
