"""What the figures were measured with: a time without its machine, threads and versions says nothing."""

import importlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.benchmarks.peers import PEERS

# What changes the speed from outside.
SETTINGS = ("XLA_FLAGS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def num_threads() -> int:
    """The cores that this process may run on; XLA takes as many threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_torch_threads() -> None:
    """Gives PyTorch as many threads as XLA takes; by itself it counts cores that this process may not have."""
    importlib.import_module("torch").set_num_threads(num_threads())


def describe(peers: Iterable[str]) -> dict[str, Any]:
    """Machine, threads and versions; ``peers`` are those that are measured."""
    import jax

    peers = list(peers)
    distributions = {"jax", "jaxlib", "flax", "optax", "numpy", *(PEERS[name].distribution for name in peers)}
    device = jax.devices()[0]
    machine = {
        "processor": _processor(),
        "device": f"{device.platform}: {device.device_kind}",
        "cores": os.cpu_count(),
        "cores_of_this_process": num_threads(),
        # Near the number of cores, something else was running too.
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in sorted(distributions)},
        "environment": {name: os.environ[name] for name in SETTINGS if name in os.environ},
    }
    if "torch" in peers:
        machine["torch_threads"] = importlib.import_module("torch").get_num_threads()
    return machine


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.*)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()
