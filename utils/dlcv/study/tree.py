"""A tree that the reader unfolds, made of plain HTML."""

import html
from collections.abc import Mapping


class FoldedTree:
    """Nested names, each a line that opens to those below it; see :func:`show_tree`."""

    def __init__(self, tree: Mapping, opened: tuple[str, ...]):
        self.tree, self.opened = tree, opened

    def __repr__(self) -> str:
        return "\n".join(_lines(self.tree, 0))

    def _repr_html_(self) -> str:
        return f'<div style="line-height:1.7">{_branches(self.tree, self.opened)}</div>'


def show_tree(tree: Mapping, opened: tuple[str, ...] = ()) -> FoldedTree:
    """Shows a tree whose branches open and close, with mouse, finger or keyboard.

    Args:
        tree: name → the tree below it.
        opened: names that are open at first.
    """
    return FoldedTree(tree, opened)


def _branches(tree: Mapping, opened: tuple[str, ...]) -> str:
    return "".join(_branch(name, below, opened) for name, below in tree.items())


def _branch(name: str, below: Mapping, opened: tuple[str, ...]) -> str:
    indent = "margin-left:1.1rem"
    if not below:
        return f'<div style="{indent};padding-left:1rem">{html.escape(name)}</div>'
    state = " open" if name in opened else ""
    summary = f"<summary>{html.escape(name)}</summary>"
    return f'<details style="{indent}"{state}>{summary}{_branches(below, opened)}</details>'


def _lines(tree: Mapping, depth: int) -> list[str]:
    lines = []
    for name, below in tree.items():
        lines += ["  " * depth + name, *_lines(below, depth + 1)]
    return lines
