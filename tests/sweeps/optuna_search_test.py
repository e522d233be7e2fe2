import math

import pytest

from seqlab.core.errors import SeqlabError
from seqlab.sweeps import optuna_search
from seqlab.sweeps.space import contains, parse_space

SPACE = parse_space(
    [
        "cell=gru,lstm,vanilla",
        "learning_rate=log:1e-4:1",
        "hidden_size=int:1:64",
        "decay=lin:0:1:5",
        "dropout_rate=lin:0:0.5@cell=lstm",
    ]
)


@pytest.fixture
def open_study(tmp_path):
    return lambda: optuna_search.open_study("", tmp_path / "study.log", "one")


def begin(study, num_trials):
    number = optuna_search.begin(study, num_trials, "me")
    assert number is not None
    return number


def far_from_best(settings):
    return abs(math.log10(float(settings["learning_rate"])) + 2) + (settings["cell"] != "gru")


def search(study, num_trials, seed=0):
    found = []
    while (number := optuna_search.begin(study, num_trials, "me")) is not None:
        settings = optuna_search.suggest(study, number, SPACE, seed)
        optuna_search.tell(study, number, far_from_best(settings))
        found.append(settings)
    return found


def test_what_tpe_suggests_is_in_the_space_and_comes_near_the_best(open_study):
    found = search(open_study(), 30)
    assert len(found) == 30
    for settings in found:
        assert ("dropout_rate" in settings) == (settings["cell"] == "lstm")
        for dimension in SPACE:
            assert dimension.name not in settings or contains(dimension.values, settings[dimension.name])
    last, first = (sum(map(far_from_best, part)) / 10 for part in (found[-10:], found[:10]))
    assert last < 0.7 * first


def test_a_suggestion_depends_on_the_seed_the_number_and_what_was_told_not_on_who_asks(open_study, tmp_path):
    other = optuna_search.open_study("", tmp_path / "other.log", "two")
    expected = search(open_study(), 14)
    found = []
    for _ in range(14):
        # Each time a process that knows nothing but the journal.
        again = optuna_search.open_study("", tmp_path / "other.log", "two")
        number = begin(again, 14)
        settings = optuna_search.suggest(again, number, SPACE, 0)
        assert optuna_search.suggest(again, number, SPACE, 0) == settings
        optuna_search.tell(other, number, far_from_best(settings))
        found.append(settings)
    assert found == expected


def test_a_study_begins_as_many_trials_as_it_may_and_knows_which_are_unfinished(open_study):
    study = open_study()
    assert [optuna_search.begin(study, 2, owner) for owner in ("me", "you", "me")] == [0, 1, None]
    assert optuna_search.unfinished(study, "me") == [0]
    optuna_search.tell(study, 0, 1.0)
    optuna_search.tell(study, 0, 2.0)
    assert optuna_search.unfinished(open_study(), "me") == []
    assert study.trials[0].value == 1.0


def test_a_trial_that_nobody_got_to_own_is_adopted(open_study):
    study = open_study()
    study.ask()
    assert optuna_search.unfinished(study, "me") == [0]
    assert optuna_search.unfinished(study, "me", age_seconds=60.0) == []


def test_halving_stops_the_worse_trials_and_lets_the_best_go_on(open_study):
    study = open_study()
    lasted = []
    for score in [0.1, 0.9, 0.8, 0.7, 0.05, 0.6]:
        number = begin(study, 6)
        evaluations = 0
        for evaluation in range(1, 10):
            evaluations = evaluation
            if optuna_search.report(study, number, evaluation, score):
                break
        optuna_search.tell(study, number, None if evaluations < 9 else score, pruned=evaluations < 9)
        lasted.append(evaluations)
    assert lasted[0] == lasted[4] == 9
    assert lasted[1:4] + lasted[5:] == [1, 1, 1, 1]


def test_an_evaluation_that_is_made_again_changes_nothing(open_study):
    study = open_study()
    number = begin(study, 1)
    optuna_search.report(study, number, 1, 0.5)
    optuna_search.report(study, number, 1, 0.7)
    assert study.trials[0].intermediate_values == {1: 0.5}


@pytest.mark.parametrize("storage", ["nonsense", "sqlite:////nowhere/at/all.db", "postgresql://localhost:1/sweeps"])
def test_a_storage_that_does_not_answer_is_an_error_that_names_it(storage, tmp_path):
    with pytest.raises(SeqlabError, match=f"--storage={storage}: expected a database that answers"):
        optuna_search.open_study(storage, tmp_path / "study.log", "one")


def test_machines_share_a_study_by_a_database(tmp_path):
    storage = f"sqlite:///{tmp_path / 'sweeps.db'}"
    one, other = (optuna_search.open_study(storage, tmp_path / name, "shared") for name in ("a", "b"))
    assert [optuna_search.begin(study, 3, "me") for study in (one, other, one, other)] == [0, 1, 2, None]
