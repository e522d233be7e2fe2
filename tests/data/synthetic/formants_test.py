import numpy as np
import pytest

from seqlab.data.audio_features import AudioConfig, power_spectrum
from seqlab.data.synthetic.formants import FORMANTS, RATE, SIZES, WORDS, formant_splits, make_word

# Where the first formant of every vowel is in every voice, and the second.
REGIONS = [(200, 900), (900, 2900)]


def mean_hz(sound, low, high):
    """The mean frequency between two others, weighted by power."""
    config = AudioConfig()
    power = power_spectrum(sound, config).mean(axis=0)
    hz = np.arange(len(power)) * RATE / config.fft_size
    inside = (hz >= low) & (hz <= high)
    return (hz[inside] * power[inside]).sum() / power[inside].sum()


@pytest.mark.parametrize("word", WORDS)
def test_the_formants_move_from_those_of_the_first_vowel_to_those_of_the_second(word):
    rng = np.random.default_rng(7)
    thirds = [np.array_split(make_word(rng, word).samples, 3) for _ in range(12)]
    compared = 0
    for region, formants in zip(REGIONS, zip(*(FORMANTS[vowel] for vowel in word), strict=True), strict=True):
        before, behind = (np.mean([mean_hz(sound[place], *region) for sound in thirds]) for place in (0, 2))
        # Only where one of the formants moves by a third or more.
        if max(formants) > 1.33 * min(formants):
            assert (before < behind) == (formants[0] < formants[1])
            compared += 1
    assert compared


def test_words_are_16_bit_sounds_of_their_own_and_each_is_as_frequent():
    parts = formant_splits()
    assert [len(part) for part in parts] == list(SIZES.values())
    for part in parts:
        assert {word.label for word in part} == set(WORDS)
        samples = np.concatenate([word.samples for word in part])
        assert np.abs(samples).max() <= 1
        np.testing.assert_array_equal(samples * 32768, np.round(samples * 32768))
    assert len({word.samples.tobytes() for part in parts for word in part}) == sum(SIZES.values())
