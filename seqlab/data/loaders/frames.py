"""Videos as frames, with a label each: an npz file of clips, or a folder of folders of images.

    npz        arrays ``clips`` [N, T, Y, X] or [N, T, Y, X, F], ``labels`` [N], and perhaps ``lengths`` [N]
    folders    CLASS/CLIP/frame_0001.png ...: the last number in a file's name says where in the clip the frame is

Bytes are read as shares of 255, and images as they are seen: in gray or in three colours, without transparency. Rows
keep their frames as images [T, Y, X, F], as scaling needs to know the channels and a convolution the places; all clips
of a data set have frames of one shape. No video is decoded: ``ffmpeg -i FILE CLIP/frame_%04d.png`` makes the frames.
"""

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.npz import read_arrays
from seqlab.data.loaders.sensors import LabelledFeatures, array_rows
from seqlab.data.paged import PagedArrays

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png")
# An image says of itself how large it is.
MOST_PIXELS = 2**24
# Pillow goes by what a file holds, and starts another program for some formats.
FORMATS = ("BMP", "JPEG", "PNG")
# How an image of a mode of Pillow's is read.
MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB"}


class Clip(NamedTuple):
    """A video without a label.

    Attributes:
        frames: [T, Y, X, F], in [0, 1] where they were bytes.
        place: its folder, or its file and number.
    """

    frames: np.ndarray
    place: str


def read_labelled_clips(path: Path | str) -> list[LabelledFeatures]:
    """The clips of an npz file, or of a folder with a folder for each label that has a folder for each clip.

    Raises:
        DataError: what `read_clips` refuses, labels that are missing or as many as others, or a folder without folders.
    """
    path = Path(path)
    if not path.is_dir():
        return _read_npz(path, labelled=True)
    rows, paged = [], PagedArrays()
    for label in _folders(path, "a folder for each label"):
        for clip in _folders(label, "a folder for each clip of this label"):
            name = f"{label.name}/{clip.name}"
            rows.append(LabelledFeatures(paged.keep(read_images(clip)), label.name, path=str(clip), name=name))
    return rows


def read_clips(path: Path | str) -> list[Clip]:
    """The clips of an npz file, or the one of a folder of images.

    Raises:
        DataError: no such file or folder; arrays of objects or of other shapes or types, lengths outside [1, T], or a
            number that is not finite; what `read_images` refuses.
    """
    path = Path(path)
    if path.is_dir():
        return [Clip(read_images(path), str(path))]
    return [Clip(row.features, row.place) for row in _read_npz(path, labelled=False)]


def _read_npz(path: Path, *, labelled: bool) -> list[LabelledFeatures]:
    arrays = read_arrays(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    clips = arrays.get("clips", np.zeros(0))
    labels = arrays.get("labels", np.zeros(0)) if labelled else np.zeros(len(clips), np.int32)
    if clips.ndim not in (4, 5) or not clips.size or labels.shape != clips.shape[:1]:
        also = " and labels [N]" if labelled else ""
        raise DataError(f"{path}: expected arrays clips [N, T, Y, X] or [N, T, Y, X, F]{also}; found {shapes}.")
    if clips.dtype != np.uint8 and clips.dtype.kind != "f":
        raise DataError(f"{path}: expected clips to be bytes (uint8) or floating numbers, found {clips.dtype}.")
    with np.errstate(over="ignore"):  # What float32 has no room for is infinite in it, and refused as such.
        frames = clips.astype(np.float32) / (255 if clips.dtype == np.uint8 else 1)
    return array_rows(frames.reshape(*clips.shape[:4], -1), labels, arrays.get("lengths"), path)


def read_images(folder: Path | str) -> np.ndarray:
    """The frames [T, Y, X, F] of a folder of images, in the order of the last number in their names.

    Raises:
        DataError: with the file: none, one that is no image or broken, one without a number or with that of another
            one, or frames of unequal shape.
    """
    frames: list[np.ndarray] = []
    files = _in_order(Path(folder))
    for file in files:
        frame = _read_image(file)
        if frames and frame.shape != frames[0].shape:
            wanted, found = (" x ".join(map(str, one.shape)) for one in (frames[0], frame))
            raise DataError(f"{file}: expected {wanted} (rows, columns, channels) as in {files[0]}, found {found}.")
        frames.append(frame)
    return np.stack(frames)


def _in_order(folder: Path) -> list[Path]:
    numbered: dict[int, Path] = {}
    for file in sorted(_visible(folder)):
        if not file.is_file() or file.suffix.lower() not in SUFFIXES:
            raise DataError(f"{file}: expected images of a clip ({', '.join(SUFFIXES)}) and nothing else.")
        digits = re.findall("[0-9]+", file.stem)
        if not digits:
            raise DataError(f"{file}: expected a number in the name of a frame, as in frame_0001.png; found none.")
        if other := numbered.get(int(digits[-1])):
            raise DataError(f"{file}: expected each frame to have a number of its own; {other.name} has the same.")
        numbered[int(digits[-1])] = file
    if not numbered:
        raise DataError(f"{folder}: expected the frames of a clip as images, found none.")
    return [numbered[number] for number in sorted(numbered)]


def _read_image(file: Path) -> np.ndarray:
    from PIL import Image  # Imported where it is used: most data are no images.

    try:
        # In memory, where as much is read as there is; a file makes room for what it is told that there is.
        with Image.open(io.BytesIO(file.read_bytes()), formats=FORMATS) as image:
            if math.prod(image.size) > MOST_PIXELS:
                raise ValueError(f"it has {image.width} x {image.height} pixels, more than {MOST_PIXELS} in all")
            if image.mode in MODES:
                pixels = np.asarray(image.convert(MODES[image.mode]), np.float32) / 255
                return pixels.reshape(*pixels.shape[:2], -1)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: expected an image that can be read; {error}.") from error
    raise DataError(f"{file}: expected an image of 8 bits a channel, gray or in colours; found the mode {image.mode}.")


def _folders(path: Path, expected: str) -> Sequence[Path]:
    found = sorted(child for child in _visible(path) if child.is_dir())
    if not found:
        raise DataError(f"{path}: expected {expected}, found none.")
    return found


def _visible(folder: Path) -> list[Path]:
    return [child for child in folder.iterdir() if not child.name.startswith(".")]
