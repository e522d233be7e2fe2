"""A trained transcription model in use: recordings in; words, how probable they are and when they are said, out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Params
from seqlab.models.ctc_alignment import align_labels
from seqlab.models.ctc_model import CTCModel
from seqlab.models.ctc_search import Labelling, LanguageScores, best_path, prefix_beam_search
from seqlab.tasks.base import Compile
from seqlab.tasks.transcription_data import SpeechReader

SHORTEST_PADDED = 64
# A label of less than this at a frame begins no hypothesis there: a beam would else try every label at every frame.
LEAST_LOG_PROB = -12.0


class Said(NamedTuple):
    """A label or a word in time.

    Attributes:
        word: what is said.
        start_seconds: where the model begins to say it.
        end_seconds: where it stops.
    """

    word: str
    start_seconds: float
    end_seconds: float


class Transcript(NamedTuple):
    """What was found in one recording.

    Attributes:
        text: the words, one blank between two.
        log_probability: of the text's labels given the sound, in nats, as far as the search has followed it.
        labelling: the labels, and the score by which the search chose them.
    """

    text: str
    log_probability: float
    labelling: Labelling


@dataclass(frozen=True)
class Search:
    """How a labelling is looked for.

    Attributes:
        width: hypotheses of the beam.
        language: the language model; ``None`` for none.
        language_weight: of its log-probabilities.
        label_bonus: for each label.
    """

    width: int = 8
    language: LanguageScores | None = None
    language_weight: float = 0.0
    label_bonus: float = 0.0


@dataclass(frozen=True)
class Transcriber:
    """A model with its params and reader.

    Attributes:
        model: the model.
        params: its params.
        reader: how recordings and labels become numbers.
        compile: applied to the function that runs the model, ``jax.jit`` at the edge of a program.
        batch_size: recordings that go through the model at once.
    """

    model: CTCModel
    params: Params
    reader: SpeechReader
    compile: Compile = lambda function: function
    batch_size: int = 16
    _compiled: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)

    def log_probs(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Log-probabilities [T', V] of the classes at each frame that the model leaves, for features [T, F].

        Lengths are rounded up to powers of two, so that few are compiled.
        """
        found: list[Any] = [None] * len(features)
        order = sorted(range(len(features)), key=lambda place: len(features[place]))
        width = len(self.reader.mean)
        for size, places in self._batches(order, [len(one) for one in features]):
            inputs, lengths = np.zeros((self.batch_size, size, width), np.float32), np.zeros(self.batch_size, np.int32)
            for row, place in enumerate(places):
                lengths[row] = len(features[place])
                inputs[row, : lengths[row]] = features[place]
            logits, left = (
                np.asarray(part) for part in self._run()(self.params, jnp.asarray(inputs), jnp.asarray(lengths))
            )
            for row, place in enumerate(places):
                found[place] = logits[row, : left[row]]
        return found

    def greedy(self, log_probs: np.ndarray) -> Transcript:
        """The labelling of the best path."""
        return self._transcript(best_path(log_probs))

    def search(self, log_probs: np.ndarray, search: Search) -> Transcript:
        """The best labelling of a prefix beam search."""
        found = prefix_beam_search(
            log_probs,
            search.width,
            language=search.language,
            language_weight=search.language_weight,
            label_bonus=search.label_bonus,
            least_log_prob=LEAST_LOG_PROB,
        )
        return self._transcript(found[0])

    def words(self, log_probs: np.ndarray, labels: Sequence[int]) -> list[Said]:
        """When the words of a labelling are said, by its most probable path: from their first label to their last."""
        found = align_labels(log_probs, labels)
        each, words = self.reader.seconds_each, list[Said]()
        before = self.reader.first_seconds - each / 2
        begun = False
        for label, first, last in zip(labels, found.first.tolist(), found.last.tolist(), strict=True):
            name, times = (
                self.reader.labels[label - 1],
                (round(before + first * each, 3), round(before + (last + 1) * each, 3)),
            )
            if name.isspace():
                begun = False
            elif begun and self.reader.tokens == "char":
                words[-1] = Said(words[-1].word + name, words[-1].start_seconds, times[1])
            else:
                words.append(Said(name, *times))
                begun = True
        return words

    def _transcript(self, labelling: Labelling) -> Transcript:
        return Transcript(self.reader.text(labelling.labels), labelling.log_probability, labelling)

    def _run(self) -> Callable[..., Any]:
        if not self._compiled:
            self._compiled.append(self.compile(self._apply))
        return self._compiled[0]

    def _apply(self, params: Params, inputs: Array, lengths: Array) -> tuple[Array, Array]:
        logits, left = apply_model(self.model, params, inputs, lengths)
        return jax.nn.log_softmax(logits), left

    def _batches(self, order: Sequence[int], lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
        """Places of one batch each, with the length that its features are padded to."""
        batches: list[tuple[int, list[int]]] = []
        for place in order:
            size = max(SHORTEST_PADDED, 1 << (lengths[place] - 1).bit_length())
            if not batches or batches[-1][0] != size or len(batches[-1][1]) == self.batch_size:
                batches.append((size, []))
            batches[-1][1].append(place)
        return batches


def apply_model(model: CTCModel, params: Params, inputs: Array, lengths: Array, **options: Any) -> tuple[Array, Array]:
    """Logits [B, T', V] and the frames that are left of each row [B]; ``options`` are drop rates and keys."""
    return model.apply({"params": params}, inputs, lengths=lengths, **options)  # pyright: ignore[reportReturnType]
