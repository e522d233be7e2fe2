import io
import json
import math
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX.proto import event_pb2

from seqlab.train.writers import JsonLines, PaceMeter, ProgressDisplay, TensorBoard

# metrics.jsonl ---------------------------------------------------------------------------------------------------

LINES = [
    (2, "train", {"loss": 3.0}),
    (4, "train", {"loss": 2.0}),
    (4, "validation", {"loss": 2.5}),
    (6, "train", {"loss": 1.5}),
    (8, "train", {"loss": 1.25}),
    (8, "validation", {"loss": 2.25}),
]
TEST_LINE = (4, "test", {"loss": 2.75})


def write(path, lines, resume_step=0):
    with JsonLines(path, resume_step) as writer:
        for line in lines:
            writer.record(*line)
    return path.read_bytes()


def test_each_record_is_an_object_on_a_line_of_its_own(tmp_path):
    write(tmp_path / "metrics.jsonl", LINES)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert records == [{"step": step, "split": split, **scores} for step, split, scores in LINES]


def test_an_evaluation_that_is_made_again_gives_no_second_line(tmp_path):
    whole = write(tmp_path / "metrics.jsonl", LINES)
    assert write(tmp_path / "metrics.jsonl", LINES[-1:], resume_step=8) == whole


def test_the_pace_is_not_written_so_that_a_rerun_writes_the_same_bytes(tmp_path):
    with JsonLines(tmp_path / "a.jsonl", 0) as writer:
        writer.record(2, "train", {"loss": 3.0}, 1234.5)
    assert (tmp_path / "a.jsonl").read_bytes() == write(tmp_path / "b.jsonl", LINES[:1])


def test_a_line_is_on_disk_as_soon_as_it_is_recorded(tmp_path):
    with JsonLines(tmp_path / "metrics.jsonl", 0) as writer:
        writer.record(*LINES[0])
        assert json.loads((tmp_path / "metrics.jsonl").read_text())["step"] == 2


@pytest.mark.parametrize(("value", "said"), [(math.nan, None), (math.inf, None), (-math.inf, None), (0.5, 0.5)])
def test_a_number_that_json_cannot_say_is_null(tmp_path, value, said):
    content = write(tmp_path / "metrics.jsonl", [(2, "train", {"gradient_norm": value})])
    refuse = lambda name: pytest.fail(f"{name} is no JSON")  # noqa: E731
    assert json.loads(content, parse_constant=refuse)["gradient_norm"] == said


@given(st.integers(0, 8), st.integers(0, 400), st.booleans())
def test_a_killed_run_that_goes_on_from_a_checkpoint_writes_what_the_uninterrupted_one_writes(
    tmp_path_factory, resume_step, cut, after_the_test
):
    path = tmp_path_factory.mktemp("lines") / "metrics.jsonl"
    whole = write(path, [*LINES, TEST_LINE])
    # Killed anywhere, in the middle of a line too, but not before the lines of its checkpoint were written.
    safe = sum(len(json.dumps({"step": s, "split": p, **v})) + 1 for s, p, v in LINES if s <= resume_step)
    path.write_bytes(whole if after_the_test else whole[: max(safe, len(whole) - cut)])
    again = write(
        path, [line for line in [*LINES, TEST_LINE] if line[0] > resume_step or line[1] == "test"], resume_step
    )
    assert again == whole


def test_a_new_run_does_not_keep_the_lines_of_one_that_never_saved(tmp_path):
    write(tmp_path / "metrics.jsonl", LINES)
    assert write(tmp_path / "metrics.jsonl", []) == b""


# TensorBoard -----------------------------------------------------------------------------------------------------


# The class is made when the module is imported, out of sight of a type checker.
EVENT = event_pb2.__dict__["Event"]


def read_scalars(folder):
    """The scalars of event files, whose records are length, checksum, message, checksum.

    As TensorBoard does, a session that starts at a step removes what was there from that step on.
    """
    scalars = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            event, content = EVENT.FromString(content[12 : 12 + size]), content[16 + size :]
            if event.HasField("session_log") and event.session_log.status == event.session_log.START:
                scalars = [scalar for scalar in scalars if scalar[0] < event.step]
            scalars += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return scalars


def test_every_score_is_an_event_named_for_its_split(tmp_path):
    with TensorBoard(tmp_path, 0) as board:
        board.record(2, "train", {"loss": 3.0, "gradient_norm": 0.5}, 100.0)
        board.record(4, "validation", {"loss": 2.5})
    assert read_scalars(tmp_path) == [
        (2, "train/loss", 3.0),
        (2, "train/gradient_norm", 0.5),
        (2, "train/units_per_second", 100.0),
        (4, "validation/loss", 2.5),
    ]


@pytest.mark.parametrize("resume_step", [0, 4])
def test_events_of_a_killed_run_are_not_repeated_when_it_goes_on(tmp_path, monkeypatch, resume_step):
    lines = [(2, "train", {"loss": 3.0}), (4, "train", {"loss": 2.0}), (6, "train", {"loss": 1.0})]
    for launch, first_step in enumerate([0, resume_step]):
        # The name of a file of events has the second in which it was begun.
        monkeypatch.setattr("tensorboardX.event_file_writer.time.time", lambda launch=launch: 1e9 + launch)
        with TensorBoard(tmp_path, first_step) as board:
            for line in lines[first_step // 2 :]:
                board.record(*line)
    assert len(list(tmp_path.iterdir())) == 2
    assert read_scalars(tmp_path) == [(step, "train/loss", scores["loss"]) for step, _, scores in lines]


# Pace ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paces", "median"), [([], 0.0), ([7.0], 7.0), ([1.0, 50.0], 50.0), ([1.0, 50.0, 60.0, 55.0], 55.0)]
)
def test_the_median_pace_leaves_out_the_chunk_that_was_compiled(paces, median):
    meter = PaceMeter()
    for step, pace in enumerate(paces):
        meter.record(step, "train", {"loss": 1.0}, pace)
        meter.record(step, "validation", {"loss": 1.0})
    assert meter.median() == median


# Progress --------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(monkeypatch, stream, seconds=0.0):
    monkeypatch.setattr("sys.stdout", stream)
    with ProgressDisplay(200, 100, "characters", "bits_per_character", seconds) as display:
        display.record(110, "train", {"loss": 2.0, "bits_per_character": 2.885}, 12345.0)
        display.record(120, "validation", {"loss": 1.5, "bits_per_character": 2.164})
        display.record(200, "train", {"loss": 1.0}, None)
    return stream.getvalue()


def test_without_a_terminal_progress_is_plain_lines(monkeypatch):
    lines = show(monkeypatch, io.StringIO()).splitlines()
    assert lines[0].startswith("step    110  train: loss 2.000, 2.885 bits per character  12.3k characters/s  0:0")
    assert lines[1] == "step    120  validation: loss 1.500, 2.164 bits per character"
    assert lines[2].startswith("step    200  train: loss 1.000  0.0k characters/s  0:00 left")
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)


def test_without_a_terminal_lines_of_training_come_every_few_seconds_and_evaluations_always(monkeypatch):
    printed = show(monkeypatch, io.StringIO(), seconds=1000.0)
    assert printed == "step    120  validation: loss 1.500, 2.164 bits per character\n"


def test_on_a_terminal_progress_is_a_bar_above_which_evaluations_stay(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    printed = show(monkeypatch, Terminal())
    assert "step 200/200" in printed
    assert "step    120  validation: loss 1.500" in printed
    assert "\x1b[" in printed


def test_the_loss_is_not_said_twice(capsys):
    with ProgressDisplay(2, 0, "samples", "loss") as display:
        display.record(2, "validation", {"loss": 1.0})
    assert capsys.readouterr().out == "step      2  validation: loss 1.000\n"


def test_the_time_left_is_that_of_the_pace_since_this_launch(monkeypatch, capsys):
    display = ProgressDisplay(200, 100, "words", "loss", seconds=-1.0)
    started = time.monotonic()
    for step, seconds in [(110, 40.0), (150, 4000.0)]:
        monkeypatch.setattr("time.monotonic", lambda later=started + seconds: later)
        display.record(step, "train", {"loss": 1.0}, 2.5e6)
    # 10 steps took 40 s, so 90 take 360 s; 50 took 4000 s, so 50 take as many.
    assert capsys.readouterr().out.splitlines() == [
        "step    110  train: loss 1.000  2.50M words/s  6:00 left",
        "step    150  train: loss 1.000  2.50M words/s  1:06:40 left",
    ]
