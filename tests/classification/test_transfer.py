"""Transfer: heads, freezing, rates by layer, probes, and pulls back to the start."""

import copy
from urllib.error import URLError

import pytest
import torch
import torchvision
from sklearn.linear_model import Ridge, RidgeClassifier
from torch import nn

from dlcv.classification.few_shot import draw_few, small_network
from dlcv.classification.transfer import (
    cache_features,
    freeze,
    imagenet_resnet18,
    in_stages,
    l2_sp,
    layer_groups,
    linear_cka,
    replace_head,
    ridge_probe,
)

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return small_network(6, channels=(4, 6, 8))


# --- heads --------------------------------------------------------------------------------------


def test_a_new_head_takes_the_place_of_the_last_linear_layer(network):
    body, images = copy.deepcopy(network[:-1]).eval(), torch.rand(3, 1, 8, 12)
    head = replace_head(network, 3)
    assert network[-1] is head
    assert network.eval()(images).shape == (3, 3)
    assert torch.equal(network[:-1](images), body(images))


def test_heads_are_found_wherever_they_are():
    alexnet = torchvision.models.alexnet
    with torch.device("meta"):
        nested, plain = alexnet(), torchvision.models.resnet18()
    assert replace_head(nested, 21).in_features == 4096
    assert nested.classifier[6].out_features == 21
    assert replace_head(plain, 2) is plain.fc


@pytest.mark.parametrize(("model", "classes"), [(nn.Conv2d(1, 1, 1), 3), (nn.Linear(2, 2), 0)])
def test_no_head_or_no_class_is_refused(model, classes):
    with pytest.raises(ValueError, match="expected a linear layer and at least one class"):
        replace_head(nn.Sequential(model), classes)


# --- freezing -----------------------------------------------------------------------------------


def test_a_frozen_part_neither_learns_nor_drifts(network):
    freeze(network[:3])
    before = copy.deepcopy(network.state_dict())
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(5, 1, 8, 8) + 4).square().sum().backward()
    optimiser.step()
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"head.weight", "head.bias"}
    freeze(nn.Sequential())  # nothing to freeze is fine


# --- rates by layer -----------------------------------------------------------------------------


def test_rates_fall_by_the_factor_towards_the_image(network):
    freeze(network[0])
    groups = layer_groups(network, lr=0.1, factor=0.5)
    assert [group["lr"] for group in groups] == [0.025, 0.05, 0.1]
    assert groups[-1]["params"] == list(network[-1].parameters())
    counted = sum(p.numel() for group in groups for p in group["params"])
    assert counted == sum(p.numel() for p in network.parameters() if p.requires_grad)
    torch.optim.SGD(groups)  # what they are for


@pytest.mark.parametrize(("lr", "factor"), [(0.0, 0.5), (0.1, 0.0), (0.1, 1.5)])
def test_odd_rates_are_refused(network, lr, factor):
    with pytest.raises(ValueError, match="expected lr > 0 and a factor"):
        layer_groups(network, lr, factor)


def test_nothing_to_train_is_refused(network):
    freeze(network)
    with pytest.raises(ValueError, match="expected a trainable parameter"):
        layer_groups(network, 0.1, 0.5)


# --- features and probes ------------------------------------------------------------------------


def test_cached_features_are_those_of_evaluation_mode(network):
    images = torch.rand(7, 1, 8, 8)
    cached = cache_features(network[:-1], images, batch_size=3)
    assert network[0].training  # as it was
    assert not cached.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(cached, copy.deepcopy(network[:-1]).eval()(images))
    with pytest.raises(ValueError, match="at least one image"):
        cache_features(network, images[:0])


def test_a_probe_by_hand():
    """x = -1 and 1, penalty 2: XᵀX = 2, XᵀY = ∓1, so W = ∓1/4 and the bias is the mean 1/2."""
    head = ridge_probe(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 2, penalty=2.0)
    assert head.weight.flatten().tolist() == [-0.25, 0.25]
    assert head.bias.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("n", "d", "penalty"), [(60, 7, 0.5), (10, 30, 4.0), (1, 3, 1.0)])
def test_the_probe_agrees_with_scikit_learn(n, d, penalty):
    generator = torch.Generator().manual_seed(n)
    X = 3 + torch.randn(n, d, generator=generator, dtype=torch.float64)
    y = torch.arange(n) % 4
    head = ridge_probe(X, y, 4, penalty)
    theirs = Ridge(alpha=penalty).fit(X.numpy(), nn.functional.one_hot(y, 4).numpy())
    torch.testing.assert_close(head.weight.detach(), torch.from_numpy(theirs.coef_))
    torch.testing.assert_close(head.bias.detach(), torch.from_numpy(theirs.intercept_))
    if n > 3:
        named = RidgeClassifier(alpha=penalty).fit(X.numpy(), y.numpy()).predict(X.numpy())
        assert head(X).argmax(1).tolist() == named.tolist()


@pytest.mark.parametrize(
    ("features", "labels", "penalty", "message"),
    [
        (torch.rand(3), torch.zeros(3).long(), 1.0, r"features \[N, D\]"),
        (torch.rand(3, 2), torch.zeros(2).long(), 1.0, r"labels \[N\]"),
        (torch.rand(0, 2), torch.zeros(0).long(), 1.0, "N > 0"),
        (torch.rand(3, 2), torch.zeros(3).long(), 0.0, "penalty > 0"),
    ],
)
def test_odd_probes_are_refused(features, labels, penalty, message):
    with pytest.raises(ValueError, match=message):
        ridge_probe(features, labels, 2, penalty)


# --- L2-SP and CKA ------------------------------------------------------------------------------


def test_l2_sp_by_hand_and_against_weight_decay():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 4.0]]))
    pull = l2_sp(layer, {"weight": torch.tensor([[1.0, 1.0]])}, alpha=0.5)
    assert pull.item() == 0.25 * 9  # the bias has no start and stays free
    pull.backward()
    assert layer.weight.grad.tolist() == [[0.0, 1.5]]
    assert layer.bias.grad is None
    zero = {name: torch.zeros_like(p) for name, p in layer.named_parameters()}
    decay = 0.05 * sum(p.square().sum() for p in layer.parameters())
    torch.testing.assert_close(l2_sp(layer, zero, 0.1), decay)


def test_the_gradient_of_l2_sp():
    start = torch.randn(3, dtype=torch.float64)

    def pull(weight):
        holder = nn.Module()
        holder.named_parameters = lambda: iter([("weight", weight)])
        return l2_sp(holder, {"weight": start}, 0.7)

    weight = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pull, (weight,))


def test_an_odd_pull_is_refused(network):
    with pytest.raises(ValueError, match="alpha >= 0"):
        l2_sp(network, dict(network.named_parameters()), -1.0)
    with pytest.raises(ValueError, match="a parameter with a starting point"):
        l2_sp(network, {}, 1.0)


def test_cka_by_hand_and_its_invariances():
    """The unit vectors of four images against one of them: 1/sqrt(3)."""
    assert linear_cka(torch.eye(4), torch.eye(4)[:, :1]) == pytest.approx(3**-0.5)
    X = torch.randn(30, 5, generator=torch.Generator().manual_seed(1)).double()
    turn, _ = torch.linalg.qr(
        torch.randn(5, 5, generator=torch.Generator().manual_seed(2)).double()
    )
    assert linear_cka(X, 7 * X @ turn + 3) == pytest.approx(1)
    Y = torch.randn(30, 2, generator=torch.Generator().manual_seed(3)).double()
    assert linear_cka(X, Y) == pytest.approx(linear_cka(Y, X))
    centring = torch.eye(30).double() - 1 / 30
    K, L = (centring @ Z @ Z.T @ centring for Z in (X, Y))  # the definition by kernel matrices
    assert linear_cka(X, Y) == pytest.approx(((K * L).sum() / (K.norm() * L.norm())).item())
    assert linear_cka(torch.ones(4, 2), X[:4]) == 0
    with pytest.raises(ValueError, match=r"expected \[N, D\] and \[N, E\]"):
        linear_cka(X, Y[:4])


# --- torchvision's networks ---------------------------------------------------------------------


def test_a_resnet_in_stages_says_what_it_said_before():
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18().eval()
    staged = in_stages(resnet)
    images = torch.rand(2, 3, 33, 40)
    mean, std = (
        torch.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    torch.testing.assert_close(staged(images), resnet((images - mean) / std))
    names = [name for name, _ in staged.named_children()]
    assert names == ["normalise", "stem", "stage1", "stage2", "stage3", "stage4", "pool", "head"]
    with pytest.raises(ValueError, match="expected a ResNet, got a Linear"):
        in_stages(nn.Linear(1, 1))


def test_the_full_scale_network_is_ready_to_transfer():
    network = imagenet_resnet18(7)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)


def test_weights_that_cannot_be_fetched_are_told_in_a_sentence(monkeypatch):
    def offline(name, weights):
        raise URLError("no such host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(RuntimeError, match=r"could not be fetched .*no such host.*quick scale"):
        imagenet_resnet18(3, pretrained=True)


# --- few examples -------------------------------------------------------------------------------


def test_few_examples_are_as_many_of_each_class_and_grow_by_addition():
    labels = torch.tensor([2, 0, 2, 0, 0, 2, 0])
    chosen = draw_few(labels, 2, seed=3)
    assert labels[chosen].tolist() == [0, 0, 2, 2]
    assert set(chosen.tolist()) <= set(draw_few(labels, 3, seed=3).tolist())
    assert len({tuple(draw_few(labels, 1, seed).tolist()) for seed in range(9)}) > 1
    with pytest.raises(ValueError, match="expected 4 examples of class 2, got 3"):
        draw_few(labels, 4, 0)
    with pytest.raises(ValueError, match="at least 1 example"):
        draw_few(labels, 0, 0)


@pytest.mark.parametrize("size", [(8, 8), (28, 20)])
def test_the_small_network_takes_small_images(size):
    assert small_network(5)(torch.rand(2, 1, *size)).shape == (2, 5)


@needs_cuda
def test_cuda_gives_what_the_cpu_gives():
    X, y = torch.randn(40, 6).double(), torch.arange(40) % 3
    here, there = ridge_probe(X, y, 3, 1.0), ridge_probe(X.cuda(), y.cuda(), 3, 1.0)
    torch.testing.assert_close(there.weight.cpu(), here.weight)
