"""Reverse-mode automatic differentiation from scratch: numbers first, arrays in `arrays`.

A `Value` is a number that remembers from which values it was computed, and how fast it changes with
each of them (its local slopes). `backward` walks that record once, from the result to the inputs,
and applies the chain rule at every step.
"""

import math

from dlcv.scratch.arrays import Tensor
from dlcv.scratch.graph_drawing import GraphDrawing
from dlcv.scratch.tape import forward_order

__all__ = ["Tensor", "Value", "forward_order"]


class Value:
    """A number with its history, and after `backward` with its gradient.

    Args:
        data: the number.
        inputs: the values it was computed from; none for a number that was given.
        slopes: its derivative with respect to each of them.
        op: how it was computed, for drawings.
        name: what to call it in drawings.

    Attributes:
        data: the number, a float.
        grad: after `end.backward()`, how fast `end` changes with this number.

    Example:
        >>> x = Value(3.0)
        >>> y = x * x + 1
        >>> y.backward()
        >>> y.data, x.grad
        (10.0, 6.0)

    Taught in: lectures/02_backpropagation
    """

    def __init__(
        self,
        data: float,
        inputs: tuple["Value", ...] = (),
        slopes: tuple[float, ...] = (),
        op: str = "",
        name: str = "",
    ):
        self.data, self.grad = float(data), 0.0
        self.inputs, self.slopes = inputs, slopes
        self.op, self.name = op, name

    def backward(self) -> None:
        """Sets the gradient of every value that this one was computed from.

        Gradients start anew at 0 with each call; torch adds to those of the call before.
        """
        order = forward_order(self)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for source, slope in zip(node.inputs, node.slopes, strict=True):
                source.grad += slope * node.grad

    def graph(self) -> GraphDrawing:
        """Draws this value and all it was computed from."""
        return GraphDrawing(self)

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "−")

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data), "×")

    def __pow__(self, exponent):
        if not isinstance(exponent, int | float):
            raise TypeError(f"expected a number as exponent, got {type(exponent).__name__}")
        slope = exponent * math.pow(self.data, exponent - 1) if exponent else 0.0
        return Value(math.pow(self.data, exponent), (self,), (slope,), f"^{exponent}")

    def exp(self):
        """e to the power of this number; its slope is itself."""
        result = math.exp(self.data)
        return Value(result, (self,), (result,), "exp")

    def log(self):
        """The natural logarithm; its slope is 1 / x."""
        if self.data <= 0:
            raise ValueError(f"expected a positive number, got {self.data}")
        return Value(math.log(self.data), (self,), (1 / self.data,), "log")

    def tanh(self):
        """The hyperbolic tangent; its slope is 1 − tanh²."""
        result = math.tanh(self.data)
        return Value(result, (self,), (1 - result**2,), "tanh")

    def logistic(self):
        """The logistic function σ; its slope is σ (1 − σ)."""
        result = (1 + math.tanh(self.data / 2)) / 2  # 1 / (1 + exp(-z)), which could overflow
        return Value(result, (self,), (result * (1 - result),), "σ")

    def relu(self):
        """This number where it is positive, else 0; its slope is 1 or 0."""
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),), "relu")

    def __neg__(self):
        return Value(-self.data, (self,), (-1.0,), "−")

    def __truediv__(self, other):
        return self * as_value(other) ** -1

    def __rsub__(self, other):
        return as_value(other) - self

    def __rtruediv__(self, other):
        return as_value(other) * self**-1

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        name = f"{self.name} = " if self.name else ""
        return f"Value({name}{self.data:.6g}, grad {self.grad:.6g})"


def as_value(number: Value | float) -> Value:
    """A plain number as a Value without history.

    Raises:
        TypeError: something that is no number.
    """
    if isinstance(number, Value):
        return number
    if not isinstance(number, int | float):
        raise TypeError(f"expected a Value or a number, got {type(number).__name__}")
    return Value(number)
