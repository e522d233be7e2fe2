"""How many members fit the memory.

A program for M members of a population needs about

    bytes(M) = shared + M * each

of arguments (states, batches), results and what lies between. The compiler says what a program needs before it runs, so
two small programs, of one and of two members, give both numbers. Where the shapes alone say that there is room many
times over, as for most models of a sweep, nothing is compiled.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.members import Member
from seqlab.sweeps.population import Population, kept_bytes
from seqlab.train import TrainConfig

# The share of the memory that is free which a population may take.
SHARE = 0.5
# Where so many times the estimate fits, the compiler is not asked.
CAUTION = 8


def population_size(members: Sequence[Member], config: TrainConfig, available_bytes: int | None = None) -> int:
    """The most of these members that can be trained together, at least 1 and at most all.

    Args:
        members: the members, of which the first ones are compiled.
        config: its chunk is what is compiled.
        available_bytes: the memory to fit in; by default half of what is free now, on the device that JAX computes on.

    Raises:
        SeqlabError: one member alone does not fit.
    """
    available = int(free_bytes() * SHARE) if available_bytes is None else available_bytes
    if len(members) * estimated_bytes(members[0], config) * CAUTION <= available:
        return len(members)
    one = program_bytes(members[:1], config)
    if one > available:
        raise SeqlabError(
            f"a population of one model needs {one / 2**20:.0f} MB, and {available / 2**20:.0f} MB are to be had. "
            "Lower --batch_size, or take --chunk_steps=1."
        )
    if len(members) == 1:
        return 1
    each = max(program_bytes(members[:2], config) - one, 1)
    return min(len(members), 1 + (available - one) // each)


def estimated_bytes(member: Member, config: TrainConfig) -> int:
    """The bytes of a member's states, of a chunk of its batches, and of what a step keeps for its gradient."""
    params = jax.eval_shape(member.task.init, jax.random.key(0))
    batch = sum(leaf.nbytes for leaf in map(np.asarray, jax.tree.leaves(member.task.splits.train.batch(0))))
    states = 4 * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(params))
    return states + batch * config.chunk_steps + kept_bytes(member)


def program_bytes(members: Sequence[Member], config: TrainConfig) -> int:
    """The bytes that a chunk of steps of these members needs, arguments and results included."""
    needs = Population(members, config).compiled_chunk().memory_analysis()
    if needs is None:
        raise SeqlabError(f"the compiler for {jax.default_backend()} does not say what a program needs. Name a size.")
    # What is donated is argument and result at once.
    sizes = needs.argument_size_in_bytes + needs.output_size_in_bytes + needs.temp_size_in_bytes
    return sizes - needs.alias_size_in_bytes


def free_bytes() -> int:
    """The free memory of the first device; of the machine, where that is a CPU."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    facts = Path("/proc/meminfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
