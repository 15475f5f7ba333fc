"""One training loop for every network of the book; it can stop at any step and go on later."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dlcv.training.live_curve import in_notebook
from dlcv.training.recipe import TrainConfig, make_optimiser
from dlcv.training.run import History, Run

BAR_AFTER_S = 10  # trainings that end sooner show no progress bar


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
) -> History:
    """Train a model by gradient descent on mini-batches.

    With a checkpoint, all that changes is saved at the start, at the end of every epoch and every
    `save_every` steps. If the file is there already, training goes on where it stopped; on the CPU
    the weights and the history are then those of a training without a stop, bit for bit. If the
    file is damaged, the one saved before it is used, with a warning.

    In a terminal or a notebook, a training of more than ten seconds shows how far it is.

    Called in every process of a group (see `dlcv.distributed.torchrun_fit`), it trains one model.
    All get the same batches, and each computes the gradients of its part of every batch. Order and
    augmentation are therefore those of one process, and where the loss is a mean over the images,
    so are the losses, up to round-off. A loss that divides by something else, such as the number
    of objects, does so within each part; batch normalisation uses the part's own mean, unless
    `nn.SyncBatchNorm` (GPUs only) was put in its place. The first process alone saves, shows
    progress and calls `on_epoch`.

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
        checkpoint: File to save to and to go on from; see `dlcv.training.checkpoint_file`.
        save_every: Steps from one save to the next inside an epoch; 0 for none there.
        on_epoch: Function (history), called at the end of every epoch and after a checkpoint was
            read, for example a `dlcv.training.LiveCurve`.

    Returns:
        The losses and metrics.

    Raises:
        FloatingPointError: If the loss or a weight is no longer finite; the last checkpoint stays.
        OSError: If there is no room for the checkpoint; the last one stays.
        torch.cuda.OutOfMemoryError: If a step does not fit into the GPU; says what to set.
        ValueError: If there is no batch, or the checkpoint belongs to another training.

    Taught in: lectures/03_training
    """
    optimiser = optimiser or make_optimiser(model, config)
    run = Run(model, loss_fn, optimiser, config, len(batches))
    history, on_epoch = run.history, on_epoch if run.team.is_first else None
    saved = run.read(checkpoint)
    if saved is None:
        run.save(checkpoint)
    else:
        run.restore(saved, checkpoint)
        if on_epoch is not None:
            on_epoch(history)
    with progress_bar(run) as bar:
        for epoch in range(len(history.epochs), config.epochs):
            for batch in run.batches_left(batches, epoch):
                loss = run.train_step(batch)
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
                bar.update()
                if save_every and run.step % save_every == 0:
                    run.save(checkpoint)
            run.end_epoch(validate)
            run.save(checkpoint)
            if on_epoch is not None:
                if bar.format_dict["elapsed"] > BAR_AFTER_S:
                    bar.clear()  # so that it may print
                on_epoch(history)
    return history


def progress_bar(run: Run) -> tqdm:
    """Return the bar of a training, seen after ten seconds and only where somebody can look."""
    is_page = os.environ.get("DLCV_STATIC") == "1"  # the book is built
    is_seen = run.team.is_first and not is_page and (sys.stdout.isatty() or in_notebook())
    return tqdm(
        total=run.config.epochs * run.steps_per_epoch,
        initial=run.step,
        delay=BAR_AFTER_S,
        leave=False,
        file=sys.stdout,
        disable=not is_seen,
    )


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
