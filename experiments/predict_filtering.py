"""What a learned filter can be asked, from flags: where the state is, for each line of observations."""

from collections.abc import Mapping
from pathlib import Path

from absl import flags

from experiments.from_flags import filtering_config
from experiments.predict_sequences import problem_predictors
from experiments.predict_text import Predictor
from seqlab.tasks.filtering import make_problem
from seqlab.train import Checkpoints


def filtering_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``answer``: observations as a JSON list in, estimates after each of them out."""
    del folder, asked
    return problem_predictors(make_problem(filtering_config(run)), checkpoints)
