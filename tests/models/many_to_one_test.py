import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_one import ManyToOne, last_outputs
from tests.contracts.cases import jit

B, T, F, D, V = 4, 6, 3, 2, 7
RNG = np.random.default_rng(0)
LENGTHS = jnp.array([6, 3, 1, 0])
FEATURES = jnp.asarray(RNG.standard_normal((B, T, F)), jnp.float32)
IDS = jnp.asarray(RNG.integers(V, size=(B, T)), jnp.int32)


def make(bidirectional=False, num_tokens=0, **recurrent):
    config = RecurrentConfig("vanilla", hidden_size=5, bidirectional=bidirectional, engine="scan", **recurrent)
    return ManyToOne(D, config, num_tokens=num_tokens, embedding_size=3)


def init(model, inputs):
    shapes = jax.eval_shape(model.init, jax.random.key(0), inputs)["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


def apply(model, params, inputs, **options):
    return jit(lambda params, inputs: model.apply({"params": params}, inputs, **options))(params, inputs)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_each_row_is_answered_as_if_it_stood_alone_without_padding(bidirectional):
    model = make(bidirectional)
    params = init(model, FEATURES)
    poisoned = jnp.where((jnp.arange(T) < LENGTHS[:, None])[..., None], FEATURES, jnp.nan)
    together = apply(model, params, poisoned, lengths=LENGTHS)
    for row, length in [(0, 6), (1, 3)]:
        alone = apply(model, params, FEATURES[row : row + 1, :length])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)
    # Nothing was read: the answer is the head's bias.
    np.testing.assert_allclose(together[-1], params["head"]["bias"], atol=1e-6)


def test_the_answer_depends_on_the_first_and_the_last_step():
    model = make()
    params = init(model, FEATURES)
    run = jit(lambda inputs: model.apply({"params": params}, inputs))
    answer = run(FEATURES)
    for step in (0, T - 1):
        other = run(FEATURES.at[:, step].add(1.0))
        assert (np.abs(np.asarray(other) - np.asarray(answer)).max(axis=-1) > 1e-4).all()


def test_a_model_in_both_directions_reads_the_whole_sequence_either_way():
    model = make(bidirectional=True)
    params = init(model, FEATURES)
    assert params["head"]["kernel"].shape == (4 * 5, D)


def test_token_ids_are_embedded_and_features_are_read_as_they_are():
    model = make(num_tokens=V)
    params = init(model, IDS)
    embedded = params["embedding"]["embedding"][IDS]
    rest = {name: params[name] for name in ("stack", "head")}
    np.testing.assert_allclose(apply(model, params, IDS), apply(make(), rest, embedded), atol=1e-6)


def test_dropout_draws_from_its_key_and_leaves_the_shape():
    model = make(variational_dropout=True)
    params = init(model, FEATURES)
    run = jit(lambda key: model.apply({"params": params}, FEATURES, dropout_rate=0.5, rngs={"dropout": key}))
    first, second = (run(jax.random.key(seed)) for seed in (0, 1))
    assert first.shape == (B, D)
    assert not np.array_equal(first, second)


def test_the_last_outputs_without_lengths_are_those_of_the_last_step():
    np.testing.assert_array_equal(last_outputs(FEATURES, None), FEATURES[:, -1])
