import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.grid import MOST_SETTINGS, grid
from seqlab.sweeps.random_search import draw
from seqlab.sweeps.space import (
    Choices,
    Dimension,
    Integers,
    Real,
    at,
    contains,
    count,
    parse_dimension,
    parse_space,
    points,
    text_of,
)

NESTED = ["num_layers=int:1:3", "dropout_rate=lin:0:0.5:3@num_layers=2,3", "tied=true,false@dropout_rate=0.25"]
ranges = st.tuples(st.integers(-500, 500), st.integers(1, 9))
values = st.one_of(
    st.lists(st.sampled_from(["gru", "lstm", "0.1", "x@y", "true"]), min_size=1, unique=True).map(",".join),
    ranges.map(lambda ends: f"int:{ends[0]}:{ends[0] + ends[1]}"),
    ranges.map(lambda ends: f"lin:{ends[0] / 8}:{(ends[0] + ends[1]) / 8}"),
    st.tuples(ranges, st.integers(2, 7)).map(lambda given: f"lin:{given[0][0]}:{sum(given[0])}:{given[1]}"),
    ranges.map(lambda ends: f"log:{1.01 ** ends[0]}:{1.01 ** (ends[0] + 50 * ends[1])}"),
)
spaces = st.lists(values, max_size=3).map(
    lambda these: [f"{name}={text}" for name, text in zip("abc", these, strict=False)]
)


@given(values)
def test_what_is_declared_can_be_written_and_read_again(text):
    declared = parse_dimension(f"name={text}")
    assert parse_dimension(f"name={text_of(declared.values)}") == declared


@given(values, st.floats(0.0, 1.0))
def test_every_point_and_every_number_between_is_one_of_the_values(text, share):
    these = parse_dimension(f"name={text}").values
    assert len(points(these)) == count(these)
    texts = [*points(these), at(these, share)] if isinstance(these, Real) else points(these)
    if isinstance(these, Real):
        # Values have six digits.
        slack = 1e-5 * max(abs(these.low), abs(these.high))
        these = Real(these.low - slack, these.high + slack)
    assert all(contains(these, text) for text in texts)


@given(st.floats(1e-6, 1e3), st.floats(1.5, 1e4))
def test_points_of_a_logarithmic_range_are_positive_and_evenly_spread_in_the_logarithm(low, factor):
    found = [math.log(float(text)) for text in points(Real(low, low * factor, logarithmic=True))]
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([math.log(factor) / 4] * 4, abs=1e-4)


@settings(max_examples=30)
@given(spaces)
def test_a_grid_is_the_product_in_order(texts):
    space = parse_space(texts)
    found = grid(space)
    assert len(found) == math.prod(count(dimension.values) for dimension in space)
    for place, chosen in enumerate(found):
        left = place
        for dimension in reversed(space):
            left, digit = divmod(left, count(dimension.values))
            assert chosen[dimension.name] == points(dimension.values)[digit]


def test_where_a_condition_does_not_hold_a_name_is_left_out_of_the_grid_and_of_draws():
    space = parse_space(NESTED)
    found = grid(space)
    assert len(found) == 1 + 2 * (2 + 2)
    assert len({tuple(chosen.items()) for chosen in found}) == len(found)
    for chosen in [*found, *(draw(space, 0, index) for index in range(50))]:
        assert ("dropout_rate" in chosen) == (chosen["num_layers"] != "1")
        assert ("tied" in chosen) == (chosen.get("dropout_rate") == "0.25")


def test_a_condition_compares_numbers_as_numbers():
    assert contains(Choices(("0.10", "gru")), "0.1")
    assert not contains(Integers(1, 3), "1.5")
    assert not contains(Real(0.0, 1.0), "gru")


@settings(max_examples=30)
@given(spaces, st.integers(0, 2**31 - 1), st.integers(0, 10_000))
def test_a_random_setting_depends_on_seed_and_index_alone(texts, seed, index):
    space = parse_space(texts)
    first = draw(space, seed, index)
    for other in range(3):
        draw(space, seed, other)
    assert draw(space, seed, index) == first
    assert list(first) == [dimension.name for dimension in space]


def test_random_settings_are_spread_evenly_and_a_logarithmic_range_in_its_logarithm():
    space = parse_space(["cell=gru,lstm", "learning_rate=log:1e-4:1", "hidden_size=int:1:4", "decay=lin:-1:1"])
    found = [draw(space, 0, index) for index in range(1000)]
    for text in ("gru", "lstm"):
        assert sum(chosen["cell"] == text for chosen in found) == pytest.approx(500, abs=60)
    for low in range(-4, 0):
        here = sum(low <= math.log10(float(chosen["learning_rate"])) < low + 1 for chosen in found)
        assert here == pytest.approx(250, abs=60)
    for number in range(1, 5):
        assert sum(chosen["hidden_size"] == str(number) for chosen in found) == pytest.approx(250, abs=60)
    assert sum(float(chosen["decay"]) < 0 for chosen in found) == pytest.approx(500, abs=60)


def test_a_name_that_is_left_alone_does_not_move_the_draws_of_the_others():
    alone = parse_space(["num_layers=int:1:3", "decay=lin:0:1"])
    more = parse_space(["num_layers=int:1:3", "decay=lin:0:1", "dropout_rate=lin:0:0.5@num_layers=2"])
    assert [draw(more, 3, index)["num_layers"] for index in range(20)] == [
        draw(alone, 3, index)["num_layers"] for index in range(20)
    ]


def test_of_a_name_given_twice_the_last_declaration_holds():
    assert parse_space(["a=1,2", "b=3", "a=int:4:5"]) == (
        Dimension("a", Integers(4, 5)),
        Dimension("b", Choices(("3",))),
    )


@pytest.mark.parametrize(
    ("texts", "say"),
    [
        (["learning_rate"], "expected NAME=VALUES"),
        (["=1,2"], "expected NAME=VALUES"),
        (["cell=gru,,lstm"], "where one is empty"),
        (["cell="], "where one is empty"),
        (["cell=gru,gru"], "expected each value once"),
        (["rate=log:0:1"], "0 has no logarithm"),
        (["rate=log:-1:1"], "expected a range above 0"),
        (["rate=lin:1:1"], "the range 'lin:1:1' is empty"),
        (["rate=lin:2:1"], "is empty"),
        (["rate=lin:0:nan"], "expected a finite number; got 'nan'"),
        (["rate=lin:0:inf"], "expected a finite number; got 'inf'"),
        (["rate=lin:0"], "expected lin:LOW:HIGH or lin:LOW:HIGH:POINTS"),
        (["rate=lin:0:1:1"], "expected at least 2 points"),
        (["rate=lin:0:1:x"], "expected an integer; got 'x'"),
        (["size=int:1"], "expected int:LOW:HIGH"),
        (["size=int:1:2.5"], "expected an integer; got '2.5'"),
        (["size=int:3:1"], "is empty"),
        (["a=1,2", "rate=lin:0:1@b=1"], "a condition on b, which is not varied; varied before it: a."),
        (["rate=lin:0:1@b=1", "b=1,2"], "nothing is varied before it"),
        (["b=1,2", "rate=lin:0:1@b=int:3:4"], "this condition never holds, as b is varied over 1,2"),
        (["b=lin:0:1", "rate=lin:0:1@b=lin:2:3"], "this condition never holds"),
        (["b=int:1:5", "rate=lin:0:1@b=gru"], "this condition never holds"),
        (["b=1,2", "rate=lin:0:1@b="], "where one is empty"),
    ],
)
def test_a_declaration_that_cannot_be_used_says_what_is_wrong(texts, say):
    with pytest.raises(SeqlabError, match="--vary=") as error:
        parse_space(texts)
    assert say in str(error.value)


def test_a_grid_that_nobody_can_try_is_refused_before_it_is_made():
    with pytest.raises(SeqlabError, match=f"at most {MOST_SETTINGS:,} settings"):
        grid(parse_space(["a=int:1:1000000000"]))
