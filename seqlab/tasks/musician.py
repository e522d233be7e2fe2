"""What a trained model of music makes: pieces from nothing, from a prefix, and in a style.

A model draws a frame from what it says of its keys, reads it, and goes on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Carry, Key, Params
from seqlab.core.errors import unknown_name
from seqlab.core.keys import for_purpose
from seqlab.data.loaders.midi import LOWEST_KEY, NUM_KEYS, write_midi
from seqlab.data.mode import estimate_key
from seqlab.data.rolls import RollSplits
from seqlab.metrics.counterpoint import rules_kept
from seqlab.models.frame_model import FrameModel, sample_frames
from seqlab.tasks.base import Compile

NUM_FRAMES, NUM_GENERATED, PREFIX_FRAMES = 64, 16, 16
GENERATED_FILE = "generated.json"


@dataclass(frozen=True)
class Musician:
    """A model of music with its params.

    Attributes:
        model: the model.
        params: its params.
        styles: what the first step may say, by number.
        compile: applied to what runs the model, ``jax.jit`` at the edge of a program.
        frames_per_beat: frames of a quarter note, in MIDI files that are written.
    """

    model: FrameModel
    params: Params
    styles: tuple[str, ...]
    compile: Compile = lambda function: function
    frames_per_beat: int = 1

    def __call__(
        self,
        num_pieces: int,
        key: Key,
        *,
        num_frames: int = NUM_FRAMES,
        style: str = "",
        prefix: np.ndarray | None = None,
        temperature: float = 1.0,
    ) -> np.ndarray:
        """Draws pieces.

        Args:
            num_pieces: how many, N.
            key: of the draws.
            num_frames: frames that are drawn.
            style: one of ``styles``; empty for the prefix's, or for the first of them.
            prefix: frames [P, 88] that every piece begins with; none for pieces from nothing.
            temperature: logits are divided by it; 0 takes the keys that are more probable than not.

        Returns:
            Rolls [N, P + num_frames, 88] of 0 and 1, uint8.

        Raises:
            SeqlabError: a style that the model does not know.
        """
        prefix = np.zeros((0, NUM_KEYS), np.uint8) if prefix is None else prefix
        number = self._style_number(style, prefix)
        read = np.zeros((num_pieces, len(prefix) + 1, NUM_KEYS + len(self.styles)), np.float32)
        read[:, 0, NUM_KEYS + number] = 1
        read[:, 1:, :NUM_KEYS] = prefix

        def run(params: Params, read: Array, key: Key, temperature: Array) -> Array:
            apply = self._apply(params)
            logits, carry = apply(read, None)
            no_style = jnp.zeros((num_pieces, len(self.styles)), read.dtype)

            def step(carry: Carry, frames: Array) -> tuple[Array, Carry]:
                logits, carry = apply(jnp.concatenate([frames, no_style], axis=-1)[:, None], carry)
                return logits[:, 0], carry

            return sample_frames(step, logits[:, -1], carry, key, num_frames, temperature=temperature)

        temperatures = jnp.asarray(temperature, jnp.float32)
        drawn = self.compile(run)(self.params, jnp.asarray(read), for_purpose(key, "sample"), temperatures)
        beginning = np.broadcast_to(prefix, (num_pieces, *prefix.shape))
        return np.concatenate([beginning, np.asarray(drawn)], axis=1).astype(np.uint8)

    def _style_number(self, style: str, prefix: np.ndarray) -> int:
        if style:
            if style not in self.styles:
                raise unknown_name("style", style, self.styles)
            return self.styles.index(style)
        return self.styles.index(estimate_key(prefix).mode) if len(self.styles) > 1 and prefix.any() else 0

    def _apply(self, params: Params) -> Callable[[Array, Carry], Any]:
        return lambda inputs, carry: self.model.apply({"params": params}, inputs, initial_carry=carry)


def generate(
    musician: Musician, pieces: RollSplits, marginal: Callable[[int], np.ndarray], folder: Path
) -> dict[str, Any]:
    """Writes what the model makes as MIDI files and ``generated.json``; gives how far it keeps the rules.

    Args:
        musician: the model.
        pieces: the first validation piece is gone on with.
        marginal: draws a piece of so many frames, key by key; the rules that such noise keeps stand beside the model's.
        folder: where the files go.

    Returns:
        ``rules_kept`` of the model's pieces, of ``marginal`` and of the validation pieces; where the model knows
        styles, ``heard_as``: the share of its pieces of each style whose estimated mode is the one asked for.
    """
    key = jax.random.key(0)
    made = {style: musician(NUM_GENERATED, key, style=style) for style in musician.styles}
    prefix = pieces.validation[0].roll[:PREFIX_FRAMES]
    continued = musician(1, key, prefix=prefix)[0]
    files = {f"generated_{style}": (rolls[0], 0) for style, rolls in made.items()} | {
        "continued": (continued, len(prefix))
    }
    for name, (roll, _) in files.items():
        write_midi(folder / f"{name}.mid", roll, musician.frames_per_beat)
    text = json.dumps([_as_json(name, *made_of) for name, made_of in files.items()])
    (folder / GENERATED_FILE).write_text(text + "\n", encoding="utf-8")
    rolls = [roll for rolls in made.values() for roll in rolls]
    scores: dict[str, Any] = {
        "rules_kept": {
            "model": rules_kept(rolls),
            "marginal": rules_kept([marginal(NUM_FRAMES) for _ in rolls]),
            "pieces": rules_kept([piece.roll for piece in pieces.validation]),
        }
    }
    if len(musician.styles) > 1:
        heard = {style: [estimate_key(roll).mode == style for roll in made[style] if roll.any()] for style in made}
        scores["heard_as"] = {style: float(np.mean(right)) if right else 0.0 for style, right in heard.items()}
    return scores


def notes_of(roll: np.ndarray) -> list[list[int]]:
    """The MIDI numbers of each frame, from the lowest upwards."""
    return [(np.flatnonzero(frame) + LOWEST_KEY).tolist() for frame in roll]


def _as_json(name: str, roll: np.ndarray, prefix_frames: int) -> dict[str, Any]:
    return {"name": name, "prefix_frames": prefix_frames, "notes": notes_of(roll)}
