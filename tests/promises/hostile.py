"""Files that want more than to be read: to be executed, to write elsewhere, to fill the memory."""

import gzip
import io
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.promises.formats import Format

# Names in archives that lead out of a folder, once they are believed.
PATHS = (
    "../evil",
    "../../evil",
    "a/../../../evil",
    "/evil",
    "//evil",
    "/tmp/../evil",
    "..\\..\\evil",
    "C:\\evil",
    "\\\\host\\evil",
    "~/evil",
    "./../evil",
    "a/./../../evil",
)


# What might be a pickle instead.
PICKLED = ("mat", "safetensors", "pieces", "vocabulary", "scaling", "decision", "manifest", "json_rolls", "midi", "idx")


class Hostile(NamedTuple):
    """A file, and the format that it pretends to be of."""

    what: str
    format: str
    content: bytes


class Payload:
    """Unpickled, it runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def hostile_files(formats: dict[str, Format], evil: Path) -> Iterator[Hostile]:
    """Files that touch ``evil``, if whoever reads them does what they say."""
    command = f"touch {evil}"
    pickled = pickle.dumps(Payload(command))
    objects = np.array([Payload(command), None], object)
    for name in ("npz_sensors", "npz_rolls"):
        for key in ("inputs", "labels", "a"):
            yield Hostile("a pickled array", name, _saved(np.savez, **{key: objects}))
        yield Hostile("a pickled array alone", name, _saved(np.save, objects))
        yield Hostile("a pickle", name, pickled)
        yield Hostile("a header that calls", name, _npy_header(f"{{'descr': __import__('os').system({command!r})}}"))
        claim = "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,), }"
        yield Hostile("a header that claims", name, _npy_header(claim))
        yield Hostile("a header that nests", name, _npy_header("(" * 3000))
    mat = formats["mat"].seeds[0]
    flags_of_cell = b"\6\0\0\0\10\0\0\0\1\0\0\0"
    for number in (2, 3, 16, 17):  # Structure, object, function, opaque.
        other = flags_of_cell.replace(b"\1", bytes([number]))
        yield Hostile(f"a variable of class {number}", "mat", mat.replace(flags_of_cell, other))
    for name in PICKLED:
        yield Hostile("a pickle", name, pickled)
    for name, sound in (("zip_words", "yes/a_1.wav"), ("fsdd", "1_x_0.wav")):
        wav = formats["wav_words"].seeds[0]
        for path in PATHS:
            yield Hostile(f"a name {path}", name, zipped({f"{path}/{sound}": wav, f"{path}.wav": wav}))
        yield Hostile("a link", name, zipped({sound: b"/etc/passwd"}, link=True))
        yield Hostile("a claim", name, claiming(zipped({sound: wav})))
    for name, member in (("tatoeba", "fra-eng/fra.txt"), ("wikitext", "wikitext-2/wiki.valid.tokens")):
        for path in PATHS:
            yield Hostile(f"a name {path}", name, zipped({path: b"evil", f"{path}/{member}": b"evil"}))
        yield Hostile("a link", name, zipped({member: b"/etc/passwd"}, link=True))
        yield Hostile("a claim", name, claiming(zipped({member: b"a\tb\n"})))
    yield Hostile(
        "PostScript", "image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n(x) (w) file\n%%EOF\n"
    )
    yield Hostile("a bomb", "idx_gz", gzip.compress(bytes(2**24)))
    for line in (f"--dataset=$({command})", f"--dataset=`{command}`", f"--dataset=|{command}", "--flagfile=/etc/passwd",
                 "--flagfile=../../../etc/passwd", f"--dataset=__import__('os').system({command!r})"):  # fmt: skip
        yield Hostile(line[:20], "flags", line.encode())
    yield Hostile("Python", "labels", b'{"labels": "__import__(\'os\')"}')
    yield Hostile("Python", "predict_lines", f"__import__('os').system({command!r})".encode())


def zipped(files: dict[str, bytes], *, link: bool = False) -> bytes:
    """A zip archive, with members that say that they are symbolic links perhaps."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16 if link else 0o644 << 16
            archive.writestr(member, content)
    return file.getvalue()


def claiming(archive: bytes, size: int = 2**31) -> bytes:
    """An archive of one member that says that it unfolds to ``size`` bytes."""
    place = archive.index(b"PK\1\2") + 24
    return archive[:place] + struct.pack("<I", size) + archive[place + 4 :]


def _saved(save: Any, *arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def _npy_header(header: str) -> bytes:
    array = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(8)
    return zipped({"inputs.npy": array, "labels.npy": array})
