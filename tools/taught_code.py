"""Cells that teach a function of the package must hold exactly that function.

Such a cell begins with the function's dotted name, `# dlcv.detection.boxes.box_iou`. Its syntax
tree equals the package's, docstrings left out on both sides; comments and blank lines are free.
"""

import ast
import re
from pathlib import Path

from tools.executions import ROOT

NAME = re.compile(r"# (dlcv(?:\.\w+){2,})$")
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def taught_name(source: str) -> str | None:
    """Return the dotted name that a cell says it teaches, or None."""
    match = NAME.match(source.splitlines()[0]) if source else None
    return match.group(1) if match else None


def find_definition(dotted: str, root: Path = ROOT) -> ast.AST | None:
    """Return the syntax tree of a function, class or method of the package, or None."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        stem = root.joinpath("utils", *parts[:length])
        file = next(
            (f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.exists()), None
        )
        if file is not None:
            node = ast.parse(file.read_text("utf-8"))
            for name in parts[length:]:
                node = next((n for n in definitions(node) if n.name == name), None)
            return node
    return None


def definitions(node: ast.AST | None) -> list[ast.AST]:
    """Return the functions and classes directly inside a module or class."""
    return [child for child in getattr(node, "body", []) if isinstance(child, DEFINITIONS)]


def without_docstrings(tree: ast.AST) -> str:
    """Return a syntax tree as text, every docstring left out."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def problem(source: str, root: Path = ROOT) -> str | None:
    """Return what is wrong with a cell that teaches a function, or None."""
    dotted = taught_name(source)
    if dotted is None:
        return None
    definition, body = find_definition(dotted, root), ast.parse(source).body
    if definition is None:
        return f"teaches {dotted}, which the package does not have"
    if len(body) != 1 or not isinstance(body[0], DEFINITIONS):
        return f"teaches {dotted}, so it must hold that one definition and nothing else"
    if without_docstrings(body[0]) != without_docstrings(definition):
        return f"differs from {dotted} in the package"
    return None
