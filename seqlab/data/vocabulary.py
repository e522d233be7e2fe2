"""Tokens and their ids.

A vocabulary is an ordered tuple of distinct tokens; a token's id is its place in it. Id 0 is the unknown token, which
stands for whatever is not listed, and id 1 is the boundary token; the rest follow by descending count, ties by name,
so that the same text gives the same ids on every machine. Build it from the training split alone: a word that only
the test split holds is an unknown word.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError, SeqlabError

UNKNOWN = "<unk>"
UNKNOWN_ID = 0
BOUNDARY_ID = 1


@dataclass(frozen=True)
class Vocabulary:
    """Distinct tokens in the order of their ids.

    Attributes:
        tokens: all tokens; the first is ``<unk>``, the second the boundary.

    Raises:
        SeqlabError: fewer than two tokens, another first token, or a token twice.
    """

    tokens: tuple[str, ...]

    def __post_init__(self):
        if len(self.tokens) < 2 or self.tokens[UNKNOWN_ID] != UNKNOWN:
            raise SeqlabError(f"a vocabulary begins with '{UNKNOWN}' and a boundary token; got {self.tokens[:2]}.")
        if len(self._ids) != len(self.tokens):
            token, count = Counter(self.tokens).most_common(1)[0]
            raise SeqlabError(f"a vocabulary's tokens are distinct; got {token!r} {count} times.")

    @classmethod
    def build(cls, tokens: Iterable[str], *, boundary: str, min_count: int = 1) -> "Vocabulary":
        """The vocabulary of a training split.

        Args:
            tokens: the split's tokens, repeats included. ``<unk>`` among them is the unknown token itself.
            boundary: the tokenizer's boundary token; it is listed whether it occurs or not.
            min_count: tokens that occur less often are left out, and so become unknown.

        Raises:
            SeqlabError: ``min_count`` below 1.

        >>> Vocabulary.build("banana", boundary=".").tokens
        ('<unk>', '.', 'a', 'n', 'b')
        """
        if min_count < 1:
            raise SeqlabError(f"min_count must be at least 1; got {min_count}.")
        counts = Counter(tokens)
        del counts[UNKNOWN], counts[boundary]
        listed = sorted(
            (token for token in counts if counts[token] >= min_count), key=lambda token: (-counts[token], token)
        )
        return cls((UNKNOWN, boundary, *listed))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    @property
    def size(self) -> int:
        """How many tokens there are, the unknown and the boundary included."""
        return len(self.tokens)

    @property
    def boundary(self) -> str:
        """The token with id 1."""
        return self.tokens[BOUNDARY_ID]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """Ids [N], int32; what is not listed becomes 0.

        >>> Vocabulary(("<unk>", ".", "a")).encode("a.b").tolist()
        [2, 1, 0]
        """
        id_of = self._ids.get
        return np.fromiter((id_of(token, UNKNOWN_ID) for token in tokens), dtype=np.int32, count=len(tokens))

    def decode(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """The tokens of ids [N].

        Raises:
            SeqlabError: an id outside [0, size).

        >>> Vocabulary(("<unk>", ".", "a")).decode([2, 1])
        ['a', '.']
        """
        indices = np.asarray(ids, dtype=np.int64)
        if indices.size and not (indices.min() >= 0 and indices.max() < self.size):
            raise SeqlabError(f"ids must lie in [0, {self.size}); got {indices.min()} to {indices.max()}.")
        return [self.tokens[index] for index in indices.tolist()]

    def save(self, path: Path | str) -> None:
        """Writes the tokens as JSON, one a line."""
        Path(path).write_text(json.dumps({"tokens": self.tokens}, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, is no JSON, or holds anything but a list of distinct tokens.
        """
        try:
            content = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise DataError(f"{path}: the vocabulary cannot be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: expected a vocabulary in JSON; {error}.") from error
        tokens = content.get("tokens") if isinstance(content, dict) and len(content) == 1 else None
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise DataError(f'{path}: expected a vocabulary {{"tokens": [...]}} whose tokens are strings.')
        try:
            return cls(tuple(tokens))
        except SeqlabError as error:
            raise DataError(f"{path}: {error}") from error
