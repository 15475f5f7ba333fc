"""The parameter server as a simulation: an event queue, for thousands of workers with stragglers.

Time is simulated, so an hour of a thousand machines takes a moment. Server and network take no
time; a worker's gradient takes as long as a law says.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Law = Callable[[np.random.Generator, int], np.ndarray]
Draw = Callable[[int, int], float]  # (worker, how many gradients it has begun before) -> time

USED, DROPPED, CUT = "used", "dropped", "cut short"


def exponential(fixed: float = 0.0, tail: float = 1.0) -> Law:
    """Return the law T = fixed + tail E, with E exponential of mean 1."""
    return lambda generator, size: fixed + tail * generator.exponential(size=size)


def pareto(fixed: float = 0.0, tail: float = 1.0, power: float = 2.0) -> Law:
    """Return a law with a heavy tail, P(T > t) ~ t^-power: most are quick, some take very long.

    The mean is fixed + tail, for a power above 1.
    """
    if not power > 1:
        raise ValueError(f"expected a power above 1, where there is a mean, got {power}")
    return lambda generator, size: fixed + tail * (power - 1) * generator.pareto(power, size)


def with_hiccups(law: Law, rate: float, slowdown: float) -> Law:
    """Return a law in which a share of all tasks takes `slowdown` times as long.

    Args:
        law: The law of the others.
        rate: Which share, 0 to 1.
        slowdown: At least 1.
    """
    if not 0 <= rate <= 1 or not slowdown >= 1:
        got = f"{rate} and {slowdown}"
        raise ValueError(f"expected a rate in [0, 1] and a slowdown >= 1, got {got}")

    def slowed(generator: np.random.Generator, size: int) -> np.ndarray:
        return law(generator, size) * np.where(generator.random(size) < rate, slowdown, 1.0)

    return slowed


def draws(law: Law, workers: int, seed: int) -> Draw:
    """Return the times of all tasks of all workers, drawn when they are first asked for."""
    generator, rounds = np.random.default_rng(seed), []

    def draw(worker: int, count: int) -> float:
        while len(rounds) <= count:
            rounds.append(law(generator, workers))
        return float(rounds[count][worker])

    return draw


@dataclass(frozen=True)
class Task:
    """One gradient of one worker.

    Attributes:
        worker: Whose.
        start, end: When it was begun and sent, or cut short.
        outcome: "used", "dropped" or "cut short".
        staleness: Updates that happened between start and end.
    """

    worker: int
    start: float
    end: float
    outcome: str
    staleness: int


@dataclass
class Timeline:
    """What happened.

    Attributes:
        tasks: Every gradient, in the order of their ends.
        update_times: When the parameters changed.
    """

    tasks: list[Task] = field(default_factory=list)
    update_times: list[float] = field(default_factory=list)

    @property
    def updates_per_time(self) -> float:
        """Updates in a unit of time."""
        return len(self.update_times) / self.update_times[-1]

    @property
    def gradients_per_time(self) -> float:
        """Gradients that were used, in a unit of time."""
        return len(self.staleness()) / self.update_times[-1]

    def staleness(self) -> list[int]:
        """Return the staleness of every gradient that was used."""
        return [task.staleness for task in self.tasks if task.outcome == USED]

    def share(self, outcome: str) -> float:
        """Return which share of all gradients had this outcome."""
        return sum(task.outcome == outcome for task in self.tasks) / len(self.tasks)


def simulate(
    draw: Draw,
    workers: int,
    wait_for: int,
    updates: int,
    takes_stale: bool = False,
    interrupts: bool = False,
) -> Timeline:
    """Run a parameter server in simulated time, event by event.

    Args:
        draw: How long each task takes; see `draws`.
        workers: How many.
        wait_for: Gradients averaged in one update. Equal to `workers`: synchronous. Less: with
            backup workers. 1 with `takes_stale`: asynchronous.
        updates: After how many to stop.
        takes_stale: Whether a gradient of older parameters is used instead of dropped.
        interrupts: Whether an update cuts short whoever is still computing. Otherwise a late
            worker first finishes a gradient that nobody wants.

    Returns:
        The timeline.

    Raises:
        ValueError: If the numbers do not belong together.

    Taught in: lectures/08_gpu_and_distributed
    """
    if not 1 <= wait_for <= workers or updates < 1:
        got = f"{wait_for} of {workers} workers and {updates} updates"
        raise ValueError(f"expected 1 <= wait_for <= workers and updates >= 1, got {got}")
    timeline, waiting = Timeline(), []
    begun, queue = [0] * workers, []  # the queue holds (end, worker, start, version)

    def begin(worker: int, now: float) -> None:
        end = now + draw(worker, begun[worker])
        heapq.heappush(queue, (end, worker, now, len(timeline.update_times)))
        begun[worker] += 1

    for worker in range(workers):
        begin(worker, 0.0)
    while len(timeline.update_times) < updates:
        now, worker, start, version = heapq.heappop(queue)
        staleness = len(timeline.update_times) - version
        is_late = staleness > 0 and not takes_stale
        outcome = DROPPED if is_late else USED
        timeline.tasks.append(Task(worker, start, now, outcome, staleness))
        if is_late:
            begin(worker, now)
            continue
        waiting.append(worker)
        if len(waiting) == wait_for:
            timeline.update_times.append(now)
            if interrupts:
                waiting += cut_short(queue, timeline, now)
            for ready in waiting:
                begin(ready, now)
            waiting = []
    return timeline


def cut_short(queue: list, timeline: Timeline, now: float) -> list[int]:
    """Stop all tasks in the queue, note them down, and return whose they were."""
    late = sorted(worker for _, worker, _, _ in queue)
    starts = {worker: start for _, worker, start, _ in queue}
    timeline.tasks += [Task(worker, starts[worker], now, CUT, 0) for worker in late]
    queue.clear()
    return late


def harmonic(n: int) -> float:
    """Return H_n = 1 + 1/2 + ... + 1/n, with H_0 = 0."""
    if n < 0:
        raise ValueError(f"expected n >= 0, got {n}")
    return sum(1 / i for i in range(1, n + 1))


def expected_wait(wait_for: int, workers: int, fixed: float = 0.0, tail: float = 1.0) -> float:
    """Return the mean time until the k-th of n workers is done: fixed + tail (H_n - H_{n-k}).

    For times fixed + tail E with E exponential of mean 1.

    Args:
        wait_for: k, from 1 to n.
        workers: n.
        fixed, tail: Of the law.

    Raises:
        ValueError: If k is not in that range.

    Taught in: lectures/08_gpu_and_distributed
    """
    if not 1 <= wait_for <= workers:
        raise ValueError(f"expected 1 <= wait_for <= workers, got {wait_for} and {workers}")
    return fixed + tail * (harmonic(workers) - harmonic(workers - wait_for))


def kth_times(law: Law, wait_for: int, workers: int, rounds: int, seed: int) -> np.ndarray:
    """Return when the k-th of n workers was done, in many rounds at once; no queue needed.

    What `simulate` gives between updates where every round begins afresh (`interrupts`).

    Args:
        law: Of the times.
        wait_for: k.
        workers: n.
        rounds: R.
        seed: Of the draws.

    Returns:
        [R].
    """
    times = law(np.random.default_rng(seed), rounds * workers).reshape(rounds, workers)
    return np.partition(times, wait_for - 1, axis=1)[:, wait_for - 1]
