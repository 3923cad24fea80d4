"""A trained folder without this package: transformers loads it and gives the logits that were recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from helpers.commands import call, train_command
from helpers.tiny import LABELS

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")

# What a user without xtremor would write.
ALONE = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

folder, texts = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
inputs = tokenizer([a for a, b in texts], [b for a, b in texts], return_tensors="pt", padding=True)
with torch.inference_mode():
    logits = model(**inputs).logits
classify = pipeline("text-classification", model=folder)
answers = classify([{"text": a, "text_pair": b} for a, b in texts], top_k=None)
single = classify("lagiba ri su")
json.dump({"logits": logits.tolist(), "labels": model.config.id2label, "answers": answers, "single": single,
           "alone": not any(name.startswith("xtremor") for name in sys.modules)}, sys.stdout)
"""


@pytest.fixture(scope="module")
def run(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored run of noise."""
    folder = tmp_path_factory.mktemp("export") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        options = ("--method", "noise", "--evaluate", "--languages", "sw,en", "--epochs", "2")
        assert call(train_command(tiny_data, tiny_encoder, folder, *options)) == 0
    return folder


def test_transformers_alone_gives_the_recorded_logits(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(run / "predictions.parquet").filter(pl.col("language") == "sw")
    lines = (tiny_data / "xnli" / "test-sw.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[:2] for line in lines]
    (tmp_path / "alone.py").write_text(ALONE, encoding="utf-8")
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    command = [sys.executable, tmp_path / "alone.py", run / "model", tmp_path / "texts.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["alone"]
    assert found["labels"] == {str(number): label for number, label in enumerate(LABELS)}
    recorded = torch.tensor(table["logits"].to_list())
    assert torch.allclose(torch.tensor(found["logits"]), recorded, atol=1e-5)
    for answers, predicted, logits in zip(found["answers"], table["predicted"], recorded, strict=True):
        assert answers[0]["label"] == predicted
        scores = {answer["label"]: answer["score"] for answer in answers}
        assert [scores[label] for label in LABELS] == pytest.approx(logits.softmax(0).tolist(), abs=1e-5)
    assert found["single"][0]["label"] in LABELS


def test_model_card(run: Path) -> None:
    yaml = pytest.importorskip("yaml")
    text = (run / "model" / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["library_name"] == "transformers" and facts["pipeline_tag"] == "text-classification"
    assert facts["base_model"].endswith("tiny") and "xtremor" in facts["tags"]
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert "`noise` (radius" in body and "96 English rows of xnli" in body
    assert f"English dev accuracy: {record['english_dev']['score']:.2f} on 12 rows" in body
    assert record["command"] in body and "CC BY-NC 4.0" in body


def test_base_model_is_quoted(tmp_path: Path) -> None:
    """A path with a colon or a hash would end the value, or the card, early."""
    yaml = pytest.importorskip("yaml")
    from xtremor.robust.registry import make
    from xtremor.tasks.cards import card
    from xtremor.training.config import TrainSettings
    from xtremor.training.export import model_card

    settings = TrainSettings("xnli", encoder='my: "models" #1', method=make("pgd"))
    record = {
        "english_dev": None, "warnings": ["it did not learn"], "arm": "pgd-1", "command": "xtremor",
        "encoder": {"architecture": "Bert"}, "training": {"rows": 3}, "versions": {},
    }  # fmt: skip
    text = model_card(settings, card("xnli"), record)
    assert yaml.safe_load(text.split("---\n")[1])["base_model"] == 'my: "models" #1'
    assert "> Warning: it did not learn." in text and "No English dev set." in text and "None" not in text


def test_starter_is_named_by_what_it_is() -> None:
    from xtremor.encoders.load import known_encoders
    from xtremor.training.export import HUB_IDS

    hubs = {card.name: card.hub for card in known_encoders()}
    assert HUB_IDS["starter"] in {hubs.get("starter"), *hubs.values()}
