"""The one place that chooses an engine."""

import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from seqlab.cells import CELLS, GRUCell, LSTMCell, MinGRUCell, ResetBeforeGRUCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines import ENGINES, FlaxCell, select, unroll
from seqlab.engines.fused import unroll_fused_in_cache
from seqlab.engines.select import NUMBERS, PLATFORMS, resolve_engine, supported_engines


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_name_is_its_engine(monkeypatch, name):
    monkeypatch.setattr(select, "platform", lambda: PLATFORMS.get(name, "cpu"))
    monkeypatch.setenv("CXX", sys.executable)  # A compiler that is there: nothing is compiled.
    cell = next(cell for cell in (LSTMCell(3), MinGRUCell(3)) if name in supported_engines(cell))
    assert resolve_engine(name, cell) is ENGINES[name]


@pytest.mark.parametrize("cell_name", sorted(CELLS))
def test_auto_is_an_engine_that_supports_the_cell(cell_name):
    cell = make_cell(cell_name, 3)
    assert resolve_engine("auto", cell) in [
        ENGINES[name] if name != "fused" else unroll_fused_in_cache for name in supported_engines(cell)
    ]


def test_auto_is_fused_where_that_can_be_and_scan_elsewhere():
    assert resolve_engine("auto", GRUCell(3)) is unroll_fused_in_cache
    assert resolve_engine("auto", ResetBeforeGRUCell(3)) is ENGINES["scan"]
    assert resolve_engine("auto", FlaxCell(nn.GRUCell(3))) is ENGINES["scan"]


@pytest.mark.parametrize(("platform", "name"), [("cpu", "scan"), ("gpu", "associative"), ("tpu", "associative")])
def test_auto_unrolls_a_linear_recurrence_in_a_loop_on_a_cpu_alone(monkeypatch, platform, name):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    assert resolve_engine("auto", MinGRUCell(3)) is ENGINES[name]
    assert resolve_engine("auto", LSTMCell(3)) is (unroll_fused_in_cache if platform == "cpu" else ENGINES["fused"])
    assert resolve_engine("auto", ResetBeforeGRUCell(3)) is ENGINES["scan"]


def test_auto_is_not_an_engine_s_own_name_and_other_names_are_errors():
    assert "auto" not in ENGINES
    with pytest.raises(SeqlabError, match="unknown engine 'fast'"):
        resolve_engine("fast", LSTMCell(3))


def test_an_engine_that_does_not_support_the_cell_is_refused_with_those_that_do():
    cell = ResetBeforeGRUCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    with pytest.raises(
        SeqlabError, match="'fused' does not support ResetBeforeGRUCell of width 3; expected one of loop"
    ):
        unroll(cell, params, jnp.ones((1, 2, 2)), engine="fused")


@pytest.mark.parametrize("name", sorted(name for name, platform in PLATFORMS.items() if platform != "cpu"))
def test_an_engine_of_another_platform_is_refused_with_what_runs_here(name):
    cell = LSTMCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    assert name not in supported_engines(cell)
    with pytest.raises(SeqlabError, match=f"'{name}' needs cuda; JAX runs on cpu here. Expected one of loop, scan"):
        unroll(cell, params, jnp.ones((1, 2, 2)), engine=name)


@pytest.mark.parametrize(("version", "expected"), [("cuda 13000", "cuda"), ("rocm 60000", "rocm")])
def test_the_two_kinds_of_gpu_are_told_apart(monkeypatch, version, expected):
    device = SimpleNamespace(client=SimpleNamespace(platform_version=version))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: [device])
    assert select.platform() == expected
    assert ("cudnn" in supported_engines(LSTMCell(3))) == (expected == "cuda")


def test_auto_is_never_an_engine_that_must_be_asked_for(monkeypatch):
    monkeypatch.setattr(select, "platform", lambda: "cuda")
    assert {"cudnn", "pallas"} <= set(supported_engines(LSTMCell(3)))
    assert resolve_engine("auto", LSTMCell(3)) is ENGINES["fused"]


def test_what_runs_elsewhere_is_not_imported():
    # Flax imports parts of pallas, but not the kernels' language for GPUs, and nobody cuDNN's LSTM.
    code = "import sys, seqlab.engines; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "seqlab.engines.pallas" in loaded
    assert not {"jax.experimental.rnn", "jax.experimental.pallas", "jax.experimental.pallas.triton"} & set(loaded)


def test_a_number_behind_a_colon_goes_to_the_engine():
    engine = resolve_engine("truncated:32", LSTMCell(3))
    assert isinstance(engine, partial)
    assert engine.func is ENGINES["truncated"]
    assert engine.keywords == {"window": 32}
    assert set(NUMBERS) <= set(ENGINES)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("truncated:0", "'truncated:N' needs a window N of at least 1; got 'truncated:0'"),
        ("truncated:", "needs a window N of at least 1; got 'truncated:'"),
        ("newton:-3", "'newton:N' needs a max_iterations N of at least 1; got 'newton:-3'"),
        ("loop:3", "'loop' takes no number; got 'loop:3'. Those that do: "),
        ("truncate:3", "unknown engine 'truncate'; did you mean 'truncated'"),
    ],
)
def test_a_number_that_is_none_or_has_no_use_is_refused(engine, message):
    with pytest.raises(SeqlabError, match=message):
        resolve_engine(engine, LSTMCell(3))


def test_an_engine_of_one_s_own_is_called_with_what_ours_get():
    cell = LSTMCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    inputs = jnp.ones((1, 2, 2))
    calls = []

    def engine(*arguments, **options):
        calls.append(options)
        return ENGINES["scan"](*arguments, **options)

    found = unroll(cell, params, inputs, engine=engine)
    assert calls == [{"return_all_carries": False}]
    assert bool((found.outputs == unroll(cell, params, inputs, engine="scan").outputs).all())
