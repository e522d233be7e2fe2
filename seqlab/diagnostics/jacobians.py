"""The Jacobians of a recurrence, ds_t/ds_{t-1}: by what one step multiplies a gradient.

Their norms bound the factor of a step, their spectral radii are the factor of many steps where the Jacobian stays much
the same: below 1 gradients vanish, above 1 they can explode (Bengio et al., 1994; Pascanu et al., 2013). A bound is not
the thing itself: ``gradient_flow`` measures what becomes of a given loss.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from seqlab.core.array_types import Array, Float, Params
from seqlab.diagnostics.state_gradients import swap_time, walk_of
from seqlab.engines import unroll
from seqlab.engines.base import Unrollable, controlled_step


def state_jacobians(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "B T *F"],
    *,
    engine: str = "auto",
    **controls: Any,
) -> Float[Array, "B T N N"]:
    """ds_t/ds_{t-1} for every step t in the order of running, s the whole state as one vector of N numbers.

    Rows are the state after the step. All parts of the state are in it: an LSTM's N is 2H, first c, then h. Where no
    step exists it is the identity, and zero at a reset. Memory is B T N^2 numbers: take a few sequences.

    Args:
        cell: one of ours, or any ``flax.linen`` cell.
        params: the cell's params.
        inputs: [B, T, F].
        engine: what unrolls.
        **controls: ``lengths``, ``mask``, ``resets``, ``initial_carry`` and ``reverse``, as for ``unroll``.

    >>> from seqlab.cells import VanillaCell
    >>> params = {"input_kernel": jnp.zeros((1, 1)), "recurrent_kernel": jnp.full((1, 1), 0.5), "bias": jnp.zeros(1)}
    >>> state_jacobians(VanillaCell(1), params, jnp.zeros((1, 2, 1))).tolist()
    [[[[0.5]], [[0.5]]]]
    """
    unrolled = unroll(cell, params, inputs, engine=engine, return_all_carries=True, **controls)
    walk = walk_of(cell, params, inputs, unrolled, **controls)

    def jacobian(fresh: Any, before: Any, *now: Any) -> Float[Array, "N N"]:
        # A batch of one, as a cell's step takes batches.
        fresh, before, now = jax.tree.map(lambda leaf: leaf[None], (fresh, before, now))
        state, unravel = ravel_pytree(before)

        def step(state: Array) -> Array:
            after, _ = controlled_step(walk.cell, params, fresh, unravel(state), *now)
            return ravel_pytree(after)[0]

        return jax.jacrev(step)(state)

    over_batch = jax.vmap(jacobian)
    over_time = jax.vmap(over_batch, (None, 0, 0, 0, 0))
    return swap_time(over_time(walk.fresh, walk.before, walk.projected, walk.mask, walk.resets))


def spectral_norms(jacobians: Float[Array, "*B N N"]) -> Float[Array, "*B"]:
    """The largest singular value of each: the most that a gradient can grow in that step."""
    return jnp.linalg.norm(jacobians, ord=2, axis=(-2, -1))


def spectral_radii(jacobians: Float[Array, "*B N N"]) -> Float[Array, "*B"]:
    """The largest absolute eigenvalue of each; on a CPU alone, as JAX has no general eigenvalues elsewhere.

    >>> rotation = jnp.array([[0.0, -2.0], [2.0, 0.0]])
    >>> round(float(spectral_radii(rotation)), 5)
    2.0
    """
    return jnp.abs(jnp.linalg.eigvals(jacobians)).max(axis=-1)
