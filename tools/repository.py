"""The project's address: pyproject.toml says it, everything else repeats it.

`python -m tools.repository https://github.com/owner/name` carries a new one to every copy.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.executions import ROOT

ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)")
# A copy is known by its use: other repositories may be linked, but never in one of these ways.
COPIES = {
    "Colab link": re.compile(r"colab\.research\.google\.com/github/([\w.-]+)/([\w.-]+)/blob"),
    "pip install": re.compile(r"git\+https://github\.com/([\w.-]+)/([\w.-]+)"),
    "git clone": re.compile(r"git clone https://github\.com/([\w.-]+)/([\w.-]+)"),
    "issue link": re.compile(r"github\.com/([\w.-]+)/([\w.-]+)/(?:issues|discussions)"),
    "setting": re.compile(r"(?m)^\s*url\s*: *[\"']?https://github\.com/([\w.-]+)/([\w.-]+)"),
    "site's address": re.compile(
        r"(?:base|site_)url\s*: *[\"']?https://([\w-]+)\.github\.io/([\w.-]+)"
    ),
}


def address(root: Path = ROOT) -> str:
    """Return where the project lives, as pyproject.toml says."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return project["urls"]["Repository"]


def files(root: Path = ROOT) -> list[Path]:
    """Return the project's own files: what git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [
        root / name for name in sorted(set(listing.split("\0")) - {""}) if (root / name).is_file()
    ]


def texts(root: Path) -> dict[Path, str]:
    """Return the text of every file that is text, tests left out: they use made-up addresses."""
    found = {}
    for path in files(root):
        data = path.read_bytes()
        if b"\0" not in data and path.relative_to(root).parts[0] != "tests":
            found[path] = data.decode("utf-8")
    return found


def problems(root: Path = ROOT) -> list[str]:
    """Return every copy of the address that differs from the one in pyproject.toml."""
    owner, name = ADDRESS.fullmatch(address(root)).groups()
    return [
        f"{path.relative_to(root)}: {kind} goes to {'/'.join(copy)}, expected {owner}/{name}"
        for path, text in texts(root).items()
        for kind, pattern in COPIES.items()
        for copy in pattern.findall(text)
        if copy != (owner, name)
    ]


def move(new: str, root: Path = ROOT) -> list[Path]:
    """Change every copy of the address, and return the files that changed."""
    old_owner, old_name = ADDRESS.fullmatch(address(root)).groups()
    owner, name = ADDRESS.fullmatch(new).groups()
    old_slug = rf"(github(?:\.com)?/){re.escape(old_owner)}/{re.escape(old_name)}(?![\w-])"
    old_site = rf"\b{re.escape(old_owner)}\.github\.io/{re.escape(old_name)}(?![\w-])"
    changed = []
    for path, text in texts(root).items():
        moved = re.sub(old_slug, rf"\g<1>{owner}/{name}", text)
        moved = re.sub(old_site, f"{owner}.github.io/{name}", moved)
        if moved != text:
            path.write_text(moved, "utf-8")
            changed.append(path)
    return changed


def main() -> None:
    """Change the address to the one on the command line."""
    if len(sys.argv) != 2 or not ADDRESS.fullmatch(sys.argv[1]):
        sys.exit("expected make repository URL=https://github.com/owner/name")
    for path in move(sys.argv[1]):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
