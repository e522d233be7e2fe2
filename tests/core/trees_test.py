"""Trees of arrays."""

from typing import NamedTuple

import jax.numpy as jnp
import pytest

from seqlab.core.trees import all_finite, count_parameters, named_leaves


class Pair(NamedTuple):
    first: int
    second: list[int]


def test_leaves_have_their_path_through_dicts_tuples_and_lists_as_their_name():
    tree = {"layer": {"pair": Pair(1, [2, 3])}}
    assert named_leaves(tree) == {"layer/pair/first": 1, "layer/pair/second/0": 2, "layer/pair/second/1": 3}


def test_parameters_are_counted_number_by_number():
    assert count_parameters({"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3), "scale": jnp.ones(())}) == 10


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_one_non_finite_number_anywhere_is_found(value):
    clean = {"a": jnp.ones(3), "b": {"c": jnp.ones((2, 2))}}
    assert all_finite(clean)
    assert not all_finite(clean | {"b": {"c": jnp.array([[0.0, value], [0.0, 0.0]])}})


def test_integers_and_nothing_at_all_are_finite():
    assert all_finite({"step": jnp.array(3)})
    assert all_finite({})
