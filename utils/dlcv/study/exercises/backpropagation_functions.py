"""Lecture 02, the exercises on single functions: new operations, log-softmax, dead units."""

import torch
from torch import Tensor

from dlcv.scratch import arrays
from dlcv.study.exercises.base import NotAttempted, Wrong, attempt, expect

# 02.operations: exp, log and matmul for the autograd


class Bare(arrays.Tensor):
    """The book's Tensor without the operations that the reader is to write."""

    def exp(self):
        raise AttributeError("write exp yourself: only `x.data`, a torch tensor, has it")

    def log(self):
        raise AttributeError("write log yourself: only `x.data`, a torch tensor, has it")

    def __matmul__(self, other):
        raise AttributeError("write matmul yourself: only `x.data`, a torch tensor, has it")


OPERATIONS = {  # name: (torch's, shapes of the inputs)
    "exp": (torch.exp, [(2, 3)]),
    "log": (torch.log, [(2, 3)]),
    "matmul": (torch.matmul, [(2, 3), (3, 4)]),
}
PULL_SLIPS = {  # name: {what to tell the reader: what the slip would pull back}
    "exp": {
        "you return the local slope alone; it has to be multiplied by `grad`": (
            lambda grad, x: (x.exp(),)
        ),
        "the slope of `exp` is `exp(x)`, and yours is 1": lambda grad, x: (grad,),
        "the slope of `exp` is `exp(x)`, and yours is `x`": lambda grad, x: (grad * x,),
    },
    "log": {
        "you return the local slope alone; it has to be multiplied by `grad`": (
            lambda grad, x: (1 / x,)
        ),
        "the slope of the logarithm is `1 / x`; you multiply by `x`": lambda grad, x: (grad * x,),
        "the slope of the logarithm is `1 / x`, not one over its result": (
            lambda grad, x: (grad / x.log(),)
        ),
    },
    "matmul": {
        "the two gradients are in the wrong order: first that of the left matrix": (
            lambda grad, x, y: (x.T @ grad, grad @ y.T)
        ),
    },
}


def solve_exp(x):
    """The exponential; its slope is its value."""
    y = x.data.exp()
    return arrays.Tensor(y, (x,), lambda grad: (grad * y,))


def solve_log(x):
    """The logarithm; its slope is 1 / x."""
    return arrays.Tensor(x.data.log(), (x,), lambda grad: (grad / x.data,))


def solve_matmul(x, y):
    """The matrix product; each factor pulls the gradient back through the other."""

    def pull(grad):
        return grad @ y.data.T, x.data.T @ grad

    return arrays.Tensor(x.data @ y.data, (x, y), pull)


def check_operations(answer: object) -> None:
    """Every operation that has been attempted: its value, its inputs, its gradients."""
    expect(isinstance(answer, dict) and answer.keys() == OPERATIONS.keys(), "keep all names.")
    attempted = 0
    for name in OPERATIONS:
        try:
            check_operation(name, answer[name])
            attempted += 1
        except NotAttempted:
            continue
    if attempted < len(OPERATIONS):
        raise NotAttempted


def check_operation(name: str, function: object) -> None:
    """One operation against torch, on numbers between 1/2 and 2."""
    if function is ...:
        raise NotAttempted
    reference, shapes = OPERATIONS[name]
    draw = torch.Generator().manual_seed(2)
    data = [0.5 + 1.5 * torch.rand(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    inputs = [Bare(x) for x in data]
    result = attempt(function, *inputs)
    expect(isinstance(result, arrays.Tensor), f"{name}: return the book's `Tensor`, not torch's.")
    leaves = [x.clone().requires_grad_() for x in data]
    expected = reference(*leaves)
    same = result.shape == expected.shape and torch.allclose(result.data, expected)
    expect(same, f"{name}: the value differs from torch's.")
    expect(
        list(result.inputs) == inputs,
        f"{name}: the second argument of `Tensor` lists the inputs, or no gradient finds back.",
    )
    upstream = torch.rand(expected.shape, generator=draw, dtype=torch.float64)
    wanted = torch.autograd.grad(expected, leaves, upstream)
    check_pull(name, result, data, upstream, wanted)


def check_pull(name: str, result: arrays.Tensor, data: list, upstream: Tensor, wanted: tuple):
    """What the reader's `pull` gives back for a gradient that arrives."""
    got = attempt(result.pull, upstream)
    expect(isinstance(got, tuple | list), f"{name}: `pull` returns a tuple, `(…,)` for one input.")
    expect(len(got) == len(wanted), f"{name}: expected {len(wanted)} gradients, got {len(got)}.")
    for why, slip in PULL_SLIPS[name].items():
        expect(not agree(got, slip(upstream, *data)), f"{name}: {why}.")
    for k, (mine, right) in enumerate(zip(got, wanted, strict=True)):
        place = f"{name}, gradient {k + 1}"
        if not isinstance(mine, Tensor) or mine.shape != right.shape:
            shape = list(mine.shape) if isinstance(mine, Tensor) else type(mine).__name__
            raise Wrong(
                f"{place}: expected shape {list(right.shape)}, that of the input, got {shape}."
            )
        expect(torch.allclose(mine, right), f"{place}: the values differ from torch's.")


def agree(got: object, other: tuple) -> bool:
    """Whether two tuples of gradients are equal up to rounding."""
    return all(
        isinstance(a, Tensor) and a.shape == b.shape and torch.allclose(a, b)
        for a, b in zip(got, other, strict=True)
    )


# 02.log_softmax: a form that large logits do not break


def solve_log_softmax(logits):
    """Shift each row by its maximum, then subtract the log of the sum."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def check_log_softmax(answer: object) -> None:
    """Moderate logits against torch with the likely slips, then logits of size 1000."""
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], dtype=torch.float64)
    got = attempt(answer, logits.clone())
    expect(isinstance(got, Tensor), f"expected a tensor, got {type(got).__name__}.")
    expect(got.shape == logits.shape, f"expected shape [2, 3], got {list(got.shape)}.")
    rivals = {
        "this is the softmax; its logarithm is asked for": logits.softmax(dim=1),
        "you add up over the batch; a distribution is over the classes, dim 1": (
            logits.log_softmax(dim=0)
        ),
        "this is the logarithm of each *column*'s share; use dim 1": logits.log_softmax(dim=0),
        "after the shift by the maximum, the logarithm of the sum has to be subtracted as well": (
            logits - logits.amax(dim=1, keepdim=True)
        ),
        "the sum is missing its logarithm": (logits - logits.exp().sum(dim=1, keepdim=True)),
    }
    for why, rival in rivals.items():
        expect(not torch.allclose(got, rival), f"{why}.")
    expect(torch.allclose(got, logits.log_softmax(dim=1)), "the values differ from torch's.")
    check_large_logits(answer)


def check_large_logits(answer: object) -> None:
    """Logits that break the naive form, in both directions."""
    for row in ([1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0], [90.0, -90.0, 0.0]):
        logits = torch.tensor([row])
        got, expected = attempt(answer, logits.clone()), logits.log_softmax(dim=1)
        broken = not got.isfinite().all()
        why = (
            "a probability was rounded to 0 before its logarithm was taken; never compute it"
            if got.flatten()[0].isfinite()
            else "exponentials overflow, or all of them vanish; subtract the row's maximum first"
        )
        expect(not broken, f"for logits {row} you return {got.tolist()[0]}: {why}.")
        expect(torch.allclose(got, expected), f"for logits {row} the values differ from torch's.")


# 02.dead_units: units that say nothing about any example


def solve_dead_units(weights, bias, inputs):
    """Count the units whose z is positive for no example."""
    z = inputs @ weights.T + bias  # [N, D_out]
    return int((z <= 0).all(dim=0).sum())


def dead_case() -> tuple[Tensor, Tensor, Tensor]:
    """Five units, of which 2 and 5 are dead, and four examples; every slip counts differently."""
    weights = torch.tensor([[2.0, 1.0], [-1.0, 0.0], [-2.0, -2.0], [-1.0, 0.0], [1.0, -1.0]])
    bias = torch.tensor([2.0, -2.0, 1.0, 2.0, -2.0])
    inputs = torch.tensor([[1.0, 2.0], [-1.0, -1.0], [3.0, 3.0], [1.0, 2.0]])
    return weights, bias, inputs


def check_dead_units(answer: object) -> None:
    """The given layer with its likely slips, then random layers."""
    weights, bias, inputs = dead_case()
    z = inputs @ weights.T + bias
    slips = {
        int((z <= 0).sum()): "that counts silent outputs, one for each unit and example; a unit is "
        "dead only if it is silent for *all* examples",
        int((z <= 0).any(dim=0).sum()): "that counts units that are silent for *some* example",
        int((z <= 0).all(dim=1).sum()): "that counts examples, not units: look along dim 0",
        int((inputs @ weights.T <= 0).all(dim=0).sum()): "the bias is missing",
        int((z > 0).any(dim=0).sum()): "that counts the units that are alive",
    }
    got = as_count(attempt(answer, weights, bias, inputs))
    expected = solve_dead_units(weights, bias, inputs)
    if got != expected:
        why = f": {slips[got]}" if got in slips else ""
        raise Wrong(f"units 2 and 5 of the example are dead, so it is 2; you return {got}{why}.")
    draw = torch.Generator().manual_seed(5)
    for _ in range(20):
        case = [torch.randn(s, generator=draw) for s in ((12, 3), (12,), (6, 3))]
        got, expected = as_count(attempt(answer, *case)), solve_dead_units(*case)
        expect(got == expected, f"on a random layer {expected} units are dead, you return {got}.")
    silent = as_count(attempt(answer, torch.zeros(3, 2), torch.zeros(3), torch.ones(4, 2)))
    expect(silent == 3, f"a unit with $z = 0$ says 0, so it is dead; expected 3, got {silent}.")


def as_count(value: object) -> int:
    """A count as a whole number, also from a tensor."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"return one number, not {value!r}.") from None
    return int(number) if number == int(number) else number
