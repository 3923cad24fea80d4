"""Retrieval through the commands: an encoder as it is and a trained one; submitted and scored; resumed bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.retrieval import LAREQA, write_bucc, write_lareqa, write_mewslix, write_tatoeba

from xtremor.scoring.predictions import read_predictions

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
WRITERS = {
    "tatoeba": (write_tatoeba, "de,jv"),
    "bucc2018": (write_bucc, "de,fr"),
    "lareqa": (write_lareqa, ",".join(LAREQA)),
    "mewslix": (write_mewslix, "de,en"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retrieval") / "data"
    for writer, _ in WRITERS.values():
        writer(folder)
    return folder


def baseline(task: str, data: Path, encoder: Path | str, output: Path, *more: str) -> list[str]:
    command = ["baseline", "--task", task, "--data", str(data), "--encoder", str(encoder), "--output", str(output)]
    return [*command, "--languages", WRITERS[task][1], "--threads", "1", "--max-length", "128", *more]


def command(data: Path, encoder: Path, output: Path, epochs: int, *more: str) -> list[str]:
    return [
        "train", "--task", "lareqa", "--data", str(data), "--encoder", str(encoder), "--output", str(output),
        "--batch-size", "8", "--learning-rate", "1e-2", "--threads", "1", "--max-length", "128",
        "--epochs", str(epochs), *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pgd"
    options = ("--method", "pgd", "--prefix-query", "ba ", "--temperature", "0.05", "--evaluate")
    assert call(command(data, tiny_encoder, folder, 4, *options)) == 0
    return folder


@pytest.mark.parametrize("task", WRITERS)
def test_submitted_and_scored_an_encoder_has_its_own_scores(
    task: str, data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert call(baseline(task, data, tiny_encoder, run)) == 0
    own = read_json(run / "scores.json")
    # A random encoder finds like words, and not by chance alone.
    assert own["arm"] == "frozen, layer 2, mean" and 5 < own["average"] <= 100
    assert call(["submit", str(run), "--output", str(tmp_path / "out"), "--partial"]) == 0
    benchmark = ("--benchmark", "xtreme") if task == "bucc2018" else ()
    scored = tmp_path / "scored.json"
    assert call(["score", str(tmp_path / "out"), "--gold", str(data), "--output", str(scored), *benchmark]) == 0
    found = read_json(scored)["tasks"][task]["languages"]
    assert {code: cell["score"] for code, cell in found.items()} == {
        code: pytest.approx(cell["score"]) for code, cell in own["languages"].items()
    }
    assert call(["report", str(run), "--output", str(tmp_path / "report")]) == 0


def test_a_tatoeba_file_is_in_the_order_of_the_sorted_queries(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    assert call(baseline("tatoeba", data, tiny_encoder, tmp_path / "run")) == 0
    table, _ = read_predictions(tmp_path / "run" / "predictions.parquet")
    rows = table.filter(table["language"] == "de")
    lines = (data / "tatoeba" / "tatoeba.deu-eng.eng").read_text(encoding="utf-8").splitlines()
    assert [lines[row] for row in rows["row"]] == sorted(lines)
    # The translation of the last two lines is one text: the lower line wins.
    assert rows.filter(rows["row"] == 11)["predicted"].to_list() == ["10"]
    assert call(["submit", str(tmp_path / "run"), "--output", str(tmp_path / "out"), "--partial"]) == 0
    written = (tmp_path / "out" / "tatoeba" / "test-de.tsv").read_text(encoding="utf-8")
    assert written == "".join(f"{row}\n" for row in rows["predicted"])


def test_layer_pooling_and_prefixes_are_recorded_and_decide_which_run_it_is(
    data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    options = ("--layer", "1", "--pooling", "cls", "--prefix-query", "ba ", "--prefix-passage", "de ")
    first = baseline("tatoeba", data, tiny_encoder, tmp_path / "run", *options)
    assert call(first) == 0
    training = read_json(tmp_path / "run" / "run.json")["training"]
    assert training == {
        "max_length": 128, "pooling": "cls", "prefix_query": "ba ", "prefix_passage": "de ", "layer": 1,
        "layer_chosen_by": None,
    }  # fmt: skip
    scores = (tmp_path / "run" / "scores.json").read_bytes()
    assert call(first) == 0 and "already scored" in capsys.readouterr().err
    assert (tmp_path / "run" / "scores.json").read_bytes() == scores
    assert call(baseline("tatoeba", data, tiny_encoder, tmp_path / "run")) == 2
    assert "layer: 1 there, None here; pooling: cls there, mean here" in capsys.readouterr().err


def test_the_best_layer_is_chosen_on_english_pairs(
    data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert call(baseline("lareqa", data, tiny_encoder, tmp_path / "run", "--layer", "best", "--limit", "2")) == 0
    record, scores = read_json(tmp_path / "run" / "run.json"), read_json(tmp_path / "run" / "scores.json")
    shares = scores["english_layers"]
    assert len(shares) == 3 and shares[record["training"]["layer"]] == max(shares) > 100 / 48
    assert record["training"]["layer_chosen_by"] == "best"
    assert "squad/train-v1.1.json" in record["data"]["files"]
    assert "is best on 48 English training pairs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("tatoeba", ("--layer", "best"), "--layer best chooses on English training pairs, and tatoeba has none"),
        ("tatoeba", ("--layer", "3"), "--layer 3: encoder .* has layers 0 .* to 2"),
        ("tatoeba", ("--layer", "-1"), "--layer is a number from 0, the embeddings, or best, not '-1'"),
        ("tatoeba", ("--pooling", "max"), "--pooling must be one of mean, cls, not 'max'"),
        ("tatoeba", ("--train-rows", "5"), "--train-rows is about centroids of classes"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    task: str, options: tuple[str, ...], said: str, data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    import re

    assert call(baseline(task, data, tiny_encoder, tmp_path / "run", *options)) == 2
    assert re.search(said, capsys.readouterr().err) and not (tmp_path / "run").exists()


def test_options_of_retrieval_are_refused_elsewhere(tmp_path: Path, capsys: Captured) -> None:
    for command, option in (("baseline", "--layer"), ("baseline", "--pooling"), ("train", "--temperature")):
        value = {"--layer": "1", "--pooling": "cls", "--temperature": "0.1"}[option]
        assert call([command, "--task", "intents", option, value, "--output", str(tmp_path / "run")]) == 2
        assert f"{option} is about retrieval, and intents is classification" in capsys.readouterr().err


def test_bucc_needs_dev_for_its_threshold(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    data = write_bucc(tmp_path / "data")
    assert call(baseline("bucc2018", data, tiny_encoder, tmp_path / "run")) == 0
    scores = read_json(tmp_path / "run" / "scores.json")
    assert list(scores["thresholds"]) == ["de", "fr"] and all(value > 0 for value in scores["thresholds"].values())
    assert set(scores["languages"]["de"]["figures"]) == {"f1", "precision", "recall"}
    for path in (data / "bucc2018").glob("fr-en.dev.*"):
        path.unlink()
    assert call(baseline("bucc2018", data, tiny_encoder, tmp_path / "other")) == 2
    assert "chosen on its dev files, which are missing in fr" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_trained_run_records_how_vectors_are_made_and_scores_every_language(run: Path, data: Path) -> None:
    record, scores = read_json(run / "run.json"), read_json(run / "scores.json")
    assert record["category"] == "retrieval" and record["training"]["rows"] == 48
    assert record["counts"]["examples"] == 4 * 48 and record["counts"]["updates"] == 24
    assert {name: record["training"][name] for name in ("pooling", "prefix_query", "temperature", "layer")} == {
        "pooling": "mean", "prefix_query": "ba ", "temperature": 0.05, "layer": None,
    }  # fmt: skip
    assert list(scores["languages"]) == list(LAREQA) and record["english_dev"] is None and record["warnings"] == []
    readme = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert '"ba " + query' in readme and "English dev was not scored." in readme
    assert call(["evaluate", str(run), "--data", str(data), "--threads", "1"]) == 0
    assert read_json(run / "scores.json")["languages"] == scores["languages"]


def test_the_model_alone_gives_the_vectors_of_its_card(run: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(run / "model"), AutoModel.from_pretrained(run / "model").eval()
    readme = (run / "model" / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0].replace("FOLDER", str(run / "model"))
    found: dict[str, object] = {"query": "de fo gi", "passage": "ku la"}
    with torch.no_grad():
        exec(code, found)
        means = [
            model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
            for text in ("ba de fo gi", "ku la")
        ]
    assert float(found["cosine"]) == pytest.approx(float(torch.cosine_similarity(*means, dim=0)), abs=1e-5)


def test_the_encoder_of_a_run_answers_another_task_as_it_was_trained(
    run: Path, data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert call(baseline("tatoeba", data, run, tmp_path / "run")) == 0
    training = read_json(tmp_path / "run" / "run.json")["training"]
    assert (training["pooling"], training["prefix_query"], training["layer"]) == ("mean", "ba ", 2)
    assert call(baseline("tatoeba", data, run / "model", tmp_path / "model")) == 0
    scores = [read_json(tmp_path / name / "scores.json")["languages"] for name in ("run", "model")]
    assert scores[0] == scores[1]
    assert call(baseline("tatoeba", data, tmp_path / "run", tmp_path / "none")) == 2
    assert "keeps no model" in capsys.readouterr().err


def test_the_encoder_of_a_run_on_another_kind_of_task_is_taken_without_its_head(
    data: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "xnli")) == 0
    assert call(baseline("tatoeba", data, tmp_path / "xnli", tmp_path / "run")) == 0
    record = read_json(tmp_path / "run" / "run.json")
    assert record["training"]["layer"] == 2 and record["encoder"]["architecture"] == "BertModel"
    assert record["encoder"]["missing"] == [] and "classifier.weight" in record["encoder"]["unexpected"]


def test_training_and_the_frozen_encoder_stand_in_one_report(
    run: Path, data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    assert call(baseline("lareqa", data, tiny_encoder, tmp_path / "frozen")) == 0
    assert call(["report", str(run), str(tmp_path / "frozen"), "--output", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "frozen, layer 2, mean" in page and "for which nothing is trained" in page


def test_mewslix_is_trained_on_its_pairs_and_scored_with_the_pooling_of_training(
    data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    train = ["train", "--task", "mewslix", "--data", str(data), "--encoder", str(tiny_encoder), "--threads", "1"]
    more = ["--output", str(tmp_path / "run"), "--batch-size", "4", "--evaluate", "--languages", "de,en"]
    more += ["--pooling", "cls"]
    assert call([*train, *more]) == 0
    scores = read_json(tmp_path / "run" / "scores.json")
    assert scores["metric"] == "mrr@20" and scores["average"] > 10
    table, told = read_predictions(tmp_path / "run" / "predictions.parquet")
    assert [len(json.loads(each)) for each in table["predicted"]] == [20] * 12
    assert told["ids"]["de"][0] == "test-de-0"
    assert "normalize(hidden[:, 0])" in (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    for pooling in ((), ("--pooling", "mean")):
        assert call(baseline("mewslix", data, tmp_path / "run", tmp_path / f"frozen{len(pooling)}", *pooling)) == 0
    same, other = (read_json(tmp_path / f"frozen{number}" / "scores.json")["languages"] for number in (0, 2))
    assert same == scores["languages"] != other


def test_a_batch_is_not_split(data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    assert call(command(data, tiny_encoder, tmp_path / "run", 1, "--accumulate", "2")) == 2
    assert "a batch cannot be split" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_killed_and_resumed_it_is_the_same_run(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    options = ("--method", "pgd", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: command(data, tiny_encoder, run, 1, *options), tmp_path, 3)
