"""Convolutional GRU: a state with a place, and the gates of a GRU over its neighbourhood.

See ``conv_lstm`` for what a recurrence over space is for. Gate order in the arrays: r, z, n.
"""

from seqlab.cells.convolutional import ConvolutionalCell
from seqlab.cells.gru import GRUCell


class ConvGRUCell(ConvolutionalCell, GRUCell):
    """The GRU over space, of any number of axes; the carry is h [B, *S, H].

        r = sigmoid(W_r * x + U_r * h + b_r)
        z = sigmoid(W_z * x + U_z * h + b_z)
        n = tanh(W_n * x + b_n + r (U_n * h + c_n))
        h' = (1 - z) n + z h

    where * is the convolution of ``ConvolutionalCell``, and products of gates are position by position. The reset comes
    after the convolution, as in ``GRUCell``; in the paper it comes before it.

    Params: input_kernel [K F, 3H] = (W_r, W_z, W_n), recurrent_kernel [K H, 3H] = (U_r, U_z, U_n), bias [3H] = (b_r,
    b_z, b_n), recurrent_bias [H] = c_n.

    References:
        Ballas et al., Delving deeper into convolutional networks for learning video representations, 2016.
    """
