"""The tasks by name: how each is made from flags, and what can be asked of it once it is trained.

Data are read first, by functions that need no jax, so that a wrong path is said at once. A new task is its file in
``seqlab.tasks`` and its line here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.labelled import load_labelled
from seqlab.data.labelled_features import load_labelled_features
from seqlab.data.parallel import load_parallel
from seqlab.data.registry import load_text
from seqlab.data.rolls import load_rolls
from seqlab.data.series import load_series
from seqlab.data.tagged import load_tagged

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


def _fractions(values: flags.FlagValues) -> list[float]:
    try:
        return [float(share) for share in values.splits]
    except ValueError:
        raise SeqlabError(f"--splits: expected numbers such as 0.9,0.05,0.05; got {values.splits}.") from None


def _load_text(values: flags.FlagValues) -> Any:
    return load_text(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


def _make_language_model(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import language_model_config
    from seqlab.tasks.language_model import make_task

    return make_task(language_model_config(values), data)


def _language_model_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_text import text_predictors

    return text_predictors(run, folder, checkpoints, asked)


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


def _sequence_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_sequences import sequence_predictors

    return sequence_predictors(run, folder, checkpoints, asked)


def _load_tagged(values: flags.FlagValues) -> Any:
    return load_tagged(values.dataset, data_dir=values.data_dir, fractions=_fractions(values))


def _make_tagging(values: flags.FlagValues, data: Any) -> "Task":
    if values.output_layer == "crf" and values.label_smoothing:
        raise SeqlabError("--label_smoothing is for --output_layer=softmax: a crf has no targets of single words.")
    from experiments.from_flags import tagging_config
    from seqlab.tasks.tagging import make_task

    return make_task(tagging_config(values), data)


def _tagging_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_tagging import tagging_predictors

    return tagging_predictors(run, folder, checkpoints, asked)


def _load_labelled(values: flags.FlagValues) -> Any:
    options = {"fractions": _fractions(values), "keep_share": values.keep_share}
    return load_labelled(values.dataset, data_dir=values.data_dir, **options)


def _make_classification(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import classification_config
    from seqlab.tasks.text_classification import make_task

    return make_task(classification_config(values), data)


def _classification_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_classification import classification_predictors

    return classification_predictors(run, folder, checkpoints, asked)


def _load_features(values: flags.FlagValues) -> Any:
    options = {"data_dir": values.data_dir, "fractions": _fractions(values)}
    return load_labelled_features(values.task, values.dataset, **options)


def _make_features(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import feature_config
    from experiments.predict_features import make_dna_task
    from seqlab.tasks.feature_classification import make_task

    make = make_dna_task if values.task == "dna" else make_task
    return make(feature_config(values), data)


def _feature_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_features import feature_predictors

    return feature_predictors(run, folder, checkpoints, asked)


def _load_parallel(values: flags.FlagValues) -> Any:
    options = {"languages": values.languages, "max_length": values.max_length}
    return load_parallel(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _make_translation(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import translation_config
    from seqlab.tasks.translation import make_task

    return make_task(translation_config(values), data)


def _translation_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_translation import translation_predictors

    return translation_predictors(run, folder, checkpoints, asked)


def _load_rolls(values: flags.FlagValues) -> Any:
    options = {"frames_per_beat": values.frames_per_beat}
    return load_rolls(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _make_music(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import music_config
    from seqlab.tasks.music import make_task

    return make_task(music_config(values), data)


def _music_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_music import music_predictors

    return music_predictors(run, folder, checkpoints, asked)


_FEATURES = TaskEntry(_load_features, _make_features, _feature_predictors)


def _load_series(values: flags.FlagValues) -> Any:
    options = {"columns": values.target_columns, "gaps": values.gaps == "mask"}
    return load_series(values.dataset, data_dir=values.data_dir, fractions=_fractions(values), **options)


def _make_forecasting(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import forecasting_config
    from seqlab.tasks.forecasting import make_task

    return make_task(forecasting_config(values), data)


def _forecasting_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_forecasting import forecasting_predictors

    return forecasting_predictors(run, folder, checkpoints, asked)


def _make_filtering(values: flags.FlagValues, data: Any) -> "Task":
    from experiments.from_flags import filtering_config
    from seqlab.tasks.filtering import make_task

    del data
    return make_task(filtering_config(values))


def _filtering_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: "Checkpoints", asked: flags.FlagValues
) -> Mapping[str, "Predictor"]:
    from experiments.predict_filtering import filtering_predictors

    return filtering_predictors(run, folder, checkpoints, asked)


_SEQUENCES = TaskEntry(_no_data, _make_sequence_task, _sequence_predictors)

TASKS: dict[str, TaskEntry] = {
    "dna": _FEATURES,
    "language_model": TaskEntry(_load_text, _make_language_model, _language_model_predictors),
    "activity": _FEATURES,
    "adding": _SEQUENCES,
    "agreement": _SEQUENCES,
    "classification": TaskEntry(_load_labelled, _make_classification, _classification_predictors),
    "copy_memory": _SEQUENCES,
    "filtering": TaskEntry(_no_data, _make_filtering, _filtering_predictors),
    "forecasting": TaskEntry(_load_series, _make_forecasting, _forecasting_predictors),
    "music": TaskEntry(_load_rolls, _make_music, _music_predictors),
    "pixels": _FEATURES,
    "tagging": TaskEntry(_load_tagged, _make_tagging, _tagging_predictors),
    "temporal_order": _SEQUENCES,
    "translation": TaskEntry(_load_parallel, _make_translation, _translation_predictors),
}


def task_entry(name: str) -> TaskEntry:
    """The task of that name."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]
