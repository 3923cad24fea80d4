"""Parallel rows from tasks: which rows are kept, and which belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xtremor.analysis.parallel import from_task
from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.tasks.cards import card


def opened(name: str, folder: Path, languages: list[str] | None = None):
    known = card(name)
    return from_task(known, open_source(known, folder), None, languages)


def test_tatoeba_rows_are_the_file_s_own_pairs(tmp_path: Path) -> None:
    (tmp_path / "tatoeba").mkdir()
    files = {"swh": "nne\nmoja\ntatu\nmoja tena\n", "eng": "four\none\nthree\none\n"}
    for ending, text in files.items():
        (tmp_path / "tatoeba" / f"tatoeba.swh-eng.{ending}").write_text(text, encoding="utf-8")
    (rows,), notes = opened("tatoeba", tmp_path, ["sw"])
    assert [each.texts for each in rows.english] == [("four",), ("one",), ("three",), ("one",)]
    assert [each.texts for each in rows.other] == [("nne",), ("moja",), ("tatu",), ("moja tena",)]
    assert [each.row for each in rows.other] == [0, 1, 2, 3] and not notes
    # Two rows have one English sentence.
    assert rows.clusters[1] == rows.clusters[3] and len(set(rows.clusters)) == 3


def test_rows_that_are_no_translations_are_left_out_in_all_languages(tmp_path: Path) -> None:
    (tmp_path / "pawsx").mkdir()
    rows = {"en": ["a\tb\t1", "c\td\t0", "e\tf\t1"], "de": ["A\tB\t1", "NS\tD\t0", "E\tF\t1"],
            "fr": ["x\ty\t1", "u\tv\t0", "w\tz\t0"]}  # fmt: skip
    for code, lines in rows.items():
        (tmp_path / "pawsx" / f"test-{code}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found, notes = opened("pawsx", tmp_path, ["de", "fr"])
    assert [[each.row for each in one.other] for one in found] == [[0], [0]]
    assert "2 of 3 rows are left out in all languages: 1 with the placeholder NS, 1 with labels" in notes[0]
    (tmp_path / "pawsx" / "test-de.tsv").write_text("A\tB\t1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"1 rows and .* 3: de is not parallel"):
        opened("pawsx", tmp_path, ["de"])


def test_questions_are_matched_by_id(tmp_path: Path) -> None:
    def write(code: str, ids: list[str]) -> None:
        asked = [
            {"id": each, "question": f"{code} {each}?", "answers": [{"text": "p", "answer_start": 0}]} for each in ids
        ]
        data = {"data": [{"title": "t", "paragraphs": [{"context": f"p {code}", "qas": asked}]}]}
        (tmp_path / "xquad" / f"xquad.{code}.json").write_text(json.dumps(data), encoding="utf-8")

    (tmp_path / "xquad").mkdir()
    write("en", ["1", "2"])
    write("de", ["2", "1", "3"])
    (rows,), notes = opened("xquad", tmp_path, ["de"])
    assert [each.texts for each in rows.english] == [("en 2?", "p en"), ("en 1?", "p en")]
    assert [each.texts for each in rows.other] == [("de 2?", "p de"), ("de 1?", "p de")]
    assert len(set(rows.clusters)) == 1 and "1 questions that English lacks" in notes[0]


def test_tasks_whose_rows_are_no_translations_are_refused(tiny_data: Path) -> None:
    with pytest.raises(UserError, match="the rows of panx are no translations"):
        from_task(card("panx"), None, None, None)


def test_the_real_files(shared: Path) -> None:
    found, _ = opened("tatoeba", shared / "xtreme_r", ["sw", "kk"])
    assert [len(each) for each in found] == [390, 575]
    (rows,), _ = opened("xquad", shared / "xtreme_r", ["de"])
    assert len(rows) == 1190 and len(set(rows.clusters)) == 240
