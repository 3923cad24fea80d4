"""``xtremor predict``: the right labels in every format, all columns kept, memory bounded, nothing half-written."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from helpers.commands import call, train_command
from helpers.own import reviews, train_own, write
from helpers.tiny import LABELS

from xtremor.evaluation.labelling import tables
from xtremor.evaluation.labelling.texts import Classifier

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
NEW = reviews("sw", 70, 9).drop("stars")


def trained(command: list[str], folder: Path, base: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(base / "cache"))
        assert call(command) == 0
    return folder


@pytest.fixture(scope="module")
def run(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a CSV file, 16 tokens at most; not to be written to."""
    folder = tmp_path_factory.mktemp("labelling")
    data = write(reviews("en", 160), folder / "reviews.csv")
    command = train_own(data, tiny_encoder, folder / "run", "--max-length", "16")
    return trained(command, folder / "run", tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def expected(run: Path) -> list[dict[str, Any]]:
    """What transformers' own pipeline says of the new rows."""
    from transformers import pipeline

    return list(pipeline("text-classification", model=str(run / "model"))(NEW["text"].to_list()))


def predict(run: Path, file: Path | str, *more: str) -> int:
    return call(["predict", str(run), str(file), "--threads", "1", *more])


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".tsv":
        return pl.read_csv(path, separator="\t", quote_char=None)
    return {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[path.suffix](path)


@pytest.mark.parametrize("given", [".csv", ".tsv", ".jsonl", ".parquet", ".txt"])
def test_every_format_gives_the_labels_of_the_pipeline(
    run: Path, expected: list[dict[str, Any]], tmp_path: Path, given: str
) -> None:
    file = write(NEW, tmp_path / f"new{given}")
    for wanted in (".csv", ".tsv", ".jsonl", ".parquet"):
        output = tmp_path / f"out{wanted}"
        assert predict(run, file, "--output", str(output)) == 0
        table = read(output)
        assert table.columns == [*(["text"] if given == ".txt" else NEW.columns), "predicted", "confidence"]
        assert table["text"].to_list() == NEW["text"].to_list()
        assert table["predicted"].cast(pl.String).to_list() == [each["label"] for each in expected]
        assert table["confidence"].to_list() == pytest.approx([each["score"] for each in expected], abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file.name, *(f"out{x}" for x in OUT)])


OUT = (".csv", ".tsv", ".jsonl", ".parquet")


def test_all_columns_are_kept_as_they_were(run: Path, tmp_path: Path) -> None:
    """Types of Parquet, nested values of JSON lines, spelling of CSV."""
    frame = NEW.head(4).with_columns(
        pl.Series("when", [datetime(2026, 1, day) for day in range(1, 5)], dtype=pl.Datetime("ns")),
        pl.Series("tags", [["a"], [], None, ["b", "c"]]),
        pl.Series("share", [0.5, None, float("nan"), 1.0]),
        pl.Series("kind", ["x", "y", "x", "y"], dtype=pl.Enum(["x", "y"])),
    )
    write(frame, tmp_path / "new.parquet")
    assert predict(run, tmp_path / "new.parquet", "-o", str(tmp_path / "out.parquet")) == 0
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert table.drop("predicted", "confidence").equals(frame) and table.schema["when"] == pl.Datetime("ns")
    assert predict(run, tmp_path / "new.parquet", "-o", str(tmp_path / "out.jsonl")) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[3]["tags"] == ["b", "c"] and lines[2]["share"] is None and lines[0]["when"].startswith("2026-01-01")
    (tmp_path / "new.csv").write_text('id,text,note\n007,"yin, ""ba""\nde",1.50\n', encoding="utf-8")
    assert predict(run, tmp_path / "new.csv", "-o", str(tmp_path / "out.csv")) == 0
    assert (
        (tmp_path / "out.csv")
        .read_text(encoding="utf-8")
        .startswith('id,text,note,predicted,confidence\n007,"yin, ""ba""\nde",1.50,')
    )


def test_json_lines_become_a_typed_parquet_file(run: Path, tmp_path: Path) -> None:
    lines = [{"text": "yin ba", "n": 1, "good": True}, {"text": "nay ba", "n": 2.5, "good": None}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert predict(run, tmp_path / "a.jsonl", "-o", str(tmp_path / "a.parquet")) == 0
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table.select("text", "n", "good").to_dicts() == lines and table.schema["n"] == pl.Float64


def test_probabilities(run: Path, tmp_path: Path) -> None:
    write(NEW, tmp_path / "new.csv")
    assert predict(run, tmp_path / "new.csv", "--probabilities", "-o", str(tmp_path / "out.parquet")) == 0
    table = pl.read_parquet(tmp_path / "out.parquet")
    names = ["probability_1", "probability_2", "probability_3"]
    assert table.columns[-3:] == names
    for row in table.to_dicts():
        values = [row[name] for name in names]
        assert sum(values) == pytest.approx(1, abs=1e-5) and row["confidence"] == max(values)
        assert row["predicted"] == str(values.index(max(values)) + 1)


def test_neither_chunks_nor_batches_change_an_answer(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    write(NEW, tmp_path / "new.csv")
    answers = []
    for rows, more in ((2048, ()), (7, ()), (2048, ("--batch-size", "3")), (16, ("--batch-size", "1000"))):
        monkeypatch.setattr(tables, "CHUNK_ROWS", rows)
        assert predict(run, tmp_path / "new.csv", *more) == 0
        answers.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    for other in answers[1:]:
        assert [row["predicted"] for row in other] == [row["predicted"] for row in answers[0]]
        for one, two in zip(answers[0], other, strict=True):
            assert one["confidence"] == pytest.approx(two["confidence"], abs=2e-6)


def test_a_parquet_file_is_joined_from_its_parts_in_order(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 7)
    monkeypatch.setattr("xtremor.evaluation.labelling.answers.PART_BYTES", 1000)
    write(NEW, tmp_path / "new.parquet")
    assert predict(run, tmp_path / "new.parquet", "-o", str(tmp_path / "out.parquet")) == 0
    assert pl.read_parquet(tmp_path / "out.parquet").drop("predicted", "confidence").equals(NEW)


def test_no_more_than_a_chunk_is_read_ahead(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by rows and by characters, whatever the file."""
    rows = ((n, {"text": "x" * 60}) for n in range(1000))
    taken = tables._chunks(rows, ["text"], 10)
    assert len(next(taken)) == 10 and next(rows)[0] == 10
    monkeypatch.setattr(tables, "CHUNK_CHARACTERS", 100)
    assert [len(chunk) for chunk in tables._chunks([(1, {"text": "x" * 60})] * 5, ["text"], 10)] == [2, 2, 1]


def test_standard_input_to_standard_output(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    lines = "".join(json.dumps({"n": n, "text": text}) + "\n" for n, text in enumerate(["yin ba", "nay ä", "mem"]))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(lines.encode())))
    assert predict(run, "-") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["n"], row["text"], row["predicted"]) for row in found] == [
        (0, "yin ba", "1"), (1, "nay ä", "3"), (2, "mem", "2"),
    ]  # fmt: skip


def test_a_folder_without_its_run(run: Path, tmp_path: Path, capsys: Captured) -> None:
    """RUN/model is the run; elsewhere it is a Hugging Face folder like any other, cut where the encoder ends."""
    write(pl.DataFrame({"text": ["ba " * 200 + "yin", "nay"]}), tmp_path / "new.csv")
    shutil.copytree(run / "model", tmp_path / "elsewhere")
    for folder, length in ((run, 16), (run / "model", 16), (tmp_path / "elsewhere", 140)):
        assert predict(folder, tmp_path / "new.csv") == 0
        said = capsys.readouterr()
        assert f"cut at {length} tokens: 1 text" in said.err
        assert json.loads(said.out.splitlines()[1])["predicted"] == "3"
    assert predict(run, tmp_path / "new.csv", "--max-length", "40") == 0
    assert "cut at 40 tokens" in capsys.readouterr().err


def test_a_built_in_task_of_pairs(tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    assert (
        call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--epochs", "12", "--learning-rate", "1e-2")) == 0
    )
    rows = [line.split("\t") for line in (tiny_data / "xnli" / "test-sw.tsv").read_text(encoding="utf-8").splitlines()]
    pl.DataFrame(rows, schema=["p", "h", "gold"], orient="row").write_csv(tmp_path / "pairs.csv")
    assert predict(tmp_path / "run", tmp_path / "pairs.csv", "--text", "p") == 2
    assert "trained on pairs of texts; name both columns with --text and --text-pair" in capsys.readouterr().err
    assert predict(tmp_path / "run", tmp_path / "pairs.csv", "--text", "p", "--text-pair", "h") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert call(["evaluate", str(tmp_path / "run"), "--data", str(tiny_data), "--languages", "sw"]) == 0
    scored = pl.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert [row["predicted"] for row in found] == scored["predicted"].to_list() and set(scored["predicted"]) <= set(
        LABELS
    )


@pytest.mark.parametrize("wanted", OUT)
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "fault"])
def test_stopped_it_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, how: str, wanted: str
) -> None:
    write(NEW, tmp_path / "new.csv")
    output = tmp_path / f"out{wanted}"
    output.write_text("older", encoding="utf-8")
    probabilities, calls = Classifier.probabilities, []

    def stopped(self: Classifier, texts: Any) -> Any:
        calls.append(texts)
        if len(calls) == 3:
            if how == "SIGTERM":
                os.kill(os.getpid(), signal.SIGTERM)
            raise KeyboardInterrupt if how == "Ctrl-C" else RuntimeError("broken")
        return probabilities(self, texts)

    monkeypatch.setattr(tables, "CHUNK_ROWS", 10)
    monkeypatch.setattr(Classifier, "probabilities", stopped)
    assert predict(run, tmp_path / "new.csv", "-o", str(output)) == (1 if how == "fault" else 130)
    assert output.read_text(encoding="utf-8") == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", output.name]
    assert ("nothing was written to" in capsys.readouterr().err) == (how != "fault")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


BAD = [
    ("new.csv", "text\na\n\n", (), "line 3 is empty"),
    ("new.csv", 'text,n\na,1\n" ",2\n', (), "line 3: column 'text' is empty"),
    ("new.csv", "text,n\na,1\nb\n", (), "line 3 has 1 field"),
    ("new.csv", "text,predicted\na,1\n", (), "has a column 'predicted' already"),
    ("new.csv", "text,probability_2\na,1\n", ("--probabilities",), "has a column 'probability_2' already"),
    ("new.csv", "first title,second text\na b,c d\n", (), "name the text column with --text"),
    ("new.csv", "text,n\na,1\n", ("--text", "txt"), "unknown column of"),
    ("new.csv", "text,n\na,1\n", ("--text-pair", "n"), "trained on single texts; leave out --text-pair n"),
    ("new.csv", "text,n\na,1\n", ("--batch-size", "0"), "--batch-size must be at least 1"),
    ("new.csv", "text,n\na,1\n", ("--max-length", "141"), "more than the 140 positions"),
    ("new.jsonl", '{"text": "a"}\n{"text": 1}\n', (), "line 2: column 'text' is no text but '1'"),
    ("new.jsonl", '{"text": "a"}\n{"txt": "b"}\n', (), "line 2: column 'text' is missing"),
    ("new.jsonl", '{"text": "a"}\n{"text": "b", "confidence": 1}\n', (), "line 2 has a column 'confidence' already"),
    ("new.dat", "a\n", (), "its suffix '.dat'"),
]


@pytest.mark.parametrize(("name", "content", "more", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_labelled(
    run: Path, tmp_path: Path, capsys: Captured, name: str, content: str, more: tuple[str, ...], message: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert predict(run, tmp_path / name, *more) == 2
    said = capsys.readouterr()
    assert message in said.err and said.out == "" and "Traceback" not in said.err


UNWRITABLE = [
    ('{"text": "a", "n": {"k": 1}}\n', ".csv", "column 'n' is not flat"),
    ('{"text": "a", "n": [1]}\n', ".parquet", "column 'n' is not flat"),
    ('{"text": "a", "n": 1}\n{"text": "a", "n": "1"}\n', ".parquet", "column 'n' mixes int and str"),
    ('{"text": "a", "n": 99999999999999999999}\n', ".parquet", "exceeds 64 bits"),
    ('{"text": "a"}\n{"text": "b", "n": 1}\n', ".csv", "line 2: 'n' is no key of the first row"),
    ('{"text": "a\\tb"}\n', ".tsv", "holds a tab or a line break"),
    ('{"text": "a"}\n', ".xyz", "the suffix says how to write it"),
    ('{"text": "a"}\n', ".txt", "the suffix says how to write it"),
]


@pytest.mark.parametrize(("content", "wanted", "message"), UNWRITABLE)
def test_what_an_output_cannot_hold(
    run: Path, tmp_path: Path, capsys: Captured, content: str, wanted: str, message: str
) -> None:
    (tmp_path / "new.jsonl").write_text(content, encoding="utf-8")
    assert predict(run, tmp_path / "new.jsonl", "-o", str(tmp_path / f"out{wanted}")) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["new.jsonl"]


def test_the_input_is_never_the_output(run: Path, tmp_path: Path, capsys: Captured) -> None:
    file = write(NEW, tmp_path / "new.csv")
    before = file.read_bytes()
    assert predict(run, file, "-o", str(tmp_path / "." / "new.csv")) == 2
    assert "is the file that is read" in capsys.readouterr().err and file.read_bytes() == before


def test_what_is_no_classifier(run: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    file = write(NEW, tmp_path / "new.csv")
    one = shutil.copytree(run / "model", tmp_path / "regression")
    config = json.loads((one / "config.json").read_text(encoding="utf-8"))
    (one / "config.json").write_text(json.dumps({**config, "problem_type": "multi_label_classification"}))
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "empty", "is not a run folder"),
        (tiny_encoder, "holds no trained classifier (its weights lack"),
        (one, "is a model for multi_label_classification"),
    ):
        assert predict(folder, file) == 2
        assert message in capsys.readouterr().err
