"""Programs of experiments/ launched inside the process of the tests, and a run that is small enough to train there."""

import contextlib
import io
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from absl import flags

from experiments import bench, command_line, diagnose, export, predict, report, run, sweep

PROGRAMS = {
    "run": run.main,
    "predict": predict.main,
    "diagnose": diagnose.main,
    "export": export.main,
    "bench": bench.main,
    "report": report.main,
    "sweep": sweep.main,
}
POSITIONAL = {"report": "run folders"}
WORDS = ["the", "of", "a", "state", "cell", "gate", "time", "step", "input", "output", "carry", "reads", "writes"]

# Evaluations at 4, 8 and 12, an epoch of 6 steps, chunks of 2.
TINY = [
    "--splits=0.8,0.1,0.1",
    "--hidden_size=8",
    "--embedding_size=4",
    "--batch_size=8",
    "--eval_batch_size=2",
    "--window_size=32",
    "--dropout_rate=0.1",
    "--learning_rate=0.03",
    "--num_steps=12",
    "--evaluate_every=4",
    "--chunk_steps=2",
]

# For each flag of an experiment a value that is not its default.
OTHER_VALUES = {
    "seed": "3",
    "dataset": "tinyshakespeare",
    "data_dir": "elsewhere",
    "splits": "0.5,0.25,0.25",
    "tokens": "word",
    "min_count": "2",
    "batch_size": "5",
    "eval_batch_size": "6",
    "window_size": "9",
    "target_columns": "a,b",
    "gaps": "mask",
    "lookback": "19",
    "horizon": "6",
    "season": "7",
    "system": "pendulum",
    "missing_rate": "0.1875",
    "sequence_length": "14",
    "frames_per_beat": "2",
    "transpose_semitones": "7",
    "conditioning": "mode",
    "cell": "gru",
    "hidden_size": "11",
    "num_layers": "2",
    "bidirectional": "true",
    "max_length": "17",
    "keep_share": "a:0.5",
    "conv_layers": "2",
    "conv_size": "9",
    "conv_kernel": "4",
    "conv_stride": "2",
    "conv_padding": "valid",
    "conv_pool": "3",
    "conv_residual": "true",
    "position_channel": "true",
    "frame_pooling": "flatten",
    "audio_features": "mfcc",
    "sample_rate": "16000",
    "window_ms": "32.0",
    "hop_ms": "12.5",
    "num_bands": "26",
    "num_coefficients": "12",
    "low_hz": "50.0",
    "high_hz": "3500.0",
    "least_energy": "0.0001",
    "subtract_mean": "true",
    "time_masks": "2",
    "time_mask_width": "9",
    "frequency_masks": "1",
    "frequency_mask_width": "6",
    "permute_pixels": "true",
    "reverse_complement": "true",
    "forecast": "recursive",
    "difference": "last",
    "output_distribution": "gaussian",
    "shared_columns": "true",
    "pooling": "mean",
    "label_ratios": "true",
    "languages": "de-en",
    "vocabulary_size": "501",
    "attention": "none",
    "beam_width": "7",
    "length_penalty": "0.4375",
    "language_model": "runs/lm",
    "language_model_weight": "0.3125",
    "label_bonus": "0.6875",
    "reset_rate": "0.1875",
    "scheduled_sampling_rate": "0.375",
    "autocomplete_words": "40",
    "class_weights": "balanced",
    "word_dropout_rate": "0.1875",
    "skip_connections": "dense",
    "learned_carry": "true",
    "zoneout_rate": "0.375",
    "variational_dropout": "true",
    "state_dropout_rate": "0.3125",
    "weight_drop_rate": "0.4375",
    "embedding_size": "13",
    "tied_embeddings": "true",
    "vectors": "vectors.txt",
    "char_encoder": "recurrent",
    "character_size": "18",
    "output_layer": "softmax",
    "unknown_count": "0.1875",
    "engine": "loop",
    "precision": "bfloat16",
    "chrono_steps": "30",
    "dropout_rate": "0.25",
    "label_smoothing": "0.125",
    "optimizer": "sgd",
    "learning_rate": "0.5",
    "momentum": "0.75",
    "schedule": "cosine",
    "decay": "0.625",
    "decay_epochs": "4.5",
    "final_fraction": "0.375",
    "warmup_steps": "8",
    "clip_norm": "1.5",
    "clip_value": "2.5",
    "clip_adaptive": "3.5",
    "l1": "0.001",
    "l2": "0.002",
    "weight_decay": "0.003",
    "num_epochs": "3",
    "num_steps": "40",
    "evaluate_every": "2",
    "patience": "1",
    "chunk_steps": "2",
    "max_skipped_steps": "5",
    "debug_nans": "true",
}


class Launched(NamedTuple):
    """How a program ended, and what it printed."""

    status: int
    out: str
    err: str


def unparse_all(values: flags.FlagValues = flags.FLAGS) -> None:
    """Sets every flag back to its default, as it is when a process begins."""
    for flag in values._flags().values():
        flag.unparse()


def launch(program: str, *arguments: Any, stdin: bytes = b"") -> Launched:
    """Runs ``python -m experiments.<program> <arguments>`` in this process."""
    argv = [f"/somewhere/experiments/{program}.py", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    unparse_all()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "argv", argv),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        ):
            command_line.run(PROGRAMS[program], argv, positional=POSITIONAL.get(program, ""))
    except SystemExit as stop:
        return Launched(int(stop.code or 0), out.getvalue(), err.getvalue())
    finally:
        unparse_all()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def refused(program: str, *arguments: Any, stdin: bytes = b"") -> str:
    """The message of a launch that has to end with status 2 and one or two lines that are no traceback."""
    status, out, err = launch(program, *arguments, stdin=stdin)
    assert status == 2, f"{out}\n{err}"
    assert out == ""
    assert err.startswith(f"{program}: error: ")
    assert err.endswith("\n")
    assert err.count("\n") <= 2
    assert "Traceback" not in err
    return err.removeprefix(f"{program}: error: ").removesuffix("\n")


def write_text(path: Path, num_words: int = 400) -> Path:
    """Writes a text of lines of random words."""
    rng = np.random.default_rng(0)
    words = [str(word) + ("\n" if rng.random() < 0.2 else " ") for word in rng.choice(WORDS, num_words)]
    path.write_text("".join(words), encoding="utf-8")
    return path
