"""Changed copies of files, drawn from a seed: what a disk, a wire, an editor or an enemy may make of them."""

from collections.abc import Iterator, Sequence

import numpy as np

# What means something to some format, or is the edge of some number.
MAGIC = (
    b"\x00", b"\xff", b"\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f",
    b"\x80\x00\x00\x00", b"\x00\x00\x00\x80", b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\n", b"\r", b"\t", b",", b":",
    b"\"", b" ", b"-", b"0", b"nan", b"inf", b"-1", b"1e999", b"1e39", b"9" * 25, b"9" * 400, b"9" * 5000,
    b"9999-12-31", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", "\u2028".encode(), b"[" * 2000, b"{}", b"null",
    b"true", b"../../", b"/etc/", b"--", b"#", b"@", b">",
)  # fmt: skip


def mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """``count`` mutants of the seeds, always the same ones, each by one to four changes."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        first, other = (seeds[index] for index in rng.permutation(len(seeds))[:2])
        content = first
        for _ in range(min(int(rng.geometric(0.6)), 4)):
            content = CHANGES[int(rng.integers(len(CHANGES)))](content, other, rng)
        yield content


def _place(content: bytes, rng: np.random.Generator) -> int:
    # Headers are at the beginning, where most that can go wrong goes wrong.
    limit = len(content) if rng.random() < 0.7 else min(len(content), 64)
    return int(rng.integers(limit + 1))


def _flip(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    place = min(_place(content, rng), len(content) - 1)
    return (
        content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]
        if content
        else b""
    )


def _set(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    place = _place(content, rng)
    return content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :]


def _insert(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    place = _place(content, rng)
    return content[:place] + rng.bytes(int(rng.integers(1, 9))) + content[place:]


def _delete(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    place = _place(content, rng)
    return content[:place] + content[place + int(rng.geometric(0.1)) :]


def _duplicate(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    first, last = sorted((_place(content, rng), _place(content, rng)))
    return content[:last] + content[first:last] * int(rng.integers(1, 4)) + content[last:]


def _truncate(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    return content[: _place(content, rng)]


def _splice(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def _magic(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    del other
    place, magic = _place(content, rng), MAGIC[int(rng.integers(len(MAGIC)))]
    after = place + len(magic) * int(rng.integers(2))  # In place of what is there, or between.
    return content[:place] + magic + content[after:]


CHANGES = (_flip, _set, _insert, _delete, _duplicate, _truncate, _splice, _magic)
