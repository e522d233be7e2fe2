"""PyTorch's recurrent layers and its training step, as its users write them."""

import importlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LAYERS = {"vanilla": "RNN", "gru": "GRU", "lstm": "LSTM"}


def layer_call(
    cell_name: str,
    inputs: np.ndarray,
    weights: np.ndarray,
    hidden_size: int,
    *,
    backward: bool,
    device: str = "cpu",
    num_models: int = 1,
) -> Callable[[], object]:
    """A call of one layer on ``inputs`` [B, T, D], or of many, one after the other; see ``layer_suite``."""
    torch: Any = importlib.import_module("torch")
    layer = getattr(torch.nn, LAYERS[cell_name])
    rnns = [layer(inputs.shape[-1], hidden_size, batch_first=True).to(device) for _ in range(num_models)]
    x = torch.from_numpy(inputs).to(device).requires_grad_(backward)
    w = torch.from_numpy(weights).to(device)

    def forward() -> object:
        with torch.no_grad():
            return [rnn(x)[0] for rnn in rnns]

    def forward_with_backward() -> object:
        return [torch.autograd.grad((rnn(x)[0] * w).sum(), [*rnn.parameters(), x]) for rnn in rnns]

    run = forward_with_backward if backward else forward

    def run_and_wait() -> object:
        results = run()
        torch.cuda.synchronize()
        return results

    return run if device == "cpu" else run_and_wait


def training_call(
    batches: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    num_tokens: int,
    embedding_size: int,
    hidden_size: int,
    num_layers: int,
    learning_rate: float,
    clip_norm: float,
) -> Callable[[], float]:
    """A call that takes one training step; see ``training_suite``. Batches are (inputs, targets), ids [B, T]."""
    torch: Any = importlib.import_module("torch")
    nn = torch.nn
    embedding = nn.Embedding(num_tokens, embedding_size)
    stack = nn.LSTM(embedding_size, hidden_size, num_layers, batch_first=True)
    head = nn.Linear(hidden_size, num_tokens)
    params = list(nn.ModuleList([embedding, stack, head]).parameters())
    optimizer = torch.optim.Adam(params, learning_rate)
    queue = itertools.cycle([[torch.from_numpy(ids.astype(np.int64)) for ids in batch] for batch in batches])

    def step() -> float:
        inputs, targets = next(queue)
        logits = head(stack(embedding(inputs))[0])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, clip_norm)
        optimizer.step()
        return loss.item()

    return step
