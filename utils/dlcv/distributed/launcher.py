"""Start real processes that find each other through torch.distributed, and get back what they say.

The processes are forked from a small server that has imported torch once (where the system has
such a server; elsewhere they are spawned), so that a launch takes a fraction of a second after the
first one. They meet through a file, so no port is taken, and with gloo they talk over loopback
alone.
"""

import multiprocessing
import os
import pickle
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.distributed as dist

# Imported once, in the server. DistributedDataParallel imports torch._dynamo, which takes seconds.
PRELOADED = ["torch", "torch.distributed", "torch._dynamo", "dlcv.distributed.launcher"]
SLOW_START_S = 60.0  # what starting Python and importing torch may take on a busy machine


class WorkerError(RuntimeError):
    """A worker process failed, died or did not finish in time."""


def launch(
    function: Callable[..., Any],
    world_size: int,
    *args: object,
    timeout_s: float = 60.0,
    backend: str | None = None,
) -> list[Any]:
    """Run a function in several processes at once that can talk through `torch.distributed`.

    Worker k calls `function(k, world_size, *args)` inside a process group: nccl where there is a
    GPU for each worker, gloo on the CPU elsewhere, each worker with one thread. Whatever happens,
    no process is left when this function returns.

    Args:
        function: A function of an importable module; a process cannot see inside a notebook.
        world_size: Number of processes K, at least 1.
        args: What else the function gets; anything that can be pickled.
        timeout_s: Seconds of work after which the workers are stopped.
        backend: "gloo" or "nccl"; None for what was said above.

    Returns:
        What each worker returned, in the order of ranks.

    Raises:
        ValueError: If the function lives in a notebook, or there is no worker or no time.
        WorkerError: If a worker raised, died, or was not ready in time; the others are stopped.

    Taught in: lectures/08_gpu_and_distributed
    """
    if world_size < 1 or not timeout_s > 0:
        raise ValueError(f"expected a worker and some time, got {world_size} and {timeout_s}")
    if getattr(function, "__module__", "__main__") == "__main__":
        name = getattr(function, "__name__", function)
        wanted = "expected a function of an importable module, since another process runs it"
        raise ValueError(f"{wanted}; got {name}, defined in this notebook or script")
    task = pickle.dumps((function, args))
    with tempfile.TemporaryDirectory() as folder:
        meeting = Meeting(world_size, (Path(folder) / "meeting").as_uri(), timeout_s, backend)
        with started(task, meeting) as (processes, connections):
            return collect(processes, connections, time.monotonic() + timeout_s + SLOW_START_S)


@dataclass(frozen=True)
class Meeting:
    """Where and how the workers meet.

    Attributes:
        world_size: How many.
        address: Of a file that all see.
        timeout_s: How long they wait for each other.
        backend: "gloo", "nccl" or None for a choice by the hardware.
    """

    world_size: int
    address: str
    timeout_s: float
    backend: str | None


@contextmanager
def started(task: bytes, meeting: Meeting) -> Iterator[tuple[list[BaseProcess], list[Connection]]]:
    """Start the workers for a block, and end every one of them after it."""
    context = process_context()
    processes, connections = [], []
    try:
        for rank in range(meeting.world_size):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(rank, sender, task, meeting), daemon=True)
            with hidden_main():
                process.start()
            sender.close()  # the parent's copy; the end of the worker then ends the pipe
            processes.append(process)
            connections.append(receiver)
        yield processes, connections
    finally:
        for process in processes:
            end(process)
        for connection in connections:
            connection.close()


@contextmanager
def hidden_main() -> Iterator[None]:
    """Put an empty module in the place of `__main__` for a block.

    A new process would otherwise run the program that started it once more, up to the very call
    that starts it; workers need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def process_context() -> multiprocessing.context.BaseContext:
    """Return the way to start processes: forked from a server with torch inside, or spawned."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def end(process: BaseProcess, patience_s: float = 5.0) -> None:
    """Wait a moment for a process that is done, then stop it, at last by force."""
    for stop in (lambda: None, process.terminate, process.kill):
        stop()
        process.join(patience_s if process.exitcode is None and stop != process.kill else None)
        if process.exitcode is not None:
            return


def collect(
    processes: list[BaseProcess], connections: list[Connection], deadline: float
) -> list[Any]:
    """Wait for the answer of every worker; the first failure ends the waiting."""
    answers: dict[int, Any] = {}
    open_ends = {connection: rank for rank, connection in enumerate(connections)}
    while open_ends:
        ready = wait(list(open_ends), timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            stop_all(processes)
            late = ", ".join(str(rank) for rank in open_ends.values())
            raise WorkerError(f"expected every worker to finish in time, got no answer from {late}")
        for connection in ready:
            rank = open_ends.pop(connection)
            try:
                answers[rank] = answer_of(connection, processes[rank], rank, len(processes))
            except WorkerError:
                stop_all(processes)
                raise
    return [answers[rank] for rank in range(len(processes))]


def stop_all(processes: list[BaseProcess]) -> None:
    """Tell every process to end, without waiting for it."""
    for process in processes:
        if process.exitcode is None:
            process.terminate()


def answer_of(connection: Connection, process: BaseProcess, rank: int, world_size: int) -> Any:
    """Read what a worker returned, or raise what befell it."""
    who = f"worker {rank} of {world_size}"
    try:
        is_well, answer = pickle.loads(connection.recv_bytes())
    except EOFError:
        process.join(5)
        code = process.exitcode
        raise WorkerError(f"{who} died without a word (exit code {code})") from None
    if is_well:
        return answer
    raise WorkerError(f"{who} raised {answer}")


def work(rank: int, sender: Connection, task: bytes, meeting: Meeting) -> None:
    """Be a worker: join the others, do the task, send what came of it."""
    torch.set_num_threads(1)
    try:
        function, args = pickle.loads(task)
        join(rank, meeting)
        answer = (True, function(rank, meeting.world_size, *args))
    except Exception as error:
        summary = "".join(traceback.format_exception_only(error))
        answer = (False, summary + traceback.format_exc())
    sender.send_bytes(pickle.dumps(answer))
    sender.close()
    if dist.is_initialized() and answer[0]:
        dist.destroy_process_group()


def join(rank: int, meeting: Meeting) -> None:
    """Join the process group, over loopback and a file that all workers see."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    has_gpus = torch.cuda.is_available() and torch.cuda.device_count() >= meeting.world_size
    backend = meeting.backend or ("nccl" if has_gpus else "gloo")
    if backend == "nccl":
        torch.cuda.set_device(rank)
    dist.init_process_group(
        backend,
        init_method=meeting.address,
        rank=rank,
        world_size=meeting.world_size,
        timeout=timedelta(seconds=meeting.timeout_s),
    )
    dist.barrier()  # a worker with little to do would be gone before a slow one has met it


def own_device() -> torch.device:
    """Return the device of this worker: its own GPU under nccl, the CPU under gloo."""
    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
