"""Measures seqlab beside its peers in one process: interleaved, warm, medians, and ratios to each peer.

    python -m experiments.bench [--suite=layers|training|length|all] [--json=FILE]
    python -m experiments.bench --suite=gpu [--json=FILE]
    python -m experiments.bench --suite=population --engines=auto,native [--json=FILE]
    python -m experiments.bench --suite=layers --cells=lstm --shapes=32x128x128x256 --peers=flax,torch --repeats=20

Peers are the extra ``bench`` of the package; one that is not installed is named as skipped. XLA and PyTorch run on as
many threads as this process has cores: ``taskset -c 0,1`` in front holds both to two. Where others use the same cores,
PyTorch's threads wait for each other in vain, and its times say nothing: measure on a quiet machine, or set
``OMP_WAIT_POLICY=passive``, which costs it a little.

The suite ``gpu`` is for a machine with an NVIDIA GPU, and is not among ``all``: microseconds a time step of an LSTM
under each engine, beside PyTorch with cuDNN. What XLA does with a loop there can be changed from outside; to be tried:

    XLA_FLAGS="--xla_gpu_enable_command_buffer=+WHILE --xla_gpu_graph_min_graph_size=1"
    XLA_FLAGS="--xla_gpu_enable_command_buffer=+WHILE --xla_gpu_command_buffer_unroll_loops=true"

The suite ``population``, not among ``all`` either, sets many small models that are trained as one program against one
after the other and against processes of their own; see ``experiments/benchmarks/population_suite.py``.

Exit status: 0 done; 2 wrong flags, or no such GPU.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments import command_line
from experiments.allocator import keep_freed_memory
from experiments.benchmarks.peers import CELLS, PEERS, why_skipped
from experiments.flag_kinds import define_enum, define_integer
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.strict_json import to_json

SHAPES = "32x128x128x256,64x64x64x64,8x512x32x128,128x100x256x512,1x1000x64x128,16x1024x128x32"

define_enum(
    "suite",
    "all",
    ["layers", "training", "length", "all", "gpu", "population"],
    "What to measure; population is not among all, nor is gpu, which needs an NVIDIA GPU and has shapes and engines of "
    "its own. XLA_FLAGS to try there: --xla_gpu_enable_command_buffer=+WHILE, --xla_gpu_graph_min_graph_size=1, "
    "--xla_gpu_command_buffer_unroll_loops=true.",
)
flags.DEFINE_string("json", "", "File to write the figures to; empty for none.")
flags.DEFINE_list("shapes", SHAPES, "Shapes of the layers suite: batch x time x inputs x hidden, as in 32x128x128x256.")
flags.DEFINE_list("cells", list(CELLS), "Cells of the layers and length suites.")
flags.DEFINE_list(
    "engines",
    [],
    "Engines of seqlab, each a competitor; names in seqlab.engines.ENGINES, or auto. By default auto, and native where "
    "there is a CPU and a C++ compiler.",
)
flags.DEFINE_list("peers", list(PEERS), "Libraries to measure beside; none where it is empty.")
flags.DEFINE_list("lengths", "1024,2048,4096,8192", "Numbers of time steps of the length suite, ascending.")
define_integer("repeats", 10, "Turns of each competitor, whose median is taken.", low=1)


def main() -> int:
    """Runs the suites that the flags name."""
    keep_freed_memory()
    values = flags.FLAGS
    shapes = parse_shapes(values.shapes)
    lengths = parse_lengths(values.lengths)
    check_names("cell", values.cells, CELLS)
    check_names("peer", values.peers, PEERS, may_be_empty=True)
    if values.json and not Path(values.json).absolute().parent.is_dir():
        raise SeqlabError(f"--json={values.json}: expected a file in a folder that exists. Make the folder first.")

    import jax

    from experiments.benchmarks import gpu_suite, machine

    engines = values.engines or default_engines()
    check_engines(engines, values.cells)
    if values.suite == "gpu":
        check_gpu()
        skipped = gpu_suite.why_skipped(values.peers)
    else:
        skipped = why_skipped(values.peers, jax.default_backend())
    peers = [name for name in values.peers if name not in skipped]
    if "torch" in peers:
        machine.set_torch_threads()
    report: dict[str, Any] = {"machine": machine.describe(peers), "repeats": values.repeats, "skipped": skipped}
    print_machine(report)

    suites: dict[str, Callable[[], Any]] = {
        "layers": lambda: run_layers(shapes, values.cells, engines, peers, values.repeats),
        "training": lambda: run_training(engines, peers, values.repeats),
        "length": lambda: run_length(lengths, values.cells, engines, values.repeats),
        "population": lambda: run_population(engines, values.repeats),
        "gpu": lambda: run_gpu(values.repeats, torch_device="cuda" if "torch" in peers else None),
    }
    for name in ["layers", "training", "length"] if values.suite == "all" else [values.suite]:
        report[name] = suites[name]()
        if values.json:
            Path(values.json).write_text(to_json(report, indent=1) + "\n", encoding="utf-8")
    return 0


# Flags -----------------------------------------------------------------------------------------------------------


def parse_shapes(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The sizes (B, T, D, H) of each layer.

    >>> parse_shapes(["32x128x64x256"])
    [(32, 128, 64, 256)]
    """
    for text in texts:
        if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){3}", text):
            raise SeqlabError(f"--shapes: expected batch x time x inputs x hidden, as in 32x128x128x256; got {text!r}.")
    if not texts:
        raise SeqlabError("--shapes: expected at least one, as in 32x128x128x256; got none.")
    return [tuple(int(size) for size in text.split("x")) for text in texts]


def parse_lengths(texts: Sequence[str]) -> list[int]:
    """Numbers of time steps that grow."""
    lengths = [int(text) if re.fullmatch(r"[1-9]\d*", text) else 0 for text in texts]
    if not lengths or 0 in lengths or sorted(set(lengths)) != lengths:
        raise SeqlabError(f"--lengths: expected ascending integers >= 1, as in 1024,2048; got {','.join(texts)!r}.")
    return lengths


def check_names(kind: str, names: Sequence[str], known: Iterable[str], *, may_be_empty: bool = False) -> None:
    """Names are known, and given once."""
    known = list(known)
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)
    if len(set(names)) != len(names) or not (names or may_be_empty):
        raise SeqlabError(f"--{kind}s: expected distinct names among {', '.join(known)}; got {','.join(names)!r}.")


def default_engines() -> list[str]:
    """What a user has without a choice, and the fastest that there is to choose."""
    from seqlab.engines.select import runs_here

    return ["auto", *(["native"] if runs_here("native") else [])]


def check_engines(engines: Sequence[str], cells: Sequence[str]) -> None:
    """Engines are known, and can unroll the cells."""
    from seqlab.cells import make_cell
    from seqlab.engines.select import resolve_engine

    for cell in cells:
        for engine in engines:
            resolve_engine(engine, make_cell(cell, 1))
    check_names("engine", engines, engines)


def check_gpu() -> None:
    """JAX computes on an NVIDIA GPU."""
    from seqlab.engines.select import platform

    if platform() != "cuda":
        raise SeqlabError(f"--suite=gpu: expected an NVIDIA GPU; JAX found none, and runs on {platform()} here.")


# Running and printing --------------------------------------------------------------------------------------------


def print_machine(report: Mapping[str, Any]) -> None:
    """What is measured with what."""
    machine = report["machine"]
    threads = f"{machine['cores_of_this_process']} of {machine['cores']} cores"
    if "torch_threads" in machine:
        threads += f", torch on {machine['torch_threads']} threads"
    print(f"{machine['processor']} ({machine['device']}), {threads}, load {machine['load_average'][0]}")
    print("float32; " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    for name, value in machine["environment"].items():
        print(f"{name}={value}")
    for name, why in report["skipped"].items():
        print(f"skipped {name}: {why}")


def run_layers(
    shapes: Sequence[Sequence[int]], cells: Sequence[str], engines: Sequence[str], peers: Sequence[str], repeats: int
) -> dict[str, Any]:
    """The layers suite."""
    from experiments.benchmarks import layer_suite, timing

    names = [*(f"{timing.OURS}{engine}" for engine in engines), *peers]
    columns = list(timing.ratios(dict.fromkeys(names, 1.0)))
    print(f"\nOne layer: milliseconds, then the time over each peer's; {repeats} turns")
    print(_line(["cell", "pass", "shape"], [*names, *(_short(column) for column in columns)]))
    rows = []
    for row in layer_suite.measure(shapes, cells, engines, peers, repeats):
        rows.append(row)
        left = [row["cell"], row["pass"], "x".join(map(str, row["shape"]))]
        times = [_number(row["seconds"].get(name), 1e3) for name in names]
        print(_line(left, [*times, *(_number(row["ratios"].get(column)) for column in columns)]), flush=True)
    summary = timing.summarise(rows, ["cell", "pass"])
    print("\nOver the shapes: geometric mean of the ratios, and the largest")
    print(_line(["cell", "pass", ""], [_short(column) for column in columns]))
    for group in summary:
        for kind in ("geometric_mean", "largest"):
            left = [group["cell"], group["pass"], kind.replace("_", " ")]
            print(_line(left, [_number(group[kind].get(column)) for column in columns]))
    return {"rows": rows, "summary": summary}


def run_training(engines: Sequence[str], peers: Sequence[str], repeats: int) -> dict[str, Any]:
    """The training suite."""
    from experiments.benchmarks import training_suite

    result = training_suite.measure(engines, peers, repeats)
    sizes = ", ".join(f"{name} {value}" for name, value in result["config"].items())
    print(f"\nA training step of an LSTM language model; {repeats} turns; {sizes}")
    for name, pace in result["tokens_per_second"].items():
        print(_line([name], [f"{pace:,.0f} tokens/s"]))
    for name, ratio in result["ratios"].items():
        print(_line([_short(name)], [f"{ratio:.2f} times"]))
    return result


def run_length(lengths: Sequence[int], cells: Sequence[str], engines: Sequence[str], repeats: int) -> list[Any]:
    """The length suite."""
    from experiments.benchmarks import length_suite

    print(f"\nLength: forward with backward, and one step of a stream after that many; {repeats} turns")
    head = ["T", "ms", "a doubling", "MB", "a doubling", "stream us"]
    rows = []
    for row in length_suite.measure(lengths, cells, engines, repeats):
        rows.append(row)
        print(_line([row["cell"], row["engine"], f"stream traces: {row['stream_traces']}"], head))
        for values in _by_length(row):
            print(_line([], values), flush=True)
    return rows


def run_gpu(repeats: int, torch_device: str | None) -> list[Any]:
    """The gpu suite."""
    from experiments.benchmarks import gpu_suite, timing

    names = [*(f"{timing.OURS}{engine}" for engine in gpu_suite.ENGINES), *(["torch"] if torch_device else [])]
    print(f"\nAn LSTM layer: microseconds a time step of all models; {repeats} turns")
    print(_line(["B x T x H", "models", "pass"], names))
    rows = []
    for row in gpu_suite.measure(repeats, torch_device=torch_device):
        rows.append(row)
        left = ["x".join(map(str, row["shape"])), str(row["models"]), row["pass"]]
        print(_line(left, [_number(row["microseconds_a_step"].get(name)) for name in names]), flush=True)
        for name, why in row["failed"].items():
            print(f"  {name}: {why}")
    return rows


def run_population(engines: Sequence[str], repeats: int) -> dict[str, Any]:
    """The population suite."""
    from experiments.benchmarks import population_suite as suite

    print(f"\nMany GRUs on the adding problem: model steps a second, and times one after the other; {repeats} turns")
    rows = []
    for row in suite.measure(engines, repeats):
        rows.append(row)
        config, paces = row["config"], row["model_steps_per_second"]
        left = [f"H {config['hidden_size']}, B {config['batch_size']}", config["engine"]]
        print(_line([*left, suite.ALONE], [f"{paces[suite.ALONE]:,.0f}"]))
        for size, ratio in row["times_one_after_the_other"].items():
            print(_line([*left, f"{size} members"], [f"{paces[size]:,.0f}", f"{ratio:.2f} times"]), flush=True)
    processes = suite.measure_processes(engines[-1])
    print(f"\nProcesses of {suite.PROCESS_STEPS} steps, start and compiling included: model steps a second")
    for name in ("separate", "population"):
        print(_line([name, processes["engine"]], [f"{processes[name]:,.1f}"]))
    print(_line(["ratio"], [f"{processes['ratio']:.1f} times"]))
    return {"rows": rows, "processes": processes}


def _by_length(row: Mapping[str, Any]) -> Iterator[list[str]]:
    """The columns of each length; there is no growth from the first one's predecessor."""
    growths = [None, *row["time_per_doubling"]], [None, *row["memory_per_doubling"]]
    columns = row["lengths"], row["seconds"], row["temporary_bytes"], row["stream_step_seconds"], *growths
    for T, seconds, size, step, slower, larger in zip(*columns, strict=True):
        yield [
            *(str(T), _number(seconds, 1e3), _number(slower)),
            *(_number(size, 1e-6), _number(larger), _number(step, 1e6)),
        ]


def _short(ratio: str) -> str:
    return ratio.removeprefix("seqlab:")


def _number(value: float | None, scale: float = 1.0) -> str:
    return "-" if value is None else f"{value * scale:.2f}"


def _line(left: Sequence[str], numbers: Sequence[str]) -> str:
    """Names in wide columns at the left, numbers at the right of theirs."""
    named = "".join(f"{text:<{width}}" for text, width in zip([*left, "", "", ""], (12, 18, 18), strict=False))
    return (named + "".join(f" {text:>13}" for text in numbers)).rstrip()


if __name__ == "__main__":
    command_line.run(main)
