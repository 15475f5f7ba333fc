"""The plain recurrent network, its gradient through time by hand, and how to clip it."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def rnn_step(x: Tensor, s: Tensor, U: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Compute the next state from the input and the last state.

    $s_t=\\tanh(Ux_t+Ws_{t-1}+b)$

    Args:
        x: Inputs of one moment [B, D_in].
        s: States before it [B, D].
        U: Weights of the input [D, D_in].
        W: Weights of the state [D, D].
        b: Biases [D].

    Returns:
        States after it [B, D], in (-1, 1).

    Reference:
        Elman, Finding Structure in Time, 1990.

    Taught in: lectures/15_captioning
    """
    return torch.tanh(x @ U.T + s @ W.T + b)


def rnn_forward(x: Tensor, s0: Tensor, U: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Unroll a recurrence over a sequence: the same weights at every step.

    Args:
        x: Inputs [B, T, D_in], T of any length.
        s0: States before the first input [B, D].
        U: Weights of the input [D, D_in].
        W: Weights of the state [D, D].
        b: Biases [D].

    Returns:
        States [B, T + 1, D], the given one first.

    Raises:
        ValueError: If shapes do not belong together.

    Taught in: lectures/15_captioning
    """
    check_rnn(x, s0, U, W, b)
    states = [s0]
    for t in range(x.shape[1]):
        states.append(rnn_step(x[:, t], states[-1], U, W, b))
    return torch.stack(states, dim=1)


def rnn_backward(
    grad_states: Tensor, x: Tensor, states: Tensor, U: Tensor, W: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Backpropagate through time: from gradients of the states to those of everything else.

    With $\\delta_t=\\partial L/\\partial s_t\\odot(1-s_t^2)$, where the gradient of $s_t$ is what
    its own output sends plus $W^\\top\\delta_{t+1}$:
    $\\partial L/\\partial W=\\sum_t\\delta_ts_{t-1}^\\top$,
    $\\partial L/\\partial U=\\sum_t\\delta_tx_t^\\top$, $\\partial L/\\partial b=\\sum_t\\delta_t$.

    Args:
        grad_states: What the outputs send to the states after each input [B, T, D].
        x: Inputs [B, T, D_in].
        states: What `rnn_forward` returned [B, T + 1, D].
        U: Weights of the input [D, D_in].
        W: Weights of the state [D, D].

    Returns:
        Gradients of x [B, T, D_in], s0 [B, D], U, W and b, summed over the batch.

    Raises:
        ValueError: If shapes do not belong together.

    Reference:
        Werbos, Backpropagation Through Time: What It Does and How to Do It, 1990.

    Taught in: lectures/15_captioning
    """
    check_backward(grad_states, x, states)
    grad_x, grad_U, grad_W = torch.zeros_like(x), torch.zeros_like(U), torch.zeros_like(W)
    grad_b = U.new_zeros(len(U))
    carried = torch.zeros_like(states[:, 0])  # what the future sends back [B, D]
    for t in reversed(range(x.shape[1])):
        delta = (grad_states[:, t] + carried) * (1 - states[:, t + 1] ** 2)  # through tanh
        grad_U += delta.T @ x[:, t]
        grad_W += delta.T @ states[:, t]
        grad_b += delta.sum(dim=0)
        grad_x[:, t] = delta @ U
        carried = delta @ W
    return grad_x, carried, grad_U, grad_W, grad_b


def clip_norm(gradients: Iterable[Tensor], limit: float) -> float:
    """Shorten all gradients together, in place, to a given length; the direction stays.

    $g\\leftarrow g\\,\\min(1,\\tau/\\lVert g\\rVert)$

    Args:
        gradients: Tensors of any shapes.
        limit: Largest norm $\\tau$ of all of them as one vector, > 0.

    Returns:
        The norm before.

    Raises:
        ValueError: If the limit is not positive.

    Reference:
        Pascanu, Mikolov and Bengio, On the Difficulty of Training Recurrent Neural Networks, 2013,
        algorithm 1.

    Taught in: lectures/15_captioning
    """
    if not limit > 0:
        raise ValueError(f"expected a limit > 0, got {limit}")
    gradients = list(gradients)
    norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients))
    if norm > limit:
        for g in gradients:
            g *= limit / norm
    return norm


def with_spectral_radius(W: Tensor, radius: float) -> Tensor:
    """Scale a square matrix so that its largest eigenvalue has a given size.

    Args:
        W: [D, D], with an eigenvalue that is not 0.
        radius: Wanted size of the largest eigenvalue, >= 0.

    Raises:
        ValueError: If the matrix is not square, has no eigenvalue but 0, or the radius is negative.

    Taught in: lectures/15_captioning
    """
    if W.dim() != 2 or W.shape[0] != W.shape[1] or radius < 0:
        got = f"{list(W.shape)} and {radius}"
        raise ValueError(f"expected a square matrix and a radius >= 0, got {got}")
    largest = torch.linalg.eigvals(W).abs().max()
    if largest == 0:
        raise ValueError("expected an eigenvalue other than 0, got none")
    return W * (radius / largest)


def check_rnn(x: Tensor, s0: Tensor, U: Tensor, W: Tensor, b: Tensor) -> None:
    """End with a ValueError unless inputs, state and weights belong together."""
    if x.dim() != 3 or s0.dim() != 2 or len(x) != len(s0):
        got = f"{list(x.shape)} and {list(s0.shape)}"
        raise ValueError(f"expected inputs [B, T, D_in] and states [B, D], got {got}")
    D, D_in = s0.shape[1], x.shape[2]
    if U.shape != (D, D_in) or W.shape != (D, D) or b.shape != (D,):
        got = f"{list(U.shape)}, {list(W.shape)}, {list(b.shape)}"
        raise ValueError(f"expected U [{D}, {D_in}], W [{D}, {D}], b [{D}], got {got}")


def check_backward(grad_states: Tensor, x: Tensor, states: Tensor) -> None:
    """End with a ValueError unless gradients, inputs and states belong together."""
    B, T = x.shape[:2]
    if states.shape[:2] != (B, T + 1) or grad_states.shape != states[:, 1:].shape:
        got = f"{list(grad_states.shape)} and {list(states.shape)}"
        raise ValueError(f"expected [{B}, {T}, D] and states [{B}, {T + 1}, D], got {got}")
