import numpy as np

from seqlab.models.ridge import PENALTIES, fit_ridge


def windows(seed, rows, lookback=4, horizon=2, columns=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, lookback, columns)), rng.normal(size=(rows, horizon, columns))


def test_the_weights_minimise_the_penalised_squares_of_each_column():
    inputs, targets = windows(0, 40)
    model = fit_ridge(inputs, targets, inputs, targets, penalties=[3.0])

    def cost(weights, bias, column):
        last = inputs[:, -1:, column]
        errors = (inputs[..., column] - last) @ weights + bias + last - targets[..., column]
        return np.square(errors).sum() + 3.0 * np.square(weights).sum()

    rng = np.random.default_rng(1)
    for column in range(3):
        best = cost(model.weights[column], model.bias[column], column)
        for _ in range(20):
            weights, bias = (
                part + 0.01 * rng.normal(size=part.shape) for part in (model.weights[column], model.bias[column])
            )
            assert cost(weights, bias, column) > best


def test_a_level_added_to_everything_is_added_to_the_forecast():
    inputs, targets = windows(2, 30)
    model = fit_ridge(inputs, targets, inputs, targets)
    np.testing.assert_allclose(model(inputs + 7.0), model(inputs) + 7.0)


def test_the_penalty_is_the_best_on_validation():
    (inputs, noise), (held_out, more_noise) = windows(3, 12), windows(4, 200)
    targets, held_out_targets = inputs[:, -1:] + noise, held_out[:, -1:] + more_noise
    # What comes after the last value is noise: the less is learned of it, the better.
    assert fit_ridge(inputs, targets, held_out, held_out_targets).penalty == max(PENALTIES)
    assert fit_ridge(inputs, targets, inputs, targets).penalty == min(PENALTIES)


def test_a_missing_target_leaves_its_window_out_for_that_step_and_column_alone():
    inputs, targets = windows(5, 20)
    without = fit_ridge(inputs[1:], targets[1:], inputs, targets, penalties=[1.0])
    expected = fit_ridge(inputs, targets, inputs, targets, penalties=[1.0])
    expected.weights[2, :, 1], expected.bias[2, 1] = without.weights[2, :, 1], without.bias[2, 1]
    targets[0, 1, 2] = np.nan
    found = fit_ridge(inputs, targets, inputs, targets, penalties=[1.0])
    np.testing.assert_allclose(found.weights, expected.weights)
    np.testing.assert_allclose(found.bias, expected.bias)


def test_a_column_without_targets_is_forecast_to_stay():
    inputs, targets = windows(6, 20)
    targets[:, 1, 0] = np.nan
    model = fit_ridge(inputs, targets, inputs, targets)
    np.testing.assert_array_equal(model(inputs)[:, 1, 0], inputs[:, -1, 0])
