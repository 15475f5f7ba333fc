"""A small network made to learn CIFAR-10 in few seconds: wide, shallow, and well prepared.

The first layer is computed instead of learnt, an idea of Page's "How to train your ResNet" (2018);
patches of 2 pixels, and layers that begin as copies of their input, are hlb-CIFAR10's (Balsam,
2023); the widths, and a bias that the computed layer may learn, are airbench's (Jordan, 2024), the
start of its last layer that of airbench94_muon (Jordan et al., 2024).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.classification.backbone import Normalise


def whitening_filters(images: Tensor, size: int = 2, epsilon: float = 5e-4) -> Tensor:
    """Filters whose answers on small patches are uncorrelated and equally strong.

    With V Λ Vᵀ the mean of p pᵀ over all patches p, the filters are the columns of
    V (Λ + ε)^(-1/2), each of them twice, once with the other sign, so that no answer is lost to a
    rectifier. No mean is taken off here: the products of two answers are zero on average.

    Args:
        images: Floats [N, C, H, W], standardised; a few thousand are plenty.
        size: K, height and width of a patch in pixels.
        epsilon: Keeps directions that hardly occur from being blown up; airbench's value.

    Returns:
        [2 C K², C, K, K].

    Raises:
        ValueError: If the images are no such floats, or smaller than a patch.

    Reference:
        Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv 2404.00498, 2024.

    Taught in: lectures/08_gpu_and_distributed
    """
    if images.dim() != 4 or not images.is_floating_point() or min(images.shape[2:]) < size:
        got = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"expected float images [N, C, H, W] of {size} px or more, got {got}")
    patches = F.unfold(images, size).transpose(1, 2).flatten(0, 1)  # [N positions, C K²]
    covariance = patches.T @ patches / len(patches)
    strength, directions = torch.linalg.eigh(covariance)
    filters = (directions / (strength + epsilon).sqrt()).T  # a row is a filter
    filters = filters.reshape(-1, images.shape[1], size, size)
    return torch.cat([filters, -filters])


class SpeedNet(nn.Module):
    """A whitening layer, three pairs of 3 × 3 convolutions with pooling, and a linear classifier.

    The colours are standardised inside, so images come as they are.

    Args:
        num_classes: K.
        sample: Training images, floats [N, C, H, W] in [0, 1]. The standardisation of the colours
            and the first layer are computed from them; a few thousand are plenty.
        widths: Maps of the three pairs; airbench's are (64, 256, 256).
        whitened: Whether the first layer is computed, and only its bias is trained; if not, it is
            learnt like the others, with as many filters.

    Taught in: lectures/08_gpu_and_distributed

    Example:
        >>> SpeedNet(10, torch.rand(8, 3, 32, 32), (8, 16, 16))(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int,
        sample: Tensor,
        widths: tuple[int, int, int] = (64, 256, 256),
        whitened: bool = True,
    ) -> None:
        super().__init__()
        std, mean = torch.std_mean(sample, dim=(0, 2, 3))
        self.colours = Normalise(mean.tolist(), std.tolist())
        filters = whitening_filters(self.colours(sample))
        self.first = nn.Conv2d(sample.shape[1], len(filters), filters.shape[2])
        if whitened:
            self.first.weight.data.copy_(filters)
            self.first.weight.requires_grad_(False)
            nn.init.zeros_(self.first.bias)
        sizes = (len(filters), *widths)
        self.body = nn.Sequential(nn.GELU(), *(conv_pair(a, b) for a, b in pairwise(sizes)))
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        nn.init.normal_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K] of images [B, C, 32, 32], or of any size from 24 pixels."""
        maps = self.body(self.first(self.colours(images)))  # [B, D, 3, 3] for 32 px
        features = maps.amax(dim=(2, 3))
        return self.head(features) / features.shape[1]  # small scores: a soft start


def conv_pair(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions that begin by handing on their input; half the size afterwards."""
    layers = []
    for count, pooling in ((inputs, [nn.MaxPool2d(2)]), (outputs, [])):
        conv = nn.Conv2d(count, outputs, 3, padding=1, bias=False)
        nn.init.dirac_(conv.weight.data[: min(count, outputs)])  # the rest stays random
        norm = nn.BatchNorm2d(outputs, momentum=0.4)  # few steps: young statistics count for more
        norm.weight.requires_grad_(False)
        layers += [conv, *pooling, norm, nn.GELU()]
    return nn.Sequential(*layers)
