"""Early stopping: the validation split says when to stop, and which step was the best."""

import math
from typing import NamedTuple


class Best(NamedTuple):
    """The best evaluation so far.

    Attributes:
        value: its score, smaller is better.
        step: the step that it was made at.
        evaluations_since: how many evaluations have come after it without being better.
        last_step: the step of the last evaluation of all.
    """

    value: float = math.inf
    step: int = -1
    evaluations_since: int = 0
    last_step: int = -1

    def update(self, value: float, step: int) -> "Best":
        """With one more evaluation; nan is never better."""
        if value < self.value:
            return Best(value, step, 0, step)
        return self._replace(evaluations_since=self.evaluations_since + 1, last_step=step)

    def should_stop(self, patience: int) -> bool:
        """Whether ``patience`` evaluations in a row were not better; a patience of 0 never stops."""
        return 0 < patience <= self.evaluations_since
