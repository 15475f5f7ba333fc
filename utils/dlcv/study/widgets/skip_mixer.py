"""The skip mixer: score maps of several strides, added or left out, and what becomes of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import traitlets
from torch import Tensor

from dlcv.data.voc_layout import IGNORED_PIXEL
from dlcv.segmentation.upsampling import Enlarge
from dlcv.study.widgets.base import Widget, pack

KINDS = ("bilinear", "nearest")
MOST_PIXELS = 128  # a side; the page computes all classes of all pixels at every move


class SkipMixer(Widget):
    """Pictures, and the score maps that trained networks give for them, to fuse by hand.

    Args:
        images: uint8 [N, 3, S, S], at most 128 pixels a side.
        classes: True classes, uint8 [N, S, S]; 255 in pixels that do not count.
        names: The K classes.
        networks: Network → its score maps, each [N, K, S / s, S / s], from the coarsest stride s,
            which all networks share, to the finest; each has twice the side of the one before.
        network: With which to begin; by default the last.

    Raises:
        ValueError: The shapes do not belong together.

    Taught in: lectures/14_segmentation
    """

    module = "skip_mixer"
    parts = ("pixels", "enlarging", "mixer_view")
    pictures = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    networks = traitlets.List().tag(sync=True)
    strides = traitlets.Dict().tag(sync=True)
    picture = traitlets.Int(0).tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    used = traitlets.List().tag(sync=True)
    kind = traitlets.Enum(KINDS, "bilinear").tag(sync=True)
    shown = traitlets.Int(1).tag(sync=True)

    def __init__(
        self,
        images: Tensor,
        classes: Tensor,
        names: Sequence[str],
        networks: Mapping[str, Sequence[Tensor]],
        network: str | None = None,
    ):
        size = _check(images, classes, names, networks)
        self._scores = {
            name: [m.detach().float().cpu().half() for m in maps] for name, maps in networks.items()
        }
        network = list(networks)[-1] if network is None else network
        strides = {name: [size // m.shape[-1] for m in maps] for name, maps in networks.items()}
        super().__init__(
            label="Skip mixer: which score maps are added?",
            pictures=[
                {
                    "image": pack(images[i].permute(1, 2, 0).cpu().numpy()),
                    "classes": pack(classes[i].cpu().numpy().astype(np.uint8)),
                    "scores": {
                        name: [pack(m[i].numpy()) for m in maps]
                        for name, maps in self._scores.items()
                    },
                }
                for i in range(len(images))
            ],
            names=list(names),
            networks=list(networks),
            strides=strides,
            network=network,
            used=strides.get(network, []),
            shown=int(classes[0][classes[0] != IGNORED_PIXEL].max()),
        )

    @traitlets.validate("network")
    def _network(self, proposal):
        if proposal["value"] not in self._scores:
            raise ValueError(f"expected one of {list(self._scores)}, got {proposal['value']!r}")
        return proposal["value"]

    @property
    def fused(self) -> Tensor:
        """The fused scores [K, S, S] of what is chosen, as the package computes them."""
        strides, maps = self.strides[self.network], self._scores[self.network]
        kept = [
            m[self.picture : self.picture + 1].float() * (s in self.used)
            for m, s in zip(maps, strides, strict=True)
        ]
        K, total = len(self.names), kept[0]
        for finer in kept[1:]:
            total = Enlarge(K, 2, self.kind)(total) + finer
        return Enlarge(K, strides[-1], self.kind)(total)[0]


def _check(images: Tensor, classes: Tensor, names: Sequence, networks: Mapping) -> int:
    """The side of the pictures, if everything belongs together."""
    N, size = len(images), images.shape[-1]
    if images.dtype != torch.uint8 or images.shape != (N, 3, size, size) or size > MOST_PIXELS:
        got = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"expected uint8 images [N, 3, S, S], S <= {MOST_PIXELS}, got {got}")
    if not N or classes.shape != (N, size, size) or not networks:
        got = f"{list(classes.shape)} and {list(networks)}"
        raise ValueError(f"expected classes [{N}, {size}, {size}] and a network, got {got}")
    for name, maps in networks.items():
        first = size // maps[0].shape[-1]
        wanted = [
            (N, len(names), size // first * 2**i, size // first * 2**i) for i in range(len(maps))
        ]
        if [tuple(m.shape) for m in maps] != wanted:
            got = [list(m.shape) for m in maps]
            raise ValueError(f"expected maps {wanted} of {name}, got {got}")
    return size
