"""A dictionary of words that is learned from sentence pairs: the baseline that a translation model has to beat.

IBM model 1 (Brown, Della Pietra, Della Pietra & Mercer, 1993) explains every target word f by one source word e of its
sentence, or by the empty word, with a probability t(f | e) that knows nothing of order:

    P(f_1 ... f_m | e_1 ... e_l)  =  const * prod_j sum_i t(f_j | e_i),    i = 0 ... l,  e_0 the empty word

Its likelihood has one maximum but for ties, so that expectation maximization may start from equal probabilities. A
translation takes the likeliest word for each word and keeps the order of the source: what it lacks is what a recurrent
model has to learn, order, agreement, and one word for several.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from seqlab.core.errors import SeqlabError

_EMPTY = 0


def fit_dictionary(
    pairs: Iterable[tuple[str, ...]], *, num_iterations: int = 10, max_pairs: int = 200_000, max_words: int = 100
) -> dict[str, str]:
    """The likeliest translation of every source word, by IBM model 1.

    Time and memory grow with the sum over pairs of source words times target words: 5 million for Multi30k, 11 million
    for Tatoeba's English and French. Ties go to the word that is first by name.

    Args:
        pairs: source and target, words parted by white space; what else stands behind them is not read.
        num_iterations: of expectation maximization.
        max_pairs: no more than the first so many are counted.
        max_words: pairs with more words on a side are passed over.

    Raises:
        SeqlabError: less than one iteration.

    >>> dictionary = fit_dictionary([("the house", "das haus"), ("the book", "das buch"), ("a book", "ein buch")])
    >>> dictionary == {"the": "das", "house": "haus", "book": "buch", "a": "ein"}
    True
    """
    if num_iterations < 1:
        raise SeqlabError(f"num_iterations must be at least 1; got {num_iterations}.")
    sentences = list(_sentences(pairs, max_pairs, max_words))
    source_words = ["", *sorted({word for source, _ in sentences for word in source})]
    target_words = sorted({word for _, target in sentences for word in target})
    if not target_words:
        return {}
    cells, positions = _events(sentences, source_words, target_words)
    # A cell is a source word and a target word that meet in a sentence pair; only these have a probability above 0.
    cells, cell_of_event = np.unique(cells, return_inverse=True)
    source_of_cell = cells // len(target_words)
    probabilities = np.ones(len(cells))
    for _ in range(num_iterations):
        weights = probabilities[cell_of_event]
        weights /= np.bincount(positions, weights)[positions]
        counts = np.bincount(cell_of_event, weights)
        probabilities = counts / np.bincount(source_of_cell, counts)[source_of_cell]
    # Rounded, as sums in another order of the pairs should not decide between equals.
    order = np.lexsort((cells, -probabilities.round(9), source_of_cell))
    sources, first = np.unique(source_of_cell[order], return_index=True)
    best = cells[order[first]] % len(target_words)
    rows = zip(sources.tolist(), best.tolist(), strict=True)
    return {source_words[source]: target_words[target] for source, target in rows if source != _EMPTY}


def translate_word_by_word(dictionary: Mapping[str, str], text: str) -> str:
    """Every word replaced by its translation; a word without one is left as it is.

    >>> translate_word_by_word({"the": "das", "house": "haus"}, "the old house")
    'das old haus'
    """
    return " ".join(dictionary.get(word, word) for word in text.split())


def _sentences(
    pairs: Iterable[tuple[str, ...]], max_pairs: int, max_words: int
) -> Iterator[tuple[list[str], list[str]]]:
    for number, pair in enumerate(pairs):
        if number == max_pairs:
            return
        source, target = pair[0].split(), pair[1].split()
        if max(len(source), len(target)) <= max_words:
            yield source, target


def _events(
    sentences: Sequence[tuple[list[str], list[str]]], source_words: list[str], target_words: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Of every target word and every source word that might explain it: their cell, and the target word's position.

    Cells count ``source id * number of target words + target id``; positions count through all sentences.
    """
    source_ids = {word: index for index, word in enumerate(source_words)}
    target_ids = {word: index for index, word in enumerate(target_words)}
    cells, positions, before = [], [], 0
    for source, target in sentences:
        ours = np.array([_EMPTY, *(source_ids[word] for word in source)], dtype=np.int64)
        theirs = np.array([target_ids[word] for word in target], dtype=np.int64)
        cells.append((ours[:, None] * len(target_words) + theirs).ravel())
        positions.append(np.tile(np.arange(before, before + len(theirs)), len(ours)))
        before += len(theirs)
    return np.concatenate(cells), np.concatenate(positions)
