"""What a step costs on the machine at hand: operations, bytes, the roofline, Amdahl's law."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from dlcv.device import Timer


@dataclass(frozen=True)
class Work:
    """What one call of one layer asks of the machine.

    Attributes:
        operations: Multiplications and additions, counted as two.
        bytes: Input, weights and output, each moved once between memory and processor.
    """

    operations: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations for each byte that is moved."""
        return self.operations / self.bytes


def layer_work(layer: nn.Module, x: Tensor) -> Work:
    """Count the work of a convolution, a fully connected layer or an elementwise layer.

    An elementwise layer counts one operation a value.

    Args:
        layer: The layer.
        x: Its input, as a batch; it may be on the meta device, where nothing is computed.

    Returns:
        The work.

    Taught in: lectures/08_gpu_and_distributed
    """
    with torch.no_grad():
        y = layer(x)
    weight = getattr(layer, "weight", None)
    per_output = 1 if weight is None or weight.dim() < 2 else 2 * weight[0].numel()
    values = x.numel() + y.numel() + sum(p.numel() for p in layer.parameters())
    return Work(per_output * y.numel(), values * x.element_size())


def seconds_of_runs(
    call: Callable[[], object], device: torch.device | str = "cpu", repeats: int = 5
) -> list[float]:
    """Time a call several times, after one call that does not count.

    Args:
        call: What to time.
        device: Where its work happens, so that the clock can wait for it.
        repeats: How many times to measure.

    Raises:
        ValueError: If there is no repeat.
    """
    if repeats < 1:
        raise ValueError(f"expected at least one repeat, got {repeats}")
    call()  # caches, lazy initialisation, the choice of a kernel
    seconds = []
    for _ in range(repeats):
        with Timer(device) as timer:
            call()
        seconds.append(timer.seconds)
    return seconds


def median_seconds(
    call: Callable[[], object], device: torch.device | str = "cpu", repeats: int = 5
) -> float:
    """Return the median time of a call; see `seconds_of_runs`.

    Taught in: lectures/08_gpu_and_distributed
    """
    return median(seconds_of_runs(call, device, repeats))


@dataclass(frozen=True)
class Machine:
    """The two numbers of a roofline.

    Attributes:
        peak: Operations a second in a large matrix product.
        bandwidth: Bytes a second, read and written, in a copy of a large tensor.
    """

    peak: float
    bandwidth: float

    @property
    def ridge(self) -> float:
        """The intensity from which on the processor is the limit, and no longer the memory."""
        return self.peak / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """Return the most operations a second at an intensity: min(peak, intensity bandwidth)."""
        return min(self.peak, intensity * self.bandwidth)

    def least_seconds(self, work: Work) -> float:
        """Return the shortest time for some work: whichever of the two takes longer."""
        return max(work.operations / self.peak, work.bytes / self.bandwidth)


def measure_machine(device: torch.device | str, size: int = 1024, mib: int = 64) -> Machine:
    """Measure the peak and the bandwidth of a device, in float32.

    A roof is what could be, so the fastest of nine runs counts.

    Args:
        device: Which.
        size: Side of the square matrices that are multiplied.
        mib: Size of the tensor that is copied, larger than the caches.

    Taught in: lectures/08_gpu_and_distributed
    """
    a, b = (torch.rand(size, size, device=device) for _ in range(2))
    source = torch.rand(mib * 2**18, device=device)  # 2**18 values of 4 bytes: 1 MiB
    target = torch.empty_like(source)
    product = torch.empty_like(a)
    multiply_s = min(seconds_of_runs(lambda: torch.mm(a, b, out=product), device, 9))
    copy_s = min(seconds_of_runs(lambda: target.copy_(source), device, 9))
    return Machine(2 * size**3 / multiply_s, 2 * mib * 2**20 / copy_s)


def amdahl(parallel: float, workers: float) -> float:
    """Return the speed-up if only a part of the work is shared: 1 / ((1 - p) + p / K).

    Args:
        parallel: p, the part that is shared, 0 to 1.
        workers: K, at least 1.

    Raises:
        ValueError: If one is out of range.

    Reference: Amdahl (1967).
    """
    if not 0 <= parallel <= 1 or not workers >= 1:
        got = f"{parallel} and {workers}"
        raise ValueError(f"expected a part in [0, 1] and workers >= 1, got {got}")
    return 1 / ((1 - parallel) + parallel / workers)


def compile_problem() -> str | None:
    """Say in a sentence why torch.compile cannot work here, or return None if it can.

    On a CPU it needs a C++ compiler; on a GPU it needs Triton.
    """
    if torch.cuda.is_available():
        has_triton = importlib.util.find_spec("triton") is not None
        return None if has_triton else "torch.compile needs Triton on a GPU; it is not installed"
    compilers = [os.environ.get("CXX"), "g++", "clang++"]
    if any(name and shutil.which(name) for name in compilers):
        return None
    return "torch.compile needs a C++ compiler on a CPU; install g++ or clang"
