"""Softmax on the unit sphere: logits that are scaled cosines, and margins between the classes.

Each function returns logits for the cross-entropy. With a margin, only the logit of an example's
own class is lowered: to be right, the example has to be nearer to its class than it would need.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.verification.distances import check_labelled, safe_sqrt


def cosines(embeddings: Tensor, weight: Tensor) -> Tensor:
    """Cosines of the angles between embeddings and class vectors.

    Args:
        embeddings: [B, D].
        weight: One vector for each class, [K, D].

    Returns:
        [B, K] in [−1, 1]; 0 for a vector of length 0.

    Raises:
        ValueError: If the shapes do not fit.

    Taught in: lectures/09_verification
    """
    if embeddings.ndim != 2 or weight.ndim != 2 or embeddings.shape[1] != weight.shape[1]:
        got = f"{list(embeddings.shape)} and {list(weight.shape)}"
        raise ValueError(f"expected embeddings [B, D] and weight [K, D], got {got}")
    return (F.normalize(embeddings) @ F.normalize(weight).T).clamp(-1, 1)


def normface_logits(embeddings: Tensor, weight: Tensor, scale: float) -> Tensor:
    """Scaled cosines, s cos θ_k: neither the embeddings nor the weights can grow.

    Args:
        embeddings: [B, D].
        weight: [K, D].
        scale: s, above 0. See `normface_bound` for one that is too small.

    Returns:
        [B, K] in [−s, s].

    Raises:
        ValueError: If the shapes do not fit or the scale is not above 0.

    Reference:
        Wang et al., NormFace, 2017, sec. 3.

    Taught in: lectures/09_verification
    """
    check_scale(scale)
    return scale * cosines(embeddings, weight)


def normface_bound(classes: int, scale: float) -> float:
    """The least mean cross-entropy that scaled cosines can reach, with equally many of each class.

    log(1 + (n − 1) exp(−s n / (n − 1)))

    It is reached where each class sits on its own vector and the vectors stand as far apart as n
    vectors can, at cosines of −1 / (n − 1). Wang et al. write ℓ² for the scale s.

    Args:
        classes: n, at least 2.
        scale: s, above 0.

    Returns:
        The bound, in nats.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Wang et al., NormFace, 2017, Proposition 2.

    Taught in: lectures/09_verification
    """
    if classes < 2:
        raise ValueError(f"expected at least 2 classes, got {classes}")
    check_scale(scale)
    return math.log1p((classes - 1) * math.exp(-scale * classes / (classes - 1)))


def cosface_logits(
    embeddings: Tensor, weight: Tensor, labels: Tensor, margin: float, scale: float
) -> Tensor:
    """Scaled cosines, the own class's less a margin: s (cos θ_y − m).

    Args:
        embeddings: [B, D].
        weight: [K, D].
        labels: Whole numbers [B] in [0, K).
        margin: m, a cosine, at least 0; the paper's faces have 0.35.
        scale: s, above 0; the paper's faces have 64.

    Returns:
        [B, K].

    Raises:
        ValueError: If shapes or labels do not fit, or margin or scale are out of range.

    Reference:
        Wang et al., CosFace, 2018, eq. 4.

    Taught in: lectures/09_verification
    """
    return _lowered_logits(embeddings, weight, labels, margin, scale, torch.sub)


def widened(cos: Tensor, margin: float) -> Tensor:
    """cos(θ + m) = cos θ cos m − sin θ sin m, given cos θ: no arc cosine is needed.

    By cos θ the sine has an infinite slope at ±1; there it counts as 0, so that the gradient stays
    finite. Beyond θ = π − m the value rises again.

    Args:
        cos: Any shape, in [−1, 1].
        margin: m, in radians.

    Returns:
        The same shape, in [−1, 1].

    Reference:
        Deng et al., ArcFace, 2019, sec. 3.1.

    Taught in: lectures/09_verification
    """
    return cos * math.cos(margin) - safe_sqrt(1 - cos**2) * math.sin(margin)


def arcface_logits(
    embeddings: Tensor, weight: Tensor, labels: Tensor, margin: float, scale: float
) -> Tensor:
    """Scaled cosines, the own class's angle widened by a margin: s cos(θ_y + m), see `widened`.

    Args:
        embeddings: [B, D].
        weight: [K, D].
        labels: Whole numbers [B] in [0, K).
        margin: m, in radians, at least 0; the paper's faces have 0.5.
        scale: s, above 0; the paper's faces have 64.

    Returns:
        [B, K].

    Raises:
        ValueError: If shapes or labels do not fit, or margin or scale are out of range.

    Reference:
        Deng et al., ArcFace, 2019, eq. 3.

    Taught in: lectures/09_verification
    """
    return _lowered_logits(embeddings, weight, labels, margin, scale, widened)


def psi(cos: Tensor, margin: int) -> Tensor:
    """SphereFace's ψ(θ) = (−1)^k cos(mθ) − 2k for θ in [kπ/m, (k + 1)π/m], given cos θ.

    It falls from 1 at θ = 0 to 1 − 2m at π without a jump. cos(mθ) is the Chebyshev polynomial
    T_m(cos θ), with T_{m+1} = 2 cos θ · T_m − T_{m−1}, so its slope is finite everywhere.

    Args:
        cos: Any shape, in [−1, 1].
        margin: m, a whole number, at least 1; 1 gives cos θ back.

    Returns:
        The same shape, in [1 − 2m, 1].

    Raises:
        ValueError: If the margin is no such number.

    Reference:
        Liu et al., SphereFace, 2017, sec. 3.2.

    Taught in: lectures/09_verification
    """
    if int(margin) != margin or margin < 1:
        raise ValueError(f"expected a whole number of at least 1 as margin, got {margin}")
    before, multiple, k = torch.ones_like(cos), cos, torch.zeros_like(cos)
    for i in range(1, int(margin)):
        before, multiple = multiple, 2 * cos * multiple - before
        k = k + (cos <= math.cos(i * math.pi / margin))
    return (1 - 2 * (k % 2)) * multiple - 2 * k


def sphereface_logits(
    embeddings: Tensor,
    weight: Tensor,
    labels: Tensor,
    margin: int,
    scale: float | None = None,
    anneal: float = 0.0,
) -> Tensor:
    """Scaled cosines, the own class's angle multiplied: s ψ(θ_y), see `psi`.

    Args:
        embeddings: [B, D].
        weight: [K, D].
        labels: Whole numbers [B] in [0, K).
        margin: m, a whole number, at least 1; the paper's faces have 4.
        scale: s, above 0, or None for the length of each embedding, as in the paper.
        anneal: λ, at least 0: the own logit is s (λ cos θ + ψ) / (1 + λ). The paper starts with a
            large λ and lets it fall, for ψ alone is hard to begin with.

    Returns:
        [B, K].

    Raises:
        ValueError: If shapes or labels do not fit, or margin, scale or anneal are out of range.

    Reference:
        Liu et al., SphereFace, 2017, eq. 7.

    Taught in: lectures/09_verification
    """
    cos, own = _cosines_and_own(embeddings, weight, labels)
    if anneal < 0:
        raise ValueError(f"expected anneal of at least 0, got {anneal}")
    logits = _with_own(cos, labels, (anneal * own + psi(own, margin)) / (1 + anneal))
    if scale is None:
        return safe_sqrt((embeddings**2).sum(1, keepdim=True)) * logits
    check_scale(scale)
    return scale * logits


def _cosines_and_own(embeddings: Tensor, weight: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cosines [B, K] and those of the own classes [B]."""
    cos = cosines(embeddings, weight)
    check_labelled(embeddings, labels)
    if len(labels) and (labels.min() < 0 or labels.max() >= len(weight)):
        raise ValueError(f"expected labels from 0 to {len(weight) - 1}, got {labels}")
    return cos, cos.gather(1, labels[:, None])[:, 0]


def _lowered_logits(
    embeddings: Tensor,
    weight: Tensor,
    labels: Tensor,
    margin: float,
    scale: float,
    lower: Callable[[Tensor, float], Tensor],
) -> Tensor:
    """Scaled cosines [B, K], those of the own classes lowered by an additive margin."""
    cos, own = _cosines_and_own(embeddings, weight, labels)
    check_additive_margin(margin)
    check_scale(scale)
    return scale * _with_own(cos, labels, lower(own, margin))


def _with_own(cos: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    """The cosines, with other values [B] for the own classes."""
    return cos.scatter(1, labels[:, None], own[:, None])


def check_additive_margin(margin: float) -> None:
    """Raise unless the margin is at least 0 and at most π, beyond which it would mean nothing."""
    if not 0 <= margin <= math.pi:
        raise ValueError(f"expected a margin in [0, π], got {margin}")


def check_scale(scale: float) -> None:
    """Raise unless the scale is above 0."""
    if not scale > 0:
        raise ValueError(f"expected a scale above 0, got {scale}")
