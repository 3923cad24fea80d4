"""LoRA through peft: what is trained, what is written, the first pass and the merged one; skipped without peft."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.heads import HEADS, Head
from helpers.problems import make_step, padded_inputs, random_features
from helpers.tiny import KINDS, MORE_KINDS, make_classifier

from xtremor.errors import UserError
from xtremor.robust.counter import PassCounter
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.training.adapt import Adaptation, frozen_names
from xtremor.training.config import TrainSettings
from xtremor.training.controls import Controls
from xtremor.training.embeddings import expand
from xtremor.training.loop import Loop
from xtremor.training.lora import LoraSettings, target_modules

FEATURES = random_features()
TARGETS = {
    "bert": "query value", "xlm-roberta": "query value", "convbert": "query value", "modernbert": "Wqkv",
    "distilbert": "q_lin v_lin", "xlm": "q_lin v_lin", "eurobert": "q_proj v_proj",
    "deberta-v2": "query_proj value_proj",
}  # fmt: skip


def adapted(model: Any, method: Method | None = None, features: Any = FEATURES, **more: Any) -> tuple[Any, Any, Any]:
    """A step on a copy of the model with adapters of rank 2, the adaptation and the settings."""
    pytest.importorskip("peft")
    category = more.pop("category", None)
    fresh = more.pop("fresh", ["classifier.weight", "classifier.bias"])
    settings = TrainSettings("any", method=method or make("plain"), lora=LoraSettings(2), **more)
    frozen = frozen_names(model, settings)
    step = make_step(
        model, features, settings.method, train=not (settings.freeze_embeddings or frozen),
        **({} if category is None else {"category": category}),
    )  # fmt: skip
    adaptation = Adaptation(step.model, settings, fresh, frozen)
    # What is trained in a layer are the adapters now.
    step.counts = PassCounter(step.model).counts
    return step, adaptation, settings


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**padded_inputs(FEATURES)).logits


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_targets_are_query_and_value_of_every_attention(kind: str) -> None:
    model = make_classifier(kind)
    found = target_modules(model, LoraSettings(2))
    assert sorted({name.rpartition(".")[2] for name in found}) == sorted(TARGETS[kind].split())
    assert len(found) == 2 * len(TARGETS[kind].split())
    assert all(isinstance(model.get_submodule(name), torch.nn.Linear) for name in found)


def test_targets_can_be_named_and_are_never_the_heads() -> None:
    model = make_classifier("xlm-roberta")
    named = target_modules(model, LoraSettings(2, targets=("dense", "key")))
    assert len(named) == 2 * 4 and not any(name.startswith("classifier") for name in named)
    with pytest.raises(
        UserError, match="no matrix of this encoder is called 'out_proj'; it has query, key, value, dense"
    ):
        target_modules(model, LoraSettings(2, targets=("out_proj",)))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("freeze", [False, True])
def test_adapters_and_head_are_trained_and_nothing_else(freeze: bool, tmp_path: Path) -> None:
    model = make_classifier(dropout=0.1)
    before = make_step(model, FEATURES).model.state_dict()
    step, adaptation, settings = adapted(model, epochs=2, batch_size=4, learning_rate=1e-2, freeze_embeddings=freeze)
    trained = {name for name, parameter in step.model.named_parameters() if parameter.requires_grad}
    adapters = {name for name in trained if "lora_" in name}
    table = set() if freeze else {"bert.embeddings.word_embeddings.weight"}
    assert len(adapters) == 8 and trained - adapters == {"classifier.weight", "classifier.bias"} | table
    Loop(step, settings, ["classifier.weight", "classifier.bias"], tmp_path).run()
    said = adaptation.finish()
    after = step.model.state_dict()
    assert (
        after.keys() == before.keys() and type(step.model.bert.encoder.layer[0].attention.self.query) is torch.nn.Linear
    )
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    matrices = {
        f"bert.encoder.layer.{layer}.attention.self.{name}.weight" for layer in (0, 1) for name in ("query", "value")
    }
    assert moved == matrices | {"classifier.weight", "classifier.bias"} | table
    assert said["lora"] == {
        "matrices": 4,
        "trained_parameters": 8 * 2 * 16 + 51 + (0 if freeze else step.table.weight.numel()),
    }
    assert said["drift"]["parts"]["layer 1"]["l2"] > 0 == said["drift"]["parts"]["other"]["l2"]
    # Of rank 2, as promised.
    change = (
        after["bert.encoder.layer.0.attention.self.query.weight"]
        - before["bert.encoder.layer.0.attention.self.query.weight"]
    )
    assert torch.linalg.svdvals(change)[2] < 1e-5 < torch.linalg.svdvals(change)[1]
    assert not hasattr(step.model, "peft_config")


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_merged_weights_give_the_logits_of_the_adapters(kind: str) -> None:
    """With B = 0 the first pass is the pretrained one; with other adapters merging changes no logit."""
    model = make_classifier(kind)
    fresh = [name for name, _ in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}.")]
    working = copy.deepcopy(model)
    step, adaptation, _ = adapted(working, fresh=fresh, features=random_features(types=kind == "bert"))
    inputs = padded_inputs(random_features(types=kind == "bert"))

    def now() -> torch.Tensor:
        with torch.no_grad():
            return step.model.eval()(**inputs).logits

    with torch.no_grad():
        ordinary = model.eval()(**inputs).logits
        assert torch.allclose(now(), ordinary, atol=1e-5)
        for name, parameter in step.model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)) * 0.3)
    beside = now()
    assert not torch.allclose(beside, ordinary, atol=1e-2)
    adaptation.finish()
    assert torch.allclose(now(), beside, atol=1e-4)
    expand(step.model, working.get_input_embeddings(), step.table)
    assert step.model.state_dict().keys() == model.state_dict().keys()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("site", ["word", "embeddings"])
def test_perturbations_arrive_and_every_head_learns(head: Head, site: str, tmp_path: Path) -> None:
    model, features = head.model(dropout=0.1), head.features(12, True)
    fresh = [name for name, _ in model.named_parameters() if name.startswith(head.weight.split(".")[0])]
    losses = []
    for radius in (0.0, 0.3):
        method = make("pgd", radius=radius, site=site)
        step, adaptation, settings = adapted(
            model, method, features, fresh=fresh, category=head.category, epochs=2, batch_size=4, learning_rate=1e-2
        )
        folder = tmp_path / str(radius)
        folder.mkdir()
        totals = Loop(step, settings, fresh, folder).run()
        losses.append(totals.final_loss)
        assert step.counts.total() == totals.update * method.expected_passes()
        assert adaptation.finish()["drift"]["l2"] > 0
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


@pytest.mark.usefixtures("own_cache", "one_thread")
def test_a_run_is_written_as_an_ordinary_model(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Controls beside it too; the scored logits are those of the folder loaded by transformers alone."""
    pytest.importorskip("peft")
    import polars as pl

    run = tmp_path / "run"
    options = ("--lora", "2", "--method", "pgd", "--freeze-layers", "1", "--probe-epochs", "0.5", "--interpolate",
               "0.8", "--learning-rate", "1e-2", "--evaluate", "--languages", "en,sw")  # fmt: skip
    assert call(train_command(tiny_data, tiny_encoder, run, *options)) == 0
    record = read_json(run / "run.json")
    assert record["arm"] == "pgd-1-probe0.5-frozen1-interpolated0.8-lora2" and record["lora"]["matrices"] == 2
    assert record["training"]["lora"] == 2 and record["training"]["lora_alpha"] == 4.0
    assert not [path.name for path in (run / "model").iterdir() if "adapter" in path.name]
    assert "lora" not in (run / "model" / "config.json").read_text(encoding="utf-8")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(run / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(run / "model")
    lines = (tiny_data / "xnli" / "test-sw.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t")[:2] for line in lines]
    inputs = tokenizer([a for a, _ in pairs], [b for _, b in pairs], return_tensors="pt", padding=True)
    with torch.inference_mode():
        found = model(**inputs).logits
    kept = pl.read_parquet(run / "predictions.parquet").filter(pl.col("language") == "sw")["logits"].to_list()
    assert torch.allclose(found, torch.tensor(kept), atol=1e-5)


@pytest.mark.usefixtures("own_cache")
def test_killed_and_resumed(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    options = ("--lora", "2", "--lora-dropout", "0.1", "--method", "pgd", "--learning-rate", "1e-2")
    assert_resumes(
        lambda run: train_command(tiny_data, tiny_encoder, run, *options, "--checkpoint-seconds", "0"), tmp_path, 5
    )


def test_without_peft_the_command_says_what_to_install(
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--lora", "4")) == 2
    said = capsys.readouterr().err
    assert said == "error: --lora needs the package peft; install it with: pip install 'xtremor[peft]'\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rank": 0}, "--lora is the rank of the adapters, at least 1, not 0"),
        ({"rank": 2, "alpha": 0.0}, "--lora-alpha must be a number greater than 0"),
        ({"rank": 2, "dropout": 1.0}, "--lora-dropout is a probability from 0 to below 1"),
    ],
)
def test_refusals_name_the_option(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LoraSettings(**setting)


def test_options_that_go_together(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--lora-alpha", "4")) == 2
    assert "--lora-alpha is about adapters; name their rank with --lora" in capsys.readouterr().err
    with pytest.raises(UserError, match="--l2-sp holds the weights that --lora freezes"):
        TrainSettings("any", lora=LoraSettings(2), controls=Controls(l2_sp=0.1))


def test_frozen_layers_leave_nothing_to_adapt() -> None:
    with pytest.raises(UserError, match="--lora has nothing to adapt: --freeze-layers freezes every layer"):
        adapted(make_classifier(), controls=Controls(freeze_layers=2))


def test_records_and_labels() -> None:
    for lora, label in (
        (LoraSettings(8), "lora8"),
        (LoraSettings(8, 16), "lora8"),
        (LoraSettings(8, 8, 0.1, ("key",)), "lora8-alpha8-drop0.1-key"),
    ):
        settings = TrainSettings("any", lora=lora)
        assert settings.arm == f"plain-{label}"
        back = TrainSettings.from_dict(json.loads(json.dumps(settings.as_dict())))
        assert back.as_dict() == settings.as_dict() and back.arm == settings.arm
