"""Quizzes that answer at once: single and multiple choice, and numbers."""

import html
import re
from dataclasses import dataclass

import traitlets

from dlcv.study.markup import to_html, to_plain
from dlcv.study.widgets.base import Widget


@dataclass(frozen=True)
class Option:
    """One answer to choose: its text, whether it is right, and why."""

    text: str
    why: str
    is_right: bool


def right(text: str, why: str) -> Option:
    """A right answer, with the reason that the reader sees on choosing it."""
    return Option(text, why, True)


def wrong(text: str, why: str) -> Option:
    """A wrong answer, with what is wrong about it."""
    return Option(text, why, False)


class Quiz(Widget):
    """A question with answers to choose from; several right ones make it multiple choice.

    Args:
        id: ``"<lecture>.<name>"``, for example ``"01.xor-layers"``; the reader's progress is
            kept under it, so it never changes.
        question: one or two sentences; see :func:`dlcv.study.markup.to_html` for the marks.
        options: two or more of :func:`right` and :func:`wrong`.

    Raises:
        ValueError: fewer than two options, none right, a reason missing, or a malformed id.
    """

    module = "quiz"
    parts = ("question",)
    quiz_id = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List().tag(sync=True)

    def __init__(self, id: str, question: str, *options: Option):
        check_id(id)
        if len(options) < 2:
            raise ValueError(f"expected at least two options in quiz {id}, got {len(options)}")
        if not any(option.is_right for option in options):
            raise ValueError(f"expected a right answer in quiz {id}, got {len(options)} wrong ones")
        if not all(option.why.strip() for option in options):
            raise ValueError(f"expected a reason for every option of quiz {id}, got an empty one")
        super().__init__(
            label=f"Quiz {id}",
            quiz_id=id,
            question=to_html(question),
            options=[
                {
                    "text": to_html(o.text),
                    "name": to_plain(o.text),  # read out where the text is all mathematics
                    "why": to_html(o.why),
                    "right": o.is_right,
                }
                for o in options
            ],
        )

    def fallback_html(self) -> str:
        """The question with its answers folded: what a page shows where scripts do not run."""
        items = "".join(f"<li>{option['text']}</li>" for option in self.options)
        answers = "".join(
            f"<li>{option['text']}: {option['why']}</li>"
            for option in self.options
            if option["right"]
        )
        return (
            f"<p>{self.question}</p><ul>{items}</ul>"
            f"<details><summary>Answer</summary><ul>{answers}</ul></details>"
        )


class Numeric(Widget):
    """A question whose answer is a number.

    Args:
        id: as in :class:`Quiz`.
        question: the question.
        answer: the right number.
        why: the reason, shown with the right answer.
        unit: shown behind the box, for example ``"pixels"``.
        tolerance: absolute; 0 means equal.
        near: plausible wrong numbers, each with what led there.

    Raises:
        ValueError: an empty reason, a negative tolerance, or a ``near`` that is right.
    """

    module = "numeric"
    parts = ("question",)
    style = "quiz"
    quiz_id = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Float().tag(sync=True)
    tolerance = traitlets.Float().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    why = traitlets.Unicode().tag(sync=True)
    near = traitlets.List().tag(sync=True)

    def __init__(
        self,
        id: str,
        question: str,
        *,
        answer: float,
        why: str,
        unit: str = "",
        tolerance: float = 0.0,
        near: dict[float, str] | None = None,
    ):
        check_id(id)
        near = near or {}
        if not why.strip():
            raise ValueError(f"expected a reason in quiz {id}, got an empty one")
        if tolerance < 0:
            raise ValueError(f"expected a tolerance >= 0 in quiz {id}, got {tolerance}")
        if any(abs(value - answer) <= tolerance for value in near):
            raise ValueError(f"expected wrong numbers in near of quiz {id}, got the answer")
        super().__init__(
            label=f"Quiz {id}",
            quiz_id=id,
            question=to_html(question),
            answer=float(answer),
            tolerance=float(tolerance),
            unit=unit,
            why=to_html(why),
            near=[{"value": float(value), "why": to_html(text)} for value, text in near.items()],
        )

    def fallback_html(self) -> str:
        """The question with its answer folded."""
        answer = html.escape(f"{self.answer:g} {self.unit}".strip())
        return (
            f"<p>{self.question}</p>"
            f"<details><summary>Answer</summary><p>{answer}: {self.why}</p></details>"
        )


def check_id(id: str) -> None:
    """Holds ids to the form ``"<lecture>.<name>"``, on which the reader's progress is kept."""
    if not re.fullmatch(r"\d\d[ab]?\.[a-z0-9][a-z0-9_-]*", id):
        raise ValueError(f'expected an id such as "04.output-size", got {id!r}')
