"""Training any network of the book: the recipe, the loop, checkpoints, and a live curve."""

from dlcv.training.checkpoint import checkpoint_file, load_checkpoint, save_checkpoint
from dlcv.training.imbalance import balanced_indices, class_weights, recalls
from dlcv.training.live_curve import LiveCurve
from dlcv.training.loop import (
    accuracy,
    classification_loss,
    eval_mode,
    evaluate,
    fit,
)
from dlcv.training.lr_range import lr_range_test
from dlcv.training.monitors import activation_statistics, update_ratios
from dlcv.training.recipe import TrainConfig, lr_factor, make_optimiser
from dlcv.training.run import History

__all__ = [
    "History",
    "LiveCurve",
    "TrainConfig",
    "accuracy",
    "activation_statistics",
    "balanced_indices",
    "checkpoint_file",
    "class_weights",
    "classification_loss",
    "eval_mode",
    "evaluate",
    "fit",
    "load_checkpoint",
    "lr_factor",
    "lr_range_test",
    "make_optimiser",
    "recalls",
    "save_checkpoint",
    "update_ratios",
]
