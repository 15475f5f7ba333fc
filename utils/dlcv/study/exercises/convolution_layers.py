"""Checks and solutions of the exercises on layers: im2col, the matrix C, pooling backwards, C3."""

from collections.abc import Callable, Mapping
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.classic import (
    C3_INPUTS,
    DigitCodes,
    ScaledTanh,
    Subsampling,
    lenet5,
)
from dlcv.study.exercises.base import attempt, expect


def compare(got: object, expected: Tensor, rivals: Mapping[str, Tensor], case: str) -> None:
    """Ends the check unless two tensors agree; a rival that agrees instead names the mistake."""
    expect(isinstance(got, Tensor), f"{case}: expected a tensor, got {type(got).__name__}.")
    if _agree(got, expected):
        return
    for why, rival in rivals.items():
        expect(not _agree(got, rival), f"{case}: {why}.")
    shapes = f"expected shape {list(expected.shape)}, got {list(got.shape)}"
    expect(got.shape == expected.shape, f"{case}: {shapes}.")
    worst = (got - expected).abs().max().item()
    expect(False, f"{case}: the shape is right, but the values are off by up to {worst:.3g}.")


def _agree(got: Tensor, other: Tensor) -> bool:
    return got.shape == other.shape and torch.allclose(got.to(other.dtype), other, atol=1e-8)


# ------------------------------------------------------------------------------------ 04.im2col
def check_im2col(answer: object) -> None:
    """Compares with torch in float64 on fifty random layers."""
    generator = torch.Generator().manual_seed(4)
    for _ in range(50):
        N, C, K, out, stride = (_draw(generator, 1, 3) for _ in range(5))
        padding = _draw(generator, 0, 2)
        H, W = _draw(generator, K, 9), _draw(generator, K, 9)
        images = torch.randn(N, C, H, W, generator=generator, dtype=torch.float64)
        weight = torch.randn(out, C, K, K, generator=generator, dtype=torch.float64)
        bias = torch.randn(out, generator=generator, dtype=torch.float64)
        case = f"images {[N, C, H, W]}, weight {[out, C, K, K]}, S={stride}, P={padding}"
        got = attempt(answer, images, weight, bias, stride, padding)
        expected = F.conv2d(images, weight, bias, stride, padding)
        rivals = _conv_rivals(images, weight, bias, stride, padding)
        compare(got, expected, rivals, case)


def _draw(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def _conv_rivals(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> dict:
    right = F.conv2d(x, weight, bias, stride, padding)
    rows = right.flatten(2).transpose(1, 2)  # [N, H'W', C_out], as the matrix product gives it
    channels_last = weight.permute(0, 2, 3, 1).reshape(weight.shape)
    return {
        "the stride is missing": F.conv2d(x, weight, bias, 1, padding),
        "the bias is missing": F.conv2d(x, weight, None, stride, padding),
        "the kernel is turned by 180 degrees; a layer correlates, it does not flip": F.conv2d(
            x, weight.flip(2, 3), bias, stride, padding
        ),
        "the matrix product still has to be folded back into maps $[N, C_{out}, H', W']$": rows,
        "the channels ended up last; move them to axis 1": right.permute(0, 2, 3, 1),
        "each row of the product holds all channels of one pixel: transpose before reshaping": (
            rows.reshape(right.shape)
        ),
        "a row of patches runs channel, row, column, and so must a row of weights": F.conv2d(
            x, channels_last, bias, stride, padding
        ),
        "the padding is missing": F.conv2d(x, weight, bias, stride),
    }


def solve_im2col(images, weight, bias, stride, padding):
    """Patches as rows, weights as columns, one product, and back into maps."""
    N, _, H, W = images.shape
    C_out, _, K, _ = weight.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    H_out = (H + 2 * padding - K) // stride + 1
    W_out = (W + 2 * padding - K) // stride + 1
    patches = [
        padded[:, :, r * stride : r * stride + K, c * stride : c * stride + K].reshape(N, -1)
        for r in range(H_out)
        for c in range(W_out)
    ]
    rows = torch.stack(patches, dim=1)  # [N, H'W', C K K]
    product = rows @ weight.reshape(C_out, -1).T + bias  # [N, H'W', C_out]
    return product.transpose(1, 2).reshape(N, C_out, H_out, W_out)


# ------------------------------------------------------------------------------------ 04.matrix
def check_matrix(answer: object) -> None:
    """Compares with torch on whole numbers, so that equal means equal."""
    for (H, W), (Kh, Kw) in (
        ((4, 4), (3, 3)),
        ((4, 5), (3, 2)),
        ((6, 3), (2, 2)),
        ((3, 3), (3, 3)),
    ):
        kernel = torch.arange(1.0, Kh * Kw + 1).reshape(Kh, Kw)
        C = attempt(answer, kernel, H, W)
        expected = solve_matrix(kernel, H, W)
        rivals = {
            "this is $C^\\top$: outputs belong in the rows, pixels in the columns": expected.T,
            "the kernel is turned by 180 degrees": solve_matrix(kernel.flip(0, 1), H, W),
            "one image row down means $W$ columns on, not $W'$": _short_rows(kernel, H, W),
        }
        case = f"{Kh}x{Kw} kernel on a {H}x{W} image"
        compare(C, expected, rivals, case)
        x = torch.arange(float(H * W))
        forward = F.conv2d(x.reshape(1, 1, H, W), kernel[None, None]).flatten()
        g = torch.arange(float(len(forward)))
        maps = g.reshape(1, 1, H - Kh + 1, W - Kw + 1)
        backward = F.conv_transpose2d(maps, kernel[None, None]).flatten()
        expect(torch.equal(C.float() @ x, forward), f"{case}: $Cx$ is not `conv2d`.")
        expect(torch.equal(C.float().T @ g, backward), f"{case}: not `conv_transpose2d`.")


def _short_rows(kernel: Tensor, H: int, W: int) -> Tensor:
    Kh, Kw = kernel.shape
    C = torch.zeros((H - Kh + 1) * (W - Kw + 1), H * W)
    for row in range(len(C)):
        r, c = divmod(row, W - Kw + 1)
        for i in range(Kh):
            start = (r + i) * (W - Kw + 1) + c
            C[row, start : start + Kw] = kernel[i]
    return C


def solve_matrix(kernel, H, W):
    """Row by row: where does this output's window lie, and what weight does each pixel get?"""
    Kh, Kw = kernel.shape
    H_out, W_out = H - Kh + 1, W - Kw + 1
    C = torch.zeros(H_out * W_out, H * W)
    for r in range(H_out):
        for c in range(W_out):
            window = torch.zeros(H, W)
            window[r : r + Kh, c : c + Kw] = kernel
            C[r * W_out + c] = window.flatten()
    return C


# ------------------------------------------------------------------------- 04.max_pool_backward
def check_max_pool_backward(answer: object) -> None:
    """Compares with torch on images without ties: apart, overlapping, and one worked by hand."""
    generator = torch.Generator().manual_seed(4)
    by_hand = torch.tensor([[3.0, 1, 3, 5], [6, 0, 7, 9], [3, 2, 1, 8], [0, 2.5, 4, 3.5]])
    cases = {
        "the 4x4 example": (by_hand[None, None].double(), 2, 2),
        "windows side by side": (_distinct(generator, 2, 3, 4, 6), 2, 2),
        "overlapping windows": (_distinct(generator, 2, 1, 7, 5), 3, 2),
    }
    for name, (images, size, stride) in cases.items():
        x = images.clone().requires_grad_()
        pooled = F.max_pool2d(x, size, stride)
        upstream = 1.0 + torch.arange(pooled.numel(), dtype=x.dtype).reshape(pooled.shape)
        (expected,) = torch.autograd.grad(pooled, x, upstream)
        got = attempt(answer, upstream, images, size, stride)
        compare(got, expected, _pool_rivals(upstream, images, size, stride), name)


def _distinct(generator: torch.Generator, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return torch.randperm(count, generator=generator).reshape(shape).double()


def _pool_rivals(upstream: Tensor, x: Tensor, size: int, stride: int) -> dict[str, Tensor]:
    rules = {
        "each gradient was shared out; that is *average* pooling's backward pass": (
            lambda out, won, window, g: out.add_(g / size**2)
        ),
        "each gradient belongs to its window's maximum, not to its first pixel": (
            lambda out, won, window, g: out[0, 0].add_(g)
        ),
        "every pixel of a window got the gradient, but only the maximum moved the output": (
            lambda out, won, window, g: out.add_(g)
        ),
        "a pixel that wins two windows gets the *sum* of their gradients; use `+=`": (
            lambda out, won, window, g: out.masked_fill_(won, g.item())
        ),
        "the gradient was multiplied by the pixel; the winner's derivative is 1": (
            lambda out, won, window, g: out.add_(g * won * window)
        ),
    }
    return {why: _spread(upstream, x, size, stride, rule) for why, rule in rules.items()}


def _spread(upstream: Tensor, x: Tensor, size: int, stride: int, rule: Callable) -> Tensor:
    grad = torch.zeros_like(x)
    for n, c, i, j in product(*map(range, upstream.shape)):
        place = (n, c, slice(i * stride, i * stride + size), slice(j * stride, j * stride + size))
        window = x[place]
        rule(grad[place], window == window.max(), window, upstream[n, c, i, j])
    return grad


def solve_max_pool_backward(upstream, images, size, stride):
    """Every window sends its gradient to the one pixel that won it."""
    grad = torch.zeros_like(images)
    N, C, H_out, W_out = upstream.shape
    for i in range(H_out):
        for j in range(W_out):
            r, c = i * stride, j * stride
            windows = images[:, :, r : r + size, c : c + size].reshape(N, C, -1)
            winner = F.one_hot(windows.argmax(dim=2), size * size)  # [N, C, size * size]
            share = winner * upstream[:, :, i, j, None]
            grad[:, :, r : r + size, c : c + size] += share.reshape(N, C, size, size)
    return grad


# ----------------------------------------------------------------------------------- 04.lenet_c3
COUNT_MISTAKES = {
    60_900: ": weights that a mask sets to zero still count; give each map a small kernel instead",
    60_850: ": the output has 850 weights of its own, where the paper has fixed codes",
    60_806: ": C3 is right, but S2, S4 and the output are still those of today",
    61_706: ": as many as today's LeNet-5 has; weights under a mask count",
    59_956: ": S2 and S4 have a weight and a bias for each of their maps, 12 + 32 in all",
    59_984: ": the 16 biases of C3 are missing",
}


def check_lenet_c3(answer: object) -> None:
    """Looks at the shape of C3, at which maps it reads, at the count, and at the output."""
    model = attempt(answer)
    expect(isinstance(model, nn.Module), f"expected a module, got {type(model).__name__}.")
    expect(hasattr(model, "c3"), "expected the model to call its third layer `c3`.")
    maps = torch.randn(4, 6, 14, 14, generator=torch.Generator().manual_seed(4)).requires_grad_()
    out = attempt(model.c3, maps)
    expect(isinstance(out, Tensor), f"C3: expected a tensor, got {type(out).__name__}.")
    expect(out.shape == (4, 16, 10, 10), f"C3: expected [4, 16, 10, 10], got {list(out.shape)}.")
    expect(out.requires_grad, "C3: the output does not depend on the input.")
    for c, wanted in enumerate(C3_INPUTS):
        read = _maps_read(out[:, c], maps)
        expect(read == wanted, f"C3: map {c} should read the maps {wanted} of S2, it reads {read}.")
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    reason = COUNT_MISTAKES.get(count, "")
    expect(count == 60_000, f"expected 60,000 trainable parameters, got {count:,}{reason}.")
    scores = attempt(model, torch.zeros(2, 1, 32, 32))
    expect(isinstance(scores, Tensor), f"expected scores, got {type(scores).__name__}.")
    expect(scores.shape == (2, 10), f"expected scores [2, 10], got {list(scores.shape)}.")


def _maps_read(output: Tensor, maps: Tensor) -> tuple[int, ...]:
    (grad,) = torch.autograd.grad(output.sum(), maps, retain_graph=True, allow_unused=True)
    if grad is None:
        return ()
    return tuple(grad.abs().sum(dim=(0, 2, 3)).nonzero().flatten().tolist())


def solve_lenet_c3():
    """Today's LeNet-5 with four of its layers taken back to 1998."""

    class TableConv(nn.Module):  # each map has its own kernels, for the maps in its row
        def __init__(self):
            super().__init__()
            self.banks = nn.ModuleList(nn.Conv2d(len(row), 1, 5) for row in C3_INPUTS)

        def forward(self, maps):
            pairs = zip(self.banks, C3_INPUTS, strict=True)
            return torch.cat([bank(maps[:, list(row)]) for bank, row in pairs], dim=1)

    model = lenet5()
    model.s2 = nn.Sequential(Subsampling(6), ScaledTanh())
    model.c3 = nn.Sequential(TableConv(), ScaledTanh())
    model.s4 = nn.Sequential(Subsampling(16), ScaledTanh())
    model.output = DigitCodes()
    return model
