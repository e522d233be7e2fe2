"""Uses a trained run: one JSON object a line, for each line of the input.

    python -m experiments.predict --run_dir=D --mode=sample --prompt='ROMEO:' --num_tokens=200 --temperature=0.7
    python -m experiments.predict --run_dir=D --mode=complete --prompt='to be or n'
        (a model of words completes the word that the prompt ends in; a blank at its end asks for the next one)
    python -m experiments.predict --run_dir=D --mode=score --input=FILE        (or - for standard input)
    python -m experiments.predict --run_dir=D --input=FILE       (tasks of generated sequences: an answer to each line)
    python -m experiments.predict --run_dir=D --prompt=hello.wav          (a transcription model: its words in time)
    python -m experiments.predict --run_dir=D --input=recent.csv   (a forecaster: the rows that come after the last)

The params are those of the best checkpoint. Exit status: 0 done; 2 wrong flags or input.
"""

import sys
from pathlib import Path

from absl import flags

from experiments import command_line, run_folder
from experiments.flag_kinds import define_float, define_integer
from experiments.task_table import task_entry
from seqlab.core.errors import RunFolderError, SeqlabError, unknown_name
from seqlab.core.strict_json import to_json
from seqlab.data.loaders.text import decode_text, read_text

flags.DEFINE_string("mode", "", "What to do; a language model can sample (the default), complete and score.")
flags.DEFINE_string("input", "", "A UTF-8 file with one prompt or text a line, or - for standard input.")
flags.DEFINE_string("prompt", "", "One prompt, instead of --input; \\n in it stands for a line's end.")
define_integer("num_tokens", 0, "Length of a sample (0: 200), or the longest completion (0: 24).", low=0)
define_float("temperature", 1.0, "Logits are divided by it before sampling; 0 takes the most probable token.", low=0.0)
define_integer("top_k", 0, "Sample from this many most probable tokens; 0 for all.", low=0)
define_float("top_p", 1.0, "Sample from the fewest tokens that have this much probability together.", 0.0, 1.0)
define_integer("num_best", 5, "Number of completions.", low=1)

# The flags of a run that mean something here: what is drawn, and how is searched.
SHARED = {"seed", "beam_width", "length_penalty", "language_model", "language_model_weight", "label_bonus"}


def main() -> int:
    """Answers every line of the input, or the prompt."""
    asked = flags.FLAGS
    if not asked.run_dir:
        raise SeqlabError("--run_dir: expected the folder of a trained run; got none.")
    changed = [flag.name for flag in asked.get_flags_for_module(run_folder.IDENTITY[0]) if flag.present]
    if set(changed) - SHARED:
        name = min(set(changed) - SHARED)
        raise SeqlabError(f"--{name} is a flag of the run and cannot be changed in a prediction. Leave it out.")
    folder = Path(asked.run_dir).expanduser()
    run = run_folder.read_values(folder)
    if not any((folder / "checkpoints").glob("step_*")):
        raise RunFolderError(f"--run_dir={folder}: the run has no checkpoint yet. Train it first.")
    lines = _lines(asked)

    from seqlab.train import Checkpoints

    predictors = task_entry(run.task).predictors(run, folder, Checkpoints(folder / "checkpoints"), asked)
    mode = asked.mode or next(iter(predictors))
    if mode not in predictors:
        raise unknown_name(f"--mode of task {run.task}", mode, predictors)
    if mode == "score" and lines is None:
        raise SeqlabError("--mode=score needs texts: name a file with --input, or - for standard input.")
    for answer in predictors[mode]([""] if lines is None else lines):
        print(to_json(answer, ensure_ascii=False), flush=True)
    return 0


def _lines(asked: flags.FlagValues) -> list[str] | None:
    """The lines to answer; None where neither input nor prompt was given."""
    if asked["prompt"].present:
        if asked.input:
            raise SeqlabError("--prompt and --input were both given; expected one of them.")
        return [asked.prompt.replace("\\n", "\n")]
    if not asked.input:
        return None
    text = decode_text(sys.stdin.buffer.read(), "standard input") if asked.input == "-" else read_text(asked.input)
    return text.removesuffix("\n").split("\n")


if __name__ == "__main__":
    command_line.run(main)
