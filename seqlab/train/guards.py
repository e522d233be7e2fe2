"""What is said of a step that went wrong: where something was not finite, and which rows of the batch made it so.

The step itself (``train/step.py``) sees to it that nothing of such a step is applied. Here the cause is looked for once
there is one, with the state that the step began with: each row of the batch is tried alone, in a batch of its copies.
"""

import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from seqlab.core import keys
from seqlab.core.array_types import Array, Bool, Params
from seqlab.core.trees import finite_leaves
from seqlab.data.batch import Batch
from seqlab.tasks.base import Hyper, Task
from seqlab.train.state import TrainState
from seqlab.train.step import StepInfo, checked_leaves

SHOWN = 8


@dataclass(frozen=True)
class Fault:
    """A step that was not applied.

    Attributes:
        step: its number, counted from 0.
        leaves: what was not finite, from the loss on.
        rows: rows of the batch that give such a step on their own.
        num_rows: rows of the batch.
        origins: where these rows are in the training split, where the batch says so.
        operation: the operation that first gives a nan or an infinity, with its line of code; "" where not asked for.
    """

    step: int
    leaves: list[str]
    rows: list[int]
    num_rows: int
    origins: list[int] | None = None
    operation: str = ""

    def __str__(self) -> str:
        more = f" and {len(self.leaves) - 1} more" if len(self.leaves) > 1 else ""
        where = f" ({_some(self.origins)} in the training split)" if self.rows and self.origins else ""
        rows = (
            f"batch rows {_some(self.rows)} of {self.num_rows}{where}"
            if self.rows
            else "no batch row alone makes it so"
        )
        return f"step {self.step}: {self.leaves[0]}{more} not finite; {rows}" + (
            f"; {self.operation}" * bool(self.operation)
        )


class Examiner:
    """Looks for the cause of faults; compiled once."""

    def __init__(self, task: Task, hyper: Hyper) -> None:
        def gradient(params: Params, carry: Any, batch: Batch, key: Any) -> Any:
            def mean_loss(params: Params) -> tuple[Array, Any]:
                loss = task.loss(params, carry, batch, key, hyper)
                return loss.total / jax.numpy.maximum(loss.weight, 1.0), loss.carry

            return jax.value_and_grad(mean_loss, has_aux=True)(params)

        def is_finite(params: Params, carry: Any, batch: Batch, key: Any) -> Bool[Array, ""]:
            return finite_leaves(gradient(params, carry, batch, key)).all()

        self._gradient = gradient
        self._is_finite = jax.jit(is_finite)

    def examine(
        self, state: TrainState, batch: Batch, step: int, finite: Bool[np.ndarray, " N"], *, operation: bool = False
    ) -> Fault:
        """The fault of a step.

        Args:
            state: the state before the step, or one near it.
            batch: the step's batch.
            step: its number.
            finite: of each of ``checked_leaves`` whether it was finite [N].
            operation: whether to look for the operation, which runs the step without compiling it.
        """
        key, num_rows = keys.at_step(state.key, step), len(batch.inputs)
        rows = []
        for row in range(num_rows):
            chosen = np.full(num_rows, row)
            carry = jax.tree.map(lambda leaf: leaf[chosen] if leaf.shape[:1] == (num_rows,) else leaf, state.carry)  # noqa: B023
            alone = jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], batch)  # noqa: B023
            if not self._is_finite(state.params, carry, alone, key):
                rows.append(row)
        return Fault(
            step=step,
            leaves=[name for name, whole in zip(checked_leaves(state), finite, strict=True) if not whole],
            rows=rows,
            num_rows=num_rows,
            origins=None if batch.rows is None else [int(batch.rows[row]) for row in rows],
            operation=self._operation(state, batch, key) if operation else "",
        )

    def _operation(self, state: TrainState, batch: Batch, key: Any) -> str:
        """The first operation with a nan, or else with an infinity, in what it gives."""
        for looks_for in (jax.debug_nans, jax.debug_infs):
            try:
                with jax.disable_jit(), looks_for(True):
                    self._gradient(state.params, state.carry, batch, key)
            except FloatingPointError as error:
                ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_code(frame.filename)]
                line = f" at {ours[-1].filename}:{ours[-1].lineno}: {ours[-1].line}" if ours else ""
                return f"{str(error).strip().splitlines()[0].rstrip('.')}{line}"
        return "no single operation of the loss or its gradient gives a nan or an infinity"


class SpikeWatch:
    """Finds losses far above those before them.

    A spike is a loss that lies above the median of the last ``window`` by more than ``factor`` times their spread (the
    median distance from the median, as a standard deviation) and by half of the median.
    """

    def __init__(self, window: int = 128, at_least: int = 48, factor: float = 12.0) -> None:
        self._losses: deque[float] = deque(maxlen=window)
        self._at_least, self._factor = at_least, factor

    def check(self, losses: np.ndarray) -> tuple[int, float] | None:
        """Takes the losses of a chunk; gives the place of its worst spike and the median before it, or ``None``."""
        before, found = np.array(self._losses), None
        self._losses.extend(losses.tolist())
        if len(losses) and len(before) >= self._at_least:
            median = float(np.median(before))
            spread = 1.4826 * float(np.median(np.abs(before - median)))
            worst = int(np.argmax(losses))
            if losses[worst] - median > max(self._factor * spread, 0.5 * abs(median)):
                found = worst, median
        return found


class Watch:
    """Looks at the steps of each chunk once they are run, and says what was wrong with them.

    Args:
        task: what is learned.
        hyper: numbers of the loss.
        max_skipped_steps: steps that may be left out before the run has to stop.
        num_skipped: how many were before.
        debug_nans: whether the operation is looked for that stops the run.
        warn: is told of steps that were left out and of losses that jump, each with its batch.
    """

    def __init__(
        self,
        task: Task,
        hyper: Hyper,
        *,
        max_skipped_steps: int,
        num_skipped: int,
        debug_nans: bool,
        warn: Callable[[str], None],
    ) -> None:
        self._batch, self._warn = task.splits.train.batch, warn
        self._examiner, self._spikes = Examiner(task, hyper), SpikeWatch()
        self._max_skipped, self._num_skipped, self._debug_nans = max_skipped_steps, num_skipped, debug_nans

    def check(self, state: TrainState, step: int, info: StepInfo) -> Fault | None:
        """What stops the run, if anything does.

        Args:
            state: the state after the chunk.
            step: the number of the chunk's first step.
            info: of its steps [S].
        """
        for bad in np.flatnonzero(~info.finite).tolist():
            self._num_skipped += 1
            fatal = self._num_skipped > self._max_skipped
            find = {"operation": self._debug_nans and fatal}
            fault = self._examiner.examine(
                state, self._batch(step + bad), step + bad, np.asarray(info.finite_leaves[bad]), **find
            )
            if fatal:
                return fault
            self._warn(
                f"{fault}. It was left out, number {self._num_skipped} of --max_skipped_steps={self._max_skipped}."
            )
        applied, losses = np.flatnonzero(info.finite), _losses(info)
        if (spike := self._spikes.check(losses[applied])) is not None:
            at = int(applied[spike[0]])
            self._warn(_spike_in_words(step + at, float(losses[at]), spike[1], self._batch(step + at)))
        return None


def _losses(info: StepInfo) -> np.ndarray:
    """The loss of each step [S]."""
    loss = info.metrics["loss"]
    return np.asarray(loss.total, np.float64) / np.maximum(np.asarray(loss.weight), 1.0)


def _spike_in_words(step: int, loss: float, median: float, batch: Batch) -> str:
    rows = "" if batch.rows is None else f"; its batch has the rows {_some([int(row) for row in batch.rows])}"
    return f"step {step}: the loss jumped to {loss:.4g}, from a median of {median:.4g} before it{rows}."


def _some(numbers: list[int] | None) -> str:
    shown = ", ".join(map(str, (numbers or [])[:SHOWN]))
    return f"{shown}, ..." if len(numbers or []) > SHOWN else shown


def _is_code(filename: str) -> bool:
    """Whether a file is a model's or a task's, and not a library's or this one."""
    return "site-packages" not in filename and filename != __file__ and "importlib" not in filename
