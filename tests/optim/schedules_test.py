import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.optim.config import ScheduleConfig
from seqlab.optim.schedules import SCHEDULES, make_schedule

# Every schedule with numbers that make it fall.
FALLING = {
    "inverse_time": ScheduleConfig("inverse_time", decay=1.0),
    "exponential": ScheduleConfig("exponential", decay=0.8, decay_epochs=2),
    "step": ScheduleConfig("step", decay=0.5, decay_epochs=2),
    "cosine": ScheduleConfig("cosine", final_fraction=0.1),
}
CONFIGS = {"constant": ScheduleConfig(), **FALLING}
# float32 rounds the epoch's power or cosine, and the product with the rate, by an ulp or two.
RELATIVE = 1e-6


def rates(config, steps, *, learning_rate=0.2, steps_per_epoch=10, total_steps=60):
    return np.asarray(jax.vmap(make_schedule(config, learning_rate, steps_per_epoch, total_steps))(jnp.asarray(steps)))


def test_the_cases_cover_the_table():
    assert CONFIGS.keys() == SCHEDULES.keys()


def test_inverse_time_is_rate_over_one_plus_epoch():
    found = rates(FALLING["inverse_time"], [0, 9, 10, 19, 20, 30])
    np.testing.assert_allclose(found, [0.2, 0.2, 0.1, 0.1, 0.2 / 3, 0.05], rtol=RELATIVE)


def test_exponential_falls_a_little_at_every_epoch():
    found = rates(FALLING["exponential"], [0, 9, 10, 20, 40])
    np.testing.assert_allclose(found, 0.2 * 0.8 ** np.array([0, 0, 0.5, 1, 2]), rtol=RELATIVE)


def test_step_falls_only_every_decay_epochs():
    found = rates(FALLING["step"], [0, 19, 20, 39, 40, 59])
    np.testing.assert_allclose(found, [0.2, 0.2, 0.1, 0.1, 0.05, 0.05], rtol=RELATIVE)


def test_cosine_goes_from_the_rate_through_the_middle_to_the_final_fraction_and_stays():
    found = rates(FALLING["cosine"], [0, 30, 60, 1000])
    np.testing.assert_allclose(found, [0.2, 0.11, 0.02, 0.02], rtol=RELATIVE)


def test_cosine_starts_where_the_warmup_ends():
    found = rates(ScheduleConfig("cosine", warmup_steps=20), [19, 20, 40, 60])
    np.testing.assert_allclose(found, [0.2, 0.2, 0.1, 0.0], rtol=RELATIVE, atol=1e-8)


@pytest.mark.parametrize("name", CONFIGS)
@given(warmup_steps=st.integers(2, 80), steps_per_epoch=st.integers(1, 30))
@settings(max_examples=15)
def test_warmup_rises_on_a_line_and_then_is_the_schedule_or_later(name, warmup_steps, steps_per_epoch):
    steps = np.arange(100)
    config = CONFIGS[name]
    plain = rates(config, steps, steps_per_epoch=steps_per_epoch)
    warm = ScheduleConfig(name, config.decay, config.decay_epochs, warmup_steps, config.final_fraction)
    found = rates(warm, steps, steps_per_epoch=steps_per_epoch)
    line = 0.2 * (steps + 1) / warmup_steps
    meeting = int(np.argmin(np.isclose(found, line, rtol=RELATIVE)))  # The first step off the line.
    assert 1 <= meeting <= warmup_steps
    assert np.all(np.diff(found[:meeting]) > 0)
    assert np.all(np.diff(found[meeting:]) <= RELATIVE)
    if name == "cosine":
        assert meeting >= warmup_steps - 1
    else:
        np.testing.assert_array_equal(found[meeting:], plain[meeting:])


@pytest.mark.parametrize("warmup_steps", [0, 1])
def test_a_warmup_of_at_most_one_step_is_none(warmup_steps):
    steps = np.arange(30)
    config = ScheduleConfig("inverse_time", decay=0.5, warmup_steps=warmup_steps)
    np.testing.assert_array_equal(rates(config, steps), rates(ScheduleConfig("inverse_time", decay=0.5), steps))


def test_epochs_end_at_the_right_step_in_long_runs():
    config = ScheduleConfig("step", decay=0.5)
    # Above 2^24 float32 does not hold every integer, so a float division would end the epoch early or late.
    last = 3 * 2**23 - 1
    found = rates(config, [last, last + 1], steps_per_epoch=3 * 2**23, total_steps=2**30)
    np.testing.assert_allclose(found, [0.2, 0.1], rtol=RELATIVE)


@pytest.mark.parametrize("decay_epochs", [3, 7, 10])
def test_every_multiple_of_decay_epochs_falls_on_time(decay_epochs):
    epochs = np.arange(60)
    config = ScheduleConfig("step", decay=0.9, decay_epochs=decay_epochs)
    found = rates(config, epochs, steps_per_epoch=1)
    np.testing.assert_allclose(found, 0.2 * 0.9 ** (epochs // decay_epochs), rtol=5 * RELATIVE)


@pytest.mark.parametrize("name", CONFIGS)
def test_traced_numbers_give_the_same_rates_as_python_numbers(name):
    config = CONFIGS[name]
    steps = jnp.arange(50)

    def traced(learning_rate, decay, decay_epochs, warmup_steps, final_fraction):
        schedule = ScheduleConfig(name, decay, decay_epochs, warmup_steps, final_fraction)
        return jax.vmap(make_schedule(schedule, learning_rate, 10, 60))(steps)

    numbers = (0.2, 0.5 if config.decay is None else config.decay, config.decay_epochs, 7, config.final_fraction)
    np.testing.assert_allclose(jax.jit(traced)(*numbers), traced(*numbers), rtol=RELATIVE)


def test_a_run_shorter_than_its_warmup_only_warms_up():
    config = ScheduleConfig("cosine", warmup_steps=100)
    np.testing.assert_allclose(rates(config, [0, 1], total_steps=2), [0.002, 0.004], rtol=RELATIVE)


def test_an_unknown_schedule_lists_the_known_ones():
    with pytest.raises(SeqlabError, match=r"did you mean 'cosine'\? Known: constant, cosine, exponential"):
        make_schedule(ScheduleConfig("cosin"), 0.1, 1, 1)


@pytest.mark.parametrize("name", ["inverse_time", "exponential", "step"])
def test_a_schedule_without_the_decay_that_it_needs_is_refused(name):
    with pytest.raises(SeqlabError, match=f"'{name}' needs a decay; got None"):
        make_schedule(ScheduleConfig(name), 0.1, 1, 1)


@pytest.mark.parametrize("name", ["exponential", "step"])
@pytest.mark.parametrize("decay", [0.0, 1.5])
def test_a_factor_that_would_grow_the_rate_or_end_it_is_refused(name, decay):
    with pytest.raises(SeqlabError, match=rf"decay in \(0, 1\]; got {decay}"):
        make_schedule(ScheduleConfig(name, decay=decay), 0.1, 1, 1)


@pytest.mark.parametrize("counts", [(0, 1), (1, 0), (-3, 5)])
def test_counts_below_one_are_refused(counts):
    with pytest.raises(SeqlabError, match="must be at least 1"):
        make_schedule(ScheduleConfig(), 0.1, *counts)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decay", -0.1),
        ("decay", float("nan")),
        ("decay_epochs", 0),
        ("warmup_steps", -1),
        ("final_fraction", 1.5),
        ("final_fraction", -0.5),
    ],
)
def test_schedule_numbers_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(SeqlabError, match=f"{field} must lie in .* got {value}"):
        ScheduleConfig(**{field: value})
