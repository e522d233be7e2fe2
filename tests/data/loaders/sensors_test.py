import numpy as np
import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.sensors import read_csv, read_npz, read_ts

HEADER = "#by hand\n@problemName a\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n"
LABELS = "@classLabel true up down\n@data\n"


def refused(read, path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as error:
        read(path)
    return str(error.value)


def test_a_ts_file_gives_steps_by_channels_with_labels_and_rows(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text(HEADER + LABELS + "1,2,3:4,5,6:up\n\n-1e2:0.5:down\n")
    first, second = read_ts(path)
    assert first.features.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert (first.label, first.place) == ("up", f"{path}:9")
    assert (second.features.tolist(), second.label) == ([[-100, 0.5]], "down")


@pytest.mark.parametrize(
    ("row", "say"),
    [
        ("1,2:3,4", ":9: expected 2 channels and a label"),
        ("1,2:3,4:left", ":9: expected one of the header's labels, down, up; found 'left'"),
        ("1,2:3:up", ":9: expected channels of one length, found [1, 2]"),
        ("1,2:3,x:up", ":9: expected numbers; could not convert string to float: 'x'"),
        ("1,2:3,?:up", ":9: expected numbers"),
        ("1,NaN:3,4:up", ":9: expected finite numbers, found 'NaN'"),
        ("1,2:3,1e999:up", ":9: expected finite numbers, found '1e999'"),
        ("", ": expected sequences and their labels, found none"),
    ],
)
def test_wrong_rows_of_a_ts_file_are_refused_with_their_place(tmp_path, row, say):
    path = tmp_path / "a.ts"
    assert refused(read_ts, path, HEADER + LABELS + row + "\n").startswith(f"{path}{say}")


@pytest.mark.parametrize(
    ("content", "say"),
    [
        (HEADER.replace("@timeStamps false", "@timeStamps true") + LABELS, "expected @timestamps false, found 'true'"),
        (HEADER.replace("@missing false", "@missing true") + LABELS, "expected @missing false, found 'true'"),
        (HEADER.replace("2\n", "two\n") + LABELS, "expected a header line '@dimensions NUMBER', found 'two'"),
        (HEADER + "@classLabel false\n@data\n1:2\n", "expected a header line '@classLabel true"),
        (HEADER + "1,2:3,4:up\n", ":7: expected a header line with @ or @data"),
    ],
)
def test_a_ts_header_that_cannot_be_read_is_refused(tmp_path, content, say):
    assert say in refused(read_ts, tmp_path / "a.ts", content)


def test_a_csv_file_has_a_row_for_each_step(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,x,sequence,y\nup,1,a,2\nup,3,a,4\n\ndown,5,b,6\n")
    first, second = read_csv(path)
    assert first.features.tolist() == [[1, 2], [3, 4]]
    assert (first.label, first.name, first.place) == ("up", "a", f"{path}:2")
    assert (second.features.tolist(), second.label) == ([[5, 6]], "down")


@pytest.mark.parametrize(
    ("content", "say"),
    [
        ("label,x\nup,1\n", ":1: expected a header with sequence, label and channels"),
        ("sequence,label,x\n", ": expected sequences and their labels, found none"),
        ("sequence,label,x\na,up\n", ":2: expected 3 columns as in the header, found 2"),
        ("sequence,label,x\na,up,1\na,down,1\n", ":3: expected the label of row 2, 'up'; found 'down'"),
        ("sequence,label,x\na,,1\n", ":2: expected the label of row 2"),
        ("sequence,label,x\na,up,1\nb,up,1\na,up,2\n", ":4: expected the rows of sequence 'a' together"),
        ("sequence,label,x\na,up,one\n", ":2: expected numbers"),
        ("sequence,label,x\na,up,\n", ":2: expected numbers"),
        ("sequence,label,x\na,up,inf\n", ":2: expected finite numbers, found 'inf'"),
        ('sequence,label,x\na,up,"1\n', ":2: expected columns with commas between them"),
    ],
)
def test_wrong_csv_files_are_refused_with_their_place(tmp_path, content, say):
    path = tmp_path / "a.csv"
    assert refused(read_csv, path, content).startswith(f"{path}{say}")


def test_an_npz_file_is_read_up_to_the_lengths(tmp_path):
    path = tmp_path / "a.npz"
    inputs = np.arange(12.0).reshape(2, 3, 2)
    inputs[1, 2] = np.nan
    np.savez(path, inputs=inputs, labels=np.array(["up", "down"]), lengths=np.array([3, 2]))
    first, second = read_npz(path)
    assert (first.features.shape, second.features.tolist()) == ((3, 2), [[6, 7], [8, 9]])
    assert (first.label, second.label, second.place) == ("up", "down", f"{path}:2")
    np.savez(path, inputs=np.ones((2, 3)), labels=np.array([0, 1]))
    assert [(row.features.shape, row.label) for row in read_npz(path)] == [((3, 1), "0"), ((3, 1), "1")]


def test_an_npz_file_is_never_unpickled_and_its_arrays_have_to_fit(tmp_path):
    path = tmp_path / "a.npz"

    def say(**arrays):
        np.savez(path, **arrays)
        with pytest.raises(DataError) as error:
            read_npz(path)
        return str(error.value).removeprefix(f"{path}")

    ones, labels = np.ones((2, 3, 1)), np.array(["a", "b"])
    assert say(inputs=np.array([None, {}]), labels=labels).startswith(": expected an npz archive of arrays without")
    assert say(inputs=ones).startswith(": expected arrays inputs [N, T, F] or [N, T] and labels [N]; found")
    assert say(inputs=ones, labels=labels[:1]).startswith(": expected arrays inputs")
    assert say(inputs=ones, labels=labels, lengths=np.array([1, 4])).startswith(":2: expected a length in [1, 3]")
    assert say(inputs=ones, labels=labels, lengths=np.array([1.0, 2.0])).startswith(
        ": expected lengths to be 2 integers"
    )
    assert say(inputs=ones * np.inf, labels=labels).startswith(":1: expected finite numbers, found inf")
    assert say(inputs=np.full((2, 3), "a"), labels=labels).startswith(": expected inputs to be numbers")
    assert "expected a zip archive with arrays" in refused(read_npz, path, b"PK\x03\x04 nonsense")
    np.save(tmp_path / "b.npy", np.ones(3))
    assert "expected a zip archive with arrays" in refused(read_npz, path, (tmp_path / "b.npy").read_bytes())
