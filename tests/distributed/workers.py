"""What the tests let worker processes do; these must be importable."""

import os
import time

import torch
import torch.distributed as dist

from dlcv.distributed.collectives import ring_all_reduce_between_processes


def rank_and_sum(rank, world_size, value):
    """Each worker gives value + rank."""
    total = torch.tensor([value + rank])
    dist.all_reduce(total)
    return rank, world_size, total.item()


def doubled(rank, world_size, tensor):
    return 2 * tensor


def surroundings(rank, world_size):
    return torch.get_num_threads(), dist.get_backend(), os.environ["GLOO_SOCKET_IFNAME"]


def fails_on_one(rank, world_size):
    if rank == 1:
        raise ValueError("no such luck")
    dist.recv(torch.zeros(1), 1)


def dies_on_one(rank, world_size, sign):
    if rank == 1:
        os.kill(os.getpid(), sign)
    dist.recv(torch.zeros(1), 1)


def sleeps_on_zero(rank, world_size):
    if rank == 0:
        time.sleep(600)


def ring(rank, world_size, arrays):
    """The sum by the ring and by torch."""
    expected = arrays[rank].clone()
    dist.all_reduce(expected)
    return ring_all_reduce_between_processes(arrays[rank]), expected
