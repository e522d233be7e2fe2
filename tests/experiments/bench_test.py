import functools
import json
import math
from typing import Any

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import bench
from experiments.benchmarks import gpu_suite, layer_suite, length_suite, peers, timing, training_suite
from tests.experiments import launching
from tests.experiments.launching import refused

SHAPE = (2, 3, 4, 5)
MODEL = training_suite.TrainingConfig(4, 6, num_tokens=12, embedding_size=3, hidden_size=5, learning_rate=0.05)
LAYER = length_suite.LengthConfig(batch_size=2, num_features=3, hidden_size=4)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)
    # Peers do not all keep to the strict promotion of types that our own tests ask for.
    with jax.numpy_dtype_promotion("standard"):
        yield


def only(name):
    """Engines and peers such that this one is the only competitor."""
    if name == "seqlab":
        return ["scan"], []
    if peers.why_skipped([name], "cpu"):
        pytest.skip(f"needs {name}")
    return [], [name]


# Timing ----------------------------------------------------------------------------------------------------------


def test_competitors_take_turns_after_all_have_warmed_up():
    order = []
    timing.interleave({name: lambda name=name: order.append(name) for name in "abc"}, repeats=2)
    warm_up, turns = order[:-6], order[-6:]
    assert turns == list("abcabc")
    assert warm_up == sorted(warm_up)
    assert all(warm_up.count(name) >= 2 for name in "abc")


def test_a_time_is_that_of_one_call_and_the_median_of_the_turns(monkeypatch):
    # A clock that each call moves on: the warm-up takes 1 s a call, the turns 2, 9 and 4.
    now, costs = [0.0], iter([1.0, 1.0, 1.0, 2.0, 9.0, 4.0])

    def run():
        now[0] += next(costs)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    assert timing.interleave({"a": run}, repeats=3)["a"] == timing.Timing(median=4.0, fastest=2.0)


def test_a_short_call_is_repeated_until_it_fills_a_turn(monkeypatch):
    now, calls = [0.0], [0]

    def run():
        now[0] += 0.25
        calls[0] += 1

    monkeypatch.setattr(timing, "TURN_SECONDS", 1.0)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    assert timing.interleave({"a": run}, repeats=2)["a"].median == 0.25
    assert calls == [3 + 2 * 4]


times = st.floats(1e-6, 1e3)


@given(times, times, times)
def test_a_ratio_is_our_time_over_the_peers(ours, other, peer):
    found = timing.ratios({"seqlab:auto": ours, "seqlab:scan": other, "torch": peer})
    assert found == {"seqlab:auto/torch": ours / peer, "seqlab:scan/torch": other / peer}


@given(st.lists(times, min_size=1))
def test_swapping_the_sides_inverts_the_geometric_mean(values):
    def mean(ratios):
        rows = [{"cell": "gru", "ratios": {"a/b": ratio}} for ratio in ratios]
        (group,) = timing.summarise(rows, ["cell"])
        assert group["rows"] == len(ratios)
        assert group["largest"]["a/b"] == max(ratios)
        return group["geometric_mean"]["a/b"]

    assert math.isclose(mean(values), 1 / mean([1 / value for value in values]), rel_tol=1e-9)


def test_rows_are_summarised_apart_where_the_fields_differ():
    rows = [
        {"cell": cell, "pass": "forward", "ratios": {"a/b": ratio}} for cell, ratio in [("gru", 2.0), ("lstm", 8.0)]
    ]
    assert [group["geometric_mean"]["a/b"] for group in timing.summarise(rows, ["cell"])] == pytest.approx([2.0, 8.0])
    assert [group["geometric_mean"]["a/b"] for group in timing.summarise(rows, ["pass"])] == pytest.approx([4.0])


# The suites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seqlab", *peers.PEERS])
@pytest.mark.parametrize("cell", peers.CELLS)
@pytest.mark.parametrize("backward", [False, True])
def test_every_competitor_gives_outputs_or_gradients_of_the_right_shapes(name, cell, backward):
    engines, chosen = only(name)
    work = layer_suite.make_workload(SHAPE, backward=backward)
    calls = layer_suite.competitors(cell, work, engines, chosen)
    assert len(calls) == (name == "seqlab" or cell in peers.PEERS[name].cells)
    for call in calls.values():
        shapes = [tuple(leaf.shape) for leaf in jax.tree.leaves(call())]
        if backward:
            assert work.inputs.shape in shapes
            assert len(shapes) >= 3
        else:
            assert shapes == [work.weights.shape]


@pytest.mark.parametrize("name", ["seqlab", "flax", "torch"])
def test_every_training_step_lowers_the_loss(name):
    ((_, step),) = training_suite.competitors(MODEL, *only(name)).items()
    losses = [step() for _ in range(40)]
    assert losses[0] == pytest.approx(math.log(MODEL.num_tokens), abs=0.4)
    assert sum(losses[-4:]) < sum(losses[:4])


@pytest.mark.parametrize("num_models", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_gpu_suite_measures_each_engine_or_says_why_not(monkeypatch, capsys, num_models):
    sizes = {"shapes": [(2, 3, 4)], "models": [num_models], "engines": ["scan:2", "cudnn"]}
    monkeypatch.setattr(gpu_suite, "measure", functools.partial(gpu_suite.measure, **sizes))
    forward, backward = bench.run_gpu(1, None)
    for row in (forward, backward):
        assert (row["shape"], row["models"]) == ([2, 3, 4], num_models)
        ((name, seconds),) = row["seconds"].items()
        assert name == "seqlab:scan:2"
        assert row["microseconds_a_step"] == {name: pytest.approx(seconds / 3 * 1e6)}
        assert row["failed"].keys() == {"seqlab:cudnn"}
    out = capsys.readouterr().out
    assert "2x3x4" in out
    assert "  seqlab:cudnn: engine 'cudnn' needs cuda; JAX runs on cpu here." in out


def test_many_models_of_torch_are_as_many_layers():
    only("torch")
    work = layer_suite.make_workload(SHAPE, backward=True)
    calls, _ = gpu_suite.competitors(work, 3, [], torch_device="cpu")
    results: Any = calls["torch"]()
    assert len(results) == 3


def test_the_gpu_suite_is_refused_in_one_line_where_there_is_no_gpu():
    said = refused("bench", "--suite=gpu")
    assert "--suite=gpu: expected an NVIDIA GPU; JAX found none, and runs on cpu here." in said


def test_the_gpu_suite_skips_all_peers_but_a_torch_that_finds_the_gpu():
    skipped = gpu_suite.why_skipped(["flax", "torch"])
    assert skipped["flax"] == "not in the gpu suite"
    assert skipped["torch"].startswith(("not installed", "built without CUDA"))


def test_the_task_has_just_the_tokens_that_are_asked_for():
    task = training_suite.language_model(MODEL, "auto")
    assert task.init(jax.random.key(0))["head"]["bias"].shape == (MODEL.num_tokens,)


@given(st.floats(0.5, 3.0), st.lists(st.integers(1, 10), min_size=2, unique=True))
def test_a_power_of_the_length_grows_by_two_to_that_power_a_doubling(power, exponents):
    lengths = [2**exponent for exponent in sorted(exponents)]
    growth = length_suite.per_doubling(lengths, [T**power for T in lengths])
    assert growth == pytest.approx([2**power] * (len(lengths) - 1))


# The command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_writes_json(tmp_path, monkeypatch):
    monkeypatch.setattr(training_suite, "TrainingConfig", lambda: MODEL)
    monkeypatch.setattr(length_suite, "LengthConfig", lambda: LAYER)
    path = tmp_path / "figures.json"
    status, out, err = launching.launch(
        "bench",
        *("--cells=gru", "--shapes=2x3x4x5,1x2x3x4", "--peers=flax", "--engines=scan", "--lengths=64,128,256"),
        *("--repeats=1", f"--json={path}"),
    )
    assert (status, err) == (0, "")
    report = json.loads(path.read_text())
    rows, summary = report["layers"]["rows"], report["layers"]["summary"]
    assert [(row["pass"], row["shape"]) for row in rows] == [
        (direction, shape) for direction in layer_suite.PASSES for shape in ([2, 3, 4, 5], [1, 2, 3, 4])
    ]
    for row in rows:
        assert row["seconds"].keys() == {"seqlab:scan", "flax"}
        assert row["ratios"] == timing.ratios(row["seconds"])
    assert [group["rows"] for group in summary] == [2, 2]
    check_training(report["training"])
    check_lengths(*report["length"])
    assert report["machine"]["cores_of_this_process"] <= report["machine"]["cores"]
    assert "2x3x4x5" in out
    assert "geometric mean" in out
    assert "tokens/s" in out


def check_training(result):
    seconds, pace = result["seconds"], result["tokens_per_second"]
    assert pace["flax"] * seconds["flax"] == pytest.approx(MODEL.batch_size * MODEL.window_size)
    assert result["ratios"] == {"seqlab:scan/flax": pytest.approx(pace["seqlab:scan"] / pace["flax"])}


def check_lengths(row):
    assert row["stream_traces"] == 1
    assert len(row["seconds"]) == len(row["stream_step_seconds"]) == 3
    assert row["memory_per_doubling"] == pytest.approx([2.0, 2.0], rel=0.3)


def test_a_peer_that_is_absent_is_named_as_skipped(tmp_path, monkeypatch):
    absent = peers.Peer("no-such-distribution", "no_such_module")
    monkeypatch.setitem(peers.PEERS, "torch", absent)
    path = tmp_path / "figures.json"
    arguments = ["--suite=layers", "--cells=gru", "--shapes=1x2x3x4", "--peers=torch,flax", "--repeats=1"]
    status, out, _ = launching.launch("bench", *arguments, "--engines=auto", f"--json={path}")
    assert status == 0
    assert "skipped torch: not installed; pip install 'no-such-distribution' adds it" in out
    report = json.loads(path.read_text())
    assert report["skipped"].keys() == {"torch"}
    assert report["layers"]["rows"][0]["ratios"].keys() == {"seqlab:auto/flax"}


def test_torch_on_the_cpu_is_not_held_against_another_device():
    only("torch")
    assert "JAX computes on gpu" in peers.why_skipped(["torch"], "gpu")["torch"]


@pytest.mark.parametrize(
    ("argument", "say"),
    [
        ("--suite=layer", "unknown --suite 'layer'; did you mean 'layers'?"),
        ("--cells=lstm,ltsm", "unknown cell 'ltsm'; did you mean 'lstm'? Known: gru, lstm, vanilla."),
        ("--cells=", "--cells: expected distinct names among vanilla, gru, lstm; got ''."),
        ("--peers=troch", "unknown peer 'troch'; did you mean 'torch'?"),
        ("--peers=flax,flax", "--peers: expected distinct names"),
        ("--engines=scn", "unknown engine 'scn'; did you mean 'scan'?"),
        ("--shapes=32x128x128", "--shapes: expected batch x time x inputs x hidden, as in 32x128x128x256; got '32x128"),
        ("--shapes=1x2x3x0", "got '1x2x3x0'"),
        ("--shapes=", "--shapes: expected at least one"),
        ("--lengths=4,2", "--lengths: expected ascending integers >= 1, as in 1024,2048; got '4,2'."),
        ("--lengths=4,many", "got '4,many'"),
        ("--repeats=0", "expected an integer >= 1; got '0'"),
        ("--json=nowhere/figures.json", "--json=nowhere/figures.json: expected a file in a folder that exists."),
    ],
)
def test_wrong_flags_are_status_two(argument, say):
    assert say in refused("bench", argument)
