"""Data parallelism: every worker has the whole model and a part of the batch."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from dlcv.distributed.launcher import own_device

Weights = list[Tensor]


def average_gradients(model: nn.Module, share: float) -> None:
    """Replace each gradient by the weighted mean over all workers: sum_k (n_k / N) g_k.

    Args:
        model: The model, with the gradient of this worker's mean loss.
        share: n_k / N, the part of the whole batch that this worker saw; 0 to 1.

    Taught in: lectures/08_gpu_and_distributed
    """
    for parameter in model.parameters():
        parameter.grad *= share
        dist.all_reduce(parameter.grad)  # the sum over all workers, in every worker


@torch.no_grad()
def descend(model: nn.Module, lr: float) -> None:
    """Take one step of gradient descent: every worker takes the same one."""
    for parameter in model.parameters():
        parameter -= lr * parameter.grad


def train_by_hand(
    rank: int, world_size: int, model: nn.Module, images: Tensor, labels: Tensor, lr: float
) -> Iterator[Weights]:
    """Descend on one worker's shard, with gradients averaged over all; yield them at every step.

    Args:
        rank: Which worker this is.
        world_size: K.
        model: The same in every worker at the start.
        images: [N, ...], the whole batch; a worker takes its own part of it.
        labels: [N].
        lr: Learning rate.

    Yields:
        The averaged gradients, before the step with them.

    Taught in: lectures/08_gpu_and_distributed
    """
    mine = images.tensor_split(world_size)[rank], labels.tensor_split(world_size)[rank]
    share = len(mine[0]) / len(images)
    while True:
        model.zero_grad()
        cross_entropy(model(mine[0]), mine[1]).backward()
        average_gradients(model, share)
        yield [parameter.grad.clone() for parameter in model.parameters()]
        descend(model, lr)


def train_by_ddp(
    rank: int, world_size: int, model: nn.Module, images: Tensor, labels: Tensor, lr: float
) -> Iterator[Weights]:
    """Do the same through torch's DistributedDataParallel, which averages while it goes back.

    DDP takes the plain mean over workers, so the shards must be equally large.

    Args:
        rank, world_size, model, images, labels, lr: As in `train_by_hand`.

    Yields:
        The averaged gradients, before the step with them.

    Raises:
        ValueError: If the batch cannot be shared out equally.

    Taught in: lectures/08_gpu_and_distributed
    """
    if len(images) % world_size:
        raise ValueError(f"expected equal shards for {world_size} workers, got {len(images)}")
    mine = images.tensor_split(world_size)[rank], labels.tensor_split(world_size)[rank]
    replica = DistributedDataParallel(model)
    while True:
        model.zero_grad()
        cross_entropy(replica(mine[0]), mine[1]).backward()
        yield [parameter.grad.clone() for parameter in model.parameters()]
        descend(model, lr)


def train_alone(model: nn.Module, images: Tensor, labels: Tensor, lr: float) -> Iterator[Weights]:
    """Descend on the whole batch in one process: what the others must agree with."""
    while True:
        model.zero_grad()
        cross_entropy(model(images), labels).backward()
        yield [parameter.grad.clone() for parameter in model.parameters()]
        descend(model, lr)


def first_and_last(steps: Iterator[Weights], model: nn.Module, count: int) -> tuple:
    """Take some steps; return the gradients of the first and the weights after the last, on CPU."""
    first = next(steps)
    for _ in range(count):
        next(steps)
    weights = [parameter.detach().cpu().clone() for parameter in model.parameters()]
    return [gradient.cpu() for gradient in first], weights


def data_parallel(
    rank: int,
    world_size: int,
    way: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    lr: float = 0.1,
    steps: int = 5,
) -> tuple[Weights, Weights]:
    """Be one data-parallel worker; start it with `dlcv.distributed.launch`.

    Args:
        rank, world_size: From the launcher.
        way: "hand" or "ddp".
        model, images, labels, lr: As in `train_by_hand`.
        steps: How many steps to take.

    Returns:
        The averaged gradients of the first step, and the weights after the last.

    Raises:
        ValueError: If there is no such way.
    """
    ways = {"hand": train_by_hand, "ddp": train_by_ddp}
    if way not in ways:
        raise ValueError(f"expected one of {', '.join(ways)}, got {way!r}")
    device = own_device()
    model = model.to(device)
    batch = images.to(device), labels.to(device)
    return first_and_last(ways[way](rank, world_size, model, *batch, lr), model, steps)


def largest_difference(ours: Weights, theirs: Weights) -> float:
    """Return the largest absolute difference between two lists of tensors."""
    return max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))
