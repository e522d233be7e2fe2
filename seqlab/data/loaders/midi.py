"""Standard MIDI files as piano rolls, and back.

A piano roll has a row for each frame and a column for each of the 88 keys of a piano, the lowest (A0, MIDI number 21)
first; 1 where the key sounds. A roll says neither how loud a note is nor whether two frames of a key are one note or
two: what is written holds a key as long as it sounds.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.core.errors import DataError, SeqlabError

NUM_KEYS, LOWEST_KEY = 88, 21
# Its notes are drums: channel 10 for musicians, who count from 1.
PERCUSSION_CHANNEL = 9
# A delta time may claim any number of beats, and a frame takes memory.
MAX_FRAMES = 200_000
TICKS_PER_BEAT, VELOCITY = 480, 80


def read_midi(path: Path | str, frames_per_beat: int = 1) -> np.ndarray:
    """The piano roll [T, 88] of a MIDI file, uint8; percussion is left out.

    Every note begins and ends at the frame that is nearest, and lasts one frame at least. Silence before the first
    note is left out.

    Args:
        path: a file of format 0 or 1.
        frames_per_beat: frames of a quarter note.

    Raises:
        SeqlabError: ``frames_per_beat`` below 1.
        DataError: no MIDI file, one that is cut short or damaged, of format 2, timed in seconds instead of beats, with
            a key that a piano has not, too long, or without notes.
    """
    if frames_per_beat < 1:
        raise SeqlabError(f"frames_per_beat must be at least 1; got {frames_per_beat}.")
    midi = _parse(Path(path))
    if midi.type == 2:
        raise DataError(f"{path}: expected a MIDI file of format 0 or 1, found format 2, whose tracks are not in time.")
    if midi.ticks_per_beat < 1:
        raise DataError(f"{path}: expected times in ticks of a beat, found {midi.ticks_per_beat} (SMPTE or none).")
    notes = [
        (_frame(start, midi, frames_per_beat), _frame(end, midi, frames_per_beat), key)
        for start, end, key in _notes(midi, path)
    ]
    if not notes:
        raise DataError(f"{path}: expected notes, found none (drums do not count).")
    first, last = min(start for start, _, _ in notes), max(max(end, start + 1) for start, end, _ in notes)
    if last - first > MAX_FRAMES:
        raise DataError(f"{path}: expected at most {MAX_FRAMES} frames, found {last - first}; use fewer a beat.")
    roll = np.zeros((last - first, NUM_KEYS), np.uint8)
    for start, end, key in notes:
        roll[start - first : max(end, start + 1) - first, key - LOWEST_KEY] = 1
    return roll


def write_midi(path: Path, roll: np.ndarray, frames_per_beat: int = 1, beats_per_minute: float = 80.0) -> None:
    """Writes a piano roll [T, 88] as a MIDI file of one track; a roll that begins and ends in sound is read back.

    Raises:
        SeqlabError: another number of columns, or numbers of frames or beats that are not above 0.
    """
    mido = _mido()
    if roll.ndim != 2 or roll.shape[1] != NUM_KEYS or frames_per_beat < 1 or beats_per_minute <= 0:
        raise SeqlabError(
            f"a roll must be [T, {NUM_KEYS}], with at least 1 frame and above 0 beats a minute; "
            f"got {roll.shape}, {frames_per_beat} and {beats_per_minute}."
        )
    midi, track = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT), mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_per_minute)))
    silent = np.zeros((1, NUM_KEYS), np.int8)
    changes = np.diff(np.concatenate([silent, roll.astype(bool).astype(np.int8), silent]), axis=0)
    now = 0
    for frame, change in enumerate(changes):
        tick = round(frame * TICKS_PER_BEAT / frames_per_beat)
        for kind, keys in (("note_off", np.flatnonzero(change < 0)), ("note_on", np.flatnonzero(change > 0))):
            for key in keys.tolist():
                velocity = VELOCITY if kind == "note_on" else 0
                track.append(mido.Message(kind, note=key + LOWEST_KEY, velocity=velocity, time=tick - now))
                now = tick
    midi.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.save(path)


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise SeqlabError("MIDI files need the package mido: pip install 'seqlab[music]'.") from error
    return mido


def _parse(path: Path) -> Any:
    mido = _mido()
    try:
        file = BytesIO(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    try:
        return mido.MidiFile(file=file)
    except EOFError as error:
        raise DataError(f"{path}: byte {file.tell()}: the MIDI file ends too early; it was cut short.") from error
    # What mido raises depends on which byte is wrong: OSError, ValueError, KeyError, IndexError, its own.
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataError(f"{path}: byte {file.tell()}: expected a standard MIDI file: {reason}.") from error


def _notes(midi: Any, path: Path | str) -> Iterator[tuple[int, int, int]]:
    """Start and end in ticks, and MIDI number, of each note; one that is never released ends with the file."""
    for track in midi.tracks:
        tick, begun = 0, {}
        for message in track:
            tick += message.time
            if message.type not in ("note_on", "note_off") or message.channel == PERCUSSION_CHANNEL:
                continue
            voice = message.channel, message.note
            if voice in begun:  # A second start of a key that sounds ends its first note.
                yield begun.pop(voice), tick, message.note
            if message.type == "note_on" and message.velocity > 0:
                if not LOWEST_KEY <= message.note < LOWEST_KEY + NUM_KEYS:
                    raise DataError(
                        f"{path}: tick {tick}: expected the keys of a piano, {LOWEST_KEY} to "
                        f"{LOWEST_KEY + NUM_KEYS - 1}; found {message.note}."
                    )
                begun[voice] = tick
        yield from ((start, tick, note) for (_, note), start in begun.items())


def _frame(tick: int, midi: Any, frames_per_beat: int) -> int:
    # Half up: round() would send halves to the even frame.
    return (2 * tick * frames_per_beat + midi.ticks_per_beat) // (2 * midi.ticks_per_beat)
