"""What a training keeps in memory: parameters, gradients, optimiser state, activations."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

STATES = {"sgd": 0, "momentum": 1, "adam": 2}  # tensors as large as the parameters


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that a training holds at the end of its forward pass and around the step.

    Attributes:
        parameters: The weights.
        gradients: One for each weight that is trained.
        optimiser: What the optimiser remembers.
        activations: What the forward pass keeps for the backward pass.
    """

    parameters: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def total(self) -> int:
        """All four."""
        return self.parameters + self.gradients + self.optimiser + self.activations


def saved_bytes(model: nn.Module, images: Tensor) -> int:
    """Measure what a forward pass keeps for the backward pass, parameters left aside.

    Every tensor that autograd saves passes a hook; tensors that share their memory count once.

    Args:
        model: The model, in the mode in which it is trained.
        images: A batch.

    Returns:
        Bytes.

    Taught in: lectures/08_gpu_and_distributed
    """
    owned = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}
    kept = []  # holds the tensors, so that no address is given out twice

    def note(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in owned:
            sizes[place] = max(sizes.get(place, 0), tensor.nbytes)
            kept.append(tensor.detach())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model(images)
    return sum(sizes.values())


def training_memory(model: nn.Module, images: Tensor, optimiser: str = "sgd") -> TrainingMemory:
    """Estimate what a training with this batch keeps in memory.

    Left aside: what a layer needs for a moment, the optimiser's scratch space, the CUDA context.

    Args:
        model: The model.
        images: A batch of the size that is wanted.
        optimiser: "sgd" (plain), "momentum" or "adam".

    Returns:
        Bytes, part by part.

    Raises:
        ValueError: If the optimiser is not known.

    Taught in: lectures/08_gpu_and_distributed
    """
    if optimiser not in STATES:
        raise ValueError(f"expected one of {', '.join(STATES)}, got {optimiser!r}")
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return TrainingMemory(
        parameters, trained, STATES[optimiser] * trained, saved_bytes(model, images)
    )


class Recompute(torch.autograd.Function):
    """A block that keeps its input alone and runs once more on the way back.

    Reference: Chen et al. (2016), Training deep nets with sublinear memory cost.

    Taught in: lectures/08_gpu_and_distributed
    """

    @staticmethod
    def forward(ctx: Any, block: nn.Module, x: Tensor, *parameters: Tensor) -> Tensor:
        """Run the block; nothing inside it is recorded."""
        ctx.block = block
        ctx.save_for_backward(x)
        return block(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Run it again, this time recorded, and differentiate."""
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.block(x)
        return None, *torch.autograd.grad(y, (x, *ctx.block.parameters()), upstream)


class Checkpointed(nn.Module):
    """A block of a network that is computed twice in exchange for memory.

    Args:
        block: Any module whose parameters are all trained, and that draws no random numbers.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Run the block without keeping what is inside it."""
        return Recompute.apply(self.block, x, *self.block.parameters())
