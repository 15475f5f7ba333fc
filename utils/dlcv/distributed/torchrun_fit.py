"""A training for torchrun: any number of processes train one network, and go on after a stop.

    torchrun --standalone --nproc-per-node=2 -m dlcv.distributed.torchrun_fit run.pt

Only `join` is there for the sake of several processes: `dlcv.training.fit` notices that it is not
alone. Without torchrun the program trains in one process, with the same losses.
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from dlcv.data.augment import noise
from dlcv.data.batches import Batches
from dlcv.data.bundled import load_digits_split
from dlcv.device import pick_device, seed_everything
from dlcv.training import History, TrainConfig, classification_loss, evaluate, fit


def join() -> torch.device:
    """Join the processes that torchrun started, if it did, and return this one's device.

    That is a GPU of its own where there is one for each process on this machine, else the CPU.
    """
    if "LOCAL_RANK" not in os.environ:
        return pick_device()
    place, neighbours = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if torch.cuda.device_count() < neighbours:
        dist.init_process_group("gloo")
        return torch.device("cpu")
    torch.cuda.set_device(place)
    dist.init_process_group("nccl")
    return torch.device("cuda", place)


def network() -> nn.Module:
    """Build a small network for 8x8 digits; no layer of it mixes the images of a batch."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def report(history: History) -> None:
    """Print where a training stands: after an epoch, and where it goes on from a checkpoint."""
    print(f"{len(history.losses)} steps", *history.epochs[-1:], flush=True)


def train(checkpoint: Path, epochs: int, save_every: int) -> History:
    """Train on the handwritten digits, in this process or in as many as have joined."""
    device = join()
    seed_everything(0)
    parts = [(images.to(device), labels.to(device)) for images, labels in load_digits_split()]
    model = network().to(device)
    return fit(
        model,
        Batches(*parts[0], batch_size=64, seed=0, augment=noise),
        classification_loss,
        TrainConfig(epochs, lr=0.05, schedule="cosine", warmup_steps=10),
        validate=lambda model: {"accuracy": evaluate(model, [parts[1]])},
        checkpoint=checkpoint,
        save_every=save_every,
        on_epoch=report,
    )


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="file to save to and to go on from")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--save-every", type=int, default=20, help="steps between two saves")
    options = parser.parse_args()
    train(options.checkpoint, options.epochs, options.save_every)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
