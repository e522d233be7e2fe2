"""Successive halving: after each rung, only the best share of the members goes on.

    rung r is after first_step * factor^r steps;  of n members the ceil(n / factor) with the smallest scores go on

So the worst members cost little, and the best one is trained to the end. Members that diverged or stopped early are no
longer counted. Not to be confused with ASHA, which does not wait for a rung to be full, since there its members are
spread over workers; in a population all of them are at the same step.

References: Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, 2016.
"""

import math

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.population import Decide, Decision


def halving(first_step: int, factor: int = 2) -> Decide:
    """What ``fit_population`` is given as ``decide``: at the first evaluation at or after each rung, the worst end.

    Args:
        first_step: the step of the first rung, at least 1.
        factor: of n members n / factor go on, rounded up; rungs lie this factor apart. At least 2.

    Raises:
        SeqlabError: a number that is too small.

    >>> decide = halving(first_step=10)
    >>> decide(10, {0: 0.3, 1: 0.1, 2: 0.2}).dropped
    [0]
    >>> decide(15, {1: 0.1, 2: 0.2}).dropped
    []
    >>> decide(20, {1: 0.1, 2: 0.2}).dropped
    [2]
    """
    if first_step < 1 or factor < 2:
        raise SeqlabError(f"halving needs first_step >= 1 and factor >= 2; got {first_step} and {factor}.")
    next_rung = first_step

    def decide(step: int, scores: dict[int, float]) -> Decision:
        nonlocal next_rung
        if step < next_rung:
            return Decision(dropped=[])
        while next_rung <= step:
            next_rung *= factor
        from_best = sorted(scores, key=lambda index: (scores[index], index))
        return Decision(dropped=from_best[math.ceil(len(scores) / factor) :])

    return decide
