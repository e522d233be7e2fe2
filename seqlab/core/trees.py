"""Small helpers over pytrees of arrays."""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool


def leaf_name(path: tuple[Any, ...]) -> str:
    """A leaf's path as words: ``layers_0/cell/input_kernel``."""
    return "/".join(str(getattr(part, "key", getattr(part, "name", getattr(part, "idx", part)))) for part in path)


def named_leaves(tree: Any) -> dict[str, Any]:
    """Every leaf of a tree by its path.

    >>> named_leaves({"cell": {"bias": 1}})
    {'cell/bias': 1}
    """
    return {leaf_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def count_parameters(params: Any) -> int:
    """The number of numbers in a tree of arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def floating_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of floating type by their paths: those that can hold a nan or an infinity.

    >>> list(floating_leaves({"bias": jnp.zeros(2), "count": jnp.zeros(2, int)}))
    ['bias']
    """
    return {name: leaf for name, leaf in named_leaves(tree).items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}


def finite_leaves(tree: Any) -> Bool[Array, " N"]:
    """Whether each of ``floating_leaves`` is without a nan and an infinity [N]."""
    leaves = [jnp.isfinite(leaf).all() for leaf in floating_leaves(tree).values()]
    return jnp.stack(leaves) if leaves else jnp.ones((0,), bool)


def all_finite(tree: Any) -> Bool[Array, ""]:
    """Whether no leaf of floating type holds a nan or an infinity."""
    return finite_leaves(tree).all()
