"""Axis letters and named array types, one table for the whole package.

    B  batch: sequences that are processed together      H  hidden: width of a cell's output
    T  time steps of the input                           G  gates x H: width of a projected input
    U  time steps of an unaligned target                 V  vocabulary: number of classes or tokens
    F  features of one input step                        L  layers
    S  steps of training in one compiled chunk           K  hypotheses, or the most probable few

Annotations are checked in the tests, where every call goes through jaxtyping and beartype. ``*F`` stands for any number
of feature axes, so that convolutional cells fit the same engines.
"""

from typing import Any

from jax import Array
from jaxtyping import Bool, Float, Inexact, Int, Shaped

# A pytree of arrays: nested dicts of parameters, or the state that a cell hands from one step to the next.
Params = Any
Carry = Any

# A typed key (jax.random.key) or a raw one (jax.random.PRNGKey); Flax hands over either.
Key = Array

Scalar = float | Float[Array, ""]

__all__ = ["Array", "Bool", "Carry", "Float", "Inexact", "Int", "Key", "Params", "Scalar", "Shaped"]
