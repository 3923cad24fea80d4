"""``xtremor predict`` of models that tag, choose or answer: formats, edges, nothing half-written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.commands import call
from helpers.own import Own

from xtremor.evaluation.labelling import questions, tags
from xtremor.sources.own.conll import Conll
from xtremor.tasks import spans, tagging

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
Learnt = Callable[[str], tuple[Own, Path]]
BARE = "yin\nba\n\n\nmem\n"


def predict(run: Path, file: Path, *more: str) -> int:
    return call(["predict", str(run), str(file), "--threads", "1", *more])


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def tagger(learnt_kind: Learnt) -> Path:
    return learnt_kind("tagging")[1]


@pytest.fixture
def chooser(learnt_kind: Learnt) -> Path:
    return learnt_kind("choice")[1]


@pytest.fixture
def answerer(learnt_kind: Learnt) -> Path:
    return learnt_kind("spans")[1]


def universal(number: str, form: str, tag: str = "_") -> str:
    return "\t".join([number, form, "_", tag, *"______"]) + "\n"


UNIVERSAL = f"# text = yin\n{universal('1-2', 'yinba')}{universal('1', 'yin', 'X')}{universal('2', 'ba')}\n"


@pytest.mark.parametrize(
    ("name", "content", "output", "expected"),
    [
        ("a.conll", BARE, "o.conll", "yin\tB-PER\nba\tO\n\n\nmem\tB-LOC\n"),
        ("a.conll", "-DOCSTART- x\n\nyin  x\nba y\n", "o.iob", "-DOCSTART- x\n\nyin  x B-PER\nba y O\n"),
        ("a.bio", "yin ba\tx\tO\nba\ty\tO", "o.bio", "yin ba\tx\tO\tB-PER\nba\ty\tO\tO\n"),
        ("a.txt", "yin ba\r\nmem\n", "o.conll", "yin\tB-PER\nba\tO\n\nmem\tB-LOC\n\n"),
        (
            "a.conllu", UNIVERSAL, "o.conllu",
            UNIVERSAL.replace("\tX\t", "\tB-PER\t").replace("2\tba\t_\t_", "2\tba\t_\tO"),
        ),
        ("a.conllu", UNIVERSAL, "o.conll", UNIVERSAL.split("1\tyin\t")[0] + "yin\tB-PER\nba\tO\n\n"),
    ],
)  # fmt: skip
def test_sentences_in_every_format(
    tagger: Path, tmp_path: Path, capsys: Captured, name: str, content: str, output: str, expected: str
) -> None:
    file = write(tmp_path / name, content)
    assert predict(tagger, file, "-o", str(tmp_path / output)) == 0
    assert (tmp_path / output).read_bytes().decode() == expected
    said = capsys.readouterr().err
    there = str(tmp_path / output)
    assert re.search(r"\d sentences? with \d tokens", said) and re.search(
        rf"sentences? tagged in {re.escape(there)}: ", said
    )


def test_tags_do_not_depend_on_chunks_and_memory_holds_one(
    learnt_kind: Learnt, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    own, run = learnt_kind("tagging")
    assert predict(run, own.train) == 0
    whole = capsys.readouterr().out
    sizes = []

    def counted(model: Any, tokenizer: Any, examples: Any, *more: Any) -> Any:
        sizes.append(sum(len(example.tokens) for example in examples))
        return original(model, tokenizer, examples, *more)

    original = tagging.predict
    monkeypatch.setattr(tagging, "predict", counted)
    monkeypatch.setattr(tags, "CHUNK_TOKENS", 20)
    assert predict(run, own.train) == 0
    assert capsys.readouterr().out == whole
    longest = max(len(sentence) for sentence in Conll(own.train).sentences())
    assert len(sizes) > 10 and max(sizes) < 20 + longest


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "fault"])
@pytest.mark.parametrize("category", ["tagging", "spans"])
def test_stopped_it_leaves_nothing(
    learnt_kind: Learnt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, how: str, category: str
) -> None:
    own, run = learnt_kind(category)
    module = {"tagging": tagging, "spans": spans}[category]
    original, calls = module.predict, []

    def stopped(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            if how == "SIGTERM":
                os.kill(os.getpid(), signal.SIGTERM)
            raise KeyboardInterrupt if how == "Ctrl-C" else RuntimeError("broken")
        return original(*given)

    monkeypatch.setattr(module, "predict", stopped)
    monkeypatch.setattr(tags, "CHUNK_TOKENS", 20)
    monkeypatch.setattr(questions, "CHUNK", 3)
    output = write(tmp_path / f"out{own.file.suffix}", "older")
    assert predict(run, own.file, "-o", str(output)) == (1 if how == "fault" else 130)
    assert output.read_text(encoding="utf-8") == "older" and [path.name for path in tmp_path.iterdir()] == [output.name]
    assert ("nothing was written to" in capsys.readouterr().err) == (how != "fault")


BAD_SENTENCES = [
    ("a.txt", "yin\n\nba\n", (), "line 2 is empty; expected a sentence"),
    ("a.conll", "yin a\nba\n", (), "line 2 has 1 field; expected 2"),
    ("a.conll", "\n", (), "holds no sentence; expected one token a line"),
    ("a.conllu", "1\tyin\n", (), "CoNLL-U has 10"),
    ("a.csv", "text\nyin\n", (), "the model tags tokens; name a file of one token a line (.conll, .bio"),
    ("a.conll", BARE, ("-o", "out.csv"), "tagged sentences of a .conll file are written as .conll or .bio or .iob"),
    ("a.txt", BARE, ("-o", "out.conllu"), "tagged sentences of a .txt file are written as .conll or .bio or .iob"),
    ("a.conll", BARE, ("--probabilities",), "--probabilities means nothing for a model of the category tagging"),
    ("a.conll", BARE, ("--text", "x"), "--text means nothing"),
    ("a.conll", BARE, ("--max-length", "141"), "more than the 140 positions"),
]


@pytest.mark.parametrize(("name", "content", "more", "message"), BAD_SENTENCES)
def test_sentences_that_are_refused(
    tagger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured,
    name: str, content: str, more: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert predict(tagger, write(tmp_path / name, content), *more) == 2
    said = capsys.readouterr()
    assert message in said.err and said.out == "" and [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_not_written_over_and_standard_input_is_for_tables(
    tagger: Path, tmp_path: Path, capsys: Captured
) -> None:
    file = write(tmp_path / "a.conll", BARE)
    assert predict(tagger, file, "-o", str(file)) == 2
    assert "is the file that is read" in capsys.readouterr().err and file.read_text(encoding="utf-8") == BARE
    assert call(["predict", str(tagger), "-"]) == 2
    assert "the model tags tokens; name a file" in capsys.readouterr().err
    assert predict(tagger, tmp_path / "no.txt") == 2
    assert "no.txt does not exist" in capsys.readouterr().err


def test_a_model_without_its_run_is_known_by_its_head(
    tagger: Path, answerer: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    shutil.copytree(tagger / "model", tmp_path / "tagger")
    assert predict(tmp_path / "tagger", write(tmp_path / "a.txt", "yin ba\n")) == 0
    assert capsys.readouterr().out == "yin\tB-PER\nba\tO\n\n"
    config = json.loads((tmp_path / "tagger" / "config.json").read_text(encoding="utf-8"))
    config["id2label"]["1"] = "a person"
    write(tmp_path / "tagger" / "config.json", json.dumps(config))
    assert predict(tmp_path / "tagger", tmp_path / "a.txt") == 2
    assert "has a tag 'a person', which is no one word" in capsys.readouterr().err
    shutil.copytree(answerer / "model", tmp_path / "answerer")
    assert predict(tmp_path / "answerer", tmp_path / "a.txt") == 2
    assert "name a SQuAD .json file" in capsys.readouterr().err


def marked(own: Own) -> str:
    """The word that marks right choices, from the files themselves."""
    rows = [json.loads(line) for line in own.train.read_text(encoding="utf-8").splitlines()]
    return str(rows[0][f"choice{rows[0]['label'] + 1}"].split()[-1])


def rows(own: Own) -> pl.DataFrame:
    """Four rows without labels, the right choice the second and the first in turns."""
    right, wrong = f"ba {marked(own)}", "ba de"
    first, second = [wrong, right] * 2, [right, wrong] * 2
    return pl.DataFrame({"premise": ["ku"] * 4, "question": ["cause"] * 4, "choice1": first, "choice2": second})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_choices_are_columns_of_the_table(learnt_kind: Learnt, tmp_path: Path, suffix: str) -> None:
    own, run = learnt_kind("choice")
    frame = rows(own)
    frame.write_csv(tmp_path / "a.csv")
    output = tmp_path / f"out{suffix}"
    assert predict(run, tmp_path / "a.csv", "-o", str(output), "--probabilities") == 0
    read: dict[str, Any] = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}
    table = pl.read_csv(output, separator="\t") if suffix == ".tsv" else read[suffix](output)
    assert table.columns == [*frame.columns, "predicted", "confidence", "probability_0", "probability_1"]
    assert table["predicted"].cast(pl.String).to_list() == ["1", "0", "1", "0"]
    for row in table.to_dicts():
        assert row["probability_0"] + row["probability_1"] == pytest.approx(1, abs=1e-5)
        assert row["confidence"] == max(row["probability_0"], row["probability_1"])


def test_choices_are_called_as_in_training(
    learnt_kind: Learnt, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    """Trained on the names of columns, it answers with names: those of the file that is labelled."""
    own, run = learnt_kind("choice")
    named = tmp_path / "run"
    shutil.copytree(run, named)
    record = json.loads((named / "run.json").read_text(encoding="utf-8"))
    record["own"]["labels"] = ["choice1", "choice2"]
    write(named / "run.json", json.dumps(record))
    rows(own).write_ndjson(tmp_path / "a.jsonl")
    assert predict(named, tmp_path / "a.jsonl") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["predicted"] for row in found] == ["choice2", "choice1"] * 2
    rows(own).rename({"choice1": "a", "choice2": "b", "premise": "p"}).write_ndjson(tmp_path / "b.jsonl")
    assert predict(named, tmp_path / "b.jsonl", "--choices", "a,b", "--text", "p") == 0
    assert [json.loads(line)["predicted"] for line in capsys.readouterr().out.splitlines()] == ["b", "a"] * 2


def test_long_contexts_are_cut_and_said(chooser: Path, tmp_path: Path, capsys: Captured) -> None:
    long = {"premise": "ba " * 200, "question": "cause", "choice1": "de", "choice2": "fo"}
    write(tmp_path / "a.jsonl", json.dumps(long) + "\n")
    assert predict(chooser, tmp_path / "a.jsonl") == 0
    assert "cut at 128 tokens: 2 texts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "more", "message"),
    [
        ("premise,question,choice1", (), "unknown column of"),
        ("premise,question,choice1,choice2,predicted", (), "has a column 'predicted' already"),
        ("premise,question,choice1,choice2", ("--choices", "choice1"), "--choices names 1 columns; expected 2"),
        ("premise,question,choice1,choice2", ("--choices", "a,b"), "unknown column of"),
        ("premise,question,choice1,choice2", ("--batch-size", "2"), "--batch-size means nothing"),
    ],
)
def test_choices_that_are_refused(
    chooser: Path, tmp_path: Path, capsys: Captured, columns: str, more: tuple[str, ...], message: str
) -> None:
    row = ",".join("ba" for _ in columns.split(","))
    assert predict(chooser, write(tmp_path / "a.csv", f"{columns}\n{row}\n"), *more) == 2
    said = capsys.readouterr()
    assert message in said.err and said.out == ""


def test_a_chooser_without_its_run_needs_its_columns_named(
    learnt_kind: Learnt, tmp_path: Path, capsys: Captured
) -> None:
    own, run = learnt_kind("choice")
    shutil.copytree(run / "model", tmp_path / "model")
    rows(own).write_csv(tmp_path / "a.csv")
    assert predict(tmp_path / "model", tmp_path / "a.csv") == 2
    assert "name the context with --text and the columns of the choices with --choices a,b" in capsys.readouterr().err
    named = ("--text", "premise", "--text-pair", "question", "--choices", "choice1,choice2")
    assert predict(tmp_path / "model", tmp_path / "a.csv", *named) == 0
    assert [json.loads(line)["predicted"] for line in capsys.readouterr().out.splitlines()] == ["1", "0"] * 2


def squad(*ids: str) -> str:
    asked = [{"id": each, "question": "ba de?"} for each in ids]
    return json.dumps({"data": [{"paragraphs": [{"context": "ku yin la", "qas": asked}]}]})


def test_questions_without_answers_are_answered(
    answerer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(questions, "CHUNK", 2)
    file = write(tmp_path / "a.json", squad("1", "2", "3"))
    assert predict(answerer, file, "-o", str(tmp_path / "out.json")) == 0
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert found == {"1": "yin", "2": "yin", "3": "yin"}
    assert ": 3 questions\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "more", "message"),
    [
        ("a.json", squad("1", "1"), (), "the id '1' stands twice, and answers are keyed by it"),
        ("a.json", "{", (), "no valid JSON"),
        ("a.json", squad(), (), "holds no question"),
        ("a.json", squad("1"), ("-o", "out.csv"), "answers are written as one JSON object; name a .json file"),
        ("a.csv", "text\nba\n", (), "a.csv is none; the model answers questions about paragraphs"),
    ],
)
def test_questions_that_are_refused(
    answerer: Path, tmp_path: Path, capsys: Captured, name: str, content: str, more: tuple[str, ...], message: str
) -> None:
    assert predict(answerer, write(tmp_path / name, content), *more) == 2
    said = capsys.readouterr()
    assert message in said.err and said.out == ""
