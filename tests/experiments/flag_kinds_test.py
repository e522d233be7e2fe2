import pytest
from absl import flags

from experiments.flag_kinds import define_float, define_integer
from tests.experiments.small_flags import MODULE, define_all


def test_the_definers_file_a_flag_under_the_module_that_calls_them():
    assert [flag.name for flag in define_all().get_flags_for_module(MODULE)] == [
        "dataset",
        "learning_rate",
        "hidden_size",
        "cell",
        "nesterov",
        "sizes",
    ]


@pytest.mark.parametrize(("low", "high", "bad"), [(1, None, 0), (None, 1, 2), (1, 2, 3)])
def test_a_default_out_of_bounds_is_refused(low, high, bad):
    with pytest.raises(flags.IllegalFlagValueError, match="expected an integer"):
        define_integer("n", bad, "N.", low, high, flag_values=flags.FlagValues())
    with pytest.raises(flags.IllegalFlagValueError, match="expected a finite number"):
        define_float("x", bad, "X.", low, high, flag_values=flags.FlagValues())
