"""Open a real data set: found on this machine or fetched, and verified by checksum on every call.

What each holds is read by `real`, `real_boxes`, `real_masks`, `real_faces` and `real_captions`.
"""

from pathlib import Path

from dlcv.data.archives import Archive, Files, Folder, Together
from dlcv.data.fetching import RemoteFile, data_folder, fetch, is_intact, reason
from dlcv.data.known_sets import SETS

_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".zip")


def open_set(name: str, part: str) -> Files:
    """Open one part of a data set; fetch it first if it is nowhere on this machine.

    The files are verified by their checksums on every call (see `fetching.is_intact`), archives are
    read as they are. If some are not there but an unpacked copy is, that is read. The copy is
    verified as far as checksums of its files are known; where none is, a printed line says so.

    Args:
        name: a key of `known_sets.SETS`.
        part: one of the parts that the publisher divides it into.

    Returns:
        The files, by the names that they have in the archives.

    Raises:
        ValueError: if there is no such set or part.
        RuntimeError: if it cannot be fetched, or a file on disk is damaged. The message says what
            to do.
    """
    if name not in SETS:
        raise ValueError(f"expected one of {', '.join(SETS)}, got {name!r}")
    archives = SETS[name].archives
    if part not in archives:
        raise ValueError(f"expected {name} {', '.join(archives)}, got {part!r}")
    paths = [data_folder() / file.path for file in archives[part]]
    if not all(path.is_file() for path in paths):
        if copy := _open_copy(name, part):
            return copy
        _fetch_missing(name, part)
    for path, file in zip(paths, archives[part], strict=True):
        _verify(name, path, file.checksum, (file,))
    return Together(_open(path) for path in paths)


def _open(path: Path) -> Files:
    return Archive(path) if path.name.endswith(_ARCHIVES) else Folder(path.parent)


def _open_copy(name: str, part: str) -> Files | None:
    """Open what somebody has unpacked, if it is there."""
    chosen, copy = SETS[name], data_folder() / SETS[name].folder
    known = chosen.unpacked.get(part, {})
    if not known or not all((copy / entry).exists() for entry in known):
        return None
    for entry, checksum in known.items():
        if checksum:
            _verify(name, copy / entry, checksum, chosen.archives[part])
    if not all(known.values()):
        print(f"{name} is read from {copy}, an unpacked copy, which no checksum can verify.")
    return Folder(copy)


def _fetch_missing(name: str, part: str) -> None:
    """Fetch the files of a part that are not there, after saying how large they are."""
    root, chosen = data_folder(), SETS[name]
    files = tuple(f for f in chosen.archives[part] if not (root / f.path).is_file())
    print(
        f"Fetching {name}, about {_megabytes(files)} MB, into {root}. "
        f"Its home: {chosen.homepage}; terms: {chosen.terms}."
    )
    try:
        for file in files:
            fetch(file)
    except OSError as error:
        wanted = " and ".join(str(root / file.path) for file in files)
        raise RuntimeError(
            f"{name} could not be fetched ({reason(error)}): go online and run this again, which "
            f"goes on where it stopped, or put {wanted} there yourself, or set DLCV_DATA to a "
            "folder that holds it, or stay at the quick scale (DLCV_SCALE=quick), which needs no "
            "download"
        ) from error


def _verify(name: str, path: Path, checksum: str, instead: tuple[RemoteFile, ...]) -> None:
    """Refuse a damaged file and say what would be fetched `instead`."""
    if not is_intact(path, checksum):
        raise RuntimeError(
            f"{path} is damaged: its checksum is wrong; delete it and load {name} again, which "
            f"fetches {_megabytes(instead)} MB"
        )


def _megabytes(files: tuple[RemoteFile, ...]) -> int:
    return max(1, round(sum(file.megabytes for file in files)))
