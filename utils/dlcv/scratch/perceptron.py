"""The perceptron: one unit that learns from its mistakes, and two layers of them.

Conventions. Classes are −1 and +1, and so are the two truth values of a gate. A unit decides
with `sign(0) = +1`, so that every point gets a class. Learning is stricter: a point counts as
learnt only where y·w̃ᵀx̃ > 0, otherwise w̃ = 0 would already "know" every point of class +1.
The other code found in books, 0 and 1 with `step(0) = 0`, describes the same units with other
weights: x = 2a − 1 turns (w, b) into (2w, b − Σw).
"""

import itertools

import torch
from torch import Tensor


def augment(points: Tensor) -> Tensor:
    """Appends a 1 to every point, so that the bias becomes one more weight: x̃ = (xᵀ, 1)ᵀ.

    Args:
        points: [N, D], floating point.

    Returns:
        [N, D + 1].

    Raises:
        ValueError: `points` is not a matrix of floating-point numbers.

    Taught in: lectures/01_perceptron
    """
    if points.ndim != 2 or not points.is_floating_point():
        got = f"{list(points.shape)} {points.dtype}"
        raise ValueError(f"expected floating-point points [N, D], got {got}")
    return torch.cat([points, points.new_ones(len(points), 1)], dim=1)


def sign(scores: Tensor) -> Tensor:
    """The decision of a unit: +1 where the score is at least 0, else −1.

    Args:
        scores: any shape, floating point.

    Returns:
        −1 and +1, same shape and type.

    Taught in: lectures/01_perceptron
    """
    return 2 * (scores >= 0).to(scores.dtype) - 1


def boolean_inputs(count: int) -> Tensor:
    """All inputs of a gate, in the order of a truth table: (−, −), (−, +), (+, −), (+, +).

    Args:
        count: number of inputs, at least 1.

    Returns:
        [2 ** count, count], float64, entries −1 (false) and +1 (true).

    Raises:
        ValueError: `count` is below 1.

    Taught in: lectures/01_perceptron
    """
    if count < 1:
        raise ValueError(f"expected at least one input, got {count}")
    rows = itertools.product((-1.0, 1.0), repeat=count)
    return torch.tensor(list(rows), dtype=torch.float64)


class Perceptron:
    """A single unit, sign(w̃ᵀx̃), trained by Rosenblatt's rule: on a mistake, w̃ ← w̃ + α·y·x̃.

    Args:
        learning_rate: α > 0. From w̃ = 0 it sets the length of w̃ and no decision; 1 by habit.
        max_passes: when to give up on data that no line separates; 100 is a teaching value.

    Attributes, after `fit`:
        weights: [D + 1], the bias last.
        mistakes: number of updates.
        history: [mistakes + 1, D + 1], the weights at the start and after each update.
        survived: [mistakes + 1], the number of points that each of them got through, the point
            that it was made from included.
        after_pass: [passes, D + 1], the weights after each pass over the data.
        converged: whether the last pass was free of mistakes.

    Raises:
        ValueError: `learning_rate` or `max_passes` is not positive.

    Reference: Rosenblatt, The perceptron, Psychological Review 65, 1958; the rule in this form:
        Novikoff, On convergence proofs on perceptrons, 1962.
    Taught in: lectures/01_perceptron
    """

    def __init__(self, learning_rate: float = 1.0, max_passes: int = 100):
        if learning_rate <= 0 or max_passes < 1:
            raise ValueError(f"expected rate > 0, passes >= 1; got {learning_rate}, {max_passes}")
        self.learning_rate, self.max_passes = learning_rate, max_passes

    def fit(self, points: Tensor, labels: Tensor) -> "Perceptron":
        """Visits the points in the given order, pass after pass, until a pass has no mistake.

        Args:
            points: [N, D], floating point.
            labels: [N], −1 or +1.

        Returns:
            The perceptron itself.

        Raises:
            ValueError: shapes that do not fit, or a label other than −1 and +1.
        """
        inputs, labels = check_data(points, labels)
        weights = inputs.new_zeros(inputs.shape[1])
        history, survived, after_pass = [weights], [0], []
        for _ in range(self.max_passes):
            updates_before = len(history)
            for x, y in zip(inputs, labels, strict=True):
                if y * (weights @ x) <= 0:  # wrong, or undecided
                    weights = weights + self.learning_rate * y * x
                    history.append(weights)
                    survived.append(0)
                survived[-1] += 1
            after_pass.append(weights)
            if len(history) == updates_before:
                break
        self.weights, self.mistakes = weights, len(history) - 1
        self.history, self.after_pass = torch.stack(history), torch.stack(after_pass)
        self.survived = torch.tensor(survived, device=inputs.device)
        self.converged = len(history) == updates_before
        return self

    def predict(self, points: Tensor) -> Tensor:
        """Decides the class of every point.

        Args:
            points: [N, D], floating point.

        Returns:
            [N], −1 or +1.
        """
        return sign(augment(points) @ self.weights)


def check_data(points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Augments the points and brings the labels to their type, or says what does not fit.

    Args:
        points: [N, D], floating point.
        labels: [N], −1 or +1, any numeric type.

    Returns:
        [N, D + 1] and [N].

    Raises:
        ValueError: shapes that do not fit, or a label other than −1 and +1.
    """
    inputs = augment(points)
    if labels.shape != points.shape[:1]:
        raise ValueError(f"expected labels [{len(points)}], got {list(labels.shape)}")
    if not (labels.abs() == 1).all():
        raise ValueError(f"expected labels -1 and +1, got {labels.unique().tolist()}")
    return inputs, labels.to(inputs.dtype)


def threshold_layer(points: Tensor, weights: Tensor) -> Tensor:
    """A layer of units that look at the same points: sign(W x̃).

    Args:
        points: [N, D], floating point.
        weights: [H, D + 1], one unit a row, the bias last.

    Returns:
        [N, H], −1 or +1.

    Raises:
        ValueError: shapes that do not fit.

    Taught in: lectures/01_perceptron
    """
    inputs = augment(points)
    if weights.ndim != 2 or weights.shape[1] != inputs.shape[1]:
        want = f"[H, {inputs.shape[1]}]"
        raise ValueError(f"expected weights {want}, got {list(weights.shape)}")
    return sign(inputs @ weights.T)


def threshold_net(points: Tensor, hidden: Tensor, output: Tensor) -> Tensor:
    """Two layers of threshold units; with two hidden units this is enough for XOR.

    Args:
        points: [N, D], floating point.
        hidden: [H, D + 1], the hidden units.
        output: [H + 1], the unit that looks at the hidden ones.

    Returns:
        [N], −1 or +1.

    Raises:
        ValueError: shapes that do not fit.

    Reference: McCulloch and Pitts, A logical calculus of the ideas immanent in nervous activity,
        Bulletin of Mathematical Biophysics 5, 1943.
    Taught in: lectures/01_perceptron
    """
    units = threshold_layer(points, hidden)
    return threshold_layer(units, output[None])[:, 0]


def pocket_weights(history: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    """The best weights met on the way: of all in the history, those with the fewest wrong points.

    Args:
        history: [M, D + 1], for example `Perceptron.history`.
        points: [N, D], floating point.
        labels: [N], −1 or +1.

    Returns:
        [D + 1]; the earliest of several equally good ones.

    Raises:
        ValueError: shapes that do not fit.

    Reference: Gallant, Perceptron-based learning algorithms, IEEE Trans. Neural Networks 1, 1990
        (there with a random order of the points and a ratchet that does this comparison).
    Taught in: lectures/01_perceptron
    """
    _, labels = check_data(points, labels)
    decisions = threshold_layer(points, history)  # [N, M]
    wrong = (decisions != labels[:, None]).sum(dim=0)
    return history[wrong.argmin()]


def average_weights(history: Tensor, survived: Tensor) -> Tensor:
    """The mean of the weights over every point visited: Σₖ cₖ w̃ₖ / Σₖ cₖ.

    A vector that got many points right counts often, one that fell at once hardly at all.

    Args:
        history: [M, D + 1], for example `Perceptron.history`.
        survived: [M], how many points each of them got through (cₖ ≥ 0, not all 0).

    Returns:
        [D + 1].

    Raises:
        ValueError: shapes that do not fit, or all counts are 0.

    Reference: Freund and Schapire, Large margin classification using the perceptron algorithm,
        Machine Learning 37, 1999, section 2 ("avg").
    Taught in: lectures/01_perceptron
    """
    if history.ndim != 2 or survived.shape != history.shape[:1] or not survived.any():
        raise ValueError(
            f"expected history [M, D + 1] and counts [M], not all 0; got {list(history.shape)} "
            f"and {survived.tolist()}"
        )
    counts = survived.to(history.dtype)
    return counts @ history / counts.sum()
