"""Errors that a user can mend.

Each message says what was expected, what was found, where, and what to try. The command line prints these errors in
one or two lines, without a traceback, and exits with status 2; anything else that is raised is a defect of ours.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class SeqlabError(ValueError):
    """What was given cannot be used: a wrong argument, flag, file or run folder."""


class DataError(SeqlabError):
    """A file's contents are not what its format promises; the message begins with ``path:row`` or ``path:byte``."""


class RunFolderError(SeqlabError):
    """A run folder cannot be used: it holds something else, or not what was asked of it."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SeqlabError:
    """The error for a name that is in no table: it lists the known ones, the nearest first.

    >>> raise unknown_name("cell", "ltsm", ["gru", "lstm"])
    Traceback (most recent call last):
    seqlab.core.errors.SeqlabError: unknown cell 'ltsm'; did you mean 'lstm'? Known: gru, lstm.
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return SeqlabError(f"unknown {kind} '{name}'{hint} Known: {', '.join(known)}.")
