"""Workers and a parameter server in the page: who computes, who waits, whose work is dropped."""

import traitlets

from dlcv.study.widgets.base import Widget, within

POLICIES = ("sync", "backup", "cut", "async")
RANGES = {"workers": (2, 20), "backups": (0, 10), "spread": (0.0, 1.0), "stragglers": (0.0, 0.2)}
SLOWDOWN = 8  # a straggling task takes this many times as long


class WorkerTimeline(Widget):
    """A timeline of workers: what they do, how fast the parameters change, how stale gradients are.

    A task takes 1 - spread + spread E units of time, with E exponential of mean 1, and eight times
    as long if it straggles. Server and network take no time. Simulated in the page, event by event,
    exactly as `dlcv.distributed.simulation.simulate` does.

    Attributes (they follow what the reader does, and can be set from Python):
        policy: "sync" waits for all workers, "backup" for the first `workers` of workers + backups,
            "cut" does so and stops the late ones at once, "async" waits for nobody.
        workers: gradients in one synchronous update, 2 to 20.
        backups: workers more than that, 0 to 10; with "backup" and "cut" alone.
        spread: 0 (all tasks take the same time) to 1 (exponential times).
        stragglers: share of tasks that straggle, 0 to 0.2.
        seed: of the times.
        time: how far the simulation is, in units of time.
        updates: of the parameters, so far.
        dropped: gradients dropped or cut short, so far.
        staleness: how many used gradients had staleness 0, 1, 2, ...

    Args:
        policy, workers, backups, spread, stragglers, seed: what to begin with.

    Raises:
        ValueError: one of these is out of range.

    Taught in: lectures/08_gpu_and_distributed
    """

    module = "worker_timeline"
    parts = ("worker_server",)
    policy = traitlets.Unicode().tag(sync=True)
    workers = traitlets.Int(4).tag(sync=True)
    backups = traitlets.Int(0).tag(sync=True)
    spread = traitlets.Float(1.0).tag(sync=True)
    stragglers = traitlets.Float(0.0).tag(sync=True)
    slowdown = traitlets.Int(SLOWDOWN).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    time = traitlets.Float(0.0).tag(sync=True)
    updates = traitlets.Int(0).tag(sync=True)
    dropped = traitlets.Int(0).tag(sync=True)
    staleness = traitlets.List().tag(sync=True)

    def __init__(
        self,
        policy: str = "sync",
        workers: int = 10,
        backups: int = 5,
        spread: float = 1.0,
        stragglers: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(
            label="Worker timeline: choose a policy and watch the workers",
            policy=policy,
            workers=workers,
            backups=backups,
            spread=spread,
            stragglers=stragglers,
            seed=seed,
        )

    @traitlets.validate("policy")
    def _check_policy(self, proposal):
        if proposal["value"] not in POLICIES:
            raise ValueError(f"expected one of {', '.join(POLICIES)}; got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate(*RANGES)
    def _check_range(self, proposal):
        return within(RANGES, proposal)
