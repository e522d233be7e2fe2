"""JSON that every reader of JSON can read.

Python writes a number that is not finite as ``NaN`` or ``Infinity``, which are no JSON, so that other programs refuse
the whole file. Here such a number is null.
"""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(content: Any, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """The text of ``content`` as JSON, numbers that are not finite as null.

    Args:
        content: dicts, lists, tuples, strings, numbers, booleans and None.
        indent: columns by which each level is indented; by default all is one line.
        ensure_ascii: whether letters beyond ASCII are written as escapes.

    >>> to_json({"perplexity": math.inf, "tokens": 3})
    '{"perplexity": null, "tokens": 3}'
    """
    return json.dumps(_finite(content), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {name: _finite(value) for name, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, list | tuple) else content
