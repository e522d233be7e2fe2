import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from seqlab.cells import CELLS
from seqlab.core.errors import SeqlabError
from seqlab.engines import ENGINES
from seqlab.layers.config import RecurrentConfig


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cell": "ltsm"}, ["unknown cell 'ltsm'", "did you mean 'lstm'", *CELLS]),
        ({"engine": "scam"}, ["unknown engine 'scam'", "did you mean 'scan'", *ENGINES, "auto"]),
        ({"precision": "bfloat61"}, ["unknown precision 'bfloat61'", "did you mean 'bfloat16'", "float32"]),
        ({"num_layers": 0}, ["num_layers", "at least 1", "got 0"]),
        ({"num_layers": -2}, ["num_layers", "at least 1", "got -2"]),
        ({"hidden_size": 0}, ["width", "at least 1", "got 0"]),
        ({"skip_connections": "residal"}, ["unknown skip_connections 'residal'", "did you mean 'residual'", "dense"]),
        ({"zoneout_rate": 1.5}, ["zoneout_rate", "[0, 1]", "got 1.5"]),
        ({"cell": "lru", "zoneout_rate": 0.5}, ["zoneout", "LRUCell"]),
        ({"cell": "gru_d"}, ["cell 'gru_d' reads values with gaps", "--gaps=mask", "--missing_rate"]),
        ({"cell": "min_gru", "zoneout_rate": 0.5, "engine": "associative"}, ["associative", "scan"]),
    ],
)
def test_what_is_wrong_is_said_with_what_is_known(wrong, said):
    with pytest.raises(SeqlabError) as error:
        RecurrentConfig(**wrong).make()
    assert [part for part in said if part not in str(error.value)] == []


def test_a_cell_of_blocks_is_made_for_inputs_that_have_them_and_for_the_first_layer_alone():
    config = RecurrentConfig("gru_d", hidden_size=3)
    assert config.make(input_blocks=3).layers[0].cell.input_blocks == 3
    assert RecurrentConfig("gru", num_layers=2).make(input_blocks=3).layers[1].cell.input_blocks == 1
    with pytest.raises(SeqlabError, match="--num_layers=1"):
        dataclasses.replace(config, num_layers=2).make(input_blocks=3)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_stack_has_the_depth_width_and_directions_that_were_asked_for(bidirectional):
    config = RecurrentConfig(cell="gru", hidden_size=3, num_layers=2, bidirectional=bidirectional, engine="loop")
    stack: Any = config.make()
    inputs = jnp.ones((2, 1, 5))
    (outputs, carry, _), variables = stack.init_with_output(jax.random.key(0), inputs)
    width = 6 if bidirectional else 3
    assert outputs.shape == (2, 1, width)
    assert set(variables["params"]) == {"layers_0", "layers_1"}
    lowest, highest = (variables["params"][f"layers_{number}"] for number in range(2))
    if bidirectional:
        lowest, highest = lowest["backward"], highest["backward"]
    assert lowest["cell"]["input_kernel"].shape == (5, 9)
    assert highest["cell"]["input_kernel"].shape == (width, 9)
    fresh = stack.initialize_carry(jax.random.key(0), 2)
    assert jax.tree.map(jnp.shape, carry) == jax.tree.map(jnp.shape, fresh)


def test_the_options_reach_the_layers():
    options: dict[str, Any] = {"skip_connections": "residual", "variational_dropout": True, "zoneout_rate": 0.25}
    stack = RecurrentConfig(**options, learned_carry=True, engine="loop", precision="bfloat16").make()
    assert stack.skip_connections == "residual"
    assert stack.variational_dropout
    assert stack.layers[0].zoneout_rates == 0.25
    assert stack.layers[0].cell.learned_carry
    assert stack.layers[0].engine == "loop"
    assert stack.layers[0].cell.dtype == jnp.bfloat16


def test_a_config_is_a_static_value_that_cannot_change():
    assert hash(RecurrentConfig()) == hash(RecurrentConfig())
    assert RecurrentConfig() != RecurrentConfig(num_layers=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        RecurrentConfig().num_layers = 2  # pyright: ignore[reportAttributeAccessIssue]
