"""English sentences and their French translations, as manythings.org made them out of Tatoeba.

A zip with one TSV, sorted by length, in which an English sentence stands on as many lines as it has translations. There
is no official split, so that one is made from the English side by a hash: all translations of a sentence are in one
part, and the same file gives the same split on every machine and in every language. Both sides are cut into words
with one blank between them; the no-break spaces before French punctuation are blanks like others.
"""

import hashlib
from pathlib import Path

from seqlab.data.loaders.parallel_text import Pair, pairs_of_tsv
from seqlab.data.loaders.text import read_zipped_text
from seqlab.data.tokenize import separate_punctuation

MEMBER = "fra-eng/fra.txt"
# Of a hundred hashes, how many are test sentences and how many are validation sentences.
TEST_SHARE, VALIDATION_SHARE = 2, 2


def read_tatoeba(path: Path | str) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training, validation and test pairs of the zip, tokenised; about 96, 2 and 2 percent of them.

    Raises:
        DataError: no such archive, or what `pairs_of_tsv` refuses of the text in it.
    """
    parts: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    for pair in pairs_of_tsv(read_zipped_text(path, MEMBER), f"{path}/{MEMBER}"):
        hashed = int(hashlib.sha1(pair.source.encode("utf-8")).hexdigest()[:8], 16) % 100
        part = 2 if hashed < TEST_SHARE else 1 if hashed < TEST_SHARE + VALIDATION_SHARE else 0
        parts[part].append(Pair(separate_punctuation(pair.source), separate_punctuation(pair.target), pair.place))
    return parts
