"""Run the lectures under nbval: what the run sees becomes their pages (tests/one_pass.py).

python -m tools.run_lectures            all of them
python -m tools.run_lectures --stale    those that changed, or that something they use did
"""

import subprocess
import sys

from tools.executions import ROOT, lectures, stale_lectures

WORKERS = "2"


def pytest_command(*arguments: str) -> list[str]:
    """Return the command that runs pytest with two workers."""
    return [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, "--color=no", *arguments]


def main() -> None:
    """Run all lectures, or the stale ones, and end with pytest's exit code."""
    todo = stale_lectures() if "--stale" in sys.argv[1:] else lectures()
    print(f"{len(todo)} of {len(lectures())} lectures to run", flush=True)
    if todo:
        command = pytest_command("--nbval-lax", *map(str, todo))
        sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
