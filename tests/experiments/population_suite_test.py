import subprocess
import sys

import pytest

from experiments import bench
from experiments.benchmarks import population_suite, timing
from seqlab.core.strict_json import to_json

SMALL = population_suite.PopulationConfig(hidden_size=2, batch_size=2, sequence_length=4, chunk_steps=2)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)


@pytest.mark.usefixtures("quick")
def test_the_population_suite_prints_paces_and_their_ratios(monkeypatch, capsys):
    monkeypatch.setattr(population_suite, "SHAPES", ((2, 3),))
    monkeypatch.setattr(population_suite, "SIZES", (1, 4))
    monkeypatch.setattr(population_suite, "alone_call", lambda config: lambda: None)
    monkeypatch.setattr(population_suite, "population_call", lambda config, size: lambda: None)
    monkeypatch.setattr(
        population_suite, "seconds_of_processes", lambda config, size, processes: 2.0 if size == 1 else 4.0
    )
    result = bench.run_population(["auto"], 1)
    to_json(result)
    (row,) = result["rows"]
    alone = row["model_steps_per_second"][population_suite.ALONE]
    assert row["times_one_after_the_other"]["4"] == row["model_steps_per_second"]["4"] / alone
    cores = result["processes"]["separate"] * 2.0 / population_suite.PROCESS_STEPS
    assert cores == int(cores) >= 1
    assert result["processes"]["population"] == 32 * population_suite.PROCESS_STEPS / 4.0
    out = capsys.readouterr().out
    assert "H 2, B 3" in out
    assert "4 members" in out


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_its_calls_take_chunks_of_steps():
    population_suite.alone_call(SMALL)()
    run = population_suite.population_call(SMALL, 3)
    run()
    run()


@pytest.mark.slow
def test_its_processes_end_well():
    command = [sys.executable, "-m", "experiments.benchmarks.population_suite", "2", "2", "2", "auto"]
    subprocess.run(command, check=True)
