"""Eight ways to learn an embedding, ready to be trained on the same budget and compared."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.data.balanced_batches import BalancedBatches
from dlcv.data.bundled import LabelledImages
from dlcv.training import History, TrainConfig, fit
from dlcv.verification import margins
from dlcv.verification.losses import contrastive_loss, joint_loss, triplet_loss
from dlcv.verification.mining import all_pairs, semi_hard_triplets
from dlcv.verification.network import FaceNetwork

Loss = Callable[..., Tensor]  # (embeddings [B, D], weight [K, D], labels [B], **knobs)


def softmax(embeddings: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of a plain classifier, which has no bias here."""
    return F.cross_entropy(embeddings @ weight.T, labels)


def contrastive(embeddings: Tensor, weight: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The contrastive loss on the unit sphere, same and different pairs weighing alike."""
    x, pairs = F.normalize(embeddings), all_pairs(labels)
    kinds = [(pairs.first[kind], pairs.second[kind]) for kind in (pairs.same, ~pairs.same)]
    parts = [contrastive_loss(x[i], x[j], labels[i] == labels[j], margin) for i, j in kinds]
    return (parts[0] + parts[1]) / 2


def joint(
    embeddings: Tensor, weight: Tensor, labels: Tensor, margin: float, strength: float
) -> Tensor:
    """DeepID2's sum: classifier, and contrastive loss on the unit sphere."""
    logits = embeddings @ weight.T
    return joint_loss(logits, F.normalize(embeddings), labels, margin, strength)


def triplet(embeddings: Tensor, weight: Tensor, labels: Tensor, margin: float) -> Tensor:
    """FaceNet's loss on the semi-hard triplets of the batch."""
    x = F.normalize(embeddings)
    a, p, n = semi_hard_triplets(x, labels, margin).T
    return triplet_loss(x[a], x[p], x[n], margin)


def normface(embeddings: Tensor, weight: Tensor, labels: Tensor, scale: float) -> Tensor:
    """The cross-entropy of scaled cosines."""
    return F.cross_entropy(margins.normface_logits(embeddings, weight, scale), labels)


def with_margin(
    embeddings: Tensor, weight: Tensor, labels: Tensor, logits: Loss, margin: float, scale: float
) -> Tensor:
    """The cross-entropy of CosFace or ArcFace: whichever `logits` is."""
    return F.cross_entropy(logits(embeddings, weight, labels, margin, scale), labels)


def sphereface(
    embeddings: Tensor, weight: Tensor, labels: Tensor, margin: int, scale: float, anneal: float
) -> Tensor:
    """The cross-entropy of SphereFace, with a constant share of the plain cosine."""
    logits = margins.sphereface_logits(embeddings, weight, labels, margin, scale, anneal)
    return F.cross_entropy(logits, labels)


cosface = partial(with_margin, logits=margins.cosface_logits)
arcface = partial(with_margin, logits=margins.arcface_logits)


@dataclass(frozen=True)
class Recipe:
    """A loss with its knobs, the shape of its batches and its learning rate.

    Attributes:
        loss: Function (embeddings, weight, labels, **knobs) -> loss.
        knobs: Margin, scale and the like, by name.
        classes: P, people in a batch.
        per_class: K, images of each.
        lr: Learning rate at its highest.
    """

    loss: Loss
    knobs: dict[str, float]
    classes: int
    per_class: int
    lr: float

    def __call__(self, model: FaceNetwork, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch (images, labels): a loss for `fit`."""
        images, labels = batch
        return self.loss(model(images), model.weight, labels, **self.knobs)

    def but(self, lr: float | None = None, **knobs: float) -> "Recipe":
        """The same with another rate or other knobs."""
        return replace(self, lr=lr or self.lr, knobs=self.knobs | knobs)


def train_verifier(
    recipe: Recipe,
    faces: LabelledImages,
    epochs: int,
    seed: int = 0,
    width: int = 12,
    dims: int = 64,
) -> tuple[FaceNetwork, History]:
    """Train a new network by a recipe: Adam, a short warm-up, half a cosine down to 0.

    Args:
        recipe: What to minimise, on which batches, at which rate.
        faces: Images uint8 [N, 3, S, S] and labels [N], the people 0 … K − 1.
        epochs: Passes over the faces.
        seed: For the first weights and the order of the batches.
        width: See `FaceNetwork`.
        dims: Likewise.

    Returns:
        The network, and the losses of its training.

    Taught in: lectures/09_verification
    """
    torch.manual_seed(seed)
    people, size = int(faces.labels.max()) + 1, faces.images.shape[-1]
    model = FaceNetwork(people, size, width, dims).to(faces.images.device)
    model = model.to(memory_format=torch.channels_last)
    batches = BalancedBatches(*faces, recipe.classes, recipe.per_class, seed=seed)
    config = TrainConfig(epochs, recipe.lr, "adam", schedule="cosine", warmup_steps=20)
    return model, fit(model, batches, recipe, config)


RATES = (0.004, 0.01, 0.025, 0.06)  # that every recipe is tried with
RECIPES = {  # the rate is the one of RATES that did best on the validation people
    "softmax": Recipe(softmax, {}, 64, 2, 0.025),
    "contrastive": Recipe(contrastive, {"margin": 1.2}, 16, 8, 0.01),
    "DeepID2": Recipe(joint, {"margin": 1.2, "strength": 10.0}, 32, 4, 0.01),
    "triplet": Recipe(triplet, {"margin": 0.3}, 16, 8, 0.01),
    "NormFace": Recipe(normface, {"scale": 12.0}, 64, 2, 0.025),
    "SphereFace": Recipe(sphereface, {"margin": 2, "scale": 16.0, "anneal": 5.0}, 64, 2, 0.06),
    "CosFace": Recipe(cosface, {"margin": 0.2, "scale": 16.0}, 64, 2, 0.025),
    "ArcFace": Recipe(arcface, {"margin": 0.2, "scale": 16.0}, 64, 2, 0.025),
}
