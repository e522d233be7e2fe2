"""Makes the golden run folder of this release: a run that was stopped after 2 of 12 steps.

    python -m tests.golden.generate_run tests/golden/run_0_1

Make a new one, beside the older ones, with each release; never make an old one anew. Its test continues it.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from seqlab.train import writers
from tests.experiments.launching import TINY, launch, write_text

UNTIL = 2


def main(folder: Path) -> None:
    """Trains into ``folder``, and leaves what a run goes on from."""
    record = writers.JsonLines.record

    def record_and_stop(
        self: writers.JsonLines, step: int, split: str, scores: dict[str, float], pace: float | None = None
    ) -> None:
        record(self, step, split, scores, pace)
        if step == UNTIL:
            os.kill(os.getpid(), signal.SIGTERM)

    writers.JsonLines.record = record_and_stop
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "text.txt")
    os.chdir(folder)
    stopped = launch("run", "--dataset=text:text.txt", *TINY, "--cell=gru", "--hidden_size=4", "--run_dir=run")
    assert stopped.status == 143, stopped.err
    for name in ("plots", "tensorboard"):
        shutil.rmtree(Path("run") / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
