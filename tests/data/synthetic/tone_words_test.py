import numpy as np

from seqlab.data.synthetic.tone_words import HIGH, LOW, NOISE, RATE, WORDS, whistle


def loud(samples):
    """Where there is more than noise, by windows of 10 ms."""
    windows = samples[: len(samples) // 80 * 80].reshape(-1, 80)
    return np.sqrt((windows**2).mean(axis=1)) > 3 * NOISE


def test_a_recording_has_a_sound_for_each_word_and_a_pause_around_it():
    for seed in range(15):
        row = whistle(np.random.default_rng(seed), "")
        edges = np.diff(loud(row.recording.samples).astype(int))
        assert (edges == 1).sum() == (edges == -1).sum() == len(row.transcript.split())


def test_pitches_are_those_of_the_words_in_the_voice_of_the_recording():
    for seed in range(15):
        row = whistle(np.random.default_rng(seed), "")
        windows = row.recording.samples[: len(row.recording.samples) // 200 * 200].reshape(-1, 200)
        sounding = np.sqrt((windows**2).mean(axis=1)) > 5 * NOISE
        hertz = np.abs(np.fft.rfft(windows * np.hanning(200), 2048)).argmax(axis=1)[sounding] * RATE / 2048
        assert 0.8 * LOW < np.quantile(hertz, 0.05) < np.quantile(hertz, 0.95) < 1.25 * HIGH
        assert row.transcript.split()[0] in WORDS
