"""One training, run in several ways: how fast can one machine learn?

What is learnt is a `Recipe`, how the steps are run is a `Machinery`; each switch of the second can
be measured by itself, since the first stays the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.data.augment import compose, crop, from_bytes
from dlcv.data.batches import Batches
from dlcv.data.counter_random import CounterRandom
from dlcv.data.real import PARTS, load_real
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.device import Timer, autocast
from dlcv.training import eval_mode
from dlcv.training.muon import Muon

Images = tuple[Tensor, Tensor]
"""Images uint8 [N, C, H, W] and their labels int64 [N]."""

RACE_SCENES = SceneConfig(size=24, objects=(1, 1), radius=(0.25, 0.45), noise=0.08)
"""What stands in for CIFAR-10 where there is no GPU."""


@dataclass(frozen=True)
class Machinery:
    """How a step is run. What it computes stays the same, up to rounding.

    Attributes:
        resident: All images lie on the device, and a batch is picked there with one call; if not,
            a `DataLoader` collects them one by one on the CPU and sends each batch.
        channels_last: All channels of a pixel lie together in memory.
        bfloat16: Products in bfloat16, where a GPU has it in hardware (`dlcv.device.autocast`).
        compiled: Through `torch.compile`.
    """

    resident: bool = True
    channels_last: bool = True
    bfloat16: bool = True
    compiled: bool = False


@dataclass(frozen=True)
class Recipe:
    """What is trained: filters by Muon, all else by Nesterov's momentum, rates falling to zero.

    The defaults are those of airbench94_muon (Jordan et al., 2024). The accuracy of these defaults
    on CIFAR-10 itself is not yet measured.

    Attributes:
        epochs: Passes over the data.
        batch_size: Images in a batch; what does not fill one waits for the next epoch.
        muon: Filters by Muon (`dlcv.training.muon`); if not, by SGD like the rest.
        lr_filters: Learning rate of the filters at the start; of Muon, the length of a step, and of
            SGD, as below.
        lr_head: Of the classifier, for the sum of the losses of a batch.
        lr_biases: Likewise of the biases.
        momentum_filters: Of the filters.
        momentum: Of the rest.
        decay: Share of a number that a step of SGD at the start takes away, whatever its rate is;
            in the long run momentum makes it 1 / (1 - `momentum`) times as much.
        label_smoothing: ε.
        alternate: Mirror an image in every second epoch; if not, with probability ½ in each.
        shift_px: Largest shift of an image, over a mirrored border.
        first_epochs: Epochs in which the first layer's bias is learnt; its rate is zero after them.
    """

    epochs: int = 8
    batch_size: int = 2000
    muon: bool = True
    lr_filters: float = 0.24
    lr_head: float = 0.67
    lr_biases: float = 0.053
    momentum_filters: float = 0.6
    momentum: float = 0.85
    decay: float = 0.004
    label_smoothing: float = 0.2
    alternate: bool = True
    shift_px: int = 2
    first_epochs: int = 3

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.first_epochs) < 1:
            got = f"{self.epochs}, {self.batch_size} and {self.first_epochs}"
            raise ValueError(f"expected epochs, a batch size and first epochs above 0, got {got}")
        rates = (self.lr_filters, self.lr_head, self.lr_biases)
        if not all(rate > 0 for rate in rates):
            raise ValueError(f"expected three rates above 0, got {rates}")


def mirror(images: Tensor, epoch: int, alternate: bool, seed: int = 0) -> Tensor:
    """Mirror about half of the images left and right; which ones depends on seed and epoch alone.

    By chance, an image is shown the same way round in two epochs in a row half of the time, and its
    mirror image is missed. If they alternate, the first epoch is drawn, and every image is seen
    both ways in any two epochs.

    Args:
        images: [N, C, H, W], all of the data set, in any dtype.
        epoch: Counted from 0.
        alternate: Whether to alternate; if not, each epoch is drawn anew.
        seed: Whole number, at least 0.

    Reference:
        Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv 2404.00498, 2024.

    Taught in: lectures/08_gpu_and_distributed
    """
    purpose = 0 if alternate else epoch
    bits = CounterRandom(seed, 0, len(images), images.device, purpose).integers(high=2)
    chosen = (bits + epoch) % 2 == 1 if alternate else bits == 1
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def epoch_batches(
    data: Images, recipe: Recipe, resident: bool, device: torch.device, epoch: int, seed: int
) -> Iterator[Images]:
    """Whole batches of an epoch, floats on the device; the same ones whether resident or not."""
    images, labels = data
    images = mirror(images, epoch, recipe.alternate, seed)
    shift = compose(from_bytes, partial(crop, padding=recipe.shift_px, frame="reflect"))
    plain = Batches(images, labels, recipe.batch_size, seed=seed, augment=shift)
    whole = len(images) // recipe.batch_size
    if resident:
        batches = plain.epoch(epoch)
    else:
        by_item = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(images, labels),
            batch_size=recipe.batch_size,
            sampler=plain.order(epoch).tolist(),
        )
        draws = plain.generator(epoch)
        batches = ((shift(x, draws).to(device), y.to(device)) for x, y in by_item)
    for _ in range(whole):
        yield next(batches)


def make_optimisers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Make what moves the filters and what moves the rest.

    Each group has an entry `rate`, that of the start, and `epochs`, after which it is zero.

    Args:
        model: With a layer `first`, which has a bias, and a linear layer `head`, which has none.
        recipe: The rates.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    filters = [p for p in trained if p.dim() == 4]
    biases = [p for p in trained if p.dim() == 1 and p is not model.first.bias]
    rest = [
        sgd_group([model.first.bias], recipe.lr_biases, recipe.first_epochs, recipe),
        sgd_group(biases, recipe.lr_biases, recipe.epochs, recipe),
        sgd_group([model.head.weight], recipe.lr_head, recipe.epochs, recipe),
    ]
    sgd = torch.optim.SGD(rest, momentum=recipe.momentum, nesterov=True)
    if recipe.muon:
        group = {"params": filters, "rate": recipe.lr_filters, "epochs": recipe.epochs}
        return [Muon([group], recipe.lr_filters, recipe.momentum_filters), sgd]
    group = sgd_group(filters, recipe.lr_filters, recipe.epochs, recipe)
    sgd.add_param_group(group | {"momentum": recipe.momentum_filters})
    return [sgd]


def sgd_group(params: list[Tensor], rate: float, epochs: int, recipe: Recipe) -> dict[str, Any]:
    """Describe a group whose decay does not depend on its rate."""
    decay = recipe.decay / rate
    return {"params": params, "lr": rate, "weight_decay": decay, "rate": rate, "epochs": epochs}


class Run:
    """A training under way; nothing in it waits for the device.

    Args:
        model: The network, such as `SpeedNet`, with layers `first` and `head`; it is moved to the
            device and put into training mode.
        data: Images and labels; they are moved to where the machinery wants them.
        recipe: What to train.
        machinery: How to run it.
        device: Where.
        seed: Of the order and the augmentation.

    Raises:
        ValueError: If the images do not fill a batch.

    Taught in: lectures/08_gpu_and_distributed
    """

    def __init__(
        self,
        model: nn.Module,
        data: Images,
        recipe: Recipe,
        machinery: Machinery,
        device: torch.device | str,
        seed: int = 0,
    ) -> None:
        self.recipe, self.machinery, self.device = recipe, machinery, torch.device(device)
        self.steps = recipe.epochs * (len(data[0]) // recipe.batch_size)
        if self.steps == 0:
            raise ValueError(f"expected at least {recipe.batch_size} images, got {len(data[0])}")
        last = machinery.channels_last
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.model = model.to(self.device, memory_format=self.layout).train()
        self.call = torch.compile(self.model) if machinery.compiled else self.model
        self.optimisers = make_optimisers(self.model, recipe)
        place = self.device if machinery.resident else "cpu"
        self.batches = self._batches(tuple(part.to(place) for part in data), seed)
        self.losses: list[Tensor] = []

    def _batches(self, data: Images, seed: int) -> Iterator[Images]:
        for epoch in range(self.recipe.epochs):
            resident = self.machinery.resident
            yield from epoch_batches(data, self.recipe, resident, self.device, epoch, seed)

    def step(self) -> Tensor:
        """Take one step; return its loss, which stays on the device until somebody reads it."""
        images, labels = next(self.batches)
        self._set_rates(len(self.losses) / self.steps * self.recipe.epochs)
        with autocast(self.device, self.machinery.bfloat16):
            scores = self.call(images.contiguous(memory_format=self.layout))
            smoothing = self.recipe.label_smoothing
            loss = F.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="sum")
        self.model.zero_grad()
        loss.backward()
        with autocast(self.device, self.machinery.bfloat16):  # Muon multiplies matrices
            for optimiser in self.optimisers:
                optimiser.step()
        self.losses.append(loss.detach() / len(labels))
        return self.losses[-1]

    def _set_rates(self, epochs_done: float) -> None:
        """Let every rate fall on a straight line, to zero at the end of its epochs."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * max(0.0, 1 - epochs_done / group["epochs"])

    def finish(self) -> float:
        """Take all steps that are left; return the seconds they took."""
        with Timer(self.device) as timer:
            while len(self.losses) < self.steps:
                self.step()
        return timer.seconds


def seconds_per_step(
    runs: Mapping[str, Run], steps: int = 4, repeats: int = 3, warm_up: int = 2
) -> dict[str, float]:
    """Time several trainings by turns, a few steps each, so that all meet the same machine.

    Args:
        runs: The trainings, by name, with enough steps ahead of them.
        steps: Steps that are timed together.
        repeats: How often each has its turn; the median counts.
        warm_up: First steps of each that are not timed.

    Returns:
        Seconds for one step, by name.
    """
    for run in runs.values():
        for _ in range(warm_up):
            run.step()
    times = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            with Timer(run.device) as timer:
                for _ in range(steps):
                    run.step()
            times[name].append(timer.seconds / steps)
    return {name: median(seconds) for name, seconds in times.items()}


def views(images: Tensor) -> list[tuple[float, Tensor]]:
    """Six views of each image with their weights: shifted or not, each also mirrored.

    As it is counts half, a pixel up and left, and a pixel down and right, a quarter each.

    Args:
        images: [B, C, H, W].

    Returns:
        Weight, and images [B, C, H, W], of each view; the weights sum up to 2.

    Reference:
        Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv 2404.00498, 2024.

    Taught in: lectures/08_gpu_and_distributed
    """
    H, W = images.shape[2:]
    framed = F.pad(images, (1, 1, 1, 1), mode="reflect")
    places = [(0.5, images), (0.25, framed[..., :H, :W]), (0.25, framed[..., 2:, 2:])]
    return [(weight, side) for weight, view in places for side in (view, view.flip(3))]


def accuracy_of_views(model: nn.Module, data: Images, all_views: bool = True) -> float:
    """The share of images a model gets right, with the scores of six views of each added.

    Args:
        model: The model, where it is.
        data: Images uint8 [N, C, H, W] and labels [N], anywhere.
        all_views: Whether all six are asked, or the image alone.

    Raises:
        ValueError: If there is no image.

    Taught in: lectures/08_gpu_and_distributed
    """
    images, labels = (part.to(next(model.parameters()).device) for part in data)
    if len(images) == 0:
        raise ValueError("expected at least one image, got none")
    right = torch.zeros((), dtype=torch.int64, device=images.device)
    with eval_mode(model), torch.no_grad():
        for x, y in zip(images.split(1000), labels.split(1000), strict=True):
            seen = views(x / 255) if all_views else [(1.0, x / 255)]
            scores = sum(weight * model(view) for weight, view in seen)
            right += (scores.argmax(dim=1) == y).sum()
    return right.item() / len(images)


def race_data(name: str) -> tuple[Images, Images]:
    """Images to learn from and to test on, as bytes.

    Args:
        name: "cifar10" for all of CIFAR-10, 50,000 and 10,000 images of 32 px; or "scenes" for 640
            and 400 of the book's own, of 24 px with one object each, which need no download.

    Raises:
        ValueError: If there are no such data.
        RuntimeError: If CIFAR-10 cannot be fetched or is damaged.
    """
    if name == "cifar10":
        return tuple(load_real(name, part)[:2] for part in PARTS)
    if name != "scenes":
        raise ValueError(f"expected 'cifar10' or 'scenes', got {name!r}")
    scenes = [
        render_scenes(count, seed, config=RACE_SCENES, masks=False)
        for count, seed in ((640, 81), (400, 82))
    ]
    return tuple((part.images, part.labels[:, 0]) for part in scenes)
