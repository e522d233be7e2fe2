import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.parallel import load_parallel


@pytest.fixture
def write(tmp_path):
    def write_file(name, lines):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    return write_file


def rows_of(splits):
    return [[pair[:2] for pair in part] for part in splits.parts]


def test_one_file_is_shuffled_and_all_pairs_of_a_source_are_in_one_part(write):
    path = write("a.tsv", [f"sentence {number // 2}\tsatz {number}" for number in range(200)])
    splits = load_parallel(f"tsv:{path}", data_dir="none", fractions=(0.5, 0.3, 0.2))
    assert [len(part) for part in splits.parts] == [100, 60, 40]
    sources = [{pair.source for pair in part} for part in splits.parts]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 100
    assert [pair.source for pair in splits.train[::2]] != [f"sentence {number}" for number in range(50)]
    assert splits == load_parallel(f"tsv:{path}", data_dir="none", fractions=(0.5, 0.3, 0.2))
    assert not splits.tokenized


def test_files_for_each_split_are_the_splits(write):
    names = [f"{split}.{side}" for split in ("train", "validation", "test") for side in ("source", "target")]
    files = [write(name, [name]) for name in names]
    expected = [[(source, target)] for source, target in zip(names[::2], names[1::2], strict=True)]
    splits = load_parallel(f"files:{','.join(files)}", data_dir="none")
    assert rows_of(splits) == expected
    assert set(splits.checksums) == set(files)
    tables = [write(f"{index}.tsv", [f"{index}\tx"]) for index in range(3)]
    assert rows_of(load_parallel(f"tsv:{','.join(tables)}", data_dir="none")) == [[(str(i), "x")] for i in range(3)]


def test_a_source_and_a_target_file_are_cut_like_a_table_of_them(write):
    lines = [(f"s{number}", f"t{number}") for number in range(10)]
    table = write("a,b.tsv", [f"{source}\t{target}" for source, target in lines])
    source, target = write("a", [row[0] for row in lines]), write("b", [row[1] for row in lines])
    options = {"data_dir": "none", "fractions": (0.6, 0.2, 0.2)}
    assert rows_of(load_parallel(f"files:{source},{target}", **options)) == rows_of(
        load_parallel(f"tsv:{table}", **options)
    )


@pytest.mark.parametrize(
    ("dataset", "options", "say"),
    [
        ("multi30", {}, "unknown dataset 'multi30'; did you mean 'multi30k'.*files:PATH"),
        ("sst2", {}, "unknown dataset 'sst2'"),
        ("csv:a", {}, "unknown format 'csv'"),
        ("tsv:a,b", {}, "expected one path, or three .* got 2"),
        ("files:a", {}, "expected 2 paths, or 6 .* got 1"),
        ("files:a,b,c", {}, "got 3"),
        ("files:none.en,none.fr", {}, r"none\.en: .* no file of that name"),
        ("tsv:a", {"languages": "de-en"}, "--languages=de-en is for data sets of the registry"),
        ("builtin", {"languages": "de-en"}, "builtin has one direction alone"),
        ("multi30k", {"languages": "en-fr"}, "unknown languages of multi30k 'en-fr'; .* Known: de-en, en-de"),
        ("builtin", {"max_length": 2}, "--max_length=2: expected train pairs .* found none among 3000. Use 3 or more"),
    ],
)
def test_what_is_not_there_is_refused(dataset, options, say):
    with pytest.raises(SeqlabError, match=say):
        load_parallel(dataset, data_dir="none", **options)


def test_unequal_numbers_of_lines_are_an_error_with_file_and_row(write):
    source, target = write("a", "abc"), write("b", "ab")
    with pytest.raises(DataError, match=r"a:3: expected as many lines as in .*b, which has 2; found 3"):
        load_parallel(f"files:{source},{target}", data_dir="none")


def test_a_longest_length_leaves_out_pairs_that_are_longer_on_either_side(write):
    table = write("a.tsv", ["a b\tc", "a\tb c d", "a b c\td", "a b\tc d"])
    splits = load_parallel(f"tsv:{table},{table},{table}", data_dir="none", max_length=2)
    assert rows_of(splits) == [[("a b", "c"), ("a b", "c d")]] * 3
    assert "6 of 12 pairs, with at most 2 words on either side" in splits.description


def test_the_builtin_pairs_have_a_checksum_and_need_no_folder(tmp_path):
    splits = load_parallel("builtin", data_dir=tmp_path / "none")
    assert len(splits.checksums["reordering"]) == 64
    assert splits.tokenized
    assert not (tmp_path / "none").exists()


def test_multi30k_has_its_official_split_and_either_direction(data_folder):
    splits = load_parallel("multi30k", data_dir=data_folder)
    assert [len(part) for part in splits.parts] == [29_000, 1014, 1000]
    # The numbers of words in the data set's own description.
    assert sum(len(pair.source.split()) for pair in splits.train) == 377_534
    assert sum(len(pair.target.split()) for pair in splits.train) == 360_706
    assert len(splits.checksums) == 6
    swapped = load_parallel("multi30k", data_dir=data_folder, languages="de-en")
    assert rows_of(swapped) == [[(target, source) for source, target in part] for part in rows_of(splits)]
    assert load_parallel("multi30k", data_dir=data_folder, languages="en-de") == splits


@pytest.mark.slow
def test_tatoeba_has_the_split_by_hash_and_no_test_sentence_in_training(data_folder):
    splits = load_parallel("tatoeba_eng_fra", data_dir=data_folder)
    assert [len(part) for part in splits.parts] == [160_302, 3346, 3482]
    assert not {pair.source for pair in splits.train} & {pair.source for pair in splits.test}
    assert not any("\u00a0" in pair.target or "\u202f" in pair.target for pair in splits.train)
