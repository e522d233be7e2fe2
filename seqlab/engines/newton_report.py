"""How Newton's method went: the ``newton`` engines, with their report."""

from typing import Any

import flax.linen as nn

from seqlab.core.array_types import Array, Float, Params
from seqlab.core.errors import SeqlabError
from seqlab.engines import newton
from seqlab.engines.base import FlaxCell, Unrollable, Unrolled
from seqlab.engines.newton import NewtonReport
from seqlab.engines.select import unroll


def unroll_newton_info(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "..."],
    *,
    diagonal: bool = False,
    max_iterations: int = newton.MAX_ITERATIONS,
    **options: Any,
) -> tuple[Unrolled, NewtonReport]:
    """``unroll`` with ``engine="newton"``, or ``"quasi_newton"`` where ``diagonal``, and how it went.

    Args:
        cell: see ``unroll``.
        params: see ``unroll``.
        inputs: see ``unroll``.
        diagonal: whether to take the diagonals of Jacobians alone.
        max_iterations: the number of rounds after which the steps are run in sequence.
        **options: lengths, mask, resets and the others of ``unroll``.

    Raises:
        SeqlabError: see ``unroll``.

    >>> import jax, jax.numpy as jnp
    >>> from seqlab.cells import GRUCell
    >>> cell = GRUCell(features=4)
    >>> params = cell.init_params(jax.random.key(0), 3)
    >>> _, report = unroll_newton_info(cell, params, jnp.ones((2, 50, 3)))
    >>> bool(report.converged), int(report.iterations) < 10
    (True, True)
    """
    reports = []

    def engine(*arguments: Any, **keywords: Any) -> Unrolled:
        keywords |= {"diagonal": diagonal, "max_iterations": max_iterations}
        unrolled, report = newton.solve(*arguments, **keywords)
        reports.append(report)
        return unrolled

    ours = cell if isinstance(cell, Unrollable) else FlaxCell(cell)
    if not newton.supports(ours):
        raise SeqlabError(
            f"Newton's method needs a carry of real numbers of one type; {type(cell).__name__} has another."
        )
    unrolled = unroll(cell, params, inputs, engine=engine, **options)
    return unrolled, reports[0]
