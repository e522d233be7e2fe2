import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from experiments import from_flags, run_folder, sweep, sweep_table, sweep_worker
from experiments.sweep_folder import MOST_ATTEMPTS, Declaration, Result, SweepFolder
from experiments.sweep_groups import LEFT_OUT_AT_ZERO, NUMBERS, group_of
from seqlab.sweeps.claims import Claims
from seqlab.sweeps.members import Member, program_of
from tests.experiments import sweep_stand_in
from tests.experiments.launching import launch, refused
from tests.train.toys import echo_task

REPOSITORY = Path(__file__).parents[2]
RATES = "--vary=learning_rate=0.001,0.01,0.1"
TINY = [
    "--task=adding",
    "--sequence_length=4",
    "--hidden_size=4",
    "--batch_size=4",
    "--eval_batch_size=64",
    "--num_steps=4",
    "--evaluate_every=2",
    "--chunk_steps=2",
]


def contents(folder, pattern):
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]


def names(folder):
    """Files and folders of a run, by their paths in it, but for those of checkpoints and events."""
    paths = [path.relative_to(folder) for path in folder.rglob("*")]
    return {str(path) for path in paths if not {"checkpoints", "tensorboard"} & set(path.parts[:-1])}


def starts(folder):
    """How often a trial of the stand-in was begun, by its name."""
    return {path.parent.name: len(path.read_text().split()) for path in folder.glob("trials/*/starts.txt")}


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Launches a sweep whose training is a stand-in."""
    sweep_stand_in.stand_in(monkeypatch.setattr)
    monkeypatch.setattr(sweep_stand_in, "SECONDS", 0.0)

    def launch_sweep(*arguments, workers=0):
        alone = ["--population=off", f"--workers={workers}"]
        return launch("sweep", f"--sweep_dir={tmp_path / 'sweep'}", *alone, *arguments)

    return launch_sweep


# Real training ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory, compilation_cache_folder):
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    arguments = [f"--sweep_dir={folder}", "--workers=0", "--population=off", *TINY, "--vary=learning_rate=0.01,0.1"]
    launched = launch("sweep", *arguments)
    assert launched.status == 0, launched.err
    return folder, arguments, launched


def test_every_trial_is_a_run_folder_that_relaunched_alone_gives_the_same(swept, tmp_path):
    folder, _, _ = swept
    trial = folder / "trials" / "0001"
    alone = tmp_path / "alone"
    assert launch("run", f"--flagfile={trial / 'flags.txt'}", f"--run_dir={alone}").status == 0
    for name in ("flags.txt", "metrics.jsonl"):
        assert (alone / name).read_bytes() == (trial / name).read_bytes()
    assert {path.name for path in trial.iterdir()} == {path.name for path in alone.iterdir()}


def test_a_sweep_ends_with_a_table_and_with_the_best_flags_by_the_validation_split(swept):
    folder, _, launched = swept
    summary = json.loads((folder / "summary.json").read_text())
    scores = [trial["score"] for trial in summary["trials"]]
    best = scores.index(min(scores))
    assert summary["best"]["settings"] == {"learning_rate": ["0.01", "0.1"][best]}
    assert (folder / "best.flags").read_bytes() == (folder / "trials" / f"000{best}" / "flags.txt").read_bytes()
    for trial in summary["trials"]:
        lines = (folder / "trials" / f"{trial['trial']:04d}" / "metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in lines if '"validation"' in line]
        assert trial["score"] == min(losses)
        assert f"{trial['score']:.4g}" in launched.out
    assert "complete" in (folder / "results" / "0000.json").read_text()
    assert "steps 0 to 4" in (folder / "logs" / "0000.txt").read_text()


def test_the_same_command_on_a_complete_sweep_does_nothing_and_tells_again(swept):
    folder, arguments, first = swept
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/*")}
    again = launch("sweep", *arguments)
    assert again.status == 0
    assert "is complete, nothing was done" in again.out
    assert again.out.splitlines()[-1] == first.out.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/*")} == before


def test_trials_that_are_trained_together_are_what_they_are_alone(swept, tmp_path):
    folder, arguments, _ = swept
    together = tmp_path / "together"
    launched = launch("sweep", *arguments, f"--sweep_dir={together}", "--population=auto")
    assert launched.status == 0, launched.err
    for trial in ("0000", "0001"):
        found, alone = together / "trials" / trial, folder / "trials" / trial
        assert (found / "flags.txt").read_bytes() == (alone / "flags.txt").read_bytes()
        assert names(found) == names(alone)
        summary = json.loads((found / "summary.json").read_text())
        assert summary.pop("population") == 2
        for varies in ("wall_seconds", "steps_per_second"):
            summary.pop(varies, None)
        expected = json.loads((alone / "summary.json").read_text())
        lines = [(path / "metrics.jsonl").read_text().splitlines() for path in (found, alone)]
        for one, other in zip(*lines, strict=True):
            assert json.loads(one) == pytest.approx(json.loads(other), abs=1e-5)
        for split in ("validation", "test"):
            assert summary[split]["loss"] == pytest.approx(expected[split]["loss"], abs=1e-5)
        assert "one of 2 trials that are trained as one program" in (together / "logs" / f"{trial}.txt").read_text()


# Searches, with a stand-in for training --------------------------------------------------------------------------


def test_each_setting_of_a_grid_meets_the_same_seeds_and_the_best_mean_wins(quick, tmp_path):
    launched = quick("--vary=cell=gru,lstm", RATES, "--seeds=2", "--seed=5")
    assert launched.status == 0, launched.err
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    flags = [trial["flags"] for trial in summary["trials"]]
    assert [trial["seed"] for trial in flags] == ["5", "6"] * 6
    assert [(trial["cell"], trial["learning_rate"]) for trial in flags[::2]] == [
        (cell, rate) for cell in ("gru", "lstm") for rate in ("0.001", "0.01", "0.1")
    ]
    assert summary["best"]["settings"]["learning_rate"] == "0.01"
    assert summary["best"]["mean"] == pytest.approx(0.055)
    assert [row["n"] for row in summary["settings"]] == [2] * 6


@pytest.mark.parametrize("search", ["random", "tpe", "halving"])
def test_a_search_tries_as_many_settings_as_it_is_told_with_every_seed(quick, tmp_path, search):
    arguments = ["--vary=learning_rate=log:1e-4:1", f"--search={search}", "--trials=4", "--seeds=2"]
    launched = quick(*arguments)
    assert launched.status == 0, launched.err
    trials = json.loads((tmp_path / "sweep" / "summary.json").read_text())["trials"]
    rates = [trial["flags"]["learning_rate"] for trial in trials]
    assert len(trials) == 8
    assert rates[::2] == rates[1::2]
    assert len(set(rates)) == 4
    assert [trial["flags"]["seed"] for trial in trials] == ["0", "1"] * 4
    statuses = {trial["status"] for trial in trials}
    assert statuses == ({"complete", "pruned"} if search == "halving" else {"complete"})
    assert "is complete, nothing was done" in quick(*arguments).out


def test_a_trial_that_fails_is_told_and_the_others_go_on(quick, tmp_path, monkeypatch):
    def train(folder, values, *rest):
        if values.learning_rate == 0.01:
            raise MemoryError("out of memory")
        return sweep_stand_in.train(folder, values, *rest)

    monkeypatch.setattr(sweep_worker.run, "run_in", train)
    launched = quick(RATES)
    assert launched.status == 0
    assert "trial 1 failed: MemoryError: out of memory" in launched.out
    assert [result["status"] for result in contents(tmp_path / "sweep", "results/*")] == [
        "complete",
        "failed",
        "complete",
    ]
    assert "Traceback" in (tmp_path / "sweep" / "logs" / "0001.txt").read_text()


def test_a_sweep_of_which_every_trial_diverged_says_so(quick):
    launched = quick("--vary=learning_rate=10,100")
    assert launched.status == 3
    assert "every trial diverged" in launched.out


def test_a_sweep_of_which_every_trial_failed_gives_the_reason(quick, monkeypatch):
    def train(*_):
        raise MemoryError("out of memory")

    monkeypatch.setattr(sweep_worker.run, "run_in", train)
    launched = quick(RATES)
    assert launched.status == 2
    assert launched.err == "sweep: error: every trial failed; the first: MemoryError: out of memory\n"


def test_an_interrupted_sweep_goes_on_where_it_was(quick, tmp_path, monkeypatch):
    def train(folder, values, make_stop, watchers):
        if values.learning_rate == 0.01:
            os.kill(os.getpid(), signal.SIGTERM)
        return sweep_stand_in.train(folder, values, make_stop, watchers)

    with monkeypatch.context() as patch:
        patch.setattr(sweep_worker.run, "run_in", train)
        launched = quick(RATES)
    assert launched.status == 143
    assert "interrupted after 1 of 3 trials" in launched.out
    (tmp_path / "sweep" / "trials" / "0001" / "summary.json").unlink()
    assert quick(RATES).status == 0
    assert starts(tmp_path / "sweep") == {"0000": 1, "0001": 2, "0002": 1}


def test_a_trial_whose_processes_die_again_and_again_is_given_up(quick, tmp_path):
    assert quick(RATES).status == 0
    folder = SweepFolder(tmp_path / "sweep")
    (folder.results / "0001.json").unlink()
    claims = Claims(folder.path / "claims")
    assert claims.take(1)
    claim = json.loads((claims.folder / "0001.json").read_text())
    claims.close()
    (claims.folder / "0001.json").write_text(json.dumps({**claim, "attempts": MOST_ATTEMPTS}))
    assert "failed: 5 processes died while they trained it" in quick(RATES).out


def test_a_terminal_shows_what_runs_the_best_so_far_and_the_time_left(quick, tmp_path):
    assert quick(RATES).status == 0
    folder = SweepFolder(tmp_path / "sweep")
    results = [result for trial in (0, 1) if (result := folder.result(trial)) is not None]
    (folder.results / "0002.json").unlink()
    now = sweep_table.progress(folder, results, before=0, seconds=30.0)
    assert (now.running, now.best, now.seconds_left) == ([2], results[1], 15.0)
    shown = io.StringIO()
    with sweep_table.Display(folder, Console(file=shown, force_terminal=True, width=120, highlight=False)) as display:
        display.show(now)
    assert "2 of 3 trials: 2 complete, 1 running, 0:15 left" in shown.getvalue()
    assert "best loss 0, trial 1: learning_rate=0.01 seed=0" in shown.getvalue()
    assert "0002" in shown.getvalue()
    assert "learning_rate=0.1 seed=0" in shown.getvalue()


# Trials that are trained together --------------------------------------------------------------------------------

GRID = Declaration(
    flags=("--seed=0", "--clip_norm=1.0", "--cell=lstm"),
    vary=("cell=gru,lstm", "learning_rate=0.001,0.01,0.1", "clip_norm=0.0,2.0@learning_rate=0.1"),
    search="grid",
    num_settings=8,
    num_seeds=2,
    seed=0,
)


@pytest.fixture
def claims(tmp_path):
    """Makes the claims of one more worker."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(contextlib.closing(Claims(tmp_path / "sweep" / "claims")))


def test_a_group_differs_in_seed_and_numbers_alone_and_is_written_down(claims, tmp_path):
    sweep_folder, mine = SweepFolder(tmp_path / "sweep", GRID), claims()
    groups = []
    while group := sweep_folder.take_group(mine, 1):
        groups.append([sweep_folder.settings(trial) for trial in group])
        for trial in group:
            sweep_folder.write_result(Result(trial, "complete"))
    found = [sorted({(one["cell"], one["learning_rate"], one["clip_norm"]) for one in group}) for group in groups]
    assert [len(group) for group in groups] == [6, 2, 6, 2]
    for cell, with_clipping, without in (("gru", *found[:2]), ("lstm", *found[2:])):
        assert with_clipping == [(cell, "0.001", "1.0"), (cell, "0.01", "1.0"), (cell, "0.1", "2.0")]
        assert without == [(cell, "0.1", "0.0")]


def test_workers_share_a_group_and_without_shares_each_trial_is_alone(claims, tmp_path):
    sweep_folder, one, other = SweepFolder(tmp_path / "sweep", GRID), claims(), claims()
    assert sweep_folder.take_group(one, 2) == [0, 1, 2]
    assert sweep_folder.take_group(other, 2) == [3, 6, 7]
    assert sweep_folder.take_group(other, 0) == [4]


def test_the_group_of_a_killed_worker_is_taken_over_once_and_then_trial_by_trial(claims, tmp_path):
    sweep_folder = SweepFolder(tmp_path / "sweep", GRID)
    taken = []
    for _ in range(4):
        worker = claims()
        taken.append(sweep_folder.take_group(worker, 1))
        worker.close()  # As dead as can be: its claims were not released.
    assert taken == [[0, 1, 2, 3, 6, 7]] * 2 + [[0]] * 2


def test_a_trial_that_has_a_checkpoint_goes_on_alone(claims, tmp_path):
    sweep_folder, mine = SweepFolder(tmp_path / "sweep", GRID), claims()
    for trial in sweep_folder.take_group(mine, 1):
        mine.release(trial)
    (sweep_folder.folder(0) / "checkpoints" / "step_00000002").mkdir(parents=True)
    assert sweep_folder.take_group(mine, 1) == [0]
    assert sweep_folder.take_group(mine, 1) == [1, 2, 3, 6, 7]


def test_every_number_of_a_group_is_one_of_a_member_and_zero_is_told_apart_where_it_leaves_something_out():
    for name in sorted(NUMBERS):
        programs, zero = {}, ["0"] if name in LEFT_OUT_AT_ZERO else []
        for value in [*zero, *(("1", "2") if name == "warmup_steps" else ("0.25", "0.5"))]:
            values = run_folder.parsed(["--schedule=exponential", f"--{name}={value}"])
            optimizer, hyper = from_flags.optimizer_config(values), from_flags.hyper(values)
            member = Member(echo_task(), optimizer=optimizer, hyper=hyper)
            programs.setdefault(program_of(member), []).append(group_of({name: value}))
        assert len(programs) == 1 + (name in LEFT_OUT_AT_ZERO), name
        assert [len(set(groups)) for groups in programs.values()] == [1] * len(programs), name
        assert len({group for groups in programs.values() for group in groups}) == len(programs), name


def test_trials_that_cannot_be_trained_together_are_trained_alone(quick, tmp_path):
    # The generated rows have no such data set, which the stand-in for a single run does not look at.
    launched = quick(RATES, "--population=auto", "--task=adding", "--dataset=nowhere")
    assert launched.status == 0, launched.err
    assert starts(tmp_path / "sweep") == {"0000": 1, "0001": 1, "0002": 1}
    log = (tmp_path / "sweep" / "logs" / "0001.txt").read_text()
    assert "--dataset=nowhere" in log
    assert "left to be trained alone" in log


def test_a_group_that_is_interrupted_keeps_nothing_and_is_trained_again(quick, tmp_path, monkeypatch):
    told = []

    def train(folders, logs, should_stop, ended):
        told.append(sorted(folders))
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            assert should_stop()
            return
        for trial, folder in folders.items():
            sweep_stand_in.train(folder, run_folder.read_values(folder), lambda: should_stop)
            ended(trial)

    monkeypatch.setattr(sweep_worker.sweep_population, "train", train)
    launched = quick(RATES, "--population=auto")
    assert launched.status == 143
    assert "interrupted after 0 of 3 trials" in launched.out
    assert quick(RATES, "--population=auto").status == 0
    assert told == [[0, 1, 2]] * 2
    assert starts(tmp_path / "sweep") == {"0000": 1, "0001": 1, "0002": 1}


# Workers that are killed -----------------------------------------------------------------------------------------


def kill_some(pids, num_kills, seconds, killed, ended):
    """Sends SIGKILL to one of the workers at random, again and again."""
    choose = random.Random(0)
    while len(killed) < num_kills and not ended.wait(choose.uniform(0, seconds)):
        alive = [pid for pid in pids() if pid not in killed]
        if alive:
            killed.append(choose.choice(alive))
            os.kill(killed[-1], signal.SIGKILL)


def test_of_killed_workers_no_trial_is_lost_or_repeated(tmp_path, monkeypatch):
    started = []

    def start(folder, num_shares):
        command = [sys.executable, "-m", sweep_stand_in.__name__, str(folder.path), str(os.getpid()), str(num_shares)]
        started.append(subprocess.Popen(command, cwd=REPOSITORY))
        return started[-1]

    monkeypatch.setattr(sweep, "_start", start)
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.05)
    killed, ended = [], threading.Event()
    pids = lambda: [process.pid for process in started if process.poll() is None]  # noqa: E731
    killer = threading.Thread(target=kill_some, args=(pids, 3, 0.5, killed, ended))
    killer.start()
    folder = tmp_path / "sweep"
    arguments = [
        "--vary=learning_rate=log:1e-3:1:4",
        "--seeds=5",
        f"--sweep_dir={folder}",
        "--workers=2",
        "--population=off",
    ]
    launched = launch("sweep", *arguments)
    ended.set()
    killer.join()
    assert launched.status == 0, launched.err
    assert [result["trial"] for result in contents(folder, "results/*")] == list(range(20))
    assert {result["status"] for result in contents(folder, "results/*")} == {"complete"}
    assert killed
    assert sum(starts(folder).values()) <= 20 + len(killed)


@pytest.mark.slow
def test_four_workers_end_forty_trials_once_each_while_ten_of_them_are_killed(tmp_path):
    folder = tmp_path / "sweep"
    flags = [*TINY, "--num_steps=20", "--vary=learning_rate=log:1e-3:1e-1:8", "--seeds=5", "--population=off"]
    command = [sys.executable, "-m", "experiments.sweep", f"--sweep_dir={folder}", "--workers=4", *flags]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)

    def pids():
        # The workers that have taken a trial.
        alive = [path.stem.split("-")[-2] for path in folder.glob("claims/*.alive")]
        return [int(pid) for pid in alive]

    killed, ended = [], threading.Event()
    killer = threading.Thread(target=kill_some, args=(pids, 10, 6.0, killed, ended))
    killer.start()
    out, _ = process.communicate()
    ended.set()
    killer.join()
    print(out, f"{len(killed)} workers killed")
    assert process.returncode == 0
    assert len(killed) == 10
    results = contents(folder, "results/*")
    assert [result["trial"] for result in results] == list(range(40))
    assert {result["status"] for result in results} == {"complete"}
    # What was gone on with is what it would have been alone.
    for trial in random.Random(1).sample(range(40), 3):
        there = folder / "trials" / f"{trial:04d}"
        alone = tmp_path / f"alone{trial}"
        command = [sys.executable, "-m", "experiments.run", f"--flagfile={there / 'flags.txt'}", f"--run_dir={alone}"]
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        assert (alone / "metrics.jsonl").read_bytes() == (there / "metrics.jsonl").read_bytes()


# Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        (["--vary=cel=gru,lstm"], "cel is no flag of an experiment; did you mean 'cell'?"),
        (["--vary=run_dir=a,b"], "run_dir is no flag of an experiment"),
        (["--vary=seed=1,2"], "Write --seeds=5 for five of them"),
        (["--vary=data_dir=a,b"], "this flag is no part of what an experiment is"),
        (["--vary=splits=0.8,0.2"], "this flag is a list"),
        (["--vary=learning_rate=log:0:1"], "0 has no logarithm"),
        (["--vary=learning_rate=lin:1:0"], "is empty"),
        (["--vary=learning_rate=fast,slow"], "the value 'fast': expected a finite number"),
        (["--vary=learning_rate=0.1,nan"], "the value 'nan': expected a finite number"),
        (["--vary=dropout_rate=lin:0:2"], "the value '2.0': expected a finite number in [0.0, 0.99]"),
        (["--vary=hidden_size=lin:8:16"], "--hidden_size takes no fractions. Write int:LOW:HIGH"),
        (["--vary=hidden_size=int:0:4"], "the value '0': expected an integer >= 1"),
        (["--vary=optimizer=adm,sgd"], "did you mean 'adam'?"),
        (["--vary=cell=ltsm,gru"], "unknown cell 'ltsm'; did you mean 'lstm'?"),
        (["--vary=task=adding,addition"], "unknown task 'addition'"),
        (["--vary=dropout_rate=lin:0:0.5@num_layers=2"], "a condition on num_layers, which is not varied"),
        ([], "expected --vary=NAME=VALUES"),
        ([RATES, "--trials=2"], "this grid has 3 settings"),
        ([RATES, "--search=genetic"], "unknown --search 'genetic'"),
        ([RATES, "--storage=sqlite:///x.db"], "--search=grid has none"),
        ([RATES, "--search=tpe", "--storage=nonsense"], "--storage=nonsense: expected a database that answers"),
        ([RATES, "--run_dir=x"], "a sweep makes the folders of its runs"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_anything_is_made(tmp_path, arguments, say):
    folder = tmp_path / "sweep"
    assert say in refused("sweep", f"--sweep_dir={folder}", *arguments)
    assert not folder.exists()


def test_a_sweep_needs_a_folder():
    assert "expected --sweep_dir=DIR" in refused("sweep", RATES)


def test_the_folder_of_another_sweep_or_of_something_else_is_left_as_it_is(quick, tmp_path):
    assert quick(RATES).status == 0
    folder = f"--sweep_dir={tmp_path / 'sweep'}"
    assert "--learning_rate=0.002 there, 0.5 here" in refused("sweep", folder, RATES, "--learning_rate=0.5")
    assert "--vary=learning_rate=0.001,0.01,0.1 there" in refused("sweep", folder, "--vary=learning_rate=1,2")
    assert "--seeds=1 there, 3 here" in refused("sweep", folder, RATES, "--seeds=3")
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds something else" in refused("sweep", f"--sweep_dir={tmp_path}", RATES)


def test_where_the_data_are_may_change_from_launch_to_launch(quick):
    assert quick(RATES).status == 0
    assert quick(RATES, "--data_dir=elsewhere").status == 0
