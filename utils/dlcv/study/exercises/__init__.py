"""Exercises that check themselves, with hints and a worked solution.

One module a topic, each holding ``EXERCISES``, from id to :class:`Exercise`. A check takes the
reader's answer and says what is wrong with it through :func:`~dlcv.study.exercises.base.expect`
and :func:`~dlcv.study.exercises.base.attempt`; it returns nothing where the answer is right.
"""

from importlib import import_module

from dlcv.study.exercises.base import Exercise, Hints, NotAttempted, Verdict, Wrong

# Lecture number → module.
TOPICS = {
    "00": "orientation",
    "01": "perceptron",
    "02": "backpropagation",
    "03": "training",
    "04": "convolutions",
    "05": "normalisation",
    "06a": "classic_architectures",
    "06b": "modern_architectures",
    "07": "transfer",
    "08": "distributed",
    "09": "verification",
    "11": "detection_foundations",
    "12": "rcnn_family",
    "14": "segmentation",
}

__all__ = ["Exercise", "check", "exercises_of", "find", "hints"]


def check(id: str, answer: object) -> Verdict:
    """Tells whether an answer is right, and if not, what is wrong and why.

    Args:
        id: ``"<lecture>.<name>"``, for example ``"04.output_size"``.
        answer: the reader's value or function; ``...`` stands for "not attempted yet".

    Returns:
        A verdict that shows itself; no answer makes this function raise.

    Raises:
        ValueError: an unknown id.
    """
    exercise = find(id)
    try:
        if answer is ...:
            raise NotAttempted
        exercise.check(answer)
    except NotAttempted:
        return Verdict(id, "not attempted", "Replace the three dots and run the cell again.")
    except Wrong as reason:
        return Verdict(id, "wrong", str(reason))
    return Verdict(id, "right", exercise.praise)


def hints(id: str) -> Hints:
    """Shows an exercise's hints one by one, its worked solution, and a box to tick when done.

    Args:
        id: as in :func:`check`.

    Raises:
        ValueError: an unknown id.
    """
    return Hints(id, find(id))


def find(id: str) -> Exercise:
    """The exercise with an id."""
    lecture = id.split(".")[0]
    exercises = exercises_of(lecture)
    if id not in exercises:
        raise ValueError(f"expected one of {', '.join(exercises)}; got {id!r}")
    return exercises[id]


def exercises_of(lecture: str) -> dict[str, Exercise]:
    """All exercises of a lecture, by id."""
    if lecture not in TOPICS:
        raise ValueError(f"expected a lecture among {', '.join(TOPICS)}; got {lecture!r}")
    return import_module(f"dlcv.study.exercises.{TOPICS[lecture]}").EXERCISES
