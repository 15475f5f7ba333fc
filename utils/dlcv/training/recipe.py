"""The recipe of a training: its settings, its optimiser and its learning rate over time."""

import math
from dataclasses import dataclass

import torch
from torch import nn

OPTIMISERS = ("sgd", "adam", "adamw")
SCHEDULES = ("constant", "step", "cosine")


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        epochs: Passes over the data.
        lr: Learning rate at its highest.
        optimiser: "sgd", "adam" or "adamw".
        momentum: Momentum of "sgd"; 0.9 is AlexNet's.
        weight_decay: L2 penalty; with "adamw", decoupled decay.
        schedule: "constant"; "step", a tenth from each epoch of `lr_drops` on; or "cosine", half a
            cosine from `lr` down to 0 (Loshchilov and Hutter, SGDR: one period).
        lr_drops: Epochs, counted from 0, at whose start "step" divides the learning rate by ten.
        warmup_steps: Steps over which the learning rate first rises linearly to `lr`.
        clip_norm: Largest norm of the gradient of all weights together, or None for no limit.
        mixed_precision: Whether to compute in bfloat16 on a GPU that has it.
    """

    epochs: int
    lr: float
    optimiser: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    lr_drops: tuple[int, ...] = ()
    warmup_steps: int = 0
    clip_norm: float | None = None
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 0 or not self.lr > 0:
            got = f"{self.epochs} and {self.lr}"
            raise ValueError(f"expected epochs >= 0 and a learning rate > 0, got {got}")
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"expected an optimiser of {OPTIMISERS}, got {self.optimiser!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"expected a schedule of {SCHEDULES}, got {self.schedule!r}")
        if (self.schedule == "step") != bool(self.lr_drops):
            got = f"{self.schedule!r} and {self.lr_drops}"
            raise ValueError(f"expected lr_drops with the schedule 'step' alone, got {got}")


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Make the optimiser that a config describes, for the parameters that are not frozen."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    lr, decay = config.lr, config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr, momentum=config.momentum, weight_decay=decay)
    adam = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return adam(parameters, lr, weight_decay=decay)


def lr_factor(step: int, steps_per_epoch: int, config: TrainConfig) -> float:
    """Return the learning rate of a step, counted from 0, as a fraction of `config.lr`."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "step":
        drops = sum(step >= epoch * steps_per_epoch for epoch in config.lr_drops)
        return 0.1**drops
    if config.schedule == "cosine":
        length = config.epochs * steps_per_epoch - config.warmup_steps
        progress = min(1.0, (step - config.warmup_steps) / max(1, length))
        return (1 + math.cos(math.pi * progress)) / 2
    return 1.0
