"""Find a Chromium that starts, or install one: Playwright's own, else the system's package.

python -m tools.ensure_browser
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Error, Playwright, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def candidates(playwright: Playwright) -> Iterator[str]:
    """Yield the browsers that are installed, Playwright's own first."""
    own = playwright.chromium.executable_path
    yield from filter(os.path.exists, [own])
    yield from filter(None, map(shutil.which, ON_PATH))


def starts(playwright: Playwright, path: str) -> bool:
    """Say whether a browser really starts: a system library may be missing."""
    try:
        playwright.chromium.launch(executable_path=path, args=ARGUMENTS).close()
    except Error as error:
        print(f"{path} does not start: {error.message.splitlines()[0]}", file=sys.stderr)
        return False
    return True


def find_browser() -> str | None:
    """Return the path of the first browser that starts, or None."""
    with sync_playwright() as playwright:
        paths = candidates(playwright)
        return next((path for path in paths if starts(playwright, path)), None)


def browser_path() -> str:
    """Return the path of a Chromium that starts.

    Raises:
        FileNotFoundError: there is none.
    """
    with ThreadPoolExecutor(1) as thread:  # Playwright allows one session a thread
        path = thread.submit(find_browser).result()
    if path is None:
        raise FileNotFoundError("expected an installed Chromium, got none that starts")
    return path


def download() -> None:
    """Fetch Playwright's own Chromium."""
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], timeout=600)


def install_package() -> None:
    """Install the system's package, where that can be done without asking for a password."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for arguments in (["update", "-q"], ["install", "-q", "-y", "chromium"]):
        subprocess.run([*prefix, "apt-get", *arguments], timeout=600)


def ensure_browser() -> str:
    """Return the path of a Chromium that starts, after installing one if need be."""
    for install in (download, install_package):
        try:
            return browser_path()
        except FileNotFoundError:
            print(f"No browser yet: {install.__doc__}", flush=True)
        try:
            install()
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"That did not work: {error}", flush=True)
    return browser_path()


if __name__ == "__main__":
    print(ensure_browser())
