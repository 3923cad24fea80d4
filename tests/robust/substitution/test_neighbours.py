"""The file of neighbours: its forms, and one sentence for everything that it is not."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from xtremor.errors import UserError
from xtremor.robust.substitution import neighbours
from xtremor.robust.substitution.neighbours import Neighbours, read_neighbours

GOOD = {"good": ["great", "fine"], "Bad": ["poor", "bad", "poor"], "lonely": []}


def write(path: Path, content: Any) -> Path:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    return path


def packed(path: Path, content: bytes, names: tuple[str, ...] = ("neighbours.json",)) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def test_plain_and_packed_files_are_the_same(tmp_path: Path) -> None:
    data = json.dumps(GOOD).encode()
    expected = {"good": ("great", "fine"), "bad": ("poor",), "lonely": ()}
    for path in (
        write(tmp_path / "a.json", data),
        write(tmp_path / "b.json", b"\xef\xbb\xbf" + data),
        write(tmp_path / "c.json.gz", gzip.compress(data)),
        packed(tmp_path / "d.zip", data),
    ):
        found = read_neighbours(path)
        assert dict(found.words) == expected and found.count == 3 and found.digest == Neighbours(expected).digest


def test_words_that_differ_by_case_are_one(tmp_path: Path) -> None:
    found = read_neighbours(write(tmp_path / "a.json", {"us": ["we"], "US": ["America", "we"]}))
    assert found.words == {"us": ("we", "America")}


def test_a_filter_counts_what_it_drops_and_the_rest_of_the_words_is_left_out() -> None:
    found = Neighbours({"two": ("deux", "pair"), "good": ("deux",), "house": ("home",)})
    kept = found.among(["two", "good", "absent"]).kept(lambda word: word != "deux")
    assert kept.words == {"two": ("pair",), "good": ()} and kept.dropped == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no valid JSON"),
        (b"{", "no valid JSON"),
        (b"\x80\x04\x95K", "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"[" * 200_000, "nests too deeply"),
        (b'{"a": [NaN]}', "holds NaN, which is no JSON"),
        (b'{"a": ["b"], "a": ["c"]}', "stands twice"),
        (b'{"a": ["\\ud800"]}', "half a surrogate|is no word"),
        (b'{"\\ud800": ["b"]}', "half a surrogate"),
        (["good"], "expected a JSON object, as in .* found a list"),
        ({}, "gives no word a neighbour"),
        ({"good": []}, "gives no word a neighbour"),
        ({"good": "great"}, "'good': expected a list, found a string"),
        ({"good": {"great": 1}}, "expected a list, found an object"),
        ({"good": None}, "expected a list, found null"),
        ({"good": ["great", 1]}, "expected a string, found a whole number"),
        ({"good": ["great", ""]}, "is no word"),
        ({"good": [" great"]}, "is no word"),
        ({"good": ["gre\tat"]}, "is no word"),
        ({"good": list("abcdefghi")}, "has 9 neighbours; expected at most 8"),
        ({"good": ["x"] * 1_000_000}, "has 1,000,000 neighbours"),
        (gzip.compress(b'{"a": ["b"]}', mtime=0)[:-9], "cannot be unpacked|cannot be read"),
        (b"\x1f\x8bnothing", "cannot be unpacked|cannot be read"),
        (b"PK\x03\x04nothing", "cannot be unpacked"),
    ],
)
def test_every_other_file_is_refused_in_one_sentence(tmp_path: Path, content: Any, message: str) -> None:
    path = write(tmp_path / "n.json", content)
    with pytest.raises(UserError, match=message) as caught:
        read_neighbours(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said and len(said) < 400 + len(str(path))


def test_archives_and_paths_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"holds 2 files; expected a .zip of one JSON file"):
        read_neighbours(packed(tmp_path / "two.zip", b"{}", ("a", "b")))
    for path, message in ((tmp_path / "absent", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(UserError, match=message):
            read_neighbours(path)
    monkeypatch.setattr(neighbours, "LARGEST", 2**20)
    bomb = b" " * 2**24
    for path in (packed(tmp_path / "bomb.zip", bomb), write(tmp_path / "bomb.gz", gzip.compress(bomb))):
        with pytest.raises(UserError, match="holds more than 1 MB"):
            read_neighbours(path)


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    """A thousand files with bytes changed, cut or doubled: neighbours, or a UserError, never anything else."""
    draw, outcomes = random.Random(3), set()
    sources = [json.dumps(GOOD).encode(), gzip.compress(json.dumps(GOOD).encode())]
    sources.append(packed(tmp_path / "z.zip", json.dumps(GOOD).encode()).read_bytes())
    for _ in range(1000):
        data = bytearray(draw.choice(sources))
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(data))
            deed = draw.randrange(3)
            data[at : at + (deed != 0)] = (b"", bytes([draw.randrange(256)]), b'"[{:}],')[deed]
        data = data[: draw.randint(1, len(data))] if draw.random() < 0.2 else data
        try:
            read_neighbours(write(tmp_path / "n", bytes(data)))
            outcomes.add("read")
        except UserError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
