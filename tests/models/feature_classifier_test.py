import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.models.feature_classifier import FeatureClassifier


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "with positions"])
def model(request):
    layers = RecurrentConfig("vanilla", hidden_size=4, bidirectional=True, engine="scan")
    convolution = ConvolutionConfig(conv_layers=1, conv_size=3, conv_kernel=3)
    return FeatureClassifier(2, layers, convolution, "mean", position_channel=request.param)


def test_padding_never_matters(model):
    inputs = jax.random.normal(jax.random.key(0), (2, 6, 3))
    params = model.init(jax.random.key(1), inputs)
    padded = jnp.pad(inputs, ((0, 0), (0, 3), (0, 0)), constant_values=jnp.nan)
    lengths = jnp.array([6, 4])
    np.testing.assert_allclose(
        model.apply(params, padded, lengths=lengths).logits,
        [model.apply(params, inputs[row : row + 1, :length]).logits[0] for row, length in enumerate(lengths.tolist())],
        rtol=1e-5,
        atol=1e-6,
    )
