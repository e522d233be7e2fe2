"""Training: state, pure step, loop, evaluation, checkpoints, and who is told about it."""

from seqlab.train.checkpoint import Checkpoints
from seqlab.train.early_stopping import Best
from seqlab.train.evaluate import evaluate_split
from seqlab.train.loop import Fitted, Observer, TrainConfig, fit, stack_batches
from seqlab.train.state import TrainState, initial_state
from seqlab.train.step import StepInfo, chunk_of, make_train_step

__all__ = [
    "Best",
    "Checkpoints",
    "Fitted",
    "Observer",
    "StepInfo",
    "TrainConfig",
    "TrainState",
    "chunk_of",
    "evaluate_split",
    "fit",
    "initial_state",
    "make_train_step",
    "stack_batches",
]
