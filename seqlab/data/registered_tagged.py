"""The registry's tagged sentences."""

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import remote_files
from seqlab.data.loaders.conll import read_conll
from seqlab.data.synthetic.named_entities import named_entity_splits


def _read_wnut17(paths: Paths, fractions: Fractions) -> Parts:
    train, validation, test = (read_conll(paths[file]) for file in _WNUT17_FILES)
    return train, validation, test


_WNUT17 = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_WNUT17_FILES = {
    "wnut17train.conll": "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
    "emerging.dev.conll": "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
    "emerging.test.annotated": "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
}

TAGGED_DATASETS = {
    "named_entities": generated(
        format="conll",
        description="generated sentences whose words are persons, places or things by their context alone",
        split="1500 sentences train, 300 validate, 600 test; the last two have names that training lacks",
        make=named_entity_splits,
    ),
    "wnut17": Dataset(
        format="conll",
        description="novel and emerging entities in social media, WNUT 2017 (Derczynski et al., 2017); 0.1 M words",
        licence="CC-BY-4.0",
        split="its own",
        files=remote_files(_WNUT17, _WNUT17_FILES),
        read=_read_wnut17,
    ),
}
