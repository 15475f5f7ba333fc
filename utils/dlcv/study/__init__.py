"""What turns a notebook into a course: quizzes, exercises, facts to check against, widgets."""

from dlcv.study.exercises import check, hints
from dlcv.study.facts import fact, fact_table
from dlcv.study.quiz import Numeric, Quiz, right, wrong
from dlcv.study.results import record_result
from dlcv.study.source import show_source
from dlcv.study.widgets.explore import explore

__all__ = [
    "Numeric",
    "Quiz",
    "check",
    "explore",
    "fact",
    "fact_table",
    "hints",
    "record_result",
    "right",
    "show_source",
    "wrong",
]
