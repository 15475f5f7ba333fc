"""How deep a network is: the longest chain of layers with weights from an image to the answer."""

from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dlcv.classification.complexity import tensors_in
from dlcv.training import eval_mode

WEIGHTED = ("convolution", "addmm", "mm")  # the tensor operations of Conv2d and Linear


def weight_depth(model: nn.Module, input_size: tuple[int, int, int]) -> int:
    """Count the convolutions and fully connected layers on the longest way through a model.

    This is how papers count: shortcuts that run beside longer branches do not add, so ResNet-50
    has 50 and GoogLeNet 22. Squeeze-and-excitation adds its two small layers to every block.

    Args:
        model: A model that takes images [1, C, H, W]; its weights stay untouched.
        input_size: (C, H, W) of one image.

    Returns:
        Number of layers, 0 for a model without weights.

    Raises:
        ValueError: If input_size has not three positive entries.

    Taught in: lectures/06b_modern_architectures
    """
    if len(input_size) != 3 or min(input_size) < 1:
        raise ValueError(f"expected input_size (C, H, W), got {input_size}")
    tensors = chain(model.named_parameters(), model.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
    image = torch.empty(1, *input_size, device="meta")
    with eval_mode(model), torch.no_grad(), Chain() as ways:
        torch.func.functional_call(model, shapes, (image,))
    return ways.longest


class Chain(TorchDispatchMode):
    """Note with every tensor how many layers with weights lie behind it on the longest way.

    Attributes:
        longest: The longest way seen so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        behind = max((getattr(tensor, "behind", 0) for tensor in tensors_in(args)), default=0)
        behind += operation.overloadpacket.__name__ in WEIGHTED
        for tensor in tensors_in([result]):
            tensor.behind = behind
        self.longest = max(self.longest, behind)
        return result
