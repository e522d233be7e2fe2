import re

import pytest
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import flagfiles
from experiments.flags_text import flags_text, write_flags
from seqlab.core.errors import SeqlabError
from tests.experiments.small_flags import MODULE, define_all


@pytest.fixture
def values():
    return define_all()


def cannot_stand_in_a_file(value: str) -> bool:
    """The rule of the writer, said another way."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    comment = re.search(r"\s(#|//)", value)
    surrogate = any("\ud800" <= letter <= "\udfff" for letter in value)
    return bool(quoted or comment or surrogate or {"\r", "\n"} & set(value) or value.endswith("\\")) or (
        value != value.rstrip()
    )


def relaunched(text: str, path) -> flags.FlagValues:
    path.write_bytes(text.encode())
    values = define_all()
    values(["run", *flagfiles.expand([f"--flagfile={path}"])])
    return values


AWKWARD = st.text(st.sampled_from("ab ,#/\"'=-\\\t\r\né\u2028"), max_size=6) | st.text(max_size=6)


def written(values: flags.FlagValues) -> str | None:
    try:
        return flags_text(values, [MODULE])
    except SeqlabError:
        return None


@settings(deadline=None)
@given(AWKWARD, st.floats(0, 10), st.integers(1, 2**70), st.booleans())
def test_flags_text_relaunches_the_same_flags_or_is_refused(tmp_path_factory, dataset, rate, size, nesterov):
    values = define_all()
    values(["run", f"--dataset={dataset}", f"--learning_rate={rate!r}", f"--hidden_size={size}"])
    values.nesterov = nesterov
    text = written(values)
    assert (text is None) == cannot_stand_in_a_file(dataset)
    if text is not None:
        path = tmp_path_factory.getbasetemp() / "flags.txt"
        assert relaunched(text, path).flag_values_dict() == values.flag_values_dict()


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from('ab ",#'), max_size=4), max_size=4))
def test_lists_in_flags_text_come_back_the_same_or_are_refused(tmp_path_factory, sizes):
    values = define_all()
    values.mark_as_parsed()
    values.sizes = sizes
    text = written(values)
    if all(item.isalpha() for item in sizes):
        assert text is not None
    if text is not None:
        assert relaunched(text, tmp_path_factory.getbasetemp() / "flags.txt").sizes == sizes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", ""),
        ("dataset", "text:/a b/c,d#e.txt"),
        ("dataset", " leading"),
        ("dataset", "--flagfile=x"),
        ("learning_rate", 0.1 + 0.2),
        ("learning_rate", 5e-324),
        ("nesterov", True),
        ("sizes", []),
        ("sizes", ["a b", "c,d", 'say "x"', ""]),
    ],
)
def test_an_ordinary_value_survives_flags_txt(values, tmp_path, name, value):
    values.mark_as_parsed()
    setattr(values, name, value)
    path = tmp_path / "flags.txt"
    write_flags(path, values, [MODULE])
    assert relaunched(path.read_text(), path)[name].value == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "a file cannot say None"),
        ("a # b", "comment '# b'"),
        ("a\nb", "line break"),
        ("a ", "white space at its ends"),
        ('"a"', "without quotes"),
        ("a\\", "backslash"),
        ("\udce9", "surrogates not allowed"),
    ],
)
def test_a_value_that_a_flag_file_cannot_hold_is_refused_and_nothing_is_written(values, tmp_path, value, why):
    values.mark_as_parsed()
    values.dataset = value
    with pytest.raises(SeqlabError, match=f"^flag --dataset: .*{why}"):
        write_flags(tmp_path / "flags.txt", values, [MODULE])
    assert not (tmp_path / "flags.txt").exists()


def test_a_flag_that_may_be_given_several_times_is_refused(values):
    flags.DEFINE_multi_string("vary", ["a"], "Repeated.", flag_values=values, module_name=MODULE)
    values.mark_as_parsed()
    with pytest.raises(SeqlabError, match="Define the flag as a list"):
        flags_text(values, [MODULE])


def test_a_module_without_flags_is_an_unknown_name(values):
    with pytest.raises(SeqlabError, match=r"unknown module with flags 'experiments\.flag_definition'"):
        flags_text(values, ["experiments.flag_definition"])


def test_flags_txt_has_only_the_given_modules_one_flag_a_line_in_the_order_of_definition(values):
    flags.DEFINE_string("foreign", "", "Of a library.", flag_values=values, module_name="some.library")
    values.mark_as_parsed()
    assert flags_text(values, [MODULE]) == (
        "--dataset=topics\n--learning_rate=0.1\n--hidden_size=8\n--cell=gru\n--nesterov=false\n--sizes=1,2\n"
    )
