import re

import pytest
from absl import flags

from experiments import (
    bench,
    command_line,
    diagnose,
    dry_run,
    export,
    flag_definitions,
    flags_text,
    predict,
    profile_trace,
    report,
    run,
    run_folder,
    sweep,
)
from seqlab.core.precision import PRECISIONS
from seqlab.data.codec import KINDS
from seqlab.data.series_windows import GAPS
from seqlab.data.tokenize import TOKENIZERS
from seqlab.models.encoder_decoder import CONTEXTS
from seqlab.optim.chains import DIRECTIONS
from seqlab.optim.schedules import SCHEDULES
from tests.experiments.launching import unparse_all

OURS = [
    module.__name__
    for module in (
        flag_definitions,
        run_folder,
        predict,
        diagnose,
        export,
        bench,
        report,
        dry_run,
        profile_trace,
        sweep,
    )
]
ALL = [flag for module in OURS for flag in flags.FLAGS.get_flags_for_module(module)]


@pytest.fixture(autouse=True)
def defaults():
    unparse_all()
    flags.FLAGS.mark_as_parsed()
    yield
    unparse_all()


@pytest.mark.parametrize("flag", ALL, ids=[flag.name for flag in ALL])
def test_a_flag_has_a_help_of_a_sentence_and_a_default_that_a_file_can_say(flag):
    # Behind it absl says of some kinds what they take.
    assert re.fullmatch(r"(<\S+>: )?[A-Z].*\.", flag.help.partition(";\n")[0])
    assert flag.default is not None
    assert re.fullmatch("[a-z][a-z0-9_]*", flag.name)
    if not isinstance(flag, flags.MultiFlag):  # No run has these: in a flags.txt they would add up.
        assert flags_text._flag_line(flag).startswith(f"--{flag.name}=")


def test_flags_are_defined_once_and_by_the_experiments_alone():
    names = [flag.name for flag in ALL]
    assert len(set(names)) == len(names)
    defining = {module for module in flags.FLAGS.flags_by_module_dict() if module.startswith(("seqlab", "experiments"))}
    assert defining - {command_line.__name__} == set(OURS)
    assert run.__name__ not in defining


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("attention", CONTEXTS),
        ("gaps", GAPS),
        ("optimizer", DIRECTIONS),
        ("schedule", SCHEDULES),
        ("tokens", {*TOKENIZERS, *KINDS}),
        ("precision", PRECISIONS),
    ],
)
def test_the_names_that_a_flag_takes_are_those_of_the_librarys_table(name, table):
    parser = flags.FLAGS[name].parser
    assert isinstance(parser, flags.EnumParser)
    assert set(parser.enum_values) == set(table)


def test_the_default_flags_written_to_a_file_relaunch_the_defaults(tmp_path):
    command_line.parse(["run"])
    path = tmp_path / "flags.txt"
    flags_text.write_flags(path, flags.FLAGS, run_folder.IDENTITY)
    before = flags.FLAGS.flag_values_dict()
    unparse_all()
    command_line.parse(["run", f"--flagfile={path}"])
    assert flags.FLAGS.flag_values_dict() == before
