"""Files to read from, wherever they are: in a folder, or still in the archive they came in.

An archive is never unpacked: what is read is what was verified, and nothing half unpacked is left.
"""

import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files by their names, with `/` between folders."""

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """The bytes of a file; FileNotFoundError if there is none of this name."""

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The same names in the order in which they are read fastest."""

    def names(self, folder: str) -> list[str]:
        """The names of all files below a folder, sorted; none if there is no such folder."""


class Folder:
    """A folder on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.root / name).is_file()

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return (self.root / name).read_bytes()

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The names as they come."""
        return list(names)

    def names(self, folder: str) -> list[str]:
        """The names of all files below a folder."""
        found = (self.root / folder).rglob("*")
        return sorted(path.relative_to(self.root).as_posix() for path in found if path.is_file())


class Archive:
    """A tar file, packed or not, or a zip file."""

    def __init__(self, path: Path) -> None:
        self.path, self.is_zip = path, path.suffix == ".zip"
        if self.is_zip:
            self.archive = zipfile.ZipFile(path)
            found = [info for info in self.archive.infolist() if not info.is_dir()]
            self.members = {info.filename: info for info in found}
            self.places = {name: info.header_offset for name, info in self.members.items()}
        else:
            self.archive = tarfile.open(path)  # noqa: SIM115  it is read from later
            self.members = {info.name: info for info in self.archive.getmembers() if info.isfile()}
            self.places = {name: info.offset_data for name, info in self.members.items()}

    def __del__(self) -> None:
        """Close the archive with the last who could read from it."""
        if hasattr(self, "archive"):
            self.archive.close()

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self.members

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        if name not in self:
            raise FileNotFoundError(f"{self.path} holds no {name}")
        if self.is_zip:
            return self.archive.read(self.members[name])
        return self.archive.extractfile(self.members[name]).read()

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The names from front to back: going back in a packed tar file begins at its start."""
        return sorted(names, key=lambda name: self.places.get(name, 0))

    def names(self, folder: str) -> list[str]:
        """The names of all files below a folder."""
        start = f"{folder}/"
        return sorted(name for name in self.members if name.startswith(start))


class Together:
    """Several places to read from as if they were one; of equal names the first counts."""

    def __init__(self, parts: Iterable[Files]) -> None:
        self.parts = list(parts)

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return any(name in part for part in self.parts)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        for part in self.parts:
            if name in part:
                return part.read(name)
        raise FileNotFoundError(f"none of {len(self.parts)} archives holds {name}")

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The names, those of the first place in front, each place in its own order."""
        left, ordered = list(names), []
        for part in self.parts:
            ordered += part.in_order([name for name in left if name in part])
            left = [name for name in left if name not in part]
        return ordered + left

    def names(self, folder: str) -> list[str]:
        """The names of all files below a folder."""
        return sorted({name for part in self.parts for name in part.names(folder)})


def read_all(files: Files, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read many files in the order that is fastest: pairs of name and bytes."""
    for name in files.in_order(names):
        yield name, files.read(name)
