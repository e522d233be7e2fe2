import re
import subprocess
import sys

import pytest
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import command_line, flagfiles
from experiments.command_line import define_enum, define_float, define_integer
from seqlab.core.errors import RunFolderError, SeqlabError

MODULE = __name__


def define_all():
    """A fresh set of flags, one of each kind."""
    values = flags.FlagValues()
    flags.DEFINE_string("dataset", "topics", "What to learn.", flag_values=values)
    define_float("learning_rate", 0.1, "Rate.", 0.0, 10.0, flag_values=values)
    define_integer("hidden_size", 8, "Units.", 1, flag_values=values)
    define_enum("cell", "gru", ["gru", "lstm"], "Recurrence.", flag_values=values)
    flags.DEFINE_boolean("nesterov", False, "Look ahead.", flag_values=values)
    flags.DEFINE_list("sizes", ["1", "2"], "Widths.", flag_values=values)
    return values


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
    monkeypatch.setattr(sys, "argv", [MODULE])
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


def test_the_definers_file_a_flag_under_the_module_that_calls_them():
    assert [flag.name for flag in define_all().get_flags_for_module(MODULE)] == [
        "dataset",
        "learning_rate",
        "hidden_size",
        "cell",
        "nesterov",
        "sizes",
    ]


@pytest.mark.parametrize(("low", "high", "bad"), [(1, None, 0), (None, 1, 2), (1, 2, 3)])
def test_a_default_out_of_bounds_is_refused(low, high, bad):
    with pytest.raises(flags.IllegalFlagValueError, match="expected an integer"):
        define_integer("n", bad, "N.", low, high, flag_values=flags.FlagValues())
    with pytest.raises(flags.IllegalFlagValueError, match="expected a finite number"):
        define_float("x", bad, "X.", low, high, flag_values=flags.FlagValues())


def test_wrong_flags_are_refused_before_jax_is_imported():
    script = (
        "import sys; from experiments import command_line\n"
        "try: command_line.run(lambda: None, ['run', '--zzz=1'])\n"
        "finally: print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")


# flags.txt -------------------------------------------------------------------------------------------------------


def cannot_stand_in_a_file(value: str) -> bool:
    """The rule of the writer, said another way."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    comment = re.search(r"\s(#|//)", value)
    surrogate = any("\ud800" <= letter <= "\udfff" for letter in value)
    return bool(quoted or comment or surrogate or {"\r", "\n"} & set(value) or value.endswith("\\")) or (
        value != value.rstrip()
    )


def relaunched(text: str, path) -> flags.FlagValues:
    path.write_bytes(text.encode())
    values = define_all()
    values(["run", *flagfiles.expand([f"--flagfile={path}"])])
    return values


AWKWARD = st.text(st.sampled_from("ab ,#/\"'=-\\\t\r\né\u2028"), max_size=6) | st.text(max_size=6)


def written(values: flags.FlagValues) -> str | None:
    try:
        return command_line.flags_text(values, [MODULE])
    except SeqlabError:
        return None


@settings(deadline=None)
@given(AWKWARD, st.floats(0, 10), st.integers(1, 2**70), st.booleans())
def test_flags_text_relaunches_the_same_flags_or_is_refused(tmp_path_factory, dataset, rate, size, nesterov):
    values = define_all()
    values(["run", f"--dataset={dataset}", f"--learning_rate={rate!r}", f"--hidden_size={size}"])
    values.nesterov = nesterov
    text = written(values)
    assert (text is None) == cannot_stand_in_a_file(dataset)
    if text is not None:
        path = tmp_path_factory.getbasetemp() / "flags.txt"
        assert relaunched(text, path).flag_values_dict() == values.flag_values_dict()


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from('ab ",#'), max_size=4), max_size=4))
def test_lists_in_flags_text_come_back_the_same_or_are_refused(tmp_path_factory, sizes):
    values = define_all()
    values.mark_as_parsed()
    values.sizes = sizes
    text = written(values)
    if all(item.isalpha() for item in sizes):
        assert text is not None
    if text is not None:
        assert relaunched(text, tmp_path_factory.getbasetemp() / "flags.txt").sizes == sizes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", ""),
        ("dataset", "text:/a b/c,d#e.txt"),
        ("dataset", " leading"),
        ("dataset", "--flagfile=x"),
        ("learning_rate", 0.1 + 0.2),
        ("learning_rate", 5e-324),
        ("nesterov", True),
        ("sizes", []),
        ("sizes", ["a b", "c,d", 'say "x"', ""]),
    ],
)
def test_an_ordinary_value_survives_flags_txt(values, tmp_path, name, value):
    values.mark_as_parsed()
    setattr(values, name, value)
    path = tmp_path / "flags.txt"
    command_line.write_flags(path, values, [MODULE])
    assert relaunched(path.read_text(), path)[name].value == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "a file cannot say None"),
        ("a # b", "comment '# b'"),
        ("a\nb", "line break"),
        ("a ", "white space at its ends"),
        ('"a"', "without quotes"),
        ("a\\", "backslash"),
        ("\udce9", "surrogates not allowed"),
    ],
)
def test_a_value_that_a_flag_file_cannot_hold_is_refused_and_nothing_is_written(values, tmp_path, value, why):
    values.mark_as_parsed()
    values.dataset = value
    with pytest.raises(SeqlabError, match=f"^flag --dataset: .*{why}"):
        command_line.write_flags(tmp_path / "flags.txt", values, [MODULE])
    assert not (tmp_path / "flags.txt").exists()


def test_a_flag_that_may_be_given_several_times_is_refused(values):
    flags.DEFINE_multi_string("vary", ["a"], "Repeated.", flag_values=values)
    values.mark_as_parsed()
    with pytest.raises(SeqlabError, match="Define the flag as a list"):
        command_line.flags_text(values, [MODULE])


def test_a_module_without_flags_is_an_unknown_name(values):
    with pytest.raises(SeqlabError, match=r"unknown module with flags 'experiments\.flag_definition'"):
        command_line.flags_text(values, ["experiments.flag_definition"])


def test_flags_txt_has_only_the_given_modules_one_flag_a_line_in_the_order_of_definition(values):
    flags.DEFINE_string("foreign", "", "Of a library.", flag_values=values, module_name="some.library")
    values.mark_as_parsed()
    assert command_line.flags_text(values, [MODULE]) == (
        "--dataset=topics\n--learning_rate=0.1\n--hidden_size=8\n--cell=gru\n--nesterov=false\n--sizes=1,2\n"
    )
