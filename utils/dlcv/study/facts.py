"""The fact sheet of the course: every number it teaches, with its source, ready to compare."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import takewhile
from textwrap import fill

WIDTH = 84  # characters of a printed line: as many as a page shows beside its contents


@dataclass(frozen=True)
class Fact:
    """One row of the fact sheet.

    Attributes:
        id: for example ``L04-OUT-32-5-1-2``; the two digits are the lecture.
        quantity: what is counted or measured, in words.
        value: the expected value.
        unit: its unit, empty for a pure number.
        tolerance: absolute; 0 means equal.
        source: paper, section or "arithmetic".
        verified: ``computed`` (recomputed by arithmetic), ``source`` or ``paper`` (quoted).
        note: what else a reader should know.
    """

    id: str
    quantity: str
    value: float
    unit: str
    tolerance: float
    source: str
    verified: str
    note: str


@cache
def load_facts() -> dict[str, Fact]:
    """Reads the fact sheet that ships with the package, by id."""
    lines = files("dlcv.study").joinpath("facts.csv").read_text(encoding="utf-8").splitlines()
    rows = (_fact(row) for row in csv.DictReader(lines))
    return {row.id: row for row in rows}


def _fact(row: dict[str, str]) -> Fact:
    return Fact(
        id=row["id"],
        quantity=row["quantity"],
        value=float(row["expected_value"]),
        unit=row["unit"],
        tolerance=float(row["tolerance"]),
        source=row["source"],
        verified=row["verified"],
        note=row["note"],
    )


def fact(id: str, value: float | None = None) -> None:
    """Prints a fact with its source; given a value, first checks that it agrees.

    Args:
        id: a row of the fact sheet, for example ``"L04-CONV"``.
        value: what was just computed; left out for a fact that is only quoted.

    Raises:
        ValueError: the id is unknown, or the value is off by more than the row's tolerance.
    """
    row = _lookup(id)
    _compare(row, value)
    mark = "cited" if value is None else "✓"
    line, source = f"{mark} {row.quantity}: {_number(row)} {row.unit}".rstrip(), f"[{row.source}]"
    if len(line) + 2 + len(source) <= WIDTH:
        print(f"{line}  {source}")
    else:
        print(fill(line, WIDTH, subsequent_indent="    "))
        print(fill(source, WIDTH, initial_indent="    ", subsequent_indent="    "))


def fact_table(values: Mapping[str, float | None]) -> None:
    """Prints a family of facts in few lines; each is first compared as in :func:`fact`.

    What all quantities begin with is said once, and so are their sources.

    Args:
        values: id → what was just computed, or None for a fact that is only quoted.

    Raises:
        ValueError: there is no fact, an id is unknown, or a value is off.
    """
    rows = [_lookup(id) for id in values]
    if not rows:
        raise ValueError("expected at least one fact, got none")
    for row in rows:
        _compare(row, values[row.id])
    columns = zip(*(row.quantity.split() for row in rows), strict=False)
    shared = " ".join(words[0] for words in takewhile(lambda words: len(set(words)) == 1, columns))
    names = [" ".join(row.quantity.split())[len(shared) :].strip() for row in rows]
    numbers = [f"{_number(row)} {row.unit}".rstrip() for row in rows]
    pairs = zip(names, numbers, strict=True)
    entries = [f"{name}: {number}" if name else number for name, number in pairs]
    mark = "cited" if None in values.values() else "✓"
    print(f"{mark} {len(rows)} facts. {shared}".rstrip())
    print(fill(" · ".join(entries), WIDTH, initial_indent="  ", subsequent_indent="  "))
    print(fill(f"[{'; '.join(dict.fromkeys(row.source for row in rows))}]", WIDTH))


def _compare(row: Fact, value: float | None) -> None:
    if value is not None and not abs(float(value) - row.value) <= row.tolerance:
        raise ValueError(f"{row.id}: expected {row.value:g} ({row.quantity}), got {float(value):g}")


def _number(row: Fact) -> str:
    return f"{row.value:,.8f}".rstrip("0").rstrip(".")


def _lookup(id: str) -> Fact:
    facts = load_facts()
    if id not in facts:
        lecture = id.split("-")[0]
        near = [name for name in facts if name.startswith(lecture)][:5]
        raise ValueError(f"expected the id of a fact, such as {', '.join(near)}; got {id!r}")
    return facts[id]
