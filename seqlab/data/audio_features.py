"""Sound as vectors over time: log-mel energies and cepstral coefficients.

A recording is cut into windows of some 25 ms, one every 10 ms, in each of which speech hardly changes. The squared
magnitude of a window's Fourier transform says how much of every frequency it holds; the ear tells low frequencies apart
better than high ones and loudness by ratios, hence bands of equal width in *mel* and the logarithm. Log-mel energies
of neighbouring bands are much alike; a cosine transform over the bands (*cepstrum*) makes numbers that are nearly
uncorrelated, of which the first dozen, the MFCC, hold the shape of the vocal tract and little of the pitch.

    frame_t = w * samples[t hop : t hop + window],  w_n = sin^2(pi n / window)
    P_tk    = |DFT(frame_t)_k|^2
    E_tb    = sum_k  M_bk P_tk                        M: triangles, 1 at their centre, 0 at the centres beside it
    log_mel = log max(E_tb, least_energy)
    mfcc_tc = s_c sum_b log_mel_tb cos(pi c (b + 1/2) / B),   s_0 = sqrt(1 / B), s_c = sqrt(2 / B)

Mel are O'Shaughnessy's, as in HTK: m(f) = 2595 log10(1 + f / 700). Centres are equidistant in mel from ``low_hz`` to
``high_hz``.

References:
    Davis and Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition.
    Young et al. (2006), The HTK Book, section 5.6.
"""

import dataclasses
import functools

import numpy as np

from seqlab.core.errors import SeqlabError

KINDS = ("log_mel", "mfcc")


@dataclasses.dataclass(frozen=True)
class AudioConfig:
    """How sound becomes features.

    Attributes:
        kind: "log_mel", of ``num_bands`` features, or "mfcc", of ``num_coefficients``.
        sample_rate: samples a second that features are taken at; recordings are resampled to it.
        window_ms: milliseconds that a frame sees.
        hop_ms: milliseconds from a frame to the next.
        num_bands: bands B of the mel scale.
        num_coefficients: coefficients C of the cepstrum, the first of which is the loudness; at most ``num_bands``.
        low_hz: where the lowest band begins.
        high_hz: where the highest band ends; half of ``sample_rate`` where it is 0.
        least_energy: what the energy of a band is at least; of the order of what rounding to 16 bits leaves in silence.
        subtract_mean: whether the mean over the recording's frames is subtracted from each feature. How loud it is and
            how the microphone colours it are factors of the energies, so they are gone then.

    Raises:
        SeqlabError: an unknown kind, a number out of range, or a band between two frequencies of the transform.

    >>> AudioConfig("mfcc").num_features
    13
    """

    kind: str = "log_mel"
    sample_rate: int = 8000
    window_ms: float = 25.0
    hop_ms: float = 10.0
    num_bands: int = 40
    num_coefficients: int = 13
    low_hz: float = 20.0
    high_hz: float = 0.0
    least_energy: float = 1e-8
    subtract_mean: bool = False

    def __post_init__(self) -> None:
        """Checks the numbers against each other."""
        if self.kind not in KINDS:
            raise SeqlabError(f"audio features must be one of {', '.join(KINDS)}; got {self.kind!r}.")
        if not (self.hop >= 1 and self.window >= 2):
            raise SeqlabError(
                f"windows must have at least 2 samples and hops 1; got {self.window_ms} and {self.hop_ms} ms "
                f"at {self.sample_rate} samples a second."
            )
        if not 0 <= self.low_hz < self.top_hz <= self.sample_rate / 2:
            raise SeqlabError(
                f"bands must lie in 0 <= low_hz < high_hz <= {self.sample_rate / 2} Hz, half of the sample rate; "
                f"got {self.low_hz} to {self.high_hz}."
            )
        if not (1 <= self.num_features <= self.num_bands and self.least_energy > 0):
            raise SeqlabError(
                "expected 1 <= num_coefficients <= num_bands and a least_energy above 0; "
                f"got {self.num_coefficients}, {self.num_bands} and {self.least_energy}."
            )
        empty = np.flatnonzero(~mel_filters(self).any(axis=1))
        if len(empty):
            raise SeqlabError(
                f"num_bands {self.num_bands} is too many for windows of {self.window_ms} ms: band {empty[0]} lies "
                "between two frequencies. Take fewer bands, or longer windows."
            )

    @property
    def window(self) -> int:
        """Samples that a frame sees."""
        return round(self.sample_rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Samples from a frame to the next."""
        return round(self.sample_rate * self.hop_ms / 1000)

    @property
    def fft_size(self) -> int:
        """Samples of the Fourier transform: the least power of two that holds a window, zeros behind it."""
        return 1 << (self.window - 1).bit_length()

    @property
    def top_hz(self) -> float:
        """Where the highest band ends."""
        return self.high_hz or self.sample_rate / 2

    @property
    def num_features(self) -> int:
        """F."""
        return self.num_bands if self.kind == "log_mel" else self.num_coefficients


def num_frames(num_samples: int, config: AudioConfig) -> int:
    """T = 1 + floor((N - window) / hop), and 1 where the samples fill no window.

    >>> num_frames(8000, AudioConfig())
    98
    """
    return 1 + max(0, num_samples - config.window) // config.hop


def audio_features(samples: np.ndarray, config: AudioConfig) -> np.ndarray:
    """Log-mel energies or MFCC of samples [N]: [T, F] float32, T = `num_frames`.

    Samples behind the last whole window are left out; samples that fill no window are filled up with zeros.

    Raises:
        SeqlabError: no samples, more than one channel, or a sample that is not finite.

    >>> audio_features(np.sin(np.arange(8000)), AudioConfig("mfcc", num_coefficients=20)).shape
    (98, 20)
    """
    energies = power_spectrum(samples, config) @ mel_filters(config).T
    log_mel = np.log(np.maximum(energies, config.least_energy))
    features = (
        log_mel
        if config.kind == "log_mel"
        else log_mel @ cosine_transform(config.num_bands)[: config.num_coefficients].T
    )
    if config.subtract_mean:
        features = features - features.mean(axis=0)
    return features.astype(np.float32)


def power_spectrum(samples: np.ndarray, config: AudioConfig) -> np.ndarray:
    """P_tk = |DFT(w frame_t)_k|^2, [T, fft_size / 2 + 1] float64; the frequency of k is k sample_rate / fft_size.

    Raises:
        SeqlabError: as in `audio_features`.
    """
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
        raise SeqlabError(f"samples must be finite numbers [N], at least one; got an array {samples.shape}.")
    if len(samples) < config.window:
        samples = np.pad(samples, (0, config.window - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, config.window)[:: config.hop]
    weights = np.sin(np.pi * np.arange(config.window) / config.window) ** 2
    return np.abs(np.fft.rfft(frames * weights, config.fft_size)) ** 2


@functools.lru_cache(maxsize=16)
def mel_filters(config: AudioConfig) -> np.ndarray:
    """M [B, fft_size / 2 + 1]: triangles over the frequencies of the transform, equally wide in mel."""
    centres = band_hz(config)[:, None]
    frequencies = np.arange(config.fft_size // 2 + 1) * config.sample_rate / config.fft_size
    rising = (frequencies - centres[:-2]) / (centres[1:-1] - centres[:-2])
    falling = (centres[2:] - frequencies) / (centres[2:] - centres[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters.setflags(write=False)  # The cache hands out the same array each time.
    return filters


def band_hz(config: AudioConfig) -> np.ndarray:
    """Where the bands lie [B + 2]: the lowest one's begin, the B centres, the highest one's end.

    >>> band_hz(AudioConfig(num_bands=2, low_hz=0.0)).round().tolist()
    [0.0, 621.0, 1791.0, 4000.0]
    """
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (config.low_hz, config.top_hz))
    return 700 * (10 ** (np.linspace(low, high, config.num_bands + 2) / 2595) - 1)


def cosine_transform(size: int) -> np.ndarray:
    """The orthogonal DCT-II: D_cb = s_c cos(pi c (b + 1/2) / B) as in the module's docstring, [B, B]."""
    angles = np.pi * np.outer(np.arange(size), np.arange(size) + 0.5) / size
    scale = np.full((size, 1), np.sqrt(2 / size))
    scale[0] = np.sqrt(1 / size)
    return scale * np.cos(angles)
