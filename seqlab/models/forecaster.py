"""Forecasts of a series: its last T rows in, the next U rows out.

    direct            recurrent layers over the T rows; all U rows from their last state
    recursive         the layers say the next row, read their own point forecast as if it had come, and so on
    encoder_decoder   the layers read the T rows; others go on from their state, reading their own forecasts

Training runs as forecasting does: what feeds on its own forecasts is trained through them, by their gradients, so it
never meets inputs that it was not trained on. The spread of a later step is learned so too: it is that of its errors,
those of the forecasts before it included.

What the layers read, and what is added to their answers, is a matter of the level (``difference``):

    none     x_t, and nothing is added
    last     x_t - x_T; x_T is added
    season   x_t - x_{t-m} and x_t - x_T side by side; the last season of m rows, repeated, is added
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Carry, Float, Scalar
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig

FORECASTS = ("direct", "recursive", "encoder_decoder")
DIFFERENCES = ("none", "last", "season")


class _Level(NamedTuple):
    """What is subtracted and added.

    Attributes:
        last: the last row [B, 1, W].
        before: what is subtracted from the rows that are read [B, T, W]; fewer where a season before is not known.
        ahead: what is added to the rows that are forecast [B, U, W].
    """

    last: Array
    before: Array
    ahead: Array


class Forecaster(nn.Module):
    """Rows [B, T, F] in, P numbers for each column of each row ahead [B, U, C, P] out.

    Params: ``stack``, ``decoder`` (encoder_decoder alone), ``head``.

    Attributes:
        num_columns: columns C of the series.
        horizon: rows ahead U.
        located: of the P numbers of an answer, whether each moves along with the level of the series.
        point_index: which of them is read as if it had come.
        recurrent: the layers; they run forward.
        forecast: a name in ``FORECASTS``.
        difference: a name in ``DIFFERENCES``.
        season: rows m of a season.
        shared_columns: whether one model reads every column alone, as a row of its own, instead of all side by side.
        gaps: whether inputs are the values, whether each was seen, and the steps since then (F = 3C instead of C); see
            ``seqlab.data.series_windows``.

    References:
        Zeng et al., Are transformers effective for time series forecasting?, 2023 (``last``); Nie et al., A time series
        is worth 64 words, 2023 (columns that share a model).
    """

    num_columns: int
    horizon: int
    located: tuple[bool, ...]
    point_index: int
    recurrent: RecurrentConfig
    forecast: str = "direct"
    difference: str = "none"
    season: int = 1
    shared_columns: bool = False
    gaps: bool = False

    def setup(self) -> None:
        """Declares the layers."""
        for kind, known in (("forecast", FORECASTS), ("difference", DIFFERENCES)):
            if getattr(self, kind) not in known:
                raise unknown_name(kind, getattr(self, kind), known)
        if self.recurrent.bidirectional:
            raise SeqlabError("a forecaster reads forward alone; leave --bidirectional out.")
        # Values less a season before come in two blocks, so that gaps make four of them.
        blocks = 3 if self.gaps and self.difference != "season" else 1
        self.stack = self.recurrent.make(blocks)
        if self.forecast == "encoder_decoder":
            self.decoder = self.recurrent.make(blocks)
        self.dropout = Dropout()
        steps = self.horizon if self.forecast == "direct" else 1
        width = 1 if self.shared_columns else self.num_columns
        self.head = Dense(steps * width * len(self.located), product_dtype(self.recurrent.precision))

    def __call__(
        self, inputs: Float[Array, "B T F"], *, dropout_rate: Scalar = 0.0, **drop_rates: Scalar
    ) -> Float[Array, "B U C P"]:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        rows = self._columns_as_rows(inputs) if self.shared_columns else inputs
        values, *gaps = jnp.split(rows, 3 if self.gaps else 1, axis=-1)
        level = self._level(values)
        first = values.shape[1] - level.before.shape[1]
        features = self._features(values[:, first:], level.before, level.last, [block[:, first:] for block in gaps])
        controls: dict[str, Any] = {"dropout_rate": dropout_rate, **drop_rates}
        if self.forecast == "direct":
            answers = self._answers(self.stack(features, **controls).outputs[:, -1], self.horizon, dropout_rate)
            answers = self._placed(answers, level.ahead)
        else:
            since = gaps[1][:, -1] if gaps else None
            answers = self._step_by_step(features, level, since, controls)
        if not self.shared_columns:
            return answers
        return answers.reshape(-1, self.num_columns, self.horizon, len(self.located)).swapaxes(1, 2)

    def _columns_as_rows(self, inputs: Array) -> Array:
        """[B, T, K C] as [B C, T, K], K blocks of features of each column."""
        B, T, F = inputs.shape
        blocks = inputs.reshape(B, T, F // self.num_columns, self.num_columns)
        return jnp.moveaxis(blocks, 3, 1).reshape(B * self.num_columns, T, -1)

    def _level(self, values: Array) -> _Level:
        last, shape = values[:, -1:], (values.shape[0], self.horizon, values.shape[2])
        if self.difference == "none":
            return _Level(last, jnp.zeros_like(values), jnp.zeros(shape, values.dtype))
        if self.difference == "last":
            return _Level(last, jnp.broadcast_to(last, values.shape), jnp.broadcast_to(last, shape))
        season = values[:, -self.season :]
        repeated = jnp.tile(season, (1, -(-self.horizon // self.season), 1))[:, : self.horizon]
        return _Level(last, values[:, : -self.season], repeated)

    def _features(self, values: Array, before: Array, last: Array, gaps: list[Array]) -> Array:
        """What the layers read of rows [B, T, W]."""
        parts = [values - before]
        if self.difference == "season":
            parts.append(values - last)
        if gaps:
            seen, since = gaps
            parts += [seen, jnp.log1p(since)]
        return jnp.concatenate(parts, axis=-1)

    def _answers(self, outputs: Array, num_steps: int, dropout_rate: Scalar) -> Array:
        """The answers [B, U, W, P] to states [B, H]."""
        answers = self.head(self.dropout(outputs, dropout_rate))
        return answers.reshape(outputs.shape[0], num_steps, -1, len(self.located))

    def _placed(self, answers: Array, ahead: Array) -> Array:
        return answers + ahead[..., None] * jnp.array(self.located, answers.dtype)

    def _step_by_step(
        self, features: Array, level: _Level, since: Array | None, controls: dict[str, Any]
    ) -> Float[Array, "B U W P"]:
        """Answers that are made one after the other, each from the point forecast before it."""
        both = self.forecast == "encoder_decoder"
        carry = self.stack(features if both else features[:, :-1], **controls).carry

        def step(
            module: "Forecaster", state: tuple[Carry, Array], level_here: Any
        ) -> tuple[tuple[Carry, Array], Array]:
            carry, row = state
            ahead, number = level_here
            layers = module.decoder if both else module.stack
            outputs, carry, _ = layers(row, initial_carry=carry, **controls)
            answer = module._placed(module._answers(outputs[:, 0], 1, controls["dropout_rate"]), ahead[:, None])
            point = answer[..., self.point_index]
            gaps = [] if since is None else [jnp.zeros_like(point), (since + number)[:, None]]
            return (carry, module._features(point, ahead[:, None], level.last, gaps)), answer[:, 0]

        # One program for all steps; each draws masks of its own.
        run = nn.scan(step, variable_broadcast="params", split_rngs={"params": False, "dropout": True}, out_axes=1)
        numbers = jnp.arange(1, self.horizon + 1, dtype=features.dtype)
        _, answers = run(self, (carry, features[:, -1:]), (jnp.moveaxis(level.ahead, 1, 0), numbers))
        return answers
