"""Checks and solutions of the exercises on normalisation: backward, maps, folding, groups."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.study.exercises.base import attempt, expect
from dlcv.study.exercises.convolution_layers import compare


def draw(seed: int, *shape: int) -> Tensor:
    """Normal numbers in float64 that are the same each time."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# ----------------------------------------------------------------------------------- 05.backward
def check_backward(answer: object) -> None:
    """Compares with numerical slopes on two batches, one with a large epsilon."""
    for seed, (N, C, eps) in enumerate(((6, 3, 1e-5), (5, 4, 0.5))):
        upstream, x, gamma = draw(seed, N, C), 2 + 3 * draw(seed + 9, N, C), draw(seed + 5, C)
        got = attempt(answer, upstream, x, gamma, eps)
        case = f"a batch of {N} with {C} features, epsilon {eps}"
        is_triple = isinstance(got, tuple | list) and len(got) == 3
        expect(is_triple, f"{case}: expected three gradients, got {type(got).__name__}.")
        slopes = _slopes(upstream, x, gamma, eps)
        compare(got[0], slopes[0], _x_rivals(upstream, x, gamma, eps), f"{case}, gradient of $x$")
        raw = {
            "$\\gamma$ multiplies $\\hat x$, so $g$ meets $\\hat x$, not $x$": upstream.mul(x).sum(
                0
            )
        }
        compare(got[1], slopes[1], raw, f"{case}, gradient of $\\gamma$")
        mean = {"the gradient of $\\beta$ is a sum, not a mean": upstream.mean(dim=0)}
        compare(got[2], slopes[2], mean, f"{case}, gradient of $\\beta$")
        total = got[0].sum(dim=0).abs().max().item()
        expect(total < 1e-8, f"{case}: over the batch the gradients add up to {total:.2g}, not 0.")


def _slopes(upstream: Tensor, x: Tensor, gamma: Tensor, eps: float) -> tuple[Tensor, ...]:
    """Central differences of the loss sum(upstream * y), good to about 1e-9."""

    def loss(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
        return (upstream * y).sum()

    inputs = [x.clone(), gamma.clone(), torch.zeros_like(gamma)]
    slopes = []
    for values in inputs:
        slope = torch.empty_like(values)
        for k in range(values.numel()):
            sides = []
            for step in (1e-4, -1e-4):
                flat = values.view(-1)
                flat[k] += step
                sides.append(loss(*inputs))
                flat[k] -= step
            slope.view(-1)[k] = (sides[0] - sides[1]) / 2e-4
        slopes.append(slope)
    return tuple(slopes)


def _x_rivals(g: Tensor, x: Tensor, gamma: Tensor, eps: float) -> dict[str, Tensor]:
    m, s = len(x), (x.var(dim=0, correction=0) + eps).sqrt()
    x_hat = (x - x.mean(dim=0)) / s
    right = gamma / (m * s) * (m * g - g.sum(dim=0) - x_hat * (g * x_hat).sum(dim=0))
    unbiased = (x.var(dim=0) + eps).sqrt()
    other = (x - x.mean(dim=0)) / unbiased
    wrong = gamma / (m * unbiased) * (m * g - g.sum(dim=0) - other * (g * other).sum(dim=0))
    return {
        "mean and variance are treated as constants; they depend on every $x_i$": gamma * g / s,
        "the path through the variance is missing": gamma / s * (g - g.mean(dim=0)),
        "the path through the mean is missing": (gamma / s * (g - x_hat * (g * x_hat).mean(dim=0))),
        "the factor $\\gamma$ is missing": right / gamma,
        "the division by the batch size $m$ is missing": right * m,
        "the division by the root of the variance is missing": right * s,
        "in training the *biased* variance is used, divided by $m$": wrong,
    }


def solve_backward(upstream, x, gamma, eps):
    """The compact form, feature by feature, all of them at once."""
    m = len(x)
    s = (x.var(dim=0, correction=0) + eps).sqrt()
    x_hat = (x - x.mean(dim=0)) / s
    dbeta = upstream.sum(dim=0)
    dgamma = (upstream * x_hat).sum(dim=0)
    dx = gamma / (m * s) * (m * upstream - dbeta - x_hat * dgamma)
    return dx, dgamma, dbeta


# ------------------------------------------------------------------------------ 05.batch_norm_2d
def check_batch_norm_2d(answer: object) -> None:
    """Compares a module with nn.BatchNorm2d over four batches and in evaluation."""
    theirs, mine = nn.BatchNorm2d(3).double(), attempt(answer, 3)
    expect(isinstance(mine, nn.Module), f"expected a module, got {type(mine).__name__}.")
    mine = mine.double()
    for layer in (theirs, mine):
        for name, values in (("weight", [0.5, 1, 2]), ("bias", [1, 0, -1])):
            expect(hasattr(layer, name), f"expected the module to have a parameter `{name}`.")
            getattr(layer, name).data = torch.tensor(values).double()
    for step in range(4):
        x = 3 + 2 * draw(step, 4, 3, 2, 3)
        case = f"training, batch {step + 1}"
        compare(attempt(mine, x), theirs(x).detach(), _map_rivals(x, theirs), case)
        _compare_running(mine, theirs, x, case)
    mine.eval()
    theirs.eval()
    kept = copy.deepcopy(theirs)
    batch_statistics = {
        "evaluation must use the running values, not the batch": F.batch_norm(
            x, None, None, kept.weight, kept.bias, training=True
        ).detach()
    }
    compare(attempt(mine, x), theirs(x).detach(), batch_statistics, "evaluation")
    moved = not torch.equal(mine.running_mean, kept.running_mean) and not torch.allclose(
        mine.running_mean, kept.running_mean, rtol=0, atol=1e-10
    )
    expect(not moved, "evaluation: the running values moved; they must stay.")


def _map_rivals(x: Tensor, layer: nn.BatchNorm2d) -> dict[str, Tensor]:
    gamma, beta = (v.detach().reshape(1, -1, 1, 1) for v in (layer.weight, layer.bias))
    spread = (x.var(dim=(0, 2, 3), keepdim=True) + layer.eps).sqrt()
    centred = x - x.mean(dim=(0, 2, 3), keepdim=True)
    each = (x - x.mean(dim=0)) / (x.var(dim=0, correction=0) + layer.eps).sqrt()
    own = F.instance_norm(x, eps=layer.eps)
    right = F.batch_norm(x, None, None, training=True, eps=layer.eps)
    return {
        "divide by the *biased* variance while training": gamma * centred / spread + beta,
        "every place has its own mean; all places of a channel must share one": (
            gamma * each + beta
        ),
        "every image has its own mean; that is instance norm": gamma * own + beta,
        "scale and shift are missing": right,
    }


def _compare_running(mine: nn.Module, theirs: nn.BatchNorm2d, x: Tensor, case: str) -> None:
    for name in ("running_mean", "running_var"):
        expect(hasattr(mine, name), f"expected the module to have a buffer `{name}`.")
    fresh = torch.equal(mine.running_mean, torch.zeros(3).double())
    expect(not fresh, f"{case}: the running values did not move.")
    rho = theirs.momentum
    if case.endswith("batch 1"):
        mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), correction=0)
        swapped = {"new value and old are swapped: $\\rho$ weighs the *new* one": (1 - rho) * mean}
        compare(mine.running_mean, theirs.running_mean, swapped, f"{case}, running mean")
        biased = {
            "the running variance is the *unbiased* one, $m/(m-1)$ times the batch's, with "
            "$m = NHW$": (1 - rho) + rho * var,
            "$m$ is the number of values per channel, $NHW$, not the number of images": (
                (1 - rho) + rho * var * len(x) / (len(x) - 1)
            ),
            "new value and old are swapped: $\\rho$ weighs the *new* one": (
                rho + (1 - rho) * x.var(dim=(0, 2, 3))
            ),
        }
        compare(mine.running_var, theirs.running_var, biased, f"{case}, running variance")
    compare(mine.running_mean, theirs.running_mean, {}, f"{case}, running mean")
    compare(mine.running_var, theirs.running_var, {}, f"{case}, running variance")


class MyBatchNorm2d(nn.Module):
    """The statistics of the batch or the kept ones, and one formula for both."""

    def __init__(self, channels, momentum=0.1, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.momentum, self.eps = momentum, eps

    def forward(self, x):
        """Normalise maps [N, C, H, W] with the batch's statistics, or with the kept ones."""
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), correction=0)
            m = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var * m / (m - 1) - self.running_var)
        mean, var, gamma, beta = (v[:, None, None] for v in (mean, var, self.weight, self.bias))
        return gamma * (x - mean) / (var + self.eps).sqrt() + beta


# --------------------------------------------------------------------------------------- 05.fold
def check_fold(answer: object) -> None:
    """Compares the folded convolution with the pair, with and without a bias, stride and groups."""
    cases = {
        "without a bias": nn.Conv2d(3, 4, 3, padding=1, bias=False),
        "with a bias": nn.Conv2d(3, 4, 3, padding=1),
        "with stride 2 and a bias": nn.Conv2d(3, 4, 3, stride=2, bias=True),
        "in two groups": nn.Conv2d(4, 6, 1, groups=2, bias=False),
    }
    for seed, (case, conv) in enumerate(cases.items()):
        conv, norm = conv.double(), nn.BatchNorm2d(conv.out_channels, eps=0.1).double().eval()
        shapes = [p.shape for p in conv.parameters()]
        for p, shape in zip(conv.parameters(), shapes, strict=True):
            p.data = draw(seed, *shape)
        norm.weight.data, norm.bias.data = draw(1, len(norm.weight)), draw(2, len(norm.weight))
        norm.running_mean, norm.running_var = (
            draw(3, len(norm.weight)),
            0.5 + draw(4, len(norm.weight)).abs(),
        )
        x = draw(seed + 7, 2, conv.in_channels, 6, 5)
        with torch.no_grad():
            expected, plain = norm(conv(x)), conv(x)
            folded = attempt(answer, conv, norm)
            is_conv = isinstance(folded, nn.Conv2d)
            expect(is_conv, f"{case}: expected an nn.Conv2d, got {type(folded).__name__}.")
            got = attempt(folded, x)
            compare(got, expected, _fold_rivals(x, conv, norm, plain), case)
            expect(
                torch.equal(conv(x), plain),
                f"{case}: the convolution that came in was changed; work on a new one.",
            )


def _fold_rivals(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, plain: Tensor) -> dict:
    gamma, beta, mean, var = (
        v.detach().reshape(-1, 1, 1)
        for v in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    factor = gamma / (var + norm.eps).sqrt()
    b = 0 if conv.bias is None else conv.bias.detach().reshape(-1, 1, 1)
    linear = plain - b
    return {
        "this is the convolution alone": plain,
        "$\\epsilon$ is missing under the root": gamma / var.sqrt() * (plain - mean) + beta,
        "divide by the root of the variance, not by the variance": (
            gamma / (var + norm.eps) * (plain - mean) + beta
        ),
        "the running mean is missing in the new bias": factor * plain + beta,
        "the running mean must be multiplied by the same factor as the weights": (
            factor * plain + beta - mean
        ),
        "the convolution's own bias must be multiplied by the factor too": (
            factor * (linear - mean) + b + beta
        ),
        "the convolution's own bias is lost": factor * (linear - mean) + beta,
    }


def solve_fold(conv, norm):
    """One factor per output channel, for the weights and for what is added."""
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        conv.dilation,
        conv.groups,
    )
    bias = 0 if conv.bias is None else conv.bias
    folded.weight.data = (conv.weight * factor[:, None, None, None]).detach()
    folded.bias.data = (norm.bias + factor * (bias - norm.running_mean)).detach()
    return folded


# --------------------------------------------------------------------------------- 05.group_norm
def check_group_norm(answer: object) -> None:
    """Compares with torch for every number of groups, among them layer and instance norm."""
    for groups in (2, 3, 1, 6):
        x, eps = 3 + 2 * draw(groups, 4, 6, 3, 5), 0.1
        got = attempt(answer, x, groups, eps)
        case = {1: "G = 1, layer norm", 6: "G = C = 6, instance norm"}.get(groups, f"G = {groups}")
        compare(got, F.group_norm(x, groups, eps=eps), _group_rivals(x, groups, eps), case)


def _group_rivals(x: Tensor, groups: int, eps: float) -> dict[str, Tensor]:
    N, C, H, W = x.shape
    strided = x.reshape(N, C // groups, groups, H, W)
    grouped = x.reshape(N, groups, C // groups, H, W)

    def over(values: Tensor, axes: tuple[int, ...], correction: int = 0) -> Tensor:
        mean = values.mean(dim=axes, keepdim=True)
        var = values.var(dim=axes, keepdim=True, correction=correction)
        return ((values - mean) / (var + eps).sqrt()).reshape(x.shape)

    return {
        "the statistics also run over the batch; each image must have its own": over(
            grouped, (0, 2, 3, 4)
        ),
        "a group is $C/G$ channels *in a row*; the reshape gave every $G$-th channel": over(
            strided, (1, 3, 4)
        ),
        "these are groups of $G$ channels; $G$ is the *number* of groups": over(
            x.reshape(N, C // groups, groups, H, W), (2, 3, 4)
        ),
        "every place has its own mean; a group shares one over all places": over(grouped, (2,)),
        "divide by the biased variance": over(grouped, (2, 3, 4), correction=1),
        "all groups share one mean: this is layer norm": over(x, (1, 2, 3)),
        "every channel has its own mean: this is instance norm": over(x, (2, 3)),
        "the shape must become $[N, C, H, W]$ again": over(grouped, (2, 3, 4)).reshape(
            grouped.shape
        ),
    }


def solve_group_norm(x, groups, eps):
    """A group becomes an axis of its own; then the formula runs over the last three."""
    N, C, H, W = x.shape
    grouped = x.reshape(N, groups, C // groups, H, W)
    mean = grouped.mean(dim=(2, 3, 4), keepdim=True)
    variance = grouped.var(dim=(2, 3, 4), keepdim=True, correction=0)
    return ((grouped - mean) / (variance + eps).sqrt()).reshape(N, C, H, W)
