"""What a trained forecaster can be asked, from flags: the rows after the last ones of a CSV file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments.from_flags import forecasting_config
from experiments.predict_text import Predictor
from seqlab.core.errors import DataError
from seqlab.data.loaders.dated_csv import check_length, parse_dated_csv
from seqlab.data.series import Scaling
from seqlab.data.series_windows import read_of
from seqlab.tasks.forecasting import SCALING_FILE, in_units, init_params, make_model
from seqlab.train import Checkpoints


def forecasting_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``forecast``: the lines of a CSV file in, one answer for each row ahead."""
    config = forecasting_config(run)
    scaling = Scaling.load(folder / SCALING_FILE)
    model = make_model(config, len(scaling.columns))
    params = checkpoints.best_params(lambda key: init_params(model, config.lookback, key))
    source = asked.input if asked.input not in ("", "-") else "standard input"

    def forecast(lines: Sequence[str]) -> list[dict[str, Any]]:
        series = parse_dated_csv("\n".join(lines), source, scaling.columns, gaps=config.gaps != "refuse")
        if series.width != scaling.width:
            raise DataError(f"{source}: expected rows {scaling.width} apart, as in training; found {series.width}.")
        check_length(series, config.lookback, f"--lookback={config.lookback} of the run")
        read = read_of(scaling.scale(series.values), config.gaps)
        inputs = jnp.asarray(read[-config.lookback :], jnp.float32)
        found: Any = jax.jit(model.apply)({"params": params}, inputs[None])
        numbers = in_units(config, scaling, np.asarray(found[0]))
        return [
            {
                "date": str(series.width.after(series.dates[-1], step + 1)),
                **{
                    column: {name: float(values[step, place]) for name, values in numbers.items()}
                    for place, column in enumerate(scaling.columns)
                },
            }
            for step in range(config.horizon)
        ]

    return {"forecast": forecast}
