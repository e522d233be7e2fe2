"""The loops in C++: what compiles them, sizes of every kind, threads that change nothing, and what is refused.

The laws of ``tests/contracts`` hold for them too, at one small size.
"""

import functools
import os
import sys
from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from seqlab import unroll
from seqlab.cells import GRUCell, LSTMCell, PeepholeLSTMCell, VanillaCell, ZoneoutCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines import native, select
from tests.contracts.cases import Example, assert_close, assert_equal, jit, random_like, unrolled_from, with_gradients

NAMES = ("vanilla", "gru", "lstm")

needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="needs a C++ compiler")


def example(cell: Any, B: int, T: int, F: int) -> Example:
    shapes = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    params, inputs = random_like(shapes, 1, 0.3), random_like(jax.ShapeDtypeStruct((B, T, F), jnp.float32), 2)
    carry = random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F))), 3)
    run = functools.partial(unrolled_from, cell, return_all_carries=True)
    return Example(params, inputs, carry, random_like(jax.eval_shape(run, params, inputs, carry), 4))


def flags(B: int, T: int) -> dict[str, Any]:
    """A mask with holes, and resets."""
    rng = np.random.default_rng(5)
    return {"mask": jnp.asarray(rng.random((B, T)) < 0.7), "resets": jnp.asarray(rng.random((B, T)) < 0.4)}


def result(cell: Any, engine: Any, given: Example, controls: Any, *, reverse: bool = False) -> Any:
    """Outputs and carries, undifferentiated and differentiated, and gradients by params, inputs and first carry."""

    @jit
    def program(given: Example, controls: Any) -> Any:
        run = functools.partial(unrolled_from, cell, return_all_carries=True, engine=engine, reverse=reverse)
        run = functools.partial(run, **controls)
        return run(given.params, given.inputs, given.carry), *with_gradients(run, given)

    return program(given, controls)


# Numbers -----------------------------------------------------------------------------------------------------------

# Sums of some hundreds of float32 products, in another order.
TOLERANCE = 1e-4


def check(name: str, B: int, T: int, F: int, H: int, controls: Any, reverse: bool) -> None:
    cell = make_cell(name, H)
    given = example(cell, B, T, F)
    found = result(cell, "native", given, controls, reverse=reverse)
    assert_close(found, result(cell, "scan", given, controls, reverse=reverse), TOLERANCE)


@needs_compiler
@pytest.mark.parametrize(
    ("name", "B", "H", "reverse"), [("vanilla", 1, 70, False), ("gru", 3, 33, True), ("lstm", 13, 17, False)]
)
def test_values_and_gradients_are_those_of_scan_at_sizes_that_fill_no_vector(name, B, H, reverse):
    check(name, B, 3, 5, H, flags(B, 3), reverse)


@needs_compiler
@pytest.mark.slow
@hypothesis.settings(max_examples=25)
@hypothesis.given(
    name=st.sampled_from(NAMES),
    B=st.integers(1, 40),
    T=st.integers(1, 6),
    F=st.integers(1, 40),
    H=st.integers(1, 150),
    chosen=st.sets(st.sampled_from(["mask", "resets"])),
    reverse=st.booleans(),
)
def test_values_and_gradients_are_those_of_scan_at_every_size(name, B, T, F, H, chosen, reverse):
    check(name, B, T, F, H, {flag: flags(B, T)[flag] for flag in chosen}, reverse)


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_nothing_to_the_bit(name):
    cell = make_cell(name, 35)
    given, controls = example(cell, 15, 4, 3), flags(15, 4)
    one, *others = (
        result(cell, functools.partial(native.unroll_native, threads=threads), given, controls)
        for threads in (1, 2, 3, 15)
    )
    for other in others:
        assert_equal(other, one)


@needs_compiler
@pytest.mark.parametrize(("name", "F"), [("gru", 3), pytest.param("gru", 7, marks=pytest.mark.slow), ("lstm", 3)])
def test_members_under_vmap_are_what_they_are_alone_to_the_bit(name, F):
    cell = make_cell(name, 5)
    members = [example(cell, 5, 3, F) for _ in range(3)]
    members = [
        each._replace(params=jax.tree.map(lambda leaf: leaf * (1.0 + m), each.params))  # noqa: B023
        for m, each in enumerate(members)
    ]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    run = functools.partial(unrolled_from, cell, engine="native", return_all_carries=True, **flags(5, 3))
    together = jit(jax.vmap(lambda given: run(given.params, given.inputs, given.carry)))(stacked)
    alone = jit(lambda given: run(given.params, given.inputs, given.carry))
    for m, each in enumerate(members):
        assert_equal(jax.tree.map(lambda leaf: leaf[m], together), alone(each))  # noqa: B023


@needs_compiler
def test_large_and_tiny_numbers_saturate_and_nan_stays_nan():
    # A row each, as nan and infinity times zero would reach their neighbours.
    cell = VanillaCell(1)
    params = {"input_kernel": jnp.ones((1, 1)), "recurrent_kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
    numbers = np.concatenate([np.linspace(-12, 12, 4001), [1e30, np.inf, -np.inf, 1e-30, np.nan]], dtype=np.float32)
    found = unroll(cell, params, jnp.asarray(numbers[:, None, None]), engine="native").outputs[:, 0, 0]
    np.testing.assert_allclose(found, np.tanh(numbers.astype(np.float64)), rtol=0, atol=2.5e-7)


@needs_compiler
def test_tangents_are_those_of_scan():
    cell = LSTMCell(3)
    given = example(cell, 2, 3, 2)

    def tangents(engine: str) -> Any:
        run = functools.partial(unrolled_from, cell, engine=engine)
        point = jax.tree.map(jnp.asarray, (given.params, given.inputs, given.carry))
        return jit(lambda *point: jax.jvp(run, point, jax.tree.map(jnp.cos, point)))(*point)

    assert_close(tangents("native"), tangents("scan"))


# What is refused ---------------------------------------------------------------------------------------------------


@needs_compiler
def test_a_second_derivative_is_refused():
    cell = VanillaCell(3)
    params = jax.tree.map(jnp.asarray, example(cell, 2, 2, 2).params)

    def loss(scale: Any) -> Any:
        return unroll(cell, params, scale * jnp.ones((2, 2, 2)), engine="native").outputs.sum()

    with pytest.raises(SeqlabError, match=r"no derivative of its derivative\. Take engine='fused'"):
        jax.grad(jax.grad(loss))(1.0)


@needs_compiler
def test_a_mask_on_the_state_and_inputs_of_another_type_are_refused():
    cell = VanillaCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    masked = {**params, "state_mask": jnp.ones((1, 3))}
    with pytest.raises(SeqlabError, match="no dropout on the state; got a state_mask"):
        unroll(cell, masked, jnp.ones((1, 2, 2)), engine="native")
    with pytest.raises(SeqlabError, match="inputs in float32; got bfloat16"):
        unroll(cell, params, jnp.ones((1, 2, 2), jnp.bfloat16), engine="native")


def test_only_three_cells_in_float32_are_supported():
    assert all(native.supports(cell) for cell in (VanillaCell(5), GRUCell(5), LSTMCell(5, dtype=jnp.float32)))
    others = (
        *(LSTMCell(5, dtype=jnp.bfloat16), LSTMCell(5, param_dtype=jnp.float16), PeepholeLSTMCell(5)),
        *(VanillaCell(5, activation=jax.nn.relu), ZoneoutCell(cell=GRUCell(5))),
    )
    assert not any(native.supports(cell) for cell in others)


def test_auto_is_never_native():
    assert all(select.resolve_engine("auto", make_cell(name, 3)) is not native.unroll_native for name in NAMES)


# Compiling ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick_compiler(monkeypatch, tmp_path):
    """A compiler that writes a file in no time and notes that it was called, and an empty cache."""
    script = tmp_path / "compiler.py"
    script.write_text(
        "import pathlib, sys\n"
        "pathlib.Path(sys.argv[-1]).write_text('compiled')\n"
        f"open({str(tmp_path / 'calls')!r}, 'a').write('called ')\n"
    )
    monkeypatch.setenv("CXX", f"{sys.executable} {script}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_what_was_compiled_is_used_again_and_lies_alone_in_the_cache(quick_compiler):
    first = native.library()
    assert first.read_text() == "compiled"
    assert native.library() == first
    assert (quick_compiler / "calls").read_text() == "called "
    assert list((quick_compiler / "cache" / "seqlab").iterdir()) == [first]


def test_the_cache_is_the_users_own_and_nobody_else_can_write_to_it(quick_compiler, monkeypatch):
    folder = native.library().parent
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    native.library()
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(SeqlabError, match="which belongs to another user"):
        native.library()


def test_another_source_header_compiler_or_processor_is_compiled_anew(quick_compiler, monkeypatch):
    paths = [native.library()]
    monkeypatch.setattr(native, "_processor", lambda: b"another")
    paths.append(native.library())
    other = quick_compiler / "other.cc"
    other.write_text("int x;")
    monkeypatch.setattr(native, "SOURCE", other)
    paths.append(native.library())
    monkeypatch.setattr(native, "HEADERS", (other,))
    paths.append(native.library())
    monkeypatch.setenv("CXX", os.environ["CXX"] + " -v")
    paths.append(native.library())
    assert len(set(paths)) == 5


def test_without_a_compiler_the_engine_does_not_run_and_says_what_to_install(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O3")
    cell = LSTMCell(3)
    assert not select.runs_here("native")
    assert "native" not in select.supported_engines(cell)
    params = cell.init_params(jax.random.key(0), 2)
    with pytest.raises(SeqlabError, match=r"found none of no-such-compiler -O3\. Install one \(apt install g\+\+"):
        unroll(cell, params, jnp.ones((1, 2, 2)), engine="native")


def test_a_compiler_that_fails_is_quoted(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", f"{sys.executable} -c 'import sys; sys.exit(\"no such flag\")'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SeqlabError, match=r"could not be compiled: .* returned 1 and said 'no such flag'"):
        native.library()
    assert list((tmp_path / "seqlab").iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_named(monkeypatch, quick_compiler):
    in_the_way = quick_compiler / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way))
    with pytest.raises(SeqlabError, match=r"keeps its compiled loops in .*file.seqlab: .*XDG_CACHE_HOME"):
        native.library()
