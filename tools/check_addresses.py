"""Ask every address of a real data set for its first byte: `python -m tools.check_addresses`.

The weekly workflow runs it. Nothing is downloaded. It fails if a file is at none of its addresses.
"""

import sys
from http.client import HTTPException
from urllib.request import Request, urlopen

from dlcv.data import real, real_sets
from dlcv.data.fetching import PATIENCE_S, reason


def addresses() -> dict[str, tuple[str, ...]]:
    """Return the addresses of every file that a loader would fetch, by the file's name."""
    files = {
        file for s in real_sets.SETS.values() for group in s.archives.values() for file in group
    }
    found = {file.path: file.urls for file in sorted(files, key=lambda file: file.path)}
    for name, source in real.SOURCES.items():
        known = source.torchvision_class()
        if hasattr(known, "mirrors"):  # MNIST and its kin: every file at every mirror
            for file, _ in known.resources:
                found[f"{name}/{file}"] = tuple(mirror + file for mirror in known.mirrors)
        elif hasattr(known, "url"):
            found[name] = (known.url,)
        else:
            for url, _ in known._RESOURCES:
                found[f"{name}/{url.rsplit('/', 1)[-1]}"] = (url,)
    return found


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
