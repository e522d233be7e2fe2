"""A trace of what the processor or GPU does in some training steps, for TensorBoard or Perfetto.

    python -m experiments.run --flagfile=F --profile=20

The first chunk of steps compiles, so that the trace begins behind it, and it ends with the chunk in which the number of
steps is reached; an evaluation that falls between is in it. It lies in ``profile`` of the run folder: ``tensorboard
--logdir=D/profile`` with the plugin tensorboard-plugin-profile shows it, and https://ui.perfetto.dev opens the file
perfetto_trace.json.gz in it.
"""

from pathlib import Path
from typing import Any

from experiments.flag_kinds import define_integer

define_integer(
    "profile", 0, "Training steps to trace into the run's folder profile, after compiling; 0 for none.", low=0
)


class ProfileTrace:
    """An observer that traces ``num_steps`` steps after the first chunk that it is told of."""

    def __init__(self, folder: Path, num_steps: int) -> None:
        self._folder, self._num_steps = folder, num_steps
        self._last: int | None = None
        self._traces = False

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Begins or ends the trace, where the time for it has come."""
        del scores, pace
        if split != "train" or not self._num_steps:
            return
        if self._last is None:
            self._begin(step)
        elif step >= self._last:
            self._end()

    def _begin(self, step: int) -> None:
        import jax

        jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
        self._last, self._traces = step + self._num_steps, True

    def _end(self) -> None:
        import jax

        if self._traces:
            jax.profiler.stop_trace()
            self._traces = False

    def __enter__(self) -> "ProfileTrace":
        return self

    def __exit__(self, *raised: Any) -> None:
        self._end()
