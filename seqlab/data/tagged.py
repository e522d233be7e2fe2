"""Tagged sentences in three splits, by name or from files of the user's own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.conll import Sentence, check_tags, read_conll
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions
from seqlab.data.splits import split_by_position

BUILTIN_TAGGED = "named_entities"
Parts = tuple[Sequence[Sentence], Sequence[Sentence], Sequence[Sentence]]


class TaggedSplits(NamedTuple):
    """Sentences in three parts.

    Attributes:
        train: what the model and the vocabularies are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for the built-in sentences, of their words and tags.
        description: what they are.
        licence: under which terms they are given.
    """

    train: Sequence[Sentence]
    validation: Sequence[Sentence]
    test: Sequence[Sentence]
    checksums: dict[str, str]
    description: str
    licence: str


def load_tagged(dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS) -> TaggedSplits:
    """A data set of tagged sentences.

    Args:
        dataset: a name of the registry whose format is ``conll``, ``builtin``, ``conll:PATH``, or
            ``conll:TRAIN,VALIDATION,TEST`` with a file for each split.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the sentences, where one file has them all.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum or with wrong rows; a type of entity that is in a held-out split alone.

    >>> load_tagged("builtin", data_dir="data").train[0].words[:3]
    ('the', 'road', 'to')
    """
    kind, colon, path = dataset.partition(":")
    if colon:
        if kind != "conll":
            raise unknown_name("format", kind, ["conll"])
        parts, paths = _read_own(path, fractions)
        checksums = {file: sha256_of(Path(file).expanduser()) for file in paths}
        splits = TaggedSplits(*parts, checksums, f"the sentences of {path}", "the user's own")
    else:
        splits = _registered(BUILTIN_TAGGED if dataset == "builtin" else dataset, data_dir, fractions)
    for held_out in (splits.validation, splits.test):
        check_tags(splits.train, held_out)
    return splits


def _read_own(path: str, fractions: Fractions) -> tuple[Parts, list[str]]:
    whole = Path(path).expanduser().exists()
    paths = [path] if whole or "," not in path else path.split(",")
    if len(paths) == 1:
        return split_by_position(read_conll(Path(path).expanduser()), fractions), paths
    if len(paths) != 3:
        raise SeqlabError(
            f"--dataset=conll:{path}: expected one file, or three for training, validation and test with commas "
            f"between them; got {len(paths)}."
        )
    train, validation, test = (read_conll(Path(file).expanduser()) for file in paths)
    return (train, validation, test), paths


def _registered(name: str, data_dir: Path | str, fractions: Fractions) -> TaggedSplits:
    if name not in DATASETS or DATASETS[name].format != "conll":
        known = [known for known, entry in DATASETS.items() if entry.format == "conll"]
        raise unknown_name("dataset", name, [*known, "builtin", "conll:PATH"])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts)}
    return TaggedSplits(*parts, checksums, description=entry.description, licence=entry.licence)


def _sha256_of(parts: Sequence[Sequence[Sentence]]) -> str:
    text = "\n".join(f"{sentence.words} {sentence.tags}" for part in parts for sentence in part)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
