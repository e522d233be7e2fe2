"""Optimizers as chains of pure gradient transformations, and the schedules of their rates. Imports only the core."""

from seqlab.optim.chains import DIRECTIONS, make_optimizer
from seqlab.optim.config import OptimizerConfig, ScheduleConfig
from seqlab.optim.masks import is_kernel, kernel_mask
from seqlab.optim.penalties import penalty
from seqlab.optim.schedules import SCHEDULES, make_schedule

__all__ = [
    "DIRECTIONS",
    "SCHEDULES",
    "OptimizerConfig",
    "ScheduleConfig",
    "is_kernel",
    "kernel_mask",
    "make_optimizer",
    "make_schedule",
    "penalty",
]
