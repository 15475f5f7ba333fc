"""Can a hyperplane tell two classes apart, how clearly, and how many mistakes does that cost?

All questions are asked among the augmented points x̃ = (xᵀ, 1)ᵀ, where a hyperplane through the
origin is a hyperplane with any bias among the points themselves.
"""

import torch
from scipy.optimize import linprog, nnls
from torch import Tensor

from dlcv.scratch.perceptron import augment, check_data


def margin(points: Tensor, labels: Tensor, separator: Tensor) -> float:
    """How clearly a weight vector separates the data: γ = minᵢ yᵢ w̃ᵀx̃ᵢ / ‖w̃‖.

    Args:
        points: [N, D] with N ≥ 1, floating point.
        labels: [N], −1 or +1.
        separator: w̃, [D + 1], not 0.

    Returns:
        γ: positive where all points are right, otherwise how deep the worst one lies on the
        wrong side. It is measured among the augmented points x̃, where the bias is a weight too.

    Raises:
        ValueError: no point, shapes that do not fit, or w̃ = 0.

    Taught in: lectures/01_perceptron
    """
    inputs, labels = check_data(points, labels)
    if separator.shape != inputs.shape[1:] or not separator.any():
        raise ValueError(
            f"expected a separator [{inputs.shape[1]}] other than 0, got {separator.tolist()}"
        )
    if len(inputs) == 0:
        raise ValueError("expected at least one point, got none")
    return float((labels * (inputs @ separator)).min() / separator.norm())


def novikoff_bound(points: Tensor, labels: Tensor, separator: Tensor) -> float:
    """The most mistakes that the rule can make on separable data, from w̃ = 0: (R / γ)².

    R = maxᵢ ‖x̃ᵢ‖, and γ is the margin of any weight vector that separates; the one with the
    largest margin gives the sharpest bound.

    Args:
        points: [N, D] with N ≥ 1, floating point.
        labels: [N], −1 or +1.
        separator: w̃, [D + 1], with a positive margin.

    Returns:
        The bound, however many passes are made and in whatever order.

    Raises:
        ValueError: the separator gets a point wrong.

    Reference: Novikoff, On convergence proofs on perceptrons, 1962.
    Taught in: lectures/01_perceptron
    """
    gamma = margin(points, labels, separator)
    if gamma <= 0:
        raise ValueError(f"expected a positive margin, got {gamma:g}")
    radius = float(augment(points).norm(dim=1).max())
    return (radius / gamma) ** 2


def find_separator(points: Tensor, labels: Tensor) -> Tensor | None:
    """Finds weights with yᵢ w̃ᵀx̃ᵢ ≥ 1 for all i, by linear programming, or says there are none.

    Any separating w̃ can be stretched until its smallest yᵢ w̃ᵀx̃ᵢ is 1, so nothing is lost by
    asking for 1 in place of "more than 0", which no linear program can express.

    Args:
        points: [N, D], floating point.
        labels: [N], −1 or +1.

    Returns:
        w̃ as [D + 1], or None where no hyperplane separates the classes.

    Raises:
        ValueError: shapes that do not fit, or a label other than −1 and +1.
        RuntimeError: the solver ended without an answer.

    Taught in: lectures/01_perceptron
    """
    inputs, labels = check_data(points, labels)
    signed = (labels[:, None] * inputs).cpu().double().numpy()
    no_cost, limits = [0.0] * inputs.shape[1], [-1.0] * len(signed)
    result = linprog(no_cost, -signed, limits, bounds=(None, None))
    if result.status == 2:  # no weights satisfy all constraints
        return None
    if not result.success:
        raise RuntimeError(f"linprog gave no answer: {result.message}")
    return torch.from_numpy(result.x).to(inputs)


def is_separable(points: Tensor, labels: Tensor) -> bool:
    """Whether some hyperplane has all points of class +1 on one side and all others on the other.

    Args:
        points: [N, D], floating point.
        labels: [N], −1 or +1.

    Returns:
        True or False: the linear program has a solution, or it has none.

    Taught in: lectures/01_perceptron
    """
    return find_separator(points, labels) is not None


def max_margin_separator(points: Tensor, labels: Tensor) -> Tensor:
    """The weights with the largest margin: the shortest w̃ with yᵢ w̃ᵀx̃ᵢ ≥ 1 for all i.

    Solved through its dual, a least-squares problem with non-negative unknowns z ≥ 0:
    minimise ‖E z − f‖² where the columns of E are (yᵢx̃ᵢ, 1) and f = (0, …, 0, 1). Its residual
    r = E z − f points along the answer, and vanishes exactly where nothing separates.

    Args:
        points: [N, D] with N ≥ 1, floating point.
        labels: [N], −1 or +1.

    Returns:
        w̃ as [D + 1], scaled so that the smallest yᵢ w̃ᵀx̃ᵢ is 1; its margin is 1 / ‖w̃‖.

    Raises:
        ValueError: no point, or no hyperplane separates the classes.

    Reference: Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23, section 4.
    """
    inputs, labels = check_data(points, labels)
    if len(inputs) == 0 or not is_separable(points, labels):
        raise ValueError(f"expected points that a hyperplane separates, got {len(inputs)} points")
    columns = augment(labels[:, None] * inputs).T.cpu().double().numpy()
    target = [0.0] * inputs.shape[1] + [1.0]
    z, _ = nnls(columns, target)
    residual = torch.from_numpy(columns @ z - target)
    return (-residual[:-1] / residual[-1]).to(inputs)
