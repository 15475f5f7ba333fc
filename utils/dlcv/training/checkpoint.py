"""Files that a training can go on from: written whole or not at all, read without running code."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch


def save_checkpoint(path: str | Path, contents: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name, then move it into place.

    Whatever happens on the way (a full disk, a killed process), the file of that name is either
    the old one or the new one.

    Args:
        path: Where the checkpoint goes; missing folders are made.
        contents: Tensors, numbers, strings, and lists, tuples and dicts of these.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            torch.save(contents, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, without running any code that the file may contain.

    Args:
        path: A file that `save_checkpoint` wrote.

    Returns:
        The contents.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds anything but plain data.
    """
    try:
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
