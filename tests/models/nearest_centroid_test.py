import numpy as np

from seqlab.models.nearest_centroid import fit_nearest_centroid, log_probabilities


def test_the_probabilities_are_those_of_gaussians_with_one_covariance():
    rng = np.random.default_rng(0)
    targets = np.array([0] * 30 + [1] * 10)
    inputs = rng.normal(0, [1, 5], (40, 2)) + targets[:, None] * [2, 0]
    model = fit_nearest_centroid(inputs, targets, 2)
    point = np.array([[0.7, 1.3]])
    densities = np.exp(-0.5 * (((point - model.means) / model.deviations) ** 2).sum(axis=1)) * np.array([0.75, 0.25])
    np.testing.assert_allclose(np.exp(log_probabilities(model, point))[0], densities / densities.sum(), rtol=1e-9)


def test_a_feature_that_never_changes_tells_nothing():
    inputs = np.array([[0.0, 3.0], [1.0, 3.0], [10.0, 3.0], [11.0, 3.0]])
    model = fit_nearest_centroid(inputs, np.array([0, 0, 1, 1]), 2)
    same, other = log_probabilities(model, np.array([[4.0, 3.0], [4.0, 1e6]]))
    assert np.isfinite(same).all()
    np.testing.assert_array_equal(same, other)
