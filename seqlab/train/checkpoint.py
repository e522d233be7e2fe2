"""Checkpoints of a run: the newest two and the best, each a folder of its own, written whole or not at all.

    checkpoints/step_00000400/params          the params (orbax), apart, so that a prediction reads them alone
    checkpoints/step_00000400/rest            step, optimizer state, carry, key
    checkpoints/step_00000400/manifest.json   best evaluation so far; shape and type of every leaf, and kind of key;
                                              versions; hash of the configuration; SHA-256 of every file

``seqlab.core.sealed_folder`` says how a folder is written, flushed and renamed, and how a byte that was changed since
is noticed. A leaf is compared with what is expected before anything is read. Of a checkpoint that is kept, the best
one that it speaks of is kept too, so that the one before can stand in for a damaged newest one.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Key, Params
from seqlab.core.errors import RunFolderError
from seqlab.core.sealed_folder import DamagedError, delete, new_part, publish, read_manifest, recover
from seqlab.core.trees import named_leaves
from seqlab.train.early_stopping import Best
from seqlab.train.state import TrainState

KEEP_NEWEST = 2
FORMAT = 1
SHOWN = 240


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

    def __init__(self, folder: Path, *, config_hash: str = "", warn: Callable[[str], None] = print) -> None:
        """Looks at a folder, which need not be there yet.

        Args:
            folder: where the checkpoints are.
            config_hash: stands for the configuration of the run; one that differs from the saved one is warned of.
            warn: is told of damaged checkpoints that are passed over.
        """
        self.folder = Path(folder).absolute()
        self._config_hash = config_hash
        self._warn = warn

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, the oldest first."""
        return sorted(int(path.name.removeprefix("step_")) for path in self.folder.glob("step_*[0-9]"))

    def save(self, state: TrainState, best: Best) -> None:
        """Writes a checkpoint of this state, and drops those that are not kept any longer.

        When it returns, the checkpoint is on the disk.

        Raises:
            RunFolderError: it could not be written, as on a full disk; the older checkpoints are as they were.
        """
        step = int(state.step)
        try:
            part = new_part(self.folder, self._path(step).name)
            _write(part / "params", state.params)
            _write(part / "rest", _rest(state))
            publish(part, self._content(state, best))
        except Exception as error:  # Orbax raises whatever the library below it raises.
            raise self._not_written(step, error) from error
        for old in set(self.steps()) - self._kept(step, best):
            delete(self._path(old))

    def newest_step(self) -> int | None:
        """The newest step whose checkpoint is whole; damaged ones are warned of, and put aside as ``damaged_...``."""
        recover(self.folder)
        while self.steps():
            step = self.steps()[-1]
            try:
                _content_of(self._path(step))
            except DamagedError as error:
                aside = self._path(step).with_name(f"damaged_{self._path(step).name}")
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(self._path(step), aside)
                instead = f"goes on from step {self.steps()[-1]}" if self.steps() else "begins anew"
                self._warn(f"warning: the checkpoint of step {step} was put aside, the run {instead}: {error}")
            else:
                return step
        return None

    def newest(self, template: TrainState) -> Saved | None:
        """The newest checkpoint that is whole, or ``None`` where there is none; see ``newest_step`` and ``restore``."""
        step = self.newest_step()
        return None if step is None else self.restore(template, step)

    def params_of_best(self, template: Params, saved: Saved) -> tuple[Params, Best]:
        """The best params up to a checkpoint and their evaluation; of a damaged one the evaluation is forgotten."""
        if saved.best.step in (-1, int(saved.state.step)):
            return saved.state.params, saved.best
        try:
            return self.restore_params(template, saved.best.step), saved.best
        except DamagedError as error:
            self._warn(f"warning: the best checkpoint is lost, the best is looked for anew from here: {error}")
            return saved.state.params, Best(last_step=saved.best.last_step)

    def restore(self, template: TrainState, step: int) -> Saved:
        """Reads the checkpoint of a step.

        Args:
            template: a state of the structure and shapes that are expected.
            step: one of ``steps()``.

        Raises:
            DamagedError: it is not what was saved.
            RunFolderError: it holds other leaves, shapes or types than the template; the message names one.
        """
        path = self._path(step)
        content = _content_of(path)
        if content["format"] == 0:
            return _restore_without_manifest(path, template, content)
        _check_leaves(_described(template.params), content["leaves"]["params"], path)
        _check_leaves(_described(template._replace(params=())), content["leaves"]["rest"], path)
        if self._config_hash and content["config_sha256"] not in ("", self._config_hash):
            self._warn(f"warning: {path} was saved by a run with other flags than this one has.")
        rest = _read(path / "rest", _rest(template))
        key = jax.random.wrap_key_data(rest.pop("key"), impl=jax.random.key_impl(template.key))
        params = _read(path / "params", template.params)
        return Saved(TrainState(params=params, key=key, **rest), Best(**content["best"]))

    def restore_params(self, template: Params, step: int) -> Params:
        """The params alone of the checkpoint of a step; see ``restore``."""
        path = self._path(step)
        content = _content_of(path, below="params/")
        found = content["leaves"]["params"] if content["format"] else _described(_stored(path / "params"))
        _check_leaves(_described(template), found, path)
        return _read(path / "params", template)

    def best_params(self, init: Callable[[Key], Params]) -> Params:
        """The params of the best checkpoint, of a model whose params before training are ``init(key)``."""
        return self.restore_params(jax.eval_shape(init, jax.random.key(0)), self.best_step())

    def stored_params(self, step: int) -> Params:
        """The params of the checkpoint of a step as they lie there, where no model gives a template."""
        _content_of(self._path(step), below="params/")
        return _read(self._path(step) / "params", _stored(self._path(step) / "params"))

    def best_step(self) -> int:
        """The step of the best checkpoint; the newest one where none was evaluated yet."""
        newest = self.steps()[-1]
        best = _content_of(self._path(newest), below=None)["best"]["step"]
        return newest if best == -1 else best

    def _path(self, step: int) -> Path:
        return self.folder / f"step_{step:08d}"

    def _content(self, state: TrainState, best: Best) -> dict[str, Any]:
        libraries = ("seqlab", "jax", "jaxlib", "orbax-checkpoint", "numpy")
        return {
            "format": FORMAT,
            "best": best._asdict(),
            "leaves": {"params": _described(state.params), "rest": _described(state._replace(params=()))},
            "config_sha256": self._config_hash,
            "versions": {name: version(name) for name in libraries},
        }

    def _kept(self, step: int, best: Best) -> set[int]:
        """The newest ones with the best of each; the step that was just saved counts as the newest."""
        newest = [step, *[earlier for earlier in self.steps() if earlier < step][::-1]][:KEEP_NEWEST]
        kept = {*newest, best.step}
        for earlier in newest[1:]:
            try:
                kept.add(_content_of(self._path(earlier), below=None)["best"]["step"])
            except DamagedError:
                continue
        return kept

    def _not_written(self, step: int, error: Exception) -> RunFolderError:
        older = f"that of step {self.steps()[-1]} is whole" if self.steps() else "there is none before it"
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        reason = reason if len(reason) < SHOWN else f"...{reason[-SHOWN:]}"  # The cause stands at the end.
        return RunFolderError(
            f"{self.folder}: the checkpoint of step {step} could not be written ({reason}); {older}.\n"
            "Make room on the disk or mend its permissions; the same command with --run_dir goes on from there."
        )


def _rest(state: TrainState) -> dict[str, Any]:
    rest = state._replace(key=jax.random.key_data(state.key))._asdict()
    return {name: leaf for name, leaf in rest.items() if name != "params"}


def _described(tree: Any) -> dict[str, str]:
    """Type and shape of every leaf by its path; the type of a key says its kind."""
    return {name: f"{leaf.dtype} {tuple(leaf.shape)}" for name, leaf in named_leaves(tree).items()}


def _content_of(path: Path, *, below: str | None = "") -> dict[str, Any]:
    """What the manifest says; of the time before manifests, ``meta.json``, with nothing that could be checked."""
    if (path / "meta.json").is_file():
        return {"format": 0, **json.loads((path / "meta.json").read_text())}
    content = read_manifest(path, below=below)
    if content["format"] > FORMAT:
        raise RunFolderError(
            f"{path}: expected a checkpoint of format {FORMAT} at most, found {content['format']}: a newer seqlab "
            "wrote it. Use that one."
        )
    return content


def _restore_without_manifest(path: Path, template: TrainState, content: dict[str, Any]) -> Saved:
    """A checkpoint of seqlab before manifests, which did not count the steps that were left out."""
    rest = {name: leaf for name, leaf in _rest(template).items() if name != "num_skipped"}
    for part, expected in [("params", template.params), ("rest", rest)]:
        _check_leaves(_described(expected), _described(_stored(path / part)), path)
    rest = _read(path / "rest", rest)
    key = jax.random.wrap_key_data(rest.pop("key"), impl=jax.random.key_impl(template.key))
    params = _read(path / "params", template.params)
    skipped = jnp.zeros_like(template.num_skipped)
    return Saved(
        TrainState(params=params, key=key, num_skipped=skipped, **rest),
        Best(**content["best"], last_step=content["step"]),
    )


def _write(folder: Path, tree: Any) -> None:
    import orbax.checkpoint as ocp  # Here, as most of seqlab works without it.

    # What fails is raised and told once, without the report that a thread of Orbax's logs.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(folder, tree)
    finally:
        logger.setLevel(level)


def _stored(folder: Path) -> Any:
    """Shapes and types of the tree that lies there."""
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.metadata(folder).item_metadata
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), found.tree)


def _read(folder: Path, template: Any) -> Any:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(folder, template)


def _check_leaves(expected: dict[str, str], found: dict[str, str], where: Path) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise RunFolderError(
                f"{where}: leaf '{name}' should be {expected.get(name, 'absent')}; found {found.get(name, 'absent')}. "
                "The checkpoint was made with other flags or another version; choose another --run_dir."
            )
