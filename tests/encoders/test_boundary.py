"""What crosses from one stage of training to the next: the encoder bit for bit, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from helpers.tiny import KINDS, MORE_KINDS, make_config, make_model, make_tokenizer, write_encoder
from safetensors.torch import load_file, save_file
from transformers import T5Config

from xtremor.encoders import boundary
from xtremor.encoders.load import is_task_model, load_task_model, skeleton
from xtremor.errors import UserError
from xtremor.training.model import positions_of

pytestmark = pytest.mark.usefixtures("own_cache")
CLASSES = "AutoModelForSequenceClassification"
HEADS = (CLASSES, "AutoModelForTokenClassification", "AutoModelForMultipleChoice", "AutoModelForQuestionAnswering")
# Where there is a pooler, or layers between the encoder and the classes, they stay behind as well.
OUTSIDE = {
    ("bert", CLASSES): {"bert.pooler.dense", "classifier"},
    ("bert", HEADS[1]): {"classifier"},
    ("bert", HEADS[2]): {"bert.pooler.dense", "classifier"},
    ("bert", HEADS[3]): {"qa_outputs"},
    ("xlm-roberta", CLASSES): {"classifier.dense", "classifier.out_proj"},
    ("xlm-roberta", HEADS[1]): {"classifier"},
    ("xlm-roberta", HEADS[2]): {"roberta.pooler.dense", "classifier"},
    ("xlm-roberta", HEADS[3]): {"qa_outputs"},
    ("distilbert", CLASSES): {"pre_classifier", "classifier"},
    ("distilbert", HEADS[1]): {"classifier"},
    ("distilbert", HEADS[2]): {"pre_classifier", "classifier"},
    ("distilbert", HEADS[3]): {"qa_outputs"},
}


def saved(model: Any, folder: Path) -> Path:
    """A task model as somebody else's training would leave it; its biases are no zeros."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    make_tokenizer(pairs=model.config.model_type == "bert").save_pretrained(folder)
    return folder


def parts(names: list[str]) -> set[str]:
    return {name.rpartition(".")[0] for name in names}


def alone(folder: Path, auto_class: str, seed: int = 5, **config: Any) -> tuple[Any, Any]:
    torch.manual_seed(seed)
    return load_task_model(str(folder), auto_class, True, **config)


@pytest.mark.parametrize(("kind", "auto_class"), OUTSIDE)
def test_the_encoder_crosses_and_nothing_else(kind: str, auto_class: str, tmp_path: Path) -> None:
    """From a model with the same head, whose every tensor would fit."""
    labels = {} if auto_class == HEADS[2] else {"num_labels": 2}
    folder = saved(make_model(auto_class, kind, **labels), tmp_path)
    before = load_file(folder / "model.safetensors")
    assert load_task_model(str(folder), auto_class)[1].missing == []
    model, report = alone(folder, auto_class, **labels)
    assert parts(report.missing) == OUTSIDE[kind, auto_class]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (name not in report.missing), name
    found = report.boundary
    assert found["equal"] == found["encoder_tensors"] == report.loaded == len(before) - len(report.missing)
    assert sorted(report.missing) == report.unexpected == found["left_behind"] and found["unnamed"] == []
    assert "left behind: " in report.sentences() and not model.training


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_every_architecture_crosses_from_one_head_to_every_other(kind: str, tmp_path: Path) -> None:
    folder = saved(make_model(CLASSES, kind, num_labels=3), tmp_path)
    before = load_file(folder / "model.safetensors")
    tried = [each for each in HEADS if type(make_config(kind)) in getattr(transformers, each)._model_mapping]
    assert len(tried) == (2 if kind == "eurobert" else 4)
    for auto_class in tried:
        labels = {HEADS[2]: {}, HEADS[3]: {"num_labels": 2}}.get(auto_class, {"num_labels": 3})
        model, report = alone(folder, auto_class, **labels)
        crossing = boundary.encoder_tensors(model)
        assert crossing and all(torch.equal(model.state_dict()[name], before[name]) for name in crossing)
        fresh = set(model.state_dict()) - set(crossing)
        assert fresh and fresh == set(report.missing), auto_class
        same = [name for name in fresh & set(before) if before[name].shape == model.state_dict()[name].shape]
        assert not any(torch.equal(model.state_dict()[name], before[name]) for name in same), auto_class


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "distilbert"])
def test_the_head_is_that_of_the_bare_encoder(kind: str, tmp_path: Path) -> None:
    """With one seed every arm begins with the same head and pooler, with a stage before it or without."""
    direct = write_encoder(tmp_path / "direct", kind)
    staged = saved(make_model(CLASSES, kind, num_labels=3, initializer_range=0.2), tmp_path / "staged")
    models = [alone(folder, CLASSES, num_labels=3)[0].state_dict() for folder in (direct, staged)]
    other = alone(staged, CLASSES, seed=6, num_labels=3)[0].state_dict()
    fresh = [name for name in models[0] if name not in boundary.encoder_tensors(make_model(CLASSES, kind))]
    assert all(torch.equal(models[0][name], models[1][name]) for name in fresh)
    assert any(not torch.equal(other[name], models[1][name]) for name in fresh)
    assert not torch.equal(*(model[boundary.encoder_tensors(make_model(CLASSES, kind))[0]] for model in models))


def test_a_pretrained_pooler_stays_unless_it_is_asked_to_go(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "bert")
    assert parts(load_task_model(str(folder), CLASSES)[1].missing) == {"classifier"}
    model, report = alone(folder, CLASSES)
    assert parts(report.missing) == {"bert.pooler.dense", "classifier"}
    assert report.boundary["equal"] == report.boundary["encoder_tensors"]
    assert report.unexpected == ["pooler.dense.bias", "pooler.dense.weight"]
    assert not torch.equal(
        model.bert.pooler.dense.weight, load_file(folder / "model.safetensors")["pooler.dense.weight"]
    )


def test_the_earlier_classes_are_forgotten(tmp_path: Path) -> None:
    names = {0: "yes", 1: "no"}
    folder = saved(make_model(CLASSES, num_labels=2, id2label=names, problem_type="regression"), tmp_path)
    for auto_class, labels in ((HEADS[3], {"num_labels": 2}), (HEADS[2], {})):
        config = alone(folder, auto_class, **labels)[0].config
        assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"} and config.problem_type is None
    assert alone(folder, HEADS[1], num_labels=3, id2label={0: "O", 1: "B", 2: "I"})[0].config.id2label[2] == "I"


def test_whose_head_is_known(tmp_path: Path) -> None:
    assert not is_task_model(str(write_encoder(tmp_path / "bare")))
    assert is_task_model(str(saved(make_model(CLASSES), tmp_path / "task")))
    masked = saved(make_model("AutoModelForMaskedLM", "xlm-roberta"), tmp_path / "masked")
    assert not is_task_model(str(masked))
    _, report = alone(masked, CLASSES)
    assert report.boundary["equal"] == report.boundary["encoder_tensors"]
    assert {name.partition(".")[0] for name in report.unexpected} == {"lm_head"}


def test_old_names_of_tensors_are_traced(tmp_path: Path) -> None:
    """mBERT's published checkpoint calls the weights of its LayerNorms gamma and beta."""
    folder = saved(make_model("AutoModelForMaskedLM"), tmp_path)
    path = folder / "model.safetensors"
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in load_file(path).items():
        for new, before in old.items():
            name = name.replace(new, before)
        renamed[name] = tensor
    save_file(renamed, path, {"format": "pt"})
    found = alone(folder, CLASSES)[1].boundary
    assert found["equal"] == found["encoder_tensors"] and found["unnamed"] == []


def test_a_tensor_that_changed_on_the_way_is_found(tmp_path: Path) -> None:
    folder = saved(make_model(CLASSES), tmp_path)
    model, _ = alone(folder, CLASSES)
    with torch.no_grad():
        model.classifier.weight.copy_(load_file(folder / "model.safetensors")["classifier.weight"])
    with pytest.raises(RuntimeError, match=r"classifier.weight crossed the stage boundary"):
        boundary.check_crossing(model, folder, own=True)
    model, _ = alone(folder, CLASSES)
    with torch.no_grad():
        model.bert.encoder.layer[1].output.dense.weight[0, 0] += 1e-6
    with pytest.raises(UserError, match=r"layer.1.output.dense.weight of the encoder was not loaded"):
        boundary.check_crossing(model, folder, own=True)


def test_weights_of_our_own_must_all_be_named(tmp_path: Path) -> None:
    folder = saved(make_model(CLASSES), tmp_path)
    model, _ = alone(folder, CLASSES)
    path = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if "layer.0.output.dense.bias" not in name}
    save_file(kept, path, {"format": "pt"})
    found = boundary.check_crossing(model, folder, own=False)
    assert found["unnamed"] == ["bert.encoder.layer.0.output.dense.bias"]
    assert found["equal"] == found["encoder_tensors"] - 1
    with pytest.raises(UserError, match=r"lacks bert.encoder.layer.0.output.dense.bias of its encoder"):
        boundary.check_crossing(model, folder, own=True)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    folder, other = saved(make_model(CLASSES), tmp_path / "a"), saved(make_model(CLASSES, "distilbert"), tmp_path / "b")
    shutil.copy(other / "config.json", folder / "config.json")
    with pytest.raises(UserError, match="matches nothing of a DistilBertForSequenceClassification"):
        alone(folder, CLASSES)


def test_a_tokenizer_larger_than_the_table_is_refused() -> None:
    model = make_model(CLASSES, vocab_size=40)
    with pytest.raises(UserError, match=r"the tokenizer in here has \d+ tokens and the encoder beside it 40 rows"):
        boundary.check_vocabulary(model, make_tokenizer(), "here")
    boundary.check_vocabulary(make_model(CLASSES), make_tokenizer(), "here")


def test_what_a_model_will_be_is_known_without_weights(tmp_path: Path) -> None:
    write_encoder(tmp_path)
    model = skeleton(str(tmp_path), CLASSES)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert positions_of(model) == 140
    T5Config(vocab_size=40, d_model=8, d_ff=8, num_layers=1, num_heads=1, d_kv=8).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a t5, for which transformers has no AutoModelForMultipleChoice"):
        skeleton(str(tmp_path), HEADS[2])


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "distilbert"])
def test_a_bare_encoder_is_taken_out_of_a_task_model(kind: str, tmp_path: Path) -> None:
    """Its own tensors have no prefix, those of the checkpoint do."""
    model, report = alone(saved(make_model(CLASSES, kind), tmp_path), "AutoModel")
    found = report.boundary
    assert found["equal"] == found["encoder_tensors"] > 30 and found["unnamed"] == []
    assert parts(report.missing) == (set() if kind == "distilbert" else {"pooler.dense"})
    assert any(name.startswith("classifier") for name in found["left_behind"])
    assert model.base_model is model
