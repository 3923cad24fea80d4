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
        stands = single.get(composed, composed) == composed == unicodedata.normalize("NFC", members)
        if len(members) < 2 or not stands:
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
    for key, replacement in sorted(replacements.items(), key=lambda item: item[0].encode()):
        if replacement not in places:
            places[replacement] = len(text)
            text += replacement.encode() + b"\0"
        values[key.encode()] = places[replacement]
    trie = _DoubleArray().build(values)
    return struct.pack(f"<I{len(trie)}I", 4 * len(trie), *trie) + bytes(text)


class _DoubleArray:
    """Places the nodes of a trie so that no two claim the same unit."""

    def __init__(self) -> None:
        self.units = [0] * PAGE
        self.taken = [True] + [False] * (PAGE - 1)
        self.bases: set[int] = set()
        self.first_free = 1

    def build(self, values: dict[bytes, int]) -> list[int]:
        """Return the units of a trie of ``values``; keys must be sorted."""
        keys = list(values)
        # Position of a node, how many bytes lead to it, and the range of keys below it.
        waiting = [(0, 0, 0, len(keys))]
        while waiting:
            position, depth, first, last = waiting.pop()
            children = _children(keys, depth, first, last)
            base = self._base([label for label, _, _ in children])
            self.units[position] |= (position ^ base) << 10
            for label, start, end in children:
                if label == 0:
                    self.units[position] |= 1 << 8
                    self.units[base] = values[keys[start]] | 1 << 31
                else:
                    self.units[base ^ label] = label
                    waiting.append((base ^ label, depth + 1, start, end))
        return self.units

    def _base(self, labels: list[int]) -> int:
        """Find a base at which every label meets a free unit, and take those units."""
        while self.first_free < len(self.taken) and self.taken[self.first_free]:
            self.first_free += 1
        start = self.first_free
        while True:
            if start >= len(self.units):
                self.units.extend([0] * PAGE)
                self.taken.extend([False] * PAGE)
            base = start ^ labels[0]
            # Two nodes with the same base would answer for each other's children.
            clash = self.taken[start] or base in self.bases
            if not clash and not any(self.taken[base ^ label] for label in labels):
                break
            start += 1
        self.bases.add(base)
        for label in labels:
            self.taken[base ^ label] = True
        return base


def _children(keys: list[bytes], depth: int, first: int, last: int) -> list[tuple[int, int, int]]:
    """Split sorted keys by their byte at ``depth`` (0 where a key ends): (byte, first key, end of keys)."""
    children = []
    ranges = itertools.groupby(range(first, last), lambda index: (keys[index][depth : depth + 1] or b"\0")[0])
    for label, group in ranges:
        indices = list(group)
        children.append((label, indices[0], indices[-1] + 1))
    return children
