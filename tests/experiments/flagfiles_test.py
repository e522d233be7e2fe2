import copy
import re
from pathlib import Path

import pytest
from absl import flags

from experiments import command_line, from_flags, sweep, task_table
from experiments.flagfiles import Token, expand, expand_tokens, parse_line
from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.registry import DATASETS
from seqlab.optim import make_optimizer
from tests.experiments.launching import unparse_all

FLAGS_FOLDER = Path(__file__).parents[2] / "experiments" / "flags"
HEADER = "what it shows, source, expected score, cost, command"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def write_file(name, content):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write_file


@pytest.mark.parametrize(
    ("line", "say"),
    [
        pytest.param("  # text", "expected a comment in column 1, found the indented '# text'", id="indented comment"),
        pytest.param("\t// text", "expected a comment in column 1", id="comment behind a tab"),
        pytest.param("  --lr=0.3", "expected a flag in column 1, found the indented '--lr=0.3'", id="indented flag"),
        pytest.param("  --flagfile=b", "expected a flag in column 1", id="indented include"),
        pytest.param("--name=foo # note", "found the comment '# note' behind it", id="comment behind a value"),
        pytest.param("--name=foo\t// note", "found the comment '// note' behind it", id="second kind of comment"),
        pytest.param("--nesterov # note", "found the comment '# note' behind it", id="comment behind a boolean"),
        pytest.param("--name= # note", "found the comment '# note' behind it", id="comment in place of a value"),
        pytest.param("--lr 0.3", "did you mean '--lr=0.3'?", id="space for ="),
        pytest.param("--lr = 0.3", "did you mean '--lr=0.3'?", id="spaces around ="),
        pytest.param("--b false", "did you mean '--b=false'?", id="boolean with a space"),
        pytest.param("--flagfile b", "did you mean '--flagfile=b'?", id="include with a space"),
        pytest.param("--flagfile", "expected --flagfile=FILE on one line", id="include without a file"),
        pytest.param("--flagfile=", "expected a file after --flagfile=", id="include of nothing"),
        pytest.param("lr=0.3", "did you mean '--lr=0.3'?", id="no dashes"),
        pytest.param("lr 0.3", "did you mean '--lr=0.3'?", id="no dashes and no ="),
        pytest.param("nesterov", "did you mean '--nesterov'?", id="boolean without dashes"),
        pytest.param("–lr=0.3", "did you mean '--lr=0.3'?", id="typographic dash"),
        pytest.param("-- lr=0.3", "did you mean '--lr=0.3'?", id="dashes apart"),
        pytest.param("--=0.3", "did you mean '--name=value'?", id="no name"),
        pytest.param("--", "found '--', which would end the flags", id="lone dashes"),
        pytest.param('--name="q"', "expected a value without quotes", id="double quotes"),
        pytest.param("--name='q r'", "expected a value without quotes", id="single quotes"),
        pytest.param("--name=foo\\", "found a backslash at the end", id="trailing backslash"),
        pytest.param("--lr=0.1\r--lr=0.2", "found a line break inside it", id="carriage returns alone"),
    ],
)
def test_every_trap_of_absl_flag_files_is_an_error_at_its_row(write, line, say):
    name = write("a.flags", f"# header\n\n{line}\n--seed=1\n")
    with pytest.raises(SeqlabError, match=re.escape(say)) as error:
        expand([f"--flagfile={name}"])
    assert str(error.value).startswith("a.flags:3: ")


@pytest.mark.parametrize(
    ("lines", "meant"),
    [
        ("--lr\n0.3", "--lr=0.3"),
        ("--lr\n-0.3", "--lr=-0.3"),
        ("--b\n# why\n\nfalse", "--b=false"),
        ("--b\nlr=0.3", "--lr=0.3"),
    ],
)
def test_a_value_on_the_next_line_is_told_which_flag_it_belongs_to(write, lines, meant):
    write("a.flags", lines)
    row = lines.count("\n") + 1
    with pytest.raises(DataError, match=rf"a\.flags:{row}: .*did you mean '{re.escape(meant)}'"):
        expand(["--flagfile=a.flags"])


@pytest.mark.parametrize(
    "line",
    [
        "--name=value",
        "-name=value",
        "--name=",
        "--nesterov",
        "--nonesterov",
        "--name=a b, c",
        "--name=a#b//c",
        "--name=#fff",
        "--name= indented",
        "--name=a=b",
        "--name=it's",
        '--names="a,b",c',
        "--name='",
        "--name=C:\\folder",
        "--undefok=zzz",
        "--help",
    ],
)
def test_a_flag_on_a_line_of_its_own_is_kept_as_it_is(line):
    assert parse_line(line, "a.flags:1") == line


@pytest.mark.parametrize("content", [b"# c\r\n--a=1\r\n\r\n// d\r\n--b", b"\xef\xbb\xbf# c\n--a=1 \n\n \t\n--b\n"])
def test_line_ends_of_windows_byte_order_marks_and_blank_lines_are_fine(write, content):
    assert expand([f"--flagfile={write('a.flags', content)}"]) == ["--a=1", "--b"]


def test_a_byte_order_mark_may_stand_before_a_flag(write):
    write("a.flags", b"\xef\xbb\xbf--a=1")
    assert expand(["--flagfile=a.flags"]) == ["--a=1"]


@pytest.mark.parametrize("include", [["--flagfile=a.flags"], ["--flagfile", "a.flags"], ["-flagfile", "a.flags"]])
def test_a_file_is_expanded_in_place_and_each_token_knows_its_origin(write, include):
    write("a.flags", "# header\n--lr=.5\n--b\n")
    tokens = expand_tokens(["run", "--lr=.4", *include, "--seed", "1"])
    assert tokens == [
        Token("run"),
        Token("--lr=.4"),
        Token("--lr=.5", "a.flags:2"),
        Token("--b", "a.flags:3"),
        Token("--seed"),
        Token("1"),
    ]


def test_two_files_are_both_read_in_order(write):
    write("a.flags", "--lr=1")
    write("b.flags", "--lr=2")
    assert expand(["--flagfile=b.flags", "--flagfile=a.flags"]) == ["--lr=2", "--lr=1"]


def test_after_a_lone_dash_pair_on_the_command_line_nothing_is_expanded():
    assert expand(["--a=1", "--", "--flagfile=missing"]) == ["--a=1", "--", "--flagfile=missing"]


def test_a_nested_include_is_found_beside_its_file_then_in_the_working_directory(write):
    write("flags/base.flags", "--where=above")
    write("flags/group/both.flags", "--where=beside")
    write("both.flags", "--where=working")
    write("common/only.flags", "--only=1")
    write("flags/group/top.flags", "--flagfile=../base.flags\n--flagfile=both.flags\n--flagfile=common/only.flags")
    assert expand_tokens(["--flagfile=flags/group/top.flags"]) == [
        Token("--where=above", "flags/base.flags:1"),
        Token("--where=beside", "flags/group/both.flags:1"),
        Token("--only=1", "common/only.flags:1"),
    ]


def test_a_missing_include_names_its_row_and_the_places_tried(write, tmp_path):
    write("sub/a.flags", "--lr=1\n--flagfile=b.flags")
    with pytest.raises(SeqlabError, match=r"^sub/a\.flags:2: .*'b\.flags'") as error:
        expand(["--flagfile=sub/a.flags"])
    assert str(tmp_path / "sub" / "b.flags") in str(error.value)
    assert repr(str(tmp_path / "b.flags")) in str(error.value)


@pytest.mark.parametrize(
    ("argv", "say"),
    [
        (["--flagfile=missing.flags"], "found none named 'missing.flags'"),
        (["--flagfile=a.flags,b.flags"], "give one --flagfile= for each"),
        (["--flagfile=$HOME/a.flags"], "Variables such as $HOME are not expanded"),
        (["--flagfile=sub"], "found the folder 'sub'"),
        (["--flagfile="], "found nothing"),
        (["--flagfile"], "found nothing"),
    ],
)
def test_a_flag_file_that_cannot_be_opened_is_an_error_that_says_why(write, argv, say):
    write("a.flags", "--lr=1")
    write("sub/b.flags", "--lr=1")
    with pytest.raises(SeqlabError, match=re.escape(say)):
        expand(argv)


def test_an_unreadable_file_is_an_error_with_the_reason_of_the_system(write, monkeypatch):
    write("a.flags", "--lr=1")

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "a.flags")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(SeqlabError, match=r"cannot read the flag file 'a\.flags': Permission denied"):
        expand(["--flagfile=a.flags"])


def test_the_home_folder_is_expanded(write, monkeypatch, tmp_path):
    write("home/a.flags", "--lr=1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert expand(["--flagfile=~/a.flags"]) == ["--lr=1"]


@pytest.mark.parametrize("back", ["../a.flags", "./b.flags"])
def test_a_circular_include_prints_the_chain(write, back):
    write("a.flags", "--flagfile=sub/b.flags")
    write("sub/b.flags", f"--lr=1\n--flagfile={back}")
    last = "sub/b.flags" if "b" in back else "a.flags"
    with pytest.raises(SeqlabError, match=rf"^sub/b\.flags:2: circular .*: a\.flags -> sub/b\.flags -> {last}\."):
        expand(["--flagfile=a.flags"])


def test_the_same_file_may_be_included_twice_on_separate_ways(write):
    write("base.flags", "--lr=1")
    write("a.flags", "--flagfile=base.flags")
    write("b.flags", "--flagfile=base.flags\n--flagfile=a.flags")
    assert expand(["--flagfile=b.flags"]) == ["--lr=1", "--lr=1"]


def test_bytes_that_are_not_utf8_are_an_error_with_row_and_byte(write):
    write("a.flags", b"# ok\n--name=caf\xe9\n")
    with pytest.raises(DataError, match=r"^a\.flags:2: .*byte 0xe9 at byte 15\."):
        expand(["--flagfile=a.flags"])


# The flag files of the project -----------------------------------------------------------------------------------


def against_definitions(path: Path) -> list[str]:
    """What is wrong with the values of a flag file: with each flag, and with what the library makes of them."""
    values = copy.deepcopy(flags.FLAGS)
    unparse_all(values)
    try:
        command_line.parse(["run", f"--flagfile={path}"], values)
        task_table.task_entry(values.task)
        from_flags.recurrent_config(values).make(input_blocks=3 if values.gaps == "mask" or values.missing_rate else 1)
        make_optimizer(from_flags.optimizer_config(values), steps_per_epoch=1, total_steps=1)
        if values.vary:
            sweep.declaration(values)
        name = "text" if values.dataset == "builtin" else values.dataset
        if ":" not in name and name not in {*DATASETS, "text"}:
            return [f"{path}: no data set is named {name}"]
    except SeqlabError as error:
        return [str(error)]
    return []


def lint(path: Path, root: Path) -> list[str]:
    """What is wrong with a flag file: its lines, and its header of five comments (base.flags has no command)."""
    try:
        expand([f"--flagfile={path}"])
    except SeqlabError as error:
        return [str(error)]
    name = path.relative_to(root).as_posix()
    header = path.read_text(encoding="utf-8").split("\n")[:5]
    if path.name == "base.flags":
        return [] if header[0].startswith("# ") else [f"{name}: expected a first line '# what it holds'"]
    if len(header) < 5 or not all(line.startswith("# ") and line[2:].strip() for line in header):
        return [f"{name}: expected five lines '# ...': {HEADER}"]
    if not re.search(rf"--flagfile={re.escape(name)}(\s|$)", header[4]):
        return [f"{name}:5: expected the command, with --flagfile={name}"]
    return []


GOOD_HEADER = "# What.\n# Source.\n# Score.\n# Cost.\n# python -m experiments.run --flagfile=group/a.flags\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (GOOD_HEADER + "--lr=1\n", None),
        (GOOD_HEADER + "lr=1\n", "did you mean '--lr=1'"),
        (GOOD_HEADER.replace("# Cost.\n", "\n"), "expected five lines"),
        (GOOD_HEADER.replace("Cost.", ""), "expected five lines"),
        ("# What.\n", "expected five lines"),
        (GOOD_HEADER.replace("group/", "other/"), "with --flagfile=group/a.flags"),
        (GOOD_HEADER.replace("a.flags", "a.flagship"), "with --flagfile=group/a.flags"),
    ],
)
def test_the_lint_of_flag_files_finds_what_is_wrong(write, tmp_path, content, problem):
    found = lint(tmp_path / write("group/a.flags", content), tmp_path)
    assert found == [] if problem is None else problem in found[0]


def test_every_flag_file_of_the_project_is_clean():
    root = FLAGS_FOLDER.parents[1]
    problems = [problem for path in sorted(FLAGS_FOLDER.rglob("*.flags")) for problem in lint(path, root)]
    assert problems == []


@pytest.mark.parametrize("path", sorted(FLAGS_FOLDER.rglob("*.flags")), ids=lambda path: path.stem)
def test_every_flag_file_of_the_project_declares_an_experiment_that_can_be_made(path):
    assert against_definitions(path) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--hiden_size=4", "a.flags:1: Unknown command line flag 'hiden_size'"),
        ("--hidden_size=four", "a.flags:1: flag --hidden_size=four: expected an integer"),
        ("--cell=ltsm", "unknown cell 'ltsm'"),
        ("--engine=scn", "unknown engine 'scn'"),
        ("--optimizer=adamw", "needs weight_decay"),
        ("--task=addding", "unknown task 'addding'"),
        ("--dataset=shakespeare", "no data set is named shakespeare"),
    ],
)
def test_the_check_against_the_definitions_finds_what_is_wrong(write, line, problem):
    assert problem in against_definitions(Path(write("a.flags", line)))[0]
