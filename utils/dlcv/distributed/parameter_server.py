"""A parameter server of real processes: synchronous, asynchronous, and with backup workers.

Process 0 is the server, the others are workers. A worker asks for the parameters, computes a
gradient and sends it with the version of the parameters that it used. What the server does with
it is the policy.
"""

import time
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

STOP = -1.0  # the version that tells a worker to go home


@dataclass(frozen=True)
class Policy:
    """When the server updates, and which gradients it takes.

    Attributes:
        wait_for: Gradients averaged in one update.
        takes_stale: Whether a gradient of an older version is used; otherwise it is dropped.
    """

    wait_for: int
    takes_stale: bool = False

    def __post_init__(self) -> None:
        if self.wait_for < 1:
            raise ValueError(f"expected to wait for a gradient at least, got {self.wait_for}")


@dataclass(frozen=True)
class ServerTask:
    """What a parameter server is to do.

    Attributes:
        policy: `Policy(n)` with n workers is synchronous, with more workers than n it has backups;
            `Policy(1, takes_stale=True)` is asynchronous.
        updates: Steps of the parameters in all.
        lr: Learning rate.
        batch_size: Images in a worker's batch.
        mean_delay_s: Mean of the exponential time that a worker sleeps before it answers.
        seed: From which batches and delays are drawn.
    """

    policy: Policy
    updates: int
    lr: float = 0.1
    batch_size: int = 32
    mean_delay_s: float = 0.02
    seed: int = 0


@dataclass
class ServerLog:
    """What the server saw.

    Attributes:
        parameters: [P], after the last update.
        update_times_s: When each update happened, since the first parameters were sent.
        staleness: Of each gradient that was used: updates between its reading and its use.
        dropped: Gradients that came too late.
    """

    parameters: Tensor | None = None
    update_times_s: list[float] = field(default_factory=list)
    staleness: list[int] = field(default_factory=list)
    dropped: int = 0


def parameter_server(
    rank: int, world_size: int, model: nn.Module, images: Tensor, labels: Tensor, task: ServerTask
) -> ServerLog | int:
    """Be the server (rank 0) or a worker; start it with `launch(..., backend="gloo")`.

    Args:
        rank, world_size: From the launcher; there are world_size - 1 workers.
        model: The model at the start.
        images, labels: The whole training set, on the CPU.
        task: What to do.

    Returns:
        The server's log; from a worker, the number of gradients it computed.

    Raises:
        ValueError: If the policy waits for more gradients than there are workers.

    Taught in: lectures/08_gpu_and_distributed
    """
    if task.policy.wait_for > world_size - 1:
        got = f"{task.policy.wait_for} of {world_size - 1} workers"
        raise ValueError(f"expected to wait for workers that exist, got {got}")
    if rank == 0:
        parameters = parameters_to_vector(model.parameters()).detach()
        return serve(parameters, range(1, world_size), task)
    return work_for_server(rank, model, images, labels, task)


def serve(parameters: Tensor, workers: range, task: ServerTask) -> ServerLog:
    """Send parameters, take gradients, update: the server's whole life.

    Taught in: lectures/08_gpu_and_distributed
    """
    log, start = ServerLog(), time.perf_counter()
    busy, waiting, collected = set(workers), [], []
    reply(parameters, 0, busy)
    message = parameters.new_empty(1 + len(parameters))
    while len(log.update_times_s) < task.updates:
        worker = dist.recv(message)  # whoever is first
        staleness = len(log.update_times_s) - int(message[0])
        if staleness > 0 and not task.policy.takes_stale:
            log.dropped += 1
            reply(parameters, len(log.update_times_s), [worker])
            continue
        collected.append(message[1:].clone())
        log.staleness.append(staleness)
        waiting.append(worker)
        if len(collected) == task.policy.wait_for:
            parameters = parameters - task.lr * torch.stack(collected).mean(dim=0)
            log.update_times_s.append(time.perf_counter() - start)
            busy = set(workers) - set(waiting)
            is_last = len(log.update_times_s) == task.updates
            reply(parameters, STOP if is_last else len(log.update_times_s), waiting)
            waiting, collected = [], []
    send_home(parameters, busy, log)
    log.parameters = parameters
    return log


def send_home(parameters: Tensor, busy: set[int], log: ServerLog) -> None:
    """Take the last gradients of those who are still computing, and let them stop."""
    for _ in busy:
        worker = dist.recv(parameters.new_empty(1 + len(parameters)))
        log.dropped += 1
        reply(parameters, STOP, [worker])


def reply(parameters: Tensor, version: float, workers: list[int] | set[int]) -> None:
    """Send the parameters, with their version in front, to some workers."""
    message = torch.cat([parameters.new_tensor([version]), parameters])
    for worker in workers:
        dist.send(message, worker)


def work_for_server(
    rank: int, model: nn.Module, images: Tensor, labels: Tensor, task: ServerTask
) -> int:
    """Read parameters, compute a gradient, sleep a while as a slow machine would, send it.

    Taught in: lectures/08_gpu_and_distributed
    """
    generator = torch.Generator().manual_seed(1000 * task.seed + rank)
    size = 1 + sum(parameter.numel() for parameter in model.parameters())
    message, count = torch.empty(size), 0
    while True:
        dist.recv(message, src=0)
        if message[0] == STOP:
            return count
        vector_to_parameters(message[1:], model.parameters())
        chosen = torch.randint(len(images), (task.batch_size,), generator=generator)
        model.zero_grad()
        cross_entropy(model(images[chosen]), labels[chosen]).backward()
        gradient = parameters_to_vector(parameter.grad for parameter in model.parameters())
        delay = torch.empty(()).exponential_(generator=generator)
        time.sleep(task.mean_delay_s * delay.item())
        dist.send(torch.cat([message[:1], gradient]), dst=0)
        count += 1
