"""`xtremor expect` on tiny runs: estimates against the truth, text without labels, resuming, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import call, read_json, train_command
from helpers.own import reviews, train_own, write
from helpers.tiny import sentence, write_panx, write_xcopa

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt the tiny task in part; not to be written to."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        assert call(train_command(tiny_data, tiny_encoder, folder, "--epochs", "8")) == 0
    return folder


def expect(run: Path, output: Path, *more: str) -> list[str]:
    return ["expect", str(run), "--output", str(output), "--threads", "1", "--replicates", "100", *more]


def test_against_scores_and_by_hand(run: Path, tiny_data: Path, tmp_path: Path, capsys: Captured) -> None:
    """Truth is what `evaluate` says, ATC what the logits of English dev and of the language give."""
    data = ("--data", str(tiny_data))
    languages = ("--languages", "en,sw,de,tr,ur,hi")
    assert call(expect(run, tmp_path / "out", *data, *languages)) == 0
    table = capsys.readouterr().out
    scored = ["evaluate", str(run), *data, *languages, "--output", str(tmp_path / "scores"), "--threads", "1"]
    assert call(scored) == 0
    found, scores = read_json(tmp_path / "out" / "expected.json"), read_json(tmp_path / "scores" / "scores.json")
    assert {code: cell["accuracy"] for code, cell in found["languages"].items()} == {
        code: pytest.approx(cell["score"]) for code, cell in scores["languages"].items()
    }
    assert found["english_dev"]["accuracy"] == pytest.approx(read_json(run / "run.json")["english_dev"]["score"])
    import polars as pl

    rows = pl.read_parquet(tmp_path / "scores" / "predictions.parquet").filter(pl.col("language") == "sw")
    confidence = [np.exp(each).max() / np.exp(each).sum() for each in map(np.array, rows["logits"].to_list())]
    cell = found["languages"]["sw"]["estimates"]
    assert cell["average-confidence of accuracy"]["estimate"] == pytest.approx(100 * np.mean(confidence), abs=1e-3)
    for name in ("atc-confidence", "atc-entropy"):
        each = cell[f"{name} of accuracy"]
        assert each["low"] <= each["estimate"] <= each["high"]
    # Naive guesses: English dev, and the other languages without English and the language itself.
    others = [scores["languages"][code]["score"] for code in ("de", "tr", "ur", "hi")]
    assert cell["other-languages of accuracy"]["estimate"] == pytest.approx(np.mean(others))
    assert cell["english-dev of accuracy"]["estimate"] == found["english_dev"]["accuracy"]
    checks = {each["method"]: each for each in found["checks"]}
    errors = [
        abs(
            found["languages"][code]["estimates"]["atc-confidence of accuracy"]["estimate"]
            - scores["languages"][code]["score"]
        )
        for code in ("sw", "de", "tr", "ur", "hi")
    ]
    assert (
        checks["atc-confidence"]["mae"] == pytest.approx(np.mean(errors)) and checks["english-dev"]["coverage"] is None
    )
    assert checks["displacement-line"]["languages"] == 0 and checks["atc-line"]["languages"] == 5
    assert found["english_dev"]["largest_class"] == pytest.approx(100 / 3)
    assert found["not_checked"] == ["en"] and found["temperature"] == 1
    assert "mean absolute error" in table and len(table.splitlines()) > 12
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "expected.json"]
    capsys.readouterr()
    assert call(expect(run, tmp_path / "out", *data, *languages)) == 0
    assert "already estimated" in capsys.readouterr().err
    assert call(expect(run, tmp_path / "out", *data, *languages, "--seed", "1")) == 2
    assert "expect.seed: 0 there, 1 here" in capsys.readouterr().err


def test_displacement_and_temperature(run: Path, tiny_data: Path, tmp_path: Path, capsys: Captured) -> None:
    """A language without labels is predicted from those with some."""
    for code in ("sw", "de", "tr", "ur", "yo"):
        lines = [
            f"{sentence(random.Random(n), 'en')}\t{sentence(random.Random(f'{code}{n}'), code)}\n" for n in range(6)
        ]
        (tmp_path / f"{code}.tsv").write_text("".join(lines), encoding="utf-8")
    pairs = ",".join(str(tmp_path / f"{code}.tsv") for code in ("sw", "de", "tr", "ur", "yo"))
    assert call(["align", str(run), "--pairs", pairs, "--output", str(tmp_path / "align"), "--threads", "1"]) == 0
    (tmp_path / "text").mkdir()
    rows = "".join(json.dumps({"a": sentence(random.Random(n), "sw"), "b": "mem"}) + "\n" for n in range(40))
    (tmp_path / "text" / "yo.jsonl").write_text(rows, encoding="utf-8")
    more = ("--data", str(tiny_data), "--languages", "sw,de,tr,ur", "--displacement", str(tmp_path / "align"))
    more += ("--unlabelled", str(tmp_path / "text"), "--unlabelled-text", "a", "--unlabelled-text-pair", "b")
    more += ("--scale-temperature", "--layer", "1")
    assert call(expect(run, tmp_path / "out", *more)) == 0
    found = read_json(tmp_path / "out" / "expected.json")
    yo = found["languages"]["yo"]
    assert not yo["labels"] and yo["accuracy"] is None and yo["items"] == 40
    line = yo["estimates"]["displacement-line of accuracy"]
    assert line["languages"] == 4 and line["low"] <= line["estimate"] <= line["high"]
    assert found["temperature"] != 1 and found["displacement"]["layer"] == 1
    assert found["displacement"]["relative"].keys() == {"sw", "de", "tr", "ur", "yo"}
    assert {each["method"]: each["languages"] for each in found["checks"]}["displacement-line"] == 4


def test_tagging_estimates_tokens_and_says_so(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    """Token accuracy from confidence; F1 from lines through languages."""
    languages = ("en", "sw", "yo", "de", "tr", "fi")
    write_panx(tmp_path, languages=languages)
    more = ("--task", "panx", "--max-length", "64", "--epochs", "4")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", *more)) == 0
    (tmp_path / "ta.txt").write_text("ba de fo\nku la .\n", encoding="utf-8")
    more = ("--data", str(tmp_path), "--languages", ",".join(languages), "--unlabelled", str(tmp_path / "ta.txt"))
    assert call(expect(tmp_path / "run", tmp_path / "out", *more)) == 0
    found = read_json(tmp_path / "out" / "expected.json")
    assert "not the F1" in found["quantity"] and found["languages"]["ta"]["rows"] == 2
    assert found["languages"]["ta"]["items"] == 6 and found["languages"]["ta"]["clusters"] == 2
    scored = ["evaluate", str(tmp_path / "run"), "--data", str(tmp_path), "--languages", "en,sw", "--threads", "1"]
    assert call(scored) == 0
    scores = read_json(tmp_path / "run" / "scores.json")
    assert found["languages"]["sw"]["score"] == pytest.approx(scores["languages"]["sw"]["score"])
    import polars as pl

    rows = pl.read_parquet(tmp_path / "run" / "predictions.parquet").filter(pl.col("language") == "sw")
    tags = [(one.split(), two.split()) for one, two in rows.select("gold", "predicted").iter_rows()]
    right = [one == two for pair in tags for one, two in zip(*pair, strict=True)]
    assert found["languages"]["sw"]["accuracy"] == pytest.approx(100 * np.mean(right))
    assert {each["of"] for each in found["checks"]} == {"accuracy", "score"}
    assert "score" in capsys.readouterr().out


def test_multiple_choice_and_a_run_of_ones_own(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    write_xcopa(tmp_path)
    more = ("--task", "xcopa", "--max-length", "64")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "choice", *more)) == 0
    more = ("--data", str(tmp_path), "--languages", "et,sw")
    assert call(expect(tmp_path / "choice", tmp_path / "out", *more)) == 0
    assert read_json(tmp_path / "out" / "expected.json")["languages"]["et"]["items"] == 12
    write(reviews("en", 60), tmp_path / "reviews.csv")
    write(reviews("sw", 40, 1), tmp_path / "texts" / "sw.txt")
    write(reviews("de", 30, 1).select("text"), tmp_path / "texts" / "crawl.jsonl")
    assert call(train_own(tmp_path / "reviews.csv", tiny_encoder, tmp_path / "own", "--epochs", "2")) == 0
    more = ("--unlabelled", str(tmp_path / "texts"), "--dev")
    assert call(expect(tmp_path / "own", tmp_path / "own-out", *more[:-1])) == 2
    assert "name English rows with labels with --dev" in " ".join(capsys.readouterr().err.split())
    # Of the training file the rows that were set aside; another file whole.
    assert call(expect(tmp_path / "own", tmp_path / "own-out", *more, str(tmp_path / "reviews.csv"))) == 0
    found = read_json(tmp_path / "own-out" / "expected.json")
    dev = read_json(tmp_path / "own" / "run.json")["english_dev"]
    assert found["english_dev"]["items"] == dev["items"] == 3
    assert found["english_dev"]["accuracy"] == pytest.approx(dev["score"])
    write(reviews("en", 50, 5), tmp_path / "more.csv")
    assert call(expect(tmp_path / "own", tmp_path / "own-dev", *more, str(tmp_path / "more.csv"))) == 0
    assert read_json(tmp_path / "own-dev" / "expected.json")["english_dev"]["items"] == 50
    found = read_json(tmp_path / "own-out" / "expected.json")
    assert found["languages"].keys() == {"sw", "und"} and all(not each["languages"] for each in found["checks"])
    assert any("is called und" in note for note in found["notes"])
    # A model that answers at chance is not believed.
    assert any("that hardly learned" in note for note in found["notes"])


def test_official_files_without_labels_are_text(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_data / "xnli", tmp_path / "xnli")
    file = tmp_path / "xnli" / "test-sw.tsv"
    file.write_text(
        "".join(f"{line.rpartition(chr(9))[0]}\n" for line in file.read_text().splitlines()), encoding="utf-8"
    )
    assert call(expect(run, tmp_path / "out", "--data", str(tmp_path), "--languages", "sw,de")) == 0
    found = read_json(tmp_path / "out" / "expected.json")["languages"]
    assert not found["sw"]["labels"] and found["de"]["labels"]


def test_it_goes_on_where_it_was_stopped(
    run: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xtremor.analysis import expect as module

    more = ("--data", str(tiny_data), "--languages", "sw,de,tr")
    assert call(expect(run, tmp_path / "whole", *more)) == 0
    asked, real = [], module.answers

    def stopped(model, tokenizer, card, examples, *rest):
        asked.append(examples[0].language)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(model, tokenizer, card, examples, *rest)

    monkeypatch.setattr(module, "answers", stopped)
    assert call(expect(run, tmp_path / "out", *more)) == 130
    assert call(expect(run, tmp_path / "out", *more)) == 0
    assert asked == ["en", "sw", "de", "de", "tr"]
    found = [read_json(tmp_path / name / "expected.json") for name in ("whole", "out")]
    for name in ("languages", "checks", "english_dev"):
        assert found[0][name] == found[1][name]


BAD = {
    "no such folder": (["--displacement", "nowhere"], "no align.json is there"),
    "no displacement": (["--layer", "1"], "--layer is about --displacement"),
    "layer": (["--displacement", "{folder}", "--layer", "7"], "has layers 0 to 2"),
    "several": (["--displacement", "{several}"], "none of them; measure the run itself"),
    "replicates": (["--replicates", "9"], "--replicates must be at least 100"),
    "level": (["--level", "95"], "--level is a share"),
    "text of nothing": (["--unlabelled-text", "a"], "--unlabelled-text is about files"),
    "no such language": (["--languages", "yo"], "unknown language of xnli 'yo'"),
    "missing text": (["--unlabelled", "nowhere.txt"], "nowhere.txt does not exist"),
    "dev": (["--dev", "x"], "--dev is about files of your own; the task is xnli"),
    "english": (["--languages", "en"], "there is English alone"),
    "not of a kind": (["--task", "panx"], "cannot answer panx"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name: str, run: Path, tiny_data: Path, tmp_path: Path, capsys: Captured) -> None:
    for place, subjects in (("folder", ["run"]), ("several", ["one", "two"])):
        (tmp_path / place).mkdir()
        cells = [
            {"subject": each, "language": "sw", "layer": n, "relative": 0.5} for each in subjects for n in range(3)
        ]
        text = json.dumps({"subjects": {each: {} for each in subjects}, "layers": cells})
        (tmp_path / place / "align.json").write_text(text, encoding="utf-8")
    given, said = BAD[name]
    arguments = [each.format(folder=tmp_path / "folder", several=tmp_path / "several") for each in given]
    options = expect(run, tmp_path / "out", "--data", str(tiny_data), *arguments)
    if "--replicates" in arguments:
        del options[options.index("100") - 1 : options.index("100") + 1]
    if "--task" in arguments:
        write_panx(tmp_path)
        options[options.index(str(tiny_data))] = str(tmp_path)
    assert call(options) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error, error
    assert not (tmp_path / "out").exists()


def test_questions_have_no_such_accuracy(tmp_path: Path, run: Path, capsys: Captured) -> None:
    from xtremor.analysis.confidence import check_category
    from xtremor.errors import UserError
    from xtremor.tasks.cards import card

    for name in ("xquad", "tatoeba"):
        with pytest.raises(UserError, match="no choices among a few classes"):
            check_category(card(name))
