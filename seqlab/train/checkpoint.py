"""Checkpoints of a run: the newest two and the best, each a folder of its own, written whole or not at all.

    checkpoints/step_00000400/params      the params (orbax), apart, so that a prediction reads them alone
    checkpoints/step_00000400/rest        step, optimizer state, carry, key
    checkpoints/step_00000400/meta.json   step and best evaluation so far

A folder is written under another name (part_...) and renamed when it is complete, and renamed before it is deleted, so
whatever has the name of a checkpoint is one. What a killed run left under the other name goes with the next save.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from seqlab.core.array_types import Key, Params
from seqlab.core.errors import RunFolderError
from seqlab.core.trees import named_leaves
from seqlab.train.early_stopping import Best
from seqlab.train.state import TrainState

KEEP_NEWEST = 2


@dataclass(frozen=True)
class Saved:
    """A checkpoint as it is read back.

    Attributes:
        state: the training state.
        best: the best evaluation up to then.
    """

    state: TrainState
    best: Best


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, the oldest first."""
        return sorted(int(path.name.removeprefix("step_")) for path in self.folder.glob("step_*[0-9]"))

    def save(self, state: TrainState, best: Best) -> None:
        """Writes a checkpoint of this state, and drops those that are neither the best nor among the newest."""
        step = int(state.step)
        for leftover in self.folder.glob("part_*"):
            shutil.rmtree(leftover, ignore_errors=True)
        part = self.folder / f"part_{step:08d}"
        part.mkdir(parents=True)
        _write(part / "params", state.params)
        _write(part / "rest", _rest(state))
        (part / "meta.json").write_text(json.dumps({"step": step, "best": best._asdict()}))
        if step in self.steps():
            self._delete(step)
        os.replace(part, self._path(step))
        keep = {*self.steps()[-KEEP_NEWEST:], best.step}
        for old in set(self.steps()) - keep:
            self._delete(old)

    def restore(self, template: TrainState, step: int) -> Saved:
        """Reads the checkpoint of a step.

        Args:
            template: a state of the structure and shapes that are expected.
            step: one of ``steps()``.

        Raises:
            RunFolderError: where the checkpoint holds other leaves, shapes or types than the template, naming one.
        """
        params = self.restore_params(template.params, step)
        rest = _read(self._path(step) / "rest", _rest(template))
        key = jax.random.wrap_key_data(rest.pop("key"), impl=jax.random.key_impl(template.key))
        meta = json.loads((self._path(step) / "meta.json").read_text())
        return Saved(TrainState(params=params, key=key, **rest), Best(**meta["best"]))

    def restore_params(self, template: Params, step: int) -> Params:
        """The params alone of the checkpoint of a step; see ``restore``."""
        return _read(self._path(step) / "params", template)

    def best_params(self, init: Callable[[Key], Params]) -> Params:
        """The params of the best checkpoint, of a model whose params before training are ``init(key)``."""
        return self.restore_params(jax.eval_shape(init, jax.random.key(0)), self.best_step())

    def stored_params(self, step: int) -> Params:
        """The params of the checkpoint of a step as they lie there, where no model gives a template."""
        return _read(self._path(step) / "params", None)

    def best_step(self) -> int:
        """The step of the best checkpoint; the newest one where none was evaluated yet."""
        newest = self.steps()[-1]
        best = json.loads((self._path(newest) / "meta.json").read_text())["best"]["step"]
        return best if best in self.steps() else newest

    def _path(self, step: int) -> Path:
        return self.folder / f"step_{step:08d}"

    def _delete(self, step: int) -> None:
        part = self.folder / f"part_deleted_{step:08d}"
        os.replace(self._path(step), part)
        shutil.rmtree(part)


def _rest(state: TrainState) -> dict[str, Any]:
    return {
        "step": state.step,
        "opt_state": state.opt_state,
        "carry": state.carry,
        "key": jax.random.key_data(state.key),
    }


def _write(folder: Path, tree: Any) -> None:
    import orbax.checkpoint as ocp  # Here, as most of seqlab works without it.

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder, tree)


def _read(folder: Path, template: Any) -> Any:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.metadata(folder).item_metadata
        if template is None:
            template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), found.tree)
        _check_leaves(named_leaves(template), named_leaves(found.tree), folder)
        return checkpointer.restore(folder, template)


def _check_leaves(expected: dict[str, Any], found: dict[str, Any], where: Path) -> None:
    def describe(leaves: dict[str, Any], name: str) -> str:
        return f"{leaves[name].dtype} {tuple(leaves[name].shape)}" if name in leaves else "absent"

    for name in sorted(expected.keys() | found.keys()):
        if describe(expected, name) != describe(found, name):
            raise RunFolderError(
                f"{where}: leaf '{name}' should be {describe(expected, name)}; found {describe(found, name)}. "
                "The checkpoint was made with other flags or another version; choose another --run_dir."
            )
