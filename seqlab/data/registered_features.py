"""The registry's data sets of labelled sequences of vectors: sensors, pixels and DNA."""

from typing import Any

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import remote_files
from seqlab.data.loaders.dna import read_fasta, read_sequence_csv
from seqlab.data.loaders.images import read_idx_pair, read_pixel_csv
from seqlab.data.loaders.sensors import LabelledFeatures, read_ts
from seqlab.data.splits import split_by_position
from seqlab.data.synthetic.drawn_digits import digit_splits
from seqlab.data.synthetic.figures import figure_splits
from seqlab.data.synthetic.gestures import gesture_splits
from seqlab.data.synthetic.motifs import motif_splits

MNIST_VALIDATION_ROWS = 5000


def _read_sklearn_digits(paths: Paths, fractions: Fractions) -> Parts:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SeqlabError("sklearn_digits needs scikit-learn: pip install 'seqlab[signals]'.") from error
    # Any: scikit-learn has no types for what it returns.
    digits: Any = load_digits()
    pixels = (digits.data[:, :, None] / 16).astype(np.float32)
    rows = [LabelledFeatures(image, str(label)) for image, label in zip(pixels, digits.target.tolist(), strict=True)]
    return split_by_position(rows, (0.7, 0.1, 0.2))


def _read_ts_pair(paths: Paths, fractions: Fractions) -> Parts:
    # The training files are sorted by class, so that every fifth row is a fifth of each class.
    of_train, test = (read_ts(path) for path in paths.values())
    train = [row for index, row in enumerate(of_train) if index % 5 != 4]
    return train, of_train[4::5], test


def _read_optdigits(paths: Paths, fractions: Fractions) -> Parts:
    train, validation, test = (read_pixel_csv(path, largest=16.0) for path in paths.values())
    return train, validation, test


def _read_mnist(paths: Paths, fractions: Fractions) -> Parts:
    train_images, train_labels, test_images, test_labels = paths.values()
    rows = read_idx_pair([train_images, train_labels])
    test = read_idx_pair([test_images, test_labels])
    return rows[:-MNIST_VALIDATION_ROWS], rows[-MNIST_VALIDATION_ROWS:], test


def _read_promoters(paths: Paths, fractions: Fractions) -> Parts:
    names = {"non-promoter": "Ecoli_non_prom.fa", "promoter": "Ecoli_prom.fa"}
    return _by_tens([[row._replace(label=label) for row in read_fasta(paths[file])] for label, file in names.items()])


def _read_splice(paths: Paths, fractions: Fractions) -> Parts:
    rows = {}
    for row in read_sequence_csv(paths["splice.data"]):
        rows.setdefault(row.text, row)
    return _by_tens([list(rows.values())])


def _by_tens(lists: list[list[LabelledFeatures]]) -> Parts:
    """Of every ten rows of each list the first tests, the second validates, the others train."""
    splits: tuple[list[LabelledFeatures], ...] = ([], [], [])
    for rows in lists:
        for index, row in enumerate(rows):
            splits[{0: 2, 1: 1}.get(index % 10, 0)].append(row)
    return splits[0], splits[1], splits[2]


_GITHUB = "https://raw.githubusercontent.com"
_AEON = f"{_GITHUB}/aeon-toolkit/aeon/a101ddc8b35a65441609b45c9bcce5aeafa0c131/aeon/datasets/data"
_OPTDIGITS = f"{_GITHUB}/yupinghuang/optical_digits/e20bac46f63c368613b24b2ff6b24259d791ae51/data"
_MNIST = f"{_GITHUB}/kelas/mnist/283b387221ab46655e600cfcc25d843bb14292b9"
_PROMOTERS = f"{_GITHUB}/nmach22/Promoter-Classification/15c2372a7915bf64ed406c44bf688dc5c22623f3/dataset"
_SPLICE = f"{_GITHUB}/drusk/splice-junction-gene-sequences/e862a929e3d82a881bb7abc8e0ffba3f68cf9a8c/data"

FEATURE_DATASETS = {
    "gestures": generated(
        format="activity",
        description="generated recordings of six gestures, of which some differ in their order in time alone",
        split="600 recordings train, 150 validate, 300 test",
        make=gesture_splits,
    ),
    "figures": generated(
        format="activity",
        description="generated films of a stick figure, of which single frames cannot tell what it does",
        split="600 films train, 150 validate, 300 test",
        make=figure_splits,
    ),
    "basic_motions": Dataset(
        format="activity",
        description="who stands, walks, runs or plays badminton, by accelerometer and gyroscope: BasicMotions (UEA)",
        licence="none stated for the data; the repository that they come from is BSD-3-Clause",
        split="its own 40 for the test; every fifth of its own 40 for training validates",
        files=remote_files(
            f"{_AEON}/BasicMotions",
            {
                "BasicMotions_TRAIN.ts": "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
                "BasicMotions_TEST.ts": "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
            },
        ),
        read=_read_ts_pair,
    ),
    "japanese_vowels": Dataset(
        format="activity",
        description="nine speakers of two vowels, by 12 cepstra a frame: Japanese Vowels (Kudo et al., 1999)",
        licence="CC-BY-4.0, as the UCI archive gives it; the repository that it comes from is BSD-3-Clause",
        split="its own 370 for the test; every fifth of its own 270 for training validates",
        files=remote_files(
            f"{_AEON}/JapaneseVowels",
            {
                "JapaneseVowels_TRAIN.ts": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
                "JapaneseVowels_TEST.ts": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
            },
        ),
        read=_read_ts_pair,
    ),
    "motifs": generated(
        format="dna",
        description="generated DNA in which two motifs make a site by their order and their distance",
        split="1500 sequences train, 300 validate, 600 test",
        make=motif_splits,
    ),
    "promoter_ecoli": Dataset(
        format="dna",
        description="promoters of E. coli (sigma 70) and other DNA of it, 81 bases (Umarov and Solovyev, 2017)",
        licence="none stated for the data, from RegulonDB; the repository that they come from is MIT",
        split="of every ten sequences of each file the first tests, the second validates",
        files=remote_files(
            _PROMOTERS,
            {
                "Ecoli_prom.fa": "1712f385e357491d309bd14f8fd4e8de3d018bd418402cab3c6014232197ce5e",
                "Ecoli_non_prom.fa": "cf5f078da7e56c5f38c8abd8ffaeaa227863bff4f5c249f2cfda61cb5331c774",
            },
        ),
        read=_read_promoters,
    ),
    "uci_splice": Dataset(
        format="dna",
        description="junctions of introns and exons in primate DNA, or neither: UCI splice (Noordewier et al., 1991)",
        licence="CC-BY-4.0, as the UCI archive gives it",
        split="repeated sequences left out; of every ten of the others the first tests, the second validates",
        files=remote_files(
            _SPLICE, {"splice.data": "ebbae10c85d3c285e2a2489a37e42bc2ee8d91d15005e391a9962fa3389a114f"}
        ),
        read=_read_splice,
    ),
    "sklearn_digits": Dataset(
        format="pixels",
        description="handwritten digits of 8 x 8 pixels, as they come with scikit-learn (Alpaydin and Kaynak, 1998)",
        licence="CC-BY-4.0, as the UCI archive gives it",
        split="by position: 70% train, 10% validate, 20% test",
        files={},
        read=_read_sklearn_digits,
    ),
    "drawn_digits": generated(
        format="pixels",
        description="generated digits of seven strokes in images of 8 x 8 pixels",
        split="1200 drawings train, 240 validate, 400 test",
        make=digit_splits,
    ),
    "optdigits": Dataset(
        format="pixels",
        description="handwritten digits of 8 x 8 pixels: Optical Recognition of Handwritten Digits (Alpaydin, 1998)",
        licence="CC-BY-4.0, as the UCI archive gives it",
        split="its own: 2999 and 824 images for training and validation, 1797 of other writers for the test",
        files=remote_files(
            _OPTDIGITS,
            {
                "optdigits.tra": "a6d20dd0016ea85e8e207860d7b59411b07ddd18981ab250fa0ce37525570ab7",
                "optdigits.hol": "4e93dfa93f501c29e4b6e1db417db68be20a7acafd85e52939e04369ecde386a",
                "optdigits.tes": "94d7b3c067125a5f6a6d51cf1dc8e95de7d731e41c7f1e714897330242949464",
            },
        ),
        read=_read_optdigits,
    ),
    "mnist": Dataset(
        format="pixels",
        description="handwritten digits of 28 x 28 pixels: MNIST (LeCun et al., 1998)",
        licence="none stated; often given as CC-BY-SA-3.0",
        split="its own 10000 for the test; the last 5000 of its own 60000 for training validate",
        # The checksum of the training images is that of an archive made again of the same images. Another copy's
        # archive has another one: give its files as --dataset=idx:TRAIN_IMAGES,TRAIN_LABELS,...
        files=remote_files(
            _MNIST,
            {
                "train-images-idx3-ubyte.gz": "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
                "train-labels-idx1-ubyte.gz": "ec02e7948609e5754d47881c09b8afdd8dfa60600b9e5388c8c54a67069ec772",
                "t10k-images-idx3-ubyte.gz": "167310007f03058885c7e95e6c0b19c20de5c7fd3031f4cbdadc9014a523d80b",
                "t10k-labels-idx1-ubyte.gz": "fc607395669ec21321ea83e4b82c0544b7e8e63ff5b34337c06bc0a17cc0da3c",
            },
        ),
        read=_read_mnist,
    ),
}
