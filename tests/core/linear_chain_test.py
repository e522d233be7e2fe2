import jax
import numpy as np

from seqlab.core.linear_chain import FORBIDDEN, Legal, forbid, no_transitions


def test_what_is_not_legal_scores_nothing_and_gets_no_gradient():
    legal = Legal(np.array([True, False]), np.array([[True, False], [True, True]]), np.array([True, True]))
    transitions = jax.tree.map(lambda zeros: zeros + 2, no_transitions(2))
    forbidden = forbid(transitions, legal)
    assert forbidden.start.tolist() == [2, FORBIDDEN]
    assert forbidden.between.tolist() == [[2, FORBIDDEN], [2, 2]]
    gradient = jax.grad(lambda scores: sum(leaf.sum() for leaf in forbid(scores, legal)))(transitions)
    assert gradient.between.tolist() == [[1, 0], [1, 1]]
