"""The libraries that seqlab is measured beside: which cells each has, and whether it is there.

They are the extra ``bench`` of the package, and none is needed: one that cannot be imported is named as skipped.
"""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

CELLS = ("vanilla", "gru", "lstm")


@dataclass(frozen=True)
class Peer:
    """A library.

    Attributes:
        distribution: its name for pip.
        module: its name for ``import``.
        cells: the cells that it has.
        trains: whether the training suite has a step for it.
    """

    distribution: str
    module: str
    cells: tuple[str, ...] = CELLS
    trains: bool = False


PEERS: dict[str, Peer] = {
    "flax": Peer("flax", "flax", trains=True),
    "haiku": Peer("dm-haiku", "haiku"),
    "equinox": Peer("equinox", "equinox", cells=("gru", "lstm")),
    "torch": Peer("torch", "torch", trains=True),
}


def why_skipped(names: Iterable[str], backend: str) -> dict[str, str]:
    """Those of the peers that cannot be measured, each with the reason.

    Args:
        names: names in ``PEERS``.
        backend: where JAX computes: ``cpu``, ``gpu``, ...

    >>> why_skipped(["flax"], "cpu")
    {}
    """
    skipped = {}
    for name in names:
        why = why_not_there(name)
        if not why and name == "torch" and backend != "cpu":
            why = f"measured on the CPU alone, and JAX computes on {backend}"
        if why:
            skipped[name] = why
    return skipped


def why_not_there(name: str) -> str:
    """Why this peer cannot be imported; empty where it can."""
    try:
        importlib.import_module(PEERS[name].module)
    except ImportError as error:
        install = f"pip install '{PEERS[name].distribution}' adds it"
        missing = isinstance(error, ModuleNotFoundError) and error.name == PEERS[name].module
        return f"not installed; {install}" if missing else f"cannot be imported: {error}"
    return ""
