"""Searches that learn from the trials before: TPE, and successive halving, both by Optuna.

``tpe`` draws ten settings at random, then splits those that are done into better and worse ones and draws where the
density of the better ones is high beside that of the worse ones. ``halving`` draws every setting at random and stops a
trial early: of those that came to 1, 3, 9, ... evaluations the best third goes on (asynchronously: each trial is
compared with those that were there before it).

A study is what the trials share: a journal in the sweep's folder, or a database that several machines reach. What is
drawn depends on the seed, the number of the trial and the trials that are done, not on who draws it. The settings of
``halving`` are those of ``random_search.draw``.

References: Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NeurIPS 2011); Li et al., "A System for
Massively Parallel Hyperparameter Tuning" (MLSys 2020); Akiba et al., "Optuna" (KDD 2019).
"""

import fcntl
import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.space import Choices, Integers, Settings, Space, number_text, points

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial, TrialState

REDUCTION = 3


def open_study(storage: str, journal: Path, name: str) -> "optuna.Study":
    """The study of a name, made where it is not there yet.

    Args:
        storage: the address of an SQL database, such as sqlite:///sweeps.db; empty for the journal.
        journal: the file that holds the study where there is no database.
        name: of the study.

    Raises:
        SeqlabError: Optuna is not installed, or the storage does not answer.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        raise SeqlabError("--search=tpe and halving need Optuna: pip install 'seqlab[sweeps]'.") from None
    optuna.logging.set_verbosity(logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
    try:
        return optuna.create_study(
            storage=storage or _journal_storage(journal),
            study_name=name,
            load_if_exists=True,
            direction="minimize",
            pruner=pruner,
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
    except Exception as error:  # Each database raises errors of its own.
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise SeqlabError(
            f"--storage={storage}: expected a database that answers, such as sqlite:///sweeps.db; {reason}"
        ) from error


def _journal_storage(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.storages.journal._file import BaseJournalFileLock

    class SystemLock(BaseJournalFileLock):
        """A lock that the system gives back when its process is killed; Optuna's own are then in the way."""

        def acquire(self) -> bool:
            self._file = path.with_name(f"{path.name}.lock").open("a")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            return True

        def release(self) -> None:
            self._file.close()

    return JournalStorage(JournalFileBackend(str(path), lock_obj=SystemLock()))


def begin(study: "optuna.Study", most: int, owner: str) -> int | None:
    """The number of a new trial, which belongs to ``owner``; ``None`` where the study has ``most`` of them."""
    if len(study.get_trials(deepcopy=False)) >= most:
        return None
    trial = study.ask()
    if trial.number >= most:  # Another machine has come first.
        study.tell(trial, state=_states().FAIL)
        return None
    trial.set_user_attr("owner", owner)
    return trial.number


def unfinished(study: "optuna.Study", owner: str, age_seconds: float = 0.0) -> list[int]:
    """The trials of ``owner`` that have not ended, and those of nobody that are older than so many seconds.

    One that belongs to nobody was left by a process that died just after it had asked for it.
    """
    running = study.get_trials(deepcopy=False, states=(_states().RUNNING,))
    return [trial.number for trial in running if _belongs(trial, owner, age_seconds)]


def _belongs(trial: "FrozenTrial", owner: str, age_seconds: float) -> bool:
    if "owner" in trial.user_attrs:
        return trial.user_attrs["owner"] == owner
    started = trial.datetime_start or datetime.now()
    return (datetime.now() - started).total_seconds() >= age_seconds


def suggest(study: "optuna.Study", number: int, space: Space, seed: int) -> Settings:
    """The setting of a new trial by TPE; asked again for the same trial, the same."""
    import optuna

    trial = _resumed(study, number)
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    # One name after the other, since a name may depend on those before it.
    study.sampler = optuna.samplers.TPESampler(seed=own_seed, multivariate=False, constant_liar=True)
    settings: Settings = {}
    for dimension in space:
        if not dimension.is_active(settings):
            continue
        name, values = dimension.name, dimension.values
        if isinstance(values, Choices):
            settings[name] = trial.suggest_categorical(name, values.values)
        elif isinstance(values, Integers):
            settings[name] = str(trial.suggest_int(name, values.low, values.high))
        elif values.num_points:
            known = points(values)
            settings[name] = known[trial.suggest_int(name, 0, len(known) - 1)]
        else:
            settings[name] = number_text(trial.suggest_float(name, values.low, values.high, log=values.logarithmic))
    return settings


def _states() -> "type[TrialState]":
    from optuna.trial import TrialState

    return TrialState


def _frozen(study: "optuna.Study", number: int) -> "FrozenTrial":
    return study.get_trials(deepcopy=False)[number]


def _resumed(study: "optuna.Study", number: int) -> "Trial":
    """A trial that has not ended, to go on with."""
    import optuna

    return optuna.trial.Trial(study, _frozen(study, number)._trial_id)


def report(study: "optuna.Study", number: int, evaluation: int, score: float) -> bool:
    """Tells of an evaluation of a trial, counted from 1; whether halving stops the trial there.

    What was told before holds: a trial that was interrupted may repeat an evaluation.
    """
    trial = _resumed(study, number)
    if evaluation not in _frozen(study, number).intermediate_values:
        trial.report(score, evaluation)
    return trial.should_prune()


def tell(study: "optuna.Study", number: int, score: float | None, *, pruned: bool = False) -> None:
    """Ends a trial with its score, or with none where it failed; one that has ended stays as it is."""
    if _frozen(study, number).state.is_finished():
        return
    if pruned:
        study.tell(number, state=_states().PRUNED)
    elif score is None:
        study.tell(number, state=_states().FAIL)
    else:
        study.tell(number, score)
