"""Gates of a cell, squashed together.

    sigmoid(x) = (1 + tanh(x / 2)) / 2

So all gates of a cell are one tanh over one array, whatever mixture of sigmoid and tanh they are. A compiler makes one
tight loop of it, where four activations on four slices of an array become loops that it cannot vectorise: on a CPU a
forward step of an LSTM takes half the time.
"""

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float


def squash(pre_activations: Float[Array, "*B G"], kinds: str) -> tuple[Float[Array, "*B H"], ...]:
    """Splits the last axis into equal gates and applies each one's activation.

    Args:
        pre_activations: the gates side by side.
        kinds: a letter for each gate, ``s`` for sigmoid and ``t`` for tanh.

    >>> [gate.tolist() for gate in squash(jnp.zeros((1, 2)), "st")]
    [[[0.5]], [[0.0]]]
    """
    halves = np.array([0.5 if kind == "s" else 1.0 for kind in kinds])
    scale = jnp.asarray(np.repeat(halves, pre_activations.shape[-1] // len(kinds)), pre_activations.dtype)
    values = jnp.split(jnp.tanh(scale * pre_activations), len(kinds), axis=-1)
    return tuple(0.5 * value + 0.5 if kind == "s" else value for value, kind in zip(values, kinds, strict=True))


def unsquash(
    gates: tuple[Float[Array, "*B H"], ...], d_gates: tuple[Float[Array, "*B H"], ...], kinds: str
) -> Float[Array, "*B G"]:
    """The gradient by the pre-activations from that by the gates, side by side.

        sigmoid' = s (1 - s)     tanh' = 1 - t^2

    Both are functions of the gate's value, so that a derivative has to keep nothing else.

    >>> unsquash((jnp.full((1, 1), 0.5), jnp.zeros((1, 1))), (jnp.ones((1, 1)), jnp.ones((1, 1))), "st").tolist()
    [[0.25, 1.0]]
    """
    slopes = [gate * (1 - gate) if kind == "s" else 1 - gate * gate for gate, kind in zip(gates, kinds, strict=True)]
    return jnp.concatenate([slope * d for slope, d in zip(slopes, d_gates, strict=True)], axis=-1)
