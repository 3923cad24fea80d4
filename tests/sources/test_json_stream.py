"""JSON by parts: what Python's strict reader says of the whole document, in bounded memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.sources import json_stream
from xtremor.sources.json_stream import JsonStream
from xtremor.sources.json_text import parse

TEXT = st.text(st.sampled_from('ab "\\/{}[]:,\n\u2028é😀0'), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def read(path: Path) -> dict[str, Any]:
    """The document through every way of the stream: an object whose `data` is a list."""
    found: dict[str, Any] = {}
    with JsonStream(path) as stream:
        for key in stream.members("data", "f"):
            found[key] = [stream.value() for _ in stream.elements("f")] if key == "data" else stream.value()
        stream.end()
        assert stream.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream") / "f.json"


@given(st.lists(VALUES, max_size=5), st.dictionaries(TEXT, VALUES, max_size=3), st.integers(1, 40), st.data())
def test_equals_the_whole_document(
    file: Path, values: list[Any], others: dict[str, Any], chunk: int, data: st.DataObject
) -> None:
    document = {**others, "data": values}
    indent, plain = data.draw(st.sampled_from([None, 0, 2])), data.draw(st.booleans())
    file.write_text(json.dumps(document, indent=indent, ensure_ascii=plain), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        assert read(file) == document


@given(st.lists(VALUES, max_size=4), st.integers(1, 30), st.data())
def test_damage_is_refused_as_in_the_whole_document(
    file: Path, values: list[Any], chunk: int, data: st.DataObject
) -> None:
    text = json.dumps({"data": values}, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=False)
    at = data.draw(st.integers(0, len(text) - 1))
    text = (
        text[:at]
        + data.draw(st.sampled_from(["", ",", '"', "}", "]", "1", "NaN", "\n", '"data":[],']))
        + text[at + 1 :]
    )
    file.write_bytes(text.encode())
    expected: Any
    try:
        expected = parse(text, str(file))
        form = isinstance(expected, dict) and isinstance(expected.get("data"), list)
    except UserError as error:
        expected, form = str(error), True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        if isinstance(expected, str) or not form:
            # Of several faults the first one met is said, which need not be that of the whole.
            with pytest.raises(UserError, match=r"no valid JSON|stands twice|is no JSON|expected|missing"):
                read(file)
        else:
            assert read(file) == expected


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"data": [1,\n 2,,]}', r"f.json, line 2, column 4: no valid JSON"),
        (b'{"data": [1, 2', r"f.json, line 1, column 15: no valid JSON"),
        (b'{"data": []} x', r"line 1, column 14: no valid JSON \(Extra data\)"),
        (b'{"data": [],\n "data": []}', r"line 2: 'data' stands twice in one object"),
        (b'{"data": [{"a": 1,\n "a": 2}]}', r"'a' stands twice in one object"),
        (b'{"data": [NaN]}', "holds NaN, which is no JSON"),
        (b'{"data": ["\xff"]}', "line 1: byte 0xff at offset 11 of the file"),
        (b"\xff\xfe{\x00", "the start of a UTF-16 file"),
        (b"", "line 1, column 1: no valid JSON"),
        (b"[]", "expected an object with 'data', found a list"),
        (b'{"a": 1}', "'data' is missing; expected a list"),
        (b'{"data": "x"}', "expected a list, found a string"),
        (b'{"data": [' + b"[" * 100_000, "nests too deeply|no valid JSON"),
    ],
)
def test_refusals(tmp_path: Path, chunk: int, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "f.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.json: there is no such file"):
        JsonStream(tmp_path / "no.json")


def test_a_byte_order_mark_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b'\xef\xbb\xbf{"data": [1]}')
    assert read(path) == {"data": [1]}
