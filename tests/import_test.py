"""What importing costs, and what it must not bring along; each in an interpreter of its own."""

import subprocess
import sys

import pytest

LIBRARIES_OF_OTHERS = {"torch", "tensorflow", "keras"}
USER_SECONDS = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)"
MODULES = "import sys; print(*{name.split('.')[0] for name in sys.modules})"


def printed_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout


def user_seconds(code: str) -> float:
    return float(printed_by(f"{code}\n{USER_SECONDS}"))


def test_importing_seqlab_costs_at_most_a_fifth_more_than_importing_flax():
    # The least of up to five runs each, in turns: other work on the machine only ever adds. The first turn in which the
    # bound holds is enough, as no run can take less than the import needs.
    ours, flax = [], []
    for _ in range(5):
        ours.append(user_seconds("import seqlab; seqlab.unroll; seqlab.LSTMCell"))
        flax.append(user_seconds("import flax.linen"))
        if min(ours) <= 1.2 * min(flax):
            return
    pytest.fail(f"seqlab takes {min(ours):.2f} s, flax {min(flax):.2f} s of a processor")


@pytest.mark.parametrize("code", ["import seqlab; seqlab.unroll; seqlab.LSTMCell"])
def test_importing_seqlab_brings_in_no_other_framework(code):
    loaded = set(printed_by(f"{code}\n{MODULES}").split())
    assert {"seqlab", "jax", "flax"} <= loaded
    assert not loaded & LIBRARIES_OF_OTHERS


@pytest.mark.parametrize("code", ["import seqlab", "import seqlab.data", "import seqlab.core.errors"])
def test_reading_data_and_names_does_not_wait_for_jax(code):
    loaded = set(printed_by(f"{code}\n{MODULES}").split())
    assert "seqlab" in loaded
    assert not loaded & {"jax", "flax"}


def test_every_name_that_the_package_hands_out_is_there():
    code = "import seqlab; print(*(getattr(seqlab, name) is not None for name in seqlab.__all__))"
    assert set(printed_by(code).split()) == {"True"}


def test_a_name_that_the_package_does_not_have_is_an_attribute_error():
    code = "import seqlab\ntry: seqlab.unrol\nexcept AttributeError as error: print(error)"
    assert printed_by(code) == "module 'seqlab' has no attribute 'unrol'\n"
