"""What a network costs, layer by layer: sizes, parameters, memory, multiply-adds, receptive field.

The model runs once, on one image, with tensors that have a shape but no values (torch's "meta"
device). Nothing is computed or stored, and even the largest model takes a moment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode

from dlcv.training import eval_mode

# Along height and width: how many input pixels one value depends on, and how many pixels apart
# neighbouring values look.
Field = tuple[tuple[int, int], tuple[int, int]]
Size = Sequence[int]

LEFT_FACTOR = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}  # which argument of a matrix product
MIXING = (*LEFT_FACTOR, "permute", "transpose", "flip", "roll")  # move or blend places of a map


@dataclass(frozen=True)
class LayerCost:
    """What one call of one layer costs for one image.

    Attributes:
        name: Path of the layer inside the model.
        kind: Class of the layer.
        output_size: Shape of the output without the batch axis.
        parameters: Parameters, trainable or frozen; 0 from the second call of a layer on.
        activation_bytes: Memory of the output; 0 where the layer works in place or only gives its
            input another shape.
        multiply_adds: Multiplications, each with an addition, in convolutions and matrix products.
        receptive_field: Theoretical (height, width) in input pixels that one output value depends
            on, or None where that is no fixed window: after global pooling and what it gates,
            fully connected layers, attention, and operations that cannot be followed.
    """

    name: str
    kind: str
    output_size: tuple[int, ...] = ()
    parameters: int = 0
    activation_bytes: int = 0
    multiply_adds: int = 0
    receptive_field: tuple[int, int] | None = None


@dataclass(frozen=True)
class Summary:
    """The cost of a model: its layers in the order of their calls, and the totals.

    A last row "(elsewhere)" holds what belongs to no layer that was called, such as the parameters
    of heads that only train, or products written as functions. With it the rows add up.
    """

    layers: tuple[LayerCost, ...]

    @property
    def parameters(self) -> int:
        """All parameters of the model."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Memory of the outputs of all layers for one image, without the image itself."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    def layer(self, name: str) -> LayerCost:
        """Return the first call of the layer with this name.

        Raises:
            KeyError: If no layer of that name was called.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"expected the name of a layer that was called, got {name!r}")

    def __str__(self) -> str:
        totals = self.parameters, self.activation_bytes, self.multiply_adds
        total = LayerCost("total", "", (), *totals)
        head = ("layer", "kind", "output", "parameters", "KiB", "multiply-adds", "field")
        table = [head, *(table_row(layer) for layer in (*self.layers, total))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        pattern = "  ".join(f"{{:{'<' if i < 2 else '>'}{w}}}" for i, w in enumerate(widths))
        lines = [pattern.format(*row) for row in table]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summarise(model: nn.Module, input_size: tuple[int, int, int]) -> Summary:
    """Measure what a model costs for one image, in evaluation mode.

    Multiply-adds are counted wherever a convolution or a matrix product happens; biases,
    activations, pooling and normalisation count as none, as in most papers. Receptive fields are
    followed through every operation; where branches meet, the widest counts. That a normalisation
    may take statistics over the whole map is left aside.

    The weights stay untouched and every module keeps its mode.

    Args:
        model: A model that takes images [1, C, H, W]; on any device, the meta device included.
        input_size: (C, H, W) of one image.

    Returns:
        The summary; print it to see the table.

    Raises:
        ValueError: If input_size has not three positive entries.

    Taught in: lectures/04_convolutions
    """
    if len(input_size) != 3 or min(input_size) < 1:
        raise ValueError(f"expected input_size (C, H, W), got {input_size}")
    shapes = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in chain(model.named_parameters(), model.named_buffers())
    }
    dtype = next((p.dtype for p in model.parameters()), torch.get_default_dtype())
    image = torch.empty(1, *input_size, dtype=dtype, device="meta")
    trace = Trace(model, image)
    with (
        eval_mode(model),
        torch.no_grad(),
        register_module_forward_pre_hook(trace.before_layer),
        register_module_forward_hook(trace.after_layer),
        trace,
    ):
        torch.func.functional_call(model, shapes, (image,))
    return trace.summary()


class Trace(TorchDispatchMode):
    """Watch a model run: a row for each call of a layer, from the tensor operations inside it.

    Args:
        model: The model; modules without children are its layers.
        image: The input, whose pixels depend on themselves alone.
    """

    def __init__(self, model: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.names = {m: name for name, m in model.named_modules() if not any(m.children())}
        self.parameters = sum(p.numel() for p in model.parameters())
        self.unpaid = own_parameters(self.names)
        self.rows: list[LayerCost] = []
        self.multiply_adds = self.multiply_adds_before = 0
        image.field = ((1, 1), (1, 1))

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        name = operation.overloadpacket.__name__
        self.multiply_adds += multiply_adds(name, args, result)
        sources = [tensor for tensor in tensors_in(args) if hasattr(tensor, "field")]
        if sources:  # a result without sources does not depend on the image
            for tensor in tensors_in((result,)):
                tensor.field = field_after(name, args, sources, tensor)
        return result

    def before_layer(self, layer: nn.Module, args: tuple) -> None:
        """Remember the count before a layer runs."""
        self.multiply_adds_before = self.multiply_adds

    def after_layer(self, layer: nn.Module, args: tuple, output: Any) -> None:
        """Add the row of a layer that has just run."""
        if layer not in self.names:
            return
        output = tensors_in((output,))[0]
        field = getattr(output, "field", None)
        storages = [tensor.untyped_storage()._cdata for tensor in tensors_in(args)]
        is_new = output.untyped_storage()._cdata not in storages
        row = LayerCost(
            name=self.names[layer] or "model",
            kind=type(layer).__name__,
            output_size=tuple(output.shape[1:]),
            parameters=self.unpaid.pop(layer, 0),
            activation_bytes=output.numel() * output.element_size() if is_new else 0,
            multiply_adds=self.multiply_adds - self.multiply_adds_before,
            receptive_field=None if field is None else (field[0][0], field[1][0]),
        )
        self.rows.append(row)

    def summary(self) -> Summary:
        """Return the rows, and what is left over as a last one."""
        parameters = self.parameters - sum(row.parameters for row in self.rows)
        products = self.multiply_adds - sum(row.multiply_adds for row in self.rows)
        rest = LayerCost("(elsewhere)", "", parameters=parameters, multiply_adds=products)
        return Summary((*self.rows, rest) if parameters or products else tuple(self.rows))


def own_parameters(layers: Iterable[nn.Module]) -> dict[nn.Module, int]:
    """Count the parameters of each layer; a parameter that layers share counts for the first."""
    seen: set[Tensor] = set()
    counts = {}
    for layer in layers:
        own = [p for p in layer.parameters() if p not in seen]
        seen.update(own)
        counts[layer] = sum(p.numel() for p in own)
    return counts


def multiply_adds(name: str, args: tuple, result: Any) -> int:
    """Count the multiply-adds of one tensor operation, known by its name."""
    if name == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        return (x if transposed else result).numel() * weight[0].numel()
    if name in LEFT_FACTOR:
        return result.numel() * args[LEFT_FACTOR[name]].shape[-1]
    return 0


def field_after(name: str, args: tuple, sources: list[Tensor], result: Tensor) -> Field | None:
    """Find the receptive field of a result of one tensor operation, None where it has none."""
    field = widest([source.field for source in sources])
    if field is None:
        return None
    if name == "convolution" and result.dim() == 4 and not args[6]:  # args[6]: transposed
        return slide(field, args[1].shape[2:], stride=args[3], dilation=args[5])
    if name in ("max_pool2d_with_indices", "avg_pool2d"):
        kernel, stride = args[1], args[2] if len(args) > 2 else []
        dilation = args[4] if name.startswith("max") and len(args) > 4 else [1, 1]
        return slide(field, kernel, stride or kernel, dilation)
    same_places = all(source.shape[-2:] == result.shape[-2:] for source in sources)
    is_kept = same_places and result.dim() >= 4 and name not in MIXING
    return field if is_kept or name == "constant_pad_nd" else None


def slide(field: Field, kernel: Size, stride: Size, dilation: Size) -> Field:
    """Widen a field by a window, along each axis: r + d (k - 1) j and j s."""
    (r_h, j_h), (r_w, j_w) = field
    height = r_h + dilation[0] * (kernel[0] - 1) * j_h, j_h * stride[0]
    width = r_w + dilation[1] * (kernel[1] - 1) * j_w, j_w * stride[1]
    return height, width


def widest(fields: list[Field | None]) -> Field | None:
    """Return the widest of fields that meet; None if one is None or their steps differ."""
    if None in fields or len({(height[1], width[1]) for height, width in fields}) > 1:
        return None
    return max(height for height, _ in fields), max(width for _, width in fields)


def tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors among values, and in lists and tuples among them."""
    groups = [value if isinstance(value, list | tuple) else [value] for value in values]
    return [value for group in groups for value in group if isinstance(value, Tensor)]


def table_row(layer: LayerCost) -> tuple[str, ...]:
    """Write the numbers of a layer as the cells of a table."""
    field = ""
    if layer.output_size:
        height, width = layer.receptive_field or ("–", "–")
        field = str(height) if height == width else f"{height}×{width}"
    size = "×".join(map(str, layer.output_size))
    kib = f"{layer.activation_bytes / 1024:,.1f}"
    counts = f"{layer.parameters:,}", kib, f"{layer.multiply_adds:,}"
    return layer.name, layer.kind, size, *counts, field
