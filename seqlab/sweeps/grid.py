"""Grid search: every combination of the values, the last name changing fastest.

A name whose condition does not hold is left out of a combination, which then stands there once, and not once for each
of that name's values.
"""

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.space import Settings, Space, count, points

MOST_SETTINGS = 100_000


def grid(space: Space) -> list[Settings]:
    """All combinations, in the order of the product of the dimensions.

    >>> from seqlab.sweeps.space import parse_space
    >>> grid(parse_space(["num_layers=1,2", "dropout_rate=0.1,0.3@num_layers=2"]))
    [{'num_layers': '1'}, {'num_layers': '2', 'dropout_rate': '0.1'}, {'num_layers': '2', 'dropout_rate': '0.3'}]

    Raises:
        SeqlabError: there are more than anyone can try.
    """
    found: list[Settings] = [{}]
    for dimension in space:
        if len(found) * count(dimension.values) > MOST_SETTINGS:
            raise SeqlabError(
                f"--search=grid: expected at most {MOST_SETTINGS:,} settings; {dimension.name} makes more of them. "
                "Vary less, say how many points a range has, or use --search=random."
            )
        values = points(dimension.values)
        found = [
            {**settings, **more}
            for settings in found
            for more in ([{dimension.name: value} for value in values] if dimension.is_active(settings) else [{}])
        ]
    return found
