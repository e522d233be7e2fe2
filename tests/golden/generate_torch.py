"""Writes what PyTorch's recurrent layers return, for ``torch_test.py`` to compare with.

How to regenerate, with any Python that has torch and numpy (the files here were made with torch 2.13 on a CPU):

    python tests/golden/generate_torch.py

``torch_stacks.npz`` holds whole state dicts with what the modules return: layers two deep in both directions, and
single cells. Of the others there is one ``.npz`` file a layer, of plain float32 arrays. Each layer is bidirectional, so
that one packed batch of variable lengths gives both directions of time; biases and initial states are random, as zeros
would hide a wrong one. For each direction the gradients are those of a random weighted sum of that direction's outputs
and last states.
"""

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

# By name, as torch is in no extra that the type checker of this project sees.
torch: Any = importlib.import_module("torch")

B, T, F, H = 4, 5, 3, 4
PROJECTED = 2
LENGTHS = [5, 2, 1, 4]
DIRECTIONS = {"forward": "", "backward": "_reverse"}
LAYERS = {
    "rnn_tanh": lambda: torch.nn.RNN(F, H, nonlinearity="tanh", bidirectional=True, batch_first=True),
    "rnn_relu": lambda: torch.nn.RNN(F, H, nonlinearity="relu", bidirectional=True, batch_first=True),
    "gru": lambda: torch.nn.GRU(F, H, bidirectional=True, batch_first=True),
    "lstm": lambda: torch.nn.LSTM(F, H, bidirectional=True, batch_first=True),
    "lstm_projected": lambda: torch.nn.LSTM(F, H, bidirectional=True, batch_first=True, proj_size=PROJECTED),
}


def results(name: str, seed: int) -> dict[str, np.ndarray]:
    """Everything about one layer: what goes in, what comes out, and the gradients."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> Any:
        return torch.tensor(scale * rng.standard_normal(shape), dtype=torch.float32, requires_grad=True)

    layer = LAYERS[name]()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(normal(*weight.shape, scale=0.5))
    inputs = normal(B, T, F)
    # One state for h, and for an LSTM one for c behind it, each [direction, B, its width].
    is_lstm = name.startswith("lstm")
    output_size = PROJECTED if name == "lstm_projected" else H
    first = [normal(2, B, width, scale=0.5) for width in ([output_size, H] if is_lstm else [H])]
    weight_kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    weight_kinds += ["weight_hr"] if name == "lstm_projected" else []

    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, last = layer(packed, tuple(first) if is_lstm else first[0])
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=T)
    last = list(last) if is_lstm else [last]

    arrays = {"inputs": inputs, "lengths": torch.tensor(LENGTHS, dtype=torch.int32)}
    for number, (direction, suffix) in enumerate(DIRECTIONS.items()):
        own_outputs = outputs[..., number * output_size : (number + 1) * output_size]
        own_last = [state[number] for state in last]
        output_weights = normal(B, T, output_size).detach()
        state_weights = [normal(*state.shape).detach() for state in own_last]
        total = (own_outputs * output_weights).sum()
        total = total + sum((state * weights).sum() for state, weights in zip(own_last, state_weights, strict=True))
        params = {kind: getattr(layer, f"{kind}_l0{suffix}") for kind in weight_kinds}
        sources = {**params, "inputs": inputs, **{f"first_{i}": state for i, state in enumerate(first)}}
        gradients = dict(
            zip(sources, torch.autograd.grad(total, list(sources.values()), retain_graph=True), strict=True)
        )

        found = {**params, "outputs": own_outputs, "output_weights": output_weights}
        found |= {f"gradient_{kind}": gradients[kind] for kind in (*params, "inputs")}
        for i, state in enumerate(first):
            found |= {f"first_{i}": state[number], f"last_{i}": own_last[i], f"last_weights_{i}": state_weights[i]}
            found |= {f"gradient_first_{i}": gradients[f"first_{i}"][number]}
        arrays |= {f"{direction}_{kind}": array for kind, array in found.items()}
    return {kind: array.detach().numpy() for kind, array in arrays.items()}


def stack_of(name: str) -> Any:
    """Two layers, in both directions."""
    kind, _, variant = name.partition("_")
    options = {"nonlinearity": variant} if kind == "rnn" else {"proj_size": PROJECTED} if variant else {}
    return getattr(torch.nn, kind.upper())(F, H, num_layers=2, bidirectional=True, batch_first=True, **options)


STACKS = {
    **{name: partial(stack_of, name) for name in LAYERS},
    "rnn_cell": lambda: torch.nn.RNNCell(F, H),
    "gru_cell": lambda: torch.nn.GRUCell(F, H),
    "lstm_cell": lambda: torch.nn.LSTMCell(F, H),
}


def stacks() -> dict[str, np.ndarray]:
    """For each module its state dict, inputs and outputs from a state of zeros; a cell's are those of one step."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, make in STACKS.items():
        module = make()
        with torch.no_grad():
            for weight in module.parameters():
                weight.copy_(torch.tensor(0.5 * rng.standard_normal(weight.shape), dtype=torch.float32))
            is_cell = name.endswith("_cell")
            inputs = torch.tensor(rng.standard_normal((B, F) if is_cell else (B, T, F)), dtype=torch.float32)
            outputs = module(inputs)
        # An LSTM's cell gives (h, c), a layer (outputs, last states).
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        found = {"inputs": inputs, "outputs": outputs}
        found |= {f"state_dict/{leaf}": array for leaf, array in module.state_dict().items()}
        arrays |= {f"{name}/{kind}": array.numpy() for kind, array in found.items()}
    return arrays


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("torch_stacks.npz"), allow_pickle=False, **stacks())
    for seed, name in enumerate(LAYERS):
        path = Path(__file__).with_name(f"torch_{name}.npz")
        np.savez_compressed(path, allow_pickle=False, **results(name, seed))
        print(path)
