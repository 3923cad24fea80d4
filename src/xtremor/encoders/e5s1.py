"""Reader of the ``E5S1`` file format: a BertModel in 4-bit blocks together with its unigram tokenizer.

Layout, little endian, no padding: the magic, a version, seven sizes, epsilon and the block length; the pieces of the
tokenizer (five numbers, the length of the text, offsets, scores, text); the normalisation map; the directory of
tensors; the tensors. Matrices are in ``Q4_0`` blocks of 32 weights: one fp16 scale and 16 bytes, whose low nibbles
are weights 0 to 15 and whose high nibbles are weights 16 to 31, each minus 8, times the scale. Vectors are fp32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2
FP32, Q4_0 = 0, 1
DECODE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of the BertModel."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Pieces:
    """The unigram tokenizer: pieces and scores by id, ids of the special pieces, one character -> its replacement."""

    pieces: list[str]
    scores: list[float]
    bos: int
    eos: int
    pad: int
    unk: int
    normalised: dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor lies: its kind (``FP32`` or ``Q4_0``), number of weights, first byte."""

    kind: int
    weights: int
    offset: int


@dataclass(frozen=True, slots=True)
class E5File:
    """A parsed file; ``data`` holds the bytes that ``tensors`` point into."""

    sizes: Sizes
    pieces: Pieces
    tensors: dict[str, Entry]
    data: bytes


def parse(data: bytes, name: str) -> E5File:
    """Parse the whole file.

    Args:
        data: the bytes of the file.
        name: what to call it in errors.

    Raises:
        UserError: the bytes are not an E5S1 file, or the file is cut short.
    """
    if data[:4] != MAGIC:
        raise UserError(f"{name} is not an E5S1 file (it does not begin with 'E5S1')")
    try:
        cursor = _Cursor(data, 4)
        sizes = _sizes(cursor, name)
        pieces = _pieces(cursor)
        tensors = _directory(cursor)
    except (struct.error, UnicodeDecodeError, IndexError, ValueError, OverflowError) as error:
        raise UserError(f"{name} is damaged or cut short; install its package again") from error
    return E5File(sizes, pieces, tensors, data)


def decode(file: E5File, name: str, rows: int, columns: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield tensor ``name`` of ``rows`` x ``columns`` as consecutive fp32 arrays (some rows x columns).

    Raises:
        UserError: the tensor is missing, is of another size or is cut short.
    """
    import numpy as np

    entry = file.tensors.get(name)
    if entry is None or entry.weights != rows * columns:
        found = "missing" if entry is None else f"of {entry.weights} weights"
        raise UserError(f"tensor '{name}' is {found}; expected {rows} x {columns}")
    blocks = columns // BLOCK
    row_bytes = blocks * BLOCK_BYTES if entry.kind == Q4_0 else columns * 4
    if entry.offset + rows * row_bytes > len(file.data) or (entry.kind == Q4_0 and columns % BLOCK):
        raise UserError(f"tensor '{name}' is cut short or not a whole number of blocks")
    for first in range(0, rows, DECODE_ROWS):
        count = min(DECODE_ROWS, rows - first)
        raw = np.frombuffer(file.data, np.uint8, count * row_bytes, entry.offset + first * row_bytes)
        if entry.kind == FP32:
            yield raw.view("<f4").reshape(count, columns)
            continue
        raw = raw.reshape(count, blocks, BLOCK_BYTES)
        scale = np.ascontiguousarray(raw[..., :2]).view("<f2").astype(np.float32)
        nibbles = raw[..., 2:]
        weights = np.concatenate((nibbles & 15, nibbles >> 4), axis=-1).astype(np.float32)
        yield ((weights - np.float32(8)) * scale).reshape(count, columns)


class _Cursor:
    """Reads numbers one after another."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def bytes(self, length: int) -> bytes:
        if length < 0 or self.position + length > len(self.data):
            raise ValueError("past the end")
        self.position += length
        return self.data[self.position - length : self.position]


def _sizes(cursor: _Cursor, name: str) -> Sizes:
    (version,) = cursor.take("I")
    hidden, layers, heads, intermediate, vocabulary, positions, types = cursor.take("7i")
    epsilon, block = cursor.take("fi")
    if version != 1 or block != BLOCK:
        raise UserError(f"{name} is version {version} of E5S1 with blocks of {block}; expected 1 and {BLOCK}")
    # The file keeps epsilon as fp32; the shortest decimal that rounds to it is the figure that was meant.
    epsilon = float(f"{epsilon:.6g}")
    return Sizes(hidden, layers, heads, intermediate, vocabulary, positions, types, epsilon)


def _pieces(cursor: _Cursor) -> Pieces:
    count, bos, eos, pad, unk = cursor.take("5i")
    (length,) = cursor.take("Q")
    offsets = cursor.take(f"{count + 1}I")
    scores = list(cursor.take(f"{count}f"))
    text = cursor.bytes(length)
    pieces = [text[offsets[i] : offsets[i + 1]].decode("utf-8") for i in range(count)]
    entries, length = cursor.take("iI")
    end = cursor.position + length
    normalised = {}
    for _ in range(entries):
        point, width = cursor.take("IB")
        normalised[chr(point)] = "".join(map(chr, cursor.take(f"{width}I")))
    if cursor.position != end:
        raise ValueError("the normalisation map is not as long as it says")
    return Pieces(pieces, scores, bos, eos, pad, unk, normalised)


def _directory(cursor: _Cursor) -> dict[str, Entry]:
    (count,) = cursor.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode("ascii")
        kind, weights, offset, _ = cursor.take("BIQQ")
        if kind not in (FP32, Q4_0):
            raise ValueError(f"tensor {name} is of kind {kind}")
        tensors[name] = Entry(kind, weights, offset)
    return tensors
