"""Many models trained as one program: ``vmap`` over (params, optimizer state, numbers, keys).

A step of a small model is mostly what starting its operations costs. Here an operation is started once for all
members: their states are stacked along a first axis M, and a chunk of steps of all of them is one compiled call

    (states [M], batches [M, S] or shared [S], numbers [M]) -> (states [M], info [M, S])

whose step is that of a single run (``seqlab.train.step``), mapped over M. So a member takes the steps that its single
run would take, to rounding: sums are added in another order where XLA lays out a batched product in its own way.

A member that has diverged, stopped early or been dropped stands still in its place, and touches no other. Once half of
the places or more stand still, those that go on are moved together, into places of the next power of two, so that few
programs are compiled.

References: the recipe is PureJaxRL's (Lu et al., 2022) and QDax's (Lim et al., 2022); populations that copy from each
other are of Jaderberg et al., Population based training of neural networks, 2017.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Params
from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, RaggedBatches
from seqlab.engines.select import platform
from seqlab.metrics.accumulate import compute, sum_steps
from seqlab.optim import make_optimizer, make_schedule
from seqlab.sweeps.members import Member, scaled_init, stack_numbers, varied, with_numbers
from seqlab.train import (
    Best,
    Fitted,
    Observer,
    StepInfo,
    TrainConfig,
    TrainState,
    chunk_of,
    initial_state,
    make_train_step,
    stack_batches,
)
from seqlab.train.guards import Fault, Watch
from seqlab.train.loop import chunk_size, summarise  # So that a member's lines are those of its single run.


class Decision(NamedTuple):
    """What changes after an evaluation; members are meant by their places in the list that the population was made of.

    Attributes:
        dropped: members that end here, with the status ``dropped``.
        copies: member -> the member whose params and optimizer state it goes on with; keys and data stay its own.
        members: member -> itself with other numbers, of those that ``traced`` names.
    """

    dropped: Collection[int] = ()
    copies: Mapping[int, int] = {}
    members: Mapping[int, Member] = {}


# (step, score of each member that still trains, smaller is better) -> what changes.
Decide = Callable[[int, dict[int, float]], Decision]


# What may lie between the operations of members that go side by side on a CPU, and stays in its cache.
CACHE_BYTES = 8 * 2**20


def at_once(size: int, kept_bytes: int) -> int:
    """How many of so many members go side by side: all on an accelerator, on a CPU no more than its cache holds.

    >>> at_once(32, 2**20), at_once(32, 2**23), at_once(5, 2**10)
    (8, 2, 5)
    """
    if platform() != "cpu":
        return size
    fit = min(max(CACHE_BYTES // max(kept_bytes, 1), 2), size)
    # A divisor, as what is left over would be another program; where there is none to speak of, all.
    most = max(divisor for divisor in range(1, fit + 1) if size % divisor == 0)
    return most if 2 * most >= fit else size


def kept_bytes(member: Member) -> int:
    """What a step of a member keeps for its gradient; found without compiling anything."""
    task, key = member.task, jax.random.key(0)
    batch, carry = task.splits.train.batch(0), task.initial_carry(task.batch_sizes["train"])

    def pull(params: Params) -> Any:
        return jax.vjp(lambda params: task.loss(params, carry, batch, key, member.hyper).total, params)[1]

    kept = jax.tree.leaves(jax.eval_shape(pull, jax.eval_shape(task.init, key)))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in kept)


def why_alone(members: Sequence[Member]) -> str:
    """Why these cannot be one population, in words; "" where they can."""
    trains = {id(member.task.splits.train): member.task.splits.train for member in members}
    if len(trains) > 1 and any(isinstance(train, RaggedBatches) for train in trains.values()):
        return "their batches have several shapes, in another order for each member"
    first, *others = {id(member.task): member.task.splits.validation.batch(0) for member in members}.values()
    for other in others:
        same = jax.tree.map(np.array_equal, first, other)
        if not all(jax.tree.leaves(same)):
            return (
                "they must have one validation split, and there is another first batch. Is --splits or the data set "
                "among what is varied?"
            )
    return ""


def fit_population(
    members: Sequence[Member],
    config: TrainConfig,
    *,
    observers: Sequence[Sequence[Observer]] = (),
    should_stop: Callable[[], bool] = lambda: False,
    decide: Decide = lambda step, scores: Decision(),
    traced: Collection[str] = (),
    warn: Callable[[int, str], None] = lambda member, text: print(f"member {member}: {text}"),
) -> list[Fitted]:
    """Trains all members, each as ``fit`` would train it alone.

    Args:
        members: what each one has of its own.
        config: how long, and when to evaluate; its seed is not read.
        observers: of each member; none where it is empty.
        should_stop: asked before each chunk; a true answer returns ``interrupted`` for all that still train.
        decide: asked after each evaluation, unless it was the last.
        traced: names of numbers that ``decide`` may change, such as ``optimizer.learning_rate``.
        warn: is told of a member's steps that were left out and of its losses that jump, as ``fit``'s is.

    Returns:
        For each member what ``fit`` returns, ``state`` and ``best_params`` on the host.

    Raises:
        SeqlabError: for members that cannot be one population.
    """
    if members and (why := why_alone(members)):
        raise SeqlabError(f"these members cannot be trained together: {why}. Train each by fit.")
    population = Population(members, config, traced, warn)
    step = 0
    while population.live:
        if should_stop():
            population.end(population.live, "interrupted")
            break
        until = min((step // config.evaluate_every + 1) * config.evaluate_every, config.num_steps)
        while step < until and population.live:
            size = chunk_size(config, until - step)
            population.train(step, size, observers)
            step += size
        scores = population.evaluate(step, observers)
        if step >= config.num_steps:
            population.end(population.live, "complete")
        else:
            population.change(decide(step, scores))
    return population.results()


class Population:
    """The members that still train, in places of stacked arrays, and what became of the others."""

    def __init__(
        self,
        members: Sequence[Member],
        config: TrainConfig,
        traced: Collection[str] = (),
        warn: Callable[[int, str], None] = lambda member, text: None,
    ) -> None:
        self.members, self.config = list(members), config
        self.names = varied(members, traced)
        self.shares_batches = len({id(member.task.splits.train) for member in members}) == 1
        self.places = np.arange(len(members))  # The member in each place.
        self.live = list(range(len(members)))
        self.bests = [Best() for _ in members]
        self.fitted: dict[int, Fitted] = {}
        self.num_traces = 0
        self.task = members[0].task
        self.kept_bytes = kept_bytes(members[0])
        self._ahead: tuple[tuple[int, int, Any], list[Batch]] = ((-1, 0, None), [])
        numbers = stack_numbers(self.members, self.names)
        seeds = np.array([member.seed for member in members], np.uint32)
        self.states = jax.jit(jax.vmap(self._first_state))(seeds, numbers)
        self.watches = [self._watch(index, partial(warn, index)) for index in range(len(members))]
        self.best_params: list[Params] = [_place(self.states.params, index) for index in range(len(members))]
        self.run_chunk = jax.jit(self._chunks, donate_argnums=0)
        self.eval_step = jax.jit(jax.vmap(self.task.evaluate, in_axes=(0, 0, None)))

    # The programs ------------------------------------------------------------------------------------------------

    def _first_state(self, seed: Array, numbers: Mapping[str, Array]) -> TrainState:
        member = with_numbers(self.members[0], numbers)
        return initial_state(scaled_init(self.task, member.initial_scale), self._optimizer(member), seed)

    def _chunks(
        self, states: TrainState, batches: Batch, numbers: Mapping[str, Array], stands: Array
    ) -> tuple[TrainState, StepInfo]:
        """A chunk of all members' steps, so many members at a time as the cache holds."""
        size = at_once(len(stands), self.kept_bytes)
        if self.shares_batches:

            def run(of: Any) -> tuple[TrainState, StepInfo]:
                return self._chunk(of[0], batches, *of[1:])

            return _map(run, (states, numbers, stands), size)
        return _map(lambda of: self._chunk(*of), (states, batches, numbers, stands), size)

    def _chunk(
        self, state: TrainState, batches: Batch, numbers: Mapping[str, Array], stands: Array
    ) -> tuple[TrainState, StepInfo]:
        """A chunk of one member's steps, which change nothing where it ``stands`` still."""
        self.num_traces += 1
        member, most = with_numbers(self.members[0], numbers), self.config.max_skipped_steps
        step = make_train_step(self.task, self._optimizer(member), member.hyper, max_skipped_steps=most)
        counted = state.num_skipped
        state = state._replace(num_skipped=jnp.where(stands, most + 1, counted))
        state, info = chunk_of(step)(state, batches)
        return state._replace(num_skipped=jnp.where(stands, counted, state.num_skipped)), info

    def _optimizer(self, member: Member) -> Any:
        return make_optimizer(member.optimizer, **self._durations())

    def _durations(self) -> dict[str, int]:
        epoch = self.task.splits.train.batches_per_epoch
        return {"steps_per_epoch": epoch, "total_steps": self.config.num_steps}

    def compiled_chunk(self) -> Any:
        """The program of the first chunk, compiled and not run."""
        (batches, *_), size = self._stacks(0, min(self.config.chunk_steps, self.config.num_steps)), len(self.places)
        numbers = stack_numbers(self.members, self.names)
        return self.run_chunk.lower(self.states, batches, numbers, np.zeros(size, bool)).compile()

    # What happens ------------------------------------------------------------------------------------------------

    def train(self, step: int, size: int, observers: Sequence[Sequence[Observer]]) -> None:
        """Takes ``size`` steps from ``step`` on, and ends members whose steps were not finite."""
        started = time.perf_counter()
        numbers = stack_numbers([self.members[index] for index in self.places], self.names)
        places = self.training_places()
        stands = np.array([place not in places for place in range(len(self.places))])
        infos = []
        for batches in self._stacks_at(step, size):
            self.states, info = self.run_chunk(self.states, batches, numbers, stands)
            infos.append(info)
        if step + size < self.config.num_steps:
            # While these steps are computed: to draw batches takes Python as long as a small model's steps take a core.
            self._ahead = (step + size, size, self.places), self._stacks(step + size, size)
        info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *jax.device_get(infos))
        seconds = time.perf_counter() - started
        for place, index in places.items():
            own: StepInfo = jax.tree.map(lambda leaf: leaf[place], info)  # noqa: B023
            # The state is looked at only where a step went wrong.
            state = self.states if own.finite.all() else _place(self.states, place)
            if (fault := self.watches[index].check(state, step, own)) is not None:
                self.end([index], "diverged", fault.step, fault)
            elif observers and own.finite.any():
                self._tell_of_chunk(index, own, step + size, seconds, observers[index])

    def evaluate(self, step: int, observers: Sequence[Sequence[Observer]]) -> dict[int, float]:
        """The score of each member on the validation split; ends those that diverged or have no patience left."""
        if not self.live:
            return {}
        batches, size = self.task.splits.validation, len(self.places)
        first = self.task.initial_carry(self.task.batch_sizes["validation"])
        carry = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *leaf.shape)), first)
        each = []
        for number in range(batches.batches_per_epoch):
            metrics, carry = self.eval_step(self.states.params, carry, batches.batch(number))
            each.append(metrics)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *jax.device_get(each))
        selected = {}
        for place, index in self.training_places().items():
            total = sum_steps(jax.tree.map(lambda leaf: leaf[:, place], stacked))  # noqa: B023
            scores = self.task.scores(compute(total))
            score = scores[self.task.selection]
            if not math.isfinite(score):
                self.end([index], "diverged", step)
                continue
            for observer in observers[index] if observers else ():
                observer.record(step, "validation", scores)
            self.bests[index] = self.bests[index].update(score, step)
            if self.bests[index].step == step:
                self.best_params[index] = _place(self.states.params, place)
            if self.bests[index].should_stop(self.config.patience):
                self.end([index], "complete")
            else:
                selected[index] = score
        return selected

    def change(self, decision: Decision) -> None:
        """Carries out what was decided, and moves those that go on together where half of the places stand still."""
        place_of = {index: place for place, index in self.training_places().items()}
        if decision.copies:
            source = np.arange(len(self.places))
            for index, other in decision.copies.items():
                source[place_of[index]] = place_of[other]
            copied = jax.tree.map(lambda leaf: leaf[source], (self.states.params, self.states.opt_state))
            self.states = self.states._replace(params=copied[0], opt_state=copied[1])
        for index, member in decision.members.items():
            self.members[index] = member
        self.end(decision.dropped, "dropped")
        size = 1 << max(len(self.live) - 1, 0).bit_length()
        if self.live and size <= len(self.places) // 2:
            # Places that are left over hold the first member once more, and stand still.
            kept = [place_of[index] for index in self.live] + [place_of[self.live[0]]] * (size - len(self.live))
            self.states = jax.tree.map(lambda leaf: leaf[np.array(kept)], self.states)
            self.places = self.places[kept]

    def end(self, indices: Collection[int], status: str, diverged_step: int = -1, fault: Fault | None = None) -> None:
        """Writes down what became of these members; they train no more."""
        place_of = {index: place for place, index in self.training_places().items()}
        for index in list(indices):
            state = _place(self.states, place_of[index])
            if status == "diverged" and int(state.step) > diverged_step:
                state = state._replace(step=state.step - 1)
            best, params = self.bests[index], self.best_params[index]
            self.fitted[index] = Fitted(status, state, best, params, diverged_step, self.num_traces, fault)
            self.live.remove(index)

    def results(self) -> list[Fitted]:
        """What became of each member."""
        return [self.fitted[index] for index in range(len(self.members))]

    def training_places(self) -> dict[int, int]:
        """Place -> member, of those that still train: each member's first place is its own."""
        first = {int(index): place for place, index in reversed(list(enumerate(self.places)))}
        return {first[index]: index for index in self.live}

    # Parts -------------------------------------------------------------------------------------------------------

    def _stacks_at(self, step: int, size: int) -> list[Batch]:
        """The batches of ``size`` steps, drawn already if they are those that were foreseen."""
        foreseen, stacks = self._ahead
        as_foreseen = foreseen[:2] == (step, size) and foreseen[2] is self.places
        return stacks if as_foreseen else self._stacks(step, size)

    def _stacks(self, step: int, size: int) -> list[Batch]:
        """The batches of ``size`` steps: in one stack, or each alone where their shapes differ."""
        sizes = [1] * size if isinstance(self.task.splits.train, RaggedBatches) else [size]
        return [self._stack(step + sum(sizes[:number]), length) for number, length in enumerate(sizes)]

    def _stack(self, step: int, size: int) -> Batch:
        """Batches [S, ...] that all share, or [M, S, ...]."""
        if self.shares_batches:
            return stack_batches(self.task, step, size)
        tasks = [self.members[index].task for index in self.places]
        of = {id(task.splits.train): task for task in tasks}
        stacks = {name: stack_batches(task, step, size) for name, task in of.items()}
        chosen = [stacks[id(task.splits.train)] for task in tasks]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *chosen)

    def _tell_of_chunk(self, index: int, info: StepInfo, step: int, seconds: float, to: Sequence[Observer]) -> None:
        scores, weight = summarise(self.task, info)
        optimizer = self.members[index].optimizer
        schedule = make_schedule(optimizer.schedule, optimizer.learning_rate, **self._durations())
        scores["learning_rate"] = float(np.asarray(schedule(step - 1)))
        for observer in to:
            observer.record(step, "train", scores, weight / seconds)

    def _watch(self, index: int, warn: Callable[[str], None]) -> Watch:
        member, config = self.members[index], self.config
        limits = {"max_skipped_steps": config.max_skipped_steps, "debug_nans": config.debug_nans}
        return Watch(member.task, member.hyper, **limits, num_skipped=0, warn=warn)


def _map(run: Callable[[Any], Any], of_all: Any, size: int) -> Any:
    """``run`` for all members, ``size`` of them at a time."""
    of_one = jax.tree.leaves(of_all)[0]
    return jax.vmap(run)(of_all) if len(of_one) == size else jax.lax.map(run, of_all, batch_size=size)


def _place(tree: Any, place: int) -> Any:
    """What a tree of stacked arrays holds for one place, on the host; keys stay JAX's."""

    def leaf(array: Array) -> Any:
        own = array[place]
        return own if jnp.issubdtype(own.dtype, jax.dtypes.prng_key) else np.array(own)

    return jax.tree.map(leaf, tree)
