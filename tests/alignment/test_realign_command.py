"""`xtremor realign` from end to end on a tiny encoder: what it brings together, and what crosses to the next stage."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.tiny import sentence
from safetensors.torch import load_file

pytestmark = [pytest.mark.usefixtures("own_cache", "one_thread")]
Captured = pytest.CaptureFixture[str]


def write_pairs(folder: Path, rows: int = 24, languages: tuple[str, ...] = ("sw", "tr")) -> Path:
    """Sentences of made-up words, an unrelated one in each language; links of the first words."""
    for code in languages:
        draw = random.Random(code)
        pairs = [(sentence(random.Random(f"en {n}"), "en"), sentence(draw, code)) for n in range(rows)]
        (folder / f"{code}.tsv").write_text("".join(f"{one}\t{two}\n" for one, two in pairs), encoding="utf-8")
        links = [" ".join(f"{n}-{n}" for n in range(min(len(each.split()) for each in pair))) for pair in pairs]
        (folder / f"{code}.align").write_text("".join(f"{each}\n" for each in links), encoding="utf-8")
    return folder


def command(encoder: Path, output: Path, *more: str) -> list[str]:
    stated = {"--encoder": str(encoder), "--output": str(output), "--threads": "1", "--batch-size": "8",
              "--learning-rate": "3e-3", "--epochs": "6"}  # fmt: skip
    return ["realign", *(word for pair in stated.items() if pair[0] not in more for word in pair), *more]


def named(folder: Path, *codes: str) -> str:
    return ",".join(str(folder / f"{code}.tsv") for code in codes or ("sw", "tr"))


def links(folder: Path) -> str:
    return ",".join(str(folder / f"{code}.align") for code in ("sw", "tr"))


def relative(encoder: Path, pairs: str, output: Path) -> dict[str, float]:
    """Displacement of the last layer by language, as `xtremor align` measures it."""
    assert call(["align", str(encoder), "--pairs", pairs, "--output", str(output), "--threads", "1"]) == 0
    cells = read_json(output / "align.json")["layers"]
    last = max(cell["layer"] for cell in cells)
    return {cell["language"]: cell["relative"] for cell in cells if cell["layer"] == last}


def test_translations_come_nearer_and_everything_says_how(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    pairs = named(write_pairs(tmp_path))
    more = ("--pairs", pairs, "--epochs", "30", "--align-rows")
    assert call(command(tiny_encoder, tmp_path / "stage", *more, "20")) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "own pairs: 40 pairs (sw 20, tr 20), 40 aligned vectors" in said
    before, after = relative(tiny_encoder, pairs, tmp_path / "a"), relative(tmp_path / "stage", pairs, tmp_path / "b")
    assert all(after[code] < 0.8 * before[code] for code in ("sw", "tr"))
    record = read_json(tmp_path / "stage" / "run.json")
    assert record["arm"] == "realigned-mean20-own-pairs-sw+tr" and record["category"] == "alignment"
    # Half of the texts are English, each passed once an epoch by the encoder as it was.
    assert 0.3 < record["alignment"]["anchor_tokens"] / record["counts"]["tokens"] < 0.7
    told = record["alignment"]["squared_distance"]
    assert told["before"]["moved"] < 1e-9 and told["after"]["apart"] < told["before"]["apart"]
    assert any(each.startswith("parallel text of sw, tr (own pairs) was used") for each in record["warnings"])
    assert record["counts"]["passes_relative_to_plain"] == 1 and record["counts"]["updates"] == 5 * 30
    assert sorted(path.name for path in (tmp_path / "stage").iterdir()) == [
        "config.json",
        "log.jsonl",
        "model",
        "run.json",
    ]
    card = (tmp_path / "stage" / "model" / "README.md").read_text(encoding="utf-8")
    assert "sw 20, tr 20" in card and "xtremor train --task" in card
    capsys.readouterr()
    assert call(command(tiny_encoder, tmp_path / "stage", *more, "20")) == 0
    assert "already finished" in capsys.readouterr().err
    assert call(command(tiny_encoder, tmp_path / "stage", *more, "19")) == 2
    assert "alignment.rows: 20 there, 19 here" in capsys.readouterr().err


def test_a_task_starts_from_it(tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    """The encoder crosses and nothing else; scores, lineage and report say what was used."""
    pairs = named(write_pairs(tmp_path))
    assert call(command(tiny_encoder, tmp_path / "stage", "--pairs", pairs)) == 0
    languages = ("--evaluate", "--languages", "en,sw")
    assert call(train_command(tiny_data, tmp_path / "stage", tmp_path / "runs" / "after", *languages)) == 0
    record, scores = (read_json(tmp_path / "runs" / "after" / f"{name}.json") for name in ("run", "scores"))
    boundary = record["encoder"]["boundary"]
    assert boundary["equal"] == boundary["encoder_tensors"] and not boundary["unnamed"]
    assert any("pooler" in name for name in boundary["fresh"])
    (stage,) = record["lineage"]["stages"]
    assert stage["arm"] == "realigned-mean-own-pairs-sw+tr" and stage["task"] == "parallel text"
    assert stage["training"]["alignment"]["languages"] == {"sw": 24, "tr": 24}
    assert scores["parallel_text_seen"] == {"sw": 24, "tr": 24}
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "runs" / "plain", *languages)) == 0
    assert call(["report", str(tmp_path / "runs"), "--output", str(tmp_path / "page")]) == 0
    page = " ".join((tmp_path / "page" / "index.html").read_text(encoding="utf-8").split())
    assert "plain after realigned-mean-own-pairs-sw+tr on parallel text" in page
    assert "parallel text of sw, tr (own pairs) was used" in page and "is not known here" in page
    # It has no task of its own.
    for asked in (["evaluate", str(tmp_path / "stage")], ["expect", str(tmp_path / "stage"), "--output", "o"]):
        capsys.readouterr()
        assert call(asked) == 2
        assert "has no task to score; train the task that you want from it" in " ".join(capsys.readouterr().err.split())


def test_words_and_more_weight_on_english(tiny_encoder: Path, tmp_path: Path) -> None:
    """English moves less the more it is held, and translations come less near."""
    found = []
    write_pairs(tmp_path)
    for weight in ("0", "1", "30"):
        more = ("--pairs", named(tmp_path), "--words", links(tmp_path), "--hold-english", weight, "--seed", "3")
        assert call(command(tiny_encoder, tmp_path / weight, *more)) == 0
        record = read_json(tmp_path / weight / "run.json")
        assert record["alignment"]["kind"] == "words" and record["alignment"]["aligned_vectors"] > 3 * 48
        found.append(record["alignment"]["squared_distance"]["after"])
    assert found[0]["moved"] > found[1]["moved"] > found[2]["moved"]
    assert found[0]["apart"] < found[1]["apart"] < found[2]["apart"]
    assert read_json(tmp_path / "30" / "run.json")["arm"] == "realigned-words-own-pairs-sw+tr-hold30"


def test_killed_and_resumed_is_uninterrupted(tiny_encoder: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path)

    def made(folder: Path) -> list[str]:
        more = ("--pairs", named(tmp_path), "--words", links(tmp_path), "--accumulate", "2")
        return command(tiny_encoder, folder, *more, "--checkpoint-seconds", "0")

    assert_resumes(made, tmp_path, 20)
    records = [read_json(tmp_path / name / "run.json") for name in ("straight", "killed")]
    for key in ("counts", "alignment", "final_training_loss"):
        assert records[0][key] == records[1][key]


def test_rows_of_a_task_are_sentences(tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    """Premise and hypothesis are pairs of their own; a premise of three rows is one. Another seed is another run."""
    more = ("--parallel-task", "xnli", "--parallel-split", "test", "--data", str(tiny_data), "--languages", "sw")
    more += ("--epochs", "1", "--pooling", "cls")
    weights = []
    for seed in ("1", "2"):
        assert call(command(tiny_encoder, tmp_path / seed, *more, "--seed", seed)) == 0
        weights.append(load_file(tmp_path / seed / "model" / "model.safetensors"))
    record = read_json(tmp_path / "1" / "run.json")
    assert record["alignment"]["languages"] == {"sw": 16} and record["arm"] == "realigned-cls-xnli-test-sw"
    assert record["data"]["files"]
    different = [name for name, each in weights[0].items() if not torch.equal(each, weights[1][name])]
    assert different and not any("pooler" in name for name in different)
    # The rows that it did not see are as they were.
    before = load_file(tiny_encoder / "model.safetensors")
    table = "embeddings.word_embeddings.weight"
    moved = np.flatnonzero((weights[0][table] != before[table]).any(1).numpy())
    assert 0 < len(moved) < len(before[table]) / 2


BAD = {
    "nothing": ([], "name parallel rows"),
    "words of a task": (["--parallel-task", "xnli", "--data", "{data}", "--words", "x"], "--words are links of your"),
    "both": (["--pairs", "{pairs}", "--words", "x", "--pooling", "cls"], "leave one of the two out"),
    "pooling": (["--pairs", "{pairs}", "--pooling", "max"], "one of mean, cls"),
    "weight": (["--pairs", "{pairs}", "--hold-english", "-1"], "--hold-english must be"),
    "rows": (["--pairs", "{pairs}", "--align-rows", "0"], "--align-rows must be at least 1"),
    "train rows": (["--pairs", "{pairs}", "--train-rows", "5"], "--train-rows means nothing to realign"),
    "lora": (["--pairs", "{pairs}", "--l2-sp", "0.1"], "--l2-sp means nothing to realign"),
    "no such language": (["--pairs", "{pairs}", "--languages", "yo"], "names no file of yo"),
    "missing": (["--pairs", "{pairs}", "--words", "sw={folder}/none.align"], "none.align does not exist"),
    "no language": (["--pairs", "{pairs}", "--words", "{folder}/some-thing.align"], "states no language"),
    "short": (["--pairs", "{pairs}", "--words", "sw={folder}/short.align"], "2 lines and the sw file 24 rows"),
    "no link": (["--pairs", "{pairs}", "--words", "sw={folder}/word.align"], "line 2: '0:1' is no link"),
    "no such word": (["--pairs", "{pairs}", "--words", "sw={folder}/far.align"], "line 3: 90-0 names word 90 of the"),
    "empty": (["--pairs", "{pairs}", "--words", "sw={folder}/empty.align"], "no row in sw has a link"),
    "another language": (["--pairs", "{pairs}", "--words", "tr={folder}/tr.align"], "--words names no file of sw"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(
    name: str, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    write_pairs(tmp_path)
    files = {
        "short": "0-0\n0-0\n", "word": "0-0\n0:1\n" + "\n" * 22, "far": "\n\n90-0\n" + "\n" * 21, "empty": "\n" * 24,
        "some-thing": "",
    }  # fmt: skip
    for file, text in files.items():
        (tmp_path / f"{file}.align").write_text(text, encoding="utf-8")
    given, said = BAD[name]
    values = {"data": tiny_data, "pairs": named(tmp_path, "sw"), "folder": tmp_path}
    assert call(command(tiny_encoder, tmp_path / "out", *(each.format(**values) for each in given))) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error, error
    assert not (tmp_path / "out").exists()
