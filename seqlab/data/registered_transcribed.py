"""The registry's recordings with transcripts."""

from seqlab.core.errors import DataError
from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import RemoteFile
from seqlab.data.loaders.recordings import read_digits, recordings_in
from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.registered_recordings import RECORDING_DATASETS, SPEAKERS, official_split, split_by_speaker
from seqlab.data.synthetic.connected_digits import digit_strings
from seqlab.data.synthetic.tone_words import tone_word_splits

YES_NO = {"0": "no", "1": "yes"}
STRINGS = {"train": 1000, "validation": 120, "test": 300}


def _read_yesno(paths: Paths, fractions: Fractions) -> Parts:
    (path,) = paths.values()
    parts: dict[str, list[Utterance]] = {"0": [], "1": []}
    for name, recording in recordings_in(path):
        words = name.stem.split("_")
        if not set(words) <= set(YES_NO):
            raise DataError(f"{recording.source}: expected a name of 0 and 1 with _ between them, such as 0_1_1.wav.")
        parts[words[0]].append(Utterance(recording, " ".join(YES_NO[word] for word in words)))
    train = [row for number, row in enumerate(parts["0"]) if number % 5 != 4]
    return train, parts["0"][4::5], parts["1"]


def _read_connected_digits(paths: Paths, fractions: Fractions) -> Parts:
    return _strings(official_split(read_digits(paths["recordings.zip"])))


def _strings(parts: Parts) -> Parts:
    train, validation, test = (
        digit_strings(words, size, seed=seed, name=f"{name} string")
        for seed, (words, (name, size)) in enumerate(zip(parts, STRINGS.items(), strict=True))
    )
    return train, validation, test


def _digits_without(speaker: str) -> Dataset:
    return Dataset(
        format="transcribed",
        description=f"strings of digits as in connected_digits; {speaker} is heard in the test alone",
        licence=_FSDD.licence,
        split="1000, 120 and 300 strings, of the recordings of fsdd_without_" + speaker,
        files=_FSDD.files,
        read=lambda paths, fractions: _strings(split_by_speaker(read_digits(paths["recordings.zip"]), speaker)),
        folder="fsdd",
    )


_FSDD = RECORDING_DATASETS["fsdd"]
# The archive was made of the files at this address, byte for byte.
_YES_NO = {
    "waves_yesno.zip": RemoteFile(
        "https://github.com/keighrim/kaldi-yesno-tutorial/tree/f4e2910de0d3b58f5f3b5cd10a8e57712c60b34a/waves_yesno",
        "4d8ecc0e0639ce85b7e5293f2d7878f8a4feaaaccd4ff56bb1bbccb05287bf60",
        is_folder=True,
    )
}

TRANSCRIBED_DATASETS = {
    "tone_words": generated(
        format="transcribed",
        description="generated recordings of two to six whistled words, some of which differ by a pause alone",
        split="400 recordings train, 60 validate, 150 test",
        make=tone_word_splits,
    ),
    "yesno": Dataset(
        format="transcribed",
        description='one speaker says "yes" and "no" in Hebrew, eight words a recording (Kaldi, OpenSLR 1)',
        licence="none stated; recorded for Kaldi and given away; the repository that it comes from is Apache-2.0",
        split="names that begin with 1 test, every fifth of the others validates: 25, 6 and 29 recordings",
        files=_YES_NO,
        read=_read_yesno,
    ),
    "connected_digits": Dataset(
        format="transcribed",
        description="strings of three to seven digits of one speaker, joined from the recordings of fsdd",
        licence=_FSDD.licence,
        split="1000, 120 and 300 strings, each of recordings of fsdd's own part",
        files=_FSDD.files,
        read=_read_connected_digits,
        folder="fsdd",
    ),
    **{f"connected_digits_without_{speaker}": _digits_without(speaker) for speaker in SPEAKERS},
}
