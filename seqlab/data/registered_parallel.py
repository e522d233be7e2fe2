"""The registry's sentences with their translations."""

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import RemoteFile, remote_files
from seqlab.data.loaders.parallel_text import read_line_pairs
from seqlab.data.loaders.tatoeba import read_tatoeba
from seqlab.data.synthetic.reordering import reordering_splits


def _read_multi30k(paths: Paths, fractions: Fractions) -> Parts:
    source, target = ([path for file, path in paths.items() if file.endswith(end)] for end in (".en", ".de"))
    train, validation, test = (read_line_pairs(*files) for files in zip(source, target, strict=True))
    return train, validation, test


def _read_tatoeba(paths: Paths, fractions: Fractions) -> Parts:
    return read_tatoeba(paths["fra-eng.zip"])


_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1"
_MULTI30K_FILES = {
    "tok/train.lc.norm.tok.en": "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    "tok/train.lc.norm.tok.de": "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
    "tok/val.lc.norm.tok.en": "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
    "tok/val.lc.norm.tok.de": "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
    "tok/test_2016_flickr.lc.norm.tok.en": "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
    "tok/test_2016_flickr.lc.norm.tok.de": "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4",
}
_TATOEBA = "https://raw.githubusercontent.com/modelexlab/data/adddaf33ac35572bcfeb421efec29435e7ea9332"

PARALLEL_DATASETS = {
    "reordering": generated(
        format="parallel",
        description="generated sentences, and their translation into a language with verbs at the end and agreement",
        split="3000 pairs train, 400 validate, 600 test; the last 150 of these are longer than all others",
        make=reordering_splits,
    ),
    "multi30k": Dataset(
        format="parallel",
        description="captions of photographs in English and German, tokenised: Multi30k (Elliott et al., 2016)",
        licence="none stated for the text; the photographs are for non-commercial research and education",
        split="its own: 29000 and 1014 pairs, and the 1000 of test_2016_flickr",
        files=remote_files(_MULTI30K, _MULTI30K_FILES),
        read=_read_multi30k,
        languages=("en", "de"),
    ),
    "tatoeba_eng_fra": Dataset(
        format="parallel",
        description="English sentences and French translations by the members of tatoeba.org; tokenised",
        licence="CC-BY-2.0-FR, attribution to tatoeba.org and manythings.org/anki",
        split="by a hash of the English sentence: about 2% test, 2% validate; French ones may be in two parts",
        files={
            "fra-eng.zip": RemoteFile(
                url=f"{_TATOEBA}/fra-eng.zip",
                sha256="161c93f18da3a7e6df611ed961426613260de8af06ccf8c79c977afe5135ac44",
            )
        },
        read=_read_tatoeba,
        languages=("en", "fr"),
    ),
}
