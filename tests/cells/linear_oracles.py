"""The linear recurrences as plain loops in NumPy and float64, written from the papers' equations."""

from collections.abc import Callable
from typing import Any

import numpy as np

# params, one input [B, F] and one state [B, H] -> output [B, H] and the next state.
NumpyStep = Callable[[dict[str, Any], Any, Any], tuple[Any, Any]]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def min_gru(params, x, h):
    z, n = np.split(x @ params["input_kernel"] + params["bias"], 2, axis=-1)
    h = (1 - sigmoid(z)) * h + sigmoid(z) * n
    return h, h


def min_lstm(params, x, h):
    f, i, n = np.split(x @ params["input_kernel"] + params["bias"], 3, axis=-1)
    total = sigmoid(f) + sigmoid(i)
    h = sigmoid(f) / total * h + sigmoid(i) / total * n
    return h, h


def qrnn(params, x, c):
    z, f, o = np.split(x @ params["input_kernel"] + params["bias"], 3, axis=-1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(z)
    return sigmoid(o) * c, c


def lru(params, x, h):
    B_real, B_imag, D = np.split(params["input_kernel"], 3, axis=-1)
    C_real, minus_C_imag = np.split(params["output_kernel"], 2)
    modulus = np.exp(-np.exp(params["nu_log"]))
    eigenvalues = modulus * np.exp(1j * np.exp(params["theta_log"]))
    h = eigenvalues * h + np.sqrt(1 - modulus**2) * (x @ (B_real + 1j * B_imag))
    return (h @ (C_real - 1j * minus_C_imag)).real + x @ D, h


NUMPY_STEPS: dict[str, NumpyStep] = {"min_gru": min_gru, "min_lstm": min_lstm, "qrnn": qrnn, "lru": lru}


def numpy_unroll(cell_name: str, params: Any, inputs: Any, state: Any) -> tuple[np.ndarray, np.ndarray]:
    """Outputs [B, T, H] and the last state for inputs [B, T, F], all in float64."""
    params = {name: np.asarray(leaf, np.float64) for name, leaf in params.items()}
    outputs = []
    for x in np.swapaxes(np.asarray(inputs, np.float64), 0, 1):
        output, state = NUMPY_STEPS[cell_name](params, x, state)
        outputs.append(output)
    return np.stack(outputs, axis=1), state
