import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import DataError
from seqlab.data.loaders.dna import MEANINGS, base_shares, read_fasta, read_fasta_files, read_sequence_csv


@given(st.text(alphabet="".join(MEANINGS) + "acgtn", min_size=1))
def test_the_shares_of_a_letter_are_equal_and_sum_to_one(sequence):
    shares = base_shares(sequence, "a.fa:1")
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    for letter, row in zip(sequence.upper(), shares, strict=True):
        meant = ["ACGT"[place] for place in np.flatnonzero(row)]
        assert "".join(meant) == MEANINGS[letter]
        assert len(set(row[row > 0].tolist())) == 1


def test_fasta_is_joined_over_lines_and_labelled_by_its_file(tmp_path):
    path = tmp_path / "site.fa"
    path.write_text("> first one\nACG\nTn\n\n>second\nttt\n")
    first, second = read_fasta(path)
    assert (first.name, first.text, first.label, first.place) == ("first one", "ACGTn", "site", f"{path}:1")
    assert first.features[4].tolist() == [0.25] * 4
    assert (second.text, second.features.shape) == ("ttt", (3, 4))
    other = tmp_path / "other.fa"
    other.write_text(">a\nA\n")
    assert [row.label for row in read_fasta_files([path, other])] == ["site", "site", "other"]
    with pytest.raises(DataError, match="FASTA files of different names"):
        read_fasta_files([path, path])


@pytest.mark.parametrize(
    ("content", "say"),
    [
        ("ACGT\n", ":1: expected a line with > and a name, found 'ACGT'"),
        (">a\n>b\nAC\n", ":1: expected a sequence behind '>a', found none"),
        (">a\nAC\nA-C\n", ":3: expected letters of ABCDGHKMNRSTUVWY, found '-' at position 2"),
        (">a\nAC1\n", ":2: expected letters"),
        (">a\nAΩ\n", ":2: expected letters of ABCDGHKMNRSTUVWY, found 'Ω' at position 2"),
        ("\n", ": expected sequences in FASTA, found none"),
    ],
)
def test_wrong_fasta_is_refused_with_its_place(tmp_path, content, say):
    path = tmp_path / "a.fa"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        read_fasta(path)
    assert str(error.value).startswith(f"{path}{say}")


def test_a_csv_of_sequences_has_class_name_and_sequence_with_blanks_around_them(tmp_path):
    path = tmp_path / "a.data"
    path.write_text("EI,   A-1,     ACGD\nN, B-2, ttt\n")
    first, second = read_sequence_csv(path)
    assert (first.label, first.name, first.text, first.row) == ("EI", "A-1", "ACGD", 1)
    assert (second.label, second.text) == ("N", "ttt")
    for content, say in {
        "EI,A\n": ":1: expected class, name and sequence",
        "EI,A,\n": ":1: expected class",
        "N,b,AC\nN,a,AXC\n": ":2: expected letters",
        "\n": ": expected lines",
    }.items():
        path.write_text(content)
        with pytest.raises(DataError) as error:
            read_sequence_csv(path)
        assert str(error.value).startswith(f"{path}{say}")
