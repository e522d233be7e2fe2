import functools
import itertools
import math
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.texts import TextSplits
from seqlab.data.vocabulary import Vocabulary
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.language_model import LanguageModelConfig, make_model, make_task
from seqlab.train import make_train_step
from seqlab.train.evaluate import evaluate_split
from seqlab.train.state import initial_state
from tests.contracts.cases import jit

KEY = jax.random.key(0)


def text_of(num_words, seed):
    """Sentences of a few words, so that there is something to learn."""
    words = np.random.default_rng(seed).choice(["the", "cat", "sat", "on", "a", "mat.\n"], size=num_words)
    return " ".join(words)


# The character 'Z' occurs in the test split alone, and 'Q' in the validation split alone.
TEXTS = TextSplits(text_of(120, 1), text_of(12, 2) + "Q", "Z" + text_of(14, 3), {}, "made up", "none")
VOCABULARY = Vocabulary.build(TEXTS.train, boundary="\n")
CONFIG: dict[str, Any] = {"embedding_size": 6, "batch_size": 3, "window_size": 8, "eval_batch_size": 1}


def config_of(tokens="char", **changes: Any):
    recurrent = RecurrentConfig("lstm", hidden_size=10, num_layers=2, **changes.pop("recurrent", {}))
    return LanguageModelConfig(tokens=tokens, recurrent=recurrent, **{**CONFIG, **changes})


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), TEXTS)


@functools.cache
def params_of():
    """Far from uniform, so that what is wrong shows in the loss."""
    return jax.tree.map(lambda leaf: 4 * leaf, jit(task_of().init)(KEY))


@functools.cache
def evaluator(**changes):
    return jit(task_of(**changes).evaluate)


@functools.cache
def loss_function():
    def run(params, carry, batch, key, dropout_rate, label_smoothing):
        return task_of().loss(params, carry, batch, key, Hyper(dropout_rate, label_smoothing))

    return jit(run)


def train_loss(params, carry, batch, key=KEY, dropout_rate=0.0, label_smoothing=0.0):
    """The training path, with rates that are traced."""
    return loss_function()(params, carry, batch, key, dropout_rate, label_smoothing)


def random_carry(batch_size, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: task_of().initial_carry(batch_size))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-1, 1, leaf.shape), leaf.dtype), shapes)


@functools.cache
def stepper():
    """One token at a time through the model itself: (params, carry, id) -> (log-probabilities [V], carry)."""
    model = make_model(config_of(), VOCABULARY)

    def step(params, carry, token):
        logits, carry = model.apply({"params": params}, token[None, None], initial_carry=carry)
        return jax.nn.log_softmax(logits[0, 0]), carry

    return jit(step)


def nats_by_the_chain_rule(params, ids, boundary_id=1):
    """-log P(w_t | all before it) of every token of a text, from nothing but the boundary."""
    carry, before, nats = task_of().initial_carry(1), boundary_id, []
    for token in ids:
        log_p, carry = stepper()(params, carry, jnp.asarray(before, jnp.int32))
        nats.append(-float(log_p[token]))
        before = int(token)
    return nats


def evaluated(split, params, **changes):
    """Scores of a split, and how many tokens they are the mean of."""
    weights = []

    def eval_step(params, carry, batch):
        metrics, carry = evaluator(**changes)(params, carry, batch)
        weights.append({name: float(metric.weight) for name, metric in metrics.items()})
        return metrics, carry

    scores = evaluate_split(task_of(**changes), eval_step, params, split)
    return scores, {name: sum(weight[name] for weight in weights) for name in ("loss", "accuracy")}


# Learning


def test_a_fresh_model_knows_nothing():
    scores, _ = evaluated("validation", jit(task_of().init)(KEY))
    assert scores["loss"] == pytest.approx(math.log(VOCABULARY.size), abs=0.1)


def test_twenty_steps_on_one_batch_lower_its_loss_which_stays_finite():
    task, optimizer = task_of(), optax.adam(0.03)
    batch, losses = task.splits.train.batch(0), []
    with jax.numpy_dtype_promotion("standard"):  # Adam raises a float to the power of an integer.
        state = jit(lambda: initial_state(task, optimizer, seed=0))()
        step = jit(make_train_step(task, optimizer))
        for _ in range(20):
            state, info = step(state, batch)
            assert info.finite
            losses.append(info.metrics["loss"].compute())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.7


def test_the_loss_depends_on_every_input_and_every_target():
    batch, carry = task_of().splits.train.batch(0), random_carry(3)
    plain = train_loss(params_of(), carry, batch).total
    for t in range(batch.inputs.shape[1]):
        for field in ("inputs", "targets"):
            changed = getattr(batch, field).copy()
            changed[1, t] = (changed[1, t] + 1) % VOCABULARY.size
            assert train_loss(params_of(), carry, batch._replace(**{field: changed})).total != plain, (field, t)


def test_training_without_dropout_and_evaluation_are_the_same_function():
    batch, carry = task_of().splits.train.batch(0), random_carry(3)
    trained = train_loss(params_of(), carry, batch._replace(starts=np.zeros(3, bool)))
    metrics, after = evaluator()(params_of(), carry, batch._replace(starts=np.zeros(3, bool)))
    np.testing.assert_allclose(trained.metrics["loss"], metrics["loss"], rtol=1e-6)
    assert float(trained.total) == float(trained.metrics["loss"].total)
    assert float(trained.weight) == batch.targets.size
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-6), trained.carry, after)


def test_dropout_is_drawn_from_the_key_and_label_smoothing_is_of_the_loss():
    batch, carry = task_of().splits.train.batch(0), task_of().initial_carry(3)
    run = functools.partial(train_loss, params_of(), carry, batch)
    plain, half, again = (float(run(dropout_rate=rate).total) for rate in (0.0, 0.5, 0.5))
    other = float(run(key=jax.random.key(1), dropout_rate=0.5).total)
    assert half == again
    assert len({plain, half, other}) == 3
    # Targets that are spread evenly leave the cross entropy with the uniform distribution: at least log V a token.
    spread = run(label_smoothing=1.0)
    assert float(spread.total / spread.weight) > math.log(VOCABULARY.size)
    mixed = run(label_smoothing=0.25)
    assert float(mixed.total) == pytest.approx(0.75 * plain + 0.25 * float(spread.total), rel=1e-5)


def test_a_population_with_rates_of_its_own_is_a_stack_of_singles():
    batch, carry = task_of().splits.train.batch(0), task_of().initial_carry(3)
    rates, smoothings = jnp.array([0.0, 0.4]), jnp.array([0.3, 0.0])
    run = jax.vmap(lambda *rates: task_of().loss(params_of(), carry, batch, KEY, Hyper(*rates)).total)
    of_all = jit(run)(rates, smoothings)
    singles = [
        train_loss(params_of(), carry, batch, dropout_rate=rate, label_smoothing=smoothing).total
        for rate, smoothing in zip(rates, smoothings, strict=True)
    ]
    np.testing.assert_allclose(of_all, singles, rtol=1e-5)


# The state from batch to batch


def test_a_row_that_starts_forgets_the_carry_and_another_goes_on_from_it():
    batch = task_of().splits.train.batch(0)
    starts = np.array([True, False, True])
    carry, fresh = random_carry(3), task_of().initial_carry(3)

    def after(carry, starts):
        return train_loss(params_of(), carry, batch._replace(starts=starts)).carry

    mixed = after(carry, starts)
    expected = [after(fresh, np.zeros(3, bool)), after(carry, np.zeros(3, bool))]
    for found, restarted, continued in zip(*map(jax.tree.leaves, (mixed, *expected)), strict=True):
        np.testing.assert_array_equal(found, np.where(starts[:, None], restarted, continued))
        assert np.all(np.any(restarted != continued, axis=1))


def test_the_carry_that_a_batch_gives_is_the_state_after_its_last_token():
    batch = task_of().splits.validation.batch(0)
    _, found = evaluator()(params_of(), random_carry(1), batch)
    carry = task_of().initial_carry(1)
    for token in batch.inputs[0]:
        _, carry = stepper()(params_of(), carry, jnp.asarray(token))
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-5), found, carry)


# Evaluation


@functools.cache
def ids_of_test():
    return VOCABULARY.encode(TEXTS.test)


@functools.cache
def chain_rule_nats():
    return nats_by_the_chain_rule(params_of(), ids_of_test())


@pytest.mark.parametrize("window_size", [8, 1, 5, 200])
def test_a_split_in_windows_of_any_size_scores_as_the_chain_rule_does(window_size):
    scores, weights = evaluated("test", params_of(), window_size=window_size, batch_size=1)
    assert weights == {"loss": len(TEXTS.test), "accuracy": len(TEXTS.test)}
    assert scores["loss"] == pytest.approx(np.mean(chain_rule_nats()), rel=1e-5)
    assert scores["bits_per_character"] == pytest.approx(scores["loss"] / math.log(2))


def test_parallel_streams_count_every_token_once_each_from_the_token_before_it():
    scores, weights = evaluated("test", params_of(), eval_batch_size=3)
    ids = ids_of_test()
    bounds = np.arange(4) * len(ids) // 3
    nats = [
        value
        for first, end in itertools.pairwise(bounds)
        for value in nats_by_the_chain_rule(params_of(), ids[first:end], boundary_id=ids[first - 1] if first else 1)
    ]
    assert len(nats) == weights["loss"] == len(ids)
    assert scores["loss"] == pytest.approx(np.mean(nats), rel=1e-5)


def test_accuracy_is_the_share_of_tokens_that_were_the_most_probable():
    scores, _ = evaluated("test", params_of())
    carry, before, right = task_of().initial_carry(1), 1, 0
    for token in ids_of_test():
        log_p, carry = stepper()(params_of(), carry, jnp.asarray(before, jnp.int32))
        right += int(log_p.argmax()) == token
        before = int(token)
    assert scores["accuracy"] == pytest.approx(right / len(ids_of_test()))


def test_what_stands_in_the_padding_changes_nothing():
    batch = task_of(eval_batch_size=3).splits.test
    last = batch.batch(batch.batches_per_epoch - 1)
    padding = np.arange(last.inputs.shape[1]) >= last.lengths[:, None]
    assert padding.any()
    other = last._replace(inputs=np.where(padding, 3, last.inputs), targets=np.where(padding, 4, last.targets))
    results = [evaluator(eval_batch_size=3)(params_of(), random_carry(3), given) for given in (last, other)]
    jax.tree.map(np.testing.assert_array_equal, *results)


# The text


def test_the_vocabulary_is_the_training_split_s_alone():
    splits = task_of(batch_size=1, window_size=200).splits
    assert "Z" not in VOCABULARY
    assert "Q" not in VOCABULARY
    unknown = {
        name: int((batch.targets[np.arange(batch.targets.shape[1]) < batch.lengths[:, None]] == 0).sum())
        for name, batch in [("validation", splits.validation.batch(0)), ("test", splits.test.batch(0))]
    }
    assert unknown == {"validation": 1, "test": 1}
    train_ids = VOCABULARY.encode(TEXTS.train)
    assert train_ids.all()
    assert task_of().splits.train.batch(0).targets.max() < VOCABULARY.size


def test_rare_tokens_are_unknown_on_request():
    task = make_task(config_of(min_count=30), TEXTS)
    counts = Counter(TEXTS.train)
    kept = Vocabulary.build(TEXTS.train, boundary="\n", min_count=30)
    assert 2 < kept.size < VOCABULARY.size == len(counts) + 1
    params = jax.eval_shape(task.init, KEY)
    assert params["embedding"]["embedding"].shape == (kept.size, 6)


def test_the_vocabulary_is_written_for_predictions_to_come(tmp_path):
    for name, write in task_of().artifacts.items():
        write(tmp_path / name)
    assert Vocabulary.load(tmp_path / "vocabulary.json") == VOCABULARY


def test_words_are_tokens_too_with_their_own_score():
    task = make_task(config_of("word", window_size=4), TEXTS)
    assert (task.unit, task.headline) == ("words", "perplexity")
    assert task.scores({"loss": math.log(8)}) == pytest.approx({"loss": math.log(8), "perplexity": 8})
    # the, cat, sat, on, a, mat., the unknown and the end of a line
    assert jax.eval_shape(task.init, KEY)["embedding"]["embedding"].shape == (8, 6)
    assert (task_of().unit, task_of().headline) == ("characters", "bits_per_character")


def test_batch_sizes_are_those_of_the_batches():
    task = task_of(eval_batch_size=200)
    assert task.batch_sizes["train"] == 3
    # Too short for 200 streams, so that there are fewer.
    assert 1 < task.batch_sizes["validation"] < 200
    for name, batches in task.splits._asdict().items():
        batch: Batch = batches.batch(0)
        carry = task.initial_carry(task.batch_sizes[name])
        assert {leaf.shape[0] for leaf in jax.tree.leaves(carry)} == {len(batch.inputs)}


# Baselines and samples


def test_baselines_are_the_unigram_and_the_best_ngram_on_both_splits():
    baselines = task_of().baselines()
    unigram = baselines.pop("unigram")
    ((name, best),) = baselines.items()
    assert name.endswith("-gram")
    counts, k = Counter(TEXTS.train), 0.1
    for split in ("validation", "test"):
        text = getattr(TEXTS, split)
        nats = [-math.log((counts[c] + k) / (len(TEXTS.train) + k * VOCABULARY.size)) for c in text]
        assert unigram[split]["loss"] == pytest.approx(np.mean(nats))
        assert best[split]["loss"] < unigram[split]["loss"]
        assert best[split]["bits_per_character"] == pytest.approx(best[split]["loss"] / math.log(2))


def test_what_is_shown_is_a_sample_of_known_characters():
    on_the_host = jax.tree.map(np.asarray, params_of())  # Where training keeps the best params.
    shown = task_of().show(on_the_host, KEY)
    assert len(shown) == 400
    assert set(shown) <= set(TEXTS.train)
    assert len(set(shown)) > 3


# What is refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": "chars"}, "unknown tokens 'chars'; did you mean 'char'"),
        ({"min_count": 0}, "min_count must be at least 1"),
        ({"batch_size": 10_000}, "training split has"),
        ({"recurrent": {"engine": "scam"}}, "unknown engine 'scam'; did you mean 'scan'"),
        ({"recurrent": {"precision": "half"}}, "unknown precision 'half'"),
        ({"recurrent": {"bidirectional": True}}, "reads forward"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_is_compiled(changes, said):
    with pytest.raises(SeqlabError, match=said):
        make_task(config_of(**changes), TEXTS)
