"""What an exercise consists of, and how a check says what is wrong."""

import html
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import traitlets

from dlcv.study.markup import to_html, to_plain
from dlcv.study.source import source_html
from dlcv.study.widgets.base import Widget


class Wrong(Exception):
    """The answer is wrong; the message is for the reader."""


class NotAttempted(Exception):
    """The three dots are still there."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        title: a few words.
        check: takes the reader's answer, raises :class:`Wrong` with a sentence for the reader.
        hints: two or more, from a nudge to nearly the answer.
        solution: a function or class that solves it, or the solution's code where the answer is
            a value; tests run it through the check.
        praise: what a right answer earns: one sentence that adds something.
    """

    title: str
    check: Callable[[object], None]
    hints: tuple[str, ...]
    solution: Callable | str
    praise: str

    def solution_code(self) -> str:
        """The worked solution as code."""
        if isinstance(self.solution, str):
            return textwrap.dedent(self.solution).strip() + "\n"
        return textwrap.dedent(inspect.getsource(self.solution))


def expect(condition: object, message: str) -> None:
    """Ends a check with a message for the reader unless the condition holds."""
    if not condition:
        raise Wrong(message)


def attempt(function: object, *args: object, **kwargs: object) -> object:
    """Calls the reader's function and returns what it gives.

    Raises:
        NotAttempted: it still returns the three dots.
        Wrong: it is no function, or it raised; the message quotes the error.
    """
    if not callable(function):
        raise Wrong(f"expected a function, got {type(function).__name__}")
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        raise Wrong(f"your code raised {type(error).__name__}: {error}") from error
    if result is ...:
        raise NotAttempted
    return result


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``right``, ``wrong`` or ``not attempted``, and a sentence."""

    id: str
    status: str
    message: str

    def __repr__(self) -> str:
        signs = {"right": "✓", "wrong": "✗", "not attempted": "…"}
        return f"{signs[self.status]} {self.id} {self.status}: {to_plain(self.message)}"

    def _repr_html_(self) -> str:
        colours = {"right": "#00795c", "wrong": "#b3261e", "not attempted": "#6b7683"}
        return (
            f'<p role="status" style="border-left:4px solid {colours[self.status]};'
            f'padding-left:.6rem"><strong>{html.escape(self.id)} {self.status}.</strong> '
            f"{_safe_html(self.message)}</p>"
        )


def _safe_html(message: str) -> str:
    # A message may quote the reader's own error, with any characters in it.
    try:
        return to_html(message)
    except ValueError:
        return html.escape(message)


class Hints(Widget):
    """Hints one by one, the worked solution, and a box to tick; see :func:`hints`."""

    module = "hints"
    exercise_id = traitlets.Unicode().tag(sync=True)
    hints = traitlets.List().tag(sync=True)
    solution = traitlets.Unicode().tag(sync=True)

    def __init__(self, id: str, exercise: Exercise):
        super().__init__(
            label=f"Exercise {id}: {to_plain(exercise.title)}",
            exercise_id=id,
            hints=[to_html(hint) for hint in exercise.hints],
            solution=source_html("Worked solution", exercise.solution_code()),
        )

    def fallback_html(self) -> str:
        """Hints and solution, folded."""
        items = "".join(f"<li>{hint}</li>" for hint in self.hints)
        return f"<details><summary>Hints</summary><ol>{items}</ol></details>{self.solution}"
