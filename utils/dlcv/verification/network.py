"""A small network that turns a face into a vector, and the vectors of the people it learns from."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.training.loop import eval_mode
from dlcv.verification.mining import Pairs


class FaceNetwork(nn.Module):
    """Four convolutions and one fully connected layer: an embedding of D numbers for each face.

    `weight` holds one vector for each person of the training set. Losses on classes compare the
    embeddings with it, losses on pairs and triplets leave it alone, and afterwards nobody needs it.

    Args:
        classes: People to learn from, K, at least 1.
        size: Height and width of the images, px, a multiple of 8.
        width: Channels of the first convolution; the others have 2, 4 and 4 times as many.
        dims: D, numbers in an embedding; FaceNet has 128.

    Raises:
        ValueError: If a number is out of its range.

    Taught in: lectures/09_verification
    """

    def __init__(self, classes: int, size: int = 32, width: int = 12, dims: int = 64) -> None:
        super().__init__()
        if min(classes, width, dims) < 1 or size < 8 or size % 8:
            got = f"{classes}, {size}, {width} and {dims}"
            raise ValueError(f"expected numbers above 0 and a size in multiples of 8, got {got}")
        self.body = nn.Sequential(
            _block(3, width, pool=True),  # S/2
            _block(width, 2 * width, pool=True),  # S/4
            _block(2 * width, 4 * width, pool=True),  # S/8
            _block(4 * width, 4 * width),
            nn.Flatten(),
            nn.Linear(4 * width * (size // 8) ** 2, dims, bias=False),
            nn.BatchNorm1d(dims),
        )
        self.weight = nn.Parameter(0.1 * torch.randn(classes, dims))

    def forward(self, images: Tensor) -> Tensor:
        """From images uint8 [B, 3, S, S] to embeddings [B, D], not normalised."""
        return self.body(4 * (images.float() / 255 - 0.5))


def _block(fan_in: int, fan_out: int, pool: bool = False) -> nn.Sequential:
    """A 3×3 convolution, batch normalisation and ReLU; pooling, where wanted, comes early."""
    conv = nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False)
    layers = [conv, nn.MaxPool2d(2)] if pool else [conv]
    return nn.Sequential(*layers, nn.BatchNorm2d(fan_out), nn.ReLU())


def embed(model: nn.Module, images: Tensor, batch_size: int = 500) -> Tensor:
    """Embeddings of any number of images, on the unit sphere, without gradients.

    Args:
        model: From images to embeddings; evaluated, and put back into its mode.
        images: [N, 3, S, S], as the model takes them.
        batch_size: How many at once.

    Returns:
        [N, D], each row of length 1.

    Taught in: lectures/09_verification
    """
    with eval_mode(model), torch.no_grad():
        return torch.cat([F.normalize(model(part)) for part in images.split(batch_size)])


def pair_scores(embeddings: Tensor, pairs: Pairs) -> Tensor:
    """How alike the two of each pair are: the cosine of their embeddings.

    Args:
        embeddings: [N, D], of any length but 0.
        pairs: Of indices below N, M of them.

    Returns:
        [M], in [−1, 1].

    Taught in: lectures/09_verification
    """
    return F.cosine_similarity(embeddings[pairs.first], embeddings[pairs.second])
