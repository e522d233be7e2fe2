"""Parallel text in three parts, by name or from files of the user's own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.entry import Fractions, Parts
from seqlab.data.loaders.parallel_text import Pair, read_line_pairs, read_pairs_tsv
from seqlab.data.own_files import Format, one_path
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import PARTS, DataSplits, split_by_position

__all__ = ["PARALLEL", "Pair", "ParallelSplits", "load_parallel"]

ParallelSplits: TypeAlias = DataSplits[Sequence[Pair]]


def _split_by_source(pairs: Sequence[Pair], fractions: Fractions) -> Parts:
    by_source: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_source.setdefault(pair.source, []).append(pair)
    groups = list(by_source.values())
    order = np.random.default_rng(0).permutation(len(groups)).tolist()
    parts = split_by_position([groups[index] for index in order], fractions)
    train, validation, test = ([pair for group in part for pair in group] for part in parts)
    return train, validation, test


PARALLEL = Kind(
    format="parallel",
    builtin="reordering",
    formats={
        "files": Format(lambda paths: read_line_pairs(*paths), num_paths=2, split=_split_by_source),
        "tsv": one_path(read_pairs_tsv, split=_split_by_source),
    },
    content=lambda part: (f"{pair.source}\t{pair.target}\n".encode() for pair in part),
)


def load_parallel(
    dataset: str,
    *,
    data_dir: Path | str,
    fractions: Fractions = DEFAULT_FRACTIONS,
    languages: str = "",
    max_length: int = 0,
) -> ParallelSplits:
    """A data set of sentences and their translations.

    Args:
        dataset: a name of the registry whose format is ``parallel``; ``builtin``; ``tsv:PATH`` or
            ``tsv:TRAIN,VALIDATION,TEST``; ``files:SOURCE,TARGET`` or, with source and target of each split one behind
            the other, ``files:TRAIN_SOURCE,TRAIN_TARGET,VALIDATION_SOURCE,VALIDATION_TARGET,TEST_SOURCE,TEST_TARGET``.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the different sources, where one file has all pairs. They are shuffled first, always
            alike, as such files are often sorted; all pairs of a source are in one part.
        languages: source and target of a registered data set, as in ``de-en``; empty for its own order.
        max_length: where above 0, pairs with more words than this on either side are left out of all three parts.

    Raises:
        SeqlabError: an unknown name, format or pair of languages, a file that cannot be had, wrong fractions, another
            number of files, or no pair of at most ``max_length`` words.
        DataError: a file with another checksum or with wrong rows.

    >>> load_parallel("builtin", data_dir="data").train[0][:2]
    ('these old singers sleep', 'kestoi kantoi vekoi dormint')
    """
    entry = None if ":" in dataset else DATASETS.get(PARALLEL.builtin if dataset == "builtin" else dataset)
    own = entry.languages if entry else ()
    _check_languages(languages, dataset, own)
    splits = load_data(dataset, PARALLEL, data_dir=data_dir, fractions=fractions)
    if entry:
        # All of the registry are: as they come, as they are read, or as they are made.
        splits = replace(splits, tokenized=True)
    if own:
        splits = replace(splits, description=f"{splits.description}; {languages or '-'.join(own)}")
    if own and languages == "-".join(reversed(own)):
        train, validation, test = ([Pair(row.target, row.source, row.place) for row in part] for part in splits.parts)
        splits = replace(splits, train=train, validation=validation, test=test)
    return _shortened(splits, max_length)


def _check_languages(languages: str, dataset: str, own: Sequence[str]) -> None:
    if not languages:
        return
    if ":" in dataset:
        raise SeqlabError(f"--languages={languages} is for data sets of the registry; leave it out with {dataset}.")
    if not own:
        raise SeqlabError(f"--languages={languages}: {dataset} has one direction alone. Leave the flag out.")
    known = ["-".join(own), "-".join(reversed(own))]
    if languages not in known:
        raise unknown_name(f"languages of {dataset}", languages, known)


def _shortened(splits: ParallelSplits, max_length: int) -> ParallelSplits:
    if max_length < 1:
        return splits
    every = splits.parts
    parts = [[pair for pair in part if _num_words(pair) <= max_length] for part in every]
    for name, before, after in zip(PARTS, every, parts, strict=True):
        if not after:
            shortest = min(map(_num_words, before), default=0)
            raise SeqlabError(
                f"--max_length={max_length}: expected {name} pairs with at most so many words on either side, found "
                f"none among {len(before)}. Use {shortest} or more."
            )
    kept = f"{sum(map(len, parts))} of {sum(map(len, every))} pairs, with at most {max_length} words on either side"
    return replace(
        splits, train=parts[0], validation=parts[1], test=parts[2], description=f"{splits.description}; {kept}"
    )


def _num_words(pair: Pair) -> int:
    return max(len(pair.source.split()), len(pair.target.split()))
