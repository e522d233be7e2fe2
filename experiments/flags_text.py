"""The flags of a run as a flag file, from which the very same run can be launched again.

Flag files are read by :mod:`experiments.flagfiles`; a value that would not come back from there as it went is refused.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from experiments import flagfiles
from seqlab.core.errors import SeqlabError, unknown_name


def flags_text(flag_values: flags.FlagValues, modules: Sequence[str]) -> str:
    """A flag file with the value of every flag that ``modules`` define, in the order of their definition.

    ``--flagfile`` on it gives the very same values again: each line is read back before it is accepted, and a value
    that a flag file cannot hold is refused.

    Raises:
        SeqlabError: a module defines no flag, or a value is None, holds a line break, `` #`` or `` //``, ends in white
            space or a backslash, stands in quotes, or is that of a flag that may be given several times.
    """
    lines = []
    for module in modules:
        defined = flag_values.get_flags_for_module(module)
        if not defined:
            raise unknown_name("module with flags", module, flag_values.flags_by_module_dict())
        lines += [_flag_line(flag) for flag in defined]
    return "".join(f"{line}\n" for line in lines)


def _flag_line(flag: flags.Flag) -> str:
    def refuse(why: str) -> SeqlabError:
        return SeqlabError(f"flag --{flag.name}: the value {flag.value!r} cannot be written to a flag file: {why}")

    if flag.value is None:
        raise refuse("a file cannot say None. Give the flag another default.")
    if isinstance(flag, flags.MultiFlag):
        raise refuse("values given again later would add to it. Define the flag as a list.")
    if flag.boolean:
        return f"--{flag.name}={'true' if flag.value else 'false'}"
    value = flag.serializer.serialize(flag.value) if flag.serializer else str(flag.value)
    line = f"--{flag.name}={value}"
    try:
        kept = flagfiles.parse_line(line, "read back") == line and flag.parser.parse(value) == flag.value
        line.encode("utf-8")
    except ValueError as error:
        raise refuse(f"{error}") from error
    if not kept:
        raise refuse("it would be read back as another value. Remove the white space at its ends.")
    return line


def write_flags(path: str | os.PathLike[str], flag_values: flags.FlagValues, modules: Sequence[str]) -> None:
    """Writes :func:`flags_text` to ``path``; nothing is written where a value is refused."""
    Path(path).write_bytes(flags_text(flag_values, modules).encode("utf-8"))
