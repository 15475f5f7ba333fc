"""Training on several workers: real processes, the same as a simulation, and what a step costs."""

from dlcv.distributed.launcher import WorkerError, launch

__all__ = ["WorkerError", "launch"]
