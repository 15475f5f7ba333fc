"""A drawing of a computation: which number came from which, and what it is."""

import html

from dlcv.scratch.tape import AnyNode, forward_order

BOX, PITCH = (78, 56), (112, 68)  # width and height of a box, and from one box to the next
MARGIN = 24  # above the first row, for edges that pass over it


def lay_out(end: AnyNode) -> dict[AnyNode, tuple[int, float]]:
    """Finds a place for every node: columns from left to right, rows from top to bottom.

    An operation stands one column right of its last input; a given number stands just left of its
    first use. Within a column every node takes the row in the middle of its inputs, or the next
    free one below.

    Args:
        end: the result of the computation.

    Returns:
        For each node its column, 0, 1, 2 …, and its row, at least 0; nodes of a column have rows
        at least 1 apart.
    """
    nodes = forward_order(end)
    columns = _columns(nodes)
    free_from: dict[int, float] = {}
    places = {}
    for node in nodes:
        column, rows = columns[node], [places[source][1] for source in node.inputs]
        middle = sum(rows) / len(rows) if rows else 0.0
        row = max(middle, free_from.get(column, 0.0))
        places[node] = (column, row)
        free_from[column] = row + 1
    return places


def _columns(nodes: list[AnyNode]) -> dict[AnyNode, int]:
    columns = {}
    for node in nodes:
        columns[node] = 1 + max((columns[source] for source in node.inputs), default=-1)
    for node in nodes:
        for source in node.inputs:
            if not source.inputs:  # given numbers move right, to where they are used
                uses = (columns[user] for user in nodes if source in user.inputs)
                columns[source] = min(uses) - 1
    return columns


def detour(
    places: dict[AnyNode, tuple[int, float]], source: AnyNode, node: AnyNode
) -> float | None:
    """Finds the row at which an edge passes over the boxes in its way.

    Args:
        places: of all nodes, from `lay_out`.
        source: where the edge starts.
        node: where it ends.

    Returns:
        A row a little above the highest node in between, or None where nothing is in the way.
    """
    (first, row1), (last, row2) = places[source], places[node]
    between = [(column, row) for column, row in places.values() if first < column < last]
    straight = (row1 + (row2 - row1) * (c - first) / (last - first) for c, _ in between)
    blocked = any(abs(row - y) < 0.55 for (_, row), y in zip(between, straight, strict=True))
    return min(row for _, row in between) - 0.6 if blocked else None


class GraphDrawing:
    """An SVG of a computation, in the colours of the page; each box shows value and gradient.

    Args:
        end: a `Value`, or anything with its attributes.

    Taught in: lectures/02_backpropagation
    """

    def __init__(self, end: AnyNode):
        self.places = lay_out(end)
        self.end = end

    def __repr__(self) -> str:
        return f"a graph of {len(self.places)} numbers"

    def _repr_html_(self) -> str:
        return self.svg()

    def svg(self) -> str:
        """The drawing as one SVG element."""
        columns = 1 + max(column for column, _ in self.places.values())
        rows = 1 + max(row for _, row in self.places.values())
        width, height = columns * PITCH[0], rows * PITCH[1] + MARGIN
        parts = [self._edge(a, b) for b in self.places for a in b.inputs]
        parts += [self._box(node) for node in self.places]
        label = f"Graph of a computation: {self.describe()}"
        return (
            f'<svg viewBox="0 {-MARGIN} {width:g} {height:g}" role="img" aria-label="{label}" '
            f'style="max-width:100%;width:{width:g}px;color:inherit" font-size="13" '
            f'text-anchor="middle" fill="currentColor">{"".join(parts)}</svg>'
        )

    def describe(self) -> str:
        """The graph in words: one clause for each operation, in the order of the forward pass."""
        names = {node: node.name or f"{node.data:.4g}" for node in self.places}
        clauses = (
            f"{' and '.join(names[source] for source in node.inputs)} through {node.op} "
            f"gives {names[node]}"
            for node in self.places
            if node.inputs
        )
        return html.escape("; ".join(clauses) or names[self.end], quote=True)

    def _corner(self, node: AnyNode) -> tuple[float, float]:
        column, row = self.places[node]
        return column * PITCH[0] + (PITCH[0] - BOX[0]) / 2, row * PITCH[1]

    def _edge(self, source: AnyNode, node: AnyNode) -> str:
        (x1, y1), (x2, y2) = self._corner(source), self._corner(node)
        x1, y1, y2 = x1 + BOX[0], y1 + BOX[1] / 2, y2 + BOX[1] / 2
        half, row = (x2 - x1) / 2, detour(self.places, source, node)
        y3, y4 = y1, y2
        if row is not None:  # a cubic with both handles at y3 passes its middle at this height:
            y3 = y4 = (row * PITCH[1] + BOX[1] / 2 - (y1 + y2) / 8) * 4 / 3
        path = f"M{x1:g} {y1:g}C{x1 + half:g} {y3:g} {x2 - half:g} {y4:g} {x2:g} {y2:g}"
        return f'<path d="{path}" fill="none" stroke="currentColor" opacity="0.5"/>'

    def _box(self, node: AnyNode) -> str:
        x, y = self._corner(node)
        middle = x + BOX[0] / 2
        title = html.escape("  ".join(filter(None, [node.name, node.op])) or "given")
        lines = f"{node.data:.4g}".replace("-", "−"), f"∂ {node.grad:.4g}".replace("-", "−")
        dash = "" if node.inputs else ' stroke-dasharray="4 3"'
        return (
            f'<rect x="{x:g}" y="{y:g}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="none" '
            f'stroke="currentColor"{dash}/>'
            f'<text x="{middle:g}" y="{y + 14:g}" font-size="12" opacity="0.8">{title}</text>'
            f'<text x="{middle:g}" y="{y + 31:g}">{lines[0]}</text>'
            f'<text x="{middle:g}" y="{y + 48:g}" opacity="0.8">{lines[1]}</text>'
        )
