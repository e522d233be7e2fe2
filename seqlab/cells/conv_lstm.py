"""Convolutional LSTM (Shi et al., 2015): memory with a place, for frames, fields and strips of sensors.

Each position of a grid has a memory of its own, and its gates see the inputs and the states of its neighbourhood, with
the same kernel everywhere: what moves from frame to frame can be followed. How far is a matter of the kernel's size:
news travels half a window a step. Gate order in the arrays: i, f, g, o.
"""

from seqlab.cells.convolutional import ConvolutionalCell
from seqlab.cells.lstm import LSTMCell


class ConvLSTMCell(ConvolutionalCell, LSTMCell):
    """The LSTM over space, of any number of axes; the carry is ``LSTMCarry(c, h)``, each [B, *S, H].

        i = sigmoid(W_i * x + U_i * h + b_i)
        f = sigmoid(W_f * x + U_f * h + b_f)
        g = tanh(W_g * x + U_g * h + b_g)
        o = sigmoid(W_o * x + U_o * h + b_o)
        c' = f c + i g
        h' = o tanh(c')

    where * is the convolution of ``ConvolutionalCell``, and products of gates are position by position. Without the
    paper's peepholes, which have a weight for every position and so fix the size of space; Flax and Keras have none.

    Params: input_kernel [K F, 4H] = (W_i, W_f, W_g, W_o), recurrent_kernel [K H, 4H] = (U_i, U_f, U_g, U_o), bias [4H].

    References:
        Shi et al., Convolutional LSTM network: a machine learning approach for precipitation nowcasting, 2015.

    >>> import jax
    >>> cell = ConvLSTMCell(features=8, kernel_size=(5,))
    >>> params = cell.init_params(jax.random.key(0), 3)
    >>> {name: leaf.shape for name, leaf in params.items()}
    {'input_kernel': (15, 32), 'recurrent_kernel': (40, 32), 'bias': (32,)}
    >>> cell.initialize_carry(jax.random.key(0), (2, 20, 3)).h.shape
    (2, 20, 8)
    """
