import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.data.synthetic.commands import PAIRS
from seqlab.data.texts import TextSplits, load_text
from seqlab.data.tokenize import TOKENIZERS
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID, Vocabulary
from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_many import ManyToMany
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks import autocomplete
from seqlab.tasks.autocomplete import counted_baselines, typed_with_characters, typed_with_words
from seqlab.tasks.language_model import LanguageModelConfig, init_params, make_model, make_task
from seqlab.tasks.text_prediction import TextModel, complete_texts, score_lines
from seqlab.train import make_train_step
from seqlab.train.state import initial_state
from tests.contracts.cases import jit

KEY = jax.random.key(0)
WORDS = ["a", "an", "and", "any", "be", "bee", "been", "c"]
SCORES = {"top1_recall", "top3_recall", "keystrokes_saved"}


@functools.cache
def text_model_of(tokens):
    """A model whose distributions are far from uniform, over a few words, or over a, b and white space."""
    tokenizer = TOKENIZERS[tokens]
    listed = WORDS if tokens == "word" else "ab "
    vocabulary = Vocabulary.build(listed, boundary=tokenizer.boundary)
    model = ManyToMany(vocabulary.size, vocabulary.size, 4, RecurrentConfig("gru", hidden_size=5))
    shapes = jax.eval_shape(lambda key: init_params(model, key), KEY)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: jnp.asarray(1.5 * rng.standard_normal(leaf.shape), leaf.dtype), shapes)
    return TextModel(model, params, vocabulary, tokenizer, compile=jit)


def logits_before(tokens):
    """What the model of words gives for each token of a text, read at once [T, V]."""
    text_model = text_model_of("word")
    ids = np.concatenate([[BOUNDARY_ID], text_model.vocabulary.encode(tokens)[:-1]])
    return np.asarray(text_model.apply(jnp.asarray(ids[None], jnp.int32)).logits[0])


def test_words_are_shown_by_their_probability_among_those_that_begin_so():
    rng = np.random.default_rng(0)
    tokens = rng.choice([*WORDS, "<eos>", "<unk>", "other"], size=150).tolist()
    text_model = text_model_of("word")
    typed = typed_with_words(text_model, tokens, 1000)
    places = [place for place, token in enumerate(tokens) if token not in ("<eos>", "<unk>")]
    assert typed.words == [tokens[place] for place in places]
    rows, known = logits_before(tokens), text_model.vocabulary.tokens[2:]
    for place, shown in zip(places, typed.shown, strict=True):
        word = tokens[place]
        order = sorted(known, key=lambda token: -rows[place][text_model.vocabulary.tokens.index(token)])
        for letters, found in enumerate(shown):
            assert found == [one for one in order if one.startswith(word[:letters]) and len(one) > letters][:3]
        # Shown up to where the word is, or to its last letter.
        assert len(shown) == len(word) or word in shown[-1]


def test_a_number_of_words_is_the_beginning_of_more():
    tokens = ["a", "<eos>", "be", "bee", "<unk>", "been", "c"] * 20
    more, fewer = (typed_with_words(text_model_of("word"), tokens, count) for count in (100, 70))
    assert fewer.words == more.words[:70]
    assert fewer.shown == more.shown[:70]
    assert fewer.scores()["autocomplete_words"] == 70


def test_characters_show_the_rests_of_greatest_probability_whatever_white_space_ends_them(monkeypatch):
    """Against all rests of up to two letters, each with both ends, found by the chain rule."""
    monkeypatch.setattr(autocomplete, "LONGEST_REST", 2)
    monkeypatch.setattr(autocomplete, "BEAM_WIDTH", 64)
    text, text_model = "ab b\nbba a", text_model_of("char")
    typed = typed_with_characters(text_model, text, 9)
    rests = ["".join(letters) for length in (1, 2) for letters in itertools.product("ab", repeat=length)]
    at = 0
    for word, shown in zip(typed.words, typed.shown, strict=True):
        at = text.index(word, at)
        assert len(shown) == len(word)
        for letters, found in enumerate(shown):
            before = text[: at + letters]
            probability = {rest: sum(probability_of(before, rest + end) for end in " \n") for rest in rests}
            best = sorted(probability, key=lambda rest: -probability[rest])[:3]
            assert found == [word[:letters] + rest for rest in best]
        at += len(word)


def probability_of(before, text):
    """P(text | before), given that no character is unknown."""
    text_model = text_model_of("char")
    ids = np.concatenate([[BOUNDARY_ID], text_model.encode(before + text)])
    logits = np.array(long_logits(tuple(ids[:-1].tolist()))[len(before) :], np.float64)
    logits[:, UNKNOWN_ID] = -np.inf
    log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return np.exp(log_p[np.arange(len(text)), ids[len(before) + 1 :]].sum())


@functools.cache
def long_logits(ids):
    padded = jnp.asarray([(*ids, *[0] * (16 - len(ids)))], jnp.int32)
    return np.asarray(_apply()(padded)[0])[: len(ids)]


@functools.cache
def _apply():
    return jit(lambda ids: text_model_of("char").apply(ids).logits)


def test_the_most_frequent_words_are_a_baseline_and_trigrams_another():
    train = ["a", "be", "c", "a", "be", "an", "be", "a", "be"]
    scores = counted_baselines(train, ["a", "be", "c"], 3, min_count=1, boundary="<eos>")
    assert {name: set(row) for name, row in scores.items()} == {"most frequent": SCORES, "trigram": SCORES}
    assert scores["most frequent"]["top1_recall"] == pytest.approx(1 / 3)  # be is the most frequent
    assert scores["trigram"]["top1_recall"] == pytest.approx(1 / 3)  # be follows a; c and an follow "a be" as often
    assert counted_baselines(train, [], 3, min_count=1, boundary="<eos>")["trigram"]["keystrokes_saved"] == 0


def test_a_word_begun_is_completed_by_those_that_begin_so_in_proportion():
    text_model = text_model_of("word")
    (free,), (begun,), (none,) = (
        complete_texts(text_model, [prompt], num_best=10, num_tokens=1, in_word=True)
        for prompt in ("c ", "c an", "c x")
    )
    probability = {one["text"]: one["probability"] for one in free}
    assert set(probability) == {*WORDS, "\n"}
    whole = sum(probability[word] for word in ("an", "and", "any"))
    expected = {word[2:]: probability[word] / whole for word in ("an", "and", "any")}
    assert {one["text"]: one["probability"] for one in begun} == pytest.approx(expected, rel=1e-4)
    assert none == []


@pytest.mark.parametrize("tokens", ["word", pytest.param("char", marks=pytest.mark.slow)])
def test_a_language_model_finishes_with_autocomplete_on_both_held_out_splits(tokens, tmp_path):
    texts = TextSplits("a be an\nbe a be\n" * 9, "a be\n", "be an a\nbe\n", {}, "made up", "none")
    recurrent = RecurrentConfig("gru", hidden_size=4)
    options = {"tokens": tokens, "recurrent": recurrent, "embedding_size": 4, "batch_size": 2, "window_size": 4}
    task = make_task(LanguageModelConfig(**options, autocomplete_words=3), texts)
    params = jit(task.init)(KEY)
    scores = task.finish(params, tmp_path, jit)
    assert {split: row["autocomplete_words"] for split, row in scores.items()} == {"validation": 2, "test": 3}
    for row in scores.values():
        assert set(row) == SCORES | {"autocomplete_words", "autocomplete_baselines"}
        assert set(row["autocomplete_baselines"]) == {"most frequent", "trigram"}
    assert make_task(LanguageModelConfig(**options), texts).finish(params, tmp_path, jit) == {}


def test_a_trained_model_prefers_the_verb_that_fits_what_follows():
    """In both directions, so that neither the length nor the frequency of a verb can do it."""
    texts = load_text("commands", data_dir="none")
    recurrent = RecurrentConfig("gru", hidden_size=32)
    config = LanguageModelConfig("word", embedding_size=16, recurrent=recurrent, batch_size=64, window_size=16)
    task = make_task(config, texts)
    params = train(task, num_steps=150)
    tokenizer = TOKENIZERS["word"]
    vocabulary = Vocabulary.build(tokenizer.split(texts.train), boundary=tokenizer.boundary)
    text_model = TextModel(make_model(config, vocabulary), params, vocabulary, tokenizer, compile=jit)
    assert ("take me to Mars", "bake me to Mars") in PAIRS
    scores = score_lines(text_model, [sentence for pair in PAIRS for sentence in pair])
    for right, wrong in zip(scores[::2], scores[1::2], strict=True):
        assert right["log_probability"] > wrong["log_probability"], (right["text"], wrong["text"])
        assert (right["tokens"], right["unknown"]) == (wrong["tokens"], wrong["unknown"])


def train(task, num_steps):
    """Params after so many steps of Adam."""
    optimizer = make_optimizer(OptimizerConfig(learning_rate=1e-2), steps_per_epoch=num_steps, total_steps=num_steps)
    state, step = jit(lambda: initial_state(task, optimizer, seed=0))(), jit(make_train_step(task, optimizer))
    for number in range(num_steps):
        state, _ = step(state, task.splits.train.batch(number))
    return state.params
