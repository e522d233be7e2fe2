import hashlib

import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.labelled_features import FEATURES, load_labelled_features
from seqlab.data.registry import DATASETS

# Rows of training, validation and test split, channels.
SIZES = {
    ("activity", "basic_motions"): ((32, 8, 40), 6),
    ("activity", "japanese_vowels"): ((216, 54, 370), 12),
    ("dna", "promoter_ecoli"): ((3071, 384, 384), 4),
    ("dna", "uci_splice"): ((2403, 301, 301), 4),
    ("pixels", "optdigits"): ((2999, 824, 1797), 1),
}


def write_csv(path, labels, num_channels=1):
    channels = ",".join(f"c{number}" for number in range(num_channels))
    rows = [f"s{index},{label}" + ",1" * num_channels for index, label in enumerate(labels)]
    path.write_text("\n".join([f"sequence,label,{channels}", *rows]) + "\n")
    return path


@pytest.mark.parametrize(("task", "name"), SIZES)
def test_registered_files_are_split_as_their_entry_says(data_folder, task, name):
    splits = load_labelled_features(task, name, data_dir=data_folder)
    sizes, num_channels = SIZES[task, name]
    assert tuple(map(len, splits.parts)) == sizes
    assert splits.train[0].features.shape[1] == num_channels
    assert set(splits.checksums) == set(DATASETS[name].files)
    assert splits.description == DATASETS[name].description


def test_no_sequence_of_dna_is_in_two_splits(data_folder):
    for name in ("promoter_ecoli", "uci_splice"):
        splits = load_labelled_features("dna", name, data_dir=data_folder)
        texts = [{row.text for row in split} for split in splits.parts]
        assert len(set.union(*texts)) == sum(map(len, texts)) == sum(map(len, splits.parts))


@pytest.mark.parametrize("name", ["gestures", "motifs", "drawn_digits"])
def test_generated_sets_need_no_file_and_are_always_the_same(tmp_path, name):
    task = DATASETS[name].format
    splits = load_labelled_features(task, name, data_dir=tmp_path / "none")
    again = load_labelled_features(task, name, data_dir=tmp_path / "none")
    assert splits.checksums == again.checksums
    assert {row.label for row in splits.train} == {row.label for row in splits.test}
    assert name == FEATURES[task].builtin or task == "pixels"


def test_a_file_of_ones_own_is_shuffled_always_alike_and_cut(tmp_path):
    path = write_csv(tmp_path / "a.csv", ["up", "down"] * 10)
    first, again = (
        load_labelled_features("activity", f"csv:{path}", data_dir=tmp_path, fractions=(0.6, 0.2, 0.2))
        for _ in range(2)
    )
    assert tuple(map(len, first.parts)) == (12, 4, 4)
    names = [[row.name for row in split] for split in first.parts]
    assert names == [[row.name for row in split] for split in again.parts]
    assert sorted(name for part in names for name in part) == sorted(f"s{index}" for index in range(20))
    assert first.checksums == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_three_files_are_three_splits_and_files_of_fasta_are_classes(tmp_path):
    paths = [write_csv(tmp_path / f"{name}.csv", labels) for name, labels in {"a": "xyx", "b": "y", "c": "xx"}.items()]
    splits = load_labelled_features("activity", f"csv:{','.join(map(str, paths))}", data_dir=tmp_path)
    assert tuple(map(len, splits.parts)) == (3, 1, 2)
    for name in ("site", "other"):
        (tmp_path / f"{name}.fa").write_text(">a\nACGT\n" * 10)
    dna = f"fasta:{tmp_path / 'site.fa'},{tmp_path / 'other.fa'}"
    splits = load_labelled_features("dna", dna, data_dir=tmp_path, fractions=(0.6, 0.2, 0.2))
    assert {row.label for row in splits.train} == {"site", "other"}


def test_clips_of_three_archives_are_three_splits_and_have_frames_of_one_shape(tmp_path):
    paths = [tmp_path / f"{name}.npz" for name in "abc"]
    for path, width in zip(paths, (5, 5, 6), strict=True):
        np.savez(path, clips=np.zeros((4, 2, 3, width), np.uint8), labels=np.array(["up", "down"] * 2))
    train, validation, test = paths
    dataset = f"frames:{train},{validation}"
    splits = load_labelled_features("activity", f"{dataset},{train}", data_dir=tmp_path)
    assert [row.features.shape for row in splits.test] == [(2, 3, 5, 1)] * 4
    with pytest.raises(
        DataError, match=r"c\.npz:1: expected 3 x 5 x 1 numbers a time step as in .*a\.npz:1, found 3 x 6"
    ):
        load_labelled_features("activity", f"{dataset},{test}", data_dir=tmp_path)


def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path):
    path = write_csv(tmp_path / "a.csv", ["up", "down"] * 10)
    wide = write_csv(tmp_path / "wide.csv", ["up", "down"], num_channels=2)
    other = write_csv(tmp_path / "other.csv", ["left"])
    for task, dataset, say in [
        ("activity", "basic_motion", "unknown dataset 'basic_motion'; did you mean 'basic_motions'"),
        ("activity", "uci_splice", "unknown dataset 'uci_splice'"),
        ("activity", f"fasta:{path}", "unknown format 'fasta'"),
        ("activity", f"csv:{path},{path}", "expected one path, or three for training, validation and test"),
        ("dna", f"fasta:{path}", "expected a path for each class"),
    ]:
        with pytest.raises(SeqlabError, match=say):
            load_labelled_features(task, dataset, data_dir=tmp_path)
    with pytest.raises(DataError, match=r"wide\.csv:2: expected 1 numbers a time step"):
        load_labelled_features("activity", f"csv:{path},{wide},{path}", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"other\.csv:2: expected a label that the training split has \(down, up\)"):
        load_labelled_features("activity", f"csv:{path},{path},{other}", data_dir=tmp_path)


@pytest.mark.slow
def test_scikit_learns_digits_are_those_of_the_test_file_of_optdigits(data_folder):
    pytest.importorskip("sklearn")
    digits = load_labelled_features("pixels", "sklearn_digits", data_dir="none")
    test = load_labelled_features("pixels", "optdigits", data_dir=data_folder).test
    rows = [row for split in digits.parts for row in split]
    np.testing.assert_allclose(rows[100].features, test[100].features, atol=1e-6)
    assert [row.label for row in rows] == [row.label for row in test]
