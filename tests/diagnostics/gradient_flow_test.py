import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqlab.cells import VanillaCell, make_cell
from seqlab.diagnostics import clip_scale, gradient_flow
from seqlab.diagnostics.gradient_flow import by_distance, flow_of, row_norms
from tests.contracts.cases import F, H, jit, random_like, random_params

B, T = 3, 4


def flow_of_one_unit(factor, loss, **controls):
    """Of a state of one number that every step multiplies by a factor, as relu leaves what is positive."""
    params = {"input_kernel": jnp.ones((1, 1)), "recurrent_kernel": jnp.reshape(factor, (1, 1)), "bias": jnp.zeros(1)}
    return gradient_flow(VanillaCell(1, activation=jax.nn.relu), params, jnp.ones((B, T, 1)), loss, **controls)


def test_a_linear_recurrence_multiplies_the_gradient_by_its_factor_at_every_step():
    factors = np.array([0.5, 1.0, 2.0], np.float32)
    flows = jit(jax.vmap(lambda factor: flow_of_one_unit(factor, lambda u: u.outputs[:, -1].sum())))(factors)
    for factor, norms in zip(factors, flows.norms, strict=True):
        np.testing.assert_allclose(norms, np.tile(factor ** np.arange(T), (B, 1)), rtol=1e-6)


def test_distances_count_from_each_sequence_s_own_last_step():
    mask = jnp.array([[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], bool)
    flow = jit(lambda lengths: flow_of_one_unit(0.5, lambda u: u.carry.sum(), lengths=lengths, mask=mask))(
        jnp.array([4, 2, 0])
    )
    np.testing.assert_array_equal(flow.norms, [[1, 0.5, 0.25, 0], [1, 0.5, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(flow.exists, [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]])


def test_the_norm_of_the_whole_state_is_that_of_its_parts_together():
    cell = make_cell("lstm", H)
    given_inputs = random_params(cell, seed=1), random_like(jax.ShapeDtypeStruct((B, T, F), np.float32), seed=2)
    flow = jit(lambda params, inputs: gradient_flow(cell, params, inputs, lambda u: u.outputs[:, -1].sum()))(
        *given_inputs
    )
    assert set(flow.parts) == {"c", "h"}
    np.testing.assert_allclose(flow.norms, np.hypot(flow.parts["c"], flow.parts["h"]), rtol=1e-6)
    # At the last step the loss is the sum of h itself, and c has no further step to act through.
    np.testing.assert_allclose(flow.parts["h"][:, 0], np.sqrt(H), rtol=1e-6)
    np.testing.assert_array_equal(flow.parts["c"][:, 0], 0)
    assert (np.asarray(flow.parts["c"][:, 1:]) > 0).all()


def test_states_of_several_axes_are_normed_over_all_of_them():
    gradients = np.random.default_rng(0).standard_normal((B, T, 2, 3)).astype(np.float32)
    flow = jit(lambda gradients: flow_of(gradients, None))(gradients)
    np.testing.assert_allclose(flow.norms[:, ::-1], np.linalg.norm(gradients, axis=(2, 3)), rtol=1e-6)


@given(arrays(np.float32, (2, 3), elements=st.floats(-9, 9, width=32)), st.sampled_from([-30, -20, 0, 20, 30]))
def test_norms_neither_vanish_nor_overflow_before_the_numbers_do(rows, power):
    rows = np.where(np.abs(rows) < 1e-3, np.float32(0), rows) * np.float32(10.0**power)
    np.testing.assert_allclose(row_norms(jnp.asarray(rows)), np.linalg.norm(rows.astype(np.float64), axis=1), rtol=1e-5)


@given(arrays(np.bool_, (B, T)))
def test_every_step_that_exists_keeps_its_value_at_its_distance(mask):
    values = np.arange(1, B * T + 1).reshape(B, T)
    found = np.asarray(by_distance(jnp.asarray(values), jnp.asarray(mask)))
    for row in range(B):
        own = values[row, mask[row]][::-1]
        np.testing.assert_array_equal(found[row], np.pad(own, (0, T - len(own))))


def test_clipping_scales_what_is_longer_to_the_limit_and_leaves_the_rest():
    norms = np.array([0.0, 0.5, 2.0, 8.0], np.float32)
    np.testing.assert_allclose(norms * clip_scale(jnp.asarray(norms), 2.0), [0.0, 0.5, 2.0, 2.0])
