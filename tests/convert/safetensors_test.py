import contextlib
import json
import re
import struct
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies

from seqlab.cells import CELLS, make_cell
from seqlab.convert import (
    from_torch,
    load_arrays,
    load_metadata,
    load_params,
    save_arrays,
    save_params,
    to_torch,
)
from seqlab.convert.safetensors import DTYPES, MAX_DEPTH
from seqlab.core.errors import SeqlabError
from tests.convert.cases import assert_same_bits, random_cell, random_stack

names = strategies.text(
    strategies.characters(exclude_characters=".", exclude_categories=["Cs"]), min_size=1, max_size=5
)
shapes = strategies.lists(strategies.integers(0, 3), max_size=3).map(tuple)
arrays = strategies.builds(
    lambda shape, dtype: np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype),
    shapes,
    strategies.sampled_from(list(DTYPES.values())),
)
trees = strategies.dictionaries(
    names, arrays | strategies.dictionaries(names, arrays, min_size=1, max_size=3), max_size=3
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@settings(max_examples=25)
@given(trees)
def test_a_tree_comes_back_exactly(folder, tree):
    save_params(folder / "tree.safetensors", tree)
    assert_same_bits(load_params(folder / "tree.safetensors"), tree)
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("name", sorted(CELLS))
def test_the_params_of_every_cell_can_be_kept(folder, name):
    params = make_cell(name, 3).param_specs(3)
    params = {"cell": {leaf: np.ones(shape, np.float32) for leaf, (_, shape) in params.items()}}
    save_params(folder / "cell.safetensors", params)
    assert_same_bits(load_params(folder / "cell.safetensors"), params)


def test_views_and_arrays_of_jax_are_written_in_their_own_order(folder):
    kernel = np.arange(6.0).reshape(2, 3)
    save_params(folder / "views.safetensors", {"view": kernel.T, "jax": jnp.ones(3, jnp.bfloat16)})
    found = load_params(folder / "views.safetensors")
    np.testing.assert_array_equal(found["view"], kernel.T)
    assert found["jax"].dtype == jnp.bfloat16


def test_metadata_are_kept_beside_the_params(folder):
    save_params(folder / "noted.safetensors", {"bias": np.ones(1)}, metadata={"cell": "gru"})
    assert load_metadata(folder / "noted.safetensors") == {"cell": "gru", "seqlab_params_version": "1"}
    assert_same_bits(load_params(folder / "noted.safetensors"), {"bias": np.ones(1)})


def test_a_file_of_pytorch_is_read_as_arrays_and_converted(folder):
    params = random_stack("lstm", 2, 3, 2, True, seed=0)
    path = folder / "torch.safetensors"
    save_arrays(path, to_torch(params, "lstm", prefix="rnn."), metadata={"format": "pt"})
    assert_same_bits(from_torch(load_arrays(path), "lstm", prefix="rnn."), params)
    assert load_metadata(path) == {"format": "pt"}
    with pytest.raises(SeqlabError, match=r"layout version 1; found no params of seqlab\. Read arrays of others with"):
        load_params(path)


def test_reading_executes_nothing(folder):
    path = folder / "audited.safetensors"
    save_params(path, {"cell": random_cell("gru", 2, 3, 0)})
    load_params(path)  # What is imported is imported now.
    events = []
    listening = True
    sys.addaudithook(lambda event, args: events.append(event) if listening else None)
    load_params(path)
    listening = False
    assert "open" in events
    assert not {"exec", "compile", "import", "pickle.find_class", "os.system", "subprocess.Popen"} & set(events)


# What cannot be written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "say"),
    [
        ({"a": {"b": np.ones(2, np.complex64)}}, "leaf 'a.b' is complex64; a safetensors file can hold float64"),
        ({"a": np.array(["text"])}, "leaf 'a' is <U4"),
        ({"a": [np.ones(2)]}, "expected nested dicts of arrays; found list at a"),
        ({"a": None}, "found NoneType at a"),
        (np.ones(2), "found ndarray at the root"),
        ({"a.b": np.ones(2)}, "expected names without dots"),
        ({"": np.ones(2)}, "expected names without dots"),
        ({3: np.ones(2)}, "found 3 in the root"),
        ({"a": {"b": {}}}, "a.b is an empty dict"),
    ],
)
def test_a_tree_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path, params, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        save_params(tmp_path / "file", params)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(SeqlabError, match=r"pip install 'seqlab\[convert\]'"):
        save_params(tmp_path / "file", {"bias": np.ones(1)})


# Files that are not what they should be --------------------------------------------------------------------------

OURS = {"seqlab_params_version": "1"}


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def leaves(*leaf_names, metadata=OURS, dtype="U8"):
    entries = {name: {"dtype": dtype, "shape": [1], "data_offsets": [i, i + 1]} for i, name in enumerate(leaf_names)}
    return file_of({"__metadata__": metadata, **entries}, b"\0" * len(leaf_names))


@pytest.mark.parametrize(
    ("content", "say"),
    [
        (b"", "it is cut or something else"),
        (b"\x80\x04\x95pickle, perhaps", "it is cut or something else"),
        (struct.pack("<Q", 2**63) + b"{}", "it is cut or something else"),
        (struct.pack("<Q", 10**9) + b"{}", "it is cut or something else"),
        (file_of(b"[]"), "it is cut or something else"),
        (file_of(b"\xff\xff"), "it is cut or something else"),
        (leaves("a")[:-1], "it is cut or something else"),
        (leaves("a") + b"x", "it is cut or something else"),
        (file_of({"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 8]}}, b"\0" * 8), "it is cut or"),
        (file_of({"a": {"dtype": "U8", "shape": [1], "data_offsets": [-1, 0]}}, b"\0"), "it is cut or something else"),
        (file_of(b'{"a":' * 10_000), "it is cut or something else"),
        (leaves("a", metadata={}), "expected params of seqlab, layout version 1; found no params of seqlab"),
        (leaves("a", metadata={"seqlab_params_version": "9"}), "layout version 1; found version '9'"),
        (leaves("a", dtype="F8_E4M3"), "found a (F8_E4M3)"),
        (leaves("a", "a.b"), "leaf 'a.b' lies in another leaf, or another in it"),
        (leaves("a.b", "a"), "leaf 'a.b' lies in another leaf, or another in it"),
        (leaves("a..b"), "leaf 'a..b' is no path"),
        (leaves(""), "leaf '' is no path"),
        (leaves(".".join("a" * (MAX_DEPTH + 1))), f"is no path of at most {MAX_DEPTH} names"),
        (leaves("a" * 10_000 + "."), "is no path of at most"),
    ],
)
def test_a_hostile_or_cut_file_is_refused_in_a_line(tmp_path, content, say):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(SeqlabError) as raised:
        load_params(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert say in str(raised.value)
    assert len(str(raised.value)) < 600


@settings(max_examples=100)
@given(strategies.data())
def test_a_file_cut_or_changed_anywhere_is_read_or_refused_but_nothing_else(folder, data):
    path = folder / "changed.safetensors"
    save_params(path, {"cell": {"kernel": np.ones((2, 3), np.float32), "bias": np.ones(3, np.float16)}})
    content = bytearray(path.read_bytes())
    if data.draw(strategies.booleans()):
        path.write_bytes(content[: data.draw(strategies.integers(0, len(content) - 1))])
        with pytest.raises(SeqlabError, match="it is cut or something else"):
            load_params(path)
        return
    content[data.draw(strategies.integers(0, len(content) - 1))] = data.draw(strategies.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(SeqlabError):
        load_params(path)


@pytest.mark.parametrize(("place", "say"), [("missing", "no file of that name"), (".", "a folder")])
def test_no_file_is_said(tmp_path, place, say):
    with pytest.raises(SeqlabError, match=f"expected a safetensors file, found {say}"):
        load_arrays(tmp_path / place)
