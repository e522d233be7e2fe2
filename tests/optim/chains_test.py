from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.optim.chains import DIRECTIONS, clip_by_global_norm, clip_by_value, make_optimizer
from seqlab.optim.config import OptimizerConfig, ScheduleConfig
from seqlab.optim.penalties import penalty

PARAMS = {
    "cell": {"input_kernel": jnp.array([[1.0, -2.0], [0.25, 0.5]]), "bias": jnp.array([3.0, -0.0])},
    "head": {"kernel": jnp.array([[4.0], [-1.0]])},
    "embedding": {"embedding": jnp.array([[5.0, -6.0]])},
}
GRADIENTS = {
    "cell": {"input_kernel": jnp.array([[0.5, -3.0], [0.1, 2.0]]), "bias": jnp.array([0.2, -0.7])},
    "head": {"kernel": jnp.array([[1.5], [-0.3]])},
    "embedding": {"embedding": jnp.array([[-0.9, 0.4]])},
}
EVERYTHING_ON = OptimizerConfig(
    learning_rate=0.1,
    l1=0.01,
    l2=0.02,
    clip_value=2.0,
    clip_norm=1.5,
    clip_adaptive=0.5,
    momentum=0.8,
    weight_decay=0.1,
    schedule=ScheduleConfig("inverse_time", decay=1.0, warmup_steps=2),
)
# The directions that differ: adamw is adam, which a test of its own holds it to.
DISTINCT = ["adam", "sgd", "rmsprop"]
FINITE = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


def optimizer_for(config, total_steps=12):
    return make_optimizer(config, steps_per_epoch=3, total_steps=total_steps)


def clip(transform, gradients) -> Any:
    return transform.update(gradients, optax.EmptyState())[0]


def run(config, params, gradient, num_steps) -> Any:
    """Params after some steps, each on gradient(params)."""
    optimizer = optimizer_for(config, num_steps)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(gradient(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), None, num_steps)[0][0]


def one_step(config, params, gradients) -> Any:
    """Params after the first step on given gradients."""
    optimizer = optimizer_for(config)
    return optax.apply_updates(params, optimizer.update(gradients, optimizer.init(params), params)[0])


def assert_trees_close(found, expected, *, rtol, atol):
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=rtol, atol=atol), found, expected)


# Weight decay


@pytest.mark.parametrize("name", DIRECTIONS)
def test_zero_gradients_shrink_decayed_leaves(name):
    config = OptimizerConfig(name, 0.5, weight_decay=0.25, momentum=0.9)
    found = one_step(config, PARAMS, jax.tree.map(jnp.zeros_like, PARAMS))
    # rate * decay is 1/8: a power of two, so that the law holds to the last bit.
    for module, leaf in (("cell", "input_kernel"), ("head", "kernel")):
        np.testing.assert_array_equal(found[module][leaf], PARAMS[module][leaf] * (1 - 0.5 * 0.25))
    for module, leaf in (("cell", "bias"), ("embedding", "embedding")):
        assert np.asarray(found[module][leaf]).tobytes() == np.asarray(PARAMS[module][leaf]).tobytes()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_weight_decay_is_decoupled_from_the_direction(name):
    plain = one_step(OptimizerConfig(name, 0.1, weight_decay=0.0), PARAMS, GRADIENTS)
    decayed = one_step(OptimizerConfig(name, 0.1, weight_decay=0.3), PARAMS, GRADIENTS)
    difference = plain["head"]["kernel"] - decayed["head"]["kernel"]
    np.testing.assert_allclose(difference, 0.1 * 0.3 * PARAMS["head"]["kernel"], rtol=1e-5)
    np.testing.assert_array_equal(plain["cell"]["bias"], decayed["cell"]["bias"])


def test_weight_decay_follows_the_schedule():
    config = OptimizerConfig("sgd", 0.5, weight_decay=0.5, schedule=ScheduleConfig("step", decay=0.5))
    found = run(config, {"kernel": jnp.ones(1)}, lambda params: jax.tree.map(jnp.zeros_like, params), 6)
    np.testing.assert_allclose(found["kernel"], [0.75**3 * 0.875**3], rtol=1e-6)


# Penalties and the order of links


def test_penalties_make_the_step_of_the_penalised_loss():
    def loss(params):
        return sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(params))

    found = run(OptimizerConfig("sgd", 0.1, l1=0.3, l2=0.7), PARAMS, jax.grad(loss), 5)
    penalised = jax.grad(lambda params: loss(params) + penalty(params, l1=0.3, l2=0.7))
    expected = run(OptimizerConfig("sgd", 0.1), PARAMS, penalised, 5)
    assert_trees_close(found, expected, rtol=1e-5, atol=1e-6)


def test_penalties_are_clipped_and_weight_decay_is_not():
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    penalised = one_step(OptimizerConfig("sgd", 1.0, l2=100.0, clip_norm=0.5), PARAMS, zeros)
    moved = jax.tree.map(jnp.subtract, penalised, PARAMS)
    np.testing.assert_allclose(optax.tree.norm(moved), 0.5, rtol=1e-5)
    decayed = one_step(OptimizerConfig("sgd", 1.0, weight_decay=1.0, clip_norm=0.5), PARAMS, zeros)
    np.testing.assert_array_equal(decayed["head"]["kernel"], [[0.0], [0.0]])


def test_clipping_is_by_value_then_by_norm_then_adaptive():
    def clipped(**clips):
        # Of the two units the first has no weights to speak of, and may move by a thousandth of clip_adaptive.
        params = {"first": jnp.zeros(1), "second": jnp.full(1, 100.0)}
        gradients = {"first": jnp.full(1, 3.0), "second": jnp.full(1, 4.0)}
        moved = one_step(OptimizerConfig("sgd", 1.0, **clips), params, gradients)
        return [float(params[unit][0] - moved[unit][0]) for unit in params]

    np.testing.assert_allclose(clipped(clip_value=3.0, clip_norm=1.0), [0.5**0.5, 0.5**0.5], rtol=1e-4)
    np.testing.assert_allclose(clipped(clip_norm=1.0, clip_adaptive=100.0), [0.1, 0.8], rtol=1e-4)


# Clipping


@given(entries=st.lists(FINITE, min_size=3, max_size=3), max_norm=st.floats(0.0078125, 100, width=32))
@settings(max_examples=60)
def test_the_clipped_norm_is_at_most_the_limit_and_the_direction_is_kept(entries, max_norm):
    gradients = {"a": jnp.array(entries[:1], jnp.float32), "b": jnp.array(entries[1:], jnp.float32)}
    clipped = clip(clip_by_global_norm(max_norm), gradients)
    before = np.concatenate([np.asarray(leaf, np.float64) for leaf in gradients.values()])
    after = np.concatenate([np.asarray(leaf, np.float64) for leaf in clipped.values()])
    norm = np.linalg.norm(before)
    if norm <= max_norm * (1 - 1e-6):
        np.testing.assert_array_equal(after, before)
    else:
        # Four roundings of float32 stand between the two; entries far below the largest may flush to zero.
        np.testing.assert_allclose(after, before * min(1, max_norm / norm), rtol=1e-6, atol=1e-30)
        assert np.linalg.norm(after) <= max_norm * (1 + 1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_entry_makes_every_leaf_nan_under_the_norm_clip(bad):
    gradients = {"a": jnp.array([1.0, bad]), "b": jnp.array([2.0])}
    clipped = clip(clip_by_global_norm(1.0), gradients)
    assert all(np.all(np.isnan(leaf)) for leaf in jax.tree.leaves(clipped))


def test_an_exploding_gradient_makes_a_step_of_the_norm_and_not_of_zero():
    # The square of 2^80 is beyond float32.
    gradients = {"a": jnp.array([3.0, 0.0]) * 2.0**80, "b": jnp.array([4.0]) * 2.0**80}
    moved = one_step(OptimizerConfig("sgd", 1.0, clip_norm=1.0), jax.tree.map(jnp.zeros_like, gradients), gradients)
    assert_trees_close(moved, {"a": np.array([-0.6, 0.0]), "b": np.array([-0.8])}, rtol=1e-6, atol=0.0)


def test_zero_gradients_stay_zero_under_the_norm_clip():
    clipped = clip(clip_by_global_norm(1.0), {"a": jnp.zeros(3)})
    np.testing.assert_array_equal(clipped["a"], np.zeros(3))


def test_the_value_clip_holds_each_entry_and_hides_no_infinity():
    gradients = {"a": jnp.array([0.5, -3.0, 3.0, jnp.inf, -jnp.inf, jnp.nan])}
    clipped = clip(clip_by_value(1.0), gradients)
    np.testing.assert_array_equal(clipped["a"], [0.5, -1.0, 1.0, np.nan, np.nan, np.nan])


def test_the_adaptive_clip_holds_each_column_to_its_weights():
    found = one_step(OptimizerConfig("sgd", 1.0, clip_adaptive=0.1), PARAMS, GRADIENTS)
    moved = found["cell"]["input_kernel"] - PARAMS["cell"]["input_kernel"]
    norms = jnp.linalg.norm(PARAMS["cell"]["input_kernel"], axis=0)
    np.testing.assert_array_less(jnp.linalg.norm(moved, axis=0), 0.1 * norms * (1 + 1e-5))


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize("clips", [{}, {"clip_value": 1.0}, {"clip_norm": 1.0}, {"clip_adaptive": 1.0}])
def test_no_chain_turns_a_non_finite_gradient_into_finite_params(name, clips):
    def after(bad):
        return one_step(OptimizerConfig(name, **clips), {"kernel": jnp.ones(2)}, {"kernel": jnp.stack([1.0, bad])})

    found = jax.jit(jax.vmap(after))(jnp.array([jnp.nan, jnp.inf, -jnp.inf, 1.0]))["kernel"]
    assert jnp.all(jnp.isfinite(found), axis=1).tolist() == [False, False, False, True]


# Directions


def quadratic(params):
    return sum(jnp.sum(jnp.square(leaf - 0.5)) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("momentum", "nesterov"), [(None, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("name", DISTINCT)
def test_each_optimizer_minimises_a_quadratic(name, momentum, nesterov):
    schedule = ScheduleConfig("cosine")
    config = OptimizerConfig(name, 0.05, momentum=momentum, nesterov=nesterov, schedule=schedule)
    assert quadratic(run(config, PARAMS, jax.grad(quadratic), 2000)) < 1e-4 * quadratic(PARAMS)


def numpy_adam(w, g, state, step, *, rate):
    m, v = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g**2
    m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
    return w - rate * m_hat / (np.sqrt(v_hat) + 1e-8), (m, v)


def numpy_sgd(w, g, state, step, *, rate):
    u = 0.8 * state[0] + g
    return w - rate * u, (u, 0)


def numpy_nesterov(w, g, state, step, *, rate):
    u = 0.8 * state[0] + g
    return w - rate * (0.8 * u + g), (u, 0)


def numpy_rmsprop(w, g, state, step, *, rate):
    v = 0.9 * state[0] + 0.1 * g**2
    u = 0.8 * state[1] + g / (np.sqrt(v) + 1e-8)
    return w - rate * u, (v, u)


@pytest.mark.parametrize(
    ("config", "reference"),
    [
        (OptimizerConfig("adam", 0.05), numpy_adam),
        (OptimizerConfig("sgd", 0.05, momentum=0.8), numpy_sgd),
        (OptimizerConfig("sgd", 0.05, momentum=0.8, nesterov=True), numpy_nesterov),
        (OptimizerConfig("rmsprop", 0.05, momentum=0.8), numpy_rmsprop),
    ],
)
def test_each_direction_is_its_numpy_reference(config, reference):
    found = run(config, {"kernel": jnp.array([1.0, -2.0, 0.3])}, lambda params: jax.tree.map(jnp.cos, params), 20)
    w, state = np.array([1.0, -2.0, 0.3]), (0.0, 0.0)
    for step in range(1, 21):
        w, state = reference(w, np.cos(w), state, step, rate=0.05)
    # The reference runs in float64; twenty steps of float32 drift by some ulps.
    np.testing.assert_allclose(found["kernel"], w, rtol=1e-5, atol=1e-5)


def test_adamw_is_adam_with_weight_decay():
    adam = run(OptimizerConfig("adam", weight_decay=0.1), PARAMS, lambda _: GRADIENTS, 3)
    adamw = run(OptimizerConfig("adamw", weight_decay=0.1), PARAMS, lambda _: GRADIENTS, 3)
    jax.tree.map(np.testing.assert_array_equal, adam, adamw)


# Populations and state


# One number a member for everything that may be traced.
POPULATION = {
    "learning_rate": jnp.array([0.1, 0.01, 0.0]),
    "l1": jnp.array([0.0, 0.1, 0.2]),
    "l2": jnp.array([0.1, 0.0, 0.3]),
    "clip_value": jnp.array([2.0, 0.5, 1.0]),
    "clip_norm": jnp.array([1.0, 10.0, 0.1]),
    "clip_adaptive": jnp.array([0.1, 0.5, 1.0]),
    "momentum": jnp.array([0.0, 0.5, 0.9]),
    "b1": jnp.array([0.9, 0.8, 0.0]),
    "b2": jnp.array([0.9, 0.99, 0.999]),
    "rms_decay": jnp.array([0.5, 0.9, 0.99]),
    "eps": jnp.array([1e-8, 1e-3, 1.0]),
    "weight_decay": jnp.array([0.0, 0.1, 0.5]),
}
SCHEDULES = {"decay": jnp.array([0.0, 1.0, 2.0]), "warmup_steps": jnp.array([0, 2, 5])}


def member(name, hyper, schedule):
    config = OptimizerConfig(name, **hyper, schedule=ScheduleConfig("inverse_time", **schedule))
    return run(config, PARAMS, jax.grad(quadratic), 8)


def pick(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.mark.parametrize("name", DISTINCT)
def test_a_population_under_vmap_is_a_stack_of_single_runs(name):
    single = jax.jit(partial(member, name))
    population = jax.jit(jax.vmap(single))(POPULATION, SCHEDULES)
    for index in range(3):
        expected = single(pick(POPULATION, index), pick(SCHEDULES, index))
        assert_trees_close(pick(population, index), expected, rtol=1e-5, atol=1e-6)


def test_python_numbers_do_what_traced_ones_do():
    hyper, schedule = pick(POPULATION, 1), pick(SCHEDULES, 1)
    plain = member("rmsprop", *jax.tree.map(lambda number: number.item(), (hyper, schedule)))
    assert_trees_close(jax.jit(partial(member, "rmsprop"))(hyper, schedule), plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_state_keeps_its_structure_shapes_and_dtypes(name):
    optimizer = optimizer_for(replace(EVERYTHING_ON, name=name))
    state = jax.eval_shape(optimizer.init, PARAMS)
    updates, next_state = jax.eval_shape(optimizer.update, GRADIENTS, state, PARAMS)
    assert next_state == state
    assert updates == jax.eval_shape(lambda: PARAMS)


def test_the_first_step_uses_the_rate_of_step_zero():
    schedule = ScheduleConfig(warmup_steps=4)
    found = run(
        OptimizerConfig("sgd", 0.4, schedule=schedule), {"bias": jnp.zeros(1)}, lambda _: {"bias": jnp.ones(1)}, 2
    )
    np.testing.assert_allclose(found["bias"], [-0.1 - 0.2], rtol=1e-6)


# Refusals


def test_an_unknown_optimizer_lists_the_known_ones():
    with pytest.raises(SeqlabError, match=r"did you mean 'adamw'\? Known: adam, adamw, rmsprop, sgd"):
        optimizer_for(OptimizerConfig("adanw"))


def test_adamw_without_weight_decay_is_refused():
    with pytest.raises(SeqlabError, match="'adamw' needs weight_decay"):
        optimizer_for(OptimizerConfig("adamw"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("l1", -1.0),
        ("l2", -1.0),
        ("clip_value", 0.0),
        ("clip_norm", -1.0),
        ("clip_adaptive", 0),
        ("momentum", 1.0),
        ("b1", 1.0),
        ("b2", -0.1),
        ("rms_decay", 1.5),
        ("eps", 0.0),
        ("weight_decay", -1e-4),
    ],
)
def test_optimizer_numbers_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(SeqlabError, match=f"{field} must lie in .* got {value}"):
        OptimizerConfig(**{field: value})


def test_the_refusal_of_an_optional_number_says_how_to_leave_it_out():
    with pytest.raises(SeqlabError, match="None leaves it out"):
        OptimizerConfig(clip_norm=0.0)
    with pytest.raises(SeqlabError, match=r"got -1\.0\.$"):
        OptimizerConfig(learning_rate=-1.0)
