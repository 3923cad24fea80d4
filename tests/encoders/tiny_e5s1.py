"""A writer of tiny E5S1 files, independent of the reader under test."""

from __future__ import annotations

import struct

import numpy as np

HIDDEN, LAYERS, HEADS, MIDDLE, POSITIONS, TYPES = 32, 2, 4, 64, 16, 2
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = ["▁", "a", "b", "▁a", "▁ab", "é", "fi", "▁b"]
PIECES = [*SPECIAL, *WORDS, "<mask>"]
SCORES = [0.0] * 4 + [-3.0, -4.0, -4.5, -3.5, -2.0, -6.0, -7.0, -3.75] + [0.0]
# One ligature, one full-width letter, one kind of space, one accent that has a twin, one sign that vanishes.
NORMALISED = {"\u00a0": " ", "\u00ad": "", "\u0341": "\u0301", "\ufb01": "fi", "\uff41": "a"}
VOCABULARY = len(PIECES) + 2


def pack_q4(weights: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Round to 4-bit blocks the slow way, one weight at a time; return the bytes and what they stand for."""
    packed, meant = bytearray(), np.zeros(weights.size, np.float32)
    flat = weights.reshape(-1)
    for start in range(0, flat.size, 32):
        block = flat[start : start + 32]
        scale = np.float16(np.abs(block).max() / 7 or 1)
        steps = [min(15, max(0, round(float(value) / float(scale)) + 8)) for value in block]
        packed += scale.tobytes() + bytes(steps[i] | steps[i + 16] << 4 for i in range(16))
        for place, step in enumerate(steps):
            meant[start + place] = (step - 8) * np.float32(scale)
    return bytes(packed), meant.reshape(weights.shape)


def shapes() -> dict[str, tuple[int, ...]]:
    """Names in the file and shapes; names that end in ``.w`` with two dimensions, and ``emb.word``, are 4-bit."""
    found: dict[str, tuple[int, ...]] = {
        "emb.word": (VOCABULARY, HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (TYPES, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            found |= {f"l{layer}.{name}.w": (HIDDEN, HIDDEN), f"l{layer}.{name}.b": (HIDDEN,)}
        found |= {f"l{layer}.fi.w": (MIDDLE, HIDDEN), f"l{layer}.fi.b": (MIDDLE,)}
        found |= {f"l{layer}.fo.w": (HIDDEN, MIDDLE), f"l{layer}.fo.b": (HIDDEN,)}
        for name in ("aln", "oln"):
            found |= {f"l{layer}.{name}.w": (HIDDEN,), f"l{layer}.{name}.b": (HIDDEN,)}
    return found


def write_e5s1(version: int = 1, pieces: list[str] = PIECES) -> tuple[bytes, dict[str, np.ndarray]]:
    """Write a whole file; return its bytes and the values that each tensor stands for."""
    text = [piece.encode() for piece in pieces]
    offsets = np.cumsum([0] + [len(piece) for piece in text]).tolist()
    head = b"E5S1" + struct.pack("<I7i", version, HIDDEN, LAYERS, HEADS, MIDDLE, VOCABULARY, POSITIONS, TYPES)
    head += struct.pack("<fi", 1e-12, 32) + struct.pack("<5iQ", len(text), 0, 2, 1, 3, offsets[-1])
    head += struct.pack(f"<{len(offsets)}I", *offsets) + struct.pack(f"<{len(text)}f", *SCORES[: len(text)])
    head += b"".join(text)
    table = b""
    for source, target in sorted(NORMALISED.items()):
        points = [ord(character) for character in target]
        table += struct.pack(f"<IB{len(points)}I", ord(source), len(points), *points)
    head += struct.pack("<iI", len(NORMALISED), len(table)) + table
    generator = np.random.default_rng(7)
    values, parts = {}, []
    for name, shape in shapes().items():
        drawn = generator.normal(size=shape).astype(np.float32)
        four_bit = name == "emb.word" or (name.endswith(".w") and len(shape) == 2)
        body, values[name] = pack_q4(drawn) if four_bit else (drawn.tobytes(), drawn)
        parts.append((name.encode(), int(four_bit), drawn.size, body))
    start = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in parts)
    head += struct.pack("<i", len(parts))
    for name, kind, count, body in parts:
        head += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", kind, count, start, len(body))
        start += len(body)
    return head + b"".join(body for *_, body in parts), values
