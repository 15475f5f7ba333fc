"""Files from the network: resumed where they broke off, from several addresses, verified always."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm.auto import tqdm

LARGE_BYTES = 10**9  # a checksum of what is smaller takes a second or two
PATIENCE_S = 30.0  # how long a server may stay silent
_ATTEMPTS = 5  # at one address, in a row, without a single new byte
_BLOCK_BYTES = 2**18


@dataclass(frozen=True)
class RemoteFile:
    """A file that lies at one or several addresses.

    Args:
        path: where it belongs below the folder of all data sets.
        urls: addresses of the same file, the one to be tried first in front.
        megabytes: what it weighs, 10^6 bytes.
        checksum: md5 (32 hexadecimal digits) or sha256 (64) of its bytes.
    """

    path: str
    urls: tuple[str, ...]
    megabytes: float
    checksum: str


def data_folder() -> Path:
    """Where real data sets lie: $DLCV_DATA, else dlcv in the user's cache folder."""
    if chosen := os.environ.get("DLCV_DATA"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "dlcv"


def fetch(file: RemoteFile) -> Path:
    """Download a file, or go on where the last download of it broke off.

    What has arrived stands in a file of the same name with `.part` behind it, which nothing reads
    as data. Only when its checksum is right is it moved to its place. If an address fails, the next
    one continues; if the checksum is wrong, everything that came is deleted.

    Args:
        file: what to fetch.

    Returns:
        Where it lies now.

    Raises:
        OSError: if no address gave the file, the disk is full, or the folder cannot be made. What
            each address answered is in the message.
    """
    place = data_folder() / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    _check_space(file, part)
    failures = []
    for url in file.urls:
        try:
            _download(url, part, file.checksum)
        except (OSError, HTTPException) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
                raise
            failures.append(f"{url}: {reason(error)}")
        else:
            part.replace(place)
            _remember(place, file.checksum)
            return place
    raise OSError("; ".join(failures))


def is_intact(path: Path, checksum: str) -> bool:
    """Say whether a file is the official one, to the last byte.

    Every file is read whole each time. Only of one above `LARGE_BYTES` it is remembered, in a file
    beside it with the ending `.verified`, that its checksum was right: as long as its size and its
    time of change (ns) stay the same, it is not computed again.

    Args:
        path: a file that is there.
        checksum: md5 or sha256, hexadecimal.
    """
    note = _note(path)
    if note.is_file() and note.read_text("utf-8") == _state(path, checksum):
        return True
    intact = checksum_of(path, checksum) == checksum
    if intact:
        _remember(path, checksum)
    return intact


def checksum_of(path: Path, like: str) -> str:
    """Compute the checksum of a file, of the kind that `like` is: md5 or sha256."""
    kind = {32: "md5", 64: "sha256"}[len(like)]
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def reason(error: BaseException) -> str:
    """Say in a few words, on one line, what an error says."""
    return " ".join(str(error).split()) or type(error).__name__


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _state(path: Path, checksum: str) -> str:
    status = path.stat()
    return json.dumps([checksum, status.st_size, status.st_mtime_ns])


def _remember(path: Path, checksum: str) -> None:
    """Note that a large file was right, where one may write beside it."""
    if path.stat().st_size > LARGE_BYTES and os.access(path.parent, os.W_OK):
        _note(path).write_text(_state(path, checksum), "utf-8")


def _check_space(file: RemoteFile, part: Path) -> None:
    missing = file.megabytes * 10**6 - _size(part)
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        message = f"{missing / 1e6:.0f} MB are missing and {free / 1e6:.0f} MB are free"
        raise OSError(errno.ENOSPC, message, str(part.parent))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _download(url: str, part: Path, checksum: str) -> None:
    """Bring `part` to its full length and verify it; what was resumed wrongly begins once anew."""
    resumed = _size(part) > 0
    for beginning in (resumed, False):
        _complete(url, part)
        if checksum_of(part, checksum) == checksum:
            return
        part.unlink()
        if not beginning:
            raise OSError("its checksum is wrong")


def _complete(url: str, part: Path) -> None:
    """Go on downloading until the server says that nothing is missing, or no longer moves."""
    attempts = 0
    while True:
        before = _size(part)
        try:
            _continue(url, part)
            return
        except HTTPError:  # the server has understood and refuses: no use in insisting
            raise
        except (OSError, HTTPException):
            attempts = attempts + 1 if _size(part) == before else 0
            if attempts == _ATTEMPTS or not part.exists():
                raise


def _continue(url: str, part: Path) -> None:
    """Make one request for what is missing and append what comes."""
    have = _size(part)
    with _request(url, have) as answer:
        if answer is None:  # nothing is missing
            return
        resumed = answer.status == 206
        total = _announced(answer, have if resumed else 0)
        with part.open("ab" if resumed else "wb") as stream, _bar(part, total) as bar:
            bar.update(stream.tell())
            while block := answer.read(_BLOCK_BYTES):
                stream.write(block)
                bar.update(len(block))
    if total is not None and _size(part) < total:
        raise ConnectionError(f"the connection broke off after {_size(part)} of {total} bytes")


@contextmanager
def _request(url: str, have: int) -> Iterator[HTTPResponse | None]:
    """Ask for the bytes from `have` on; None if there are none."""
    headers = {"User-Agent": "dlcv"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(Request(url, headers=headers), timeout=PATIENCE_S)
    except HTTPError as error:
        if error.code != 416 or not have:
            raise
        yield None
        return
    with answer:
        yield answer


def _announced(answer: HTTPResponse, start: int) -> int | None:
    """How long the whole file is, bytes, if the server says so."""
    length = answer.headers.get("Content-Length")
    return None if length is None else start + int(length)


def _bar(part: Path, total: int | None) -> tqdm:
    return tqdm(total=total, unit="B", unit_scale=True, desc=part.stem, leave=False)
