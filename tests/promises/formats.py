"""A small valid file of every format that seqlab reads, and how it is read."""

import contextlib
import gzip
import io
import json
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.io import savemat

from experiments import command_line
from seqlab.convert import save_params
from seqlab.convert.safetensors import load_params
from seqlab.core.errors import SeqlabError
from seqlab.core.sealed_folder import PART, publish, read_manifest
from seqlab.data.codec import load_codec, make_codec
from seqlab.data.labelled import LABELLED
from seqlab.data.labelled_features import FEATURES
from seqlab.data.loaders.frames import read_images
from seqlab.data.loaders.midi import write_midi
from seqlab.data.loaders.tatoeba import MEMBER, read_tatoeba
from seqlab.data.loaders.text import read_zipped_text
from seqlab.data.loaders.vectors import read_vectors
from seqlab.data.parallel import PARALLEL
from seqlab.data.rolls import rolls_kind
from seqlab.data.series import Scaling, series_kind
from seqlab.data.spoken_words import SPOKEN_WORDS
from seqlab.data.tagged import TAGGED
from seqlab.data.texts import TEXTS
from seqlab.data.transcribed import TRANSCRIBED
from seqlab.data.vocabulary import Vocabulary
from seqlab.tasks.classification_data import load_labels
from seqlab.tasks.decision import load_decision
from seqlab.tasks.feature_data import FeatureReader
from tests.experiments import small_flags

KINDS = {
    "text": TEXTS,
    "tagged": TAGGED,
    "labelled": LABELLED,
    **FEATURES,
    "parallel": PARALLEL,
    "rolls": rolls_kind(1),
    "series": series_kind(),
    "spoken_words": SPOKEN_WORDS,
    "transcribed": TRANSCRIBED,
}


class Format(NamedTuple):
    """A format.

    Attributes:
        file: the name of the file that is mutated.
        seeds: two valid contents of it.
        read: reads it, given its path.
        rows: whether a message has to name a row too: of text formats that have any.
        beside: files that are there besides, by name.
    """

    file: str
    seeds: tuple[bytes, bytes]
    read: Callable[[Path], Any]
    rows: bool = False
    beside: Mapping[str, bytes] = {}

    def lay_out(self, folder: Path) -> Path:
        """Writes the first seed and the files beside it; gives the path of the former."""
        for name, content in {**self.beside, self.file: self.seeds[0]}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.file


def _read_own(kind: str, name: str, up: int, beside: tuple[str, ...], path: Path) -> Any:
    """A file of the user's own; ``up`` is how many folders above the file the data set is."""
    one = path.parents[up - 1] if up else path
    paths = [path.with_name(other) if other else one for other in beside]
    return KINDS[kind].formats[name].read(paths)


def _own(kind: str, name: str, up: int = 0, beside: tuple[str, ...] = ("",)) -> Callable[[Path], Any]:
    return partial(_read_own, kind, name, up, beside)


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _zip(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def _wav(samples: np.ndarray, kind: int = 1, channels: int = 1) -> bytes:
    content, width = samples.tobytes(), samples.dtype.itemsize
    head = struct.pack("<HHIIHH", kind, channels, 8000, 8000 * width * channels, width * channels, 8 * width)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _roll(seed: int, length: int = 6) -> np.ndarray:
    roll = (np.random.default_rng(seed).random((length, 88)) < 0.05).astype(np.uint8)
    roll[[0, -1], 40] = 1
    return roll


def _midi(seed: int, folder: Path) -> bytes:
    write_midi(folder / "a.mid", _roll(seed))
    return (folder / "a.mid").read_bytes()


def _mat(seed: int) -> bytes:
    cells = {}
    for part in ("traindata", "validdata", "testdata"):
        cells[part] = np.empty((1, 2), object)
        cells[part][0, :] = [_roll(seed), _roll(seed + 1)]
    file = io.BytesIO()
    savemat(file, cells, do_compression=bool(seed))
    return file.getvalue()


def _json_rolls(seed: int) -> bytes:
    notes = [(np.flatnonzero(frame) + 21).tolist() for frame in _roll(seed)]
    return json.dumps({"train": [notes, notes], "valid": [notes], "test": [notes]}).encode()


def _idx(array: np.ndarray) -> bytes:
    head = b"\0\0\x08" + bytes([array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


def _png(seed: int, suffix: str = "png") -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), np.uint8)
    Image.fromarray(pixels).save(file, suffix)
    return file.getvalue()


def _params(seed: int, folder: Path) -> bytes:
    rng = np.random.default_rng(seed)
    save_params(folder / "p", {"cell": {"kernel": rng.random((2, 3), np.float32), "bias": np.zeros(3, np.float32)}})
    return (folder / "p").read_bytes()


def _manifest(seed: int, folder: Path) -> bytes:
    part = folder / f"{PART}step_{seed}"
    part.mkdir()
    (part / "params").write_bytes(b"params")
    return (publish(part, {"step": seed, "leaves": {"a": "float32[2]"}}) / "manifest.json").read_bytes()


def _pieces(folder: Path, kind: str) -> bytes:
    make_codec(["a small text of a few small words", "few of them"] * 3, kind, vocabulary_size=18).save(folder / "m")
    return (folder / "m").read_bytes()


def _read_flags(path: Path) -> dict[str, Any]:
    values = small_flags.define_all()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command_line.parse(["run", f"--flagfile={path}"], values)
    except SystemExit as stop:  # --help
        return {"status": stop.code}
    return {name: values[name].value for name in ("dataset", "learning_rate", "hidden_size", "sizes")}


def _read_scaling(path: Path) -> Any:
    scaling = Scaling.load(path)
    return tuple(scaling)


def _read_feature_scaling(path: Path) -> Any:
    reader = FeatureReader.load(path.parent, "activity", False, 1)
    return reader.mean, reader.deviation, reader.space


def _read_lines(path: Path) -> list[Any]:
    """A prediction's input of labelled features, the lines of which are JSON; errors name lines, not the file."""
    reader = FeatureReader("activity", ("a", "b"), (0.0, 0.0), (1.0, 1.0), False, 1)
    text = path.read_bytes().decode("utf-8", "replace")
    try:
        return [reader.encode(reader.parse(line, row), f"line {row}") for row, line in enumerate(text.split("\n"), 1)]
    except SeqlabError as error:
        raise SeqlabError(f"{path}: {error}") from error


def make_formats(folder: Path) -> dict[str, Format]:
    """Every format by name; ``folder`` is empty, and used to make files in."""
    words = {name: _wav(np.arange(-20, 20, dtype=np.int16) * 500) for name in ("no/c_1.wav", "yes/b_1.wav")}
    wavs = (_wav(np.arange(-30, 30, dtype=np.int16) * 900), _wav(np.linspace(-1, 1, 40, dtype=np.float32), 3, 2))
    clips = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 4), np.uint8)
    inputs = np.random.default_rng(0).random((3, 4, 2))
    columns = {"inputs": inputs, "labels": np.array(["a", "b", "a"]), "lengths": np.array([4, 3, 1])}
    images, labels = np.arange(24).reshape(2, 3, 4), np.array([1, 7])
    conll = b"# a comment\nthe\tDT\tO\nEmpire\tNN\tB-place\nState\tNN\tI-place\n\nfell\tVB\tO\n"
    dna = b"+,gene 1,ACGTNACGT\n-,gene 2,RYKMSWBDHV\n+,gene 3,acgtu\n"
    series = b"date,load,rain\n2020-01-01,1.5,2\n2020-01-02,1e3,-4\n2020-01-03,0.25,5\n"
    months = b"month,rain\n1949-01,3\n1949-02,4.5\n1949-03,4\n1949-04,1\n"
    ts = b"#x\n@problemName a\n@timeStamps false\n@dimensions 2\n@classLabel true yes no\n@data\n1,2:3,4:yes\n5:6:no\n"
    zipped = {"fra-eng/fra.txt": "Go !\tVa !\nRun.\tCours\u202f!\nHi.\tSalut.\n".encode(), "fra-eng/_about.txt": b"x"}
    stored = _zip({"wikitext-2/wiki.valid.tokens": b" = Title = \n a word \n"}, zipfile.ZIP_STORED)
    compressed = _zip({"wikitext-2/wiki.valid.tokens": b" = Other = \n" + b" some words \n" * 9})
    flags = b"# A comment\n--learning_rate=0.5\n--cell=lstm\n--nesterov\n--sizes=3,4\n\n// another\n--hidden_size=16\n"
    vocabulary = b'{"tokens": [\n"<unk>",\n"\\n",\n"a",\n"\\u00e9t\\u00e9"\n]}\n'
    scaling = {
        "columns": ["a", "b"],
        "mean": [0.5, 1.25],
        "deviation": [1.0, 2.0],
        "width": {"months": 1, "seconds": 0},
    }
    image_labels = {"labels.idx": _idx(labels)}
    return {
        "text": Format(
            "a.txt", ("Ein Text.\r\nZwei, à é\n".encode(), b"\xef\xbb\xbfword\rword\n"), _own("text", "text")
        ),
        "conll": Format("a.conll", (conll, b"-DOCSTART- O\n\na O\nb B-x\n"), _own("tagged", "conll"), True),
        "tsv": Format(
            "a.tsv",
            (b'a good film\t1\nbad "one\t0\n', b"id\tlabel\tsentence\n1\tx\ta b\n"),
            _own("labelled", "tsv"),
            True,
        ),
        "label_first": Format("a.txt", (b"1 a good film\n0 bad\n", b"x y z\n"), _own("labelled", "label_first"), True),
        "folders": Format(
            "all/pos/a.txt",
            (b"a good film", "für\n".encode()),
            _own("labelled", "folders", 2),
            False,
            {"all/neg/b.txt": b"bad"},
        ),
        "csv_series": Format("a.csv", (series, months), _own("series", "csv"), True),
        "csv_sensors": Format(
            "a.csv",
            (b'sequence,label,x,y\n1,up,0.5,1\n1,up,1e-3,2\n2,down,3,"4"\n', b"label,z,sequence\na,1,q\nb,2,r\n"),
            _own("activity", "csv"),
            True,
        ),
        "fasta": Format("a.fa", (b">one\nACGT\nNN\n\n>two\nryac\n", b">x y z\nU\n"), _own("dna", "fasta"), True),
        "csv_dna": Format("a.csv", (dna, b"x,y,A\n"), _own("dna", "csv"), True),
        "ts": Format(
            "a.ts",
            (ts, ts.replace(b"2\n@c", b"1\n@c").replace(b":3,4", b"").replace(b":6", b"")),
            _own("activity", "ts"),
            True,
        ),
        "npz_sensors": Format(
            "a.npz", (_npz(**columns), _npz(inputs=inputs[:, :, 0], labels=np.arange(3))), _own("activity", "npz")
        ),
        "npz_frames": Format(
            "a.npz",
            (_npz(clips=clips, labels=np.array([0, 1])), _npz(clips=clips[..., None] / 9, labels=np.array(["a", "b"]))),
            _own("activity", "frames"),
        ),
        "npz_rolls": Format(
            "a.npz", (_npz(a=_roll(0), b=_roll(1)), _npz(a=_roll(2).astype(float))), _own("rolls", "npz")
        ),
        "idx": Format(
            "a.idx",
            (_idx(images), _idx(images + 9)),
            _own("pixels", "idx", beside=("", "labels.idx")),
            False,
            image_labels,
        ),
        "idx_gz": Format(
            "a.gz",
            (gzip.compress(_idx(images)), gzip.compress(_idx(images + 9), 0)),
            _own("pixels", "idx", beside=("", "labels.idx")),
            False,
            image_labels,
        ),
        "idx_labels": Format(
            "b.idx",
            (_idx(labels), _idx(labels + 3)),
            _own("pixels", "idx", beside=("a.idx", "")),
            False,
            {"a.idx": _idx(images)},
        ),
        "csv_pixels": Format(
            "a.csv", (b"# width 2\n0,128,255,3,one\n1,2,3,4,two\n", b"7,0\n9,1\n"), _own("pixels", "csv"), True
        ),
        "tsv_parallel": Format("a.tsv", ("go !\tva !\nx y\tz é\n".encode(), b"a\tb\n"), _own("parallel", "tsv"), True),
        "files_parallel": Format(
            "a.en",
            (b"go !\nrun\n", b"a\nb"),
            _own("parallel", "files", beside=("", "a.fr")),
            True,
            {"a.fr": b"va !\ncours\n"},
        ),
        "tatoeba": Format("a.zip", (_zip(zipped), _zip({MEMBER: b"a\tb\n"}, zipfile.ZIP_STORED)), read_tatoeba),
        "wikitext": Format(
            "a.zip", (stored, compressed), lambda path: read_zipped_text(path, "wikitext-2/wiki.valid.tokens")
        ),
        "midi": Format("all/a.mid", (_midi(0, folder), _midi(1, folder)), _own("rolls", "midi", 1)),
        "mat": Format("a.mat", (_mat(0), _mat(1)), _own("rolls", "mat")),
        "json_rolls": Format("a.json", (_json_rolls(0), _json_rolls(1)), _own("rolls", "json")),
        "wav_words": Format(
            "all/yes/a_1.wav", wavs, _own("spoken_words", "wav", 2), False, {"all/no/b_1.wav": wavs[0]}
        ),
        "zip_words": Format("a.zip", (_zip(words), _zip(words, zipfile.ZIP_STORED)), _own("spoken_words", "wav")),
        "fsdd": Format(
            "a.zip",
            (_zip({f"1_x_{n}.wav": wavs[0] for n in (0, 5, 20)}), _zip({"7_y_1.wav": wavs[1]})),
            _own("spoken_words", "fsdd"),
        ),
        "transcripts": Format(
            "all/transcripts.tsv",
            (b"a\tyes no\nb.wav\t\n", b"b\tc\na\td\n"),
            _own("transcribed", "wav", 1),
            True,
            {"all/a.wav": wavs[0], "all/b.wav": wavs[1]},
        ),
        "vectors": Format(
            "a.vec",
            (b"the 0.5 -1.5\n. 1e-3 2\n", b"2 3\na 1 2 3\nb c 4 5 6\n"),
            lambda path: read_vectors(path, {"the", "."}),
            True,
        ),
        "vocabulary": Format(
            "vocabulary.json", (vocabulary, b'{"tokens": ["<unk>", "</s>"]}'), lambda path: Vocabulary.load(path).tokens
        ),
        "pieces": Format(
            "a.model",
            (_pieces(folder, "bpe"), _pieces(folder, "unigram")),
            lambda path: load_codec(path, "bpe").encode("a few words"),
        ),
        "scaling": Format(
            "scaling.json",
            (json.dumps(scaling).encode(), json.dumps(scaling | {"columns": ["c", "a"]}).encode()),
            _read_scaling,
        ),
        "decision": Format(
            "decision.json",
            (b'{"threshold": 0.25}\n', b'{"threshold": -3}'),
            lambda path: load_decision(path.parent, "threshold"),
        ),
        "feature_scaling": Format(
            "scaling.json",
            (b'{"mean": [0.5, 1.0], "deviation": [1.0, 2.0]}', b'{"mean": [1], "deviation": [1], "space": [2, 2]}'),
            _read_feature_scaling,
            False,
            {"labels.json": b'{"labels": ["a", "b"]}'},
        ),
        "labels": Format(
            "labels.json",
            (b'{"labels": ["a", "b"]}\n', b'{"labels": [\n"c"\n]}'),
            lambda path: load_labels(path.parent),
        ),
        "predict_lines": Format("a.jsonl", (b"[[1, 2], [0.5, -3]]\n[[1e3, 4]]", b"[[0, 0]]"), _read_lines),
        "flags": Format("a.flags", (flags, b"--dataset=text:a b\n--nonesterov\n"), _read_flags, True),
        "safetensors": Format("a.safetensors", (_params(0, folder), _params(1, folder)), load_params),
        "manifest": Format(
            "step_0/manifest.json",
            (_manifest(0, folder), _manifest(1, folder)),
            lambda path: read_manifest(path.parent),
            False,
            {"step_0/params": b"params"},
        ),
        "image": Format("all/1.png", (_png(0), _png(1, "jpeg")), lambda path: read_images(path.parent)),
    }


def numbers_in(result: Any) -> bool:
    """Whether all numbers in a result are finite; whoever looks, looks into tuples, lists, dicts and arrays."""
    if isinstance(result, np.ndarray):
        return result.dtype.kind not in "fc" or bool(np.isfinite(result).all())
    if isinstance(result, Mapping):
        return all(map(numbers_in, result.values()))
    if isinstance(result, (list, tuple)):
        return all(map(numbers_in, result))
    return not isinstance(result, float) or math.isfinite(result)
