"""The one place that chooses an engine."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from seqlab.cells import CELLS, GRUCell, LSTMCell, MinGRUCell, ResetBeforeGRUCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines import ENGINES, FlaxCell, unroll
from seqlab.engines.select import resolve_engine, supported_engines


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_name_is_its_engine(name):
    cell = next(cell for cell in (LSTMCell(3), MinGRUCell(3)) if name in supported_engines(cell))
    assert resolve_engine(name, cell) is ENGINES[name]


@pytest.mark.parametrize("cell_name", sorted(CELLS))
def test_auto_is_an_engine_that_supports_the_cell(cell_name):
    cell = make_cell(cell_name, 3)
    assert resolve_engine("auto", cell) in [ENGINES[name] for name in supported_engines(cell)]


def test_auto_is_fused_where_that_can_be_and_scan_elsewhere():
    assert resolve_engine("auto", GRUCell(3)) is ENGINES["fused"]
    assert resolve_engine("auto", ResetBeforeGRUCell(3)) is ENGINES["scan"]
    assert resolve_engine("auto", FlaxCell(nn.GRUCell(3))) is ENGINES["scan"]


@pytest.mark.parametrize(("platform", "name"), [("cpu", "scan"), ("gpu", "associative"), ("tpu", "associative")])
def test_auto_unrolls_a_linear_recurrence_in_a_loop_on_a_cpu_alone(monkeypatch, platform, name):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    assert resolve_engine("auto", MinGRUCell(3)) is ENGINES[name]
    assert resolve_engine("auto", LSTMCell(3)) is ENGINES["fused"]
    assert resolve_engine("auto", ResetBeforeGRUCell(3)) is ENGINES["scan"]


def test_auto_is_not_an_engine_s_own_name_and_other_names_are_errors():
    assert "auto" not in ENGINES
    with pytest.raises(SeqlabError, match="unknown engine 'fast'"):
        resolve_engine("fast", LSTMCell(3))


def test_an_engine_that_does_not_support_the_cell_is_refused_with_those_that_do():
    cell = ResetBeforeGRUCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    with pytest.raises(SeqlabError, match="'fused' does not support ResetBeforeGRUCell; expected one of loop, scan"):
        unroll(cell, params, jnp.ones((1, 2, 2)), engine="fused")
