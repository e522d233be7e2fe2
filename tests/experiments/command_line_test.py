import re
import subprocess
import sys

import pytest
from absl import flags
from hypothesis import given
from hypothesis import strategies as st

from experiments import command_line
from experiments.flag_kinds import define_float
from seqlab.core.errors import RunFolderError, SeqlabError
from tests.experiments.small_flags import define_all


@pytest.fixture
def values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return define_all()


@pytest.fixture
def run(values, capsys):
    """Runs a command line; gives the exit status and what stood on stderr."""

    def run_arguments(*arguments, main=lambda: None):
        with pytest.raises(SystemExit) as stop:
            command_line.run(main, ["/somewhere/experiments/run.py", *arguments], flag_values=values)
        return stop.value.code, capsys.readouterr().err

    return run_arguments


def test_main_sees_the_parsed_flags_and_its_status_is_the_exit_status(run, values):
    status, _ = run("--cell", "lstm", "--hidden_size=0x10", main=lambda: 3 if values.cell == "lstm" else 4)
    assert status == 3
    assert values.hidden_size == 16


def test_a_main_that_returns_nothing_exits_with_zero(run):
    assert run("--nesterov") == (0, "")


def test_later_flags_override_a_flag_file_and_a_later_flag_file_overrides_them(run, values, tmp_path):
    (tmp_path / "a.flags").write_text("--learning_rate=.5\n")
    run("--flagfile=a.flags", "--learning_rate=.4")
    assert values.learning_rate == 0.4
    run("--learning_rate=.4", "--flagfile=a.flags")
    assert values.learning_rate == 0.5


WRONG_FLAGS = [
    ("--learnin_rate=1", "Unknown command line flag 'learnin_rate'. Did you mean: learning_rate ?"),
    ("--zzz", "Unknown command line flag 'zzz' (--help lists the flags)"),
    ("--hidden_size=abc", "flag --hidden_size=abc: expected an integer >= 1; got 'abc'"),
    ("--hidden_size=1.5", "expected an integer >= 1; got '1.5'"),
    ("--hidden_size=0", "expected an integer >= 1; got '0'"),
    ("--learning_rate=nan", "expected a finite number in [0.0, 10.0]; got 'nan'"),
    ("--learning_rate=-inf", "expected a finite number in [0.0, 10.0]; got '-inf'"),
    ("--learning_rate=1e999", "expected a finite number in [0.0, 10.0]; got '1e999'"),
    ("--learning_rate=11", "expected a finite number in [0.0, 10.0]; got '11'"),
    ("--learning_rate=", "expected a finite number in [0.0, 10.0]; got ''"),
    ("--cell=ltsm", "unknown --cell 'ltsm'; did you mean 'lstm'? Known: gru, lstm."),
    ("--nesterov=maybe", "flag --nesterov=maybe: expected true or false; got 'maybe'"),
    ("--nonesterov=true", "--nonesterov=true does not take an argument"),
    ("--dataset", "expected a value for the flag --dataset, found none"),
]


@pytest.mark.parametrize(("flag", "say"), WRONG_FLAGS)
def test_a_wrong_flag_on_the_command_line_is_status_two_and_one_line(run, flag, say):
    status, printed = run(flag, main=lambda: pytest.fail("main must not run"))
    assert status == 2
    assert printed.startswith("run: error: ")
    assert say in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(("flag", "say"), WRONG_FLAGS)
def test_a_wrong_flag_in_a_flag_file_names_the_file_and_the_row(run, tmp_path, flag, say):
    (tmp_path / "a.flags").write_text(f"# header\n--hidden_size=4\n--learning_rate=1\n{flag}\n")
    status, printed = run("--cell=lstm", "--flagfile=a.flags", "--hidden_size=5")
    assert status == 2
    assert printed.startswith("run: error: a.flags:4: ")
    assert say in printed


def test_a_validator_names_the_row_of_the_value_that_it_refuses(run, values, tmp_path):
    flags.register_validator("hidden_size", lambda size: size % 2 == 0, "must be even", flag_values=values)
    (tmp_path / "a.flags").write_text("--hidden_size=3\n--hidden_size=5\n")
    assert run("--flagfile=a.flags") == (2, "run: error: a.flags:2: flag --hidden_size=5: must be even\n")


def test_a_flag_without_its_value_does_not_swallow_the_next_flag(run, values):
    status, printed = run("--dataset", "--learning_rate=1")
    assert status == 2
    assert "--dataset=VALUE" in printed
    assert values["dataset"].value == "topics"


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        (["learning_rate=0.3"], "found the argument 'learning_rate=0.3'; did you mean '--learning_rate=0.3'?"),
        (["–hidden_size=3"], "did you mean '--hidden_size=3'?"),
        (["nesterov"], "did you mean '--nesterov'?"),
        (["--nesterov", "false", "--hidden_size=3"], "did you mean '--nesterov=false' or '--nonesterov'?"),
        (["--dataset", "false", "--nesterov", "false"], "did you mean '--nesterov=false' or '--nonesterov'?"),
        (["--nesterov=false", "true"], "found the argument 'true'. Remove it"),
        (["--dataset=two", "words"], "quote the value that it belongs to"),
        (["--hidden_size=3", "--", "--nesterov"], "behind '--', which ends the flags"),
        (["--nesterov", "--", "--nesterov"], "behind '--', which ends the flags"),
        (["--undefok=zzz", "--zzz", "1"], "found the argument '1'"),
    ],
)
def test_an_argument_left_over_is_refused_with_its_likely_cause(run, arguments, say):
    status, printed = run(*arguments)
    assert status == 2
    assert say in printed


def test_flags_named_in_undefok_are_ignored(run):
    assert run("--undefok=zzz", "--zzz=1") == (0, "")


def test_a_trap_in_a_flag_file_is_status_two(run, tmp_path):
    (tmp_path / "a.flags").write_text("--hidden_size=4\nlearning_rate=0.3\n")
    status, printed = run("--flagfile=a.flags")
    assert status == 2
    assert printed == (
        "run: error: a.flags:2: expected a flag, found 'learning_rate=0.3'; did you mean '--learning_rate=0.3'?\n"
    )


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (RunFolderError("runs/a: holds another run."), 2, "run: error: runs/a: holds another run.\n"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), 2, "run: error: a.txt: No such file or directory"),
        (KeyboardInterrupt(), 130, "run: interrupted\n"),
    ],
)
def test_what_a_user_can_mend_is_printed_without_a_traceback(run, error, status, printed):
    found = run(main=raising(error))
    assert found[0] == status
    assert found[1].startswith(printed)


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), OSError("no file named"), flags.Error("read too early")])
def test_defects_of_ours_keep_their_traceback(run, error):
    with pytest.raises(type(error), match=str(error)):
        command_line.run(raising(error), ["run"], flag_values=define_all())


def test_help_prints_our_flags_with_their_bounds_and_exits_with_zero(monkeypatch, capsys):
    values = flags.FlagValues()
    monkeypatch.setattr(sys, "argv", [__name__])
    define_float("learning_rate", 0.1, "Rate.", 0.0, 10.0, flag_values=values)
    flags.DEFINE_string("foreign", "", "Of a library.", flag_values=values, module_name="some.library")
    for flag, has_foreign in [("--help", False), ("--helpfull", True)]:
        with pytest.raises(SystemExit) as stop:
            command_line.run(lambda: pytest.fail("main must not run"), ["run", flag], flag_values=values)
        printed = capsys.readouterr().out
        assert stop.value.code == 0
        assert re.search(
            r"--learning_rate: Rate\.\s+\(default: '0.1'\)\s+\(a finite number in \[0.0, 10.0\]\)", printed
        )
        assert ("--foreign" in printed) == has_foreign
        assert "--flagfile" in printed


def test_wrong_flags_are_refused_before_jax_is_imported():
    script = (
        "import sys; from experiments import command_line\n"
        "try: command_line.run(lambda: None, ['run', '--zzz=1'])\n"
        "finally: print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")


# Positional arguments --------------------------------------------------------------------------------------------


FOLDERS = {"positional": "run folders"}


@given(st.lists(st.sampled_from(["runs/a", "runs/lr=0.3", "../b", "c"])), st.randoms(use_true_random=False))
def test_positional_arguments_come_in_their_order_wherever_the_flags_stand(folders, random):
    arguments = list(folders)
    for flag in ("--nesterov", "--hidden_size=3", "--cell=lstm"):
        arguments.insert(random.randint(0, len(arguments)), flag)
    values = define_all()
    assert command_line.parse(["report", *arguments], values, **FOLDERS) == folders
    assert (values.nesterov, values.hidden_size, values.cell) == (True, 3, "lstm")


def test_behind_a_lone_dash_pair_everything_is_positional(values):
    arguments = ["a", "--", "--nesterov", "sizes", "b"]
    assert command_line.parse(["report", *arguments], values, **FOLDERS) == ["a", "--nesterov", "sizes", "b"]
    assert not values.nesterov


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        (
            ["a", "learning_rate=0.3"],
            "did you mean '--learning_rate=0.3'? A path of that name is './learning_rate=0.3'.",
        ),
        (["–hidden_size=3", "a"], "did you mean '--hidden_size=3'?"),
        (["a", "nesterov"], "did you mean '--nesterov'?"),
        (["--nesterov", "false", "a"], "did you mean '--nesterov=false' or '--nonesterov'?"),
    ],
)
def test_what_looks_like_a_flag_is_no_positional_argument(values, arguments, say):
    with pytest.raises(SeqlabError, match=re.escape("expected flags (--name=value) and run folders, found ")) as error:
        command_line.parse(["report", *arguments], values, **FOLDERS)
    assert say in str(error.value)


@pytest.mark.parametrize("line", ["runs/a", "  # a comment", "  runs/a", "--"])
def test_a_flag_file_never_holds_positional_arguments(values, tmp_path, line):
    (tmp_path / "a.flags").write_text(f"--hidden_size=4\n{line}\n")
    with pytest.raises(SeqlabError, match=r"^a\.flags:2: "):
        command_line.parse(["report", "--flagfile=a.flags", "a"], values, **FOLDERS)


def test_main_gets_the_positional_arguments(values):
    with pytest.raises(SystemExit) as stop:
        command_line.run(lambda *folders: len(folders), ["report", "a", "b"], flag_values=values, **FOLDERS)
    assert stop.value.code == 2
