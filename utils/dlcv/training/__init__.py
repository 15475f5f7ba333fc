"""Training any network of the book: the recipe, the loop, checkpoints, and a live curve."""

from dlcv.training.checkpoint import load_checkpoint, save_checkpoint
from dlcv.training.live_curve import LiveCurve
from dlcv.training.loop import (
    History,
    accuracy,
    classification_loss,
    eval_mode,
    evaluate,
    fit,
)
from dlcv.training.recipe import TrainConfig, lr_factor, make_optimiser

__all__ = [
    "History",
    "LiveCurve",
    "TrainConfig",
    "accuracy",
    "classification_loss",
    "eval_mode",
    "evaluate",
    "fit",
    "load_checkpoint",
    "lr_factor",
    "make_optimiser",
    "save_checkpoint",
]
