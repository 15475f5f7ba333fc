"""What is wrong with a caption of a scene: the number of objects, a kind, a colour, the relation?"""

import re
from collections.abc import Sequence

from dlcv.data.palette import COLOURS
from dlcv.data.shapes import KINDS

RELATIONS = ("left of", "above")
MISTAKES = ("count", "kind", "colour", "relation", "grammar")

_NAME = rf"(an?) ({'|'.join(COLOURS)}) ({'|'.join(KINDS)})"
_CAPTION = re.compile(rf"{_NAME}(?: ({'|'.join(RELATIONS)}) {_NAME})?")


def parse_caption(caption: str) -> tuple[list[tuple[str, str]], str | None] | None:
    """Take a caption of a scene apart.

    Args:
        caption: For example "a red fish left of an orange ring".

    Returns:
        The objects (colour, kind) in the order they are named, and the relation, None where there
        is one object; or None if this is no such caption, "an red fish" included.

    Taught in: lectures/15_captioning
    """
    found = _CAPTION.fullmatch(caption)
    if not found:
        return None
    article, colour, kind, relation, article2, colour2, kind2 = found.groups()
    names = [(article, colour, kind), (article2, colour2, kind2)][: 2 if relation else 1]
    if any((article == "an") != (colour[0] in "aeiou") for article, colour, _ in names):
        return None
    return [name[1:] for name in names], relation


def mistakes(candidate: str, reference: str) -> set[str]:
    """Name what a caption has wrong, out of MISTAKES; an empty set for none.

    The objects are compared in the order in which they are named; if that gives a mistake, in the
    other order too, and the order with fewer mistakes counts, as a wrong relation.

    Args:
        candidate: What was said.
        reference: A right caption of a scene with one or two objects.

    Raises:
        ValueError: If the reference is no such caption.

    Taught in: lectures/15_captioning
    """
    right, said = parse_caption(reference), parse_caption(candidate)
    if right is None:
        raise ValueError(f"expected a caption as reference, got {reference!r}")
    if said is None:
        return {"grammar"}
    if len(said[0]) != len(right[0]):
        return {"count"}
    straight = _compare(said[0], right[0]) | ({"relation"} if said[1] != right[1] else set())
    crossed = _compare(said[0][::-1], right[0]) | {"relation"}
    return min(straight, crossed, key=len)


def _compare(said: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]) -> set[str]:
    found = set()
    for (colour, kind), (true_colour, true_kind) in zip(said, right, strict=True):
        found |= {"colour"} if colour != true_colour else set()
        found |= {"kind"} if kind != true_kind else set()
    return found
