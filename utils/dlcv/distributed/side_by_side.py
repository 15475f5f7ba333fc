"""Many small networks trained at once, with one axis more: for sweeps over rates and seeds."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dlcv.distributed.large_batch import warmup_rate

SIZES = (64, 64, 64, 10)  # pixels, two hidden layers, classes
MOMENTUM = 0.9


def networks(seeds: Sequence[int], sizes: Sequence[int] = SIZES) -> list[Tensor]:
    """Initialise a multilayer perceptron for each of R seeds, as torch does.

    Args:
        seeds: R whole numbers.
        sizes: Units of every layer, inputs and outputs included.

    Returns:
        For every layer its weights [R, D_in, D_out] and biases [R, 1, D_out], in turn.
    """
    layers = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            layers.append([nn.Linear(a, b) for a, b in itertools.pairwise(sizes)])
    stacked = []
    for same in zip(*layers, strict=True):
        stacked.append(torch.stack([layer.weight.detach().T for layer in same]))
        stacked.append(torch.stack([layer.bias.detach()[None] for layer in same]))
    return [tensor.requires_grad_() for tensor in stacked]


def logits_of(parameters: list[Tensor], x: Tensor) -> Tensor:
    """Run R networks on R batches: x [R, B, D] gives [R, B, K]."""
    for i in range(0, len(parameters), 2):
        x = torch.baddbmm(parameters[i + 1], x, parameters[i])
        x = x.relu() if i + 2 < len(parameters) else x
    return x


def train_many(
    images: Tensor,
    labels: Tensor,
    rates: Sequence[float],
    seeds: Sequence[int],
    batch: int,
    epochs: int,
    warmup_epochs: int = 0,
    first_rate: float = 1.0,
) -> list[Tensor]:
    """Train R networks by stochastic gradient descent with momentum 0.9, each for itself.

    Args:
        images: [N, D].
        labels: [N].
        rates: Learning rate of each network.
        seeds: Of its first weights and of its order of images.
        batch: Images in a batch; an incomplete one at the end of an epoch is left out.
        epochs: Passes over the data.
        warmup_epochs: Over how many the rate rises.
        first_rate: Where it rises from, as a part of each network's own rate.

    Returns:
        The parameters, as `networks` gives them.

    Raises:
        ValueError: If there are not as many rates as seeds, or there is no whole batch.
    """
    if len(rates) != len(seeds) or not 1 <= batch <= len(images):
        got = f"{len(rates)} rates, {len(seeds)} seeds, batch {batch} of {len(images)} images"
        raise ValueError(f"expected a seed for each rate and a whole batch, got {got}")
    parameters = networks(seeds)
    velocities = [torch.zeros_like(p) for p in parameters]
    full = torch.tensor(rates).reshape(-1, 1, 1)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    per_epoch, step = len(images) // batch, 0
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(len(images), generator=g) for g in generators])
        for chosen in orders[:, : per_epoch * batch].split(batch, dim=1):  # [R, B]
            logits = logits_of(parameters, images[chosen])
            losses = cross_entropy(logits.transpose(1, 2), labels[chosen], reduction="none")
            gradients = torch.autograd.grad(losses.mean(dim=1).sum(), parameters)
            rate = warmup_rate(step, first_rate * full, full, warmup_epochs * per_epoch)
            descend(parameters, gradients, velocities, rate)
            step += 1
    return parameters


@torch.no_grad()
def descend(
    parameters: list[Tensor], gradients: tuple[Tensor, ...], velocities: list[Tensor], rate: Tensor
) -> None:
    """Take one step with momentum, in every network at its own rate [R, 1, 1]."""
    for parameter, gradient, velocity in zip(parameters, gradients, velocities, strict=True):
        velocity.mul_(MOMENTUM).add_(gradient)
        parameter -= rate * velocity


@torch.no_grad()
def error_rates(parameters: list[Tensor], images: Tensor, labels: Tensor) -> Tensor:
    """Return the share of images that each network gets wrong, [R]."""
    x = images.expand(len(parameters[0]), *images.shape)
    return (logits_of(parameters, x).argmax(dim=2) != labels).float().mean(dim=1)
