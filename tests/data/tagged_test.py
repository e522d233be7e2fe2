import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.bio import entities
from seqlab.data.tagged import load_tagged


@pytest.fixture
def write(tmp_path):
    def write_file(name, words):
        path = tmp_path / name
        path.write_text("".join(f"{word}\tB-x\n\n" for word in words))
        return str(path)

    return write_file


def words_of(splits):
    return ["".join(word for sentence in part for word in sentence.words) for part in splits.parts]


def test_one_file_is_cut_by_sentences_and_three_are_the_splits(write):
    one = load_tagged(f"conll:{write('a', 'abcdefghij')}", data_dir="none", fractions=(0.8, 0.1, 0.1))
    assert words_of(one) == ["abcdefgh", "i", "j"]
    files = [write(name, words) for name, words in (("t", "ab"), ("v", "c"), ("x", "d"))]
    three = load_tagged(f"conll:{','.join(files)}", data_dir="none")
    assert words_of(three) == ["ab", "c", "d"]
    assert set(three.checksums) == set(files)
    assert words_of(load_tagged(f"conll:{write('a,b', 'abcdefghij')}", data_dir="none", fractions=(0.8, 0.1, 0.1)))


def test_two_files_and_other_formats_and_names_are_refused(write):
    with pytest.raises(SeqlabError, match=r"expected one path, or three .* got 2"):
        load_tagged(f"conll:{write('a', 'a')},{write('b', 'b')}", data_dir="none")
    with pytest.raises(SeqlabError, match="unknown format 'text'"):
        load_tagged("text:a", data_dir="none")
    with pytest.raises(SeqlabError, match="unknown dataset 'wnut18'; did you mean 'wnut17'"):
        load_tagged("wnut18", data_dir="none")
    with pytest.raises(SeqlabError, match="unknown dataset 'tinyshakespeare'"):
        load_tagged("tinyshakespeare", data_dir="none")


def test_a_type_in_a_held_out_file_alone_is_refused(write, tmp_path):
    other = tmp_path / "test"
    other.write_text("a\tO\nb\tB-y\n")
    with pytest.raises(DataError, match=r"test:2: expected a type of entity that the training split has \(x\)"):
        load_tagged(f"conll:{write('a', 'a')},{write('b', 'b')},{other}", data_dir="none")


@pytest.mark.slow
def test_wnut_17_has_as_many_sentences_and_entities_as_its_paper_says(data_folder):
    splits = load_tagged("wnut17", data_dir=data_folder)
    assert [len(part) for part in splits.parts] == [3394, 1009, 1287]
    assert [sum(len(row.words) for row in part) for part in splits.parts] == [62730, 15733, 23394]
    assert [sum(len(entities(row.tags)) for row in part) for part in splits.parts] == [1975, 836, 1079]
