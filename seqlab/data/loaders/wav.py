"""Recordings in WAV files, of any rate and width.

A WAV file is a list of *chunks*: four letters, the number of bytes, the bytes. ``fmt `` says how samples are coded and
``data`` holds them. The package soundfile (libsndfile) decodes them: integers of 8 to 32 bits, floats, A-law and the
like. It reads what is there of a file that was cut short, without a word, so the chunks are walked here first, and a
file whose data end early is refused.

Integers of b bits become x / 2^(b - 1), in [-1, 1]. Several channels become their mean. Floats are kept as they stand.
"""

import io
import os
import struct
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from seqlab.core.errors import DataError, SeqlabError

MIN_RATE, MAX_RATE = 1000, 768_000
MAX_BYTES = 2**30
# A float sample above this is an integer that was never scaled.
MAX_AMPLITUDE = 100.0


class Recording(NamedTuple):
    """One channel of sound.

    Attributes:
        samples: sound pressure over time [N], float32, in [-1, 1]; only a file of floats may go beyond.
        rate: samples a second.
        source: where it came from, for messages.
    """

    samples: np.ndarray
    rate: int
    source: str

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def is_wav(path: PurePath) -> bool:
    """Whether a file is a WAV file by its name; macOS puts a file ._NAME beside each NAME, which holds no sound."""
    return path.suffix.lower() == ".wav" and not path.name.startswith("._")


def read_wav(path: Path | str) -> Recording:
    """The recording of a WAV file, its channels averaged.

    Raises:
        DataError: no such file, more than 1 GiB, or what `decode_wav` refuses.
        SeqlabError: the package soundfile is missing.
    """
    try:
        with open(path, "rb") as file:
            # As many as there are: room is made for all that are asked for.
            data = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    return decode_wav(data, str(path))


def decode_wav(data: bytes, source: str) -> Recording:
    """The recording in the bytes of a WAV file, its channels averaged.

    Args:
        data: the whole file.
        source: its name, for messages.

    Raises:
        DataError: it is no WAV file, was cut short, has no samples, an absurd rate or size, a coding that libsndfile
            does not know, or a sample that is not finite; with the byte or the sample where that is.
        SeqlabError: the package soundfile is missing.
    """
    _check_chunks(data, source)
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = int(file.samplerate)
            samples = file.read(dtype="float32", always_2d=True)
    # libsndfile's error and, where a header is wrong in a way it does not name, others of soundfile's.
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise DataError(f"{source}: expected a WAV file that libsndfile can decode: {reason}.") from error
    if not MIN_RATE <= rate <= MAX_RATE:
        raise DataError(f"{source}: expected {MIN_RATE} to {MAX_RATE} samples a second, found {rate}.")
    if not samples.size:
        raise DataError(f"{source}: expected sound, found 0 samples.")
    bad = ~(np.abs(samples).max(axis=1) <= MAX_AMPLITUDE)
    if bad.any():
        place = int(bad.argmax())
        raise DataError(
            f"{source}: sample {place}: expected a number in [-1, 1], found {samples[place].tolist()}. "
            "Scale floats to [-1, 1], and cut out what is not finite."
        )
    return Recording(samples.mean(axis=1, dtype=np.float32), rate, source)


def resample(recording: Recording, rate: int) -> Recording:
    """The recording at another rate; the same one where the rate is right already.

    The package soxr interpolates between samples, and filters out what lies above half of the lower rate. N samples
    become N rate / recording.rate, rounded, and at least one.

    Raises:
        SeqlabError: a rate outside [1000, 768000], or the package soxr is missing.

    >>> resample(Recording(np.zeros(441, np.float32), 44100, "a.wav"), 8000).samples.shape
    (80,)
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise SeqlabError(f"a sample rate must lie in [{MIN_RATE}, {MAX_RATE}]; got {rate}.")
    if rate == recording.rate:
        return recording
    try:
        import soxr
    except ImportError as error:
        raise SeqlabError("Resampling needs the package soxr: pip install 'seqlab[speech]'.") from error
    samples = np.asarray(soxr.resample(recording.samples, recording.rate, rate), np.float32)
    return recording._replace(samples=samples if samples.size else np.zeros(1, np.float32), rate=rate)


def _check_chunks(data: bytes, source: str) -> None:
    """Raises DataError unless the file has a format, then data that are all there."""
    if len(data) > MAX_BYTES:
        raise DataError(f"{source}: expected at most {MAX_BYTES} bytes. Cut the recording into several.")
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(f"{source}: byte 0: expected a WAV file (RIFF....WAVE), found {data[:12]!r}.")
    place, has_format = 12, False
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        there = len(data) - place - 8
        if name == b"fmt ":
            has_format = True
        if name == b"data" and not has_format:
            raise DataError(f"{source}: byte {place}: expected the chunk 'fmt ' before the data, found none.")
        if size > there:
            raise DataError(
                f"{source}: byte {place}: expected {size} bytes of {name.decode('latin-1')!r}, found {there}: "
                "it was cut short, or its header was never finished."
            )
        if name == b"data":
            return
        place += 8 + size + size % 2
    raise DataError(f"{source}: byte {min(place, len(data))}: expected the chunk 'data', found the end of the file.")


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # The latter where the package is there, but no libsndfile for it.
        raise SeqlabError("WAV files need the package soundfile: pip install 'seqlab[speech]'.") from error
    return soundfile
