"""The rule that finds sentences in English paragraphs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.sources.official.sentences import sentence_spans


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He came. She left! Why?", ["He came.", "She left!", "Why?"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("It grew.[citation needed][2] In 1990 it fell.", ["It grew.[citation needed][2]", "In 1990 it fell."]),
        ("It ended in 1990. 20 people stayed.", ["It ended in 1990.", "20 people stayed."]),
        ("Dr. Smith met J. R. Ewing (U.S. Army). Rain fell.", ["Dr. Smith met J. R. Ewing (U.S. Army).", "Rain fell."]),
        ("About 3.5 miles, i.e. a walk.", ["About 3.5 miles, i.e. a walk."]),
        ("By Convention No. 81 it fell. So? No. It rose.", ["By Convention No. 81 it fell.", "So?", "No.", "It rose."]),
        ("  One.\n\nTwo.  ", ["One.", "Two."]),
        ("no capital. follows here", ["no capital. follows here"]),
        ("", []),
        (" \n", []),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(alphabet=' .?!"AB1a[]\n', max_size=60))
def test_no_character_is_lost_or_doubled(text: str) -> None:
    spans = sentence_spans(text)
    assert "".join("".join(cut(text)).split()) == "".join(text.split())
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_real_paragraphs_are_cut_as_xquad_r_cuts_them(shared: Path) -> None:
    document = json.loads((shared / "xtreme_r/lareqa/xquad-r/en.json").read_text(encoding="utf-8"))
    same, alike, common, ours, theirs = [], 0, 0, 0, 0
    for paragraph in (each for article in document["data"] for each in article["paragraphs"]):
        text, spans = paragraph["context"], sentence_spans(paragraph["context"])
        sentences = [text[slice(*each)] for each in spans]
        expected = [text[slice(*each)].strip() for each in paragraph["sentence_breaks"]]
        alike += sentences == expected
        common += len(set(sentences) & set(expected))
        ours, theirs = ours + len(sentences), theirs + len(expected)
        for asked in paragraph["qas"]:
            start = asked["answers"][0]["answer_start"]
            places = [
                next(each for each in found if each[0] <= start < each[1])
                for found in (spans, paragraph["sentence_breaks"])
            ]
            same.append(len({text[slice(*place)].strip() for place in places}) == 1)
    assert (len(same), theirs) == (1190, 1180)
    assert alike >= 235 and common >= 1165 and ours <= theirs and sum(same) >= 1180
