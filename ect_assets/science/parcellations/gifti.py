"""Reading GIFTI files of labels, bounded in memory and time.

nibabel's reader unpacks what an array holds to any size and meets a damaged file with whatever
error comes first; hence one of our own. It knows what label files have: arrays of numbers and a
table of names. What the labels mean for an atlas belongs in `surface_files`.

References
----------
Harwell J et al. (2011). GIFTI surface data format, version 1.0.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np

from ect_assets.science.file_kinds import what_it_is
from ect_assets.science.imaging.files import read_unpacked
from ect_assets.science.imaging.geometry import ImageFault

MOST_VALUES = 10_000_000
"""Of one array: fifty times the vertices of a hemisphere of fsaverage."""
MOST_ARRAYS = 1_000
MOST_LABELS = 100_000
_AGAIN = "Copy it again from where it came from."
_KINDS = {
    "NIFTI_TYPE_UINT8": "u1",
    "NIFTI_TYPE_INT8": "i1",
    "NIFTI_TYPE_INT16": "i2",
    "NIFTI_TYPE_UINT16": "u2",
    "NIFTI_TYPE_INT32": "i4",
    "NIFTI_TYPE_UINT32": "u4",
    "NIFTI_TYPE_INT64": "i8",
    "NIFTI_TYPE_UINT64": "u8",
    "NIFTI_TYPE_FLOAT32": "f4",
    "NIFTI_TYPE_FLOAT64": "f8",
}
_CODES = {"2": "u1", "4": "i2", "8": "i4", "16": "f4", "64": "f8", "256": "i1", "512": "u2"}
_ENDIAN = {"LittleEndian": "<", "BigEndian": ">"}
_ENCODINGS = ("ASCII", "Base64Binary", "GZipBase64Binary")


def read_gifti(file: Path) -> tuple[list[np.ndarray], dict[int, str]]:
    """Read the arrays of a GIFTI file and its names of labels.

    Parameters
    ----------
    file : Path
        ``.gii``, or the same packed with gzip.

    Returns
    -------
    arrays : list of array
        Without axes of length 1.
    names : dict of int to str
        Of each number in the table of labels.

    Raises
    ------
    ImageFault
        When it is cut, damaged, too large or something else.
    """
    content = read_unpacked(file)
    reader = _Reader()
    try:
        reader.parse(content)
    except expat.ExpatError as error:
        known = what_it_is(content[:512], file.with_name("labels"))
        if known is not None and not known.startswith("is text in"):
            words, _, fix = known.partition(". ")
            raise ImageFault("unreadable", words, fix) from error
        raise _broken(f"it is no XML from line {error.lineno} on, or it is cut") from error
    except (binascii.Error, zlib.error, ValueError) as error:
        raise _broken("its data are damaged") from error
    if not reader.is_gifti:
        raise _broken("its first element is not GIFTI")
    return reader.arrays, reader.names


def _broken(why: str) -> ImageFault:
    return ImageFault("unreadable", f"cannot be read as GIFTI: {why}", _AGAIN)


@dataclass
class _Reader:
    """Takes arrays and names out of the events of the XML parser."""

    is_gifti: bool = False
    arrays: list[np.ndarray] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    _array: dict[str, str] | None = None
    _key: int = 0
    _n_data: int = 0
    _text: list[str] = field(default_factory=list)
    _depth: int = 0

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = self._refuse_entity
        parser.Parse(content, True)

    def _refuse_entity(self, *_: object) -> None:
        raise _broken("it declares entities, which no GIFTI file needs")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self.is_gifti |= self._depth == 0 and name == "GIFTI"
        self._depth += 1
        self._text.clear()
        if name == "DataArray":
            if len(self.arrays) >= MOST_ARRAYS:
                raise _broken(f"it has more than {MOST_ARRAYS} arrays")
            self._array, self._n_data = attributes, 0
        elif name == "Label":
            # Older files number labels by Index.
            self._key = _whole(attributes.get("Key", attributes.get("Index")), "the key of a label")

    def _end(self, name: str) -> None:
        self._depth -= 1
        text = "".join(self._text)
        self._text.clear()
        if name == "Data" and self._array is not None:
            self.arrays.append(_values(self._array, text))
            self._n_data += 1
        elif name == "DataArray":
            if self._n_data != 1:
                raise _broken("an array without its data")
            self._array = None
        elif name == "Label":
            if len(self.names) >= MOST_LABELS:
                raise _broken(f"it has more than {MOST_LABELS} labels")
            self.names[self._key] = text.strip()


def _values(array: dict[str, str], text: str) -> np.ndarray:
    shape = _shape(array)
    kind = _KINDS.get(array.get("DataType", "")) or _CODES.get(array.get("DataType", ""))
    encoding = array.get("Encoding")
    if kind is None or encoding not in _ENCODINGS:
        raise _broken(
            "an array has a DataType or Encoding that is none, or its data lie in another file"
        )
    if encoding == "ASCII":
        values = _from_words(text, kind, math.prod(shape))
    else:
        endian = _ENDIAN.get(array.get("Endian", ""))
        if endian is None:
            raise _broken("an array has no Endian")
        dtype = np.dtype(endian + kind)
        values = _from_base64(text, encoding, dtype, math.prod(shape))
    is_columns = array.get("ArrayIndexingOrder") == "ColumnMajorOrder"
    values = values.reshape(shape, order="F" if is_columns else "C")
    return values.reshape(tuple(size for size in shape if size != 1) or (1,))


def _shape(array: dict[str, str]) -> tuple[int, ...]:
    n_axes = _whole(array.get("Dimensionality"), "Dimensionality")
    if not 1 <= n_axes <= 6:
        raise _broken(f"an array has {n_axes} dimensions")
    shape = tuple(_whole(array.get(f"Dim{axis}"), f"Dim{axis}") for axis in range(n_axes))
    if min(shape) < 1 or math.prod(shape) > MOST_VALUES:
        raise ImageFault(
            "too_large",
            f"has an array of {' x '.join(map(str, shape))} values, expected 1 to "
            f"{MOST_VALUES / 1e6:.0f} million",
            _AGAIN,
        )
    return shape


def _from_words(text: str, kind: str, count: int) -> np.ndarray:
    words = text.split(None, count)
    if len(words) != count:
        raise _broken(f"an array holds {len(words):,} of {count:,} values")
    values = np.array(words, dtype=np.float64)
    return values if kind.startswith("f") else _checked_whole(values)


def _checked_whole(values: np.ndarray) -> np.ndarray:
    if not (np.isfinite(values) & (np.abs(values) < 2**53)).all():
        raise _broken("an array of whole numbers has others")
    return values


def _from_base64(text: str, encoding: str, dtype: np.dtype, count: int) -> np.ndarray:
    n_bytes = count * dtype.itemsize
    packed = base64.b64decode("".join(text.split()), validate=True)
    if encoding == "GZipBase64Binary":
        # No further than what the array promises, and one byte to see that there is no more.
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(packed, n_bytes + 1)
        if len(packed) == n_bytes and not unpacker.eof:
            # Reads the checksum at the end.
            packed += unpacker.decompress(unpacker.unconsumed_tail, 1)
            if not unpacker.eof:
                raise _broken("an array goes on after its last value, or is cut")
    if len(packed) != n_bytes:
        shown = f"{n_bytes:,}" if len(packed) < n_bytes else f"only {n_bytes:,}"
        raise _broken(f"an array holds {len(packed):,} bytes, expected {shown}")
    return np.frombuffer(packed, dtype)


def _whole(text: str | None, what: str) -> int:
    if text is None or not text.strip().lstrip("-").isdecimal() or len(text) > 12:
        raise _broken(f"{what} is no whole number")
    return int(text)
