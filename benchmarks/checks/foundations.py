"""Lectures 1 to 5, 7 and 8: neurons, layers, optimisers, transfer and workers."""

import numpy as np
import sklearn.linear_model
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.checks import Check, count, difference, draw
from dlcv.classification.backbone import backbone
from dlcv.classification.classic import lenet5
from dlcv.classification.transfer import ridge_probe
from dlcv.distributed.collectives import ring_all_reduce
from dlcv.scratch import optimisers
from dlcv.scratch.convolution import conv2d_backward, conv2d_im2col
from dlcv.scratch.losses import cross_entropy
from dlcv.scratch.mlp import MLP, train
from dlcv.scratch.normalisation import batch_norm_backward, batch_norm_forward
from dlcv.scratch.perceptron import Perceptron, sign


def perceptron() -> Check:
    """The weights after sixty passes over points of two classes, apart and in touch."""
    points = draw(60, 2)
    labels = sign(points[:, 0] - 0.5 * points[:, 1] + 0.3 + 0.3 * draw(60, seed=1))
    theirs = sklearn.linear_model.Perceptron(shuffle=False, tol=None, max_iter=60)
    theirs.fit(points.numpy(), labels.numpy())
    expected = torch.from_numpy(np.append(theirs.coef_[0], theirs.intercept_[0]))
    weights = Perceptron(max_passes=60).fit(points, labels).weights
    found = difference([weights], [expected])
    return Check("scratch.perceptron", len(weights), "scikit-learn's Perceptron", found)


def mlp() -> Check:
    """Losses and weights of ten steps."""
    x, y = draw(9, 2), torch.arange(9) % 3
    ours = MLP([2, 8, 8, 3], "tanh", seed=1, dtype=torch.float64)
    layers = []
    for weights, bias in ours.layers:
        layers += [nn.Linear(*weights.shape[::-1], dtype=torch.float64), nn.Tanh()]
        layers[-2].weight.data, layers[-2].bias.data = weights.data.clone(), bias.data.clone()
    theirs, losses = nn.Sequential(*layers[:-1]), []
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.2)
    for _ in range(10):
        optimiser.zero_grad()
        losses.append(F.cross_entropy(theirs(x), y))
        losses[-1].backward()
        optimiser.step()
    got = train(ours, x, y, cross_entropy, lr=0.2, epochs=10)
    pairs = [torch.tensor(got, dtype=torch.float64), *(p.data for p in ours.parameters)]
    found = difference(pairs, [torch.stack(losses), *theirs.parameters()])
    return Check("scratch.mlp", count(theirs), "torch's autograd and SGD, ten steps", found)


def steps() -> Check:
    """Fifty steps of five optimisers with the same gradients."""
    pairs = [
        (optimisers.SGD, torch.optim.SGD, {"momentum": 0.9}),
        (optimisers.AdaGrad, torch.optim.Adagrad, {}),
        (optimisers.RMSProp, torch.optim.RMSprop, {}),
        (optimisers.Adam, torch.optim.Adam, {}),
        (optimisers.AdamW, torch.optim.AdamW, {}),
    ]
    ours, theirs = [], []
    for mine, other, settings in pairs:
        ours.append(draw(7))
        theirs.append(draw(7).requires_grad_())
        one, two = mine([ours[-1]], lr=0.03, **settings), other([theirs[-1]], lr=0.03, **settings)
        for step in range(50):
            theirs[-1].grad = draw(7, seed=step + 1)
            one.step([theirs[-1].grad])
            two.step()
    return Check(
        "scratch.optimisers", None, "torch.optim, fifty steps of five", difference(ours, theirs)
    )


def convolution() -> Check:
    """Forward and all three gradients, with stride 2 and padding 1."""
    x, weight, bias = draw(2, 3, 9, 8), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)
    inputs = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    expected = F.conv2d(*inputs, stride=2, padding=1)
    grad = draw(*expected.shape, seed=3)
    gradients = torch.autograd.grad(expected, inputs, grad)
    got = conv2d_im2col(x, weight, bias, stride=2, padding=1)
    mine = conv2d_backward(grad, x, weight, stride=2, padding=1)
    found = difference([got, *mine], [expected, *gradients])
    return Check("scratch.convolution", None, "torch's conv2d and its gradients", found)


def lenet() -> Check:
    """The outputs of both convolutions, computed by our own as well."""
    model, ours, theirs = lenet5().double().eval(), [], []

    def compute(layer: nn.Conv2d, inputs: tuple, output: torch.Tensor) -> None:
        ours.append(conv2d_im2col(inputs[0].detach(), layer.weight.detach(), layer.bias.detach()))
        theirs.append(output)

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(compute)
    model(draw(2, 1, 32, 32))
    found = difference(ours, theirs)
    return Check("classification.classic.lenet5", count(model), "our own convolution", found)


def normalisation() -> Check:
    """Forward and all three gradients in training."""
    x, gamma, beta = draw(5, 3, 4, 2), draw(3, seed=1), draw(3, seed=2)
    inputs = [tensor.clone().requires_grad_() for tensor in (x, gamma, beta)]
    expected = F.batch_norm(inputs[0], None, None, *inputs[1:], training=True)
    grad = draw(*x.shape, seed=3)
    gradients = torch.autograd.grad(expected, inputs, grad)
    got = batch_norm_forward(x, gamma, beta)
    found = difference([got, *batch_norm_backward(grad, x, gamma)], [expected, *gradients])
    return Check("scratch.normalisation", None, "torch's batch_norm and its gradients", found)


def transfer() -> Check:
    """A ridge regression on 24 features."""
    features, labels = 3 + draw(60, 24), torch.arange(60) % 4
    head = ridge_probe(features, labels, 4, 0.5)
    theirs = sklearn.linear_model.Ridge(alpha=0.5)
    theirs.fit(features.numpy(), F.one_hot(labels, 4).numpy())
    expected = [torch.from_numpy(theirs.coef_), torch.from_numpy(theirs.intercept_)]
    found = difference([head.weight, head.bias], expected)
    return Check(
        "classification.backbone", count(backbone()), "scikit-learn's Ridge as its probe", found
    )


def workers() -> Check:
    """The gradients of three unequal shards, weighted and summed round a ring."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    images, labels = draw(11, 6), torch.arange(11) % 3

    def gradient(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = F.cross_entropy(model(x), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*model.parameters()])])

    shards = zip(images.tensor_split(3), labels.tensor_split(3), strict=True)
    sums, _ = ring_all_reduce([len(x) / len(images) * gradient(x, y) for x, y in shards])
    found = difference(sums, 3 * [gradient(images, labels)])
    return Check("distributed.collectives", None, "one process with the whole batch", found)


CHECKS = {
    "perceptron": perceptron,
    "MLP on our autograd": mlp,
    "optimisers": steps,
    "convolution": convolution,
    "LeNet-5": lenet,
    "batch normalisation": normalisation,
    "transfer backbone": transfer,
    "data parallel by hand": workers,
}
