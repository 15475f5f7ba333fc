"""The LeNet viewer: every feature map of a trained network, for a digit that the reader draws."""

from collections.abc import Mapping

import torch
import traitlets
from torch import Tensor, nn

from dlcv.study.widgets.base import Widget, pack

INPUT_PX = 32  # LeCun et al. (1998), sec. II-B


class LeNetViewer(Widget):
    """All layers of a trained LeNet-5 at work on a drawing; the network runs in the page.

    The weights travel in eight bits each, a quarter of float32, with one scale for each output
    channel; probabilities then differ from torch's by less than 0.03. What the reader draws is
    cut out, fitted to the height of a 32x32 bitmap, counted in 4x4 blocks and enlarged again, as
    the digits of :func:`dlcv.data.bundled.load_digits_split` were.

    Args:
        model: named layers, as :func:`dlcv.classification.classic.lenet5` builds them: from
            images [B, 1, 32, 32] to logits [B, K].
        examples: name → image [32, 32] in the value range the model was trained on, 0 to 1.

    Attributes:
        image: the network's input as 32 rows of 32 numbers, kept to four decimals; set it to show
            any image, read it to get what the reader drew.

    Raises:
        ValueError: no example, an image of another shape, or a layer that the page can't run.

    Reference:
        LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document
        Recognition, 1998, sec. II-B.

    Taught in: lectures/04_convolutions
    """

    module = "lenet_viewer"
    parts = ("pixels", "lenet_network", "lenet_drawing")
    layers = traitlets.List().tag(sync=True)
    examples = traitlets.List().tag(sync=True)
    image = traitlets.Any().tag(sync=True)

    def __init__(self, model: nn.Sequential, examples: Mapping[str, Tensor]):
        if not examples:
            raise ValueError("expected at least one example, got none")
        images = {name: _as_image(image) for name, image in examples.items()}
        self._model = model
        super().__init__(
            label="LeNet viewer: draw a digit and see every feature map",
            layers=[
                {"name": name, "steps": _steps(layer)} for name, layer in model.named_children()
            ],
            examples=[{"name": name, "image": _half(image)} for name, image in images.items()],
            image=next(iter(images.values())),
        )

    @traitlets.validate("image")
    def _image(self, proposal):
        return _as_image(proposal["value"]).double().round(decimals=4).tolist()

    @property
    def probabilities(self) -> Tensor:
        """What torch makes of the present image with the float32 weights: [K], sum 1."""
        parameter = next(self._model.parameters())
        image = torch.tensor(self.image, dtype=parameter.dtype, device=parameter.device)
        was_training = self._model.training
        self._model.eval()
        with torch.no_grad():
            logits = self._model(image[None, None])
        self._model.train(was_training)
        return logits[0].softmax(0).cpu()


def _as_image(image: object) -> Tensor:
    pixels = torch.as_tensor(image, dtype=torch.float32).detach().cpu()
    if pixels.shape != (INPUT_PX, INPUT_PX):
        raise ValueError(f"expected an image [32, 32], got shape {list(pixels.shape)}")
    if not torch.isfinite(pixels).all():
        raise ValueError("expected finite pixels, got inf or nan")
    return pixels


def _steps(layer: nn.Module) -> list[dict]:
    """What a layer does, as the page runs it: a list of elementary steps with their weights."""
    match layer:
        case nn.Sequential():
            return [step for part in layer for step in _steps(part)]
        case nn.Conv2d(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
            return [{"kind": "conv", **_eight_bits(layer.weight), "bias": _half(layer.bias)}]
        case nn.Linear():
            return [{"kind": "dense", **_eight_bits(layer.weight), "bias": _half(layer.bias)}]
        case nn.MaxPool2d(kernel_size=int(size), padding=0) if layer.stride == size:
            return [{"kind": "max pool", "size": size}]
        case nn.AvgPool2d(kernel_size=int(size), padding=0) if layer.stride == size:
            return [{"kind": "mean pool", "size": size}]
        case nn.ReLU():
            return [{"kind": "ReLU"}]
        case nn.Tanh():
            return [{"kind": "tanh"}]
        case nn.Flatten():
            return []
    raise ValueError(
        "expected convolutions (stride 1, no padding), pooling, Linear, ReLU, Tanh or Flatten, "
        f"got {layer}"
    )


def _eight_bits(weight: Tensor) -> dict:
    """Weights [C_out, ...] as whole numbers from -127 to 127, and a scale for each channel."""
    weight = weight.detach().cpu().float()
    if not torch.isfinite(weight).all():
        raise ValueError("expected finite weights, got inf or nan")
    largest = weight.flatten(1).abs().amax(dim=1).clamp(min=1e-12)  # [C_out]
    scale = largest / 127
    whole = (weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8)
    return {"weight": pack(whole), "scale": pack(scale)}


def _half(values: Tensor) -> dict:
    half = values.detach().cpu().half()
    if not torch.isfinite(half).all():
        raise ValueError(f"expected values that fit float16, got up to {values.abs().max():g}")
    return pack(half)
