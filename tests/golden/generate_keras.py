"""Writes what Keras's recurrent layers return, for the tests of converters and of convolutional cells to compare with.

How to regenerate, with any Python that has keras, jax and numpy (made here with keras 3.15.1 and jax 0.10.2):

    KERAS_BACKEND=jax python tests/golden/generate_keras.py

One ``.npz`` file a function of ``FILES``, of plain float32 arrays. All weights are random, as biases of zero would hide
a wrong one.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

# By name, as keras is in no extra that the type checker of this project sees.
keras: Any = importlib.import_module("keras")

B, T, F, H = 4, 5, 3, 4
RECURRENT = {
    "simple_rnn": lambda: keras.layers.SimpleRNN(H, return_sequences=True),
    "simple_rnn_relu": lambda: keras.layers.SimpleRNN(H, activation="relu", return_sequences=True),
    "lstm": lambda: keras.layers.LSTM(H, return_sequences=True),
    "lstm_without_bias": lambda: keras.layers.LSTM(H, use_bias=False, return_sequences=True),
    "gru": lambda: keras.layers.GRU(H, return_sequences=True),
    "gru_reset_before": lambda: keras.layers.GRU(H, reset_after=False, return_sequences=True),
}


def recurrent_layers() -> dict[str, np.ndarray]:
    """For each layer the weights in the order of ``get_weights``, inputs, and outputs from a state of zeros."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, make in RECURRENT.items():
        layer = make()
        layer.build((B, T, F))
        layer.set_weights([0.5 * rng.standard_normal(weight.shape) for weight in layer.get_weights()])
        inputs = rng.standard_normal((B, T, F)).astype(np.float32)
        arrays |= {f"{name}/weights/{number}": weight for number, weight in enumerate(layer.get_weights())}
        arrays |= {f"{name}/inputs": inputs, f"{name}/outputs": np.asarray(layer(inputs))}
    return arrays


CONV_LSTM = {
    "1d": (lambda: keras.layers.ConvLSTM1D(H, 3, padding="same", return_sequences=True, return_state=True), (6,)),
    "2d": (
        lambda: keras.layers.ConvLSTM2D(H, (2, 3), padding="same", return_sequences=True, return_state=True),
        (4, 5),
    ),
}


def conv_lstm_layers() -> dict[str, np.ndarray]:
    """Kernels, bias, inputs, a random first state, outputs and last state, of a layer over one and over two axes."""
    rng = np.random.default_rng(1)
    arrays: dict[str, np.ndarray] = {}
    for name, (make, space) in CONV_LSTM.items():
        layer = make()
        layer.build((B, T, *space, F))
        layer.set_weights([0.5 * rng.standard_normal(weight.shape) for weight in layer.get_weights()])
        weights = dict(zip(("kernel", "recurrent_kernel", "bias"), layer.get_weights(), strict=True))
        inputs = rng.standard_normal((B, T, *space, F)).astype(np.float32)
        first = [rng.standard_normal((B, *space, H)).astype(np.float32) for _ in "hc"]
        outputs, last_h, last_c = (np.asarray(array) for array in layer(inputs, initial_state=first))
        found = weights | {"inputs": inputs, "first_h": first[0], "first_c": first[1]}
        found |= {"outputs": outputs, "last_h": last_h, "last_c": last_c}
        arrays |= {f"{name}_{kind}": array for kind, array in found.items()}
    return arrays


FILES = {"keras_recurrent": recurrent_layers, "keras_conv_lstm": conv_lstm_layers}

if __name__ == "__main__":
    for file_name, make_arrays in FILES.items():
        path = Path(__file__).with_name(f"{file_name}.npz")
        np.savez_compressed(path, allow_pickle=False, **make_arrays())
        print(path)
