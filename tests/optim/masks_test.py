from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqlab.optim.masks import kernel_mask


class Cell(NamedTuple):
    recurrent_kernel: float
    bias: float


def test_kernels_are_true_and_all_else_is_false():
    params = {
        "layer_0": {"cell": {"input_kernel": 1.0, "recurrent_kernel": 1.0, "bias": 1.0, "scale": 1.0}},
        "head": {"kernel": 1.0, "bias": 1.0},
        "embedding": {"embedding": 1.0},
    }
    assert kernel_mask(params) == {
        "layer_0": {"cell": {"input_kernel": True, "recurrent_kernel": True, "bias": False, "scale": False}},
        "head": {"kernel": True, "bias": False},
        "embedding": {"embedding": False},
    }


def test_only_the_last_name_of_a_path_counts():
    assert kernel_mask({"kernel": {"bias": 1.0}, "cell_kernel": {"scale": 1.0}}) == {
        "kernel": {"bias": False},
        "cell_kernel": {"scale": False},
    }


def test_a_name_that_merely_contains_kernel_is_none():
    assert kernel_mask({"kernel_scale": 1.0, "mykernel": 1.0}) == {"kernel_scale": False, "mykernel": False}


def test_attributes_have_names_and_list_items_have_none():
    assert kernel_mask(Cell(1.0, 1.0)) == Cell(True, False)
    assert kernel_mask({"kernel": [1.0, 2.0]}) == {"kernel": [False, False]}
    assert kernel_mask(1.0) is False


def test_the_mask_is_static_under_jit():
    def count(params):
        return sum(jax.tree.leaves(kernel_mask(params)))  # A traced mask could not be an int here.

    assert jax.eval_shape(lambda p: jnp.zeros(count(p)), {"kernel": jnp.ones(3), "bias": jnp.ones(2)}).shape == (1,)
