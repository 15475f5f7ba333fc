"""What workers say to each other: the ring all-reduce on arrays, its traffic, the weighted mean."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def weighted_mean(tensors: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Average what workers computed on shards of different sizes: sum_k n_k g_k / sum_k n_k.

    With equal sizes this is the plain mean. The gradient of a mean loss over all examples is the
    weighted mean of the gradients of the shards' mean losses.

    Args:
        tensors: One tensor for each worker, all of one shape.
        sizes: How many examples each worker saw; none negative, not all 0.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: If the numbers do not belong together.

    Taught in: lectures/08_gpu_and_distributed
    """
    if len(tensors) != len(sizes) or min(sizes, default=-1) < 0 or sum(sizes) == 0:
        raise ValueError(f"expected a size for each tensor, got {len(tensors)} and {list(sizes)}")
    total = sum(sizes)
    return sum(size / total * tensor for tensor, size in zip(tensors, sizes, strict=True))


def ring_all_reduce(arrays: Sequence[Tensor]) -> tuple[list[Tensor], int]:
    """Sum one array of each of K workers by passing pieces around a ring.

    The arrays are cut into K chunks. In K - 1 steps every worker hands one chunk to its right
    neighbour, which adds it to its own; afterwards worker k holds one chunk of the whole sum. In
    K - 1 more steps these finished chunks go round. Here the workers are entries of a list.

    Args:
        arrays: One array of N values for each of K >= 1 workers.

    Returns:
        The sum, K times, one for each worker; and the largest number of values that one worker
        sent, 2 (K - 1) / K N where K divides N.

    Raises:
        ValueError: If there is no worker or the shapes differ.

    Reference: Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms.

    Taught in: lectures/08_gpu_and_distributed
    """
    K = len(arrays)
    if K < 1 or any(array.dim() != 1 or array.shape != arrays[0].shape for array in arrays):
        got = [list(array.shape) for array in arrays]
        raise ValueError(f"expected one array [N] for each worker, got {got}")
    held = [list(array.clone().tensor_split(K)) for array in arrays]  # worker, chunk
    sent = [0] * K
    for step in range(2 * (K - 1)):
        moving = [(k - step) % K for k in range(K)]  # the chunk that worker k hands on
        chunks = [held[k][moving[k]].clone() for k in range(K)]
        for k in range(K):
            right = (k + 1) % K
            if step < K - 1:  # first round: add
                held[right][moving[k]] += chunks[k]
            else:  # second round: copy
                held[right][moving[k]] = chunks[k]
            sent[k] += len(chunks[k])
    return [torch.cat(chunks) for chunks in held], max(sent)


def ring_traffic(size: float, workers: int) -> float:
    """Return what each worker of a ring all-reduce sends: 2 (K - 1) / K S.

    Args:
        size: S, of the array that is summed, in any unit.
        workers: K, at least 1.

    Returns:
        In the unit of size; it tends to 2 S.

    Raises:
        ValueError: If there is no worker.
    """
    if workers < 1:
        raise ValueError(f"expected at least one worker, got {workers}")
    return 2 * (workers - 1) / workers * size


def ring_all_reduce_between_processes(tensor: Tensor) -> Tensor:
    """Sum a tensor over the processes of the group, by messages to the right neighbour alone.

    Args:
        tensor: [N], of the same shape and on the CPU in every process.

    Returns:
        The sum over all processes, what `torch.distributed.all_reduce` gives.
    """
    rank, K = dist.get_rank(), dist.get_world_size()
    chunks = list(tensor.clone().tensor_split(K))
    for step in range(2 * (K - 1)):
        out, incoming = (rank - step) % K, (rank - step - 1) % K
        buffer = torch.empty_like(chunks[incoming])
        request = dist.isend(chunks[out].contiguous(), (rank + 1) % K)
        dist.recv(buffer, (rank - 1) % K)
        request.wait()
        chunks[incoming] = chunks[incoming] + buffer if step < K - 1 else buffer
    return torch.cat(chunks)
