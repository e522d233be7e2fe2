"""Measures how far the gradient reaches: its norm by the recurrent state, against the distance from the loss.

    python -m experiments.diagnose --run_dir=D [--initial] [--read_split=train] [--num_batches=4] [--clip_norm=1]
    python -m experiments.diagnose --compare=vanilla,vanilla:1.5,gru,lstm --distance=100 [--output=FOLDER]

The first takes a trained run, or with --initial its params before training, prints a table, and writes
plots/gradient_flow.png and diagnostics/gradient_flow.json into the run's folder. The second needs no run: cells with
their first params on random inputs, for a loss of gradient 1 at the last output. ``NAME:SCALE`` multiplies the
recurrent kernel. Exit status: 0 done; 2 wrong flags or input.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from experiments import command_line, run_folder
from experiments.flag_kinds import define_enum, define_float, define_integer
from experiments.task_table import task_entry
from seqlab.core.errors import RunFolderError, SeqlabError

if TYPE_CHECKING:
    from seqlab.report.gradient_flow import Curve

flags.DEFINE_boolean("initial", False, "Whether to take the params before training instead of the best checkpoint's.")
define_enum("read_split", "validation", ["train", "validation"], "The split that is read.")
define_integer("num_batches", 4, "Batches of it that are read, from its first.", low=1)
define_enum("through", "last", ["last", "all"], "The loss through the last step's output alone, or all of it.")
flags.DEFINE_list("compare", "", "Cells to set beside each other instead of a run: names, or NAME:SCALE.")
define_integer("distance", 100, "Steps before the last one, with --compare.", low=1)
define_float("input_scale", 1.0, "Standard deviation of the random inputs, with --compare.", low=0.0)
flags.DEFINE_string("output", "", "Folder for picture and numbers; empty: a run's own folder, or with --compare none.")

# Flags of an experiment that mean something here.
OF_RUN = {"clip_norm", "engine", "data_dir"}
OF_CELLS = {"hidden_size", "embedding_size", "batch_size", "seed", "engine"}


def main() -> int:
    """Measures a run, or cells without one."""
    asked = flags.FLAGS
    if bool(asked.run_dir) == bool(asked.compare):
        found = "both" if asked.run_dir else "neither"
        raise SeqlabError(f"expected --run_dir, a run's folder, or --compare, names of cells; got {found}.")
    changed = {flag.name for flag in asked.get_flags_for_module(run_folder.IDENTITY[0]) if flag.present}
    allowed = OF_RUN if asked.run_dir else OF_CELLS
    if changed - allowed:
        raise SeqlabError(
            f"--{min(changed - allowed)} cannot be set here. Leave it out; of an experiment's flags "
            f"{', '.join(f'--{name}' for name in sorted(allowed))} can."
        )
    if asked.run_dir:
        _diagnose_run(asked, changed)
    else:
        _compare_cells(asked)
    return 0


# A run -----------------------------------------------------------------------------------------------------------


def _diagnose_run(asked: flags.FlagValues, changed: set[str]) -> None:
    folder = Path(asked.run_dir).expanduser()
    run = run_folder.read_values(folder)
    if not asked.initial and not any((folder / "checkpoints").glob("step_*")):
        raise RunFolderError(f"--run_dir={folder}: the run has no checkpoint yet. Train it first, or add --initial.")
    for name in changed:
        run[name].value = asked[name].value
    entry = task_entry(run.task)
    task = entry.make(run, entry.load(run))

    import jax.numpy as jnp

    from seqlab.diagnostics import clip_scale
    from seqlab.report.gradient_flow import curve, factor_per_step, flow_table, plot_gradient_flow

    norms, gradient_norms = _flows(task, _params(task, run, folder, asked.initial), asked)
    scales = np.ones_like(gradient_norms)
    if run.clip_norm:
        scales = np.asarray(clip_scale(jnp.asarray(gradient_norms), run.clip_norm))
    clips = bool((scales < 1).any())  # Where nothing is clipped, there is nothing to set beside.
    layers: dict[str, dict[str, Curve]] = {}
    for layer, (parts, exists) in norms.items():
        per_row = np.repeat(scales, len(exists) // len(scales))[:, None]
        layers[layer] = {part: curve(values, exists) for part, values in parts.items()}
        if clips:
            layers[layer]["clipped"] = curve(parts["state"] * per_row, exists)
    whole = {layer: parts["state"] for layer, parts in layers.items()}

    num_rows = max(values.sequences[0] for values in whole.values())
    which = "before training" if asked.initial else "best checkpoint"
    title = f"{run.task}, {run.cell}, {which}: {num_rows} sequences of {asked.read_split}"
    print(f"{title}; median norm of the gradient by the state")
    print(flow_table({f"{layer} {part}": c.median for layer, parts in layers.items() for part, c in parts.items()}))
    for layer, values in whole.items():
        print(f"{layer}: times {factor_per_step(values):.4g} a step, over {len(values.median) - 1} steps")
    print(_about_clipping(gradient_norms, scales, run.clip_norm))

    suffix = "_initial" if asked.initial else ""
    plots = Path(asked.output or folder / "plots") / f"gradient_flow{suffix}.png"
    numbers = Path(asked.output or folder / "diagnostics") / f"gradient_flow{suffix}.json"
    dashed = {layer: parts["clipped"].median for layer, parts in layers.items()} if clips else None
    plot_gradient_flow(whole, plots, title=title, dashed=dashed)
    _write(
        numbers,
        {
            "params": which,
            "split": asked.read_split,
            "through": asked.through,
            "layers": {layer: {part: c._asdict() for part, c in parts.items()} for layer, parts in layers.items()},
            "gradient_norm": gradient_norms.tolist(),
            "clip_norm": run.clip_norm,
            "clip_scale": scales.tolist(),
        },
    )
    print(f"written: {plots}, {numbers}")


def _params(task: Any, run: flags.FlagValues, folder: Path, initial: bool) -> Any:
    """The params of the best checkpoint, or those that training began with."""
    import jax

    from seqlab.core.keys import for_purpose
    from seqlab.train import Checkpoints

    if initial:
        return jax.jit(task.init)(for_purpose(jax.random.key(run.seed), "params"))
    return Checkpoints(folder / "checkpoints").best_params(task.init)


def _flows(task: Any, params: Any, asked: flags.FlagValues) -> tuple[dict[str, Any], np.ndarray]:
    """For each layer its norms by part, with ``state`` for the whole, and where they exist; norms of the gradients."""
    import jax

    from seqlab.diagnostics import task_gradient_flow

    def measure(params: Any, carry: Any, batch: Any, key: Any) -> Any:
        return task_gradient_flow(task, params, carry, batch, key, through=asked.through)

    measure = jax.jit(measure)
    batches, carry, flows = (
        getattr(task.splits, asked.read_split),
        task.initial_carry(task.batch_sizes[asked.read_split]),
        [],
    )
    for step in range(min(asked.num_batches, batches.batches_per_epoch)):
        flow = measure(params, carry, batches.batch(step), jax.random.key(step))
        carry = flow.carry
        flows.append(jax.device_get(flow._replace(carry=())))

    def rows(pick: Any) -> np.ndarray:
        return np.concatenate([pick(flow.layers) for flow in flows])

    norms = {}
    for layer, first in flows[0].layers.items():
        parts = {"state": rows(lambda layers, layer=layer: layers[layer].norms)}
        for part in first.parts if len(first.parts) > 1 else ():
            parts[part] = rows(lambda layers, layer=layer, part=part: layers[layer].parts[part])
        norms[layer] = parts, rows(lambda layers, layer=layer: layers[layer].exists)
    return norms, np.stack([flow.gradient_norm for flow in flows])


def _about_clipping(gradient_norms: np.ndarray, scales: np.ndarray, clip_norm: float) -> str:
    """What clipping by global norm does to the steps on these batches."""
    found = f"gradient by the params, before clipping: norm {np.median(gradient_norms):.4g}, at most "
    found += f"{gradient_norms.max():.4g}, over {len(scales)} batches"
    if not clip_norm:
        return f"{found}; not clipped (--clip_norm=1 shows what that would do)"
    clipped = int((scales < 1).sum())
    return f"{found}; --clip_norm={clip_norm:g} clips {clipped} of them, times {np.median(scales):.4g} (median)"


# Cells without a run ---------------------------------------------------------------------------------------------


def _compare_cells(asked: flags.FlagValues) -> None:
    from seqlab.report.gradient_flow import curve, factor_per_step, flow_table, plot_gradient_flow

    curves = {name: curve(norms, exists) for name, norms, exists in _fresh_cells(asked)}
    title = f"first params, H={asked.hidden_size}, {asked.batch_size} sequences of random inputs"
    print(f"{title}; median norm of the gradient by the state")
    print(flow_table({name: values.median for name, values in curves.items()}))
    for name, values in curves.items():
        print(f"{name}: times {factor_per_step(values):.4g} a step")
    if asked.output:
        picture = Path(asked.output) / "gradient_flow.png"
        plot_gradient_flow(curves, picture, title=title)
        _write(picture.with_suffix(".json"), {name: values._asdict() for name, values in curves.items()})
        print(f"written: {picture}, {picture.with_suffix('.json')}")


def _fresh_cells(asked: flags.FlagValues) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Norms by distance of each cell, for a loss w . y_T with a random w of norm 1 for each sequence."""
    import jax
    import jax.numpy as jnp

    from seqlab.cells import make_cell
    from seqlab.diagnostics import gradient_flow

    cells = [(name, *_name_and_scale(name)) for name in asked.compare]
    made = [(label, make_cell(name, asked.hidden_size), scale) for label, name, scale in cells]
    for_params, for_inputs, for_loss = jax.random.split(jax.random.key(asked.seed), 3)
    shape = asked.batch_size, asked.distance + 1, asked.embedding_size
    inputs = asked.input_scale * jax.random.normal(for_inputs, shape)
    for label, cell, scale in made:
        params = cell.init_params(for_params, asked.embedding_size)
        if scale != 1.0:
            if "recurrent_kernel" not in params:
                raise SeqlabError(f"--compare: {label}: this cell has no recurrent kernel to scale. Leave ':' out.")
            params = {**params, "recurrent_kernel": scale * params["recurrent_kernel"]}

        def measure(params: Any, inputs: Any, cell: Any = cell) -> Any:
            def loss(unrolled: Any) -> Any:
                last = unrolled.outputs[:, -1]
                weights = jax.random.normal(for_loss, last.shape)
                return (last * weights / jnp.linalg.norm(weights, axis=-1, keepdims=True)).sum()

            return gradient_flow(cell, params, inputs, loss, engine=asked.engine)

        flow = jax.device_get(jax.jit(measure)(params, inputs))
        yield label, flow.norms, flow.exists


def _name_and_scale(text: str) -> tuple[str, float]:
    """A cell's name, and the factor of its recurrent kernel behind a colon."""
    name, colon, scale = text.partition(":")
    try:
        factor = float(scale) if colon else 1.0
    except ValueError:
        factor = math.nan
    if not math.isfinite(factor):
        raise SeqlabError(f"--compare: expected NAME or NAME:SCALE, as in vanilla:1.5; got {text!r}.")
    return name, factor


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    run_folder.write_json(path, content)


if __name__ == "__main__":
    command_line.run(main)
