"""Every system of the course: how large it is, what it reached, and how far from its reference.

python -m benchmarks.systems               computes the table and prints it
python -m benchmarks.systems --write       and puts it into book/appendix.md

Sizes and differences are computed here (`benchmarks.checks`). What a system reached is read from
the lectures as they last ran (`dlcv.study.record_result`); where one has not run, the table keeps
what it says.
"""

import argparse
import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat

from benchmarks.checks import (
    Check,
    detectors,
    faces_and_boxes,
    foundations,
    networks,
    pixels_and_words,
)
from dlcv.study.results import LECTURE_OF, Result, parse_results
from tools.executions import ROOT, executed_notebook

MODULES = (foundations, networks, faces_and_boxes, detectors, pixels_and_words)
CHECKS: dict[str, Callable[[], Check]] = {
    name: check for module in MODULES for name, check in module.CHECKS.items()
}
MARKS = re.compile(r"(% systems\n).*?(% /systems)", re.DOTALL)
HEAD = (
    "lecture",
    "system, below `dlcv`",
    "parameters",
    "reached",
    "s",
    "checked against",
    "apart by",
)
WIDTHS = "8 27 13 18 6 18 10"  # percent
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = "–"


class Row(NamedTuple):
    """One line of the table, as text."""

    lecture: str
    system: str
    package: str
    parameters: str
    reached: str
    seconds: str
    reference: str
    apart: str


def systems(root: Path = ROOT) -> list[str]:
    """Return the systems whose lecture is written, in the order of the book."""
    written = {path.stem for path in (root / "lectures").glob("*.ipynb")}
    return [name for name, lecture in LECTURE_OF.items() if lecture in written]


def bound(difference: float) -> str:
    """Return a difference as the next power of ten above it, which other machines keep as well."""
    if difference == 0:
        return "0"
    power = max(math.floor(math.log10(difference)) + 1, -12)
    return f"<\N{NO-BREAK SPACE}10{str(power).translate(SUPERSCRIPTS)}"


def limit(text: str) -> float:
    """Return the number that `bound` wrote; 0 is the round-off of float32, of another machine."""
    if text == "0":
        return 1e-5
    power = text.removeprefix("<\N{NO-BREAK SPACE}10")
    return 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


def read_results(lecture: str, root: Path = ROOT) -> dict[str, Result] | None:
    """Return what a lecture noted when it last ran, by system; None if it has not run."""
    executed = executed_notebook(root / "lectures" / f"{lecture}.ipynb", root)
    if not executed.exists():
        return None
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    text = "\n".join(out.text for out in outputs if out.get("name") == "stdout")
    return {result.system: result for result in parse_results(text)}


def reached(result: Result | None) -> tuple[str, str]:
    """Return what a system reached, with its spread, and the seconds."""
    if result is None:
        return NONE, NONE
    spread = f" ({result.least:.3g} to {result.most:.3g})" if result.runs > 1 else ""
    seconds = NONE if result.seconds is None else f"{result.seconds:.2g}"
    return f"{result.metric}: {result.value:.3g}{spread}", seconds


def make_row(system: str, check: Check, result: tuple[str, str]) -> Row:
    """Return the line of a system."""
    lecture = LECTURE_OF[system]
    number = lecture.split("_")[0].removeprefix("0")
    parameters = NONE if check.parameters is None else f"{check.parameters:,}"
    return Row(
        f"[{number}](../lectures/{lecture}.ipynb)",
        system,
        f"`{check.package}`",
        parameters,
        *result,
        check.reference,
        bound(check.difference),
    )


def read_table(text: str) -> dict[str, Row]:
    """Return the lines of the table in a page, by system."""
    table = MARKS.search(text)
    if table is None:
        raise ValueError("expected a page with a table between % systems and % /systems")
    cells = [line.strip("| ").split(" | ") for line in table.group(0).splitlines() if "|" in line]
    rows = [Row(lecture, *system.split(" `"), *rest) for lecture, system, *rest in cells[2:]]
    return {row.system: row._replace(package=f"`{row.package}") for row in rows}


def compute(page: str, root: Path = ROOT, checks: Mapping = CHECKS) -> list[Row]:
    """Compute the table; of lectures that have not run, keep what the page says."""
    old, rows = read_table(page), []
    for system in systems(root):
        print(f"{system} ...", file=sys.stderr, flush=True)
        results = read_results(LECTURE_OF[system], root)
        if results is None:
            kept = (old[system].reached, old[system].seconds) if system in old else (NONE, NONE)
        else:
            kept = reached(results.get(system))
        rows.append(make_row(system, checks[system](), kept))
    return rows


def as_markdown(rows: list[Row]) -> str:
    """Return the table as it stands in the page."""
    rule = ["--:" if name in {"parameters", "s"} else "---" for name in HEAD]
    body = [(row.lecture, f"{row.system} {row.package}", *row[3:]) for row in rows]
    lines = "".join(f"| {' | '.join(line)} |\n" for line in (HEAD, rule, *body))
    return f"```{{table}}\n:widths: {WIDTHS}\n\n{lines}```\n"


def main() -> None:
    """Compute the table, print it, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into book/appendix.md")
    page = ROOT / "book" / "appendix.md"
    is_written = parser.parse_args().write
    text = page.read_text("utf-8")
    table = as_markdown(compute(text))
    print(table)
    if is_written:
        page.write_text(MARKS.sub(lambda m: f"{m[1]}\n{table}\n{m[2]}", text), "utf-8")


if __name__ == "__main__":
    main()
