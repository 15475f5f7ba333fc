"""Files that a training can go on from: written whole or not at all, read without running code."""

import os
import random
import shutil
import warnings
from glob import escape
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch

from dlcv.device import scale

NOT_IN_NAMES = set('/\\:*?"<>|')  # some file system forbids each of them


def checkpoint_file(name: str) -> Path | None:
    """Return where a training is saved, if whoever runs it wants that.

    Args:
        name: Tells this training from all others that are saved.

    Returns:
        `$DLCV_CHECKPOINTS/<scale>-<name>.pt`, or None if that environment variable is not set.

    Raises:
        ValueError: If no file can have that name.

    Example:
        >>> history = fit(model, train, loss, config, checkpoint=checkpoint_file("12-faster-0"))

    Taught in: lectures/03_training
    """
    if not name or NOT_IN_NAMES & set(name) or not name.isprintable():
        forbidden = " ".join(sorted(NOT_IN_NAMES))
        raise ValueError(f"expected the name of a file without any of {forbidden}, got {name!r}")
    folder = os.environ.get("DLCV_CHECKPOINTS")
    return Path(folder).expanduser() / f"{scale()}-{name}.pt" if folder else None


def save_checkpoint(path: str | Path, contents: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name, then move it into place.

    Whatever happens on the way (a full disk, a killed process), the file of that name is either
    the old one or the new one. The old one is kept beside it as `NAME.previous`, so that a file
    that is damaged later costs the time between two saves and no more.

    Args:
        path: Where the checkpoint goes; missing folders are made.
        contents: Tensors, numbers, strings, and lists, tuples and dicts of these.

    Raises:
        OSError: If the file cannot be written whole; the old one is then still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for rest in path.parent.glob(f"{escape(path.name)}.*.partial"):
        rest.unlink()  # of a process that was killed while it saved
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        write(partial, contents)
        keep_previous(path)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch says "unexpected pos" of a full disk
        free_mib = shutil.disk_usage(path.parent).free / 2**20
        wanted = f"expected to save {path} on a disk with room for it"
        got = f"{error} (free: {free_mib:.0f} MiB); what was saved before is unchanged"
        raise OSError(f"{wanted}, got {got}") from error
    finally:
        partial.unlink(missing_ok=True)


def write(path: Path, contents: dict[str, Any]) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        torch.save(contents, file)
        file.flush()
        os.fsync(file.fileno())


def previous(path: Path) -> Path:
    """Return where the checkpoint before the last one is kept."""
    return path.with_name(f"{path.name}.previous")


def keep_previous(path: Path) -> None:
    """Give the last checkpoint a second name, under which it stays when a new one is moved in."""
    previous(path).unlink(missing_ok=True)
    if path.exists():
        try:
            os.link(path, previous(path))
        except OSError:  # this file system has one name for each file
            shutil.copyfile(path, previous(path))


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, without running any code that the file may contain.

    If the file is damaged, the one before it is read, with a warning: a training that goes on from
    there repeats some steps and ends the same.

    Args:
        path: A file that `save_checkpoint` wrote.

    Returns:
        The contents.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds anything but plain data, and so is the one
            before it, if there is one. Nothing is changed or deleted.
    """
    path = Path(path)
    try:
        return read(path)
    except ValueError as error:
        if not previous(path).exists():
            raise
        contents = read(previous(path))
        warnings.warn(f"{error}. Going on from {previous(path)}", stacklevel=2)
        return contents


def read(path: Path) -> dict[str, Any]:
    """Read one file whose checksums hold, or say what is wrong with it."""
    try:
        with ZipFile(path) as archive:  # torch's format; reading it, torch skips the checksums
            if (damaged := archive.testzip()) is not None:
                raise BadZipFile(f"the checksum of {damaged} does not hold")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch has no common class for a file that it cannot read
        raise ValueError(
            f"expected a whole checkpoint of plain data, got {path}: {error}"
        ) from error


def random_state() -> dict[str, Any]:
    """Return the state of the global generators of Python, NumPy and torch, as plain data."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Put the global generators back into a state that `random_state` returned.

    The generators of GPUs that are not here are left out.
    """
    name, keys, *rest = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    for device, cuda_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(cuda_state, device)
