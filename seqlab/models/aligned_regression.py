"""Aligned many-to-many over numbers: features in, numbers out, at every time step.

features -> recurrent layers -> dropout -> numbers
"""

from typing import Any

import flax.linen as nn

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig


class AlignedRegression(nn.Module):
    """Features [B, T, F] in, D numbers at each step out.

    Params: ``stack``, ``head``.

    Attributes:
        num_outputs: numbers D of each step.
        recurrent: the recurrent layers.
        input_blocks: of how many blocks of equal width the inputs consist; see ``seqlab.cells.Cell``.
    """

    num_outputs: int
    recurrent: RecurrentConfig
    input_blocks: int = 1

    def setup(self) -> None:
        """Declares the layers."""
        self.stack = self.recurrent.make(self.input_blocks)
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.head = Dense(self.num_outputs, product_dtype(self.recurrent.precision))

    def __call__(
        self,
        inputs: Float[Array, "B T F"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Float[Array, "B T D"]:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        return self.head(self.dropout(self.stack(inputs, **controls).outputs, dropout_rate))
