import dataclasses
from types import SimpleNamespace

import pytest
from absl import flags

from experiments import command_line, flag_definitions, from_flags, task_table
from seqlab.core.errors import SeqlabError
from seqlab.data.texts import load_text
from seqlab.optim import OptimizerConfig, ScheduleConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.language_model import LanguageModelConfig
from seqlab.train import TrainConfig
from tests.experiments.launching import OTHER_VALUES, unparse_all

STEPS_PER_EPOCH = 7
# Those of a language model are looked at more closely.
TASKS = [
    "sequence",
    "tagging",
    "classification",
    "feature",
    "translation",
    "music",
    "forecasting",
    "filtering",
    "audio",
    "transcription",
]
# What says which data or which other run are read, beside the arguments that the loader of texts is given.
READ_BY_LOADERS = ["keep_share", "language_model", "languages", "target_columns"]


@pytest.fixture
def configure(monkeypatch):
    """Everything that the library is given for a command line, the arguments of the loader of data included."""
    task = SimpleNamespace(splits=SimpleNamespace(train=SimpleNamespace(batches_per_epoch=STEPS_PER_EPOCH)))
    monkeypatch.setattr(task_table, "load_text", lambda *given, **options: (given, sorted(options.items())))

    def configured(*arguments):
        unparse_all()
        command_line.parse(["run", *arguments])
        values = flags.FLAGS
        return {
            "data": task_table.task_entry("language_model").load(values),
            "read": [values[name].value for name in READ_BY_LOADERS],
            "model": from_flags.language_model_config(values),
            "tasks": [getattr(from_flags, f"{task}_config")(values) for task in TASKS],
            "hyper": from_flags.hyper(values),
            "optimizer": from_flags.optimizer_config(values),
            "train": from_flags.train_config(values, task),  # pyright: ignore[reportArgumentType]
        }

    yield configured
    unparse_all()


def test_every_flag_of_an_experiment_is_in_the_list_of_other_values():
    defined = {flag.name for flag in flags.FLAGS.get_flags_for_module(flag_definitions.__name__)}
    assert OTHER_VALUES.keys() == defined - {"task"}


@pytest.mark.parametrize(("name", "value"), OTHER_VALUES.items())
def test_no_flag_is_ignored(configure, name, value):
    assert configure(f"--{name}={value}") != configure()


def test_every_flag_reaches_the_field_of_its_name(configure):
    given = configure(*(f"--{name}={value}" for name, value in OTHER_VALUES.items()))
    model, optimizer = given["model"], given["optimizer"]
    fields = {
        **{name: value for config in given["tasks"] for name, value in dataclasses.asdict(config).items()},
        **dataclasses.asdict(given["tasks"][TASKS.index("feature")].convolution),
        **dataclasses.asdict(given["tasks"][TASKS.index("feature")].masks),
        **dataclasses.asdict(model.recurrent),
        **{field.name: getattr(model, field.name) for field in dataclasses.fields(LanguageModelConfig)},
        **given["hyper"]._asdict(),
        **{field.name: getattr(optimizer, field.name) for field in dataclasses.fields(OptimizerConfig)},
        **{field.name: getattr(optimizer.schedule, field.name) for field in dataclasses.fields(ScheduleConfig)},
        **dataclasses.asdict(given["train"]),
    }
    renamed = {"optimizer": optimizer.name, "schedule": optimizer.schedule.name, "audio_features": fields["kind"]}
    elsewhere = {"dataset", "data_dir", "splits", "num_epochs", *READ_BY_LOADERS}
    for name in OTHER_VALUES.keys() - elsewhere:
        expected = flags.FLAGS[name].value
        assert renamed.get(name, fields.get(name)) == expected, name


def test_the_defaults_leave_every_mechanism_of_the_optimizer_out(configure):
    assert configure()["optimizer"] == OptimizerConfig(
        name="adam", learning_rate=2e-3, schedule=ScheduleConfig(name="constant", decay=1.0, decay_epochs=1.0)
    )
    assert configure()["hyper"] == Hyper()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], TrainConfig(num_steps=7, evaluate_every=7, chunk_steps=7)),
        (["--num_epochs=3"], TrainConfig(num_steps=21, evaluate_every=7, chunk_steps=7)),
        (["--num_epochs=3", "--num_steps=5"], TrainConfig(num_steps=5, evaluate_every=5, chunk_steps=5)),
        (["--num_steps=100", "--evaluate_every=30"], TrainConfig(num_steps=100, evaluate_every=30, chunk_steps=15)),
        (["--num_steps=97", "--evaluate_every=97"], TrainConfig(num_steps=97, evaluate_every=97, chunk_steps=16)),
    ],
)
def test_durations_are_steps_and_no_longer_than_the_run(configure, arguments, expected):
    assert configure(*arguments)["train"] == expected


def test_splits_are_numbers(configure):
    assert configure("--splits=0.5,0.25,0.25")["data"][1] == [("data_dir", "data"), ("fractions", [0.5, 0.25, 0.25])]
    with pytest.raises(SeqlabError, match=r"--splits: expected numbers such as 0\.9,0\.05,0\.05; got \['a', 'b'\]"):
        configure("--splits=a,b")


def test_the_builtin_data_set_of_the_task_is_the_default(configure):
    assert configure()["data"][0] == ("builtin",)
    assert load_text("builtin", data_dir="nowhere").train


def test_an_unknown_task_is_refused_with_the_known_ones():
    known = ", ".join(sorted(task_table.TASKS))
    with pytest.raises(SeqlabError, match=rf"unknown task 'addding'; did you mean 'adding'\? Known: {known}"):
        task_table.task_entry("addding")
