"""What a trained model of music can be asked, from flags: a piece for each line of the input.

A line is empty (a piece from nothing), a style that the model knows (``major``), or the path of a MIDI file to go on
with. Pieces are written into the run folder: ``predictions/sample_1.mid``, ``plots/sample_1.png``, and so on.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import music_config
from experiments.predict_text import Predictor
from seqlab.core.errors import SeqlabError
from seqlab.data.loaders.midi import read_midi, write_midi
from seqlab.report.piano_roll import plot_piano_roll
from seqlab.tasks.music import init_params, make_model, styles_of
from seqlab.tasks.musician import NUM_FRAMES, Musician, notes_of
from seqlab.train import Checkpoints


def music_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``sample``."""
    for name in ("top_k", "top_p"):
        if asked[name].present:
            raise SeqlabError(f"--{name} is for models of text; keys are drawn each for itself. Use --temperature.")
    config = music_config(run)
    params = checkpoints.best_params(lambda key: init_params(config, key))
    musician = Musician(make_model(config), params, styles_of(config), jax.jit, config.frames_per_beat)

    def sample(lines: Sequence[str]) -> list[dict[str, Any]]:
        # Every line is understood before the first file is written.
        beginnings = [_beginning(line, number, musician) for number, line in enumerate(lines, start=1)]
        answers = []
        for number, (line, beginning) in enumerate(zip(lines, beginnings, strict=True), start=1):
            key = jax.random.fold_in(jax.random.key(asked.seed), number)
            options: dict[str, Any] = {"num_frames": asked.num_tokens or NUM_FRAMES, "temperature": asked.temperature}
            roll = musician(1, key, **beginning, **options)[0]
            prefix_frames = len(roll) - options["num_frames"]
            midi, picture = (
                folder / part for part in (f"predictions/sample_{number}.mid", f"plots/sample_{number}.png")
            )
            write_midi(midi, roll, config.frames_per_beat)
            plot_piano_roll(notes_of(roll), picture, prefix_frames=prefix_frames)
            files = {"midi": str(midi), "picture": str(picture)}
            answers.append({"prompt": line, **files, "prefix_frames": prefix_frames, "notes": notes_of(roll)})
        return answers

    return {"sample": sample}


def _beginning(line: str, number: int, musician: Musician) -> dict[str, Any]:
    """What a line asks for, as arguments of the musician."""
    if not line:
        return {}
    if line in musician.styles:
        return {"style": line}
    path = Path(line).expanduser()
    if not path.exists():
        raise SeqlabError(
            f"line {number}: expected a MIDI file, one of the model's styles ({', '.join(musician.styles)}) or "
            f"nothing; got {line!r}."
        )
    return {"prefix": read_midi(path, musician.frames_per_beat)}
