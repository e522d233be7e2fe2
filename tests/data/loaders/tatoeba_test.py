import zipfile

from seqlab.data.loaders.tatoeba import MEMBER, read_tatoeba


def test_all_translations_of_a_sentence_are_in_one_part_with_words_parted_by_blanks(tmp_path):
    rows = [
        (f"It's number {number}.", f"C'est le no {number}{mark}") for number in range(400) for mark in (".", "\u202f!")
    ]
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._fra-eng", b"\0\xff")
        archive.writestr(MEMBER, "".join(f"{source}\t{target}\n" for source, target in rows))
    parts = read_tatoeba(path)
    sources = [{pair.source for pair in part} for part in parts]
    assert sum(map(len, parts)) == 800
    assert sum(map(len, sources)) == 400
    assert all(len(part) == 2 * len(own) for part, own in zip(parts, sources, strict=True))
    # 8 of 400 are expected in each of the held-out parts.
    assert all(1 <= len(own) <= 20 for own in sources[1:])
    assert parts[0][1][:2] == ("It' s number 0 .", "C' est le no 0 !")
    assert parts[0][1].place == f"{path}/{MEMBER}:2"
