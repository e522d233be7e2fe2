"""The command line of every experiment: parse strictly, run, and turn what a user can mend into exit status 2.

:func:`run` stands in for ``absl.app.run``. Errors name their place (``file:row`` where a flag stood in a flag file) and
are printed in a line or two without a traceback; parsing imports nothing heavy, so they come at once. Flags are defined
with absl, numbers through :func:`define_float` and :func:`define_integer`, which refuse what is not finite or out of
bounds. No flag of ours has the value None, because a flag file cannot say None: use "" or 0 and say so in the help.
"""

import math
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from absl import flags

from experiments import flagfiles
from experiments.flagfiles import Token
from seqlab.core.errors import SeqlabError, unknown_name

# The flags that the functions below define belong to the modules that call them.
flags.disclaim_key_flags()


# Running ---------------------------------------------------------------------------------------------------------


def run(
    main: Callable[[], int | None], argv: Sequence[str] | None = None, *, flag_values: flags.FlagValues = flags.FLAGS
) -> NoReturn:
    """Parses the command line, calls ``main`` and exits with the status that it returns (None counts as 0).

    A :class:`SeqlabError`, or an OSError that names a file, is printed as ``program: error: ...`` and the status is 2;
    an interrupt gives 130. Any other exception is a defect of ours and keeps its traceback. ``--help`` prints the
    flags of our own modules, ``--helpfull`` those of the libraries too, and both exit with 0.

    Args:
        main: what to run; it reads the parsed flags, and is best where heavy modules are imported.
        argv: the program's name and its arguments; ``sys.argv`` by default.
        flag_values: where the flags are defined.
    """
    argv = list(sys.argv if argv is None else argv)
    program = Path(argv[0]).stem
    try:
        parse(argv, flag_values)
        status = main() or 0
    except SeqlabError as error:
        status = _fail(program, str(error))
    except BrokenPipeError:
        # Whoever read the output has had enough; Python must not fail again when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is None:
            raise
        status = _fail(program, f"{os.fsdecode(error.filename)}: {error.strerror}. Check the path and its permissions.")
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def _fail(program: str, message: str) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2


def parse(argv: Sequence[str], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Sets ``flag_values`` from the command line, with flag files expanded (see :mod:`experiments.flagfiles`).

    Raises:
        SeqlabError: a flag is unknown, lacks its value or has a wrong one, an argument is left over, or a flag file
            cannot be read; the message begins with ``file:row`` where the flag stood in a file.
        SystemExit: with 0, after ``--help`` or ``--helpfull``.
    """
    _define_help(flag_values)
    tokens = flagfiles.expand_tokens(argv[1:])
    _check_values_are_there(tokens, flag_values)
    try:
        left_over = flag_values([argv[0], *(token.text for token in tokens)])[1:]
    except (flags.Error, ValueError) as error:
        raise _explained(error, tokens) from error
    if left_over:
        raise SeqlabError(_why_left_over(left_over[0], tokens, flag_values))


def _name(token: Token) -> str:
    return token.text.lstrip("-").partition("=")[0]


def _is_bare(token: Token, flag_values: flags.FlagValues, *, boolean: bool) -> bool:
    """Whether the token is a known flag without ``=value``, boolean or of another type."""
    name = _name(token)
    return (
        token.text.startswith("-")
        and "=" not in token.text
        and name in flag_values
        and (bool(flag_values[name].boolean) == boolean)
    )


def _check_values_are_there(tokens: list[Token], flag_values: flags.FlagValues) -> None:
    """Refuses ``--run_dir --rate=0.3``, which absl reads as the folder ``--rate=0.3``."""
    for token, after in pairwise([*tokens, Token("--")]):
        if token.text == "--":
            return
        swallows = token.origin or after.origin or after.text.startswith("--")
        if swallows and _is_bare(token, flag_values, boolean=False):
            where = f"{token.origin}: " if token.origin else ""
            name = _name(token)
            raise SeqlabError(f"{where}expected a value for the flag --{name}, found none. Write --{name}=VALUE.")


def _explained(error: Exception, tokens: list[Token]) -> SeqlabError:
    """An error of absl's with the place of the flag that it speaks of."""
    message = re.sub(
        r"\('Non-boolean argument to boolean flag', (.*)\)$", r"expected true or false; got \1", str(error)
    )
    if isinstance(error, flags.UnrecognizedFlagError):
        name = error.flagname
        message += " (--help lists the flags)"
    else:
        found = re.match(r"(?:flag )?--?(?P<name>[\w.-]+)=", message)
        name = found["name"] if found else ""
    given = [token for token in tokens if name and _name(token) == name]
    # The first value that is wrong stopped absl; what a validator refuses is the last value given.
    wrong = [token for token in given if message.startswith(f"flag --{token.text.lstrip('-')}: ")]
    origin = (wrong[:1] or given[-1:] or [Token("")])[0].origin
    message = " ".join(message.split())
    return SeqlabError(f"{origin}: {message}" if origin else message)


def _why_left_over(first: str, tokens: list[Token], flag_values: flags.FlagValues) -> str:
    """The message for an argument that is no flag and no flag's value, with its likely cause."""
    found = f"expected only flags (--name=value), found the argument {first!r}"
    pairs = pairwise([Token(""), *tokens])
    behind = (b for b, token in pairs if token.text == first and not _is_bare(b, flag_values, boolean=False))
    before = next(behind, Token(""))
    if before.text == "--" or first.startswith("--"):
        return f"{found} behind '--', which ends the flags. Remove the '--'."
    if _is_bare(before, flag_values, boolean=True):
        name = _name(before)
        return f"{found} behind --{name}, which is true or false; did you mean '--{name}={first}' or '--no{name}'?"
    bare = first.lstrip("-–—")
    if "=" in bare or bare in flag_values:
        return f"{found}; did you mean '--{bare}'?"
    return f"{found}. Remove it, or quote the value that it belongs to."


# Help ------------------------------------------------------------------------------------------------------------


class _HelpFlag(flags.BooleanFlag):
    """A flag that prints a text and exits with 0 as soon as it is parsed, whatever else is on the command line."""

    def __init__(self, name: str, help_text: str, text: Callable[[], str]):
        super().__init__(name, False, help_text)
        self.text = text

    def parse(self, argument: Any) -> None:
        if self._parse(argument):
            print(self.text())
            sys.exit(0)


def _define_help(flag_values: flags.FlagValues) -> None:
    if "help" in flag_values:
        return

    def own_help() -> str:
        usage = (sys.modules["__main__"].__doc__ or "").strip()
        # absl files the flags of the program itself under the name that it was started with.
        own = [m for m in flag_values.flags_by_module_dict() if m.startswith("experiments.") or m == sys.argv[0]]
        return "\n".join([usage, *map(flag_values.module_help, sorted(own))])

    for name, help_text, text in [
        ("help", "Print the flags of this program and exit.", own_help),
        ("helpfull", "Print all flags, those of the libraries too, and exit.", flag_values.get_help),
    ]:
        flags.DEFINE_flag(_HelpFlag(name, help_text, text), flag_values, __name__)


# Defining flags --------------------------------------------------------------------------------------------------


def _within(noun: str, low: float | None, high: float | None) -> str:
    """The bounds in words: they stand in the help and in the error."""
    if low is not None and high is not None:
        return f"{noun} in [{low}, {high}]"
    if low is not None:
        return f"{noun} >= {low}"
    return noun if high is None else f"{noun} <= {high}"


class _FloatParser(flags.FloatParser):
    """absl's parser, without nan and infinities."""

    def __init__(self, low: float | None, high: float | None):
        super().__init__(low, high)
        self.syntactic_help = _within("a finite number", low, high)

    def parse(self, argument: str | float) -> float:
        try:
            value = self.convert(argument)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or self.is_outside_bounds(value):
            raise ValueError(f"expected {self.syntactic_help}; got {argument!r}")
        return value


class _IntegerParser(flags.IntegerParser):
    """absl's parser, with a message in plain words."""

    def __init__(self, low: int | None, high: int | None):
        super().__init__(low, high)
        self.syntactic_help = _within("an integer", low, high)

    def parse(self, argument: str | int) -> int:
        try:
            value = self.convert(argument)
        except ValueError:
            value = None
        if value is None or self.is_outside_bounds(value):
            raise ValueError(f"expected {self.syntactic_help}; got {argument!r}")
        return value


class _EnumParser(flags.EnumParser):
    """absl's parser, which suggests the nearest name."""

    def __init__(self, kind: str, known: Sequence[str]):
        super().__init__(known)
        self.kind = kind

    def parse(self, argument: str) -> str:
        if argument not in self.enum_values:
            raise unknown_name(self.kind, argument, self.enum_values)
        return argument


def define_float(
    name: str,
    default: float,
    help: str,  # noqa: A002
    low: float | None = None,
    high: float | None = None,
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[float]:
    """Defines a flag whose value is a finite number in [low, high]; the help shows the bounds.

    >>> values = flags.FlagValues()
    >>> rate = define_float("rate", 0.1, "Share of units dropped.", 0.0, 1.0, flag_values=values)
    >>> _ = values(["run", "--rate=1.5"])
    Traceback (most recent call last):
    absl.flags._exceptions.IllegalFlagValueError: flag --rate=1.5: expected a finite number in [0.0, 1.0]; got '1.5'
    """
    serializer = flags.ArgumentSerializer()
    return flags.DEFINE(_FloatParser(low, high), name, default, help, flag_values, serializer)


def define_integer(
    name: str,
    default: int,
    help: str,  # noqa: A002
    low: int | None = None,
    high: int | None = None,
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[int]:
    """Defines a flag whose value is an integer in [low, high]; the help shows the bounds."""
    serializer = flags.ArgumentSerializer()
    return flags.DEFINE(_IntegerParser(low, high), name, default, help, flag_values, serializer)


def define_enum(
    name: str,
    default: str,
    known: Sequence[str],
    help: str,  # noqa: A002
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[str]:
    """Defines a flag whose value is one of the ``known`` names; the error for another suggests the nearest."""
    flag = flags.EnumFlag(name, default, help, known)
    flag.parser = _EnumParser(f"--{name}", known)
    return flags.DEFINE_flag(flag, flag_values)


# Writing the flags of a run --------------------------------------------------------------------------------------


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
