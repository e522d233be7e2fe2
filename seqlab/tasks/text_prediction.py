"""What a trained language model is used for: to score, to continue and to complete texts.

    score     log P(w_1 ... w_n) = sum_t log P(w_t | boundary, w_1 ... w_{t-1})
    sample    draws what may follow a prompt
    complete  the most probable ways to go on from a prefix

A text begins after a line's end: the boundary token is read before its first token, as it was in training.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Carry, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.data.tokenize import Tokenizer
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID, Vocabulary
from seqlab.metrics.language import bits, perplexity
from seqlab.models.decoding import Step, beam_search, sample
from seqlab.models.many_to_many import Aligned, ManyToMany

LENGTH_BUCKET = 32


@dataclass(frozen=True)
class TextModel:
    """A language model with its params and vocabulary.

    Attributes:
        model: the model.
        params: its params.
        vocabulary: its tokens.
        tokenizer: how a text becomes tokens.
        compile: applied to each function that runs the model, ``jax.jit`` at the edge of a program.
    """

    model: ManyToMany
    params: Params
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    compile: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function

    def apply(self, ids: Array, **options: Any) -> Aligned:
        """Logits and carry for ids [B, T]."""
        return self.model.apply({"params": self.params}, ids, **options)  # pyright: ignore[reportReturnType]

    def step(self) -> Step:
        """One token at a time, as decoding wants it."""

        def step(carry: Carry, tokens: Array) -> tuple[Array, Carry]:
            logits, carry = self.apply(tokens[:, None], initial_carry=carry)
            return logits[:, 0], carry

        return step

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function(text_model, *arrays)`` compiled, with the params as an argument and not as constants."""
        run = self.compile(lambda params, *arrays: function(replace(self, params=params), *arrays))
        return lambda *arrays: run(self.params, *arrays)

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text."""
        return self.vocabulary.encode(self.tokenizer.split(text))

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids."""
        return self.tokenizer.join(self.vocabulary.decode(ids))


def score_lines(text_model: TextModel, lines: Sequence[str], *, batch_size: int = 32) -> list[dict[str, Any]]:
    """Log-probability (nats), perplexity and bits a token of each line, by the chain rule.

    An empty line has no tokens and the probability of the empty product, 1. A token that is not in the vocabulary
    counts with the probability of the unknown token; ``unknown`` says how many there were.
    """
    encoded = [text_model.encode(line.removesuffix("\n")) for line in lines]

    def log_probabilities(text_model: TextModel, inputs: Array, targets: Array, lengths: Array) -> Array:
        log_p = jax.nn.log_softmax(text_model.apply(inputs, lengths=lengths).logits, axis=-1)
        chosen = jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
        return jnp.where(jnp.arange(inputs.shape[1]) < lengths[:, None], chosen, 0.0).sum(axis=1)

    run = text_model.compiled(log_probabilities)
    totals = np.zeros(len(lines))
    # Lines of like length share a batch, and lengths are rounded up, so that few shapes are compiled.
    order = sorted(range(len(lines)), key=lambda index: len(encoded[index]))
    for first in range(0, len(order), batch_size):
        indices = order[first : first + batch_size]
        padded, lengths = _pad([encoded[index] for index in indices], batch_size)
        inputs = jnp.pad(padded[:, :-1], ((0, 0), (1, 0)), constant_values=BOUNDARY_ID)
        totals[indices] = np.asarray(run(inputs, padded, lengths))[: len(indices)]
    return [_line_scores(line, ids, total) for line, ids, total in zip(lines, encoded, totals.tolist(), strict=True)]


def sample_texts(
    text_model: TextModel,
    prompts: Sequence[str],
    key: Key,
    num_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> list[str]:
    """A continuation of each prompt, ``num_tokens`` tokens long; see ``seqlab.models.decoding.sample``.

    The unknown token is never drawn. What follows a prompt depends on its place in the list and not on its neighbours.
    """

    def continue_all(text_model: TextModel, padded: Array, lengths: Array, key: Key) -> Array:
        logits, carry = _read(text_model, padded, lengths)
        return sample(
            without_unknown(text_model.step()),
            forbid_unknown(logits),
            carry,
            key,
            num_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )

    if not prompts:
        return []
    padded, lengths = _pad([_with_boundary(text_model.encode(prompt)) for prompt in prompts], len(prompts))
    tokens = text_model.compiled(continue_all)(padded, lengths, for_purpose(key, "sample"))
    return [text_model.decode(row) for row in np.asarray(tokens)]


def complete_texts(
    text_model: TextModel,
    prefixes: Sequence[str],
    *,
    num_best: int,
    num_tokens: int,
    beam_width: int = 32,
    in_word: bool = False,
) -> list[list[dict[str, Any]]]:
    """The most probable continuations of each prefix, with their probabilities given that no token is unknown.

    A continuation of characters ends with the word: at white space, which is part of it, or after ``num_tokens``. One
    of words is ``num_tokens`` words long, or ends with the line. Beam search finds them; it looks at ``beam_width``
    hypotheses at a time, so a less probable beginning of a probable whole can be missed.

    Args:
        text_model: the model.
        prefixes: the texts to go on from.
        num_best: how many completions of each.
        num_tokens: the longest completion.
        beam_width: hypotheses that the search keeps.
        in_word: for a model of words: whether what stands behind a prefix's last blank is a word still being typed.
            The first word of a completion is then one that begins so, its probability is given that, and the text is
            what is left to type; none is given where no word begins so.

    Raises:
        SeqlabError: where more continuations are asked for than the beam is wide.
    """
    if not 1 <= num_best <= beam_width:
        raise SeqlabError(f"num_best must lie in [1, {beam_width}], the width of the beam; got {num_best}.")
    stop = jnp.array(
        [token.isspace() or token == text_model.vocabulary.boundary for token in text_model.vocabulary.tokens]
    )

    def search(text_model: TextModel, padded: Array, lengths: Array, allowed: Array) -> Any:
        logits, carry = _read(text_model, padded, lengths)
        step, first = without_unknown(text_model.step()), jnp.where(allowed, forbid_unknown(logits), -jnp.inf)
        return beam_search(step, first, carry, num_tokens, width=beam_width, stop=stop)

    run = text_model.compiled(search)
    completions = []
    for prefix in prefixes:
        begun = re.split(r"\s", prefix)[-1] if in_word else ""
        allowed = np.array([token.startswith(begun) for token in text_model.vocabulary.tokens])
        if begun:
            allowed[[UNKNOWN_ID, BOUNDARY_ID]] = False
        if not allowed.any():
            completions.append([])
            continue
        padded, lengths = _pad([_with_boundary(text_model.encode(prefix.removesuffix(begun)))], 1)
        found = jax.tree.map(np.asarray, run(padded, lengths, jnp.asarray(allowed)))
        completions.append(
            [
                {"text": text_model.decode(tokens[:length])[len(begun) :], "probability": float(np.exp(log_p))}
                for tokens, length, log_p in list(zip(*found, strict=True))[:num_best]
                if np.isfinite(log_p)
            ]
        )
    return completions


def _read(text_model: TextModel, padded: Array, lengths: Array) -> tuple[Array, Carry]:
    """Logits [B, V] and state after prompts of these lengths [B], each at least 1."""
    logits, carry = text_model.apply(padded, lengths=lengths)
    last = jnp.take_along_axis(logits, (lengths - 1)[:, None, None], axis=1)[:, 0]
    return last, carry


def forbid_unknown(logits: Array) -> Array:
    """Logits [..., V] with which the unknown token has no probability."""
    return logits.at[..., UNKNOWN_ID].set(-jnp.inf)


def without_unknown(step: Step) -> Step:
    """The step of a model that never gives out the unknown token."""

    def forbidding(carry: Carry, tokens: Array) -> tuple[Array, Carry]:
        logits, carry = step(carry, tokens)
        return forbid_unknown(logits), carry

    return forbidding


def _with_boundary(ids: np.ndarray) -> np.ndarray:
    return np.concatenate([np.array([BOUNDARY_ID], np.int32), ids])


def _pad(sequences: Sequence[np.ndarray], num_rows: int) -> tuple[Array, Array]:
    longest = max(1, *(len(ids) for ids in sequences), 1)
    padded = np.zeros((num_rows, -(-longest // LENGTH_BUCKET) * LENGTH_BUCKET), np.int32)
    lengths = np.zeros((num_rows,), np.int32)
    for row, ids in enumerate(sequences):
        padded[row, : len(ids)], lengths[row] = ids, len(ids)
    return jnp.asarray(padded), jnp.asarray(lengths)


def _line_scores(line: str, ids: np.ndarray, log_probability: float) -> dict[str, Any]:
    mean = (0.0 - log_probability) / max(1, len(ids))  # A plain minus sign would give an empty line's bits as -0.0.
    return {
        "text": line,
        "tokens": len(ids),
        "unknown": int((ids == UNKNOWN_ID).sum()),
        "log_probability": log_probability,
        "perplexity": perplexity(mean),
        "bits_per_token": bits(mean),
    }
