"""A program for torchrun: data parallelism, checked against one process.

    torchrun --standalone --nproc-per-node=2 -m dlcv.distributed.torchrun_example

torchrun starts the processes and tells each, through environment variables, its rank and where to
meet. A program that begins with `init_process_group()` needs nothing else.
"""

import sys

import torch
import torch.distributed as dist
from torch import nn

from dlcv.distributed.data_parallel import (
    first_and_last,
    largest_difference,
    train_alone,
    train_by_hand,
)


def main() -> None:
    """Train on shards and on the whole batch alone, and compare the weights."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")  # "nccl", and a GPU for each rank, on a machine with GPUs
    rank, world_size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)  # the same data and the same first weights in every process
    images, labels = torch.randn(64, 20), torch.randint(0, 5, (64,))
    model, alone = nn.Linear(20, 5), nn.Linear(20, 5)
    alone.load_state_dict(model.state_dict())
    together = train_by_hand(rank, world_size, model, images, labels, lr=0.1)
    _, weights = first_and_last(together, model, count=10)
    _, expected = first_and_last(train_alone(alone, images, labels, lr=0.1), alone, count=10)
    is_same = largest_difference(weights, expected) < 1e-6
    line = f"rank {rank} of {world_size}: same weights as one process: {is_same}\n"
    sys.stdout.write(line)  # in one piece, or the lines of two processes would mix
    sys.stdout.flush()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
