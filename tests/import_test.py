"""What importing costs, and what it must not bring along; each in an interpreter of its own."""

import subprocess
import sys

import pytest

LIBRARIES_OF_OTHERS = {"torch", "tensorflow", "keras"}
MODULES = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
# Seconds of a processor when flax is there, and when seqlab is too, which needs it.
FLAX_THEN_SEQLAB = """
import resource
import flax.linen
print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
import seqlab
seqlab.unroll, seqlab.LSTMCell
print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""


def printed_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout


def test_importing_seqlab_costs_at_most_a_fifth_more_than_importing_flax():
    # The least of up to five turns each: other work on the machine only ever adds. The first turn in which the bound
    # holds is enough, as no run can take less than the import needs.
    flax, beyond = [], []
    for _ in range(5):
        before, after = map(float, printed_by(FLAX_THEN_SEQLAB).split())
        flax.append(before)
        beyond.append(after - before)
        if min(beyond) <= 0.2 * min(flax):
            return
    pytest.fail(f"seqlab takes {min(beyond):.2f} s beyond the {min(flax):.2f} s that flax takes of a processor")


def test_importing_seqlab_brings_in_no_other_framework_and_has_every_name_that_it_hands_out():
    names = "import seqlab; print(*(getattr(seqlab, name) is not None for name in seqlab.__all__))"
    found, loaded = printed_by(f"{names}\n{MODULES}").splitlines()
    assert set(found.split()) == {"True"}
    assert {"seqlab", "jax", "flax"} <= set(loaded.split())
    assert not set(loaded.split()) & LIBRARIES_OF_OTHERS


@pytest.mark.parametrize("code", ["import seqlab", "import seqlab.data", "import seqlab.core.errors"])
def test_reading_data_and_names_does_not_wait_for_jax(code):
    loaded = set(printed_by(f"{code}\n{MODULES}").split())
    assert "seqlab" in loaded
    assert not loaded & {"jax", "flax"}


def test_a_name_that_the_package_does_not_have_is_an_attribute_error():
    code = "import seqlab\ntry: seqlab.unrol\nexcept AttributeError as error: print(error)"
    assert printed_by(code) == "module 'seqlab' has no attribute 'unrol'\n"
