import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.paged import PagedArrays

REPOSITORY = Path(__file__).parents[2]


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["f4", "u1", "i8"])), max_size=12), st.integers(0, 300))
def test_arrays_are_what_they_were_wherever_they_lie(sizes, in_memory):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 100, (size, 2)).astype(dtype) for size, dtype in sizes]
    paged = PagedArrays(in_memory, segment=256)
    kept = [paged.keep(array) for array in arrays]
    for array, one in zip(arrays, kept, strict=True):
        assert one.dtype == array.dtype
        np.testing.assert_array_equal(one, array)
    in_files = [one for array, one in zip(arrays, kept, strict=True) if one is not array]
    assert not any(one.flags.writeable for one in in_files)
    assert sum(array.nbytes for array, one in zip(arrays, kept, strict=True) if one is array) <= in_memory


def test_more_is_kept_than_a_process_may_have_in_memory():
    program = """
import resource
import numpy as np
from seqlab.data.paged import PagedArrays
used = 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1])
resource.setrlimit(resource.RLIMIT_DATA, (used + 2**26, used + 2**26))
for in_memory in (2**24, 2**30):
    paged, kept = PagedArrays(in_memory, segment=2**25), []
    try:
        kept = [paged.keep(np.full(2**23, number, np.uint8)) for number in range(20)]
        print(sum(int(array[-1]) for array in kept))
    except MemoryError:
        print("no memory")
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert run.stdout.split("\n")[:2] == [str(sum(range(20))), "no memory"], run.stderr


def test_a_folder_without_room_is_named(monkeypatch):
    def full(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(SeqlabError, match=r"expected room for \d+ bytes .*No space left on device\. Name another"):
        PagedArrays(in_memory=0).keep(np.zeros(5))
