"""Ask every address of a real data set for its first byte: `python -m tools.check_addresses`.

The weekly workflow runs it. Nothing is downloaded. It fails if a file is at none of its addresses.
"""

import sys
from http.client import HTTPException
from urllib.request import Request, urlopen

from dlcv.data.fetching import PATIENCE_S, reason
from dlcv.data.known_sets import SETS


def addresses() -> dict[str, tuple[str, ...]]:
    """Return the addresses of every file that a loader would fetch, by the file's name."""
    files = {file for known in SETS.values() for part in known.archives.values() for file in part}
    return {file.path: file.urls for file in sorted(files, key=lambda file: file.path)}


def answer(url: str) -> str:
    """Return "" if an address has the file, else what is wrong."""
    request = Request(url, headers={"User-Agent": "dlcv", "Range": "bytes=0-0"})
    try:
        with urlopen(request, timeout=PATIENCE_S) as response:
            kind = response.headers.get_content_type()
            return "it answers with a web page" if kind == "text/html" else ""
    except (OSError, HTTPException) as error:
        return reason(error)


def check(files: dict[str, tuple[str, ...]]) -> list[str]:
    """Print how each address answers; return the files that are at none of theirs."""
    lost = []
    for name, urls in files.items():
        faults = [answer(url) for url in urls]
        for url, fault in zip(urls, faults, strict=True):
            print(f"{'DEAD' if fault else 'ok':>4}  {url}  {fault}")
        if all(faults):
            lost.append(name)
    return lost


def main() -> None:
    """Check all addresses, and fail if a file is lost."""
    if lost := check(addresses()):
        sys.exit(f"at none of their addresses: {', '.join(lost)}")


if __name__ == "__main__":
    main()
