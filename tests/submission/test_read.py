"""Line readers: what the official evaluator reads, and refusals that name the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.submission.gold_labels import read_gold
from xtremor.submission.read import read_indices, read_labels, read_pairs, read_tags, shown
from xtremor.submission.read_json import read_answers, read_choices, read_rankings
from xtremor.tasks.cards import card

NLI = ("entailment", "neutral", "contradiction")
quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "test-sw.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("neutral\nentailment\n", ["neutral", "entailment"]),
        ("neutral\nentailment", ["neutral", "entailment"]),
        ("neutral\r\n entailment \r\n", ["neutral", "entailment"]),
        ("\ufeffneutral\n", ["neutral"]),
    ],
)
def test_labels(content: str, expected: list[str], tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, content), NLI) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("neutral\n\nneutral\n", "line 2 is empty"),
        ("neutral\n\n", "line 2 is empty"),
        ("neutral\nNeutral\n", "line 2: unknown label 'Neutral' (nearest: neutral)"),
        ("label\nneutral\n", "line 1: unknown label 'label' (allowed: contradiction, entailment, neutral; the layout"),
        ("a text\tneutral\n", "several columns; expected the label alone"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        (b"neutral\n\xff\n", "line 2: byte 0xff at offset 8"),
        ("neutral\n".encode("utf-16"), "UTF-16"),
        ("neutral\u2028neutral\n", r"'neutral\u2028neutral'"),
        ("0\n1\n2\n", "neutral; a number alone does not tell, because systems number the classes"),
        ("neutral\rneutral\r", "its lines end in a carriage return alone"),
    ],
)  # fmt: skip
def test_labels_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        read_labels(write(tmp_path, content), NLI)


@pytest.mark.parametrize(
    ("content", "sentences", "lines"),
    [
        ("O\nB-PER\n\nO\n", [("O", "B-PER"), ("O",)], [1, 4]),
        ("O\nB-PER\n\nO", [("O", "B-PER"), ("O",)], [1, 4]),
        ("O\n\n", [("O",)], [1]),
        ("O\n\n\n", [("O",), ()], [1, 3]),
        ("\nO\n\n\nO\n\n", [(), ("O",), (), ("O",)], [1, 2, 4, 5]),
        ("O\r\n \t\r\nO\r\n", [("O",), ("O",)], [1, 3]),
    ],
)
def test_every_blank_line_ends_a_sentence(content: str, sentences: list, lines: list[int], tmp_path: Path) -> None:
    found = read_tags(write(tmp_path, content), ("O", "B-PER"))
    assert found.sentences == sentences and found.lines == lines


def test_an_unknown_tag_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 3: unknown tag 'B-PRE' \(nearest: B-PER\)"):
        read_tags(write(tmp_path, "O\n\nB-PRE\n"), ("O", "B-PER"))


@quick
@given(
    lines=st.lists(st.sampled_from(["O", "B-PER", "", " ", "O ", "\t"]), max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_sentences_are_those_of_a_reader_that_goes_line_by_line(lines: list[str], end: str, tmp_path: Path) -> None:
    """The evaluator's rule, told another way: collect tags, hand them over at a blank line and at the end."""
    path = write(tmp_path, "".join(line + end for line in lines))
    expected, collected = [], []
    for line in lines:
        if line.strip():
            collected.append(line.strip())
        else:
            expected.append(tuple(collected))
            collected = []
    expected += [tuple(collected)] if collected else []
    if any(line.strip() for line in lines):
        assert read_tags(path, ("O", "B-PER")).sentences == expected
    else:
        with pytest.raises(UserError, match="is empty"):
            read_tags(path)


def test_indices(tmp_path: Path) -> None:
    assert read_indices(write(tmp_path, "3\n70\n0")) == ["3", "70", "0"]
    for wrong in ("-1", "1.0", "x", "", "²", "9" * 12):
        with pytest.raises(UserError, match="line 2: "):
            read_indices(write(tmp_path, f"1\n{wrong}\n1\n"))


def test_zeros_before_a_number_are_refused_because_the_evaluator_compares_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 1: '007' is no row number; .*without zeros before it"):
        read_indices(write(tmp_path, "007\n"))


def test_pairs(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, "a\tb\nc\td")) == [("a", "b"), ("c", "d")]
    for wrong in ("a", "a\tb\t0.9", "a\t", ""):
        with pytest.raises(UserError, match=r"line 2: .*expected a source id, a tab and a target id"):
            read_pairs(write(tmp_path, f"a\tb\n{wrong}\nc\td\n"))


def test_a_folder_or_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it is a folder"):
        read_labels(tmp_path)
    with pytest.raises(UserError, match="there is no such file"):
        read_labels(tmp_path / "none")


def test_input_is_shown_on_one_line() -> None:
    assert shown("a\nb\u202ec\ud800") == r"'a\nb\u202ec\ud800'" and len(shown("x" * 500)) == 60


READERS = (
    lambda path: read_labels(path, NLI),
    lambda path: read_tags(path, ("O",)),
    read_indices,
    read_pairs,
    read_answers,
    read_rankings,
    read_choices,
    lambda path: read_gold(card("xquad"), path, "sw"),
    lambda path: read_gold(card("lareqa"), path, "sw"),
)
SEEDS = (
    b"neutral\nentailment\n", b"O\n\nO\nO\n", b"1\n2\n", b"a\tb\nc\td\n", b'{"a": "x", "b": "y"}', b'{"a": ["x"]}',
    b'{"label": 0}\n{"label": 1}\n', b'{"data": {"a": "x"}}',
    b'{"data": [{"paragraphs": [{"qas": [{"id": "a", "answers": [{"text": "x"}]}]}]}]}',
)  # fmt: skip


@quick
@given(data=st.data())
def test_a_spoilt_file_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\n", b"\t", b'"', b"{", b"]", b"\xef\xbb\xbf"]))
        )
        content[at : at + data.draw(st.integers(0, 3))] = piece
    path = write(tmp_path, bytes(content))
    for reader in READERS:
        try:
            reader(path)
        except UserError as error:
            assert "\n" not in str(error) and str(path) in str(error)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n \n"])
def test_a_file_without_a_prediction_is_empty(tmp_path: Path, content: bytes) -> None:
    for reader in READERS:
        with pytest.raises(UserError, match=r"is empty|no item|holds no|expected"):
            reader(write(tmp_path, content))
