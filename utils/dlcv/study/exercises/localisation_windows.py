"""Checks and solutions of the exercises on overlap and windows."""

import torch
from torch import Tensor, nn

from dlcv.detection.boxes import box_iou
from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.convolution_layers import compare


# --------------------------------------------------------------------------------- 10.batch_iou
def check_batch_iou(answer: object) -> None:
    """Compares slice by slice with the package, which is held against torchvision."""
    generator = torch.Generator().manual_seed(10)
    for B, N, M in ((1, 1, 1), (2, 3, 4), (3, 5, 2)):
        one, two = (_boxes(generator, B, count) for count in (N, M))
        got = attempt(answer, one, two)
        expected = torch.stack([box_iou(a, b) for a, b in zip(one, two, strict=True)])
        compare(got, expected, _iou_rivals(one, two), f"boxes {[B, N, 4]} and {[B, M, 4]}")


def _boxes(generator: torch.Generator, B: int, count: int) -> Tensor:
    corner = 40 * torch.rand(B, count, 2, generator=generator, dtype=torch.float64)
    size = 5 + 40 * torch.rand(B, count, 2, generator=generator, dtype=torch.float64)
    return torch.cat([corner, corner + size], dim=2)


def _iou_rivals(one: Tensor, two: Tensor) -> dict[str, Tensor]:
    a, b = one[:, :, None], two[:, None]
    extent = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    inter, raw = extent.clamp(min=0).prod(dim=-1), extent.prod(dim=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1)
    iou = inter / (areas - inter)
    return {
        "boxes that lie apart get an overlap; cut negative extents off with `clamp(min=0)`": (
            raw / (areas - raw)
        ),
        "the union is not the sum of the areas: the shared part counts twice in it": inter / areas,
        "this is the intersection; divide by the union": inter,
        "the axes of the two sets are swapped": iou.transpose(1, 2),
    }


def solve_batch_iou(boxes1, boxes2):
    """Every box of the first set against every one of the second, picture by picture."""
    a, b = boxes1[:, :, None], boxes2[:, None]  # [B, N, 1, 4] and [B, 1, M, 4]
    lt = torch.maximum(a[..., :2], b[..., :2])
    rb = torch.minimum(a[..., 2:], b[..., 2:])
    inter = (rb - lt).clamp(min=0).prod(dim=-1)
    area1 = (a[..., 2:] - a[..., :2]).prod(dim=-1)
    area2 = (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return inter / (area1 + area2 - inter)


# -------------------------------------------------------------------------------- 10.fc_to_conv
def check_fc_to_conv(answer: object) -> None:
    """On the map's own size, then on a larger one, where each place is a window."""
    generator = torch.Generator().manual_seed(10)
    for C, H, W, bias in ((1, 2, 2, True), (3, 2, 4, True), (4, 3, 3, False)):
        layer = nn.Linear(C * H * W, 5, bias=bias).double()
        conv = attempt(answer, layer, (C, H, W))
        expect(isinstance(conv, nn.Module), f"expected a layer, got {type(conv).__name__}.")
        case = f"a layer on {[C, H, W]}{'' if bias else ' without bias'}"
        maps = torch.randn(2, C, H, W, generator=generator, dtype=torch.float64)
        got = attempt(conv, maps)
        expect(isinstance(got, Tensor), f"{case}: expected a tensor, got {type(got).__name__}.")
        compare(got.detach(), *_own_size(layer, maps), case)
        large = torch.randn(2, C, H + 2, W + 1, generator=generator, dtype=torch.float64)
        got = attempt(conv, large)
        compare(got.detach(), _slide(layer, large, H, W), {}, f"{case}, on a larger map")


def _own_size(layer: nn.Linear, maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    C = maps.shape[1]
    right = layer(maps.flatten(1))[..., None, None].detach()
    bias = 0 if layer.bias is None else layer.bias.detach()[:, None, None]
    last = layer.weight.reshape(5, *maps.shape[2:], C).permute(0, 3, 1, 2)
    swapped = layer.weight.reshape(5, C, maps.shape[3], maps.shape[2]).transpose(2, 3)
    rivals = {"the weights are laid out channel first: reshape to $[O, C, H, W]$": last}
    rivals |= {"height and width of the kernel are swapped": swapped}
    values = {
        why: (torch.einsum("ochw,nchw->no", weight, maps)[..., None, None] + bias).detach()
        for why, weight in rivals.items()
    }
    return right, {**values, "the bias is missing": right - bias} if layer.bias is not None else {}


def _slide(layer: nn.Linear, maps: Tensor, H: int, W: int) -> Tensor:
    rows = [
        [layer(maps[:, :, i : i + H, j : j + W].flatten(1)) for j in range(maps.shape[3] - W + 1)]
        for i in range(maps.shape[2] - H + 1)
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2).detach()


def solve_fc_to_conv(layer, shape):
    """The same numbers, read as a kernel that is as large as the whole map."""
    C, H, W = shape
    conv = nn.Conv2d(C, layer.out_features, (H, W), bias=layer.bias is not None)
    conv = conv.to(layer.weight.dtype)
    with torch.no_grad():
        conv.weight.copy_(layer.weight.reshape(-1, C, H, W))
        if layer.bias is not None:
            conv.bias.copy_(layer.bias)
    return conv


# ---------------------------------------------------------------------------- 10.sliding_window
def check_sliding_window(answer: object) -> None:
    """The five scores of the lecture in a row, then random pictures against a loop."""
    five = torch.tensor([0.02, 0.2, 0.42, 0.31, 0.8])
    image = five.repeat_interleave(4).expand(1, 4, 20)
    _compare_windows(answer, image, 4, 4, "the five scores in a row")
    generator = torch.Generator().manual_seed(10)
    for H, W, window, stride in ((9, 12, 4, 1), (11, 8, 3, 2), (10, 14, 5, 3)):
        image = torch.rand(2, H, W, generator=generator)
        case = f"a picture of {H}×{W}, windows of {window}, step {stride}"
        _compare_windows(answer, image, window, stride, case)


def _mean(crop: Tensor) -> float:
    return crop.mean().item()


def _compare_windows(answer: object, image: Tensor, window: int, stride: int, case: str) -> None:
    seen = []

    def score(crop: Tensor) -> float:
        seen.append(tuple(crop.shape))
        return _mean(crop)

    got = attempt(answer, image, score, window, stride)
    form = "the map and the box, as two values"
    expect(isinstance(got, tuple) and len(got) == 2, f"{case}: expected {form}, got {got!r}.")
    odd = [shape for shape in seen if shape[1:] != (window, window)]
    expect(not odd, f"{case}: a window of {odd[0] if odd else ''} was cut; it leaves the picture.")
    scores, box = got
    expected, best = solve_sliding_window(image, _mean, window, stride)
    scores = torch.as_tensor(scores, dtype=expected.dtype)
    rivals = {"rows and columns of the map are swapped": expected.T}
    if min(expected.shape) > 1:
        rivals["the last row and column of windows are missing"] = expected[:-1, :-1]
    compare(scores, expected, rivals, f"{case}, the map")
    box = tuple(int(x) for x in box)
    swapped = (best[1], best[0], best[3], best[2])
    if box == swapped != best:
        expect(False, f"{case}: the box is given as y, x; it should be x first.")
    expect(box == best, f"{case}: expected the best window at {best}, got {box}.")


def solve_sliding_window(image, score, window, stride):
    """Every place, row by row; then the best of them."""
    H, W = image.shape[1:]
    scores = torch.tensor(
        [
            [
                score(image[:, y : y + window, x : x + window])
                for x in range(0, W - window + 1, stride)
            ]
            for y in range(0, H - window + 1, stride)
        ]
    )
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    x, y = column * stride, row * stride
    return scores, (x, y, x + window, y + window)
