"""Trainings in processes that are killed: a program that starts one for each line it reads."""

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # the optimisers import it: once here, and not in every fork
from tiny_detector import tiny_faster_rcnn
from torch import nn

from dlcv.data.augment import noise, random_erasing
from dlcv.data.batches import Batches
from dlcv.data.bundled import load_digits_split
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.pipeline import detector_loss
from dlcv.training import TrainConfig, classification_loss, evaluate, fit

save = torch.save  # as it is without a trap


def digits() -> dict:
    """Classification with augmentation, dropout and batch normalisation."""
    train, validation, _ = load_digits_split()
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(384, 10),
    )

    def augment(images, generator):
        return random_erasing(noise(images, generator), generator)

    return {
        "model": model,
        "batches": Batches(train.images[:320], train.labels[:320], 32, seed=4, augment=augment),
        "loss_fn": classification_loss,
        "config": TrainConfig(3, 0.05, schedule="cosine", weight_decay=1e-3, warmup_steps=5),
        "validate": lambda model: {"accuracy": evaluate(model, [validation])},
    }


def detector() -> dict:
    """Faster R-CNN: a symmetry and a sample of the proposals are drawn at random in each step."""
    kinds = SceneConfig(size=48, objects=(0, 3), kinds=range(3))
    scenes = render_scenes(24, seed=5, config=kinds, masks=False)
    return {
        "model": tiny_faster_rcnn(3),
        "batches": Batches(scenes.images, scenes, 4, seed=1),
        "loss_fn": detector_loss,
        "config": TrainConfig(3, 0.003, "adamw", clip_norm=5.0),
    }


TASKS: dict[str, Callable[[], dict]] = {"digits": digits, "detector": detector}


PLACES = {
    "before a step": (torch.Tensor, "backward"),
    "file half written": (torch, "save"),
    "before the move": (os, "replace"),
}


def set_trap(place: str, visits: int) -> None:
    """Let this process be killed, with no chance to clean up, at some visit to a place."""
    owner, name = PLACES[place]
    plain = getattr(owner, name)

    def trapped(*args):
        nonlocal visits
        visits -= 1
        if visits == 0:
            if place == "file half written":
                args[1].write(b"half of it")
                args[1].flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args)

    setattr(owner, name, trapped)


def fill_disk(room: int) -> None:
    """Let no file of this process grow beyond some bytes, as on a disk that is nearly full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def train(name: str, folder: str, seed: int, kill: tuple[str, int] | None = None) -> None:
    """Train until done or killed; a seed stands for the other random numbers of a new process."""
    torch.set_num_threads(1)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the global generator is part of what must go on)
    torch.manual_seed(seed)
    task, folder = TASKS[name](), Path(folder)
    if kill is not None:
        place, number = kill
        fill_disk(number) if place == "full disk" else set_trap(place, number)
    history = fit(**task, checkpoint=folder / "run.pt", save_every=2)
    with (folder / "done.partial").open("wb") as file:
        save({"weights": task["model"].state_dict(), "history": asdict(history)}, file)
    (folder / "done.partial").rename(folder / "done.pt")


def exit_code(pid: int, wait_s: float) -> int:
    """Wait for a process, kill it when the time is over, and say how it ended."""
    deadline, is_killed = time.monotonic() + wait_s, False
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline and not is_killed:
            os.kill(pid, signal.SIGKILL)
            is_killed = True
        time.sleep(0.002)


def main() -> None:
    """For each line (arguments of `train`, seconds), fork a process that trains; say how it ended.

    A fork has all imports behind it. This process itself never computes anything.
    """
    for line in sys.stdin:
        args, wait_s = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                train(*args)
            except OSError as error:
                Path(args[1], "said.txt").write_text(str(error))
                os._exit(1)
            os._exit(0)
        print(exit_code(pid, wait_s), flush=True)


if __name__ == "__main__":
    main()
