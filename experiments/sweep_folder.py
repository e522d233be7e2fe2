"""The folder of a sweep: what was declared, its trials, and what came out.

    sweep.json         the declaration: flags, what varies, search, seeds; the folder belongs to it alone
    trials/0007/       an ordinary run folder; --flagfile=trials/0007/flags.txt relaunches it
    results/0007.json  how the trial ended; one that has this file is never run again
    claims/  logs/  study.log  compiled/
    summary.json  best.flags

A setting is a value for each name that varies; a trial is a setting with a seed. Trial ``number`` has the setting
``number // seeds`` and the seed ``--seed + number % seeds``, so every setting meets the same seeds. A trial is written
down, with all its flags, before anyone trains it.
"""

import hashlib
import json
import math
import statistics
import uuid
from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from experiments import run_folder
from experiments.flags_text import flags_text
from experiments.sweep_groups import MOST_ATTEMPTS_TOGETHER, MOST_MEMBERS, group_of
from seqlab.core.errors import RunFolderError
from seqlab.sweeps.claims import Claims
from seqlab.sweeps.grid import grid
from seqlab.sweeps.random_search import draw
from seqlab.sweeps.space import Settings, Space, parse_space

if TYPE_CHECKING:
    import optuna

FORMAT = 1
# The searches that learn from the trials before, and share a study.
LEARNS = ("tpe", "halving")
# A trial whose processes died so often is given up: it is probably what kills them.
MOST_ATTEMPTS = 5
ADOPT_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class Declaration:
    """What a sweep is.

    Attributes:
        flags: every flag of the experiment as a line of a flag file, before anything is varied.
        vary: the declared dimensions, as given.
        search: grid, random, tpe or halving.
        num_settings: how many settings are tried.
        num_seeds: how many seeds each of them meets.
        seed: the first of the seeds, and the seed of the search.
        storage: the database of the study; empty for a journal in the folder.
    """

    flags: tuple[str, ...]
    vary: tuple[str, ...]
    search: str
    num_settings: int
    num_seeds: int
    seed: int
    storage: str = ""

    @property
    def num_trials(self) -> int:
        """Runs in all."""
        return self.num_settings * self.num_seeds


class Result(NamedTuple):
    """How a trial ended.

    Attributes:
        trial: its number.
        status: complete, diverged, pruned (by halving) or failed.
        score: the best validation score, smaller is better; ``None`` where there is none.
        selection: the name of that score.
        seconds: how long it took.
        message: why it failed.
        scores: of the best params, by split.
    """

    trial: int
    status: str
    score: float | None = None
    selection: str = "loss"
    seconds: float = 0.0
    message: str = ""
    scores: dict[str, dict[str, Any]] = {}  # noqa: RUF012


class SweepFolder:
    """A sweep's folder, opened by a declaration or as it lies there."""

    def __init__(self, path: Path, declaration: Declaration | None = None) -> None:
        """Opens the folder, and makes it where a declaration is given and there is none.

        Raises:
            RunFolderError: the folder holds another sweep or something else; nothing in it is changed.
        """
        self.path = path
        self.trials, self.results, self.logs = path / "trials", path / "results", path / "logs"
        if not (path / "sweep.json").is_file():
            _make(path, declaration)
        for part in (self.trials, self.results, self.logs):
            part.mkdir(exist_ok=True)
        content = run_folder.read_json(path / "sweep.json", {})
        self.identity: str = content["identity"]
        there = content["declaration"]
        self.declaration = Declaration(**{name: _frozen(value) for name, value in there.items()})
        if declaration is not None and (told := _differences(self.declaration, declaration)):
            more = f" and {len(told) - 3} more" if len(told) > 3 else ""
            raise RunFolderError(
                f"--sweep_dir={path} holds another sweep: {', '.join(told[:3])}{more}; nothing was changed. "
                "Name another folder."
            )

    @cached_property
    def space(self) -> Space:
        """What is varied."""
        return parse_space(self.declaration.vary)

    @cached_property
    def study(self) -> "optuna.Study | None":
        """The study of a search that learns; ``None`` for others."""
        return _study(self.declaration, self.path) if self.declaration.search in LEARNS else None

    # Trials ------------------------------------------------------------------------------------------------------

    def folder(self, trial: int) -> Path:
        """The run folder of a trial."""
        return self.trials / f"{trial:04d}"

    def written(self) -> list[int]:
        """The trials that are written down."""
        return sorted(int(path.parent.name) for path in self.trials.glob("*/flags.txt"))

    def settings(self, trial: int) -> Settings:
        """The values of a trial's flags that vary, and its seed."""
        names = [*(dimension.name for dimension in self.space), "seed"]
        lines = (self.folder(trial) / "flags.txt").read_text(encoding="utf-8").splitlines()
        found = {name: value for name, _, value in (line.removeprefix("--").partition("=") for line in lines)}
        return {name: found[name] for name in names}

    def values(self, settings: Settings, seed: int) -> flags.FlagValues:
        """The flags of an experiment with this setting."""
        varied = [f"--{name}={value}" for name, value in settings.items()]
        return run_folder.parsed([*self.declaration.flags, *varied, f"--seed={seed}"])

    def write_next(self) -> int | None:
        """Writes down the next trial, and gives its number; ``None`` where all are there. For one process at a time."""
        if self.study is None:
            there = set(self.written())
            number = next((number for number in range(self.declaration.num_trials) if number not in there), None)
            if number is not None:
                self._write(number, self._setting(number // self.declaration.num_seeds))
            return number
        index = self._next_of_study(self.study)
        if index is None:
            return None
        if self.declaration.search == "halving":
            self._write(index, draw(self.space, self.declaration.seed, index // self.declaration.num_seeds))
            return index
        from seqlab.sweeps.optuna_search import suggest

        setting = suggest(self.study, index, self.space, self.declaration.seed)
        numbers = self._trials_of_study(index)
        for number in numbers:
            self._write(number, setting)
        return numbers[0]

    def _setting(self, index: int) -> Settings:
        if self.declaration.search == "grid":
            return self._grid[index]
        return draw(self.space, self.declaration.seed, index)

    @cached_property
    def _grid(self) -> list[Settings]:
        return grid(self.space)

    def _write(self, number: int, setting: Settings) -> None:
        seed = self.declaration.seed + number % self.declaration.num_seeds
        run_folder.claim(self.folder(number), self.values(setting, seed))

    # The study of tpe and halving --------------------------------------------------------------------------------

    def _trials_of_study(self, index: int) -> range:
        """The trials of a trial of the study: of tpe a setting with all its seeds, of halving one of them."""
        size = self.declaration.num_seeds if self.declaration.search == "tpe" else 1
        return range(index * size, (index + 1) * size)

    def _next_of_study(self, study: "optuna.Study") -> int | None:
        """A new trial of the study, or one that a dead process of this sweep left without a folder."""
        from seqlab.sweeps.optuna_search import begin

        most = self.declaration.num_trials // len(self._trials_of_study(0))
        for index in self._open_in_study(study):
            if any(not (self.folder(number) / "flags.txt").exists() for number in self._trials_of_study(index)):
                return index
        return begin(study, most, self.identity)

    def _open_in_study(self, study: "optuna.Study") -> list[int]:
        from seqlab.sweeps.optuna_search import unfinished

        # In a database of several machines, a trial of nobody may be about to be somebody's.
        age = ADOPT_AFTER_SECONDS if self.declaration.storage else 0.0
        return unfinished(study, self.identity, age)

    def settle(self) -> None:
        """Tells the study of all trials that have ended. For one process at a time."""
        if self.study is None:
            return
        from seqlab.sweeps.optuna_search import tell

        for index in self._open_in_study(self.study):
            results = [self.result(number) for number in self._trials_of_study(index)]
            if None in results:
                continue
            found = [result for result in results if result is not None]
            scores = [result.score for result in found if result.status == "complete" and result.score is not None]
            if any(result.status == "pruned" for result in found):
                tell(self.study, index, None, pruned=True)
            elif any(result.status == "failed" for result in found):
                tell(self.study, index, None)
            else:
                # A setting that diverges with one seed is as bad as can be, which the search is to learn.
                tell(self.study, index, statistics.fmean(scores) if len(scores) == len(found) else float("inf"))

    # Who does what -----------------------------------------------------------------------------------------------

    def take(self, claims: Claims) -> int | None:
        """Claims a trial for a worker: one that was interrupted, or a new one; ``None`` where there is none now."""
        with claims.deciding():
            self.settle()
            for number in self.unfinished():
                attempts = claims.attempts(number)
                if attempts is not None and attempts >= MOST_ATTEMPTS:
                    died = f"{attempts} processes died while they trained it; see its log and the memory it takes."
                    self.write_result(Result(number, "failed", message=died))
                elif claims.take(number):
                    return number
            number = self.write_next()
            return number if number is not None and claims.take(number) else None

    def take_group(self, claims: Claims, num_shares: int) -> list[int]:
        """Claims trials that can be trained as one program: as ``take`` claims one, with others of its group.

        Args:
            claims: of the worker.
            num_shares: in how many parts a group is shared out, as among workers; 0 to claim one trial alone.
        """
        first = self.take(claims)
        if first is None:
            return []
        if num_shares == 0 or self.declaration.search == "halving" or not self._may_join(first, claims.takes(first)):
            return [first]
        group = self._group(first)
        known = self.written() if self.study else range(self.declaration.num_trials)
        alike = [number for number in known if self._group(number) == group]
        size = min(math.ceil(len(alike) / num_shares), MOST_MEMBERS)
        taken = [first]
        with claims.deciding():
            written, unfinished = set(self.written()), set(self.unfinished())
            for number in alike:
                if number == first or (number in written and number not in unfinished):
                    continue
                if len(taken) == size:
                    break
                if self._may_join(number, claims.takes(number) + 1) and claims.take(number):
                    if number not in written:
                        self._write(number, self._setting(number // self.declaration.num_seeds))
                    taken.append(number)
        return sorted(taken)

    def _group(self, number: int) -> Hashable:
        """What the trials have in common that can be trained as one program with this one."""
        if self.study is not None:
            return group_of(self.settings(number))
        lines = (line.removeprefix("--").partition("=") for line in self.declaration.flags)
        names = {dimension.name for dimension in self.space}
        unvaried = {name: value for name, _, value in lines if name in names}
        return group_of(unvaried | self._setting(number // self.declaration.num_seeds))

    def _may_join(self, number: int, takes: int) -> bool:
        """Whether a trial begins at its first step, and few processes have taken it, this one included."""
        folder = self.folder(number)
        begun = (folder / "summary.json").exists() or any((folder / "checkpoints").glob("step_*"))
        return takes <= MOST_ATTEMPTS_TOGETHER and not begun

    def unfinished(self) -> list[int]:
        """The trials that are written down and have not ended."""
        ended = {int(path.stem) for path in self.results.glob("*.json")}
        return [number for number in self.written() if number not in ended]

    def is_complete(self) -> bool:
        """Whether all trials have ended; with a database, those of other machines may be in other folders."""
        written = self.written()
        enough = len(written) >= self.declaration.num_trials or (self.declaration.storage and bool(written))
        return bool(enough) and not self.unfinished()

    def result(self, trial: int) -> Result | None:
        """How a trial ended; ``None`` where it has not."""
        content = run_folder.read_json(self.results / f"{trial:04d}.json", None)
        return None if content is None else Result(**content)

    def write_result(self, result: Result) -> None:
        """Says how a trial ended."""
        run_folder.write_json(self.results / f"{result.trial:04d}.json", result._asdict())


def declared(values: flags.FlagValues, vary: list[str], **options: Any) -> Declaration:
    """The declaration of a sweep over the experiment that ``values`` declare."""
    return Declaration(tuple(_lines(values)), tuple(vary), seed=values.seed, **options)


def _study(declaration: Declaration, path: Path) -> "optuna.Study":
    """The study of a declaration, whichever folder and database it lies in."""
    from seqlab.sweeps.optuna_search import open_study

    lines = [line for line in declaration.flags if line[2:].partition("=")[0] not in run_folder.MAY_DIFFER]
    content = json.dumps({**asdict(declaration), "flags": lines, "storage": ""}, sort_keys=True)
    name = f"seqlab-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    return open_study(declaration.storage, path / "study.log", name)


def _make(path: Path, declaration: Declaration | None) -> None:
    if path.exists() and (not path.is_dir() or {child.name for child in path.iterdir()} - {"sweep.json.part"}):
        raise RunFolderError(
            f"--sweep_dir={path} holds something else (there is no sweep.json in it); nothing was changed. "
            "Name a new folder."
        )
    if declaration is None:
        raise RunFolderError(f"{path}: expected the folder of a sweep, found no sweep.json in it.")
    if declaration.storage:
        _study(declaration, path)  # One that does not answer is said before anything is made.
    path.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "identity": uuid.uuid4().hex, "declaration": asdict(declaration)}
    run_folder.write_json(path / "sweep.json", content)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _differences(there: Declaration, here: Declaration) -> list[str]:
    """In what two declarations differ, in words; a flag that one of them does not know has its default there."""

    def parts(declaration: Declaration) -> Iterator[tuple[str, str]]:
        for line in _lines(run_folder.parsed(declaration.flags)):
            name, _, value = line.partition("=")
            if name.removeprefix("--") not in run_folder.MAY_DIFFER:
                yield name, value
        yield "--vary", " ".join(declaration.vary)
        yield "--search", declaration.search
        yield "--trials", str(declaration.num_settings)
        yield "--seeds", str(declaration.num_seeds)
        yield "--storage", declaration.storage

    before, now = dict(parts(there)), dict(parts(here))
    return [f"{name}={before[name]} there, {now[name]} here" for name in now if before[name] != now[name]]


def _lines(values: flags.FlagValues) -> list[str]:
    return flags_text(values, run_folder.IDENTITY).removesuffix("\n").split("\n")
