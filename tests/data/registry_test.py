import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data import registry
from seqlab.data.entry import Dataset
from seqlab.data.registry import DATASETS
from seqlab.data.texts import TEXTS, load_text
from seqlab.data.tokenize import TOKENIZERS

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry_says_where_its_files_come_from_and_under_which_terms(name):
    entry = DATASETS[name]
    assert entry.description
    assert entry.licence
    assert entry.split
    for remote in entry.files.values():
        assert remote.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", remote.sha256)


def test_the_builtin_text_needs_no_folder_and_is_split_by_position(tmp_path):
    splits = load_text("builtin", data_dir=tmp_path / "none")
    assert splits == load_text(TEXTS.builtin, data_dir=tmp_path / "none")
    text = splits.train + splits.validation + splits.test
    assert len(splits.train) == int(len(text) * 0.9)
    assert len(text) > 300_000
    assert splits.checksums == {TEXTS.builtin: hashlib.sha256(text.encode()).hexdigest()}
    assert not (tmp_path / "none").exists()


def test_a_file_of_the_users_is_cut_by_the_given_fractions(tmp_path):
    path = tmp_path / "my text: a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"0123456789" * 10)
    splits = load_text(f"text:{path}", data_dir=tmp_path, fractions=(0.5, 0.3, 0.2))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (50, 30, 20)
    assert splits.train + splits.validation + splits.test == "0123456789" * 10
    assert splits.checksums == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_three_files_are_the_three_parts_as_they_are(tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(f"text {name}")
    splits = load_text("text:" + ",".join(str(tmp_path / name) for name in "abc"), data_dir=tmp_path)
    assert splits.parts == ("text a", "text b", "text c")
    assert list(splits.checksums) == [str(tmp_path / name) for name in "abc"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("tinyshakespear", "unknown dataset 'tinyshakespear'; did you mean 'tinyshakespeare'\\? Known: .*builtin"),
        ("txt:a.txt", "unknown format 'txt'; did you mean 'text'"),
        ("", "unknown dataset ''"),
        ("text:", "found a folder"),
        ("text:none.txt", "no file of that name"),
    ],
)
def test_a_dataset_that_is_not_there_is_refused(tmp_path, dataset, message):
    with pytest.raises(SeqlabError, match=message):
        load_text(dataset, data_dir=tmp_path)


def test_a_data_set_of_another_format_is_no_text(tmp_path, monkeypatch):
    tags = Dataset("conll", "tags", "none", "own", {}, lambda paths, fractions: ([], [], []))
    monkeypatch.setattr(registry, "DATASETS", DATASETS | {"tags": tags})
    with pytest.raises(SeqlabError, match="unknown dataset 'tags'"):
        load_text("tags", data_dir=tmp_path)


def test_a_changed_file_stops_with_both_sums(tmp_path):
    (tmp_path / "input.txt").write_text("to be")
    with pytest.raises(DataError) as error:
        load_text("tinyshakespeare", data_dir=tmp_path)
    assert DATASETS["tinyshakespeare"].files["input.txt"].sha256 in str(error.value)
    assert hashlib.sha256(b"to be").hexdigest() in str(error.value)


def test_the_last_tenth_of_tinyshakespeare_is_the_fields_usual_test_text(data_folder):
    splits = load_text("tinyshakespeare", data_dir=data_folder)
    assert len(splits.test) == 111_540
    assert len(splits.validation + splits.train) == 1_003_854
    text = splits.validation + splits.train + splits.test
    assert text == (data_folder / "tinyshakespeare" / "input.txt").read_text()


def test_wikitext2_small_has_its_own_split_at_an_article(data_folder):
    splits = load_text("wikitext2_small", data_dir=data_folder, fractions=(0.2, 0.2, 0.6))
    assert splits.train.count("\n") == 3760
    assert splits.validation.count("\n") == 2159
    assert (splits.validation + splits.test).count("\n") == 4358
    assert splits.test.startswith(" = ")
    split = TOKENIZERS["word"].split
    assert len(split(splits.train)) == 217_646
    assert len(split(splits.validation)) + len(split(splits.test)) == 245_569
    held_out = (data_folder / "wikitext2_small" / "wikitext2.test.txt").read_bytes()
    assert (splits.validation + splits.test).encode() == held_out
    assert set(splits.checksums) == {"wikitext2.valid.txt", "wikitext2.test.txt"}


def test_data_is_read_without_importing_jax():
    # A stand-in for the package keeps what seqlab/__init__.py imports out of the count.
    program = """
import sys, types
seqlab = types.ModuleType("seqlab")
seqlab.__path__ = ["seqlab"]
sys.modules["seqlab"] = seqlab
import seqlab.data.texts, seqlab.data.tokenize, seqlab.data.vocabulary, seqlab.data.windows
assert seqlab.data.texts.load_text("builtin", data_dir="data").train
print(sorted({"jax", "pooch", "requests"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr
