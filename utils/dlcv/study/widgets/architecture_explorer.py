"""The architecture explorer: what every layer of a network costs, and what it sees of an image."""

import base64
import html
import io
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
import traitlets
from PIL import Image
from torch import nn

from dlcv.classification.complexity import LayerCost, Summary, summarise
from dlcv.data.bundled import load_photo
from dlcv.study.widgets.base import Widget

QUANTITIES = ("parameters", "multiply_adds", "memory", "side", "channels", "field")
PHOTO_PX = 224  # the size of an image for most of these networks

POOLINGS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)

Network = nn.Module | Callable[[], nn.Module]


class ArchitectureExplorer(Widget):
    """Networks layer by layer: parameters, multiply-adds, memory, and the receptive field.

    The numbers are those of :func:`dlcv.classification.complexity.summarise`, at four bytes a
    value. A normalisation, an activation or a dropout counts with the layer before it.

    Args:
        networks: name → network, or a function without arguments that builds it, which is then
            called on the meta device and takes no memory.
        sizes: name → side of the square images it is given, in pixels; 224 where left out.
        network: what to begin with; the first by default.
        other: a network to compare it with, or "" for none.
        quantity: what the bars show: "parameters", "multiply_adds", "memory" (of the maps), "side"
            (of a map), "channels" or "field" (receptive field).
        logarithmic: whether the bars have a logarithmic scale.

    Attributes:
        summaries: name → the network's :class:`~dlcv.classification.complexity.Summary`.
        layer: the index of the layer that is looked at in `network`.

    Raises:
        ValueError: no network, or one of the names or settings is not there.

    Taught in: lectures/06a_classic_architectures, lectures/06b_modern_architectures
    """

    module = "architecture_explorer"
    parts = ("architecture_maths", "architecture_chart")
    networks = traitlets.List().tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    other = traitlets.Unicode().tag(sync=True)
    quantity = traitlets.Unicode().tag(sync=True)
    logarithmic = traitlets.Bool().tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    photo = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        networks: Mapping[str, Network],
        sizes: Mapping[str, int] | None = None,
        *,
        network: str | None = None,
        other: str = "",
        quantity: str = "parameters",
        logarithmic: bool = False,
    ):
        if not networks:
            raise ValueError("expected at least one network, got none")
        strangers = set(sizes or {}) - set(networks)
        if strangers:
            raise ValueError(f"expected sizes of the networks, got one of {sorted(strangers)}")
        self.summaries: dict[str, Summary] = {}
        rows = []
        for name, build in networks.items():
            model, size = _built(build), (sizes or {}).get(name, PHOTO_PX)
            self.summaries[name] = summarise(model, (_channels(model), size, size))
            rows.append({"name": name, "size": size, **_columns(model, self.summaries[name])})
        super().__init__(
            label="Architecture explorer: what every layer costs and sees",
            networks=rows,
            network=next(iter(networks)) if network is None else network,
            other=other,
            quantity=quantity,
            logarithmic=logarithmic,
            photo=_photo(),
        )

    @traitlets.validate("network", "other")
    def _name(self, proposal):
        names = [row["name"] for row in self.networks]
        known = [*names, ""] if proposal["trait"].name == "other" else names
        if proposal["value"] not in known:
            raise ValueError(f"expected one of {', '.join(names)}, got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("quantity")
    def _quantity(self, proposal):
        if proposal["value"] not in QUANTITIES:
            raise ValueError(f"expected one of {', '.join(QUANTITIES)}, got {proposal['value']!r}")
        return proposal["value"]

    def fallback_html(self) -> str:
        """The totals of the networks, as a plain table."""
        head = "<tr><th>Network</th><th>Parameters</th><th>Multiply-adds</th></tr>"
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{summary.parameters:,}</td>"
            f"<td>{summary.multiply_adds:,}</td></tr>"
            for name, summary in self.summaries.items()
        )
        return f"{super().fallback_html()}<table>{head}{rows}</table>"


def _built(network: Network) -> nn.Module:
    if isinstance(network, nn.Module):
        return network
    with torch.device("meta"):
        return network()


def _channels(model: nn.Module) -> int:
    """The channels of the images a network takes: those of its first convolution, or 3."""
    layers = (layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return next((layer.in_channels for layer in layers), 3)


def _columns(model: nn.Module, summary: Summary) -> dict[str, list]:
    """The layers of a network, a list for each of their properties, as the page reads them."""
    modules = dict(model.named_modules())
    layers = _folded(summary.layers, modules)
    return {
        "layers": [row.name for row in layers],
        "texts": [_text(modules.get(row.name)) for row in layers],
        "kinds": [_kind(modules.get(row.name)) for row in layers],
        "shapes": [list(row.output_size) for row in layers],
        "parameters": [row.parameters for row in layers],
        "multiply_adds": [row.multiply_adds for row in layers],
        "memory": [row.activation_bytes for row in layers],
        "field": [_field(row) for row in layers],
    }


def _folded(rows: tuple[LayerCost, ...], modules: dict[str, nn.Module]) -> list[LayerCost]:
    """One row for each layer and what follows it; what comes before the first joins that one."""
    groups: list[list[LayerCost]] = [[]]
    for row in rows:
        if _is_layer(row, modules) and any(_is_layer(other, modules) for other in groups[-1]):
            groups.append([])
        groups[-1].append(row)
    return [_together(group, modules) for group in groups if group]


def _is_layer(row: LayerCost, modules: dict[str, nn.Module]) -> bool:
    """Whether a row is more than the normalisation, activation or dropout of the one before it."""
    layer = modules.get(row.name)
    return layer is None or isinstance(layer, POOLINGS) or row.multiply_adds > 0


def _together(group: list[LayerCost], modules: dict[str, nn.Module]) -> LayerCost:
    layers = [row for row in group if _is_layer(row, modules)]
    return replace(
        (layers or group)[0],
        parameters=sum(row.parameters for row in group),
        activation_bytes=sum(row.activation_bytes for row in group),
        multiply_adds=sum(row.multiply_adds for row in group),
    )


def _field(row: LayerCost) -> list[int] | None:
    return None if row.receptive_field is None else list(row.receptive_field)


def _kind(layer: nn.Module | None) -> str:
    """The kind of a layer, of which each has a colour of its own."""
    match layer:
        case nn.Conv2d() if layer.groups > 1:
            return "grouped"
        case nn.Conv2d():
            return "convolution"
        case nn.Linear():
            return "linear"
    return "pooling" if isinstance(layer, POOLINGS) else "other"


def _text(layer: nn.Module | None) -> str:
    """What a layer does, in a few words: "3 × 3 convolution, stride 2"."""
    if layer is None:
        return "not in the forward pass, such as heads that only train"
    if isinstance(layer, nn.Linear):
        return "fully connected"
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return "global average pooling"
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return type(layer).__name__
    kernel, stride = _pair(layer.kernel_size), _pair(layer.stride)
    what = {nn.MaxPool2d: "max pooling", nn.AvgPool2d: "average pooling"}.get(type(layer))
    words = [f"{kernel[0]} × {kernel[1]} {what or 'convolution'}"]
    if isinstance(layer, nn.Conv2d) and layer.groups > 1:
        is_depthwise = layer.groups == layer.in_channels
        words.append("depthwise" if is_depthwise else f"{layer.groups} groups")
    if max(stride) > 1:
        words.append(f"stride {stride[0]}")
    if isinstance(layer, nn.Conv2d) and max(layer.dilation) > 1:
        words.append(f"dilation {layer.dilation[0]}")
    return ", ".join(words)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _photo() -> str:
    """A photograph of a cat, 224 pixels square, as the address of an image."""
    pixels = (255 * load_photo("chelsea")).round().byte()[:, :, 75:375]
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((PHOTO_PX, PHOTO_PX))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=50, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
