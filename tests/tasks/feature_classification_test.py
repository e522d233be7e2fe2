import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.labelled_features import FeatureSplits
from seqlab.data.loaders.dna import base_shares
from seqlab.data.loaders.sensors import LabelledFeatures
from seqlab.data.synthetic.motifs import reverse_complement as of_letters
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.classification_prediction import apply_with
from seqlab.tasks.classification_scores import classified_scores
from seqlab.tasks.feature_classification import (
    FeatureConfig,
    make_model,
    make_task,
    reverse_complement,
    some_from_the_other_strand,
)
from seqlab.tasks.feature_data import FeatureReader, pixel_order
from seqlab.tasks.feature_prediction import classify
from seqlab.train import evaluate_split
from tests.contracts.cases import jit
from tests.tasks.learning import learn


def recordings(seed, size):
    """Ramps that go up or down, of unequal length."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(size):
        label = ("down", "up")[rng.integers(2)]
        ramp = np.linspace(-1, 1, rng.integers(4, 8)) * (1 if label == "up" else -1)
        features = np.stack([100 + 5 * ramp, np.full_like(ramp, 7)], axis=1) + rng.normal(0, [0.5, 0], (len(ramp), 2))
        rows.append(LabelledFeatures(features.astype(np.float32), label, len(rows) + 1, "a.ts"))
    return rows


SPLITS = FeatureSplits(recordings(0, 30), recordings(1, 13), recordings(2, 11), {}, "ramps", "none")
READER = FeatureReader.build(SPLITS.train, "activity", permuted=False, shortest=1)


def config_of(**changes):
    layers = RecurrentConfig("vanilla", hidden_size=6, engine="scan")
    convolution = ConvolutionConfig(conv_layers=1, conv_size=4, conv_kernel=3, conv_pool=2)
    sizes = {"batch_size": 8, "eval_batch_size": 8}
    return FeatureConfig(**{"recurrent": layers, "convolution": convolution, "pooling": "mean", **sizes, **changes})


@functools.cache
def task_of():
    return make_task(config_of(), SPLITS)


@functools.cache
def params_of():
    return jit(task_of().init)(jax.random.key(3))


def test_a_batch_can_be_learned():
    task = task_of()
    _, losses = learn(task, 20 * [task.splits.train.batch(1)], hyper=Hyper(dropout_rate=0.1), jit=jit)
    assert losses[-1] < 0.7 * min(losses[:3])


def test_scores_of_a_split_count_every_row_once_and_no_filler():
    scores = evaluate_split(task_of(), jit(task_of().evaluate), params_of(), "validation")
    apply = jit(apply_with(make_model(config_of(), READER), params_of()))
    answers = classify(apply, [row.features for row in SPLITS.validation], READER)
    predicted = np.array([READER.labels.index(answer["label"]) for answer in answers])
    expected = classified_scores(predicted, READER.classes(SPLITS.validation), READER.labels)
    rights = [answer["probabilities"][row.label] for answer, row in zip(answers, SPLITS.validation, strict=True)]
    assert scores == pytest.approx({"loss": -np.log(rights).mean(), **expected}, rel=1e-5)
    for answer, row in zip(answers, SPLITS.validation, strict=True):
        assert (answer["steps"], len(answer["weights"])) == (len(row.features), -(-len(row.features) // 2))
        assert sum(answer["weights"]) == pytest.approx(1, abs=1e-5)


def test_training_steps_have_mean_zero_and_deviation_one_and_a_constant_channel_is_zero():
    steps = np.concatenate(READER.rows(SPLITS.train).inputs)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(steps.std(axis=0), [1, 0], atol=1e-4)
    held_out = np.concatenate(READER.rows(SPLITS.test).inputs)
    assert abs(held_out[:, 0].mean()) > 1e-4


def test_the_baselines_see_no_order():
    found = task_of().baselines()
    assert found.keys() == {"majority", "nearest centroid"}
    assert found["nearest centroid"]["test"]["accuracy"] < 0.9
    assert found["majority"]["test"]["auroc"] == 0.5
    assert found["majority"]["test"]["mcc"] == 0


def test_the_reader_is_read_again_from_the_run(tmp_path):
    for name, save in READER.artifacts().items():
        save(tmp_path / name)
    assert FeatureReader.load(tmp_path, "activity", False, 1) == READER
    (tmp_path / "scaling.json").write_text("{}")
    with pytest.raises(DataError, match=r"scaling\.json: expected mean and deviation"):
        FeatureReader.load(tmp_path, "activity", False, 1)


def test_permuted_pixels_are_the_same_pixels_in_a_fixed_order():
    order = pixel_order(784)
    assert sorted(order.tolist()) == list(range(784))
    assert abs(np.corrcoef(order, np.arange(784))[0, 1]) < 0.1
    images = [LabelledFeatures(np.arange(4.0)[:, None] + shift, str(shift)) for shift in (0, 1)]
    plain, permuted = (FeatureReader.build(images, "pixels", on, 1).rows(images).inputs[0] for on in (False, True))
    np.testing.assert_array_equal(permuted, plain[pixel_order(4)])


def test_the_reverse_complement_is_that_of_the_letters_within_each_length():
    texts = ["ACGTTR", "GA"]
    inputs = np.full((2, 6, 4), 9.0, np.float32)
    for row, text in enumerate(texts):
        inputs[row, : len(text)] = base_shares(text, "here")
    found = reverse_complement(jnp.asarray(inputs), jnp.array([6, 2]))
    np.testing.assert_array_equal(found[0, 1:], base_shares(of_letters("ACGTT"), "here"))
    assert found[0, 0].tolist() == [0, 0.5, 0, 0.5]  # R is A or G, its complement T or C.
    np.testing.assert_array_equal(found[1, :2], base_shares("TC", "here"))


def test_rows_are_turned_by_the_key_alone_and_each_as_a_whole():
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(40, 3, 4)))
    lengths = jnp.full(40, 3)
    first, again, other = (some_from_the_other_strand(inputs, lengths, jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    turned = reverse_complement(inputs, lengths)
    is_turned = np.array(jnp.all(first == turned, axis=(1, 2)))
    assert 10 < is_turned.sum() < 30
    np.testing.assert_array_equal(np.asarray(first)[~is_turned], np.asarray(inputs)[~is_turned])


def test_lines_are_json_for_numbers_and_letters_for_dna():
    features = SPLITS.train[0].features
    np.testing.assert_allclose(READER.parse(json.dumps(features.tolist()), 1), features, rtol=1e-6)
    pixels = FeatureReader("pixels", ("0", "1"), (0.0,), (1.0,))
    assert pixels.parse("[[1, 2], [3, 4]]", 1).tolist() == pixels.parse("[1, 2, 3, 4]", 1).tolist()
    dna = FeatureReader("dna", ("0", "1"), (0.0,) * 4, (1.0,) * 4)
    np.testing.assert_array_equal(dna.parse(" acgt\n", 1), np.eye(4))
    for reader, line in [
        (READER, "[[1, NaN]]"),
        (READER, "up"),
        (READER, "[]"),
        (READER, "[[1], [1, 2]]"),
        (dna, "AXC"),
    ]:
        with pytest.raises(SeqlabError, match=r"^line 3: expected"):
            reader.parse(line, 3)
    with pytest.raises(DataError, match="line 1: expected 2 numbers a time step"):
        classify(lambda inputs, lengths: None, [np.ones((4, 3))], READER)


@pytest.mark.parametrize(
    ("changes", "say"),
    [
        ({"pooling": "men"}, "unknown pooling 'men'"),
        ({"permute_pixels": True}, "--permute_pixels is for --task=pixels; got --task=activity"),
        ({"reverse_complement": True}, "--reverse_complement is for --task=dna"),
        (
            {"convolution": ConvolutionConfig(conv_layers=1, conv_kernel=5, conv_padding="valid")},
            r"a\.ts:\d+: expected at least 5 time steps, as the convolutions need them; found 4",
        ),
    ],
)
def test_what_cannot_be_is_refused_when_the_task_is_made(changes, say):
    with pytest.raises(SeqlabError, match=say):
        make_task(config_of(**changes), SPLITS)
