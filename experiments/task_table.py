"""The tasks by name: how each is made from flags, and what can be asked of it once it is trained.

Data are read first, by functions that need no jax, so that a wrong path is said at once. A new task is its file in
``seqlab.tasks`` and its line here.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.labelled import load_labelled
from seqlab.data.labelled_features import load_labelled_features
from seqlab.data.parallel import load_parallel
from seqlab.data.rolls import load_rolls
from seqlab.data.series import load_series
from seqlab.data.spoken_words import load_spoken_words
from seqlab.data.tagged import load_tagged
from seqlab.data.texts import load_text
from seqlab.data.transcribed import load_transcribed

if TYPE_CHECKING:
    from experiments.predict_text import Predictor
    from seqlab.tasks.base import Task
    from seqlab.train import Checkpoints


class TaskEntry(NamedTuple):
    """One task.

    Attributes:
        load: flags -> data; needs no jax.
        make: (flags, data) -> task.
        predictors: (run's flags, run folder, its checkpoints, prediction's flags) -> mode -> lines -> answers.
    """

    load: Callable[[flags.FlagValues], Any]
    make: Callable[[flags.FlagValues, Any], "Task"]
    predictors: Callable[[flags.FlagValues, Path, "Checkpoints", flags.FlagValues], Mapping[str, "Predictor"]]


def _later(path: str) -> Callable[..., Any]:
    """The function ``MODULE:NAME``, imported when it is called: what stands behind it imports jax."""
    module, _, name = path.partition(":")
    return lambda *given: getattr(import_module(module), name)(*given)


def _make(task: str, config: str) -> Callable[[flags.FlagValues, Any], "Task"]:
    """``make_task`` of a file in ``seqlab.tasks``, with a configuration of ``experiments.from_flags``."""
    return lambda values, data: _later(f"seqlab.tasks.{task}:make_task")(
        _later(f"experiments.from_flags:{config}")(values), data
    )


def _fractions(values: flags.FlagValues) -> list[float]:
    try:
        return [float(share) for share in values.splits]
    except ValueError:
        raise SeqlabError(f"--splits: expected numbers such as 0.9,0.05,0.05; got {values.splits}.") from None


def _load_text(values: flags.FlagValues) -> Any:
    return load_text(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


class Generated(NamedTuple):
    """Data that are made while they are read: there is no file and no checksum."""

    description: str
    checksums: dict[str, str]


def _no_data(values: flags.FlagValues) -> Generated:
    if values.dataset != "builtin":
        raise SeqlabError(
            f"--dataset={values.dataset}: the task {values.task} makes its own rows; expected --dataset=builtin. "
            "Leave the flag out."
        )
    return Generated(f"generated rows of the task {values.task}, --sequence_length={values.sequence_length}", {})


def _make_sequence_task(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import sequence_config
    from seqlab.tasks.table import make_problem
    from seqlab.tasks.whole_sequences import make_task

    del data
    return make_task(make_problem(values.task, sequence_config(values)))


def _load_tagged(values: flags.FlagValues) -> Any:
    if values.output_layer == "crf" and values.label_smoothing:
        raise SeqlabError("--label_smoothing is for --output_layer=softmax: a crf has no targets of single words.")
    return load_tagged(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


def _load_labelled(values: flags.FlagValues) -> Any:
    options = {"fractions": _fractions(values), "keep_share": values.keep_share}
    return load_labelled(values.dataset, data_dir=values.data_dir, **options)


def _load_features(values: flags.FlagValues) -> Any:
    options = {"data_dir": values.data_dir, "fractions": _fractions(values)}
    return load_labelled_features(values.task, values.dataset, **options)


def _make_features(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.evidence import make_dna_task
    from experiments.from_flags import feature_config
    from experiments.video import make_activity_task
    from seqlab.tasks.feature_classification import make_task

    make = {"activity": make_activity_task, "dna": make_dna_task}.get(values.task, make_task)
    return make(feature_config(values), data)


def _load_spoken_words(values: flags.FlagValues) -> Any:
    return load_spoken_words(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


def _make_spoken_words(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import audio_config, feature_config
    from seqlab.tasks.spoken_words import make_task

    return make_task(feature_config(values), audio_config(values), data)


def _load_parallel(values: flags.FlagValues) -> Any:
    options = {"languages": values.languages, "max_length": values.max_length}
    return load_parallel(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _load_transcribed(values: flags.FlagValues) -> Any:
    return load_transcribed(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


def _load_rolls(values: flags.FlagValues) -> Any:
    options = {"frames_per_beat": values.frames_per_beat}
    return load_rolls(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _load_series(values: flags.FlagValues) -> Any:
    options = {"columns": values.target_columns, "gaps": values.gaps != "refuse"}
    return load_series(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _make_filtering(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import filtering_config
    from seqlab.tasks.filtering import make_task

    del data
    return make_task(filtering_config(values))


_FEATURES = TaskEntry(_load_features, _make_features, _later("experiments.predict_features:feature_predictors"))
_SEQUENCES = TaskEntry(_no_data, _make_sequence_task, _later("experiments.predict_sequences:sequence_predictors"))

TASKS: dict[str, TaskEntry] = {
    "activity": _FEATURES,
    "adding": _SEQUENCES,
    "agreement": _SEQUENCES,
    "classification": TaskEntry(
        _load_labelled,
        _make("text_classification", "classification_config"),
        _later("experiments.predict_classification:classification_predictors"),
    ),
    "copy_memory": _SEQUENCES,
    "dna": _FEATURES,
    "filtering": TaskEntry(_no_data, _make_filtering, _later("experiments.predict_filtering:filtering_predictors")),
    "forecasting": TaskEntry(
        _load_series,
        _make("forecasting", "forecasting_config"),
        _later("experiments.predict_forecasting:forecasting_predictors"),
    ),
    "language_model": TaskEntry(
        _load_text,
        _make("language_model", "language_model_config"),
        _later("experiments.predict_text:text_predictors"),
    ),
    "music": TaskEntry(
        _load_rolls, _make("music", "music_config"), _later("experiments.predict_music:music_predictors")
    ),
    "pixels": _FEATURES,
    "spoken_words": TaskEntry(
        _load_spoken_words, _make_spoken_words, _later("experiments.predict_features:feature_predictors")
    ),
    "tagging": TaskEntry(
        _load_tagged, _make("tagging", "tagging_config"), _later("experiments.predict_tagging:tagging_predictors")
    ),
    "temporal_order": _SEQUENCES,
    "transcription": TaskEntry(
        _load_transcribed,
        _later("experiments.predict_transcription:make_transcription_task"),
        _later("experiments.predict_transcription:transcription_predictors"),
    ),
    "translation": TaskEntry(
        _load_parallel,
        _make("translation", "translation_config"),
        _later("experiments.predict_translation:translation_predictors"),
    ),
}


def task_entry(name: str) -> TaskEntry:
    """The task of that name."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]
