"""cuDNN's LSTM through ``jax.experimental.rnn``: a whole layer in one call, on NVIDIA, for one ``LSTMCell`` in float32.

    y, h_T, c_T = lstm(x [B, T, F], h_0, c_0 [1, B, H], weights, lengths)

cuDNN knows lengths, and no more: padding stands at the end of a row. So a mask that is not made of lengths, resets and
the states of every step are refused by name. ``reverse`` turns each row around within its length. cuDNN fails on rows
without steps (jax issue 17966): they run as rows of one step whose result is thrown away. There is no rule for
``vmap``, and no derivative of the derivative: for populations take ``fused``. ``auto`` never chooses this engine.

The call waits for the GPU each time, as it copies the lengths to the host. Products may round their factors to TF32;
``jax.default_matmul_precision("float32")`` forbids it.

Everything but cuDNN's own call is tested, with ``jax.experimental.rnn.lstm_ref`` in its place. We have not run the call
itself on a GPU.

References: Chetlur et al., cuDNN: Efficient primitives for deep learning, 2014; Appleyard, Kocisky and Blunsom,
Optimizing performance of recurrent neural networks on GPUs, 2016.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.core.array_types import Array, Carry, Float, Int, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.masks import flip_sequences, select
from seqlab.engines.base import Controls, Unrollable, Unrolled

# (x [B, T, F], h_0 [1, B, H], c_0 [1, B, H], weights, lengths [B]) -> (y [B, T, H], h_T [1, B, H], c_T [1, B, H])
LSTM = Callable[[Array, Array, Array, Array, Array], tuple[Array, Array, Array]]


def supports(cell: Unrollable) -> bool:
    """Whether the cell is a plain LSTM, in float32 throughout."""
    return type(cell) is LSTMCell and cell.param_dtype == jnp.float32 and cell.dtype in (None, jnp.float32)


def lstm_of_cudnn(x: Array, h_0: Array, c_0: Array, weights: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """The call itself, which has its own derivative."""
    from jax.experimental import rnn

    return rnn.lstm(x, h_0, c_0, weights, lengths, x.shape[-1], h_0.shape[-1], 1, 0.0, False, None)


def unroll_cudnn(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    lstm: LSTM = lstm_of_cudnn,
) -> Unrolled:
    """Runs the whole layer as one call of ``lstm``.

    Raises:
        SeqlabError: for a mask, resets, a mask on the state, the states of every step, or a call under ``vmap``.
    """
    assert isinstance(cell, LSTMCell)  # ``select`` has asked ``supports``.
    _check_controls(params, controls, return_all_carries)
    num_steps, batch_size = inputs.shape[:2]
    lengths = jnp.full(batch_size, num_steps) if controls.lengths is None else controls.lengths
    x = flip_sequences(inputs, lengths) if controls.reverse else inputs
    weights = pack_lstm_weights(params)
    some = _one_model_at_a_time(jnp.maximum(lengths, 1).astype(jnp.int32), jax.lax.stop_gradient((x, carry, weights)))
    y, h, c = lstm(jnp.swapaxes(x, 0, 1), carry.h[None], carry.c[None], weights, some)
    after = select(lengths > 0, LSTMCarry(c=c[0], h=h[0]), carry)
    outputs = jnp.swapaxes(y, 0, 1)
    return Unrolled(flip_sequences(outputs, lengths) if controls.reverse else outputs, after)


def pack_lstm_weights(params: Params) -> Float[Array, " N"]:
    """An ``LSTMCell``'s params as cuDNN's flat vector: W_ih [4H, F], W_hh [4H, H], b_ih [4H], b_hh [4H] in a row.

    Gates are in the order i, f, g, o on both sides. Of the two biases, whose sum is what counts, the second is zero.

    >>> cell = LSTMCell(features=2)
    >>> pack_lstm_weights(cell.init_params(jax.random.key(0), 3)).shape  # 8 * (3 + 2 + 1 + 1)
    (56,)
    """
    bias = params["bias"]
    pieces = params["input_kernel"].T, params["recurrent_kernel"].T, bias, jnp.zeros_like(bias)
    return jnp.concatenate([piece.reshape(-1) for piece in pieces])


def unpack_lstm_weights(weights: Float[Array, " N"], num_features: int, hidden_size: int) -> Params:
    """An ``LSTMCell``'s params from cuDNN's flat vector; the two biases are added up."""
    F, H = num_features, hidden_size
    ends = [4 * H * F, 4 * H * (F + H), 4 * H * (F + H + 1)]
    W_ih, W_hh, b_ih, b_hh = jnp.split(weights, ends)
    return {
        "input_kernel": W_ih.reshape(4 * H, F).T,
        "recurrent_kernel": W_hh.reshape(4 * H, H).T,
        "bias": b_ih + b_hh,
    }


def _check_controls(params: Params, controls: Controls, return_all_carries: bool) -> None:
    refused = {
        "resets": controls.resets is not None,
        "a mask": controls.mask is not None and controls.lengths is None,
        "return_all_carries": return_all_carries,
        "a state_mask in the params": "state_mask" in params,
    }
    for name, given in refused.items():
        if given:
            raise SeqlabError(f"engine 'cudnn' knows lengths alone; got {name}. Take engine='fused'.")


@custom_vmap
def _one_model_at_a_time(lengths: Int[Array, " B"], others: Any) -> Int[Array, " B"]:
    """The lengths; under ``vmap`` an error that says more than that cuDNN's operation has no rule for it."""
    del others
    return lengths


@_one_model_at_a_time.def_vmap
def _refuse_vmap(*_: Any) -> NoReturn:
    raise SeqlabError("engine 'cudnn' runs one model at a time, and was called under vmap. Take engine='fused'.")
