"""Beginning with what another network has learnt: new heads, frozen parts, rates by layer, probes.

A network is here a plain sequence of stages that ends in its head, so that "the first k stages" is
`model[:k]`. `in_stages` puts torchvision's ResNets into this form.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dlcv.classification.backbone import Normalise
from dlcv.classification.imagenet import IMAGENET_MEAN, IMAGENET_STD, torchvision_resnet
from dlcv.training.loop import eval_mode


def in_stages(resnet: nn.Module) -> nn.Sequential:
    """Lay out a ResNet of torchvision's form as a sequence of stages.

    Args:
        resnet: A network with conv1, bn1, relu, maxpool, layer1 to layer4, avgpool and fc.

    Returns:
        normalise, stem, stage1 to stage4, pool, head, sharing the network's weights: images
        [B, 3, H, W] in [0, 1] to logits. The normalisation is ImageNet's, with which torchvision's
        weights were trained.

    Raises:
        ValueError: If the network has another form.

    Taught in: lectures/07_transfer
    """
    names = (
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        *(f"layer{i}" for i in range(1, 5)),
        "avgpool",
        "fc",
    )
    missing = [name for name in names if not hasattr(resnet, name)]
    if missing:
        raise ValueError(f"expected a ResNet, got a {type(resnet).__name__} without {missing}")
    stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
    stages = [(f"stage{i}", getattr(resnet, f"layer{i}")) for i in range(1, 5)]
    pool = nn.Sequential(resnet.avgpool, nn.Flatten())
    first = [("normalise", Normalise(IMAGENET_MEAN, IMAGENET_STD)), ("stem", stem)]
    return nn.Sequential(OrderedDict([*first, *stages, ("pool", pool), ("head", resnet.fc)]))


def imagenet_resnet18(num_classes: int, pretrained: bool = False) -> nn.Sequential:
    """Build torchvision's ResNet-18 in stages, with random weights or those learnt on ImageNet.

    Args:
        num_classes: Number of outputs of the new, random head.
        pretrained: Whether to fetch the weights (47 MB, once; torchvision checks them).

    Returns:
        As `in_stages`.

    Raises:
        RuntimeError: If the weights cannot be fetched.

    Reference:
        He et al., Deep residual learning for image recognition, CVPR 2016.

    Taught in: lectures/07_transfer
    """
    network = torchvision_resnet("resnet18", pretrained)
    replace_head(network, num_classes)
    return in_stages(network)


def replace_head(model: nn.Module, num_classes: int) -> nn.Linear:
    """Put a new, random linear layer in the place of a network's last one.

    Args:
        model: A network whose last linear layer is its head; it is changed in place.
        num_classes: Number of outputs of the new head.

    Returns:
        The new head, on the device of the old one.

    Raises:
        ValueError: If there is no linear layer, or num_classes is below 1.

    Reference:
        Girshick et al., Rich feature hierarchies, CVPR 2014, section 2.3: a 1000-way layer becomes
        a 21-way one.

    Taught in: lectures/07_transfer
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear or num_classes < 1:
        got = f"{len(linear)} linear layers and {num_classes} classes"
        raise ValueError(f"expected a linear layer and at least one class, got {got}")
    path, _, name = linear[-1].rpartition(".")
    parent = model.get_submodule(path)
    old = getattr(parent, name)
    new = nn.Linear(old.in_features, num_classes).to(old.weight.device)
    setattr(parent, name, new)
    return new


def freeze(part: nn.Module) -> None:
    """Keep a part of a network as it is: its parameters and what its batch normalisation tracks.

    Without the second, the running mean and variance of a "frozen" layer would follow every batch
    that comes through. Calling `train()` on the whole network later undoes it.

    Args:
        part: A module, changed in place; an empty sequence is fine.

    Taught in: lectures/07_transfer
    """
    part.requires_grad_(False)
    part.eval()


def layer_groups(model: nn.Sequential, lr: float, factor: float) -> list[dict[str, Any]]:
    """Give each stage a learning rate of its own, lower the further it is from the head.

    Stage l of L gets lr · factor^(L - l); stages without trainable parameters are not counted.

    Args:
        model: A sequence of stages.
        lr: The head's learning rate, positive.
        factor: In (0, 1]; 1 for the same rate everywhere.

    Returns:
        Parameter groups for an optimiser, from the first stage to the head.

    Raises:
        ValueError: If a number is out of range or nothing is trainable.

    Reference:
        Howard and Ruder, Universal language model fine-tuning for text classification, ACL 2018,
        section 3.2, with factor 1/2.6.

    Taught in: lectures/07_transfer
    """
    if not lr > 0 or not 0 < factor <= 1:
        raise ValueError(f"expected lr > 0 and a factor in (0, 1], got {lr} and {factor}")
    stages = [[p for p in stage.parameters() if p.requires_grad] for stage in model]
    stages = [parameters for parameters in stages if parameters]
    if not stages:
        raise ValueError("expected a trainable parameter, got none")
    last = len(stages) - 1
    return [{"params": p, "lr": lr * factor ** (last - k)} for k, p in enumerate(stages)]


def cache_features(body: nn.Module, images: Tensor, batch_size: int = 250) -> Tensor:
    """Compute what a frozen part says about all images, once, instead of once in every epoch.

    Args:
        body: The part, used in evaluation mode and without gradients.
        images: [N, ...].
        batch_size: How many go through at a time.

    Returns:
        Features [N, ...].

    Raises:
        ValueError: If there is no image.

    Taught in: lectures/07_transfer
    """
    if len(images) == 0:
        raise ValueError("expected at least one image, got none")
    with eval_mode(body), torch.no_grad():
        return torch.cat([body(part) for part in images.split(batch_size)])


def ridge_probe(features: Tensor, labels: Tensor, num_classes: int, penalty: float) -> nn.Linear:
    """Fit a linear classifier to fixed features in one step, by ridge regression.

    The targets Y are 1 for the own class and 0 for the others. With features X and targets centred
    so that the bias takes no penalty, W = (XᵀX + λI)⁻¹ XᵀY minimises ‖XW - Y‖² + λ‖W‖².

    Args:
        features: X, [N, D].
        labels: Classes [N], whole numbers in [0, K).
        num_classes: K.
        penalty: λ, positive.

    Returns:
        A linear layer from D features to K scores, on the features' device.

    Raises:
        ValueError: If the shapes do not fit or the penalty is not positive.

    Reference:
        Hoerl and Kennard, Ridge regression, Technometrics 12, 1970.

    Taught in: lectures/07_transfer
    """
    if features.dim() != 2 or labels.shape != features.shape[:1] or len(labels) == 0:
        got = f"{list(features.shape)} and {list(labels.shape)}"
        raise ValueError(f"expected features [N, D] and labels [N] with N > 0, got {got}")
    if not penalty > 0:
        raise ValueError(f"expected a penalty > 0, got {penalty}")
    X = features.double()
    Y = nn.functional.one_hot(labels, num_classes).to(X)
    x_mean, y_mean = X.mean(0), Y.mean(0)
    X, Y = X - x_mean, Y - y_mean
    identity = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
    W = torch.linalg.solve(X.T @ X + penalty * identity, X.T @ Y)  # [D, K]
    head = nn.Linear(*W.shape, device=features.device, dtype=features.dtype)
    with torch.no_grad():
        head.weight.copy_(W.T)
        head.bias.copy_(y_mean - x_mean @ W)
    return head


def l2_sp(model: nn.Module, start: Mapping[str, Tensor], alpha: float) -> Tensor:
    """Return α/2 · ‖θ - θ₀‖²: a pull to the starting point, where weight decay pulls to 0.

    Args:
        model: The network that is fine-tuned.
        start: θ₀, the borrowed parameters by name; parameters of other names (the new head) are
            left free.
        alpha: Strength, >= 0.

    Returns:
        A scalar.

    Raises:
        ValueError: If alpha is negative or no parameter has a starting point.

    Reference:
        Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
        convolutional networks, ICML 2018, equation 2.

    Taught in: lectures/07_transfer
    """
    if alpha < 0:
        raise ValueError(f"expected alpha >= 0, got {alpha}")
    pulled = [(p, start[name]) for name, p in model.named_parameters() if name in start]
    if not pulled:
        raise ValueError("expected a parameter with a starting point, got none")
    return alpha / 2 * sum(((p - p0) ** 2).sum() for p, p0 in pulled)


def linear_cka(X: Tensor, Y: Tensor) -> float:
    """Return how alike two representations of the same images are: linear CKA, from 0 to 1.

    With centred columns, ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) in Frobenius norms. Rotating or scaling either
    representation changes nothing.

    Args:
        X: [N, D].
        Y: [N, E], of the same N images.

    Raises:
        ValueError: If the shapes do not fit.

    Reference:
        Kornblith et al., Similarity of neural network representations revisited, ICML 2019,
        section 3.

    Taught in: lectures/07_transfer
    """
    if X.dim() != 2 or Y.dim() != 2 or len(X) != len(Y) or len(X) < 2:
        raise ValueError(f"expected [N, D] and [N, E], N > 1, got {list(X.shape)}, {list(Y.shape)}")
    X, Y = (Z.double() - Z.double().mean(0) for Z in (X, Y))
    shared = (Y.T @ X).square().sum()
    return (shared / ((X.T @ X).norm() * (Y.T @ Y).norm()).clamp(min=1e-300)).item()
