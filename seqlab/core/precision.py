"""Matrix products in a narrow type, everything else in float32.

Recurrent state drifts when it is rounded at every step; matrix products hardly suffer. So a narrow ``dtype`` (bfloat16)
applies to the factors of a product alone: it is accumulated, and returned, in the type of the kernel.
"""

from math import prod
from typing import Any

import jax.numpy as jnp

from seqlab.core.array_types import Array, Float
from seqlab.core.errors import unknown_name

PRECISIONS: dict[str, Any] = {"float32": None, "bfloat16": jnp.bfloat16}


def product_dtype(precision: str) -> Any:
    """The type of a product's factors for the name of a precision; ``None`` leaves them as they are."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    return PRECISIONS[precision]


def rows(inputs: Float[Array, "*B F"]) -> Float[Array, "N F"]:
    """All axes but the last as one, features of width 0 included."""
    return inputs.reshape(prod(inputs.shape[:-1]), inputs.shape[-1])


def dot(inputs: Float[Array, "*B F"], kernel: Float[Array, "F G"], dtype: Any = None) -> Float[Array, "*B G"]:
    """``inputs @ kernel`` with factors rounded to ``dtype``, accumulated and returned in the kernel's own type."""
    # The derivative's products over batch and time are then plain matrix products too, which XLA runs faster than
    # products that contract two axes.
    factor = rows(inputs)
    if dtype is None:
        product = jnp.dot(factor, kernel)
    else:
        product = jnp.dot(factor.astype(dtype), kernel.astype(dtype), preferred_element_type=kernel.dtype)
    return product.reshape(*inputs.shape[:-1], kernel.shape[-1])
