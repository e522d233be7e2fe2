import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.loaders.midi import read_midi
from seqlab.data.loaders.piano_rolls import Piece
from seqlab.data.rolls import RollSplits, load_rolls
from seqlab.data.synthetic.counterpoint import independent_optimum
from seqlab.data.transposition import TransposedBatches
from seqlab.layers.config import RecurrentConfig
from seqlab.metrics.counterpoint import rules_kept
from seqlab.tasks.base import Hyper
from seqlab.tasks.music import MusicConfig, make_model, make_task, rows_of, shown
from seqlab.tasks.music_baselines import baseline_scores, draw_marginal, marginals, markov_table
from seqlab.tasks.musician import Musician
from seqlab.train import evaluate_split
from tests.tasks.learning import learn


def pieces_of(seed, size):
    """Broken chords of C major and C minor in turn, of five to twelve frames."""
    rng, found = np.random.default_rng(seed), []
    for number in range(size):
        roll = np.zeros((int(rng.integers(5, 13)), 88), np.uint8)
        third = 4 if number % 2 else 3
        for frame in range(len(roll)):
            roll[frame, [39, 39 + 12 + (0, third, 7)[frame % 3]]] = 1
        found.append(Piece(roll, f"pieces:{number}"))
    return found


HYPER = Hyper(dropout_rate=0.1)
SPLITS = RollSplits(pieces_of(0, 24), pieces_of(1, 7), pieces_of(2, 6), {}, "chords", "none")


def config_of(**changes):
    layers = RecurrentConfig("gru", hidden_size=12, engine="scan")
    sizes: dict[str, Any] = {"embedding_size": 8, "batch_size": 8, "eval_batch_size": 4}
    return MusicConfig(**{"recurrent": layers, **sizes, **changes})


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), SPLITS)


@functools.cache
def params_of(**changes):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task_of(**changes).init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.3, leaf.shape), leaf.dtype), shapes)


def test_the_notes_of_chords_are_learned():
    task = task_of(conditioning="mode")
    _, losses = learn(task, [task.splits.train.batch(number) for number in range(60)], hyper=HYPER)
    assert losses[-1] < 0.2 * losses[0]


def test_what_the_mode_is_said_to_be_reaches_the_model():
    task, params = task_of(conditioning="mode"), params_of(conditioning="mode")
    batch, evaluate = task.splits.validation.batch(1), jax.jit(task.evaluate)
    swapped = batch._replace(inputs=batch.inputs[..., [*range(88), 89, 88]])
    one, other = (evaluate(params, (), asked)[0]["loss"].compute() for asked in (batch, swapped))
    assert abs(one - other) > 1e-3


def test_a_model_sees_the_frames_before_and_the_style_and_nothing_else():
    rows = rows_of(SPLITS.train[:2], ("major", "minor"))
    for number, (read, target) in enumerate(zip(rows.inputs, rows.targets, strict=True)):
        np.testing.assert_array_equal(read[1:, :88], target[:-1])
        assert read[0].nonzero()[0].tolist() == [88 + (0 if number % 2 else 1)]
        assert not read[1:, 88:].any()


def by_hand(params, pieces):
    model, nats, firsts, counts = make_model(config_of()), [], [], np.zeros(4)
    apply = jax.jit(lambda inputs, lengths: model.apply({"params": params}, inputs, lengths=lengths))
    for piece in pieces:
        (read,), length = rows_of([piece], ("any",)).inputs, len(piece.roll)
        inputs = jnp.asarray(np.pad(read, ((0, 12 - length), (0, 0)))[None], jnp.float32)
        decoded: Any = apply(inputs, jnp.array([length]))
        p, target = np.asarray(jax.nn.sigmoid(decoded.logits), np.float64)[0, :length], piece.roll
        first, *later = -np.log(np.where(target == 1, p, 1 - p)).sum(axis=1)
        firsts.append(first)
        nats.append(np.array(later))
        p, target = p[1:], target[1:]
        hit = ((p > 0.5) & (target == 1)).sum()
        counts += hit, (p > 0.5).sum() + target.sum() - hit, (p * target).sum(), (p + target - p * target).sum()
    return {
        "loss": np.concatenate([*nats, firsts]).mean(),
        "nll": np.concatenate(nats).mean(),
        "nll_by_piece": np.mean([row.mean() for row in nats]),
        "frame_accuracy": counts[0] / counts[1],
        "expected_frame_accuracy": counts[2] / counts[3],
    }


def test_scores_are_over_every_frame_but_the_first_however_pieces_are_batched():
    found = evaluate_split(task_of(), jax.jit(task_of().evaluate), params_of(), "validation")
    expected = by_hand(params_of(), SPLITS.validation)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_padding_may_hold_anything():
    batch = task_of().splits.validation.batch(0)
    lengths = batch.lengths - np.arange(len(batch.lengths)) % 2
    exists = np.arange(batch.targets.shape[1]) < lengths[:, None]
    evaluate = jax.jit(task_of().evaluate)
    clean, spoilt = (
        evaluate(
            params_of(),
            (),
            Batch(
                *(np.where(exists[..., None], values, other).astype(np.float32) for values in batch[:2]),
                lengths=lengths,
            ),
        )[0]
        for other in (0.0, np.nan)
    )
    jax.tree.map(np.testing.assert_array_equal, spoilt, clean)


def test_baselines_are_counts_of_the_training_split():
    scores = baseline_scores(SPLITS)
    train = np.concatenate([piece.roll for piece in SPLITS.train])
    p = (train.sum(axis=0) + 0.5) / (len(train) + 1)
    np.testing.assert_allclose(marginals(SPLITS.train), p)
    frames = np.concatenate([piece.roll[1:] for piece in SPLITS.test])
    nats = -np.where(frames == 1, np.log(p), np.log(1 - p)).sum(axis=1).mean()
    assert scores["marginal"]["test"]["nll"] == pytest.approx(nats)
    table = markov_table(SPLITS.train)
    assert table[1, 39] > 0.9  # The bass is always there;
    assert table[1, 51] < 0.1  # a note of a broken chord never twice.
    assert scores["markov"]["test"]["nll"] < scores["marginal"]["test"]["nll"]


def test_baselines_of_the_chorales_are_those_computed_elsewhere(data_folder):
    scores = baseline_scores(load_rolls("jsb_chorales", data_dir=data_folder))
    assert scores["marginal"]["test"]["nll"] == pytest.approx(11.1, abs=0.02)
    assert scores["markov"]["test"]["nll"] == pytest.approx(10.49, abs=0.005)


def test_a_piece_is_gone_on_with_from_its_prefix():
    musician = Musician(make_model(config_of()), params_of(), ("any",), jax.jit)
    prefix = SPLITS.test[0].roll[:3]
    made = musician(2, jax.random.key(0), num_frames=4, prefix=prefix)
    assert made.shape == (2, 7, 88)
    np.testing.assert_array_equal(made[:, :3], np.stack([prefix, prefix]))
    other = musician(2, jax.random.key(0), num_frames=4, prefix=1 - prefix)
    assert (made[:, 3:] != other[:, 3:]).any()
    with pytest.raises(SeqlabError, match=r"unknown style 'major'. Known: any"):
        musician(1, jax.random.key(0), style="major")


def test_finishing_writes_what_was_made_and_how_it_keeps_the_rules(tmp_path):
    (tmp_path / "predictions").mkdir()
    scores = task_of(conditioning="mode").finish(params_of(conditioning="mode"), tmp_path, jax.jit)["validation"]
    made = json.loads((tmp_path / "predictions" / "generated.json").read_text())
    assert [piece["name"] for piece in made] == ["generated_major", "generated_minor", "continued"]
    for piece in made:
        roll = read_midi(tmp_path / "predictions" / f"{piece['name']}.mid")
        sounding = [frame for frame, keys in enumerate(piece["notes"]) if keys]
        kept = piece["notes"][sounding[0] : sounding[-1] + 1]
        assert [(np.flatnonzero(frame) + 21).tolist() for frame in roll] == kept
    assert scores["rules_kept"]["pieces"] == rules_kept([piece.roll for piece in SPLITS.validation])
    assert scores["heard_as"].keys() == {"major", "minor"}


def test_training_pieces_are_moved_where_that_was_asked_for_and_others_never():
    splits = task_of(transpose_semitones=3).splits
    assert isinstance(splits.train, TransposedBatches)
    plain = task_of().splits
    assert (splits.train.batch(0).targets != plain.train.batch(0).targets).any()
    np.testing.assert_array_equal(splits.test.batch(0).targets, plain.test.batch(0).targets)


def test_a_roll_is_shown_from_its_highest_key_to_its_lowest():
    roll = np.zeros((3, 88), np.uint8)
    roll[0, 40] = roll[2, 42] = 1
    assert shown(roll) == "..#\n...\n#..\n"
    assert shown(np.zeros((3, 88), np.uint8)) == ""


def test_wrong_configurations_are_refused():
    with pytest.raises(SeqlabError, match=r"unknown conditioning 'key'. Known: mode, none"):
        make_task(config_of(conditioning="key"), SPLITS)


@pytest.mark.slow
def test_counterpoint_is_learned_toward_the_optimum_and_keeps_more_rules_than_noise():
    pieces = load_rolls("builtin", data_dir="nowhere")
    config = config_of(recurrent=RecurrentConfig("gru", hidden_size=96), embedding_size=64, batch_size=8)
    task = make_task(config, pieces)
    params, _ = learn(
        task, [task.splits.train.batch(number) for number in range(1500)], learning_rate=3e-3, hyper=HYPER
    )
    found = evaluate_split(task, jax.jit(task.evaluate), params, "test")
    baselines, optimum = baseline_scores(pieces), independent_optimum(pieces.test)
    assert optimum < found["nll"] < 0.5 * (optimum + baselines["markov"]["test"]["nll"])
    musician = Musician(make_model(config), params, ("any",), jax.jit)
    kept = rules_kept(list(musician(32, jax.random.key(0))))
    draw = draw_marginal(pieces.train, np.random.default_rng(0))
    noise = rules_kept([draw(64) for _ in range(32)])
    assert all(kept[rule] > noise[rule] for rule in noise)
