"""One training in several processes: each takes its part of every batch, and all the same steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dlcv.training.checkpoint import random_state, restore_random_state


class Team:
    """The processes of torch's process group, or this one alone where none was started.

    Attributes:
        rank: Which of them this process is, from 0.
        size: K, how many there are.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if together else 0
        self.size = dist.get_world_size() if together else 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.rank == 0

    def share(self, batch: Any) -> tuple[Any, float]:
        """Return this process's part of a batch of B images, b of them, and its weight b / B.

        Parts lie side by side: joined in the order of ranks they are the batch. A process for which
        no image is left looks at the first one, with weight 0.

        Raises:
            ValueError: If the batch cannot be taken apart; see `batch_size`.
        """
        if self.size == 1:
            return batch, 1.0
        B = batch_size(batch)
        mine = range(B)[self.rank * B // self.size : (self.rank + 1) * B // self.size]
        part = slice(mine.start, mine.stop) if mine else slice(0, 1)
        if isinstance(batch, dict):
            return {name: member[part] for name, member in batch.items()}, len(mine) / B
        if isinstance(batch, tuple | list):
            return tuple(member[part] for member in batch), len(mine) / B
        return batch[part], len(mine) / B

    def loss_of(
        self, model: nn.Module, loss_fn: Callable[[nn.Module, Any], Tensor]
    ) -> Callable[[Any], Tensor]:
        """Return the function batch -> loss, whose backward pass averages over all processes.

        With several processes this is torch's DistributedDataParallel, which also begins by giving
        all of them the weights of the first.
        """
        if self.size == 1:
            return partial(loss_fn, model)
        # A weight may rest in some step, for example where a detector sees no object.
        return DistributedDataParallel(Loss(model, loss_fn), find_unused_parameters=True)

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a number over all processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def from_first(self, value: Any) -> Any:
        """Return what the first process holds, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def all_of(self, value: Any) -> list[Any]:
        """Return what every process holds, in the order of ranks."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the buffers of the first, such as running statistics."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def share_random_state(self) -> None:
        """Let every process draw the same numbers on the CPU from now on."""
        if self.size > 1:
            restore_random_state(self.from_first(random_state()) | {"cuda": []})


class Loss(nn.Module):
    """A loss as a module, the form in which torch's DistributedDataParallel takes it.

    Args:
        model: The model.
        loss_fn: Function (model, batch) -> loss.
    """

    def __init__(self, model: nn.Module, loss_fn: Callable[[nn.Module, Any], Tensor]) -> None:
        super().__init__()
        self.model, self.loss_fn = model, loss_fn
        # DistributedDataParallel warns if no weight ever rests; this one always does.
        self.resting = nn.Parameter(torch.zeros((), device=next(model.parameters()).device))

    def forward(self, batch: Any) -> Tensor:
        """Return the loss of a batch."""
        return self.loss_fn(self.model, batch)


def batch_size(batch: Any) -> int:
    """Return how many images a batch holds.

    Args:
        batch: A tuple, list or dict whose members have one entry for each image, such as
            (images [B, ...], labels [B]); or one such member alone.

    Raises:
        ValueError: If the members have no length, or not the same one.
    """
    members = batch.values() if isinstance(batch, dict) else batch
    members = list(members) if isinstance(batch, tuple | list | dict) else [batch]
    sizes = [len(member) if hasattr(member, "__len__") else None for member in members]
    if len(set(sizes)) != 1 or sizes[0] is None:
        kinds = [type(member).__name__ for member in members]
        wanted = "expected a batch whose members have one entry for each image"
        raise ValueError(f"{wanted}, got {kinds} of lengths {sizes}")
    return sizes[0]
