"""Run on a GPU what only a GPU can show, and print one table of it.

python -m tools.run_gpu                      every test that needs a GPU, every lecture at the quick
                                             scale, every benchmark
python -m tools.run_gpu 04_convolutions …    and these lectures at full scale
python -m tools.run_gpu --plan               only say what would run
python -m tools.run_gpu --rehearse           one test file and one lecture, on the CPU too
"""

import argparse
import json
import platform
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from tools import run_tests
from tools.executions import ROOT, lectures
from tools.run_tests import Result, Stage, pytest_stage

NO_GPU_WORK = {"site"}  # benchmarks that measure the built pages, the same on every machine
INTERVAL_S = 0.1
HEAD = ("what", "scale", "seed", "n", "passed", "failed", "skipped", "seconds", "GPU MiB")


@dataclass(frozen=True)
class Job:
    """One row of the table: a command, at which scale and from which seed it runs."""

    stage: Stage
    scale: str = "–"
    seed: str = "own"


def at(scale: str, stage: Stage) -> Stage:
    """Return a stage with the scale of the lectures set."""
    return Stage(stage.name, ["env", f"DLCV_SCALE={scale}", *stage.command])


def test_job(name: str, *selection: str) -> Job:
    """Return the job that runs some of the tests, one after the other; each has its own seeds."""
    return Job(pytest_stage(name, "--numprocesses=0", *selection))


def lecture_job(name: str, scale: str) -> Job:
    """Return the job that runs a lecture: what it puts out becomes its page, as in `make book`."""
    path = ROOT / "lectures" / f"{name}.ipynb"
    arguments = ("--numprocesses=0", "--nbval-lax", str(path))
    if scale == "full":
        arguments += ("--nbval-cell-timeout=86400",)
    stage = pytest_stage(f"{name}-{scale}", *arguments)
    return Job(at(scale, stage), scale, seed_of(name))


def seed_of(lecture: str) -> str:
    """Return the seed that a lecture's setup cell sets."""
    notebook = json.loads((ROOT / "lectures" / f"{lecture}.ipynb").read_text("utf-8"))
    source = "".join("".join(cell["source"]) for cell in notebook["cells"])
    return ", ".join(sorted(set(re.findall(r"^seed_everything\((\d+)\)", source, re.MULTILINE))))


def benchmark_jobs() -> list[Job]:
    """Return a job for every benchmark that a GPU makes a difference to."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    commands = {name: [sys.executable, "-m", f"benchmarks.{name}"] for name in names}
    return [Job(Stage(name, commands[name])) for name in names if name not in NO_GPU_WORK]


def plan(full: Sequence[str]) -> list[Job]:
    """Return everything that runs, in order: tests, lectures, large lectures, benchmarks.

    Raises:
        ValueError: If there is no lecture of such a name.
    """
    names = [path.stem for path in lectures()]
    unknown = [name for name in full if name not in names]
    if unknown:
        raise ValueError(f"expected lectures among {', '.join(names)}, got {', '.join(unknown)}")
    quick = [lecture_job(name, "quick") for name in names]
    large = [lecture_job(name, "full") for name in full]
    return [test_job("CPU-GPU", "-m", "cuda", "tests"), *quick, *large, *benchmark_jobs()]


def rehearsal() -> list[Job]:
    """Return a job of each kind that runs anywhere: it tries this program, not the GPU."""
    tests = test_job("rehearsal", "tests/tools/test_run_tests.py")
    return [tests, lecture_job(lectures()[0].stem, "quick")]


def used_mib() -> float:
    """Return the memory in use on the first GPU, by all processes, in MiB; nan without one."""
    if not torch.cuda.is_available():
        return float("nan")
    free, total = torch.cuda.mem_get_info(0)
    return (total - free) / 2**20


@contextmanager
def watching(used: Callable[[], float] = used_mib) -> Iterator[list[float]]:
    """Watch the GPU's memory during a block, ten times a second, and note the peaks.

    What was in use before the block is left out.
    """
    before, peaks, over = used(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL_S):
            peaks.append(max(peaks[-1], used() - before))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def run_all(jobs: Sequence[Job]) -> list[tuple[Job, Result, float]]:
    """Run the jobs one after the other, also after one failed, each alone on the GPU."""
    run_tests.REPORTS.mkdir(parents=True, exist_ok=True)
    rows = []
    for job in jobs:
        print(f"\n== {job.stage.name}", flush=True)
        with watching() as peaks:
            result = run_tests.run(job.stage)
        rows.append((job, result, peaks[-1] if torch.cuda.is_available() else float("nan")))
    return rows


def machine() -> str:
    """Return one line: the GPU and the versions of all that computes."""
    has_gpu = torch.cuda.is_available()
    gpu = torch.cuda.get_device_name(0) if has_gpu else f"no GPU, {platform.machine()}"
    versions = {"torch": torch.__version__, "CUDA": torch.version.cuda}
    versions |= {"cuDNN": torch.backends.cudnn.version(), "Python": platform.python_version()}
    return " · ".join([gpu, *(f"{name} {version}" for name, version in versions.items())])


def table(rows: Sequence[tuple[Job, Result, float]]) -> str:
    """Return the failures, the machine, a row for each job, and the counts of all."""
    lines = ["", *(line for _, result, _ in rows for line in result.failures), machine()]
    cells = [HEAD]
    for job, r, peak in rows:
        n = r.passed + r.failed + r.skipped
        counts = (n, r.passed, r.failed, r.skipped, round(r.seconds))
        memory = "–" if peak != peak else f"{peak:.0f}"
        cells.append((job.stage.name, job.scale, job.seed, *map(str, counts), memory))
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    for row in cells:
        pairs = zip(row, widths, strict=True)
        lines.append("  ".join(f"{c:<{w}}" if c is row[0] else f"{c:>{w}}" for c, w in pairs))
    passed, failed = (sum(getattr(r, k) for _, r, _ in rows) for k in ("passed", "failed"))
    return "\n".join([*lines, f"{passed} passed, {failed} failed"])


def main() -> None:
    """Run everything; fail if anything failed or was left out, or where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("full", nargs="*", metavar="LECTURE", help="to run at full scale too")
    parser.add_argument("--plan", action="store_true", help="only say what would run")
    parser.add_argument("--rehearse", action="store_true", help="a job of each kind, anywhere")
    options = parser.parse_args()
    try:
        jobs = rehearsal() if options.rehearse else plan(options.full)
    except ValueError as error:
        sys.exit(str(error))
    if options.plan:
        print("\n".join(f"{job.stage.name:<36}{job.scale}" for job in jobs))
        return
    if not options.rehearse and not torch.cuda.is_available():
        sys.exit(
            "make gpu needs a machine with an NVIDIA GPU that PyTorch can use; "
            f"torch {torch.__version__} sees none here."
        )
    rows = run_all(jobs)
    print(table(rows))
    sys.exit(0 if all(r.passed and not r.failed for _, r, _ in rows) else 1)


if __name__ == "__main__":
    main()
