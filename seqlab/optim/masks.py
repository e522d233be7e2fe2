"""Which leaves are kernels: the matrices that multiply, found by name.

Penalties and weight decay act on kernels alone. A bias, a normalisation scale and an embedding table are not shrunk:
the first two do not set how steep the function is in its inputs, and a row of the table that a batch did not read
should not change because of it. A leaf is a kernel where its own name, the last of its path, is ``kernel`` or ends
with ``_kernel``. A table that also serves as the output matrix (tied embeddings) keeps its name and is not one.
"""

from typing import Any

import jax


def is_kernel(path: tuple[Any, ...]) -> bool:
    """Whether a leaf's path, as ``jax.tree_util`` gives it, is that of a kernel.

    >>> is_kernel((jax.tree_util.DictKey("cell"), jax.tree_util.DictKey("recurrent_kernel")))
    True
    """
    if not path:
        return False
    last = path[-1]
    # Dictionaries have `key`, attributes `name`; the index of a list is no name at all.
    name = getattr(last, "key", getattr(last, "name", None))
    return isinstance(name, str) and (name == "kernel" or name.endswith("_kernel"))


def kernel_mask(params: Any) -> Any:
    """A tree of the same structure as ``params`` with True at kernels and False elsewhere.

    >>> kernel_mask({"head": {"kernel": 1.0, "bias": 0.0}, "embedding": {"embedding": 2.0}})
    {'embedding': {'embedding': False}, 'head': {'bias': False, 'kernel': True}}
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: is_kernel(path), params)
