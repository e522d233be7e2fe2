import jax
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.cells.weight_drop import drop_weights
from seqlab.core.errors import SeqlabError
from tests.cells.wrapped import KINDS, NONLINEAR, H, params_of
from tests.contracts.cases import jit

KEY = jax.random.key(4)
drop = jit(drop_weights)


@pytest.mark.parametrize("cell_name", ["lstm_projected", "mgu"])
def test_only_the_recurrent_kernel_loses_elements(cell_name):
    params = params_of(make_cell(cell_name, H))
    dropped = drop(KEY, params, 0.5)
    changed = [name for name in params if not np.array_equal(dropped[name], params[name])]
    assert changed == ["recurrent_kernel"]
    before, after = np.asarray(params["recurrent_kernel"]), np.asarray(dropped["recurrent_kernel"])
    np.testing.assert_array_equal(after, np.where(after == 0, 0, 2 * before))
    assert 0 < (after == 0).mean() < 1


def test_rate_0_is_plain():
    params = params_of(make_cell("mgu", H))
    dropped = drop(KEY, params, 0.0)
    for name, leaf in params.items():
        np.testing.assert_array_equal(dropped[name], leaf)


def test_over_many_batches_the_mean_is_the_kernel():
    params = {"recurrent_kernel": np.arange(1, 7, dtype=np.float32).reshape(2, 3)}
    keys = jax.random.split(KEY, 10000)
    kernels = jit(jax.vmap(lambda key: drop_weights(key, params, 0.25)["recurrent_kernel"]))(keys)
    # The standard deviation of a mean of n is w sqrt(rate / (1 - rate) / n): five of them are 2.9% of w.
    np.testing.assert_allclose(kernels.mean(axis=0), params["recurrent_kernel"], rtol=0.029)


def test_each_batch_loses_others_and_a_key_always_the_same():
    params = params_of(make_cell("mgu", H))
    one, again, other = (drop(key, params, 0.5)["recurrent_kernel"] for key in (KEY, KEY, jax.random.key(5)))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("cell_name", sorted(set(KINDS) - set(NONLINEAR)))
def test_linear_recurrences_have_no_weights_to_drop(cell_name):
    with pytest.raises(
        SeqlabError, match=r"weight drop needs a cell with a recurrent_kernel; got params .*input_kernel"
    ):
        drop_weights(KEY, params_of(make_cell(cell_name, H)), 0.5)
