"""A research framework for recurrent sequence models in JAX.

    cells    one step of a recurrence, as pure functions of explicit params
    engines  ways to unroll a cell over time, all under the same laws
    layers, models, losses, metrics, optim, data, tasks, train, report

``seqlab.unroll`` and the cells can be had from here; they are loaded when they are first asked for, so that reading a
flag file or a text does not wait for jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqlab.cells import GRUCell, LSTMCell, VanillaCell, make_cell
    from seqlab.engines import Unrolled, unroll

__version__ = "0.1.0"
__all__ = ["GRUCell", "LSTMCell", "Unrolled", "VanillaCell", "__version__", "make_cell", "unroll"]

_HOMES = {
    "GRUCell": "seqlab.cells",
    "LSTMCell": "seqlab.cells",
    "VanillaCell": "seqlab.cells",
    "make_cell": "seqlab.cells",
    "Unrolled": "seqlab.engines",
    "unroll": "seqlab.engines",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqlab' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
