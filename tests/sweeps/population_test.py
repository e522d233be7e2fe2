"""A member of a population is its single run; members know nothing of each other; those that ended stand still."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.core.masks import select
from seqlab.data.batch import Batch
from seqlab.layers.config import RecurrentConfig
from seqlab.metrics import Mean
from seqlab.optim import OptimizerConfig, ScheduleConfig, make_optimizer, make_schedule
from seqlab.sweeps.exploitation import exploit_and_explore
from seqlab.sweeps.halving import halving
from seqlab.sweeps.members import Member, scaled_init, with_numbers
from seqlab.sweeps.population import Decision, Population, fit_population
from seqlab.tasks import adding
from seqlab.tasks.base import Hyper, Loss, Task
from seqlab.tasks.whole_sequences import SequenceConfig, make_task
from seqlab.train import Fitted, TrainConfig, fit
from tests.train.toys import ROWS, Recorder, Signals, assert_same, echo, echo_task, initial_carry, uniform

CONFIG = TrainConfig(num_steps=20, evaluate_every=5, chunk_steps=5)


def noisy_echo(seed: int = 1, broken: tuple[int, ...] = ()) -> Task:
    """The echo task with batches of a seed, and noise whose size may be traced."""

    def loss(params: Any, carry: Any, batch: Batch, key: Any, hyper: Hyper) -> Loss:
        carry = select(jnp.asarray(batch.starts), initial_carry(ROWS), carry)
        outputs, carry = echo(params, carry, batch.inputs)
        outputs = outputs + hyper.dropout_rate * uniform(for_purpose(key, "noise"))[0]
        total = ((outputs - batch.targets) ** 2).sum() * (1 - jnp.asarray(hyper.label_smoothing, jnp.float32))
        weight = jnp.array(outputs.size, jnp.float32)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    task = echo_task()
    return task._replace(loss=loss, splits=task.splits._replace(train=Signals(seed, broken)))


TASK = noisy_echo()
RATES = [Member(TASK, seed=index, optimizer=OptimizerConfig("adam", 0.01 * (index + 1))) for index in range(4)]


def alone(member: Member, config: TrainConfig, **options: Any) -> Fitted:
    """The single run of a member."""
    durations = {
        "steps_per_epoch": member.task.splits.train.batches_per_epoch,
        "total_steps": config.num_steps,
    }
    optimizer = make_optimizer(member.optimizer, **durations)
    schedule = make_schedule(member.optimizer.schedule, member.optimizer.learning_rate, **durations)
    config = TrainConfig(**{**vars(config), "seed": member.seed})
    task = scaled_init(member.task, member.initial_scale)
    return fit(task, optimizer, config, member.hyper, schedule=schedule, warn=lambda text: None, **options)


def assert_equal_runs(found: Fitted, expected: Fitted, tolerance: float) -> None:
    """Two runs ended alike, and differ by no more than ``tolerance`` in what they learned."""
    assert (found.status, found.diverged_step, found.best.step) == (
        expected.status,
        expected.diverged_step,
        expected.best.step,
    )
    assert_same(found.state.key, expected.state.key)
    assert_same(found.state.step, expected.state.step)
    parts = [(run.state.params, run.state.opt_state, run.state.carry, run.best_params) for run in (found, expected)]
    for one, other in zip(*map(jax.tree.leaves, parts), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)


# Of 100 steps, whose sums are added in another order.
TOLERANCE = 1e-5


def test_a_member_is_its_single_run_whatever_numbers_are_varied():
    def member(index: int) -> Member:
        schedule = ScheduleConfig("exponential", decay=0.9 - 0.1 * index, warmup_steps=3 + index)
        numbers: dict[str, Any] = {
            "clip_norm": 0.5 + index,
            "weight_decay": 0.01 * index,
            "l2": 1e-3 * index,
            "clip_value": 1.0 + index,
        }
        optimizer = OptimizerConfig("adam", 0.01 * (index + 1), **numbers, schedule=schedule)
        task = noisy_echo(seed=index)
        hyper = Hyper(dropout_rate=0.1 * index, label_smoothing=0.2 * index)
        return Member(task, index, optimizer, hyper, initial_scale=1.0 + 0.5 * index)

    config = TrainConfig(num_steps=100, evaluate_every=20, chunk_steps=20)
    members, recorders = [member(0), member(1)], [Recorder(), Recorder()]
    together = fit_population(members, config, observers=[[recorder] for recorder in recorders])
    for index, found in enumerate(together):
        recorder = Recorder()
        expected = alone(members[index], config, observers=[recorder])
        assert_equal_runs(found, expected, TOLERANCE)
        last, expected_last = recorders[index].records[-1], recorder.records[-1]
        assert (last.step, last.split) == (expected_last.step, expected_last.split)
        assert last.scores == pytest.approx(expected_last.scores, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["auto", "scan", "native"])
def test_a_member_with_a_gru_is_its_single_run(engine):
    def member(index: int) -> Member:
        recurrent = RecurrentConfig("gru", 6, engine=engine)
        task = make_task(adding.make_problem(SequenceConfig(12, recurrent=recurrent, batch_size=4, seed=index % 2)))
        optimizer = OptimizerConfig("adamw", 2e-3 * (index + 1), clip_norm=0.1 + index, weight_decay=0.01)
        return Member(task, index, optimizer, Hyper(dropout_rate=0.1 * index), initial_scale=1 + 0.1 * index)

    config = TrainConfig(num_steps=100, evaluate_every=50)
    members = [member(index) for index in range(3)]
    for found, each in zip(fit_population(members, config), members, strict=True):
        assert_equal_runs(found, alone(each, config), TOLERANCE)


@pytest.mark.slow
def test_the_order_of_the_members_does_not_matter():
    forward, backward = fit_population(RATES, CONFIG), fit_population(RATES[::-1], CONFIG)
    for one, other in zip(forward, backward[::-1], strict=True):
        assert_equal_runs(one, other, 1e-6)


def test_a_member_that_diverges_touches_no_other():
    wild = with_numbers(RATES[1], {"optimizer.learning_rate": 1e30})
    calm, beside = fit_population(RATES, CONFIG), fit_population([RATES[0], wild, *RATES[2:]], CONFIG)
    for index in (0, 2, 3):
        assert_same(beside[index].state, calm[index].state)
    assert (beside[1].status, beside[1].best.step) == ("diverged", -1)
    assert 0 <= beside[1].diverged_step < CONFIG.evaluate_every
    assert beside[1].fault is not None
    assert str(beside[1].fault).startswith(f"step {beside[1].diverged_step}: ")


@pytest.mark.slow
def test_steps_left_out_and_divergence_are_those_of_the_single_run():
    wild = with_numbers(RATES[1], {"optimizer.learning_rate": 1e30})
    broken = [RATES[index]._replace(task=noisy_echo(broken=steps)) for index, steps in ((0, (3,)), (2, (3, 7)))]
    config = TrainConfig(**{**vars(CONFIG), "max_skipped_steps": 1})
    members = [RATES[0], wild, *broken]
    together = fit_population(members, config)
    for found, member in zip(together, members, strict=True):
        expected = alone(member, config)
        assert_equal_runs(found, expected, TOLERANCE)
        assert str(found.fault) == str(expected.fault)
    assert [int(found.state.num_skipped) for found in together] == [0, 2, 1, 2]


def at_place(population: Population, place: int) -> Any:
    """What a place holds, on the host."""
    states = population.states
    return jax.tree.map(
        lambda leaf: np.array(leaf[place]), (states.step, states.params, states.opt_state, states.carry)
    )


def test_a_member_that_ended_stands_still_in_its_place():
    population = Population(RATES, CONFIG)
    population.train(0, 5, ())
    population.end([2], "complete")
    before = at_place(population, 2)
    population.train(5, 5, ())
    assert_same(at_place(population, 2), before)
    assert np.asarray(population.states.step).tolist() == [10, 10, 5, 10]


def test_a_member_can_go_on_from_another_one_with_other_numbers():
    population = Population(RATES, CONFIG, traced=["optimizer.learning_rate"])
    population.train(0, 5, ())
    _, params, opt_state, _ = at_place(population, 3)
    changed = with_numbers(RATES[0], {"optimizer.learning_rate": 0.0})
    population.change(Decision(copies={0: 3}, members={0: changed}))
    assert_same(at_place(population, 0)[1:3], (params, opt_state))
    population.train(5, 5, ())
    assert_same(at_place(population, 0)[1], params)
    assert not np.array_equal(at_place(population, 3)[1]["output"], params["output"])


@pytest.mark.slow
def test_each_member_stops_early_on_its_own():
    hasty = with_numbers(RATES[0], {"optimizer.learning_rate": 3.0})
    config = TrainConfig(num_steps=20, evaluate_every=2, chunk_steps=2, patience=2)
    members = [hasty, *RATES[1:3]]
    together = fit_population(members, config)
    for found, member in zip(together, members, strict=True):
        assert_equal_runs(found, alone(member, config), 1e-3)
    assert int(together[0].state.step) < 20


def test_halving_drops_the_worst_and_moves_the_others_together():
    population, decide = Population(RATES, CONFIG), halving(first_step=5)
    population.train(0, 5, ())
    scores = population.evaluate(5, ())
    before = {index: at_place(population, index) for index in range(4)}
    population.change(decide(5, scores))
    assert population.live == sorted(sorted(scores, key=scores.__getitem__)[:2])
    assert population.places.tolist() == population.live
    for place, index in enumerate(population.live):
        assert_same(at_place(population, place), before[index])


@pytest.mark.slow
def test_those_that_halving_leaves_are_what_they_would_have_been_without_it():
    members = [with_numbers(RATES[0], {"optimizer.learning_rate": 0.002 * (index + 1)}) for index in range(8)]
    halved, without = fit_population(members, CONFIG, decide=halving(first_step=5)), fit_population(members, CONFIG)
    assert sorted(int(found.state.step) for found in halved) == [5, 5, 5, 5, 10, 10, 20, 20]
    for found, expected in zip(halved, without, strict=True):
        if found.status == "complete":
            assert_equal_runs(found, expected, 1e-6)
        else:
            assert found.status == "dropped"


def test_the_worst_go_on_from_the_best_within_the_ranges():
    decide = exploit_and_explore(RATES, {"optimizer.learning_rate": (0.001, 0.02)}, every=5)
    assert decide(4, {0: 4.0, 1: 3.0, 2: 2.0, 3: 1.0}) == Decision()
    decision = decide(5, {0: 4.0, 1: 3.0, 2: 2.0, 3: 1.0})
    assert decision.copies == {0: 3}
    rate = decision.members[0].optimizer.learning_rate
    assert rate == 0.02, "of 0.04, neither 0.032 nor 0.05 lies within"
    assert decision.members[0].seed == RATES[0].seed


def test_members_of_several_programs_or_validation_splits_are_refused():
    other = RATES[0]._replace(optimizer=OptimizerConfig("sgd", 0.1))
    with pytest.raises(SeqlabError, match=r"optimizer\.name.*'adam' of member 0 and 'sgd' of member 1"):
        fit_population([RATES[0], other], CONFIG)
    clipped = RATES[0]._replace(optimizer=OptimizerConfig("adam", 0.1, clip_norm=1.0))
    with pytest.raises(SeqlabError, match=r"optimizer\.clip_norm.*None of member 0 and 1\.0 of member 1"):
        fit_population([RATES[0], clipped], CONFIG)
    elsewhere = TASK._replace(splits=TASK.splits._replace(validation=Signals(5)))
    with pytest.raises(SeqlabError, match="one validation split"):
        fit_population([RATES[0], RATES[1]._replace(task=elsewhere)], CONFIG)
    with pytest.raises(SeqlabError, match="at least one member"):
        fit_population([], CONFIG)
    with pytest.raises(SeqlabError, match=r"learning_rate"):
        fit_population(RATES, CONFIG, traced=["optimizer.learning_rat"])


def test_a_request_to_stop_interrupts_those_that_still_train():
    answers = iter([False, True])
    stopped = fit_population(RATES[:2], CONFIG, should_stop=lambda: next(answers))
    assert [(found.status, int(found.state.step)) for found in stopped] == [("interrupted", 5)] * 2
