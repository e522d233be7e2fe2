import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.strict_json import to_json

CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


def strictly(text):
    """What a reader that keeps to the standard reads."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def nulled(content):
    """What is to come back, by the rounding trip of Python's own lenient reader."""
    return json.loads(json.dumps(content), parse_constant=lambda name: None)


@given(CONTENTS, st.booleans())
def test_everything_comes_back_and_what_is_not_finite_as_null(content, ensure_ascii):
    assert strictly(to_json(content, ensure_ascii=ensure_ascii)) == nulled(content)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_at_any_depth(number):
    assert to_json({"a": [number, (number, {"b": number})], "c": 0.5}) == '{"a": [null, [null, {"b": null}]], "c": 0.5}'


def test_letters_and_indentation_are_as_asked_for():
    assert to_json({"a": "é"}, ensure_ascii=False) == '{"a": "é"}'
    assert to_json({"a": "é"}) == '{"a": "\\u00e9"}'
    assert to_json({"a": [1]}, indent=1) == '{\n "a": [\n  1\n ]\n}'
