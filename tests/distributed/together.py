"""Trainings with `fit` that run in one process or in several; these must be importable."""

import os
import signal

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dlcv.data.augment import noise
from dlcv.data.batches import Batches
from dlcv.distributed.launcher import own_device
from dlcv.training import TrainConfig, classification_loss, fit

EPOCHS, N, BATCH = 3, 33, 16  # the last batch holds one image: too few for two processes


def data(size=N):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(size) % 3
    images = torch.rand(size, 1, 6, 5, generator=generator)
    return (images + labels[:, None, None, None]) / 3, labels


def network(*layers):
    torch.manual_seed(7)  # the same first weights everywhere
    body = [nn.Conv2d(1, 4, 3, padding=1), *layers, nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(120, 3))


def task(name, rank):
    """Return what `fit` takes."""
    batches = Batches(*data(), BATCH, seed=2, augment=noise)
    model, config = network(), TrainConfig(EPOCHS, 0.1, schedule="cosine", clip_norm=1.0)
    if name == "adam":
        config = TrainConfig(EPOCHS, 0.01, "adamw", weight_decay=0.1)
    if name == "frozen normalisation":
        model = network(nn.BatchNorm2d(4))
        model[1].eval()
    if name == "normalisation":
        model = network(nn.BatchNorm2d(4))
    if name == "dropout":
        model = network(nn.Dropout(0.5))
    if name == "a weight rests":
        model.register_parameter("unused", nn.Parameter(torch.ones(2)))
    if name == "other weights, other numbers":  # each process has a seed of its own
        torch.manual_seed(100 + rank)
        batches = DataLoader(TensorDataset(*data()), BATCH, shuffle=True)
        for parameter in model.parameters() if rank else []:
            nn.init.normal_(parameter)
    return {"model": model, "batches": batches, "loss_fn": classification_loss, "config": config}


def train(rank, world_size, name, checkpoint=None, stop_after=None):
    """Train, perhaps in a process that is killed on the way; return all that came of it."""
    arguments = task(name, rank)
    device = own_device() if dist.is_initialized() else torch.device("cpu")
    arguments["model"].to(device)
    count, seen = 0, []

    def loss_fn(model, batch):
        nonlocal count
        count += 1
        seen.append(len(batch[1]))
        if count == stop_after and rank == world_size - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return classification_loss(model, [part.to(device) for part in batch])

    arguments |= {"loss_fn": loss_fn, "checkpoint": checkpoint, "save_every": 2}
    calls = []
    arguments |= {"on_epoch": calls.append, "validate": lambda model: {"rank": rank}}
    history = fit(**arguments)
    state = {key: value.cpu().clone() for key, value in arguments["model"].state_dict().items()}
    return {"history": history, "state": state, "seen": seen, "calls": len(calls)}
