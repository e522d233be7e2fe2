"""The loop over time as one call of C++ for CPUs: each core takes its rows of the batch through all steps.

XLA runs the parts of a step one after the other, the element by element ones on one thread, and its threads meet at
every product. But the rows of a batch know nothing of each other until the gradients of the params are summed up. So
here a core takes its share of the rows through all steps, and waits for nobody. With the products that need not recur
outside, as large ones of XLA's (see ``fused``), a share of the rows is

    forward:   h_t = cell(x_t + b + h_{t-1} U)                       x = inputs W, before the loop
    backward:  dr_t = derivative of the gates, dh_{t-1} = dr_t U^T   dW, dU and d inputs from all dr_t, after the loop

The product of a step is computed by tiles of 16 hidden units with all their gates, which stay in the registers and the
nearest cache until the cell has made the state of them. Gates that the derivative needs replace the projected inputs
where they lie, and their gradients replace the gates.

The loops are in ``native.cc`` and its headers. They are compiled at first use, by the C++ compiler that ``CXX`` names
or else ``c++``, ``g++`` or ``clang++``, for the processor that it runs on, and kept in ``$XDG_CACHE_HOME/seqlab``
(``~/.cache/seqlab``). Sums of products are in another order than XLA's; the number of threads changes nothing, to the
bit.

For ``LSTMCell``, ``GRUCell`` and ``VanillaCell`` with tanh, in float32. Padding, resets and learned states are as with
every engine; a mask on the state is refused. Tangents (``jvp``) are those of a scan. A derivative of the derivative is
refused. ``vmap`` is one call for all members of a population, whose kernels are their own: the cores share members out,
and rows where they are more than members. ``auto`` never chooses this engine, as not every machine has a compiler.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.cells.vanilla import VanillaCell
from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.core.derivatives import custom_derivative
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import dot, rows
from seqlab.engines.base import Controls, Unrollable, Unrolled, controlled_step

SOURCE = Path(__file__).with_suffix(".cc")
HEADERS = tuple(Path(__file__).with_name(name) for name in ("native_cells.h", "native_product.h"))
COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-std=c++20", "-O3", "-march=native", "-shared", "-fPIC", "-w")

# From how many rows on the loop projects the inputs itself.
MIN_ROWS = 4
# Up to how many inputs a GRU's loop projects itself.
FEW_INPUTS = 4

# The loops' names of cells.
CELLS: dict[type, str] = {LSTMCell: "lstm", GRUCell: "gru", VanillaCell: "vanilla"}


def supports(cell: Unrollable) -> bool:
    """Whether there is a loop for the cell: an LSTM, a GRU or a vanilla cell with tanh, in float32 throughout."""
    if not isinstance(cell, Cell) or type(cell) not in CELLS:
        return False
    if isinstance(cell, VanillaCell) and cell.activation is not jnp.tanh:
        return False
    return cell.param_dtype == jnp.float32 and cell.dtype in (None, jnp.float32)


# Compiling ---------------------------------------------------------------------------------------------------------


def compiler() -> list[str] | None:
    """The command of the C++ compiler: that of the variable ``CXX``, or the first that there is; ``None`` for none."""
    named = shlex.split(os.environ.get("CXX", ""))
    commands = [named] if named else [[name] for name in COMPILERS]
    return next((command for command in commands if shutil.which(command[0])), None)


def require_compiler() -> list[str]:
    """``compiler``'s command.

    Raises:
        SeqlabError: where there is none.
    """
    command = compiler()
    if command is None:
        sought = os.environ.get("CXX") or ", ".join(COMPILERS)
        raise SeqlabError(
            f"engine 'native' needs a C++ compiler; found none of {sought}. Install one (apt install g++, dnf install "
            "gcc-c++), name it in the environment variable CXX, or take engine='fused'."
        )
    return command


def library() -> Path:
    """The compiled loops for this machine: the file in the cache, which is made if it is not there.

    Its name is a hash of all that it depends on. It is written beside its place and then moved there, so that several
    processes may do this at once.

    Raises:
        SeqlabError: where there is no compiler, it fails, or the cache cannot be written to.
    """
    command = [*require_compiler(), *FLAGS, f"-I{jax.ffi.include_dir()}"]
    sources = (path.read_bytes() for path in (SOURCE, *HEADERS))
    made_of = *sources, shlex.join(command).encode(), version("jaxlib").encode(), _processor()
    name = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:32]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqlab"
    path = folder / f"native-{name}.so"
    if folder.exists():
        _make_own(folder)
    if path.exists():
        return path
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            made = Path(beside) / path.name
            _compile([*command, str(SOURCE), "-o", str(made)])
            made.replace(path)
    except OSError as error:
        raise SeqlabError(
            f"engine 'native' keeps its compiled loops in {folder}: {error}. Name a folder that can be written to in "
            "the environment variable XDG_CACHE_HOME, or take engine='fused'."
        ) from error
    return path


def _make_own(folder: Path) -> None:
    """Sees to it that nobody else can put a library into a folder, as what lies there is loaded and run.

    Raises:
        SeqlabError: the folder is another user's.
    """
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise SeqlabError(
            f"engine 'native' keeps its compiled loops in {folder}, which belongs to another user. Name a folder of "
            "your own in the environment variable XDG_CACHE_HOME, or take engine='fused'."
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _compile(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise SeqlabError(
            f"engine 'native' could not be compiled: {shlex.join(command)} returned {result.returncode} and said "
            f"{result.stderr.strip()[:500]!r}. Name another compiler in the environment variable CXX (GCC 11 or Clang "
            "12, or later), or take engine='fused'."
        )


def _processor() -> bytes:
    """What tells processors apart for which the compiler makes different code."""
    facts = Path("/proc/cpuinfo")
    of_first = facts.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if facts.exists() else []
    lasting = [line for line in of_first if line.startswith(("model name", "flags", "Features"))]
    return "\n".join([platform.machine(), platform.processor(), *lasting]).encode()


@functools.cache
def _register() -> None:
    loops = ctypes.CDLL(str(library()))
    for name in ("seqlab_forward", "seqlab_backward"):
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(loops, name)), platform="cpu")


# The engine --------------------------------------------------------------------------------------------------------


class _Given(NamedTuple):
    """What the loop over time reads, batch-major.

    Attributes:
        inputs: [B, T, F].
        input_kernel: W [F, G].
        kernel: U [H, G].
        biases: [M, H], for the gates and then the GRU's recurrent one.
        carry: the first state.
        fresh: the state after a reset, ``None`` where there are none.
        mask: see ``Controls``.
        resets: see ``Controls``.
    """

    inputs: Array
    input_kernel: Array
    kernel: Array
    biases: Array
    carry: Carry
    fresh: Carry
    mask: Array | None
    resets: Array | None


class _Made(NamedTuple):
    """What the loop gives.

    Attributes:
        outputs: [B, T, H].
        carry: the last state.
        memories: the LSTM's c after every step [B, T, H], ``None`` unless asked for.
    """

    outputs: Array
    carry: Carry
    memories: Array | None


def unroll_native(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    threads: int = 0,
) -> Unrolled:
    """Projects all inputs, and runs the loop in ``threads`` shares of the rows, 0 for as many as XLA has threads.

    Raises:
        SeqlabError: for a mask on the state in the params, inputs that are not float32, or without a compiler.
    """
    assert isinstance(cell, Cell)  # ``select`` has asked ``supports``.
    if "state_mask" in params:
        raise SeqlabError("engine 'native' does no dropout on the state; got a state_mask. Take engine='fused'.")
    if inputs.dtype != jnp.float32:
        raise SeqlabError(f"engine 'native' is for inputs in float32; got {inputs.dtype}. Take engine='fused'.")
    _register()
    biases = params["bias"].reshape(-1, cell.features)
    if "recurrent_bias" in params:
        biases = jnp.concatenate([biases, params["recurrent_bias"][None]])
    # ``select`` has swapped batch and time: XLA drops both swaps, and the loop reads batch-major.
    inputs = jnp.swapaxes(inputs, 0, 1)
    fresh = None if controls.resets is None else controls.fresh
    loop = _Loop(cell, controls.reverse, return_all_carries, threads)
    kernels = params["input_kernel"], params["recurrent_kernel"]
    given = _Given(inputs, *kernels, biases, carry, fresh, controls.mask, controls.resets)
    made = custom_derivative(loop.run, loop.run_and_keep, loop.backward)(*given)
    outputs = jnp.swapaxes(made.outputs, 0, 1)
    carries = None
    if return_all_carries:
        memories = made.memories
        carries = outputs if memories is None else LSTMCarry(c=jnp.swapaxes(memories, 0, 1), h=outputs)
    return Unrolled(outputs, made.carry, carries)


class _Loop:
    """Both passes over time."""

    def __init__(self, cell: Cell, reverse: bool, return_all_carries: bool, threads: int) -> None:
        self.cell = cell
        self.has_memory = isinstance(cell, LSTMCell)
        self.reverse = reverse
        self.returns_memories = self.has_memory and return_all_carries
        self.attributes = {"cell": CELLS[type(cell)], "reverse": reverse, "threads": np.int64(threads)}
        # JAX has no tangents of a foreign call; a gradient asks for their transposes alone, which are ``backward``.
        self.run = jax.custom_jvp(lambda *given: self.forward(_Given(*given), keep=False)[0])
        self.run.defjvp(lambda given, tangents: jax.jvp(self.scan, given, tangents))
        # ``run``, and what ``backward`` needs.
        self.run_and_keep = jax.custom_jvp(lambda *given: self.forward(_Given(*given), keep=True))
        self.pull = jax.custom_jvp(self._pull)
        for call in (self.run_and_keep, self.pull):
            call.defjvp(_refuse_second_derivatives)

    def scan(self, *arguments: Any) -> _Made:
        """The same as a scan, for tangents."""
        given = _Given(*arguments)
        params = {"recurrent_kernel": given.kernel, "recurrent_bias": given.biases[-1]}
        x = dot(given.inputs, given.input_kernel)

        def step(carry: Carry, now: Any) -> tuple[Carry, Carry]:
            x_t, mask, resets = now
            projected = x_t + given.biases.reshape(-1)[: x.shape[-1]]
            carry, _ = controlled_step(self.cell, params, given.fresh, carry, projected, mask, resets)
            return carry, carry

        steps = jnp.swapaxes(x, 0, 1), given.mask, given.resets
        carry, carries = jax.lax.scan(step, given.carry, steps, reverse=self.reverse)
        carries = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), carries)
        return _Made(self.cell.hidden(carries), carry, carries[0] if self.returns_memories else None)

    def forward(self, given: _Given, *, keep: bool) -> tuple[_Made, Any]:
        """Runs the cell over time; with ``keep``, also what ``backward`` needs."""
        (B, T, _), (H, G) = given.inputs.shape, given.kernel.shape
        # The loop projects the inputs of a step itself: then the projection of all steps, many times as large as the
        # inputs, is never laid out. But for few rows XLA's product of all steps is faster, and a GRU's step needs the
        # two products of n apart, so that its inputs are projected one by one, which pays for few of them.
        if B >= MIN_ROWS and (not isinstance(self.cell, GRUCell) or given.inputs.shape[-1] <= FEW_INPUTS):
            inputs, x, aliases = given.inputs, _nothing(jnp.float32), {}
        else:
            inputs, x, aliases = _nothing(jnp.float32), dot(given.inputs, given.input_kernel), {1: 4} if keep else {}
        keeps_memory = self.returns_memories or (keep and not isinstance(self.cell, VanillaCell))
        results = {
            "outputs": (B, T, H),
            "hidden": (B, H),
            "memory": (B, H) if self.has_memory else (0,),
            # The LSTM's c after every step, the recurrent product of the GRU's n.
            "memories": (B, T, H) if keeps_memory else (0,),
            "gates": (B, T, G) if keep else (0,),
            "hidden_before": (B, T, H) if keep else (0,),
        }
        outputs, hidden, memory, memories, gates, hidden_before = _call(
            "seqlab_forward",
            (inputs, x, *given[1:4], *self.parts(given.carry), *self.states(given)[1:], *_flags(given)),
            list(results.values()),
            aliases,
            self.attributes,
        )
        made = _Made(outputs, self.joined(hidden, memory), memories if self.returns_memories else None)
        return made, (given, gates, memories, hidden_before)

    def backward(self, residuals: Any, d_made: _Made) -> tuple[Any, ...]:
        """Gradients by everything that ``forward`` was given; d_x is the gradient by x."""
        given, gates, memories, hidden_before = residuals
        d_x, d_products, d_biases, d_carry, d_fresh = self.pull(given, gates, memories, hidden_before, d_made)
        d_kernel = dot(rows(hidden_before).T, rows(d_products))
        d_inputs = dot(d_x, given.input_kernel.T)
        d_input_kernel = dot(rows(given.inputs).T, rows(d_x))
        return (d_inputs, d_input_kernel, d_kernel, d_biases, d_carry, d_fresh, given.mask, given.resets)

    def _pull(self, given: _Given, gates: Array, memories: Array, hidden_before: Array, d_made: _Made) -> Any:
        """The backward loop: gradients by x, by the recurrent products, by the biases, and by both states."""
        (B, T, G), H = gates.shape, len(given.kernel)
        d_memories = _nothing(jnp.float32) if d_made.memories is None else d_made.memories
        state = (B, H)
        no_state = (0,)
        results = [
            (B, T, G),
            # In a GRU the gradient by n's recurrent product is another than that by n's input.
            (B, T, G) if isinstance(self.cell, GRUCell) else (0,),
            (B, *given.biases.shape),
            state,
            state if self.has_memory else no_state,
            no_state if given.fresh is None else state,
            state if given.fresh is not None and self.has_memory else no_state,
        ]
        d_x, d_products, d_biases, d_hidden, d_memory, d_fresh_hidden, d_fresh_memory = _call(
            "seqlab_backward",
            (
                *(gates, given.kernel, memories, hidden_before, *self.states(given), *_flags(given)),
                *(d_made.outputs, *self.parts(d_made.carry), d_memories),
            ),
            results,
            {0: 0},
            self.attributes,
        )
        d_fresh = None if given.fresh is None else self.joined(d_fresh_hidden, d_fresh_memory)
        d_products = d_products if d_products.size else d_x
        return d_x, d_products, d_biases.sum(0), self.joined(d_hidden, d_memory), d_fresh

    def parts(self, carry: Carry) -> tuple[Array, Array]:
        """The hidden state, and the memory or nothing."""
        if carry is None:
            return _nothing(jnp.float32), _nothing(jnp.float32)
        return self.cell.hidden(carry), carry[0] if self.has_memory else _nothing(jnp.float32)

    def states(self, given: _Given) -> tuple[Array, Array, Array]:
        """The first memory, and both parts of the fresh state; nothing for what there is not."""
        return self.parts(given.carry)[1], *self.parts(given.fresh)

    def joined(self, hidden: Array, memory: Array) -> Carry:
        """A carry of its parts."""
        return LSTMCarry(c=memory, h=hidden) if self.has_memory else hidden


def _flags(given: _Given) -> tuple[Array, Array]:
    none = _nothing(jnp.bool_)
    return none if given.mask is None else given.mask, none if given.resets is None else given.resets


def _nothing(dtype: Any) -> Array:
    return jnp.zeros((0,), dtype)


def _call(name: str, arguments: Any, shapes: Any, aliases: dict[int, int], attributes: dict[str, Any]) -> Any:
    """A foreign call; ``aliases`` says which argument's memory a result may take over."""
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    call: Any = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all", input_output_aliases=aliases)
    return call(*arguments, **attributes)


def _refuse_second_derivatives(*_: Any) -> NoReturn:
    raise SeqlabError("engine 'native' has no derivative of its derivative. Take engine='fused'.")
