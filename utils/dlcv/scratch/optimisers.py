"""Six optimisers (and AdamW), each in a few lines, step by step equal to torch's.

All have the same form: made from a list of tensors and a learning rate, `step(gradients)` moves the
tensors in place, and `lr` may be changed between two steps, which is what a schedule does. Every
operation works on each number by itself, so the tensors may have any shapes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class SGD:
    """Gradient descent, plain, with momentum, or with Nesterov's momentum.

    v ← μ v + g and θ ← θ − η v, from v = 0; with Nesterov's θ ← θ − η (g + μ v). The gradient of
    an L2 penalty, λ θ, is added to g first. A gradient that stays the same is multiplied by
    1 / (1 − μ) in the long run.

    Args:
        parameters: Tensors to be moved, in place.
        lr: Learning rate η > 0.
        momentum: μ in [0, 1); 0.9 is AlexNet's.
        nesterov: Whether to use the gradient once more, at the place the velocity leads to.
        weight_decay: λ ≥ 0.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in
        deep learning, ICML 2013; in the form of `torch.optim.SGD`.

    Taught in: lectures/03_training
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        check_settings(lr, weight_decay, momentum)
        self.parameters, self.lr, self.momentum = list(parameters), lr, momentum
        self.nesterov, self.weight_decay = nesterov, weight_decay
        self.velocities = [torch.zeros_like(theta) for theta in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every tensor once.

        Args:
            gradients: One for each parameter, of its shape.
        """
        for theta, g, v in zip(self.parameters, gradients, self.velocities, strict=True):
            g = g + self.weight_decay * theta
            v.mul_(self.momentum).add_(g)
            theta -= self.lr * (g + self.momentum * v if self.nesterov else v)


class AdaGrad:
    """Each number has a rate of its own, which falls with all the gradients it has seen.

    s ← s + g² and θ ← θ − η g / (√s + ε), from s = 0. The sum never shrinks, so the steps do.

    Args:
        parameters: Tensors to be moved, in place.
        lr: Learning rate η > 0.
        epsilon: ε > 0, against a division by zero; torch's default.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Duchi, Hazan and Singer, Adaptive subgradient methods, JMLR 12, 2011.

    Taught in: lectures/03_training
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float, epsilon: float = 1e-10) -> None:
        check_settings(lr)
        self.parameters, self.lr, self.epsilon = list(parameters), lr, epsilon
        self.sums = [torch.zeros_like(theta) for theta in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every tensor once; see :meth:`SGD.step`."""
        for theta, g, s in zip(self.parameters, gradients, self.sums, strict=True):
            s += g**2
            theta -= self.lr * g / (s.sqrt() + self.epsilon)


class RMSProp:
    """AdaGrad that forgets: a moving mean of the squared gradients instead of their sum.

    s ← ρ s + (1 − ρ) g² and θ ← θ − η g / (√s + ε), from s = 0.

    Args:
        parameters: Tensors to be moved, in place.
        lr: Learning rate η > 0.
        decay: ρ in [0, 1): the mean reaches back over about 1 / (1 − ρ) steps. 0.9 is the
            lecture's by Tieleman and Hinton, 0.99 torch's and the default.
        epsilon: ε > 0.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Tieleman and Hinton, Coursera: Neural networks for machine learning, lecture 6.5, 2012.

    Taught in: lectures/03_training
    """

    def __init__(
        self, parameters: Sequence[Tensor], lr: float, decay: float = 0.99, epsilon: float = 1e-8
    ) -> None:
        check_settings(lr, 0.0, decay)
        self.parameters, self.lr = list(parameters), lr
        self.decay, self.epsilon = decay, epsilon
        self.means = [torch.zeros_like(theta) for theta in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every tensor once; see :meth:`SGD.step`."""
        for theta, g, s in zip(self.parameters, gradients, self.means, strict=True):
            s.mul_(self.decay).add_((1 - self.decay) * g**2)
            theta -= self.lr * g / (s.sqrt() + self.epsilon)


class Adam:
    """Momentum and RMSProp together, with both means corrected for their start at zero.

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ) and
    θ ← θ − η m̂ / (√ŝ + ε) in step t = 1, 2, … The first step has length η in every direction.

    Args:
        parameters: Tensors to be moved, in place.
        lr: Learning rate η > 0; the paper's is 0.001.
        betas: (β₁, β₂), both in [0, 1); the paper's are the defaults.
        epsilon: ε > 0, likewise.
        weight_decay: λ ≥ 0 of an L2 penalty: λ θ is added to g, and then scaled like it.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1.

    Taught in: lectures/03_training
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        check_settings(lr, weight_decay, *betas)
        self.parameters, self.lr, self.betas = list(parameters), lr, betas
        self.epsilon, self.weight_decay, self.t = epsilon, weight_decay, 0
        self.means = [torch.zeros_like(theta) for theta in self.parameters]
        self.squares = [torch.zeros_like(theta) for theta in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every tensor once; see :meth:`SGD.step`."""
        self.t += 1
        beta1, beta2 = self.betas
        state = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for theta, g, m, s in state:
            g = g + self.weight_decay * theta
            m.mul_(beta1).add_((1 - beta1) * g)
            s.mul_(beta2).add_((1 - beta2) * g**2)
            m_hat, s_hat = m / (1 - beta1**self.t), s / (1 - beta2**self.t)
            theta -= self.lr * m_hat / (s_hat.sqrt() + self.epsilon)


class AdamW:
    """Adam with weight decay beside the gradient instead of in it.

    θ ← θ − η λ θ, then a step of Adam without penalty: every weight shrinks at the same rate, no
    matter how large its gradients are.

    Args:
        parameters: Tensors to be moved, in place.
        lr: Learning rate η > 0.
        betas: As in Adam.
        epsilon: As in Adam.
        weight_decay: λ ≥ 0; torch's default.

    Raises:
        ValueError: If a setting is out of range.

    Reference:
        Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019, in the form of
        `torch.optim.AdamW`, whose decay is multiplied by the rate.

    Taught in: lectures/03_training
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        check_settings(lr, weight_decay)
        self.adam = Adam(parameters, lr, betas, epsilon)
        self.lr, self.weight_decay = lr, weight_decay

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every tensor once; see :meth:`SGD.step`."""
        for theta in self.adam.parameters:
            theta *= 1 - self.lr * self.weight_decay
        self.adam.lr = self.lr
        self.adam.step(gradients)


def check_settings(lr: float, weight_decay: float = 0.0, *fractions: float) -> None:
    """Raise ValueError unless lr > 0, weight_decay ≥ 0 and all fractions are in [0, 1)."""
    if not lr > 0 or not weight_decay >= 0:
        raise ValueError(f"expected lr > 0 and weight_decay >= 0, got {lr} and {weight_decay}")
    if not all(0 <= fraction < 1 for fraction in fractions):
        raise ValueError(f"expected momentum and betas in [0, 1), got {list(fractions)}")
