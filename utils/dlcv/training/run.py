"""A training under way: all that changes in it, one step of it, and how it is saved and goes on."""

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from dlcv.device import autocast
from dlcv.training.checkpoint import (
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from dlcv.training.processes import Team, batch_size
from dlcv.training.recipe import TrainConfig, lr_factor


@dataclass
class History:
    """What a training measured.

    Attributes:
        planned_epochs: How many epochs the training will have.
        steps_per_epoch: How many steps make an epoch.
        losses: The loss of every step.
        epochs: For every epoch a dict with "epoch" (from 1), "loss" (the mean over its steps) and
            whatever `validate` returned.
    """

    planned_epochs: int
    steps_per_epoch: int
    losses: list[float] = field(default_factory=list)
    epochs: list[dict[str, float]] = field(default_factory=list)


class Run:
    """A training under way: the model, its optimiser, its schedule and what was measured.

    Args:
        model: The model.
        loss_fn: Function (model, batch) -> loss.
        optimiser: The optimiser of its parameters.
        config: How to train.
        steps_per_epoch: Number of batches in an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Callable[[nn.Module, Any], Tensor],
        optimiser: torch.optim.Optimizer,
        config: TrainConfig,
        steps_per_epoch: int,
    ) -> None:
        if steps_per_epoch < 1:
            raise ValueError(f"expected at least one batch, got {steps_per_epoch}")
        self.model, self.optimiser, self.config = model, optimiser, config
        self.steps_per_epoch, self.team = steps_per_epoch, Team()
        self.loss_of = self.team.loss_of(model, loss_fn)
        self.scheduler = LambdaLR(optimiser, lambda step: lr_factor(step, steps_per_epoch, config))
        self.history = History(config.epochs, steps_per_epoch)
        self.epoch_start = random_state()

    @property
    def step(self) -> int:
        """Number of steps done."""
        return len(self.history.losses)

    def train_step(self, batch: Any) -> float:
        """Take one step down the gradient of one batch and return the loss before it.

        Raises:
            FloatingPointError: If the loss is not finite.
            torch.cuda.OutOfMemoryError: If the step does not fit into the memory of the GPU.
        """
        with memory_advice(batch):
            part, weight = self.team.share(batch)
            device = next(self.model.parameters()).device
            with autocast(device, self.config.mixed_precision):
                loss = self.loss_of(part)
            value = self.team.total(weight * loss.detach()).item()
            if not math.isfinite(value):
                raise FloatingPointError(self._complaint(f"the loss is {value}"))
            self.optimiser.zero_grad()
            (self.team.size * weight * loss).backward()  # the mean over K processes follows
            if self.config.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
            self.optimiser.step()
        self.scheduler.step()
        self.history.losses.append(value)
        return value

    def batches_left(self, batches: Collection, epoch: int) -> Iterator:
        """Return the batches of an epoch that are still to come.

        Batches that were seen before a stop are drawn again, with the random numbers of then, and
        left out.
        """
        if not self.model.training:
            self.model.train()
        batches = batches.epoch(epoch) if hasattr(batches, "epoch") else batches
        seen = self.step - epoch * self.steps_per_epoch
        if seen == 0:
            self.team.share_random_state()
            self.epoch_start = random_state()
            return iter(batches)
        now = random_state()
        restore_random_state(self.epoch_start)
        left = iter(batches)
        for _ in range(seen):
            next(left)
        restore_random_state(now)
        return left

    def read(self, checkpoint: str | Path | None) -> dict[str, Any] | None:
        """Return the state in a file, read by the first process for all; None if there is none."""
        state = None
        if checkpoint is not None and self.team.is_first:
            with suppress(FileNotFoundError):
                state = load_checkpoint(checkpoint)
        return self.team.from_first(state)

    def end_epoch(self, validate: Callable[[nn.Module], dict[str, float]] | None) -> None:
        """Measure an epoch; where processes have different numbers, those of the first hold."""
        self.team.share_buffers(self.model)
        losses = self.history.losses[-self.steps_per_epoch :]
        metrics = {} if validate is None else self.team.from_first(validate(self.model))
        epoch = len(self.history.epochs) + 1
        self.history.epochs.append({"epoch": epoch, "loss": fmean(losses), **metrics})

    def save(self, checkpoint: str | Path | None) -> None:
        """Save all that changes while training, if there is a file to save it to.

        Raises:
            FloatingPointError: If a weight is not finite; the file then stays as it was.
        """
        if checkpoint is None:
            return
        for name, parameter in self.model.named_parameters():
            if not parameter.isfinite().all():
                raise FloatingPointError(self._complaint(f"a value of {name} is not finite"))
        state = {
            "config": asdict(self.config) | {"steps_per_epoch": self.steps_per_epoch},
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "losses": self.history.losses,
            "epochs": self.history.epochs,
            "epoch_start": self.team.all_of(self.epoch_start),
            "random": self.team.all_of(random_state()),
        }
        if self.team.is_first:
            save_checkpoint(checkpoint, state)

    def restore(self, state: dict[str, Any], checkpoint: str | Path) -> None:
        """Go back to a state that was read from a file.

        Raises:
            ValueError: If the state was saved with another config, other data or another model.
        """
        if changed := self._changes(state):
            raise ValueError(
                f"expected a checkpoint of this training, got {checkpoint} of another one, (then, "
                f"now) {changed}. Delete the file to begin anew, or give this training another file"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.history.losses, self.history.epochs = state["losses"], state["epochs"]
        own = self.team.rank % len(state["random"])  # there may be more processes than then
        self.epoch_start = state["epoch_start"][own]
        restore_random_state(state["random"][own])

    def _changes(self, state: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return which settings, or else which shapes of weights, differ from a saved state's."""
        here = asdict(self.config) | {"steps_per_epoch": self.steps_per_epoch}
        then = state.get("config", {})
        if then == here:
            here, then = shapes(self.model.state_dict()), shapes(state["model"])
        keys = [key for key in here | then if here.get(key) != then.get(key)]
        return {key: (then.get(key), here.get(key)) for key in keys[:3]}  # enough to see why

    def _complaint(self, trouble: str) -> str:
        """Describe where a training broke down."""
        lr = self.optimiser.param_groups[0]["lr"]
        last = self.history.losses[-1] if self.history.losses else "none"
        where = f"at step {self.step} with learning rate {lr:g}; last finite loss: {last}"
        return f"{trouble} {where}. Try a lower learning rate."


def shapes(weights: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's tensors by name."""
    return {name: tuple(x.shape) for name, x in weights.items() if isinstance(x, Tensor)}


@contextmanager
def memory_advice(batch: Any) -> Iterator[None]:
    """Say of a step that the GPU's memory did not hold which batch size to try."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        advice = f"expected a step that fits into the GPU's memory, got {too_large(batch)}"
        raise torch.cuda.OutOfMemoryError(f"{advice}, {error}") from error


def too_large(batch: Any) -> str:
    """Describe a batch that did not fit, and what to do."""
    try:
        B = batch_size(batch)
    except ValueError:
        return "a larger one (make the batch smaller)"
    if B == 1:
        return "a batch of 1 (make the image smaller)"
    keep = "to keep it, add up the gradients of smaller ones, see lecture 08"
    return f"a batch of {B} (set the batch size to {B // 2}; {keep})"
