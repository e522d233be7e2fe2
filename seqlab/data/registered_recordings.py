"""The registry's data sets of spoken words."""

from collections.abc import Sequence

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import RemoteFile
from seqlab.data.loaders.recordings import SpokenWord, read_digits
from seqlab.data.synthetic.formants import formant_splits

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
# Recordings below the first number test, by the data set's own rule; of the others those below the second validate.
TEST_BELOW, VALIDATION_BELOW = 5, 7


def official_split(rows: Sequence[SpokenWord]) -> Parts:
    """A speaker's recordings 0 to 4 of a digit test; 5 and 6 validate; the others train."""
    train = [row for row in rows if row.number >= VALIDATION_BELOW]
    validation = [row for row in rows if TEST_BELOW <= row.number < VALIDATION_BELOW]
    return train, validation, [row for row in rows if row.number < TEST_BELOW]


def split_by_speaker(rows: Sequence[SpokenWord], speaker: str) -> Parts:
    """All of one speaker's recordings test; of the others' 0 to 4 validate, and the rest train."""
    test = [row for row in rows if row.speaker == speaker]
    others = [row for row in rows if row.speaker != speaker]
    return (
        [row for row in others if row.number >= TEST_BELOW],
        [row for row in others if row.number < TEST_BELOW],
        test,
    )


def _read_fsdd(paths: Paths, fractions: Fractions) -> Parts:
    return official_split(read_digits(paths["recordings.zip"]))


def _fsdd_without(speaker: str) -> Dataset:
    return Dataset(
        format="spoken_words",
        description=f"spoken digits as in fsdd; {speaker} is heard in the test alone",
        licence=_LICENCE,
        split=f"{speaker}'s 200 recordings test; of the other speakers' 0 to 4 of each digit validate, 5 to 19 train",
        files=_FSDD,
        read=lambda paths, fractions: split_by_speaker(read_digits(paths["recordings.zip"]), speaker),
        folder="fsdd",
    )


# The archive holds recordings 0 to 19 of the 50 of each speaker and digit, byte for byte as they are at this address.
_FSDD = {
    "recordings.zip": RemoteFile(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/tree/26eb9aaf76e81b692f806f9140c2d2777410d7a1/recordings",
        "bcd97dddc292e4d22915d8bcb59383f839082805c4593b32a0c43d1d7d1e0814",
        is_folder=True,
    )
}
_LICENCE = "CC-BY-SA-4.0"

RECORDING_DATASETS = {
    "formants": generated(
        format="spoken_words",
        description="generated pairs of vowels, of which some differ in their order alone",
        split="360 words train, 90 validate, 180 test",
        make=formant_splits,
    ),
    "fsdd": Dataset(
        format="spoken_words",
        description="1200 of the spoken digits of six speakers of the Free Spoken Digit Dataset (Jackson et al.)",
        licence=_LICENCE,
        split="its own: recordings 0 to 4 of each speaker and digit test; of the others 5 and 6 validate",
        files=_FSDD,
        read=_read_fsdd,
    ),
    **{f"fsdd_without_{speaker}": _fsdd_without(speaker) for speaker in SPEAKERS},
}
