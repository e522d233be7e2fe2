"""What holds for every problem of generated sequences, and what each answers."""

import functools
import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Splits
from seqlab.data.synthetic import copy_memory
from seqlab.data.synthetic.agreement import KINDS, VERBS, agreement_batch, vocabulary
from seqlab.data.synthetic.generated import GeneratedBatches
from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_many import Aligned
from seqlab.tasks.agreement import counted_scores
from seqlab.tasks.base import Hyper
from seqlab.tasks.sequence_classification import distance_buckets
from seqlab.tasks.table import PROBLEMS, make_problem
from seqlab.tasks.whole_sequences import SequenceConfig, apply_with, make_task
from seqlab.train.evaluate import evaluate_split
from tests.contracts.cases import jit
from tests.tasks.learning import learn

LENGTH = 10
# One problem of each shape by default: whole sequences to one answer with padding, and step by step without.
BY_DEFAULT = {"agreement", "copy_memory"}
for_all_problems = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in BY_DEFAULT else pytest.mark.slow) for name in PROBLEMS]
)


def config_of(**recurrent):
    layers = RecurrentConfig(**{"cell": "vanilla", "hidden_size": 12, "engine": "scan", **recurrent})
    return SequenceConfig(LENGTH, embedding_size=4, recurrent=layers, batch_size=8, eval_batch_size=64)


@functools.cache
def problem_of(name):
    return make_problem(name, config_of())


@functools.cache
def task_of(name):
    return make_task(problem_of(name))


@functools.cache
def evaluator(name):
    return jit(task_of(name).evaluate)


@functools.cache
def params_of(name):
    """Random numbers of the right shapes; nothing is compiled for them."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task_of(name).init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.3, leaf.shape), leaf.dtype), shapes)


@functools.cache
def applier(name):
    run = jit(lambda params, *arrays: apply_with(problem_of(name), params)(*arrays))
    return functools.partial(run, params_of(name))


def answers(name, lines):
    return problem_of(name).answer(applier(name), lines)


@for_all_problems
def test_a_batch_can_be_learned(name):
    task = task_of(name)
    _, losses = learn(task, 20 * [task.splits.train.batch(0)], learning_rate=0.02, jit=jit)
    assert losses[-1] < 0.95 * losses[0]
    assert losses[-1] < min(losses[:5])


@for_all_problems
def test_the_scores_of_a_split_are_those_of_all_its_rows_at_once(name):
    task = task_of(name)
    params = params_of(name)
    rows = [task.splits.validation.batch(step) for step in range(3)]
    whole = jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)
    batches = GeneratedBatches(lambda rng, size: rows[0], 64, 3, stream=(0,), repeats=True)
    batches.batch = lambda step: rows[step]
    few = task._replace(splits=Splits(batches, batches, batches))
    by_batch = evaluate_split(few, evaluator(name), params, "validation")
    metrics, carry = evaluator(name)(params, (), whole)
    assert carry == ()
    assert task.headline in by_batch
    assert by_batch == pytest.approx({score: mean.compute() for score, mean in metrics.items()}, rel=1e-5)


@for_all_problems
def test_the_training_loss_without_noise_is_that_of_evaluation(name):
    task = task_of(name)
    params, batch = params_of(name), task.splits.train.batch(3)
    loss = jit(task.loss)(params, (), batch, jax.random.key(0), Hyper())
    metrics, _ = evaluator(name)(params, (), batch)
    np.testing.assert_allclose(loss.total / loss.weight, metrics["loss"].compute(), rtol=1e-5)
    assert set(loss.metrics) == {"loss", task.headline}


def test_the_sample_shows_four_rows_with_what_was_expected():
    params = jax.tree.map(np.asarray, params_of("temporal_order"))
    shown = task_of("temporal_order").show(params, jax.random.key(0)).splitlines()
    assert [line[0] for line in shown] == ["E", " "] * 4
    assert all(re.match('  expected [XY]{2}, got {"letters": "E', line) for line in shown[1::2])


@for_all_problems
def test_the_examples_are_lines_that_can_be_asked(name):
    lines = [line for line, _ in problem_of(name).examples(problem_of(name).splits.validation.batch(0))][:3]
    found = answers(name, lines)
    assert len(found) == 3
    assert json.loads(json.dumps(found)) == found


def test_chance_is_what_the_baselines_say():
    """Each closed form against the scores of the rows themselves."""
    batch = problem_of("adding").splits.test.batch(0)
    chance = task_of("adding").baselines()["always 1"]["test"]
    targets = np.concatenate([problem_of("adding").splits.test.batch(step).targets for step in range(64)])
    assert len(batch.targets) == 64
    assert np.square(targets - 1).mean() == pytest.approx(chance["mse"], abs=5 * 0.2 / 64)
    assert (abs(targets - 1) < 0.04).mean() == pytest.approx(chance["within_0.04"], abs=5 * 0.27 / 64)
    # Of both tasks that are told apart by accuracy, each class is as probable: see the generators' tests.
    assert task_of("temporal_order").baselines()["chance"]["test"] == {"loss": math.log(4), "accuracy": 0.25}
    memoryless = task_of("copy_memory").baselines()["memoryless"]["test"]
    assert memoryless == {"loss": pytest.approx(10 * math.log(8) / 30), "accuracy": 1 / 8}


def test_copy_memory_without_memory_scores_the_chance_loss():
    problem = problem_of("copy_memory")
    batch = jax.tree.map(jnp.asarray, problem.splits.test.batch(0))
    logits = np.full((64, LENGTH + 20, copy_memory.NUM_TARGETS), -1e4, np.float32)
    logits[:, :-10, 0] = 0
    logits[:, -10:, 1:] = 0
    total, weight = problem.loss(Aligned(jnp.asarray(logits), ()), batch, 0.0)
    assert float(total / weight) == pytest.approx(copy_memory.chance_loss(LENGTH), rel=1e-5)


def test_who_sees_the_last_word_alone_is_right_half_of_the_time_at_a_distance():
    rng = np.random.default_rng(0)
    train, held_out = ([agreement_batch(rng, rows, 40, vocabulary())] for rows in (1000, 500))
    alone, blind = (counted_scores(train, held_out, last_word=last_word) for last_word in (True, False))
    # 500 rows have a standard error of 0.022, and the counts of a word that is seen ten times are off by as much again.
    assert alone["accuracy"] == pytest.approx(0.5, abs=0.1)
    assert blind["accuracy"] == pytest.approx(0.25, abs=0.1)
    assert alone["loss"] < blind["loss"] < math.log(4) + 0.1


def test_accuracy_by_distance_and_by_kind_adds_up_to_the_accuracy_over_all():
    batch = jax.tree.map(jnp.asarray, problem_of("agreement").splits.validation.batch(0))
    logits = jnp.asarray(np.random.default_rng(0).standard_normal((64, 4)), jnp.float32)
    buckets = distance_buckets(LENGTH)
    metrics = problem_of("agreement").measure(logits, batch)
    parts = [metrics[f"accuracy_at_{low}_to_{high}"] for low, high in buckets]
    kinds = [metrics[f"accuracy_{kind}"] for kind in KINDS]
    for several in (parts, kinds):
        assert sum(float(part.total) for part in several) == float(metrics["accuracy"].total)
        assert sum(float(part.weight) for part in several) == 64
    is_tense = np.isin(batch.targets, [VERBS.index(verb) for verb in ("need", "had")])
    assert float(metrics["accuracy_tense"].weight) == is_tense.sum()
    for (low, high), part in zip(buckets, parts, strict=True):
        assert float(part.weight) == sum(low <= distance <= high for distance in batch.groups.tolist())


@pytest.mark.parametrize("longest", [1, 7, 8, 9, 40, 41])
def test_buckets_hold_every_distance_once(longest):
    buckets = distance_buckets(longest)
    assert [distance for low, high in buckets for distance in range(low, high + 1)] == [*range(1, longest + 1)]
    assert len(buckets) <= 8


def test_a_verb_s_probabilities_sum_to_1_and_unknown_words_are_counted():
    (answer,) = answers("agreement", ["The dogs, who barked near the gates,"])
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["verb"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["unknown"] == 2


def test_the_adding_problem_is_answered_for_a_sequence_of_any_length():
    short, long = answers("adding", ["[[0.3, 1], [0.5, 1]]", json.dumps([[0.1, 0]] * 30)])
    assert (short["steps"], long["steps"]) == (2, 30)
    assert math.isfinite(short["sum"] + long["sum"])


@pytest.mark.parametrize(
    ("name", "line", "say"),
    [
        ("adding", "", r"line 1: expected a JSON list of pairs \[value, marker\].*; got ''"),
        ("adding", "[[1, 2, 3]]", r"got numbers of shape \[1, 3\]"),
        ("adding", "[[1, 2], [3]]", r"expected a JSON list of pairs"),
        ("adding", "[[NaN, 1]]", "expected a JSON list of pairs"),
        ("adding", "[]", "expected a JSON list of pairs"),
        ("copy_memory", "[1, 2, 3]", "expected a JSON list of 10 symbols from 1 to 8"),
        ("copy_memory", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]", "expected a JSON list of 10 symbols from 1 to 8"),
        ("copy_memory", '"a"', "expected a JSON list of 10 symbols from 1 to 8"),
        ("temporal_order", "EabZB", "expected letters among abcdXYEB, such as EabXcdYdB; got 'EabZB'"),
        ("temporal_order", " ", "expected letters among"),
        ("agreement", " ,", "expected the words before a verb"),
    ],
)
def test_a_line_of_another_kind_is_refused_with_its_number(name, line, say):
    with pytest.raises(SeqlabError, match=say):
        problem_of(name).answer(lambda inputs, lengths: pytest.fail("a wrong line was answered"), [line])


def test_copy_memory_refuses_to_see_the_future():
    with pytest.raises(SeqlabError, match="bidirectional must be False"):
        make_problem("copy_memory", config_of(bidirectional=True))


def test_an_unknown_problem_is_refused_with_the_known_ones():
    with pytest.raises(SeqlabError, match="unknown problem 'coyp_memory'; did you mean 'copy_memory'"):
        make_problem("coyp_memory", config_of())


def test_chrono_steps_start_the_gates_and_leave_the_rest():
    plain, chrono = (
        make_task(make_problem("temporal_order", config_of(cell="gru", chrono_steps=steps))) for steps in (0, 50)
    )
    key = jax.random.key(0)
    assert jax.eval_shape(plain.init, key) == jax.eval_shape(chrono.init, key)
    r, z, n = np.split(jit(chrono.init)(key)["stack"]["layers_0"]["cell"]["bias"], 3)
    assert not np.concatenate([r, n]).any()
    assert z.min() > 0
    assert z.max() < math.log(49)
