"""One training loop for every network of the book; it can stop at any step and go on later."""

import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from dlcv.device import autocast
from dlcv.training.checkpoint import (
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from dlcv.training.recipe import TrainConfig, lr_factor, make_optimiser


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


def fit(
    model: nn.Module,
    batches: Collection,
    loss_fn: Callable[[nn.Module, Any], Tensor],
    config: TrainConfig,
    *,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    optimiser: torch.optim.Optimizer | None = None,
    checkpoint: str | Path | None = None,
    save_every: int = 0,
    on_epoch: Callable[[History], object] | None = None,
    progress: bool = True,
) -> History:
    """Train a model by gradient descent on mini-batches.

    With a checkpoint, all that changes is saved at the start, at the end of every epoch and every
    `save_every` steps. If the file is there already, training goes on where it stopped; on the CPU
    the weights and the history are then those of a training without a stop, bit for bit.

    Args:
        model: The model, where its parameters shall stay. Modules keep their mode: a frozen batch
            normalisation stays frozen.
        batches: Mini-batches with a length: a `Batches`, or anything that gives as many at each
            pass, such as a list or a DataLoader.
        loss_fn: Function (model, batch) -> loss, a tensor with one value.
        config: How to train.
        validate: Function (model) -> metrics by name, called at the end of every epoch.
        optimiser: Used in place of the one that config describes, for example to give parts of the
            model their own learning rates; the schedule multiplies all of them.
        checkpoint: File to save to and to go on from.
        save_every: Steps from one save to the next inside an epoch; 0 for none there.
        on_epoch: Function (history), called at the end of every epoch and after a checkpoint was
            read, for example a `dlcv.training.LiveCurve`.
        progress: Whether to show a progress bar.

    Returns:
        The losses and metrics.

    Raises:
        FloatingPointError: If the loss or a weight is no longer finite; the last checkpoint stays.
        ValueError: If there is no batch, or the checkpoint belongs to another training.

    Taught in: lectures/03_training
    """
    run = Run(model, optimiser or make_optimiser(model, config), config, len(batches))
    if checkpoint is not None and Path(checkpoint).exists():
        run.restore(load_checkpoint(checkpoint))
        if on_epoch is not None:
            on_epoch(run.history)
    else:
        run.save(checkpoint)
    history, total = run.history, config.epochs * len(batches)
    with tqdm(total=total, initial=run.step, disable=not progress, file=sys.stdout) as bar:
        for epoch in range(len(history.epochs), config.epochs):
            for batch in run.batches_left(batches, epoch):
                loss = run.train_step(batch, loss_fn)
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
                bar.update()
                if save_every and run.step % save_every == 0:
                    run.save(checkpoint)
            mean_loss = fmean(history.losses[epoch * len(batches) :])
            metrics = {} if validate is None else validate(model)
            history.epochs.append({"epoch": epoch + 1, "loss": mean_loss, **metrics})
            run.save(checkpoint)
            if on_epoch is not None:
                on_epoch(history)
    return history


class Run:
    """A training under way: the model, its optimiser, its schedule and what was measured.

    Args:
        model: The model.
        optimiser: The optimiser of its parameters.
        config: How to train.
        steps_per_epoch: Number of batches in an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        config: TrainConfig,
        steps_per_epoch: int,
    ) -> None:
        if steps_per_epoch < 1:
            raise ValueError(f"expected at least one batch, got {steps_per_epoch}")
        self.model, self.optimiser, self.config = model, optimiser, config
        self.steps_per_epoch = steps_per_epoch
        self.scheduler = LambdaLR(optimiser, lambda step: lr_factor(step, steps_per_epoch, config))
        self.history = History(config.epochs, steps_per_epoch)
        self.epoch_start = random_state()

    @property
    def step(self) -> int:
        """Number of steps done."""
        return len(self.history.losses)

    def train_step(self, batch: Any, loss_fn: Callable[[nn.Module, Any], Tensor]) -> float:
        """Take one step down the gradient of one batch and return the loss before it."""
        device = next(self.model.parameters()).device
        with autocast(device, self.config.mixed_precision):
            loss = loss_fn(self.model, batch)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(self._complaint(f"the loss is {value}"))
        self.optimiser.zero_grad()
        loss.backward()
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
        seen, now = self.step - epoch * self.steps_per_epoch, random_state()
        if seen == 0:
            self.epoch_start = now
            return iter(batches)
        restore_random_state(self.epoch_start)
        left = iter(batches)
        for _ in range(seen):
            next(left)
        restore_random_state(now)
        return left

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
            "epoch_start": self.epoch_start,
            "random": random_state(),
        }
        save_checkpoint(checkpoint, state)

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            ValueError: If the state was saved with another config or other data.
        """
        here = asdict(self.config) | {"steps_per_epoch": self.steps_per_epoch}
        then = state.get("config", {})
        changed = {key: (then.get(key), here[key]) for key in here if then.get(key) != here[key]}
        if changed:
            raise ValueError(f"expected the settings of the checkpoint, got (then, now) {changed}")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.history.losses, self.history.epochs = state["losses"], state["epochs"]
        self.epoch_start = state["epoch_start"]
        restore_random_state(state["random"])

    def _complaint(self, trouble: str) -> str:
        """Describe where a training broke down."""
        lr = self.optimiser.param_groups[0]["lr"]
        last = self.history.losses[-1] if self.history.losses else "none"
        where = f"at step {self.step} with learning rate {lr:g}; last finite loss: {last}"
        return f"{trouble} {where}. Try a lower learning rate."


def classification_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the mean cross-entropy of a batch (images, labels): a loss for `fit`."""
    images, labels = batch
    return nn.functional.cross_entropy(model(images), labels)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the fraction of rows whose largest logit is that of the label.

    Args:
        logits: [B, K].
        labels: Classes [B], whole numbers in [0, K).

    Raises:
        ValueError: If the shapes do not belong together or there is no row.
    """
    if logits.dim() != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        got = f"{list(logits.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected logits [B, K] and labels [B] with B > 0, got {got}")
    return (logits.argmax(dim=1) == labels).float().mean().item()


def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    metric: Callable[[Tensor, Tensor], float | Tensor] = accuracy,
) -> float:
    """Return the mean of a metric over all images, in evaluation mode and without gradients.

    Args:
        model: The model.
        batches: (images [b, ...], labels [b, ...]) with any number of images each.
        metric: Function (output, labels) -> mean over the batch.

    Raises:
        ValueError: If there is no image.
    """
    total, count = 0.0, 0
    with eval_mode(model), torch.no_grad():
        for images, labels in batches:
            total += float(metric(model(images), labels)) * len(images)
            count += len(images)
    if count == 0:
        raise ValueError("expected at least one image, got none")
    return total / count


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode for a block, then every module back into its own mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training
