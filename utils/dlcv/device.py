"""Where a computation runs and what it costs: device, seeds, precision, time, memory, scale."""

import os
import random
import sys
import time
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import torch

from dlcv import __version__

T = TypeVar("T")

SCALES = ("quick", "full")


def pick_device() -> torch.device:
    """Return the first CUDA device where there is one, and the CPU otherwise."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch (on every device).

    Args:
        seed: A whole number in [0, 2**32), the range that NumPy accepts.

    Raises:
        ValueError: If the seed is outside that range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"expected a seed in [0, 2**32), got {seed}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (scikit-learn draws from NumPy's global generator)
    torch.manual_seed(seed)


def autocast(device: torch.device | str, enabled: bool = True) -> torch.autocast:
    """Return a context in which matrix products run in bfloat16 where the GPU has it in hardware.

    On the CPU, and on a GPU older than compute capability 8.0, the context changes nothing. With
    bfloat16 (the exponent range of float32) no loss scaling is needed.

    Args:
        device: The device the model lives on.
        enabled: Whether mixed precision is wanted at all.

    Returns:
        A context manager for the forward pass and the loss.
    """
    device = torch.device(device)
    native = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled and native)


class Timer:
    """Measure the wall time of a block, waiting for the GPU at both ends.

    A CUDA call returns before its work is done; without waiting, a clock measures how long it takes
    to *ask* for the work.

    Example:
        >>> with Timer("cpu") as timer:
        ...     product = torch.ones(8, 8) @ torch.ones(8, 8)
        >>> timer.seconds > 0
        True
    """

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._start = self._now()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = self._now() - self._start

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def peak_memory_mib(device: torch.device | str) -> float:
    """Return the largest memory in use so far, in MiB.

    On CUDA: what torch has allocated on that device since the start or since
    `torch.cuda.reset_peak_memory_stats`. On the CPU: the largest resident size of this process
    since its start on Linux and macOS, and nan elsewhere.

    Args:
        device: The device to ask.

    Returns:
        Memory in MiB (2**20 bytes).
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "linux":  # where getrusage would start at the peak of the parent process
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**10  # "VmHWM:  1234 kB"
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
    return float("nan")


def scale() -> str:
    """Return the scale at which lectures run: "quick" or "full".

    The environment variable DLCV_SCALE decides; without it, "full" where CUDA is present and
    "quick" elsewhere.

    Raises:
        ValueError: If DLCV_SCALE is set to anything else.
    """
    wanted = os.environ.get("DLCV_SCALE")
    if wanted is None:
        return "full" if torch.cuda.is_available() else "quick"
    if wanted not in SCALES:
        raise ValueError(f"expected DLCV_SCALE to be 'quick' or 'full', got {wanted!r}")
    return wanted


def at_scale(*, quick: T, full: T) -> T:
    """Return the value that belongs to the current scale.

    Example:
        >>> epochs = at_scale(quick=3, full=90)
    """
    return quick if scale() == "quick" else full


def environment_report() -> str:
    """Return one line that says what runs here: package, torch, device and scale."""
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        hardware = f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB"
    else:
        hardware = f"CPU, {os.cpu_count()} cores"
    torch_version = torch.__version__.split("+")[0]
    parts = (f"dlcv {__version__}", f"torch {torch_version}", hardware, f"scale: {scale()}")
    return " · ".join(parts)
