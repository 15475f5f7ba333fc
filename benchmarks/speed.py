"""Our readable code against the fastest there is, as ratios: what the appendix's table says.

python -m benchmarks.speed                 times all, prints the table: about three minutes
python -m benchmarks.speed --write         and puts it into the data file and book/appendix.md

Run it on a quiet machine. It times what the machine has: the CPU, or with `--device cuda` a GPU;
the rows of the other device stay as they were, and say "not yet measured" until somebody measures
them. The data card benchmarks/measured/README.md says how.
"""

import argparse
import csv
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from benchmarks.contests import Contest, Timing, clock_of, models, operations, time_pair
from tools.executions import ROOT

CONTESTS: dict[str, Contest] = {c.what: c for c in (*operations.CONTESTS, *models.CONTESTS)}
DATA = ROOT / "benchmarks" / "measured" / "speed.csv"
PAGE = ROOT / "book" / "appendix.md"
MARKS = re.compile(r"(% speed\n).*?(% /speed)", re.DOTALL)
DEVICES = ("cpu", "cuda")
HEAD = ("lecture", "what", "reference", "ours, ms", "CPU, times as long", "GPU, times as long")
WIDTHS = "8 24 24 10 17 17"  # percent
LECTURES = {
    "0": "00_orientation",
    "3": "03_training",
    "11": "11_detection_foundations",
    "12": "12_rcnn_family",
    "13": "13_one_stage",
    "14": "14_segmentation",
}
NOT_YET = "not yet measured"
NONE = "–"


@dataclass(frozen=True)
class Row:
    """One contest on one device, as it stands in the data file; no number where there is none."""

    what: str
    device: str
    ours_ms: float
    theirs_ms: float | None
    ratio: float | None
    low: float | None
    high: float | None
    threads: int
    machine: str
    versions: str


def machine_name(device: torch.device) -> str:
    """Return what computes: the GPU's name, or the processor's with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def versions() -> str:
    """Return the versions of all that computes."""
    wanted = ("torch", "torchvision", "kornia")
    found = [name for name in wanted if importlib.util.find_spec(name)]
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in found)


def measure(device: torch.device, contests: Iterable[Contest]) -> list[Row]:
    """Time all contests whose reference is installed; say which are left out."""
    rows = []
    for contest in contests:
        if contest.needs and importlib.util.find_spec(contest.needs) is None:
            print(f"{contest.what}: left out, {contest.needs} is not installed (pip: .[bench])")
            continue
        timing = time_pair(contest.make(device), clock_of(device))
        rows.append(make_row(contest, device, timing))
        print(f"{contest.what}: {in_words(rows[-1])}", flush=True)
    return rows


def make_row(contest: Contest, device: torch.device, timing: Timing) -> Row:
    """Return a row of the data file, numbers rounded to four digits."""
    rounded = {k: None if v is None else float(f"{v:.4g}") for k, v in asdict(timing).items()}
    where = (torch.get_num_threads(), machine_name(device), versions())
    return Row(contest.what, device.type, *rounded.values(), *where)


def read_rows(path: Path = DATA) -> dict[tuple[str, str], Row]:
    """Return the rows of the data file, by contest and device."""
    if not path.exists():
        return {}
    rows = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            numbers = {
                f.name: (float(line[f.name]) if line[f.name] else None)
                for f in fields(Row)
                if f.name in {"ours_ms", "theirs_ms", "ratio", "low", "high"}
            }
            row = Row(**(line | numbers | {"threads": int(line["threads"])}))
            rows[row.what, row.device] = row
    return rows


def write_rows(rows: dict[tuple[str, str], Row], path: Path = DATA) -> None:
    """Write the data file in the order of the contests; rows of contests that are gone, go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for what in CONTESTS:
            for device in DEVICES:
                if (what, device) in rows:
                    writer.writerow(asdict(rows[what, device]))


def in_words(row: Row | None) -> str:
    """Return a ratio with its quartiles."""
    if row is None:
        return NOT_YET
    if row.ratio is None:
        return NONE
    ratio, low, high = (f"{float(f'{x:.2g}'):g}" for x in (row.ratio, row.low, row.high))
    return f"{ratio} ({low} to {high})"


def as_markdown(rows: dict[tuple[str, str], Row]) -> str:
    """Return the table as it stands in the appendix."""
    lines = []
    for what, contest in CONTESTS.items():
        on_cpu, on_gpu = (rows.get((what, device)) for device in DEVICES)
        lecture = f"[{contest.lecture}](../lectures/{LECTURES[contest.lecture]}.ipynb)"
        ours = NOT_YET if on_cpu is None else f"{on_cpu.ours_ms:.3g}"
        lines.append((lecture, what, contest.reference, ours, in_words(on_cpu), in_words(on_gpu)))
    rule = ["---", "---", "---", "--:", "---", "---"]
    table = "".join(f"| {' | '.join(line)} |\n" for line in (HEAD, rule, *lines))
    machines = {f"{r.machine}; {r.threads} thread(s); {r.versions}" for r in rows.values()}
    measured = "".join(f"\nMeasured on: {machine}.\n" for machine in sorted(machines))
    return f"```{{table}}\n:widths: {WIDTHS}\n\n{table}```\n{measured}"


def update(page: str, rows: dict[tuple[str, str], Row]) -> str:
    """Return the page with the table of these rows.

    Raises:
        ValueError: If the page has no place for it.
    """
    if not MARKS.search(page):
        raise ValueError("expected a page with a place between % speed and % /speed")
    return MARKS.sub(lambda m: f"{m[1]}\n{as_markdown(rows)}\n{m[2]}", page)


def main() -> None:
    """Time, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into data file and appendix")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("Expected a CUDA device, got a machine without one.")
    rows = read_rows()
    rows |= {(row.what, row.device): row for row in measure(device, CONTESTS.values())}
    print(f"\n{as_markdown(rows)}")
    slow = [r.what for r in rows.values() if r.ratio is not None and r.ratio > 3]
    print(f"More than three times as long as the reference: {', '.join(slow) or 'none'}.")
    if options.write:
        write_rows(rows)
        PAGE.write_text(update(PAGE.read_text("utf-8"), rows), "utf-8")


if __name__ == "__main__":
    main()
