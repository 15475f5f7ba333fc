"""The order of a computation: what the forward pass leaves behind and the backward pass needs."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Node(Protocol):
    """A result that knows what it was computed from."""

    inputs: Sequence["Node"]


AnyNode = TypeVar("AnyNode", bound=Node)


def forward_order(end: AnyNode) -> list[AnyNode]:
    """Lists all nodes that a result was computed from, every one after its own inputs.

    The graph is walked depth first, with a stack of our own in place of recursion, so that a chain
    of a million nodes is no harder than one of ten.

    Args:
        end: the result; its `inputs`, their `inputs` and so on must not lead back to it.

    Returns:
        Each node once, `end` last. Read backwards, it is an order for the chain rule.

    Taught in: lectures/02_backpropagation
    """
    order, seen, stack = [], set(), [(end, False)]
    while stack:
        node, inputs_are_listed = stack.pop()
        if inputs_are_listed:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))  # comes back once its inputs are done
            stack.extend((source, False) for source in reversed(node.inputs))
    return order
