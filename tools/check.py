"""The quick checks, all of them even if one fails: lint, format, order, rules, addresses, sizes."""

import subprocess
import sys

from tools import normalise, notebook_rules, repository
from tools.executions import ROOT

MAX_FILE_KB = 1000


def complaints(*command: str) -> list[str]:
    """Return what a Python program has to say about the project, if it fails."""
    command = (sys.executable, "-m", *command)
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return (result.stdout + result.stderr).splitlines() if result.returncode else []


def import_rule() -> list[str]:
    """Return the modules that import what they must not."""
    test = ("tests/test_import_rule.py", "-k", "keeps_the_import_rule")
    return complaints("pytest", "-q", "--no-header", "--tb=line", *test)


def large_files() -> list[str]:
    """Return the files that are too large to be committed."""
    sizes = {path: path.stat().st_size / 1000 for path in repository.files()}
    return [
        f"{path.relative_to(ROOT)} has {size:.0f} KB, expected at most {MAX_FILE_KB}"
        for path, size in sizes.items()
        if size > MAX_FILE_KB
    ]


CHECKS = {
    "lint": lambda: complaints("ruff", "check", "--output-format=concise", "--quiet", "."),
    "format": lambda: complaints("ruff", "format", "--check", "--quiet", "."),
    "imports run down": import_rule,
    "notebooks are normalised": normalise.problems,
    "notebooks keep the rules": notebook_rules.problems,
    "one address": repository.problems,
    "small files": large_files,
}


def main() -> None:
    """Run every check, say what is wrong, and fail if anything is."""
    failed = False
    for name, problems_of in CHECKS.items():
        problems = problems_of()
        failed |= bool(problems)
        print(f"{'FAILED' if problems else 'ok':>6}  {name}")
        for problem in problems:
            print(f"        {problem}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
