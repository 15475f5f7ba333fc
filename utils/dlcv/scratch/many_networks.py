"""Many small networks trained side by side, each with a seed and a learning rate of its own."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {"ReLU": torch.relu, "logistic": torch.sigmoid}
NORMS = ("none", "batch", "layer")
ORDERS = ("before", "after")


class ManyMLPs(nn.Module):
    """R multilayer perceptrons of one design, their layers computed in batched matrix products.

    Each hidden layer is g(norm(W h + b)) or, with order "after", norm(g(W h + b)); the last layer
    is linear. No number of one network ever meets a number of another, except that networks with
    the same seed start from the same weights.

    Args:
        sizes: Numbers of units [D, hidden ..., K].
        seeds: One for each of the R networks.
        activation: "ReLU", with the weights of He et al., or "logistic", with those of Glorot and
            Bengio. Biases start at 0.
        norm: "none", "batch" or "layer" (over the units of a layer), with scale and shift.
        order: Whether the normalisation comes "before" or "after" the activation.
        noise: Strength of the disturbance behind each normalisation while training; see `shaken`.

    Raises:
        ValueError: If there is no layer or no seed, a name is unknown or noise is negative.

    Taught in: lectures/05_normalisation
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Sequence[int],
        activation: str = "ReLU",
        norm: str = "none",
        order: str = "before",
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        check_design(sizes, seeds, (activation, norm, order), noise)
        self.activation, self.norm, self.order = activation, norm, order
        self.seeds, self.noise = list(seeds), noise
        R, widths = len(seeds), sizes[1:-1] if norm != "none" else []
        drawn = {seed: initial_weights(sizes, seed, activation) for seed in set(seeds)}
        layers = zip(*(drawn[seed] for seed in seeds), strict=True)
        self.weights = nn.ParameterList(torch.stack(layer) for layer in layers)
        self.biases = nn.ParameterList(torch.zeros(R, D, 1) for D in sizes[1:])
        self.gammas = nn.ParameterList(torch.ones(R, D, 1) for D in widths)
        self.betas = nn.ParameterList(torch.zeros(R, D, 1) for D in widths)
        for layer, D in enumerate(widths if norm == "batch" else []):
            self.register_buffer(f"mean{layer}", torch.zeros(R * D))
            self.register_buffer(f"var{layer}", torch.ones(R * D))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [R, B, K] for inputs [R, B, D], or [B, D] for all networks alike."""
        x = self.up_to(len(self.weights) - 1, x)
        return torch.baddbmm(self.biases[-1], self.weights[-1], x).transpose(1, 2)

    def up_to(self, layer: int, x: Tensor) -> Tensor:
        """Return what a layer receives, [R, units, B], for the same inputs as `forward`."""
        x = x.expand(len(self.seeds), *x.shape[-2:]).transpose(1, 2)  # [R, D, B]
        for below in range(layer):
            x = self.hidden(x, below)
        return x

    def hidden(self, x: Tensor, layer: int) -> Tensor:
        """One hidden layer of all networks, [R, units before, B] -> [R, units, B]."""
        bend = ACTIVATIONS[self.activation]
        x = torch.baddbmm(self.biases[layer], self.weights[layer], x)
        if self.order == "after":
            return self.normalised(bend(x), layer)
        return bend(self.normalised(x, layer))

    def normalised(self, x: Tensor, layer: int) -> Tensor:
        """Normalise [R, units, B] over the batch or over the units, then scale and shift."""
        if self.norm == "none":
            return x
        gamma, beta = self.gammas[layer], self.betas[layer]
        if self.norm == "layer":
            x_hat = F.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2)
            y = torch.addcmul(beta, gamma, x_hat)
        else:  # one set of statistics for each unit of each network: R * D channels
            running = getattr(self, f"mean{layer}"), getattr(self, f"var{layer}")
            channels = x.reshape(1, -1, x.shape[2])
            scaling = gamma.flatten(), beta.flatten()
            y = F.batch_norm(channels, *running, *scaling, self.training).reshape(x.shape)
        return shaken(y, self.noise) if self.training and self.noise else y


def check_design(
    sizes: Sequence[int], seeds: Sequence[int], names: tuple[str, str, str], noise: float
) -> None:
    """Raise ValueError unless `ManyMLPs` can be built so."""
    if len(sizes) < 2 or len(seeds) < 1 or noise < 0:
        got = f"{list(sizes)}, {list(seeds)} and {noise}"
        raise ValueError(f"expected two sizes or more, a seed and noise >= 0, got {got}")
    known = (tuple(ACTIVATIONS), NORMS, ORDERS)
    if any(name not in choices for name, choices in zip(names, known, strict=True)):
        raise ValueError(f"expected one name each of {known}, got {names}")


def initial_weights(sizes: Sequence[int], seed: int, activation: str) -> list[Tensor]:
    """Draw the weights [out, in] of every layer from normal distributions around 0.

    Their variance is 2 / in before a ReLU (He et al. 2015) and 2 / (in + out) elsewhere (Glorot
    and Bengio 2010).
    """
    generator = torch.Generator().manual_seed(seed)
    weights = []
    for inputs, outputs in pairwise(sizes):
        is_last = len(weights) == len(sizes) - 2
        he = activation == "ReLU" and not is_last
        std = math.sqrt(2 / inputs if he else 2 / (inputs + outputs))
        weights.append(std * torch.randn(outputs, inputs, generator=generator))
    return weights


def shaken(y: Tensor, noise: float) -> Tensor:
    """Scale and shift every unit by random amounts that are new at every step.

    sigma y + mu + 0.2 noise n, with mu from [-noise, noise] and sigma from [1 - noise, 1 + noise]
    for each unit, and n normal for each value: mean and variance of every unit jump from step to
    step, around those that it would have.

    Args:
        y: [R, D, B].
        noise: Strength, at least 0.

    Reference:
        In the manner of Santurkar et al., How Does Batch Normalization Help Optimization?, 2018,
        sec. 2.2.

    Taught in: lectures/05_normalisation
    """
    R, D, _ = y.shape
    shift = noise * (2 * torch.rand(R, D, 1, device=y.device) - 1)
    scale = 1 + noise * (2 * torch.rand(R, D, 1, device=y.device) - 1)
    return scale * y + shift + 0.2 * noise * torch.randn_like(y)


def losses_of(networks: ManyMLPs, images: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of each network, [R].

    Args:
        networks: R networks.
        images: [R, B, D], or [B, D] for all alike.
        labels: [R, B], or [B] for all alike.
    """
    logits = networks(images).transpose(1, 2)  # [R, K, B]
    labels = labels.expand(len(logits), labels.shape[-1])
    return F.cross_entropy(logits, labels, reduction="none").mean(dim=1)


class ManyHistory(NamedTuple):
    """What each network's training measured after each epoch: mean loss and accuracy, [R, E]."""

    loss: Tensor
    accuracy: Tensor


def train_many(
    networks: ManyMLPs,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    rates: Sequence[float],
    epochs: int,
    batch_size: int = 32,
    on_step: Callable[[int], object] | None = None,
) -> ManyHistory:
    """Train networks side by side by plain gradient descent, each with its own learning rate.

    The losses are added up before the backward pass; as no weight has a part in two of them, each
    network gets the gradient of its own. A network that diverges does not disturb the others.
    Networks with the same seed see the same batches; a last batch of one image is left out.

    Args:
        networks: R networks, where their parameters shall stay.
        train: Inputs [N, D] and labels [N] on the same device.
        validation: The same, for the accuracy after each epoch.
        rates: R learning rates.
        epochs: Passes over the training data.
        batch_size: Images in a batch of each network, at least 2.
        on_step: Function (number of the step, from 0), called before each step.

    Returns:
        Mean training loss and validation accuracy of each epoch, on the CPU.

    Raises:
        ValueError: If there are not R positive rates, or the batch size is below 2.

    Taught in: lectures/05_normalisation
    """
    R, (images, labels) = len(networks.seeds), train
    if len(rates) != R or min(rates) <= 0 or batch_size < 2:
        raise ValueError(f"expected {R} rates > 0 and a batch size >= 2, got {rates}, {batch_size}")
    lr = torch.tensor(rates, dtype=images.dtype, device=images.device).reshape(R, 1, 1)
    parameters, step = list(networks.parameters()), 0
    losses, accuracy = [], []
    for epoch in range(epochs):
        networks.train()
        total = torch.zeros(R, device=images.device)
        for batch in orders(networks.seeds, epoch, len(images)).split(batch_size, dim=1):
            if batch.shape[1] < 2:
                continue
            if on_step is not None:
                on_step(step)
            batch = batch.to(images.device)
            loss = losses_of(networks, images[batch], labels[batch])
            gradients = torch.autograd.grad(loss.sum(), parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= lr * gradient
            total += loss.detach() * batch.shape[1]
            step += 1
        losses.append(total.cpu() / len(images))
        accuracy.append(accuracies(networks, *validation))
    return ManyHistory(torch.stack(losses, dim=1), torch.stack(accuracy, dim=1))


def orders(seeds: Sequence[int], epoch: int, count: int) -> Tensor:
    """Return the order of the images for each seed in an epoch, int64 [R, N]."""
    shuffled = {
        seed: torch.randperm(count, generator=torch.Generator().manual_seed(1000 * seed + epoch))
        for seed in set(seeds)
    }
    return torch.stack([shuffled[seed] for seed in seeds])


@torch.no_grad()
def accuracies(networks: ManyMLPs, images: Tensor, labels: Tensor) -> Tensor:
    """Return the accuracy of each network in evaluation mode, [R] on the CPU.

    A network whose weights are no longer finite answers with its first class.

    Args:
        networks: R networks; their mode is kept.
        images: [N, D].
        labels: [N].
    """
    mode = networks.training
    networks.eval()
    answers = networks(images).argmax(dim=2)  # [R, N]
    networks.train(mode)
    return (answers == labels).float().mean(dim=1).cpu()
