"""A trained language model as judge of labellings: the probability of each label after those before it.

A search over labellings asks for many continuations of few prefixes, so a prefix's state is kept, and a longer one
takes a single step of the model.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Carry
from seqlab.data.vocabulary import BOUNDARY_ID
from seqlab.models.ctc_search import Labels
from seqlab.tasks.text_prediction import TextModel

# Prefixes whose states are kept at once; more are those of recordings that are done with.
MOST_KNOWN = 4096


class LabelLanguage:
    """``seqlab.models.ctc_search.LanguageScores`` of a language model of the same tokens.

    A text begins after the boundary token, the line's end, and ends with it. A label that the model's vocabulary lacks
    has the probability of the unknown token.

    Args:
        text_model: the language model.
        labels: the names of the labels; the class of the first is 1.
    """

    def __init__(self, text_model: TextModel, labels: Sequence[str]) -> None:
        self._ids = text_model.vocabulary.encode(labels)

        def step(text_model: TextModel, token: Array, carry: Carry) -> tuple[Array, Carry]:
            logits, carry = text_model.apply(token[None, None], initial_carry=carry)
            return jax.nn.log_softmax(logits[0, 0]), carry

        self._step = text_model.compiled(step)
        first = text_model.model.fresh_carry(text_model.params, 1)
        self._known: dict[Labels, tuple[np.ndarray, Any]] = {(): self._read(BOUNDARY_ID, first)}

    def __call__(self, prefix: Labels) -> np.ndarray:
        """Log-probabilities [V + 1]: of the blank, which has none, of the labels, and of the text's end."""
        return self._after(prefix)[0]

    def _after(self, prefix: Labels) -> tuple[np.ndarray, Any]:
        if prefix not in self._known and len(self._known) > MOST_KNOWN:
            self._known = {(): self._known[()]}
        known = len(prefix)
        while prefix[:known] not in self._known:
            known -= 1
        for end in range(known, len(prefix)):
            carry = self._known[prefix[:end]][1]
            self._known[prefix[: end + 1]] = self._read(int(self._ids[prefix[end] - 1]), carry)
        return self._known[prefix]

    def _read(self, token: int, carry: Carry) -> tuple[np.ndarray, Any]:
        log_p, carry = self._step(jnp.int32(token), carry)
        log_p = np.asarray(log_p)
        return np.concatenate([[-np.inf], log_p[self._ids], log_p[[BOUNDARY_ID]]]), carry
