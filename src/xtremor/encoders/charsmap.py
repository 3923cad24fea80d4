"""Build the ``precompiled_charsmap`` of SentencePiece, which the Rust normaliser reads, from a plain dictionary.

The format: the length of a trie in bytes, the trie, then the replacements as UTF-8 ended by zero bytes. The trie is
a double array of 32-bit units in the layout of darts-clone. The children of the node at position ``p`` stand at
``base ^ byte``, where ``base = p ^ offset``; a unit holds its own byte in bits 0 to 7, "a key ends here" in bit 8 and
the offset from bit 10 on. When a key ends, the unit at ``base`` has bit 31 set and holds the place of its
replacement.
"""

from __future__ import annotations

import itertools
import struct
import unicodedata

# The normaliser looks a whole grapheme up only when it has fewer than six bytes, so longer sequences never match.
LONGEST = 5
PAGE = 256


def with_compositions(single: dict[str, str]) -> dict[str, str]:
    """Add to a map of single characters the sequences that compose to one character, as ``nmt_nfkc`` does.

    A composed character stands for every sequence in which each member of its full decomposition is spelt as itself
    or as one character that ``single`` maps to it; partly composed spellings are not in the official map. Only
    sequences that the normaliser can ever look up (at most five bytes) are added.
    """
    alike: dict[str, list[str]] = {}
    for character, replacement in single.items():
        if len(replacement) == 1 and unicodedata.normalize("NFKD", replacement) == replacement:
            alike.setdefault(replacement, []).append(character)
    whole = dict(single)
    for point in itertools.chain(range(0xD800), range(0xE000, 0x10000)):
        composed = chr(point)
        members = unicodedata.normalize("NFD", composed)
        if len(members) < 2 or single.get(composed, composed) != composed:
            continue
        for spelling in itertools.product(*([member, *alike.get(member, ())] for member in members)):
            sequence = "".join(spelling)
            if len(sequence.encode()) <= LONGEST:
                whole[sequence] = composed
    return whole


def precompile(replacements: dict[str, str]) -> bytes:
    """Return the precompiled map of ``replacements`` (keys must not be empty nor hold a zero character)."""
    text = bytearray()
    places: dict[str, int] = {}
    values: dict[bytes, int] = {}
    for key, replacement in sorted(replacements.items()):
        if replacement not in places:
            places[replacement] = len(text)
            text += replacement.encode() + b"\0"
        values[key.encode()] = places[replacement]
    trie = _double_array(values)
    return struct.pack(f"<I{len(trie)}I", 4 * len(trie), *trie) + bytes(text)


def _double_array(values: dict[bytes, int]) -> list[int]:
    tree: dict[int, dict] = {}
    for key, value in values.items():
        node: dict = tree
        for byte in key:
            node = node.setdefault(byte, {})
        node[0] = value
    units: list[int] = []
    taken: list[bool] = []
    bases: set[int] = set()
    first_free = 1

    def grow(size: int) -> None:
        while len(units) < size:
            units.extend([0] * PAGE)
            taken.extend([False] * PAGE)

    grow(PAGE)
    taken[0] = True
    waiting = [(0, tree)]
    while waiting:
        position, node = waiting.pop()
        while first_free < len(taken) and taken[first_free]:
            first_free += 1
        start = first_free
        labels = sorted(node)
        while True:
            grow(start + 1)
            base = start ^ labels[0]
            # Two nodes with the same base would answer for each other's children.
            if not taken[start] and base not in bases and not any(taken[base ^ label] for label in labels):
                break
            start += 1
        bases.add(base)
        units[position] |= (position ^ base) << 10
        for label in labels:
            taken[base ^ label] = True
            if label == 0:
                units[position] |= 1 << 8
                units[base] = node[0] | 1 << 31
            else:
                units[base ^ label] = label
                waiting.append((base ^ label, node[label]))
    return units
