"""The command line of every experiment: parse strictly, run, and turn what a user can mend into exit status 2.

:func:`run` stands in for ``absl.app.run``. Errors name their place (``file:row`` where a flag stood in a flag file) and
are printed in a line or two without a traceback; parsing imports nothing heavy, so they come at once. Flags are defined
with absl and :mod:`experiments.flag_kinds`.
"""

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
from seqlab.core.errors import SeqlabError

HELP_ON_FILES = """
--flagfile=FILE stands for the flags in a file, one --name=value a line; of a flag given twice the last value holds.
--helpfull lists the flags of the libraries too."""

# What absl takes for true or false.
_TRUTH_VALUES = ("true", "t", "1", "false", "f", "0")


class SignalError(KeyboardInterrupt):
    """A signal that ends the program at once."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


# Running ---------------------------------------------------------------------------------------------------------


def run(
    main: Callable[..., int | None],
    argv: Sequence[str] | None = None,
    *,
    positional: str = "",
    flag_values: flags.FlagValues = flags.FLAGS,
) -> NoReturn:
    """Parses the command line, calls ``main`` and exits with the status that it returns (None counts as 0).

    A :class:`SeqlabError`, or an OSError that names a file, is printed as ``program: error: ...`` and the status is 2;
    an interrupt gives 130, and another signal (:class:`SignalError`) 128 and its number. Any other exception is a
    defect of ours and keeps its traceback. ``--help`` prints the flags of our own modules, ``--helpfull`` those of the
    libraries too, and both exit with 0.

    Args:
        main: what to run; it gets the positional arguments, reads the parsed flags, and is best where heavy modules
            are imported.
        argv: the program's name and its arguments; ``sys.argv`` by default.
        positional: see :func:`parse`.
        flag_values: where the flags are defined.
    """
    argv = list(sys.argv if argv is None else argv)
    program = Path(argv[0]).stem
    try:
        status = main(*parse(argv, flag_values, positional=positional)) or 0
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
    except KeyboardInterrupt as interrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        status = 128 + (interrupt.number if isinstance(interrupt, SignalError) else signal.SIGINT)
    sys.exit(status)


def _fail(program: str, message: str) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2


def parse(argv: Sequence[str], flag_values: flags.FlagValues = flags.FLAGS, *, positional: str = "") -> list[str]:
    """Sets ``flag_values`` from the command line, with flag files expanded (see :mod:`experiments.flagfiles`).

    A flag file holds flags alone, so positional arguments stand on the command line. Those that look like a flag whose
    dashes were forgotten are refused, as ``seed`` and ``seed=1``; behind a lone ``--`` everything is positional.

    >>> values = flags.FlagValues()
    >>> _ = flags.DEFINE_integer("seed", 0, "Seed.", flag_values=values)
    >>> parse(["report", "runs/a", "--seed=3", "runs/b"], values, positional="run folders")
    ['runs/a', 'runs/b']

    Args:
        argv: the program's name and its arguments.
        flag_values: where the flags are defined.
        positional: what the program's positional arguments are, in the plural; "" for a program that takes none.

    Returns:
        The positional arguments.

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
    for argument in left_over:
        if problem := _why_left_over(argument, tokens, flag_values, positional):
            raise SeqlabError(problem)
    return left_over


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


def _why_left_over(argument: str, tokens: list[Token], flag_values: flags.FlagValues, positional: str) -> str:
    """What is wrong with an argument that is no flag and no flag's value, and its likely cause; "" where nothing is."""
    expected = f"flags (--name=value) and {positional}" if positional else "only flags (--name=value)"
    found = f"expected {expected}, found the argument {argument!r}"
    pairs = pairwise([Token(""), *tokens])
    behind = (b for b, token in pairs if token.text == argument and not _is_bare(b, flag_values, boolean=False))
    before = next(behind, Token(""))
    texts = [token.text for token in tokens]
    if argument.startswith("--") or ("--" in texts and argument not in texts[: texts.index("--")]):
        return "" if positional else f"{found} behind '--', which ends the flags. Remove the '--'."
    if _is_bare(before, flag_values, boolean=True) and (not positional or argument.lower() in _TRUTH_VALUES):
        name = _name(before)
        return f"{found} behind --{name}, which is true or false; did you mean '--{name}={argument}' or '--no{name}'?"
    bare = argument.lstrip("-–—")
    if positional:
        if bare.partition("=")[0] in flag_values or bare != argument:
            return f"{found}; did you mean '--{bare}'? A path of that name is './{argument}'."
        return ""
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
        own = sorted(module for module in own if module != __name__)
        return "\n".join([usage, *map(flag_values.module_help, own), HELP_ON_FILES])

    for name, help_text, text in [
        ("help", "Print the flags of this program and exit.", own_help),
        ("helpfull", "Print all flags, those of the libraries too, and exit.", flag_values.get_help),
    ]:
        flags.DEFINE_flag(_HelpFlag(name, help_text, text), flag_values, __name__)
