"""Build the site from the lectures as they ran in the tests. Nothing is executed here.

Refuses unless every lecture passed exactly as it is now; warnings are errors.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from tools.executions import ROOT, executed_notebook, lectures, stale_lectures

JUPYTER_BOOK = str(Path(sys.executable).with_name("jupyter-book"))
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SETTINGS = ("_config.yml", "_toc.yml", "requirements.txt", "package.json")  # any page may change


def fill_cache(root: Path) -> None:
    """Put the executed lectures, and nothing else, where Jupyter Book looks for them."""
    shutil.rmtree(root / "_build" / ".jupyter_cache", ignore_errors=True)
    cache = get_cache(root / "_build" / ".jupyter_cache")
    for lecture in lectures(root):
        notebook = nbformat.read(executed_notebook(lecture, root), as_version=4)
        bundle = CacheBundleIn(notebook, str(lecture))
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def settings_digest(root: Path) -> str:
    """Return the state of the files that every page depends on and Sphinx does not follow."""
    code = [*(root / "book").rglob("*.py"), *(root / "book").rglob("*.html")]
    files = [root / name for name in SETTINGS] + sorted(code)
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.exists())).hexdigest()


def forget_outdated_pages(root: Path) -> None:
    """Make Sphinx read again what it would take for unchanged: it looks at the sources alone."""
    pages, note = root / "_build" / ".doctrees", root / "_build" / "site-settings"
    if not note.exists() or note.read_text() != settings_digest(root):
        shutil.rmtree(pages, ignore_errors=True)
        shutil.rmtree(root / "_build" / "html", ignore_errors=True)
    for lecture in lectures(root):
        page = pages / "lectures" / f"{lecture.stem}.doctree"
        executed = executed_notebook(lecture, root)
        if page.exists() and page.stat().st_mtime < executed.stat().st_mtime:
            page.unlink()
    note.write_text(settings_digest(root))


def run_jupyter_book(root: Path) -> bool:
    """Build, showing what is wrong, and return whether nothing is and nothing was executed."""
    command = [JUPYTER_BOOK, "build", ".", "-n", "-W", "--keep-going"]
    log = root / "_build" / "site.log"
    with log.open("w") as file:
        code = subprocess.run(command, cwd=root, stdout=file, stderr=file).returncode
    lines = COLOUR.sub("", log.read_text()).splitlines()
    wrong = [line for line in lines if re.search(r"WARNING|ERROR|Executing notebook", line)]
    print("\n".join(wrong if wrong or code == 0 else lines[-30:]), flush=True)
    return code == 0 and not any("Executing notebook" in line for line in wrong)


def main(root: Path = ROOT) -> None:
    """Build the site into _build/html, and say how to open it."""
    stale = stale_lectures(root)
    if stale:
        names = ", ".join(lecture.stem for lecture in stale)
        sys.exit(f"No site: these lectures have not passed as they are now: {names}.")
    print("Building the site ...", flush=True)
    fill_cache(root)
    forget_outdated_pages(root)
    if not run_jupyter_book(root):
        pages = root / "_build" / ".doctrees"
        shutil.rmtree(pages, ignore_errors=True)  # or the next build would not warn again
        sys.exit(f"No site: see above, and {root / '_build' / 'site.log'} for everything.")
    print(f"The site is built: open {root / '_build' / 'html' / 'index.html'} or run make serve.")


if __name__ == "__main__":
    main()
