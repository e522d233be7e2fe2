"""Trains an experiment over and over with other values of its flags, and says which are best on the validation split.

    python -m experiments.sweep --flagfile=experiments/flags/sweeps/adding.flags --sweep_dir=runs/adding

    --vary=cell=vanilla,gru,lstm                    a list
    --vary=learning_rate=log:1e-4:1e-1              a range in the logarithm; with :4 behind it, four points of it
    --vary=dropout_rate=lin:0:0.5                   an even range
    --vary=num_layers=int:1:3                       integers
    --vary=dropout_rate=lin:0:0.5@num_layers=2,3    a condition: varied where num_layers is 2 or 3

All other flags are those of the experiment. Trials that differ in their seed and in numbers alone (rates, schedule,
clipping, penalties, dropout, smoothing) are trained as one program, unless there is --population=off. The same command
goes on with a sweep that was interrupted, and several machines that share the folder may run it at once.
DIR/trials/0007 is an ordinary run folder.

Exit status: 0 done; 2 wrong flags, or every trial failed; 3 every trial diverged; 130 and 143 interrupted, after
checkpoints; trials that were trained together begin again.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from absl import flags

from experiments import command_line, flag_definitions, run, run_folder, sweep_table, sweep_worker
from experiments.allocator import keep_freed_memory
from experiments.flag_kinds import define_enum, define_integer
from experiments.flags_text import write_flags
from experiments.sweep_folder import LEARNS, Declaration, Result, SweepFolder, declared
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.sweeps.grid import grid
from seqlab.sweeps.space import Choices, Dimension, Integers, Real, number_text, parse_space, text_of

SEARCHES = ["grid", "random", "tpe", "halving"]
DEFAULT_TRIALS = 20
POLL_SECONDS = 0.5
# Workers may be killed, but not again and again before anything comes of them.
MOST_DEATHS = 20

flags.DEFINE_string("sweep_dir", "", "Folder of the sweep.")
flags.DEFINE_multi_string("vary", [], "NAME=VALUES: a flag of the experiment, and what it may be; see above.")
define_enum("search", "grid", SEARCHES, "How settings are chosen.")
define_integer("trials", 0, "Settings that random, tpe and halving try; 0 for 20, and for all of a grid.", low=0)
define_integer("seeds", 1, "Seeds that each setting is trained with, from --seed on.", low=1)
define_enum("population", "auto", ["auto", "off"], "Whether trials that differ in numbers alone are trained together.")
define_integer("workers", 1, "Processes that train at once; 0 for this one.", low=0)
flags.DEFINE_string("storage", "", "SQL database for the study of tpe and halving; empty for a file in the folder.")

STOPPED = {"complete", "pruned"}


def main() -> int:
    """Runs the sweep that the flags declare."""
    values = flags.FLAGS
    if not values.sweep_dir:
        raise SeqlabError("expected --sweep_dir=DIR, the folder of the sweep; found none. The same folder goes on.")
    if values.run_dir:
        raise SeqlabError(
            f"--run_dir={values.run_dir}: a sweep makes the folders of its runs in --sweep_dir. Leave it out."
        )
    for name in ("dry_run", "profile"):
        if values[name].value:
            raise SeqlabError(f"--{name} is for a run of its own, with experiments.run. Leave it out.")
    sweep = SweepFolder(Path(values.sweep_dir).expanduser(), declaration(values))
    total = sweep.declaration.num_trials
    size = f"{sweep.declaration.num_settings} settings, {sweep.declaration.num_seeds} seeds"
    print(f"{size}: {total} trials, into {sweep.path}", flush=True)
    stop = sweep_worker.TrialStop()
    # A group of trials is shared out among the workers.
    num_shares = 0 if values.population == "off" else max(values.workers, 1)
    _work(sweep, values.workers, num_shares, stop)
    results = _results(sweep)
    _conclude(sweep, results)
    if stop.number:
        print(f"interrupted after {len(results)} of {total} trials; the same command goes on.")
        return run.SIGNAL_STATUS + stop.number
    return _status(results)


# What is declared ------------------------------------------------------------------------------------------------


def declaration(values: flags.FlagValues) -> Declaration:
    """The sweep that the flags declare, with every value checked against its flag."""
    space = parse_space(values.vary)
    if not space and (values.search != "grid" or values.seeds == 1):
        raise SeqlabError("expected --vary=NAME=VALUES, such as --vary=learning_rate=log:1e-4:1e-1; found none.")
    for dimension in space:
        _check(dimension, values)
    num_settings = values.trials or DEFAULT_TRIALS
    if values.search == "grid":
        num_settings = len(grid(space))
        if values.trials and values.trials != num_settings:
            raise SeqlabError(
                f"--trials={values.trials}: this grid has {num_settings} settings, and all of them are tried. Leave "
                "--trials out, or choose --search=random."
            )
    if values.storage and values.search not in LEARNS:
        raise SeqlabError(f"--storage is for the study of tpe and halving; --search={values.search} has none.")
    options = {"search": values.search, "num_settings": num_settings, "num_seeds": values.seeds}
    vary = [f"{dimension.name}={_declared_values(dimension)}" for dimension in space]
    return declared(values, vary, storage=values.storage, **options)


def _declared_values(dimension: Dimension) -> str:
    conditions = "".join(f"@{name}={text_of(values)}" for name, values in dimension.conditions)
    return text_of(dimension.values) + conditions


def _check(dimension: Dimension, values: flags.FlagValues) -> None:
    """Makes sure that a name is a flag of the experiment, and that it takes the values."""
    known = {flag.name: flag for flag in values.get_flags_for_module(flag_definitions.__name__)}
    if dimension.name not in known:
        near = get_close_matches(dimension.name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "--help lists them."
        raise SeqlabError(f"--vary={dimension.name}=...: {dimension.name} is no flag of an experiment; {hint}")
    where = f"--vary={dimension.name}={text_of(dimension.values)}"
    if dimension.name in run_folder.MAY_DIFFER:
        raise SeqlabError(f"{where}: this flag is no part of what an experiment is; it cannot be varied.")
    if dimension.name == "seed":
        raise SeqlabError(f"{where}: seeds are not varied. Write --seeds=5 for five of them, from --seed on.")
    flag = known[dimension.name]
    if isinstance(flag.parser, flags.ListParser):
        raise SeqlabError(f"{where}: this flag is a list, whose commas part values here; it cannot be varied.")
    if isinstance(dimension.values, Choices):
        texts: Sequence[str] = dimension.values.values
    elif isinstance(dimension.values, Integers):
        texts = [str(dimension.values.low), str(dimension.values.high)]
    else:
        texts = _ends(dimension.values, flag, where)
    for text in texts:
        try:
            flag.parser.parse(text)
        except ValueError as error:
            raise SeqlabError(f"{where}: the value {text!r}: {error}") from None
    _check_names(dimension.name, texts)


def _ends(values: Real, flag: flags.Flag, where: str) -> list[str]:
    if not isinstance(flag.parser, flags.FloatParser):
        raise SeqlabError(f"{where}: --{flag.name} takes no fractions. Write int:LOW:HIGH, or a list.")
    return [number_text(values.low), number_text(values.high)]


def _check_names(name: str, texts: Sequence[str]) -> None:
    """Makes sure that values that are names of a table are in it."""
    if name == "task":
        from experiments.task_table import task_entry

        for text in texts:
            task_entry(text)
    if name == "cell":
        from seqlab.cells import CELLS

        for text in texts:
            if text not in CELLS:
                raise unknown_name("cell", text, CELLS)


# Who trains it ---------------------------------------------------------------------------------------------------


def _work(sweep: SweepFolder, num_workers: int, num_shares: int, stop: sweep_worker.TrialStop) -> None:
    """Has the trials trained, by this process or by workers, and shows how far they are."""
    started, before = time.monotonic(), len(_results(sweep))
    if sweep.is_complete():
        print(f"{sweep.path} is complete, nothing was done.")
        return
    with sweep_table.Display(sweep) as display:

        def show() -> None:
            display.show(sweep_table.progress(sweep, _results(sweep), before, time.monotonic() - started))

        if num_workers == 0:
            keep_freed_memory()
            sweep_worker.work(sweep, stop, show, num_shares=num_shares)
        else:
            _supervise(sweep, num_workers, num_shares, stop, show)


def _supervise(
    sweep: SweepFolder, num_workers: int, num_shares: int, stop: sweep_worker.TrialStop, show: Callable[[], None]
) -> None:
    """Starts workers, and others for those that are killed, until all have ended."""
    workers = [_start(sweep, num_shares) for _ in range(num_workers)]
    deaths, ended = 0, 0
    try:
        while workers:
            show()
            if stop():
                break
            time.sleep(POLL_SECONDS)
            gone = [worker for worker in workers if worker.poll() is not None]
            killed = [worker for worker in gone if (worker.returncode or 0) < 0]
            workers = [worker for worker in workers if worker not in gone]
            if killed:
                now = len(_results(sweep))
                deaths, ended = (deaths if now == ended else 0) + len(killed), now
                if deaths <= MOST_DEATHS:
                    workers += [_start(sweep, num_shares) for _ in killed]
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    show()
    if not stop() and not sweep.is_complete():
        log = sweep.logs / "workers.txt"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1] if lines else "they left no message"
        raise SeqlabError(f"the workers ended before the sweep did: {last}\nAll that they said is in {log}.")


def _start(sweep: SweepFolder, num_shares: int) -> subprocess.Popen:
    """A worker; in a session of its own, as an interrupt from the keyboard comes to it through this process."""
    root = str(Path(__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    with (sweep.logs / "workers.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", sweep_worker.__name__, str(sweep.path), str(os.getpid()), str(num_shares)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )


# What came out ---------------------------------------------------------------------------------------------------


def _results(sweep: SweepFolder) -> list[Result]:
    """How the trials ended that have, in their order."""
    numbers = sorted(int(path.stem) for path in sweep.results.glob("*.json"))
    return [result for number in numbers if (result := sweep.result(number)) is not None]


def _conclude(sweep: SweepFolder, results: Sequence[Result]) -> None:
    """Prints the settings in order; writes summary.json, and the best flags where a trial is complete."""
    rows = sweep_table.ranking(sweep, results)
    best = rows[0] if rows and rows[0].mean is not None else None
    trials = [{**result._asdict(), "flags": sweep.settings(result.trial)} for result in results]
    summary = {
        "trials": trials,
        "settings": [row._asdict() for row in rows],
        "best": None if best is None else best._asdict(),
        "num_trials": sweep.declaration.num_trials,
        "unfinished": sweep.unfinished(),
    }
    run_folder.write_json(sweep.path / "summary.json", summary)
    if results:
        sweep_table.print_ranking(sweep, results)
    if best is not None:
        values = sweep.values(best.settings, sweep.declaration.seed)
        write_flags(sweep.path / "best.flags", values, run_folder.IDENTITY)
        test = "" if best.test is None else f", on the test split {best.test:.4g}"
        print(f"best: {sweep_table.words(best.settings)}{test}; its flags are in {sweep.path / 'best.flags'}")


def _status(results: Sequence[Result]) -> int:
    """0 where some trial came to its end; else what became of all of them."""
    statuses = Counter(result.status for result in results)
    if STOPPED & statuses.keys():
        return 0
    if statuses["diverged"]:
        print("every trial diverged: lower the learning rates, or hold the gradient with --clip_norm=1.")
        return run.EXIT_STATUS["diverged"]
    raise SeqlabError(f"every trial failed; the first: {results[0].message if results else 'none was trained'}")


if __name__ == "__main__":
    command_line.run(main)
