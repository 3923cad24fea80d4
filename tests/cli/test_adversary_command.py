"""``xtremor train --language-adversary ...`` from end to end on tiny random encoders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.own import reviews, train_own, write
from helpers.tiny import write_encoder, write_panx, write_xcopa
from safetensors.torch import load_file

pytestmark = [pytest.mark.usefixtures("own_cache", "one_thread")]
Captured = pytest.CaptureFixture[str]
SWAHILI = ("--unlabelled-languages", "sw", "--unlabelled-split", "test")
TEXT = ("--unlabelled-languages", "sw,tr,yo", "--unlabelled-split", "test")


@pytest.fixture(scope="module")
def panx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WikiANN in made-up languages; not to be written to."""
    return write_panx(tmp_path_factory.mktemp("panx"), languages=("en", "sw", "tr", "yo"))


def command(panx: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    return train_command(panx, encoder, output, "--task", "panx", "--max-length", "64", *more)


def test_a_run_says_what_stood_against_it(panx: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    more = ("--language-adversary", "clusters", *TEXT, "--unlabelled-rows", "6", "--evaluate")
    assert call(command(panx, tiny_encoder, tmp_path / "run", *more, "--languages", "sw,yo")) == 0
    record, said = read_json(tmp_path / "run" / "run.json"), capsys.readouterr().err
    assert "language adversary: clusters over 4 languages" in said
    assert "the text of en is that of the training rows" in said
    assert record["arm"] == "plain-unlabelled6-sw+tr+yo-test-ladv-clusters"
    found, counts = record["language_adversary"], record["counts"]
    # English and Turkish are written as Swahili and Yoruba are; the families of the latter differ from none of kinship.
    assert found["graph"]["languages"] == ["en", "sw", "tr", "yo"] and found["graph"]["distance"] == "kinship"
    assert found["game"] == "neighbours" and found["weight"] == {"schedule": "ramp", "target": 0.1}
    assert found["discriminator"]["optimizer"] == {
        "name": "AdamW", "learning_rate": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0,
        "steps_an_update": 1,
    }  # fmt: skip
    assert found["text"]["of_the_training_rows"] == ["en"]
    trained = found["trained_on"]
    assert trained["rows"] == 6 * counts["updates"] == sum(trained["languages"].values())
    assert max(trained["languages"].values()) - min(trained["languages"].values()) <= 1
    # A pass more each, whose first is forward alone: the ramp begins at 0.
    assert counts["forward"] == 2 * counts["updates"] and counts["backward_weights"] == 2 * counts["updates"] - 1
    share = trained["tokens"] / (counts["tokens"] - trained["tokens"])
    assert 1 + 0.85 * share < counts["passes_relative_to_plain"] < 1 + share
    assert record["time_beside_plain"]["updates"] == 1
    assert [each["tenth"] for each in found["by_tenth"]] == list(range(1, 11))
    assert record["unlabelled"]["languages"] == {"sw": 8, "tr": 8, "yo": 8}
    assert any("zero-shot in the labels, not in the text" in each for each in record["warnings"])
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [each["adversary_weight"] for each in log] == sorted(each["adversary_weight"] for each in log)
    assert all(0 <= each["adversary_accuracy"] <= 1 and each["adversary_loss"] >= 0 for each in log)
    assert read_json(tmp_path / "run" / "scores.json")["unlabelled_text_seen"] == {"sw": 8, "tr": 8, "yo": 8}
    # A report keeps it apart from plain training.
    plain = command(panx, tiny_encoder, tmp_path / "plain", "--evaluate", "--languages", "sw,yo", "--no-keep-model")
    assert call(plain) == 0
    runs = [str(tmp_path / name) for name in ("run", "plain")]
    assert call(["report", *runs, "--output", str(tmp_path / "page")]) == 0
    page = " ".join((tmp_path / "page" / "index.html").read_text(encoding="utf-8").split())
    assert (
        "plain-unlabelled6-sw+tr+yo-test-ladv-clusters" in page and "zero-shot in the labels, not in the text" in page
    )
    assert "training.adversary" in page
    capsys.readouterr()


def test_at_weight_zero_it_is_training_without_it_bit_for_bit(panx: Path, tmp_path: Path) -> None:
    """Its text has words of its own, whose embeddings stay as they are."""
    encoder = write_encoder(tmp_path / "encoder", dropout=0.1)
    off = ("--language-adversary", "clique", *TEXT, "--adversary-weight", "0")
    for name, more in {"plain": (), "off": off, "on": (*off[:-1], "5")}.items():
        assert call(command(panx, encoder, tmp_path / name, *more)) == 0
    one, other, on = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("plain", "off", "on"))
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())
    assert not all(torch.equal(weight, on[name]) for name, weight in one.items())
    records = [read_json(tmp_path / name / "run.json") for name in ("plain", "off")]
    assert records[0]["trained_embedding_rows"] == records[1]["trained_embedding_rows"]
    assert records[0]["final_training_loss"] == records[1]["final_training_loss"]
    counts = [record["counts"] for record in records]
    assert counts[1]["forward"] == 2 * counts[0]["forward"]
    assert counts[1]["backward_weights"] == counts[0]["backward_weights"]


@pytest.mark.parametrize("method", [("--method", "freelb"), ("--method", "vat", "--radius", "0.1")])
def test_killed_and_resumed_is_uninterrupted(
    panx: Path, tiny_encoder: Path, tmp_path: Path, method: tuple[str, ...]
) -> None:
    def cut(folder: Path) -> list[str]:
        more = ("--language-adversary", "clique", *TEXT, *method, "--accumulate", "2", "--probe-epochs", "0.3")
        more += ("--adversary-weight", "1", "--checkpoint-seconds", "0")
        return command(panx, tiny_encoder, folder, *more)

    assert_resumes(cut, tmp_path, 8)
    straight, killed = (read_json(tmp_path / name / "run.json") for name in ("straight", "killed"))
    assert straight["language_adversary"] == killed["language_adversary"] and straight["counts"] == killed["counts"]
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("straight", "killed")]
    assert logs[0] == logs[1] and "adversary_loss" in logs[0]
    first = json.loads(logs[0].splitlines()[0])
    assert first["phase"] == "linear probing" and "adversary_loss" not in first


def test_files_of_single_texts_beside_pairs_and_a_graph_of_ones_own(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    for code in ("sw", "tr", "de"):
        write(reviews(code, 12, 1), tmp_path / "texts" / f"{code}.txt")
    (tmp_path / "mine.csv").write_text("en,de\nsw,tr\n", encoding="utf-8")
    more = ("--unlabelled", str(tmp_path / "texts"), "--adversary-graph", str(tmp_path / "mine.csv"), "--no-keep-model")
    for kind, game in (("graph", "links"), ("permuted", "neighbours")):
        run = tmp_path / kind
        asked = ("--language-adversary", kind, "--adversary-game", game)
        assert call(train_command(tiny_data, tiny_encoder, run, *more, *asked)) == 0
        graph = read_json(run / "run.json")["language_adversary"]["graph"]
        edges = [["de", "en"], ["sw", "tr"]]
        assert (graph["edges"] == edges) == (kind == "graph") and len(graph["edges"]) == 2
        assert graph["file"] == "mine.csv" and len(graph["file_sha256"]) == 64
    (tmp_path / "mine.csv").write_text("en,sw\nde,tr\n", encoding="utf-8")
    again = ("--language-adversary", "graph", "--adversary-game", "links")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "graph", *more, *again)) == 2


REFUSED = [
    (("--language-adversary", "clique"), "--language-adversary learns from text without labels in several languages"),
    (("--language-adversary", "ring", *TEXT), "--language-adversary: unknown value 'ring'"),
    (("--adversary-weight", "0.3", *TEXT), "--adversary-weight is about a discriminator of languages"),
    (("--adversary-weight", "0.3"), "--adversary-weight is about a discriminator of languages"),
    (("--language-adversary", "none", *TEXT), "the method 'plain' needs labels"),
    (("--language-adversary", "clique", "--unlabelled-languages", "en"), "needs text of two languages or more"),
    (("--language-adversary", "clusters", *SWAHILI), "2 clusters of 2 languages (en, sw) leave no two"),
    (("--language-adversary", "clusters", *TEXT, "--adversary-clusters", "4"), "4 clusters of 4 languages"),
    (("--language-adversary", "graph", *TEXT), "needs a file of edges"),
    (("--language-adversary", "graph", *TEXT, "--adversary-graph", "absent.csv"), "absent.csv does not exist"),
    (("--language-adversary", "clique", *TEXT, "--adversary-layer", "9"), "this encoder has 2 layers"),
    (("--language-adversary", "clique", "--unlabelled", "{crawl}"), "the language of crawl.txt is not stated"),
    (("--language-adversary", "clusters", "--unlabelled", "{made}", *TEXT), "unknown language 'aaa'"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_refusals(
    more: tuple[str, ...], message: str, panx: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    places = {"crawl": tmp_path / "crawl.txt", "made": f"aaa={tmp_path / 'crawl.txt'}"}
    places["crawl"].write_text("ba de fo\n", encoding="utf-8")
    asked = [word.format(**places) for word in more]
    assert call(command(panx, tiny_encoder, tmp_path / "run", *asked)) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split()) and said.count("error: ") == 1 and "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_several_tasks_and_other_categories_are_refused(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    write_xcopa(write_panx(tmp_path, train=8))
    more = ("--language-adversary", "clique", "--unlabelled-languages", "et", "--unlabelled-split", "test")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", "--task", "panx,xcopa", *more)) == 2
    assert "unlabelled text joins a run on one task" in capsys.readouterr().err
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", "--task", "xcopa", *more)) == 2
    assert "unlabelled text can join classification and tagging; xcopa is choice" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_classifier_takes_tables_of_text(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    own = write(reviews("en", 60), tmp_path / "reviews.csv")
    write(reviews("sw", 20, 1), tmp_path / "texts" / "sw.csv")
    more = (
        "--language-adversary",
        "clique",
        "--unlabelled",
        str(tmp_path / "texts"),
        "--epochs",
        "1",
        "--no-keep-model",
    )
    assert call(train_own(own, tiny_encoder, tmp_path / "run", *more)) == 0
    record = read_json(tmp_path / "run" / "run.json")
    assert record["language_adversary"]["graph"]["edges"] == [["en", "sw"]]
    capsys.readouterr()
