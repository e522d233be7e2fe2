"""Parallel text in three splits, by name or from files of the user's own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.parallel_text import Pair, read_line_pairs, read_pairs_tsv
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions
from seqlab.data.splits import split_by_position

__all__ = ["BUILTIN_PARALLEL", "Pair", "ParallelSplits", "load_parallel"]

BUILTIN_PARALLEL = "reordering"
FORMAT = "parallel"
# How many files hold one list of pairs.
FILES_EACH = {"files": 2, "tsv": 1}
Parts = tuple[Sequence[Pair], Sequence[Pair], Sequence[Pair]]


class ParallelSplits(NamedTuple):
    """Pairs in three parts.

    Attributes:
        train: what the model and the vocabularies are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for generated pairs, of their texts.
        description: what they are.
        licence: under which terms they are given.
        tokenized: whether blanks part the words from punctuation already, so that a score must not do it again.
    """

    train: Sequence[Pair]
    validation: Sequence[Pair]
    test: Sequence[Pair]
    checksums: dict[str, str]
    description: str
    licence: str
    tokenized: bool


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
    kind, colon, path = dataset.partition(":")
    if not colon:
        splits = _registered(BUILTIN_PARALLEL if dataset == "builtin" else dataset, data_dir, fractions, languages)
    elif kind not in FILES_EACH:
        raise unknown_name("format", kind, FILES_EACH)
    elif languages:
        raise SeqlabError(f"--languages={languages} is for data sets of the registry; leave it out with {dataset}.")
    else:
        splits = _read_own(kind, path, fractions)
    return _shortened(splits, max_length)


def _read_own(kind: str, path: str, fractions: Fractions) -> ParallelSplits:
    whole = kind == "tsv" and Path(path).expanduser().exists()
    names = [path] if whole else path.split(",")
    each = FILES_EACH[kind]
    if len(names) not in (each, 3 * each):
        wanted = "one file, or three" if kind == "tsv" else "a source and a target file, or a source and a target each"
        raise SeqlabError(
            f"--dataset={kind}:{path}: expected {wanted} for training, validation and test with commas between them; "
            f"got {len(names)}."
        )
    paths = [Path(name).expanduser() for name in names]
    if kind == "tsv":
        parts = [read_pairs_tsv(one) for one in paths]
    else:
        parts = [read_line_pairs(*both) for both in zip(paths[::2], paths[1::2], strict=True)]
    train, validation, test = parts if len(parts) == 3 else _split_by_source(parts[0], fractions)
    checksums = {name: sha256_of(one) for name, one in zip(names, paths, strict=True)}
    return ParallelSplits(train, validation, test, checksums, f"the pairs of {path}", "the user's own", tokenized=False)


def _split_by_source(pairs: Sequence[Pair], fractions: Fractions) -> Parts:
    by_source: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_source.setdefault(pair.source, []).append(pair)
    groups = list(by_source.values())
    order = np.random.default_rng(0).permutation(len(groups)).tolist()
    parts = split_by_position([groups[index] for index in order], fractions)
    train, validation, test = ([pair for group in part for pair in group] for part in parts)
    return train, validation, test


def _registered(name: str, data_dir: Path | str, fractions: Fractions, languages: str) -> ParallelSplits:
    if name not in DATASETS or DATASETS[name].format != FORMAT:
        known = [known for known, entry in DATASETS.items() if entry.format == FORMAT]
        raise unknown_name("dataset", name, [*known, "builtin", "files:SOURCE,TARGET", "tsv:PATH"])
    entry = DATASETS[name]
    own, swapped = "-".join(entry.languages), "-".join(reversed(entry.languages))
    if languages and not own:
        raise SeqlabError(f"--languages={languages}: {name} has one direction alone. Leave the flag out.")
    if languages not in ("", own, swapped):
        raise unknown_name(f"languages of {name}", languages, [own, swapped])
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts: Parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts)}
    if languages and languages == swapped:
        first, second, third = ([Pair(row.target, row.source, row.place) for row in part] for part in parts)
        parts = first, second, third
    description = f"{entry.description}; {languages or own}" if own else entry.description
    # All of them are: as they come, as they are read, or as they are made.
    return ParallelSplits(*parts, checksums, description, entry.licence, tokenized=True)


def _shortened(splits: ParallelSplits, max_length: int) -> ParallelSplits:
    if max_length < 1:
        return splits
    every = (splits.train, splits.validation, splits.test)
    parts = [[pair for pair in part if _num_words(pair) <= max_length] for part in every]
    for name, before, after in zip(splits._fields, every, parts, strict=False):
        if not after:
            shortest = min(map(_num_words, before), default=0)
            raise SeqlabError(
                f"--max_length={max_length}: expected {name} pairs with at most so many words on either side, found "
                f"none among {len(before)}. Use {shortest} or more."
            )
    kept = f"{sum(map(len, parts))} of {sum(map(len, every))} pairs, with at most {max_length} words on either side"
    return splits._replace(
        train=parts[0], validation=parts[1], test=parts[2], description=f"{splits.description}; {kept}"
    )


def _num_words(pair: Pair) -> int:
    return max(len(pair.source.split()), len(pair.target.split()))


def _sha256_of(parts: Parts) -> str:
    text = "".join(f"{pair.source}\t{pair.target}\n" for part in parts for pair in part)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
