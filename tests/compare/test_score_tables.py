"""Reading somebody's table: which column is what, and everything that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from xtremor.compare.balance import balance
from xtremor.compare.columns import infer
from xtremor.compare.read import read_table
from xtremor.compare.table import Row, ScoreTable, Target, ordered, restrict
from xtremor.errors import UserError

LONG = "model,dataset,lang,seed,f1\nA,panx,sw,1,60.5\nA,panx,de,1,70\nB,panx,sw,1,61\nB,panx,de,1,71.5\n"
WIDE = "system\tseed\tsw\tde\tavg\nA\t1\t60.5\t70\t65.25\nB\t1\t61\t71.5\t66.25\n"


TRAINED = {("B", "de"), ("A", "en")}


def write(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text, encoding="utf-8")
    return path


def test_long_and_wide_tables_of_every_kind_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"model": system, "lang": code, "seed": 1, "f1": score}
        for system, code, score in (("A", "sw", 60.5), ("A", "de", 70), ("B", "sw", 61), ("B", "de", 71.5))
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    pl.DataFrame(rows, strict=False).write_parquet(tmp_path / "t.parquet")
    tables = [
        read_table(write(tmp_path / "t.csv", LONG.replace("dataset,", "").replace("panx,", ""))),
        read_table(write(tmp_path / "t.tsv", WIDE)),
        read_table(write(tmp_path / "t.jsonl", lines)),
        read_table(tmp_path / "t.parquet"),
    ]
    for table in tables:
        assert table.scores["B"]["1"][Target("all", "de")] == 71.5 and table.systems == ("A", "B")
        assert [test.language for test in table.tests] == ["sw", "de"] and table.percent
    said = capsys.readouterr().err
    assert "columns: system = model, language = lang, seed = seed, score = f1\n" in said
    assert "scores of 2 languages = sw, de; not read: avg" in said


def test_columns_are_told_by_their_names_or_named() -> None:
    ours = ("task", "split", "arm", "method", "seed", "language", "score", "items", "run")
    found = infer("x", ours, {})
    assert (found.system, found.score, found.seed, found.ignored) == (
        "arm",
        "score",
        "seed",
        ("split", "method", "items", "run"),
    )
    found = infer("x", ("who", "Random Seed", "Stage2-Seed", "accuracy"), {"system": "who"})
    assert (found.seed, found.nested, found.score, found.language) == ("Random Seed", "Stage2-Seed", "accuracy", None)
    assert infer("x", ("model", "q1", "q2"), {}, ("q1", "q2")).wide == ("q1", "q2")
    assert infer("x", ("model", "seed", "whatever"), {}).score == "whatever"


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        (("model", "method", "score"), {}, "'model' and 'method' could be the column of the system; say which"),
        (("model", "lang", "accuracy", "f1"), {}, "could be the column of the score; say which with --score-column"),
        (("x", "score"), {}, "has no column of systems (x, score); name it with --system-column"),
        (("model", "lang", "x", "y"), {}, "has no column of scores"),
        (("model", "sw", "de", "remark"), {"score": "scor"}, "unknown column of t 'scor'"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_told(columns: tuple[str, ...], given: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as error:
        infer("t", columns, given)
    assert message in str(error.value)


SPOILT = [
    (LONG + "A,panx,sw,1,60\n", "line 6 and t.csv, line 2 are both of system 'A' on panx sw, seed 1; keep one"),
    ("model,lang,score\nA,sw,60\nA,sw,61\nB,sw,62\n", "they would be taken for one run: name a column of seeds"),
    (LONG.replace("60.5", "sixty"), "line 2: the score 'sixty' in column 'f1' is no number"),
    (LONG.replace("60.5", '"60,5"'), "write a decimal point, not a comma"),
    (LONG.replace("60.5", "inf"), "line 2: the score 'inf' in column 'f1' is no number"),
    (LONG.replace("60.5", "0.605"), "line 2 has 0.605 ('A' on panx sw) where t.csv, line 4 has 61 ('B'"),
    (LONG + "A,xnli,sw,1,0.5\nB,xnli,sw,1,0.6\n", "shares beside percentages"),
    ("model,lang,seed,score\nA,sw,,60\n", "line 2: the column 'seed' is empty"),
    ("model,lang,seed,score\n", "has a header line and no rows"),
    ("model,lang,seed,score\nA,sw,1,\n", "there is no score to compare"),
    ("model,lang,seed,score\nA,sw,1\n", "line 2 has 3 fields; expected 4"),
    ("", "is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), SPOILT, ids=[each[1][:40] for each in SPOILT])
def test_spoilt_tables(content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", content)
    with pytest.raises(UserError) as error:
        read_table(Path("t.csv"))
    assert message in str(error.value)


def test_shares_are_shown_in_points_and_other_units_are_no_percent() -> None:
    rows = [Row(system, Target("t", "sw"), "1", score) for system, score in (("A", 0.5), ("B", 0.75))]
    table = ScoreTable.of(rows)
    assert table.scores["B"]["1"][Target("t", "sw")] == 75 and "read as shares" in table.notes[0]
    rows = [Row(system, Target("t", "sw"), "1", score) for system, score in (("A", -3.0), ("B", 250.0))]
    assert not ScoreTable.of(rows).percent
    # Percentages near 0 in a language that nobody can do are no shares.
    rows = [Row(s, Target("t", code), "1", score) for s in "AB" for code, score in (("sw", 0.4), ("de", 80.0))]
    assert ScoreTable.of(rows).scores["A"]["1"][Target("t", "sw")] == 0.4


def test_second_stages_on_one_first_stage_are_averaged() -> None:
    rows = [
        Row(system, Target("t", "sw"), seed, score, nested)
        for system, seed, nested, score in (
            ("A", "1", "1", 50.0), ("A", "1", "2", 60.0), ("A", "2", "1", 58.0), ("B", "1", "1", 52.0),
        )
    ]  # fmt: skip
    table = ScoreTable.of(rows)
    assert table.scores["A"]["1"][Target("t", "sw")] == 55 and table.seeds("A") == ("1", "2")
    assert "Several second stages on one first stage are averaged: A (up to 2)" in table.notes[0]


def rows_of(cells: dict[tuple[str, str], str]) -> ScoreTable:
    """(system, seed) -> languages that it has."""
    return ScoreTable.of(
        Row(system, Target("t", code), seed, 50.0 + place)
        for (system, seed), codes in cells.items()
        for place, code in enumerate(codes.split())
    )


def test_languages_that_a_system_lacks_are_left_out_and_said() -> None:
    found = balance(rows_of({("A", "1"): "en sw de", ("A", "2"): "en sw de", ("B", "1"): "en sw te"}), ("A", "B"))
    assert [test.language for test in found.tests] == ["sw"]
    assert "A was not scored on t te: left out" in found.notes[0] and "B was not scored on t de" in found.notes[1]
    assert "English is the training language" in found.notes[2]
    assert found.scores["A"].shape == (2, 1)


def test_languages_that_a_system_was_trained_on_are_left_out_and_said(tmp_path: Path) -> None:
    text = "system,lang,seed,score,trained_on_language\n"
    for system in "ABC":
        for code in ("en", "de", "sw"):
            text += f"{system},{code},1,{60 + len(code)},{'true' if (system, code) in TRAINED else ''}\n"
    table = read_table(write(tmp_path / "scores.csv", text))
    assert [test.language for test in balance(table, ("A", "C")).tests] == ["de", "sw"]
    both = balance(table, ("A", "B", "C"))
    assert [test.language for test in both.tests] == ["sw"]
    assert "Left out for all systems, because one was trained on labels in the language: de." in both.notes
    # English is the ordinary training language and has a rule of its own.
    assert [test.language for test in balance(table, ("A", "B"), english=True).tests] == ["en", "sw"]
    with pytest.raises(UserError, match="every one is in a language of which a system was trained on labels"):
        balance(restrict(table, None, ["de"]), ("A", "B"))
    with pytest.raises(UserError, match="line 3: 'perhaps' in column 'trained_on_language' is neither true nor false"):
        read_table(write(tmp_path / "bad.csv", text.replace(",62,\n", ",62,perhaps\n", 1)))


def test_single_missing_cells_cost_the_run_or_the_language_whichever_is_emptier() -> None:
    full = "sw de te ru"
    found = balance(rows_of({("A", "1"): full, ("A", "2"): full, ("B", "1"): full, ("B", "2"): "sw"}), ("A", "B"))
    assert found.seeds["B"] == ("1",) and len(found.tests) == 4
    assert "Runs with missing scores are left out: B seed 2" in found.notes[-1]
    many = "sw de te ru fr th ta hi tr ar zh vi"
    runs = {(system, str(seed)): many for system in "AB" for seed in range(8)}
    less = many.removesuffix(" vi")
    found = balance(rows_of({**runs, ("B", "0"): less, ("A", "3"): less}), ("A", "B"))
    assert len(found.tests) == 11 and len(found.seeds["A"]) == 8
    assert "Languages that some run lacks are left out: t vi" in found.notes[-1]


def test_nothing_in_common_is_refused_and_english_alone_is_kept() -> None:
    with pytest.raises(UserError, match="share no task and language"):
        balance(rows_of({("A", "1"): "sw", ("B", "1"): "de"}), ("A", "B"))
    found = balance(rows_of({("A", "1"): "en", ("B", "1"): "en"}), ("A", "B"))
    assert [test.language for test in found.tests] == ["en"] and not found.notes
    both = balance(rows_of({("A", "1"): "en sw", ("B", "1"): "en sw"}), ("A", "B"), english=True)
    assert len(both.tests) == 2


def test_weights_are_means_within_tasks_and_then_over_tasks() -> None:
    tests = [("x", "sw"), ("x", "de"), ("y", "te")]
    table = ScoreTable.of(Row(s, Target(*test), "1", 50.0) for s in "AB" for test in tests)
    assert balance(table, ("A", "B")).macro().tolist() == [0.25, 0.25, 0.5]


def test_seeds_are_ordered_as_numbers_and_tables_restricted() -> None:
    assert ordered(["10", "9", "-1"]) == ("-1", "9", "10") and ordered(["b", "10", "9"]) == ("10", "9", "b")
    table = rows_of({("A", "1"): "sw de", ("B", "1"): "sw"})
    assert restrict(table, "t", ["de"]).systems == ("A",)
    for task, languages in (("u", None), (None, ["te"])):
        with pytest.raises(UserError, match="unknown"):
            restrict(table, task, languages)
