"""Which trials of a sweep can be trained as one program, told from their flags alone.

Flags in ``NUMBERS`` can be traced, one value a member; all others have to be equal, but for the seed. A number that
leaves its mechanism out where it is 0 chooses the program too: trials with ``--clip_norm=0`` are one group, and those
with any other are another.
"""

from collections.abc import Hashable, Mapping

# At most so many at once; a member has four files open.
MOST_MEMBERS = 64
# A trial that so many processes took without an end goes alone: with checkpoints, and without dragging others along.
MOST_ATTEMPTS_TOGETHER = 2

LEFT_OUT_AT_ZERO = frozenset(
    {"momentum", "l1", "l2", "clip_norm", "clip_value", "clip_adaptive", "weight_decay", "warmup_steps"}
)
NUMBERS = LEFT_OUT_AT_ZERO | {
    "learning_rate",
    "decay",
    "decay_epochs",
    "final_fraction",
    "dropout_rate",
    "label_smoothing",
    "state_dropout_rate",
    "weight_drop_rate",
}


def group_of(settings: Mapping[str, str]) -> Hashable:
    """What trials of a group have in common, of the values of what varies.

    >>> group_of({"cell": "gru", "learning_rate": "0.1"}) == group_of({"cell": "gru", "learning_rate": "0.2"})
    True
    >>> group_of({"clip_norm": "0"}) == group_of({"clip_norm": "0.5"})
    False
    """
    return tuple(
        (name, _program_of(name, value) if name in NUMBERS else value)
        for name, value in sorted(settings.items())
        if name != "seed"
    )


def _program_of(name: str, value: str) -> bool:
    return name in LEFT_OUT_AT_ZERO and float(value) == 0
