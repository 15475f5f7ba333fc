"""Reverse-mode automatic differentiation for arrays, with broadcasting.

torch holds the numbers and does the arithmetic; its own autograd is not used. As for single
numbers, every result remembers its inputs. In place of local slopes, of which arrays have one for
each pair of entries, it keeps a function that *pulls* the gradient of the result back to the
inputs: dL/dy in, dL/dx out.

Methods have the names that torch gives them, so that a loss written for one works for the other.
"""

from collections.abc import Callable, Sequence

import torch

from dlcv.scratch.tape import forward_order

Pull = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]  # dL/dy in, one dL/dx for each input out


class Tensor:
    """An array with its history, and after `backward` with its gradient.

    Args:
        data: a torch tensor in floating point, of any shape, or numbers to make one of.
        inputs: the Tensors it was computed from.
        pull: from the gradient of this array to one gradient for each input, up to broadcasting.

    Attributes:
        data: the numbers, a torch tensor without a history of torch's own.
        grad: after `loss.backward()`, the gradient of the loss, in the shape of `data`.

    Raises:
        ValueError: the numbers are not in floating point.

    Taught in: lectures/02_backpropagation
    """

    def __init__(
        self,
        data: torch.Tensor | Sequence | float,
        inputs: tuple["Tensor", ...] = (),
        pull: Pull = lambda grad: (),
    ):
        self.data = torch.as_tensor(data).detach()
        if not self.data.is_floating_point():
            raise ValueError(f"expected floating-point numbers, got {self.data.dtype}")
        self.grad = torch.zeros_like(self.data)
        self.inputs, self.pull = inputs, pull

    @property
    def shape(self) -> torch.Size:
        """Size along each axis."""
        return self.data.shape

    def backward(self) -> None:
        """Sets the gradient of everything that this single number was computed from.

        Raises:
            ValueError: there is more than one number.
        """
        if self.data.numel() != 1:
            raise ValueError(f"expected a single number, got shape {list(self.shape)}")
        order = forward_order(self)
        for node in order:
            node.grad = torch.zeros_like(node.data)
        self.grad = torch.ones_like(self.data)
        for node in reversed(order):
            for source, grad in zip(node.inputs, node.pull(node.grad), strict=True):
                source.grad = source.grad + unbroadcast(grad, source.shape)

    def __add__(self, other):
        other = self._partner(other)
        return Tensor(self.data + other.data, (self, other), lambda grad: (grad, grad))

    def __sub__(self, other):
        other = self._partner(other)
        return Tensor(self.data - other.data, (self, other), lambda grad: (grad, -grad))

    def __mul__(self, other):
        other = self._partner(other)
        x, y = self.data, other.data
        return Tensor(x * y, (self, other), lambda grad: (grad * y, grad * x))

    def __pow__(self, exponent: float):
        if not isinstance(exponent, int | float):
            raise TypeError(f"expected a number as exponent, got {type(exponent).__name__}")
        x = self.data
        slope = exponent * x ** (exponent - 1) if exponent else torch.zeros_like(x)
        return Tensor(x**exponent, (self,), lambda grad: (grad * slope,))

    def __matmul__(self, other):
        other = self._partner(other)
        x, y = self.data, other.data
        if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[0]:
            got = f"{list(x.shape)} and {list(y.shape)}"
            raise ValueError(f"expected matrices [N, K] and [K, M], got {got}")
        return Tensor(x @ y, (self, other), lambda grad: (grad @ y.T, x.T @ grad))

    def __getitem__(self, index):
        places = torch.arange(self.data.numel(), device=self.data.device)
        places = places.reshape(self.shape)[index].flatten()

        def pull(grad):
            back = torch.zeros_like(self.data).flatten()
            return (back.index_add(0, places, grad.flatten()).reshape(self.shape),)

        return Tensor(self.data[index], (self,), pull)

    def sum(self, dim: int | None = None, keepdim: bool = False):
        """Adds up all entries, or those along one axis."""

        def pull(grad):
            if dim is not None and not keepdim:
                grad = grad.unsqueeze(dim)
            return (grad.expand(self.shape),)

        return Tensor(self.data.sum(dim=dim, keepdim=keepdim), (self,), pull)

    def mean(self, dim: int | None = None, keepdim: bool = False):
        """Averages all entries, or those along one axis."""
        count = self.data.numel() if dim is None else self.shape[dim]
        return self.sum(dim, keepdim) / count

    def reshape(self, *shape: int):
        """The same entries in another shape; a size of -1 follows from the others."""
        return Tensor(self.data.reshape(*shape), (self,), lambda grad: (grad.reshape(self.shape),))

    @property
    def T(self):
        """A matrix with rows and columns exchanged."""
        if self.data.ndim != 2:
            raise ValueError(f"expected a matrix, got shape {list(self.shape)}")
        return Tensor(self.data.T, (self,), lambda grad: (grad.T,))

    def exp(self):
        """e to the power of every entry."""
        y = self.data.exp()
        return Tensor(y, (self,), lambda grad: (grad * y,))

    def log(self):
        """The natural logarithm of every entry."""
        return Tensor(self.data.log(), (self,), lambda grad: (grad / self.data,))

    def tanh(self):
        """The hyperbolic tangent of every entry."""
        y = self.data.tanh()
        return Tensor(y, (self,), lambda grad: (grad * (1 - y**2),))

    def sigmoid(self):
        """The logistic function, under the name that torch gives it."""
        y = self.data.sigmoid()
        return Tensor(y, (self,), lambda grad: (grad * y * (1 - y),))

    def relu(self):
        """Every entry where it is positive, else 0."""
        return Tensor(self.data.relu(), (self,), lambda grad: (grad * (self.data > 0),))

    def detach(self) -> torch.Tensor:
        """The numbers alone, as a torch tensor: what is computed from them is not recorded."""
        return self.data

    def __neg__(self):
        return Tensor(-self.data, (self,), lambda grad: (-grad,))

    def __truediv__(self, other):
        return self * self._partner(other) ** -1

    def __rsub__(self, other):
        return self._partner(other) - self

    def __rtruediv__(self, other):
        return self._partner(other) * self**-1

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        return f"Tensor({self.data})"

    def _partner(self, other) -> "Tensor":
        """The other operand, of the same type and on the same device if it was a mere number."""
        if isinstance(other, Tensor):
            return other
        return Tensor(torch.as_tensor(other, dtype=self.data.dtype, device=self.data.device))


def unbroadcast(grad: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Adds a gradient up over all copies that broadcasting made.

    An entry that was used several times moves the result through each of its copies, and the chain
    rule adds these effects up.

    Args:
        grad: gradient in the broadcast shape.
        shape: shape of the array before broadcasting.

    Returns:
        Gradient of that shape.

    Taught in: lectures/02_backpropagation
    """
    while grad.ndim > len(shape):  # axes that were put in front
        grad = grad.sum(dim=0)
    for axis, size in enumerate(shape):
        if size == 1:  # perhaps copied along this axis
            grad = grad.sum(dim=axis, keepdim=True)
    return grad
