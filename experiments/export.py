"""Writes the params of a trained run into one file that other programs read.

    python -m experiments.export --run_dir=D --to=params.safetensors
    python -m experiments.export --run_dir=D --to=params.safetensors --layout=torch
    python -m experiments.export --run_dir=D --to=FOLDER --layout=stablehlo

The params are those of the best checkpoint, and the file keeps the run's flags beside them. The layout ``seqlab`` is
the tree that ``seqlab.convert.load_params`` gives back; ``torch`` has the names and shapes of a module with an
``nn.Embedding`` named embedding, the recurrent layers as stack, and an ``nn.Linear`` named head; ``stablehlo`` makes a
folder with the model as a program (`experiments.export_program`). Exit status: 0 done; 2 wrong flags.
"""

from pathlib import Path
from typing import Any

from absl import flags

from experiments import command_line, run_folder
from experiments.flag_kinds import define_enum
from seqlab.core.errors import RunFolderError, SeqlabError

flags.DEFINE_string("to", "", "The file to write, such as params.safetensors, or the folder.")
define_enum(
    "layout",
    "seqlab",
    ["seqlab", "torch", "stablehlo"],
    "Names and shapes: our own, or those of PyTorch's modules; or a folder with the model as a program.",
)

# What changes the outputs and has no place in a state dict.
NOT_IN_TORCH = ["skip_connections", "zoneout_rate", "learned_carry"]


def main() -> int:
    """Writes the file and says how much is in it."""
    asked = flags.FLAGS
    if not asked.run_dir or not asked.to:
        raise SeqlabError("expected --run_dir, the folder of a trained run, and --to, the file to write.")
    changed = [flag.name for flag in asked.get_flags_for_module(run_folder.IDENTITY[0]) if flag.present]
    if changed:
        raise SeqlabError(f"--{min(changed)} is a flag of the run and cannot be changed in an export. Leave it out.")
    folder, path = Path(asked.run_dir).expanduser(), Path(asked.to).expanduser()
    run = run_folder.read_values(folder)
    if not any((folder / "checkpoints").glob("step_*")):
        raise RunFolderError(f"--run_dir={folder}: the run has no checkpoint yet. Train it first.")

    import jax

    from seqlab.convert import save_arrays, save_params
    from seqlab.train import Checkpoints

    checkpoints = Checkpoints(folder / "checkpoints")
    params = checkpoints.stored_params(checkpoints.best_step())
    metadata = {"flags": (folder / "flags.txt").read_text(encoding="utf-8")}
    if asked.layout == "stablehlo":
        from experiments.export_program import export_programs

        print(f"wrote {path}: {', '.join(export_programs(path, folder, run, params))}, and load.py")
        return 0
    if asked.layout == "torch":
        save_arrays(path, _as_state_dict(params, run), metadata={"format": "pt", **metadata})
    else:
        save_params(path, params, metadata=metadata)
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    print(f"wrote {path}: {len(sizes)} leaves, {sum(sizes):,} parameters")
    return 0


def _as_state_dict(params: Any, run: flags.FlagValues) -> dict[str, Any]:
    """The names and shapes of PyTorch's modules, for a model of ours."""
    from seqlab.convert import to_torch
    from seqlab.core.trees import named_leaves

    for name in NOT_IN_TORCH:
        if run[name].value != run[name].default:
            raise SeqlabError(
                f"--layout=torch: PyTorch's layers have no --{name}={run[name].value}; use seqlab's layout."
            )
    arrays: dict[str, Any] = to_torch(params["stack"], run.cell, prefix="stack.")
    for place, leaf in named_leaves({name: tree for name, tree in params.items() if name != "stack"}).items():
        *modules, kind = place.split("/")
        name = {"kernel": "weight", "embedding": "weight"}.get(kind, kind)
        arrays[".".join([*modules, name])] = leaf.T if kind == "kernel" else leaf
    return arrays


if __name__ == "__main__":
    command_line.run(main)
