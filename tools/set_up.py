"""Make .venv and node_modules: everything that the book, the lab and the tests need.

Does nothing when nothing changed. Runs on the system's Python before there is anything else,
so it uses the standard library alone.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "set-up"
INPUTS = ("requirements.txt", "pyproject.toml", "package.json", "tools/set_up.py")
NPM_FLAGS = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")


def digest():
    """Return the state of the files that say what has to be installed."""
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in INPUTS)).hexdigest()


def is_up_to_date():
    """Say whether .venv and node_modules already hold what the files ask for."""
    present = (VENV / "bin" / "python").exists() and (ROOT / "node_modules" / "katex").exists()
    return present and STAMP.exists() and STAMP.read_text() == digest()


def run(*command):
    """Run one step in the project's root, with .venv first on the path; stop where it fails."""
    path = os.pathsep.join((str(VENV / "bin"), os.environ["PATH"]))
    environment = dict(os.environ, PATH=path, VIRTUAL_ENV=str(VENV))
    if subprocess.call(list(map(str, command)), cwd=str(ROOT), env=environment) != 0:
        sys.exit("make setup stopped at: " + " ".join(map(str, command)))


def main():
    """Set everything up, and note what it was set up for."""
    if sys.version_info < (3, 11):  # noqa: UP036 (the system's Python may well be older)
        sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}.")
    if is_up_to_date():
        return
    print("Setting up .venv: the first time takes minutes, PyTorch is large.", flush=True)
    if not (VENV / "bin" / "pip").exists():
        run(sys.executable, "-m", "venv", "--clear", VENV)
    uv = re.search(r"^uv==[\w.]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE).group()
    run(VENV / "bin" / "python", "-m", "pip", "install", "--quiet", uv)
    run(VENV / "bin" / "uv", "pip", "install", "--requirement", "requirements.txt")
    run(VENV / "bin" / "npm", "install", *NPM_FLAGS)
    STAMP.write_text(digest())


if __name__ == "__main__":
    main()
