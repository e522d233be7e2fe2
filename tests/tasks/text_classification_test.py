import functools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.labelled import LabelledSplits
from seqlab.data.loaders.labelled_text import LabelledText
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.classification_data import TextReader, class_weights
from seqlab.tasks.classification_prediction import apply_with, classify
from seqlab.tasks.classification_scores import called, choose_threshold, classified_scores
from seqlab.tasks.text_classification import ClassificationConfig, make_model, make_task
from seqlab.train import evaluate_split
from tests.contracts.cases import jit
from tests.tasks.learning import learn

WORDS = ["good", "bad", "the", "film", "was", "not"]


def texts_of(seed, size):
    rng = np.random.default_rng(seed)
    rows = [rng.choice(WORDS, rng.integers(1, 4)).tolist() for _ in range(size)]
    return [LabelledText(" ".join(row), "yes" if "good" in row else "no") for row in rows]


SPLITS = LabelledSplits(texts_of(0, 30), texts_of(1, 13), texts_of(2, 11), {}, "texts", "none")
READER = TextReader.build(SPLITS.train, "word", 1, 0)


def config_of(**changes):
    layers = RecurrentConfig("vanilla", hidden_size=6, bidirectional=True, engine="scan")
    return ClassificationConfig(
        **{
            "embedding_size": 4,
            "recurrent": layers,
            "pooling": "attention",
            "batch_size": 8,
            "eval_batch_size": 8,
            **changes,
        }
    )


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), SPLITS)


@functools.cache
def params_of():
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task_of().init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


@functools.cache
def applier():
    return jit(apply_with(make_model(config_of(), READER), params_of()))


def test_a_batch_can_be_learned():
    task = task_of(pooling="max")
    _, losses = learn(task, 20 * [task.splits.train.batch(1)], hyper=Hyper(dropout_rate=0.1), jit=jit)
    assert losses[-1] < 0.7 * min(losses[:3])


def test_scores_of_a_split_count_every_row_once_and_no_filler():
    scores = evaluate_split(task_of(), jit(task_of().evaluate), params_of(), "validation")
    answers = classify(applier(), [row.text for row in SPLITS.validation], READER)
    predicted = np.array([READER.labels.index(answer["label"]) for answer in answers])
    targets = np.array([READER.labels.index(row.label) for row in SPLITS.validation])
    expected = classified_scores(predicted, targets, READER.labels)
    rights = [answer["probabilities"][row.label] for answer, row in zip(answers, SPLITS.validation, strict=True)]
    assert scores == pytest.approx({"loss": -np.log(rights).mean(), **expected}, rel=1e-5)


def test_balanced_weights_let_every_class_count_as_much():
    counts = np.bincount([READER.labels.index(row.label) for row in SPLITS.train])
    weights = class_weights("balanced", counts, READER.labels)
    assert weights is not None
    np.testing.assert_allclose(weights * counts, counts.sum() / 2, rtol=1e-5)
    given = class_weights("2,6", counts, READER.labels)
    assert given is not None
    assert given[1] / given[0] == pytest.approx(3)
    assert (given * counts).sum() == pytest.approx(counts.sum(), rel=1e-5)
    assert class_weights("none", counts, READER.labels) is None


def test_the_loss_of_a_task_is_weighted_by_class():
    batch = task_of().splits.validation.batch(1)
    plain, skewed = (
        jit(task_of(class_weights=weights).evaluate)(params_of(), (), batch)[0] for weights in ("none", "1,9")
    )
    assert float(plain["loss"].weight) == (batch.lengths > 0).sum()
    each = np.array([1, 9])[batch.targets] * (batch.lengths > 0)
    logits = applier()(jnp.asarray(batch.inputs), jnp.asarray(batch.lengths)).logits
    nats = -np.asarray(jax.nn.log_softmax(logits))[np.arange(len(each)), batch.targets]
    assert skewed["loss"].compute() == pytest.approx((each * nats).sum() / each.sum(), rel=1e-5)
    assert plain["accuracy"].compute() == skewed["accuracy"].compute()


@pytest.mark.parametrize("weights", ["balance", "1", "1,2,3", "1,0", "1,nan", "1,-1", ""])
def test_class_weights_of_another_kind_are_refused(weights):
    with pytest.raises(SeqlabError, match=r"--class_weights: expected none, balanced, or 2 numbers above 0 .* no, yes"):
        make_task(config_of(class_weights=weights), SPLITS)


def test_two_logits_and_a_softmax_are_one_logit_and_a_sigmoid():
    logits = np.asarray(applier()(jnp.array([[2, 3, 4]]), jnp.array([3])).logits)[0]
    (answer,) = classify(applier(), [" ".join(READER.vocabulary.decode([2, 3, 4]))], READER)
    assert answer["probabilities"]["yes"] == pytest.approx(1 / (1 + np.exp(logits[0] - logits[1])), rel=1e-4)


def test_an_answer_has_probabilities_and_weights_that_sum_to_one():
    good, unseen = classify(applier(), ["the film was  good", "zebra good"], READER)
    assert good["words"] == ["the", "film", "was", "good"]
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert sum(good["weights"]) == pytest.approx(1, abs=1e-5)
    assert len(good["weights"]) == 4
    assert (good["unknown"], unseen["unknown"]) == (0, 1)
    with pytest.raises(SeqlabError, match="line 2: expected a text to classify; got none"):
        classify(applier(), ["good", " "], READER)


def test_with_a_threshold_the_label_is_decided_by_it_and_it_is_said():
    (plain,) = classify(applier(), ["the film"], READER)
    share = plain["probabilities"]["yes"]
    for threshold, label in ((share - 0.01, "yes"), (share + 0.01, "no")):
        (answer,) = classify(applier(), ["the film"], READER, threshold)
        assert answer == {**plain, "label": label, "threshold": threshold}
    assert "threshold" not in plain


def test_the_threshold_is_of_two_classes_alone_and_not_between_equal_texts():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.7 - 1e-8, 0.3 + 1e-8], [0.5, 0.5]], np.float32)
    targets = np.array([0, 0, 1, 1])
    threshold = choose_threshold(probabilities, targets)
    assert threshold is not None
    assert abs(probabilities[:, 1] - threshold).min() > 0.05
    scores = classified_scores(called(probabilities, threshold), targets, READER.labels)
    assert scores["macro_f1"] > classified_scores(called(probabilities, None), targets, READER.labels)["macro_f1"]
    assert choose_threshold(np.full((4, 3), 1 / 3), targets) is None


def test_words_beyond_the_longest_are_not_read():
    reader = TextReader.build(SPLITS.train, "word", 1, 3)
    assert reader.split("a b c " * 100_000) == ["a", "b", "c"]
    long = [LabelledText("the film " * 50, "no"), *SPLITS.train]
    task = make_task(config_of(max_length=3), replace(SPLITS, train=long))
    assert max(batch.inputs.shape[1] for batch in map(task.splits.train.batch, range(5))) == 3


def test_the_vocabulary_and_the_labels_are_read_again_from_the_run(tmp_path):
    for name, save in READER.artifacts().items():
        save(tmp_path / name)
    assert TextReader.load(tmp_path, "word", 0) == READER
    (tmp_path / "labels.json").write_text("[]")
    with pytest.raises(DataError, match=r"labels\.json: expected"):
        TextReader.load(tmp_path, "word", 0)


def test_word_dropout_acts_in_training_alone():
    task = task_of(word_dropout_rate=0.5)
    batch = task.splits.train.batch(0)
    run = jit(lambda key: task.loss(params_of(), (), batch, key, Hyper()).total)
    assert run(jax.random.key(0)) != run(jax.random.key(1))
    plain, dropped = (jit(one.evaluate)(params_of(), (), batch)[0]["loss"].compute() for one in (task_of(), task))
    assert plain == dropped


@pytest.mark.parametrize(
    ("changes", "say"),
    [({"pooling": "men"}, "unknown pooling 'men'; did you mean 'mean'"), ({"tokens": "wrd"}, "unknown tokens 'wrd'")],
)
def test_wrong_names_are_refused_when_the_task_is_made(changes, say):
    with pytest.raises(SeqlabError, match=say):
        make_task(config_of(**changes), SPLITS)


def test_an_embedding_may_start_with_what_naive_bayes_knows():
    plain, started = (jax.jit(task_of(label_ratios=ratios).init)(jax.random.key(1)) for ratios in (False, True))
    ratios = np.asarray(started["embedding"]["embedding"][:, :2])
    # A text is "yes" where it has the word "good".
    good = int(READER.vocabulary.encode(["good"])[0])
    assert ratios[:, READER.labels.index("yes")].argmax() == good
    np.testing.assert_allclose(ratios.sum(axis=1), 0, atol=1e-6)
    np.testing.assert_array_equal(plain["embedding"]["embedding"][:, 2:], started["embedding"]["embedding"][:, 2:])
    with pytest.raises(SeqlabError, match="a feature for each label"):
        make_task(config_of(label_ratios=True, embedding_size=1), SPLITS)
