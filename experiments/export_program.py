"""A trained model as a program that needs jax (and its serializer, flatbuffers) alone: StableHLO, params, a loader.

    sequence.stablehlo     (params, inputs [B, T, ...], lengths [B]) -> outputs
    start.stablehlo        (params, inputs [B, ...]) -> the state before the first step; the inputs say how many rows
    step.stablehlo         (params, state, inputs [B, ...]) -> (outputs, state)
    params.safetensors     the best params
    signature.json         what inputs and outputs are
    load.py                reads them

B and T are open, and each program is lowered for the CPU and for CUDA, on whatever machine this runs. There is a step
where the model reads forward alone: not with layers in both directions, convolutions before the recurrence, or an
answer that is pooled from all steps. The recurrence is unrolled by the engine ``scan``, whose operations are known to
every platform.

References:
    https://docs.jax.dev/en/latest/export
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from absl import flags
from jax import export

from experiments import from_flags
from seqlab.convert import save_params
from seqlab.core.array_types import Array, Carry, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.strict_json import to_json
from seqlab.core.trees import named_leaves
from seqlab.layers.recurrent import Recurrent

PLATFORMS = ("cpu", "cuda")
# What of a run folder is no artifact of the task.
OF_THE_RUN = ("provenance.json", "summary.json")
LOADER = '''"""The exported programs, with jax alone: programs["sequence"](inputs, lengths)."""

import json, pathlib, jax, jax.export, numpy as np  # noqa: E401

folder = pathlib.Path(__file__).parent
raw = (folder / "params.safetensors").read_bytes()
first = 8 + int.from_bytes(raw[:8], "little")
leaves = {name: leaf for name, leaf in json.loads(raw[8:first]).items() if name != "__metadata__"}
numbers = {name: raw[first:][slice(*leaf["data_offsets"])] for name, leaf in leaves.items()}
params = {name: np.frombuffer(numbers[name], np.float32).reshape(leaf["shape"]) for name, leaf in leaves.items()}
load = lambda file: jax.tree_util.Partial(jax.export.deserialize(bytearray(file.read_bytes())).call, params)
programs = {file.stem: load(file) for file in folder.glob("*.stablehlo")}
'''


class Exportable(NamedTuple):
    """A model as it is exported.

    Attributes:
        model: the module.
        dtype: of its inputs.
        trailing: shape of the inputs of one step.
        inputs: what they are, in words.
        outputs: what the outputs are, in words.
        not_a_step: why there is no streaming step; empty where there is.
        num_steps: how many steps the model reads, always; 0 for any number, of which ``lengths`` count.
    """

    model: nn.Module
    dtype: Any
    trailing: tuple[int, ...]
    inputs: str
    outputs: str
    not_a_step: str = ""
    num_steps: int = 0


def export_programs(path: Path, run_dir: Path, run: flags.FlagValues, params: Params) -> list[str]:
    """Writes the folder; gives the names of the programs in it.

    Raises:
        SeqlabError: the package flatbuffers is missing, there is no way to export the task's model, or the path is
            there already.
    """
    if find_spec("flatbuffers") is None:
        raise SeqlabError("jax writes programs by the package flatbuffers: pip install 'seqlab[export]'.")
    if path.exists():
        raise SeqlabError(f"--to={path}: expected the name of a folder to make, found one of that name.")
    if run.task not in EXPORTABLES:
        raise SeqlabError(f"--layout=stablehlo: expected a task of {', '.join(EXPORTABLES)}; got {run.task}.")
    run.engine = "scan"
    found = EXPORTABLES[run.task](run, run_dir)
    # The leaves by the names that they have in the file, so that the loader needs to know no tree.
    names = [name.replace("/", ".") for name in named_leaves(params)]
    structure = jax.tree.structure(params)

    def tree_of(leaves: Mapping[str, Array]) -> Params:
        return structure.unflatten([leaves[name] for name in names])

    def sequence(leaves: Mapping[str, Array], inputs: Array, lengths: Array) -> Array:
        controls: dict[str, Any] = {} if found.num_steps else {"lengths": lengths}
        return _outputs(found.model.apply({"params": tree_of(leaves)}, inputs, **controls))

    def first(leaves: Mapping[str, Array], inputs: Array) -> list[Carry]:
        return _threaded(found.model, tree_of(leaves), inputs, None)[2]

    def start(leaves: Mapping[str, Array], inputs: Array) -> list[Array]:
        return jax.tree.leaves(first(leaves, inputs))

    def step(leaves: Mapping[str, Array], state: list[Array], inputs: Array) -> tuple[Array, list[Array]]:
        # A list of arrays, as whoever loads the program knows no carry of ours.
        carries = jax.tree.structure(jax.eval_shape(first, leaves, inputs)).unflatten(state)
        outputs, after, _ = _threaded(found.model, tree_of(leaves), inputs, carries)
        return outputs, jax.tree.leaves(after)

    batch, time = export.symbolic_shape("b, t")
    leaves = {name: _like(leaf) for name, leaf in zip(names, jax.tree.leaves(params), strict=True)}
    one = jax.ShapeDtypeStruct((batch, *found.trailing), found.dtype)
    all_steps = jax.ShapeDtypeStruct((batch, found.num_steps or time, *found.trailing), found.dtype)
    programs = {"sequence": _exported(sequence, leaves, all_steps, jax.ShapeDtypeStruct((batch,), jnp.int32))}
    if not found.not_a_step:
        programs["start"] = _exported(start, leaves, one)
        programs["step"] = _exported(step, leaves, jax.eval_shape(start, leaves, one), one)
    part = path.with_name(f"{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, program in programs.items():
        (part / f"{name}.stablehlo").write_bytes(program)
    save_params(part / "params.safetensors", params, metadata={"flags": (run_dir / "flags.txt").read_text("utf-8")})
    (part / "load.py").write_text(LOADER, encoding="utf-8")
    (part / "signature.json").write_text(to_json(_signature(run.task, found, list(programs)), indent=1) + "\n", "utf-8")
    for file in run_dir.glob("*.json"):
        if file.name not in OF_THE_RUN:
            shutil.copy(file, part / file.name)
    part.rename(path)
    return list(programs)


def _threaded(
    model: nn.Module, params: Params, inputs: Array, carries: Sequence[Carry] | None
) -> tuple[Array, list[Carry], list[Carry]]:
    """The outputs of one step of inputs [B, ...], the states of all recurrent layers after it, and those before it."""
    after: list[Carry] = []
    before: list[Carry] = []

    def thread(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        if not isinstance(context.module, Recurrent) or context.method_name != "run":
            return call(*args, **kwargs)
        cell, of_cell, its_inputs = args
        fresh = cell.fresh_carry(of_cell, its_inputs[:, 0].shape)
        before.append(fresh if carries is None else carries[len(before)])
        unrolled = call(*args, **{**kwargs, "initial_carry": before[-1]})
        after.append(unrolled.carry)
        return unrolled

    with nn.intercept_methods(thread):
        answer = _outputs(model.apply({"params": params}, inputs[:, None]))
    # Of a model that answers at every step, the answer is that of this one.
    return (answer[:, 0] if answer.ndim == 3 else answer), after, before


def _outputs(answer: Any) -> Array:
    """The numbers among what a model gives: its first field, where it gives several."""
    return answer[0] if isinstance(answer, tuple) else answer


def _like(leaf: Any) -> jax.ShapeDtypeStruct:
    if leaf.dtype != jnp.float32:
        raise SeqlabError(f"--layout=stablehlo: expected params in float32, found {leaf.dtype}.")
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _exported(function: Callable[..., Any], *like: Any) -> bytes:
    return bytes(export.export(jax.jit(function), platforms=PLATFORMS)(*like).serialize())


def _signature(task: str, found: Exportable, programs: list[str]) -> dict[str, Any]:
    shape = "".join(f", {extent}" for extent in found.trailing)
    dtype = jnp.dtype(found.dtype).name
    steps = (
        {}
        if found.not_a_step
        else {"step": {"inputs": f"{dtype} [B{shape}]", "outputs": f"{found.outputs}, of this step"}}
    )
    return {
        "task": task,
        "inputs": found.inputs,
        "programs": programs,
        "sequence": {"inputs": f"{dtype} [B, T{shape}]", "lengths": "int32 [B]", "outputs": found.outputs},
        **steps,
        **({"no_step": found.not_a_step} if found.not_a_step else {}),
        "platforms": list(PLATFORMS),
    }


# The models of the tasks ------------------------------------------------------------------------------------------

BOTH_WAYS = "its layers run in both directions"


def _language_model(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.data.vocabulary import Vocabulary
    from seqlab.tasks.language_model import VOCABULARY_FILE, make_model

    model = make_model(from_flags.language_model_config(run), Vocabulary.load(folder / VOCABULARY_FILE))
    return Exportable(model, jnp.int32, (), "ids of vocabulary.json", "logits of the next token [B, T, V]")


def _tagging(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.tasks.tagging import make_model
    from seqlab.tasks.tagging_data import Lexicon

    lexicon = Lexicon.load(folder)
    model = make_model(from_flags.tagging_config(run), lexicon)
    width = lexicon.encode(["a"], model.char_encoder != "none").shape[-1]
    inputs = "of each word its id, and behind it the ids of its characters plus one, then zeros"
    return Exportable(model, jnp.int32, (width,), inputs, "scores of the tags [B, T, V]", BOTH_WAYS)


def _classification(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.tasks.classification_data import TextReader
    from seqlab.tasks.text_classification import make_model

    model = make_model(from_flags.classification_config(run), TextReader.load(folder, run.tokens, run.max_length))
    outputs = "logits of the labels [B, V]"
    return Exportable(model, jnp.int32, (), "ids of vocabulary.json", outputs, _why_no_step(run))


def _features(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.tasks.feature_classification import make_model
    from seqlab.tasks.feature_data import FeatureReader

    config = from_flags.feature_config(run)
    reader = FeatureReader.load(folder, config.task, config.permute_pixels, config.convolution.shortest())
    inputs = "features, scaled by mean and deviation of scaling.json"
    outputs = "logits of the labels [B, V]"
    return Exportable(make_model(config, reader), jnp.float32, reader.shape, inputs, outputs, _why_no_step(run))


def _music(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.data.loaders.midi import NUM_KEYS
    from seqlab.tasks.music import make_model, styles_of

    del folder
    config = from_flags.music_config(run)
    inputs = "keys that sound, the lowest first, and the piece's style behind them"
    width = (NUM_KEYS + len(styles_of(config)),)
    return Exportable(make_model(config), jnp.float32, width, inputs, "logits of the next frame's keys [B, T, K]")


def _forecasting(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.data.series import Scaling
    from seqlab.tasks.forecasting import SCALING_FILE, make_model

    columns = len(Scaling.load(folder / SCALING_FILE).columns)
    model = make_model(from_flags.forecasting_config(run), columns)
    why = "it reads all rows before it forecasts"
    inputs = f"{run.lookback} rows, scaled by scaling.json; with gaps, values, whether each was seen, and steps since"
    outputs = "the numbers of the distribution of each value [B, U, C, P]"
    return Exportable(model, jnp.float32, (columns * (3 if model.gaps else 1),), inputs, outputs, why, run.lookback)


def _problem(run: flags.FlagValues, folder: Path) -> Exportable:
    from seqlab.tasks.filtering import make_problem as make_filtering_problem
    from seqlab.tasks.table import make_problem

    del folder
    filters = run.task == "filtering"
    problem = (
        make_filtering_problem(from_flags.filtering_config(run))
        if filters
        else make_problem(run.task, from_flags.sequence_config(run))
    )
    example: Any = problem.splits.train.batch(0).inputs
    return Exportable(
        problem.model,
        jnp.int32 if example.dtype.kind == "i" else jnp.float32,
        example.shape[2:],
        f"as the task {run.task} makes them",
        "estimates [B, T, D]" if filters else "the answer after the last step, or after each",
        BOTH_WAYS if run.bidirectional and not filters else "",
    )


def _why_no_step(run: flags.FlagValues) -> str:
    if run.bidirectional:
        return BOTH_WAYS
    if run.conv_layers and run.task != "classification":
        return "convolutions see several steps at once"
    return "" if run.pooling == "last" else f"its answer is pooled from all steps (--pooling={run.pooling})"


EXPORTABLES: dict[str, Callable[[flags.FlagValues, Path], Exportable]] = {
    "activity": _features,
    "adding": _problem,
    "agreement": _problem,
    "classification": _classification,
    "copy_memory": _problem,
    "dna": _features,
    "filtering": _problem,
    "forecasting": _forecasting,
    "language_model": _language_model,
    "music": _music,
    "pixels": _features,
    "spoken_words": _features,
    "tagging": _tagging,
    "temporal_order": _problem,
}
