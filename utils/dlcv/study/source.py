"""Package code, folded, for the reader who wants to see what a lecture imports."""

import html
import inspect

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


class Source:
    """The source of functions or classes, folded under their dotted names."""

    def __init__(self, *objects: object):
        self.sources = {f"{o.__module__}.{o.__qualname__}": inspect.getsource(o) for o in objects}

    def __repr__(self) -> str:
        return "\n\n".join(f"# {name}\n{code}" for name, code in self.sources.items())

    def _repr_html_(self) -> str:
        return "".join(source_html(name, code) for name, code in self.sources.items())


def show_source(*objects: object) -> Source:
    """Shows the source of package functions or classes, folded.

    Args:
        objects: functions or classes of ``dlcv``.

    Raises:
        TypeError: something without Python source.
    """
    for item in objects:
        if not (inspect.isfunction(item) or inspect.isclass(item)):
            raise TypeError(f"expected functions or classes, got {type(item).__name__}")
    return Source(*objects)


def source_html(summary: str, code: str) -> str:
    """Python code as a folded, highlighted block."""
    body = highlight(code, PythonLexer(), HtmlFormatter(cssclass="highlight"))
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"
