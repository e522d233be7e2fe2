from collections import Counter

import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.labelled import load_labelled


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"text {number}\t{'good' if number < 80 else 'bad'}\n" for number in range(100)))
    return path


def test_a_file_that_is_sorted_by_label_is_shuffled_before_it_is_cut(file, tmp_path):
    splits = load_labelled(f"tsv:{file}", data_dir=tmp_path, fractions=(0.5, 0.25, 0.25))
    rows = [*splits.train, *splits.validation, *splits.test]
    assert sorted(row.row for row in rows) == list(range(1, 101))
    assert [len(part) for part in splits.parts] == [50, 25, 25]
    assert all({row.label for row in part} == {"good", "bad"} for part in splits.parts)
    assert load_labelled(f"tsv:{file}", data_dir=tmp_path, fractions=(0.5, 0.25, 0.25)) == splits


def test_three_files_are_the_three_splits(file, tmp_path):
    other = tmp_path / "b.tsv"
    other.write_text("dull\tbad\n")
    splits = load_labelled(f"tsv:{file},{other},{file}", data_dir=tmp_path)
    assert [len(part) for part in splits.parts] == [100, 1, 100]
    assert [row.row for row in splits.train] == list(range(1, 101))
    assert set(splits.checksums) == {str(file), str(other)}
    with pytest.raises(SeqlabError, match=r"expected one path, or three .*; got 2"):
        load_labelled(f"tsv:{file},{other}", data_dir=tmp_path)


def test_folders_are_known_by_a_checksum_of_their_texts(tmp_path):
    for label in ("good", "bad"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "data" / label / f"{number}").write_text(f"{label} {number}")
    dataset = f"folders:{tmp_path / 'data'}"
    before = load_labelled(dataset, data_dir=tmp_path, fractions=(0.6, 0.2, 0.2)).checksums
    (tmp_path / "data" / "good" / "3").write_text("other")
    after = load_labelled(dataset, data_dir=tmp_path, fractions=(0.6, 0.2, 0.2)).checksums
    assert before.keys() == after.keys()
    assert before != after


def test_a_label_in_test_alone_is_an_error_with_file_and_row(file, tmp_path):
    other = tmp_path / "b.tsv"
    other.write_text("dull\tbad\nodd\tugly\n")
    with pytest.raises(DataError, match=r"b\.tsv:2: expected a label that the training split has \(bad, good\)"):
        load_labelled(f"tsv:{file},{file},{other}", data_dir=tmp_path)


def test_a_share_of_a_label_is_kept_and_nothing_else_changes():
    whole, thinned = (load_labelled("builtin", data_dir="x", keep_share=share) for share in ("", "positive:0.1"))
    before, after = (Counter(row.label for row in splits.train) for splits in (whole, thinned))
    assert after == {"negative": before["negative"], "positive": round(0.1 * before["positive"])}
    assert thinned.parts[1:] == whole.parts[1:]
    assert set(thinned.train) < set(whole.train)
    assert thinned == load_labelled("builtin", data_dir="x", keep_share="positive:0.1")
    assert f"{after['positive']} of {before['positive']} training texts" in thinned.description


@pytest.mark.parametrize("share", ["positive", "positive:0", "positive:1.5", "positiv:0.1", "0.1", "positive:nan"])
def test_a_share_of_another_kind_is_refused(share):
    with pytest.raises(SeqlabError, match=r"expected LABEL:SHARE with a label of .* \(negative, positive\)"):
        load_labelled("builtin", data_dir="x", keep_share=share)


@pytest.mark.parametrize(
    ("dataset", "say"),
    [
        ("sst", "unknown dataset 'sst'; did you mean 'sst2'"),
        ("tinyshakespeare", "unknown dataset 'tinyshakespeare'"),
        ("csv:a.csv", "unknown format 'csv'"),
        ("tsv:none.tsv", "no file of that name"),
    ],
)
def test_a_dataset_that_is_not_there_is_refused(dataset, say, tmp_path):
    with pytest.raises(SeqlabError, match=say):
        load_labelled(dataset, data_dir=tmp_path)


def test_sst2_has_its_official_split(data_folder):
    splits = load_labelled("sst2", data_dir=data_folder)
    counts = [Counter(row.label for row in part) for part in splits.parts]
    assert [sum(count.values()) for count in counts] == [6920, 872, 1821]
    assert [count["positive"] for count in counts] == [3610, 444, 909]
    assert max(len(row.text.split()) for row in splits.test) == 56
