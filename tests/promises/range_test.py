"""An id, label or length that is out of range is said with file and row, before it could reach a device.

JAX clips and wraps what is out of range without a word, so what a file says is checked when it is read.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.buckets import BucketedBatches
from seqlab.data.labelled import load_labelled
from seqlab.data.labelled_features import load_labelled_features
from seqlab.data.loaders.images import read_pixel_csv
from seqlab.data.loaders.midi import read_midi
from seqlab.data.loaders.piano_rolls import read_json_rolls
from seqlab.data.loaders.sensors import read_npz, read_ts
from seqlab.data.tagged import load_tagged
from seqlab.data.vocabulary import Vocabulary
from seqlab.data.windows import StreamWindows

# A path and a way to read it, that has to fail at the row.
Case = tuple[str, Callable[[], object]]


def outside(rng: np.random.Generator, low: int, high: int) -> int:
    """A number outside [low, high): next to it, far from it, or as far as integers go."""
    return int(
        rng.choice([low - 1, high, low - int(rng.integers(1, 10)), high + int(rng.integers(10)), -(2**31), 2**31])
    )


def lengths_of_npz(folder: Path, rng: np.random.Generator) -> Case:
    lengths = rng.integers(1, 6, 4)
    row = int(rng.integers(4))
    lengths[row] = outside(rng, 1, 6)
    np.savez(folder / "a.npz", inputs=np.ones((4, 5, 1)), labels=np.arange(4), lengths=lengths)
    return f"a.npz:{row + 1}: .*found {lengths[row]}", lambda: read_npz(folder / "a.npz")


def labels_of_ts(folder: Path, rng: np.random.Generator) -> Case:
    labels = [str(label) for label in rng.integers(0, 5, 4)]
    row = int(rng.integers(4))
    labels[row] = str(outside(rng, 0, 5))
    head = "@dimensions 1\n@classLabel true 0 1 2 3 4\n@data\n"
    (folder / "a.ts").write_text(head + "".join(f"1,2:{label}\n" for label in labels))
    return f"a.ts:{row + 4}: .*found '{labels[row]}'", lambda: read_ts(folder / "a.ts")


def labels_of_texts(folder: Path, rng: np.random.Generator) -> Case:
    for part in ("train", "validation"):
        (folder / f"{part}.tsv").write_text("a\t0\nb\t1\n")
    row, label = int(rng.integers(1, 4)), outside(rng, 0, 2)
    (folder / "test.tsv").write_text("a\t0\n" * (row - 1) + f"b\t{label}\n")
    paths = ",".join(str(folder / f"{part}.tsv") for part in ("train", "validation", "test"))
    return f"test.tsv:{row}: .*found '{label}'", lambda: load_labelled(f"tsv:{paths}", data_dir=folder)


def labels_of_pixels(folder: Path, rng: np.random.Generator) -> Case:
    for part in ("train", "validation"):
        (folder / f"{part}.csv").write_text("1,2,0\n3,4,1\n")
    row, label = int(rng.integers(1, 4)), outside(rng, 0, 2)
    (folder / "test.csv").write_text("1,2,1\n" * (row - 1) + f"1,2,{label}\n")
    paths = ",".join(str(folder / f"{part}.csv") for part in ("train", "validation", "test"))
    return f"test.csv:{row}: .*found '{label}'", lambda: load_labelled_features(
        "pixels", f"csv:{paths}", data_dir=folder
    )


def tags_of_words(folder: Path, rng: np.random.Generator) -> Case:
    for part in ("train", "validation"):
        (folder / f"{part}.conll").write_text("a B-0\nb O\n")
    row, tag = int(rng.integers(1, 4)), outside(rng, 0, 1)
    (folder / "test.conll").write_text("a O\n" * (row - 1) + f"b B-{tag}\n")
    paths = ",".join(str(folder / f"{part}.conll") for part in ("train", "validation", "test"))
    return f"test.conll:{row}: .*found 'B-{tag}'", lambda: load_tagged(f"conll:{paths}", data_dir=folder)


def values_of_pixels(folder: Path, rng: np.random.Generator) -> Case:
    row, value = int(rng.integers(1, 4)), outside(rng, 0, 256)
    (folder / "a.csv").write_text("1,2,a\n" * (row - 1) + f"1,{value},b\n")
    return f"a.csv:{row}: expected pixels from 0 to 255", lambda: read_pixel_csv(folder / "a.csv")


def keys_of_json(folder: Path, rng: np.random.Generator) -> Case:
    piece, key = int(rng.integers(1, 4)), outside(rng, 21, 109)
    pieces = ["[[60], [61]]"] * (piece - 1) + [f"[[60], [{key}]]"]
    (folder / "a.json").write_text(f'{{"train": [{", ".join(pieces)}], "valid": [], "test": []}}')
    return f"a.json: train:{piece}: frame 2: .*found {key}", lambda: read_json_rolls(folder / "a.json")


def keys_of_midi(folder: Path, rng: np.random.Generator) -> Case:
    key = int(rng.choice([*range(21), *range(109, 128)]))
    track = bytes([0, 0x90, 60, 64, 96, 0x80, 60, 0, 0, 0x90, key, 64, 96, 0x80, key, 0, 0, 0xFF, 0x2F, 0])
    head = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(track).to_bytes(4, "big")
    (folder / "a.mid").write_bytes(head + track)
    return f"a.mid: tick 96: .*found {key}", lambda: read_midi(folder / "a.mid")


CASES = [
    lengths_of_npz,
    labels_of_ts,
    labels_of_texts,
    labels_of_pixels,
    tags_of_words,
    values_of_pixels,
    keys_of_json,
    keys_of_midi,
]


def flagged(folder: Path, count: int) -> Iterator[bool]:
    rng = np.random.default_rng(0)
    for number in range(count):
        message, read = CASES[number % len(CASES)](folder, rng)
        with pytest.raises(DataError) as error:
            read()
        assert re.search(message, str(error.value)), f"{message} in {error.value}"
        assert str(folder) in str(error.value)
        yield True


def test_what_is_out_of_range_in_a_file_is_said_with_file_and_row(tmp_path):
    assert sum(flagged(tmp_path, 80)) == 80


@pytest.mark.slow
def test_a_thousand_of_a_thousand_are_said_with_file_and_row(tmp_path):
    assert sum(flagged(tmp_path, 1000)) == 1000


def test_ids_and_lengths_of_a_program_are_refused_too():
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(("<unk>", ".", "a"))
    for _ in range(100):
        with pytest.raises(SeqlabError, match="ids must lie in"):
            vocabulary.decode([1, outside(rng, 0, vocabulary.size)])
        with pytest.raises(SeqlabError, match="ids must be a vector of integers from 0 on"):
            StreamWindows(np.array([1, 2, -int(rng.integers(1, 2**31))]), 1, 2, boundary_id=1, training=False)
        length = outside(rng, 1, 4)
        rows = Batch([np.ones(3, np.int32)] * 2, np.array([0, 1]), lengths=np.array([2, length]))
        with pytest.raises(SeqlabError, match=r"lengths of rows must lie in \[1, 3\]"):
            BucketedBatches(rows, 1, (1, 3))
