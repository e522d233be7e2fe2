"""Weight drop (Merity et al., 2018): dropout on the recurrent kernel itself, once for a whole batch.

    U' = U * m / (1 - rate)     m in the shape of U, each element 1 with probability 1 - rate

The recurrence is regularised without a mask at any step: params go in, params come out, and whatever unrolls the cell
runs at its full speed. Not to be confused with variational dropout on the state, which drops rows of U, others for each
sequence.
"""

from seqlab.cells.variational import variational_mask
from seqlab.core.array_types import Key, Params, Scalar
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose


def drop_weights(key: Key, params: Params, rate: Scalar) -> Params:
    """A cell's params with elements of the recurrent kernel dropped; the others are scaled to keep the expectation.

    Raises:
        SeqlabError: for params without a recurrent kernel, as those of linear recurrences.

    References:
        Merity, Keskar and Socher, Regularizing and optimizing LSTM language models, 2018.

    >>> import jax, jax.numpy as jnp
    >>> dropped = drop_weights(jax.random.key(0), {"recurrent_kernel": jnp.ones((4, 8)), "bias": jnp.ones(8)}, 0.5)
    >>> sorted(set(dropped["recurrent_kernel"].ravel().tolist())), dropped["bias"].tolist() == [1.0] * 8
    ([0.0, 2.0], True)
    """
    recurrent = [name for name in params if name.startswith("recurrent_kernel")]
    if not recurrent:
        raise SeqlabError(
            f"weight drop needs a cell with a recurrent_kernel; got params {', '.join(sorted(params))}. "
            "A linear recurrence has none: drop features of its inputs instead."
        )
    masks = {
        name: variational_mask(for_purpose(key, name), params[name].shape, rate, params[name].dtype)
        for name in recurrent
    }
    return {**params, **{name: params[name] * mask for name, mask in masks.items()}}
