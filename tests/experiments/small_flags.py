"""A small set of flags, one of each kind, for the tests of what parses and writes them."""

from absl import flags

from experiments.flag_kinds import define_enum, define_float, define_integer

MODULE = __name__


def define_all() -> flags.FlagValues:
    """A fresh set of flags, filed under this module."""
    values = flags.FlagValues()
    flags.DEFINE_string("dataset", "topics", "What to learn.", flag_values=values)
    define_float("learning_rate", 0.1, "Rate.", 0.0, 10.0, flag_values=values)
    define_integer("hidden_size", 8, "Units.", 1, flag_values=values)
    define_enum("cell", "gru", ["gru", "lstm"], "Recurrence.", flag_values=values)
    flags.DEFINE_boolean("nesterov", False, "Look ahead.", flag_values=values)
    flags.DEFINE_list("sizes", ["1", "2"], "Widths.", flag_values=values)
    return values
