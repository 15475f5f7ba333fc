"""Every optimiser against torch's, step by step, and by hand."""

import pytest
import torch

from dlcv.scratch.optimisers import SGD, AdaGrad, Adam, AdamW, RMSProp

PAIRS = {
    "sgd": (SGD, torch.optim.SGD, {}, {}),
    "momentum": (SGD, torch.optim.SGD, {"momentum": 0.9}, {"momentum": 0.9}),
    "nesterov": (SGD, torch.optim.SGD, *[{"momentum": 0.8, "nesterov": True}] * 2),
    "sgd decay": (SGD, torch.optim.SGD, *[{"momentum": 0.9, "weight_decay": 0.1}] * 2),
    "nesterov decay": (
        SGD,
        torch.optim.SGD,
        *[{"momentum": 0.9, "nesterov": True, "weight_decay": 0.05}] * 2,
    ),
    "adagrad": (AdaGrad, torch.optim.Adagrad, {}, {}),
    "rmsprop": (RMSProp, torch.optim.RMSprop, {}, {}),
    "rmsprop 0.9": (RMSProp, torch.optim.RMSprop, {"decay": 0.9}, {"alpha": 0.9}),
    "adam": (Adam, torch.optim.Adam, {}, {}),
    "adam betas": (Adam, torch.optim.Adam, *[{"betas": (0.5, 0.7), "weight_decay": 0.2}] * 2),
    "adam epsilon": (Adam, torch.optim.Adam, {"epsilon": 0.1}, {"eps": 0.1}),
    "adamw": (AdamW, torch.optim.AdamW, {}, {}),
    "adamw decay": (AdamW, torch.optim.AdamW, *[{"weight_decay": 0.3}] * 2),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_step_is_torchs(name):
    ours, theirs, settings, torch_settings = PAIRS[name]
    draw = torch.Generator().manual_seed(3)
    shapes = [(3, 2), (4,), (0, 2), ()]
    starts = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    mine = [start.clone() for start in starts]
    reference = [start.clone().requires_grad_() for start in starts]
    optimiser = ours(mine, lr=0.03, **settings)
    other = theirs(reference, lr=0.03, **torch_settings)
    for step in range(60):
        gradients = [
            torch.randn(s, generator=draw, dtype=torch.float64) * (1 + step) for s in shapes
        ]
        if step == 30:  # as a schedule would
            optimiser.lr = other.param_groups[0]["lr"] = 0.01
        optimiser.step(gradients)
        for parameter, gradient in zip(reference, gradients, strict=True):
            parameter.grad = gradient
        other.step()
        for a, b in zip(mine, reference, strict=True):
            torch.testing.assert_close(a, b.detach(), rtol=1e-12, atol=1e-13)


def one(optimiser_class, **settings):
    theta = torch.tensor([1.0], dtype=torch.float64)
    return theta, optimiser_class([theta], **settings)


def test_momentum_by_hand():
    theta, sgd = one(SGD, lr=0.1, momentum=0.5)
    sgd.step([torch.tensor([2.0])])  # v = 2, θ = 1 − 0.2
    sgd.step([torch.tensor([1.0])])  # v = 0.5 · 2 + 1 = 2, θ = 0.8 − 0.2
    assert theta.item() == pytest.approx(0.6)


def test_nesterov_by_hand():
    theta, sgd = one(SGD, lr=0.1, momentum=0.5, nesterov=True)
    sgd.step([torch.tensor([2.0])])  # v = 2, θ = 1 − 0.1 (2 + 0.5 · 2)
    assert theta.item() == pytest.approx(0.7)


def test_a_constant_gradient_gains_one_over_one_minus_momentum():
    theta, sgd = one(SGD, lr=1.0, momentum=0.9)
    for _ in range(300):
        before = theta.clone()
        sgd.step([torch.ones(1)])
    assert (before - theta).item() == pytest.approx(10, rel=1e-9)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e5])
def test_adams_first_step_does_not_know_the_size_of_the_gradient(size):
    theta, adam = one(Adam, lr=0.001)
    adam.step([torch.tensor([-size], dtype=torch.float64)])
    assert theta.item() == pytest.approx(1.001, abs=2e-8)


def test_adagrad_slows_down_by_the_root_of_the_steps():
    theta, adagrad = one(AdaGrad, lr=0.5)
    lengths = []
    for _ in range(16):
        before = theta.clone()
        adagrad.step([torch.tensor([7.0])])
        lengths.append((before - theta).item())
    assert lengths[0] == pytest.approx(0.5)
    assert lengths[15] == pytest.approx(0.5 / 4)


def test_rmsprop_keeps_its_pace():
    theta, rmsprop = one(RMSProp, lr=0.5, decay=0.9)
    for _ in range(200):
        before = theta.clone()
        rmsprop.step([torch.tensor([7.0])])
    assert (before - theta).item() == pytest.approx(0.5, rel=1e-6)


def test_adamw_shrinks_a_weight_without_gradient_and_adam_in_full_steps():
    theta, adamw = one(AdamW, lr=0.1, weight_decay=0.5)
    adamw.step([torch.zeros(1)])
    assert theta.item() == pytest.approx(0.95)
    theta, adam = one(Adam, lr=0.1, weight_decay=1e-6)  # the tiny penalty is scaled to a full step
    adam.step([torch.zeros(1)])
    assert theta.item() == pytest.approx(0.9, abs=2e-3)


@pytest.mark.parametrize("name", PAIRS)
def test_all_come_down_a_bowl(name):
    theta, optimiser = one(PAIRS[name][0], lr=0.05, **PAIRS[name][2])
    for _ in range(400):
        optimiser.step([theta.clone()])
    assert abs(theta.item()) < 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD([], lr=0.0), "lr > 0 and weight_decay >= 0, got 0.0 and 0.0"),
        (lambda: SGD([], lr=float("nan")), "got nan"),
        (lambda: SGD([], lr=1.0, momentum=1.0), r"in \[0, 1\), got \[1.0\]"),
        (lambda: AdaGrad([], lr=-1.0), "got -1.0"),
        (lambda: RMSProp([], lr=1.0, decay=-0.1), r"got \[-0.1\]"),
        (lambda: Adam([], betas=(0.9, 1.0)), r"got \[0.9, 1.0\]"),
        (lambda: AdamW([], weight_decay=-1.0), "got 0.001 and -1.0"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_missing_gradient_is_an_error():
    _, sgd = one(SGD, lr=0.1)
    with pytest.raises(ValueError, match="shorter"):
        sgd.step([])


@pytest.mark.cuda
@pytest.mark.parametrize("name", PAIRS)
def test_the_gpu_agrees(name):
    start = torch.randn(50, dtype=torch.float64)
    ends = []
    for device in ("cpu", "cuda"):
        theta = start.to(device)
        optimiser = PAIRS[name][0]([theta], lr=0.03, **PAIRS[name][2])
        for _ in range(10):
            optimiser.step([theta.cos()])
        ends.append(theta.cpu())
    torch.testing.assert_close(*ends)
