"""Run every check and test of the project, and end with how many passed and how many failed."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools.executions import ROOT
from tools.run_lectures import pytest_command

REPORTS = ROOT / "_build" / "reports"


@dataclass(frozen=True)
class Stage:
    """A part of the tests: a command, and the stages without which it has nothing to work on."""

    name: str
    command: list[str]
    needs: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """Where pytest leaves its counts."""
        return REPORTS / f"{self.name}.xml"


@dataclass
class Result:
    """What a stage came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def pytest_stage(name: str, *arguments: str, needs: tuple[str, ...] = ()) -> Stage:
    """Return a stage that runs pytest and leaves its counts in a report."""
    return Stage(name, pytest_command(f"--junit-xml={REPORTS / name}.xml", *arguments), needs)


def module_stage(name: str, module: str, needs: tuple[str, ...] = ()) -> Stage:
    """Return a stage that runs one of the tools and counts as one test."""
    return Stage(name, [sys.executable, "-m", module], needs)


STAGES = (
    module_stage("check", "tools.check"),
    module_stage("chromium", "tools.ensure_browser"),
    pytest_stage("package", "tests", "--ignore=tests/site", "--dist=loadfile"),
    pytest_stage("lectures", "--nbval-lax", "lectures"),
    module_stage("site", "tools.build_site", needs=("lectures",)),
    pytest_stage("browser", "tests/site", needs=("chromium", "site")),
)


def run(stage: Stage) -> Result:
    """Run one stage and count its tests; one that stops without saying why counts as failed."""
    stage.report.unlink(missing_ok=True)
    started = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # two workers share two cores
    code = subprocess.run(stage.command, cwd=ROOT, env=environment).returncode
    result = read_report(stage.report) if stage.report.exists() else Result(passed=int(code == 0))
    if code != 0 and result.failed == 0:
        result.failed = 1
        result.failures.append(f"{stage.name}: stopped with exit code {code}")
    result.seconds = time.perf_counter() - started
    return result


def read_report(path: Path) -> Result:
    """Return the counts in a JUnit report, and a line for each failure."""
    result = Result()
    for case in ElementTree.parse(path).iter("testcase"):
        outcome = {child.tag: child.get("message", "") for child in case}
        failure = outcome.get("failure", outcome.get("error"))
        if failure is not None:
            result.failed += 1
            reason = failure.strip().splitlines() or ["no reason given"]
            result.failures.append(f"{case.get('classname')} {case.get('name')}: {reason[0]}")
        elif "skipped" in outcome:
            result.skipped += 1
        else:
            result.passed += 1
    return result


def run_all(stages: tuple[Stage, ...]) -> dict[str, Result]:
    """Run the stages in turn, also after one failed, except where what they need is missing."""
    results: dict[str, Result] = {}
    for stage in stages:
        missing = [name for name in stage.needs if results[name].failed]
        print(f"\n== {stage.name}", flush=True)
        if missing:
            print(f"not run: it needs {', '.join(missing)}")
            results[stage.name] = Result(failed=1, failures=[f"{stage.name}: not run"])
        else:
            results[stage.name] = run(stage)
    return results


def summary(results: dict[str, Result]) -> str:
    """Return the failures and the table of the stages; the last line holds the counts of all."""
    rows = ["", *(line for result in results.values() for line in result.failures)]
    rows.append(f"{'stage':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, r in results.items():
        rows.append(f"{name:<10}{r.passed:>8}{r.failed:>8}{r.skipped:>9}{r.seconds:>9.0f}")
    passed = sum(result.passed for result in results.values())
    failed = sum(result.failed for result in results.values())
    skipped = sum(result.skipped for result in results.values())
    total = f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    return "\n".join([*rows, total])


def main() -> None:
    """Run everything; fail if anything failed, or if there was nothing to pass."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    results = run_all(STAGES)
    print(summary(results))
    sound = not any(result.failed for result in results.values())
    sys.exit(0 if sound and all(result.passed for result in results.values()) else 1)


if __name__ == "__main__":
    main()
