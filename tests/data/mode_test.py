import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.mode import MODES, estimate_key, pitch_class_counts

# Scale and triad, from the tonic upwards.
NOTES = {"major": [0, 2, 4, 5, 7, 9, 11, 0, 4, 7, 0], "minor": [0, 2, 3, 5, 7, 8, 10, 0, 3, 7, 0]}


def roll_of(notes):
    roll = np.zeros((len(notes), 88), np.uint8)
    roll[np.arange(len(notes)), np.array(notes) - 21] = 1
    return roll


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_with_its_triad_is_heard_in_its_key(mode, tonic):
    assert estimate_key(roll_of([60 + tonic + note for note in NOTES[mode]])) == (tonic, mode)


def test_octaves_add_up():
    assert pitch_class_counts(roll_of([24, 60, 72, 62])).tolist() == [3, 0, 1] + [0] * 9


def test_silence_has_no_key():
    with pytest.raises(SeqlabError, match="with notes"):
        estimate_key(np.zeros((3, 88), np.uint8))


def test_chorales_are_heard_in_few_keys(data_folder):
    from seqlab.data.rolls import load_rolls

    keys = [estimate_key(piece.roll) for piece in load_rolls("jsb_chorales", data_dir=data_folder).train]
    # This collection was transposed to C major and C minor before it was split.
    assert np.mean([key.tonic == 0 for key in keys]) > 0.75
