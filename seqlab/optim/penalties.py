"""L1 and L2 penalties on kernels, as a number and as its gradient.

    penalty(w) = l1 * sum |w| + l2 / 2 * sum w^2          gradient: l1 * sign(w) + l2 * w

The chain adds the gradient, so the loss that is reported stays the data's own. Being part of the gradient, a penalty
is clipped with it and, under Adam or RMSProp, divided by the running scale with it: that is the difference from
decoupled weight decay (Loshchilov and Hutter, 2019), which acts after the direction is found.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from seqlab.core.errors import SeqlabError
from seqlab.optim.config import Scalar
from seqlab.optim.masks import is_kernel


def penalty(params: Any, *, l1: Scalar | None = None, l2: Scalar | None = None) -> jax.Array:
    """l1 * sum |w| + l2 / 2 * sum w^2 over the kernels of ``params``; a term that is ``None`` is left out.

    >>> float(penalty({"kernel": jnp.array([3.0, -4.0]), "bias": jnp.array([7.0])}, l1=1.0, l2=2.0))
    32.0
    """
    kernels = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if is_kernel(path)]
    total = jnp.zeros(())
    # |w| is written w * sign(w), as the derivative of jnp.abs at 0 is 1 and the chain's is 0.
    if l1 is not None:
        total += l1 * sum((jnp.sum(w * jnp.sign(w)) for w in kernels), jnp.zeros(()))
    if l2 is not None:
        total += l2 / 2 * sum((jnp.sum(jnp.square(w)) for w in kernels), jnp.zeros(()))
    return total


def add_penalty_gradients(*, l1: Scalar | None = None, l2: Scalar | None = None) -> optax.GradientTransformation:
    """Add the gradient of ``penalty`` to the gradients of kernels; at w = 0 that of |w| is taken as 0.

    Raises:
        SeqlabError: ``update`` is called without params.
    """

    def penalised(path: tuple[Any, ...], gradient: jax.Array, w: jax.Array) -> jax.Array:
        if not is_kernel(path):
            return gradient
        if l1 is not None:
            gradient = gradient + l1 * jnp.sign(w)
        if l2 is not None:
            gradient = gradient + l2 * w
        return gradient

    def add(gradients: Any, params: Any) -> Any:
        if params is None:
            raise SeqlabError("l1 and l2 need the params; got None. Call update(gradients, state, params).")
        return jax.tree_util.tree_map_with_path(penalised, gradients, params)

    return optax.stateless(add)
