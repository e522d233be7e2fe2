import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.tokenize import TOKENIZERS
from seqlab.data.vocabulary import UNKNOWN_ID, Vocabulary
from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_many import ManyToMany
from seqlab.tasks.language_model import init_params
from seqlab.tasks.text_prediction import TextModel, complete_texts, sample_texts, score_lines
from tests.contracts.cases import jit

KEY = jax.random.key(0)
CHARACTERS = Vocabulary.build("aab bc c", boundary="\n")
WORDS = Vocabulary.build(["to", "be", "or", "not"], boundary="<eos>")


@functools.cache
def text_model_of(tokens="char", unknown_logit=0.0):
    """A model whose distributions are far from uniform and differ from text to text."""
    vocabulary = {"char": CHARACTERS, "word": WORDS}[tokens]
    model = ManyToMany(vocabulary.size, vocabulary.size, 4, RecurrentConfig("gru", hidden_size=5))
    shapes = jax.eval_shape(lambda key: init_params(model, key), KEY)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: jnp.asarray(1.5 * rng.standard_normal(leaf.shape), leaf.dtype), shapes)
    params["head"]["bias"] = params["head"]["bias"].at[UNKNOWN_ID].add(unknown_logit)
    return TextModel(model, params, vocabulary, TOKENIZERS[tokens], compile=jit)


@functools.cache
def stepper(text_model_name, unknown_logit=0.0):
    text_model = text_model_of(text_model_name, unknown_logit)

    def step(carry, token):
        logits, carry = text_model.apply(token[None, None], initial_carry=carry)
        return logits[0, 0], carry

    return jit(step)


def logits_along(ids, tokens="char", **options):
    """The logits before each of the ids and after the last of them, one step of the model at a time [N + 1, V]."""
    carry, rows = text_model_of(tokens, **options).model.initialize_carry(KEY, 1), []
    for token in [1, *ids]:  # A text begins after a boundary.
        logits, carry = stepper(tokens, **options)(carry, jnp.asarray(token, jnp.int32))
        rows.append(np.asarray(logits, np.float64))
    return np.stack(rows)


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def log_probability(text, tokens="char", known_only_from=None):
    """log P(text) by the chain rule; from that token on, given that none is unknown, and of the tokens after it."""
    ids = text_model_of(tokens).encode(text) if isinstance(text, str) else np.array(text)
    rows = logits_along(ids, tokens)[:-1]
    if known_only_from is not None:
        rows[:, UNKNOWN_ID] = -np.inf
    return sum(log_softmax(row)[token] for row, token in list(zip(rows, ids, strict=True))[known_only_from or 0 :])


def assert_same_scores(one, other):
    assert one["text"] == other["text"]
    assert {**one, "text": 0} == pytest.approx({**other, "text": 0}, rel=1e-5, abs=1e-6)


# Scores

LINES = ["abc", "", "cab bac", "a", "abxy c", "b" * 40, "abc\n"]


@functools.cache
def scores_of_lines():
    return score_lines(text_model_of(), LINES)


@pytest.mark.parametrize("index", range(len(LINES)))
def test_a_score_is_the_sum_of_log_probabilities_token_by_token(index):
    score = scores_of_lines()[index]
    text = LINES[index].removesuffix("\n")
    assert score["text"] == LINES[index]
    assert score["tokens"] == len(text)
    expected = log_probability(text)
    assert score["log_probability"] == pytest.approx(expected, rel=1e-5)
    assert score["perplexity"] == pytest.approx(math.exp(-expected / max(1, len(text))), rel=1e-5)
    assert score["bits_per_token"] == pytest.approx(-expected / max(1, len(text)) / math.log(2), rel=1e-5)


def test_scores_depend_neither_on_order_nor_on_batch_mates():
    backward = score_lines(text_model_of(), LINES[::-1], batch_size=2)[::-1]
    for one, other in zip(scores_of_lines(), backward, strict=True):
        assert_same_scores(one, other)


def test_an_empty_line_has_the_probability_of_the_empty_product():
    (score,) = score_lines(text_model_of(), [""], batch_size=1)
    assert score == {
        "text": "",
        "tokens": 0,
        "unknown": 0,
        "log_probability": 0.0,
        "perplexity": 1.0,
        "bits_per_token": 0.0,
    }
    assert "-" not in str(score)  # No minus zero, either.


def test_unknown_characters_are_counted_and_scored_as_the_unknown_token():
    assert [score["unknown"] for score in scores_of_lines()] == [0, 0, 0, 0, 2, 0, 0]
    ids = text_model_of().encode("abxy c")
    assert np.flatnonzero(ids == UNKNOWN_ID).tolist() == [2, 3]
    assert scores_of_lines()[4]["log_probability"] == pytest.approx(log_probability(ids), rel=1e-5)


def test_no_lines_have_no_scores():
    assert score_lines(text_model_of(), []) == []


def test_all_words_at_one_place_have_probability_one_together():
    words = ["to", "be", "or", "not", "whatever"]
    every = score_lines(text_model_of("word"), [f"not {word}" for word in words])
    total = sum(math.exp(score["log_probability"]) for score in every)
    first = math.exp(log_probability("not", "word"))
    rows = logits_along(text_model_of("word").encode("not"), "word")
    end_of_line = math.exp(log_softmax(rows[-1])[1])
    assert total == pytest.approx(first * (1 - end_of_line), rel=1e-5)
    assert [score["tokens"] for score in every] == [2] * 5


# Completions


@pytest.mark.parametrize("prefix", ["ab", "", "cx" + "a" * 35])
def test_completions_are_all_that_there_are_with_the_probabilities_of_stepping_in_order(prefix):
    (found,) = complete_texts(text_model_of(), [prefix], num_best=32, num_tokens=2)
    # The word may end at once, or after one letter with white space, or be cut after the second.
    expected = {" ", "\n"} | {one + two for one, two in itertools.product("abc", "abc \n")}
    assert {completion["text"] for completion in found} == expected
    assert len(found) == len(expected)
    prefix_ids = text_model_of().encode(prefix)
    for completion in found:
        ids = [*prefix_ids, *CHARACTERS.encode(completion["text"])]
        log_p = log_probability(ids, known_only_from=len(prefix_ids))
        assert completion["probability"] == pytest.approx(math.exp(log_p), rel=1e-4)
    probabilities = [completion["probability"] for completion in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, rel=1e-5)


def test_fewer_completions_are_the_first_of_more_and_prefixes_stand_alone():
    most = complete_texts(text_model_of(), ["ab", "c"], num_best=32, num_tokens=2)
    few = complete_texts(text_model_of(), ["c", "ab"], num_best=3, num_tokens=2)[::-1]
    for some, every in zip(few, most, strict=True):
        assert [completion["text"] for completion in some] == [completion["text"] for completion in every[:3]]


def test_completions_of_words_are_words_or_the_line_s_end():
    (found,) = complete_texts(text_model_of("word"), ["to be"], num_best=10, num_tokens=1)
    assert {completion["text"] for completion in found} == {"to", "be", "or", "not", "\n"}
    assert sum(completion["probability"] for completion in found) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("num_best", [0, -1, 5])
def test_more_completions_than_the_beam_is_wide_are_refused(num_best):
    with pytest.raises(SeqlabError, match=r"num_best must lie in \[1, 4\].*got " + str(num_best)):
        complete_texts(text_model_of(), ["a"], num_best=num_best, num_tokens=2, beam_width=4)


# Samples

PROMPTS = ("ab", "", "b" * 40, "cab a")


@functools.cache
def samples(prompts=PROMPTS, seed=0, num_tokens=12, unknown_logit=0.0, **options):
    text_model = text_model_of("char", unknown_logit)
    return sample_texts(text_model, prompts, jax.random.key(seed), num_tokens, **options)


def test_samples_are_a_function_of_the_key():
    assert [len(text) for text in samples()] == [12] * 4
    assert samples.__wrapped__() == samples()
    assert all(one != other for one, other in zip(samples(), samples(seed=1), strict=True))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_unknown_token_is_never_drawn_though_it_be_the_most_probable(temperature):
    assert logits_along([2, 3], unknown_logit=50.0).argmax(axis=-1).tolist() == [UNKNOWN_ID] * 3
    for text in samples(unknown_logit=50.0, temperature=temperature):
        assert len(text) == 12
        assert set(text) <= set("abc \n")


@pytest.mark.parametrize("index", range(len(PROMPTS)))
def test_at_temperature_zero_a_sample_is_the_most_probable_token_each_time(index):
    prompt_ids = text_model_of().encode(PROMPTS[index])
    text = samples(temperature=0.0)[index]
    rows = logits_along([*prompt_ids, *CHARACTERS.encode(text)])[len(prompt_ids) : -1]
    rows[:, UNKNOWN_ID] = -np.inf
    assert text == "".join(CHARACTERS.decode(rows.argmax(axis=-1)))


def test_a_prompt_in_a_batch_of_longer_ones_gives_what_it_gives_alone():
    for index in (0, 2):
        assert samples(PROMPTS[index : index + 1], temperature=0.0)[0] == samples(temperature=0.0)[index]


def test_what_follows_a_prompt_does_not_depend_on_its_neighbours():
    other = samples(("cc c", "", "b", "bc"))
    assert [one == two for one, two in zip(samples(), other, strict=True)] == [False, True, False, False]


def test_a_longer_sample_begins_with_the_shorter():
    assert samples(num_tokens=5) == [text[:5] for text in samples()]


@pytest.mark.parametrize("restriction", [{"top_k": 1}, {"top_p": 0.0}])
def test_restrictions_hold_for_samples_too(restriction):
    assert samples(**restriction) == samples(temperature=0.0)


def test_no_prompts_have_no_samples():
    assert samples(()) == []


def test_scores_do_not_have_to_be_compiled():
    compiled = text_model_of()
    plain = TextModel(compiled.model, compiled.params, compiled.vocabulary, compiled.tokenizer)
    assert_same_scores(*(score_lines(model, ["ab"], batch_size=1)[0] for model in (plain, compiled)))
