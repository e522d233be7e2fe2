"""A trained translation model in use: lines of one language in, lines of the other out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID
from seqlab.models.encoder_decoder import EncoderDecoder
from seqlab.models.translate import align, translate
from seqlab.tasks.base import Compile
from seqlab.tasks.translation_data import Languages

SHORTEST_PADDED = 16


class Translation(NamedTuple):
    """What was found for one source.

    Attributes:
        text: the translation.
        ids: its tokens [U], the boundary token at the end where it has one.
        log_probability: of the translation given the source, in nats.
        unknown: tokens of the source that the vocabulary lacks.
    """

    text: str
    ids: np.ndarray
    log_probability: float
    unknown: int


@dataclass(frozen=True)
class Translator:
    """A model with its params and codecs.

    Attributes:
        model: the model.
        params: its params.
        languages: the codecs.
        compile: applied to each function that runs the model, ``jax.jit`` at the edge of a program.
        batch_size: sources that are translated at once.
    """

    model: EncoderDecoder
    params: Params
    languages: Languages
    compile: Compile = lambda function: function
    batch_size: int = 64
    _compiled: dict[Any, Callable[..., Any]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, sources: Sequence[str], *, width: int = 5, length_penalty: float = 1.0) -> list[Translation]:
        """Translates each source, by itself: its neighbours do not matter.

        A translation has at most twice as many tokens as the longest source of its batch, which is rounded up to a
        power of two, so that few lengths are compiled.

        Raises:
            SeqlabError: a source without a word.
        """
        for number, source in enumerate(sources, start=1):
            if not source.strip():
                raise SeqlabError(f"line {number}: expected a sentence to translate; got none.")
        encoded = [self.languages.source.encode(source) for source in sources]
        found: list[Any] = [None] * len(sources)
        order = sorted(range(len(sources)), key=lambda place: len(encoded[place]))
        for width_in_tokens, places in self._batches(order, [len(ids) for ids in encoded]):
            inputs, lengths = _padded([encoded[place] for place in places], self.batch_size, width_in_tokens)
            run = self._search(width, length_penalty, 2 * width_in_tokens)
            tokens, target_lengths, log_p = (np.asarray(part) for part in run(self.params, inputs, lengths))
            for row, place in enumerate(places):
                ids = tokens[row, 0, : target_lengths[row, 0]]
                unknown = int((encoded[place] == UNKNOWN_ID).sum())
                found[place] = Translation(self._text(ids), ids, float(log_p[row, 0]), unknown)
        return found

    def attention(self, source: str, target: Sequence[int] | np.ndarray) -> np.ndarray:
        """Weights [U, T] of the source's tokens for each token of a target that ends with the boundary token."""
        ids = self.languages.source.encode(source)
        sizes = [_round_up(len(ids)), _round_up(len(target))]
        sources, targets = (
            jnp.asarray(np.pad(tokens, (0, size - len(tokens)))[None])
            for tokens, size in zip((ids, np.asarray(target, np.int32)), sizes, strict=True)
        )
        run = self._cached("align", lambda params, *arrays: align(self.model, params, *arrays))
        weights = run(self.params, sources, targets, jnp.array([len(ids)], jnp.int32))
        return np.asarray(weights)[0, : len(target), : len(ids)]

    def _search(self, width: int, length_penalty: float, num_tokens: int) -> Callable[..., Any]:
        options = {"width": width, "length_penalty": length_penalty, "num_tokens": num_tokens}
        key = tuple(options.values())
        return self._cached(key, lambda params, *arrays: translate(self.model, params, *arrays, **options))

    def _cached(self, key: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        if key not in self._compiled:
            self._compiled[key] = self.compile(function)
        return self._compiled[key]

    def _batches(self, order: Sequence[int], lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
        """Places of one batch each, with the length that its sources are padded to."""
        batches: list[tuple[int, list[int]]] = []
        for place in order:
            size = _round_up(lengths[place])
            if not batches or batches[-1][0] != size or len(batches[-1][1]) == self.batch_size:
                batches.append((size, []))
            batches[-1][1].append(place)
        return batches

    def _text(self, ids: np.ndarray) -> str:
        return self.languages.target.decode(ids[ids != BOUNDARY_ID])


def _round_up(length: int) -> int:
    return max(SHORTEST_PADDED, 1 << (length - 1).bit_length())


def _padded(sequences: Sequence[np.ndarray], num_rows: int, num_steps: int) -> tuple[Any, Any]:
    """Ids [B, T] and lengths [B]; rows that are left over have one unknown token."""
    padded, lengths = np.zeros((num_rows, num_steps), np.int32), np.ones(num_rows, np.int32)
    for row, ids in enumerate(sequences):
        padded[row, : len(ids)], lengths[row] = ids, len(ids)
    return jnp.asarray(padded), jnp.asarray(lengths)
