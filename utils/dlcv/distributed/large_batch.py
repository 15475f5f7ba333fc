"""Large mini-batches: the linear scaling rule, gradual warm-up, normalisation over all workers."""

from collections.abc import Sequence

import torch
from torch import Tensor


def scaled_rate(rate: float, batch: int, large_batch: int) -> float:
    """Return the learning rate of the linear scaling rule: k rate, for a batch k times as large.

    Args:
        rate: The rate that suits the small batch.
        batch: Images in the small batch.
        large_batch: Images in the large one.

    Raises:
        ValueError: If a number is not positive.

    Reference: Goyal et al. (2017), section 2.1; Krizhevsky (2014).
    """
    if min(rate, batch, large_batch) <= 0:
        raise ValueError(f"expected positive numbers, got {rate}, {batch}, {large_batch}")
    return rate * large_batch / batch


def warmup_rate(step: int, rate: float, large_rate: float, warmup_steps: int) -> float:
    """Return the learning rate of a step under gradual warm-up.

    rate + (large_rate - rate) t / T for t < T, and large_rate from T on: the first step is as
    careful as with a small batch.

    Args:
        step: t, counted from 0.
        rate: Of the small batch.
        large_rate: Of the large batch.
        warmup_steps: T; 0 for none.

    Raises:
        ValueError: If a number of steps is negative.

    Reference: Goyal et al. (2017), section 2.2.

    Taught in: lectures/08_gpu_and_distributed
    """
    if step < 0 or warmup_steps < 0:
        raise ValueError(f"expected steps >= 0, got {step} and {warmup_steps}")
    if step >= warmup_steps:
        return large_rate
    return rate + (large_rate - rate) * step / warmup_steps


def synced_batch_norm(shards: Sequence[Tensor], eps: float = 1e-5) -> list[Tensor]:
    """Normalise the shards of a batch as one batch.

    Every worker sends three numbers a channel: how many values it has, their sum and the sum of
    their squares. From the totals all know the same mean and variance.

    Args:
        shards: [B_k, C, ...] for each worker k.
        eps: Added to the variance.

    Returns:
        The normalised shards.

    Raises:
        ValueError: If there is no value.

    Reference: Peng et al. (2018), MegDet, section 3.3 (cross-GPU batch normalisation).

    Taught in: lectures/08_gpu_and_distributed
    """
    if sum(shard.numel() for shard in shards) == 0:
        raise ValueError("expected at least one value, got none")
    axes = [0, *range(2, shards[0].dim())]  # all but the channels
    count = sum(shard.numel() // shard.shape[1] for shard in shards)
    total = sum(shard.sum(dim=axes, keepdim=True) for shard in shards)  # [1, C, 1, ...]
    mean = total / count
    spread = sum(((shard - mean) ** 2).sum(dim=axes, keepdim=True) for shard in shards)
    scale = torch.rsqrt(spread / count + eps)
    return [(shard - mean) * scale for shard in shards]
