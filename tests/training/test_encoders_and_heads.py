"""Every architecture with every head: logits without padding, one update, and the folder that transformers loads."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.commands import call, read_json, train_command
from helpers.heads import HEADS, Head
from helpers.problems import make_step, padded_inputs, random_features, reference_loss
from helpers.retrieval import write_lareqa
from helpers.tiny import (
    KINDS,
    LABELS,
    MORE_KINDS,
    make_config,
    write_encoder,
    write_mlqa,
    write_panx,
    write_xcopa,
    write_xnli,
)
from safetensors.torch import load_file
from torch import Tensor
from transformers.utils import ModelOutput

from xtremor.encoders.load import load_task_model
from xtremor.errors import UserError
from xtremor.evaluation.predict import forward_batches
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.scoring.predictions import read_predictions
from xtremor.tasks import classification
from xtremor.tasks.features import Features
from xtremor.training.config import TrainSettings
from xtremor.training.embeddings import expand
from xtremor.training.loop import Loop
from xtremor.training.ragged import PaddedView

pytestmark = pytest.mark.usefixtures("one_thread")


def classes_right(outputs: Any, features: Features) -> np.ndarray:
    """Rows whose best class is right."""
    right: np.ndarray = outputs.logits.argmax(-1).numpy() == features.targets
    return right


PLAIN = Head(
    classification, {"num_labels": len(LABELS)}, lambda rows, types: random_features(rows, types=types), reference_loss,
    classes_right, "classifier.weight",
)  # fmt: skip
ALL = {"classification": PLAIN, **HEADS}
ENCODERS = [*KINDS, *MORE_KINDS]
METHODS = {"plain": make("plain"), "pgd": make("pgd", radius=0.1)}


def has_head(kind: str, head: Head) -> bool:
    """Whether transformers has such a head for the architecture."""
    return type(make_config(kind)) in getattr(transformers, head.category.AUTO_CLASS)._model_mapping


BOTH = [
    pytest.param(kind, head, id=f"{kind}-{name}")
    for kind in ENCODERS
    for name, head in ALL.items()
    if has_head(kind, head)
] + [pytest.param("mt5", HEADS["tagging"], id="mt5-tagging")]


def read(outputs: Any, row: int, length: int) -> Tensor:
    """What a head says about one row: (...), of its real tokens where it answers for tokens."""
    if "start_logits" in outputs:
        return torch.stack([outputs.start_logits[row, :length], outputs.end_logits[row, :length]])
    if "logits" not in outputs:
        vectors: Tensor = outputs.last_hidden_state
        return vectors[row, :length]
    logits: Tensor = outputs.logits
    if logits.ndim == 3:
        return logits[row, :length]
    return logits.flatten()[row] if logits.shape[0] == 1 and logits.numel() > 3 else logits[row]


def by_row(head: Head, model: Any, features: Features) -> list[Tensor]:
    """What predictions are made of: batches of like length, longest first, right-padded."""
    found: list[Any] = [None] * len(features.rows)

    def take(batch: np.ndarray, view: PaddedView, outputs: Any) -> None:
        for place, row in enumerate(batch):
            found[row] = read(outputs, place, int(features.rows.lengths[row]))

    forward_batches(
        model, features.rows, 0, torch.device("cpu"), take, batch_size=4, model_inputs=head.category.model_inputs
    )
    return found


@pytest.mark.parametrize(("kind", "head"), BOTH)
def test_a_row_gets_what_it_gets_alone_and_right_padded(kind: str, head: Head) -> None:
    if kind == "convbert":
        pytest.skip("its convolution reads padding: a row's logits depend on its batch, in transformers too")
    model, features = head.model(kind).eval(), head.features(9, kind == "bert")
    found, inputs = by_row(head, model, features), padded_inputs(features)
    with torch.no_grad():
        for row, length in enumerate(features.rows.lengths):
            alone = {name: value[row : row + 1, :length] for name, value in inputs.items()}
            expected = read(model(**head.category.model_inputs(alone)), 0, int(length))
            assert torch.allclose(found[row], expected.view_as(found[row]), atol=1e-4), row
        padded = model(**head.category.model_inputs(inputs))
    for row, length in enumerate(features.rows.lengths):
        assert torch.allclose(found[row], read(padded, row, int(length)), atol=1e-4), row


# Heads that answer for tokens: those on a row's first place read padding when it stands there, in transformers too.
TOKEN_HEADS = ("tagging", "spans", "retrieval")
# Absolute positions, which stand in a table, are told; DistilBERT takes none.
TOLD = ("bert", "deberta-v2", "xlm")


@pytest.mark.parametrize("name", TOKEN_HEADS)
@pytest.mark.parametrize("kind", [each for each in ENCODERS if each not in ("convbert", "distilbert")])
def test_left_padding_in_transformers_is_the_same_to_a_token(kind: str, name: str) -> None:
    """Where positions are relative or counted over real tokens, or told."""
    head = HEADS[name]
    if not has_head(kind, head):
        pytest.skip("transformers has no such head")
    model, features = head.model(kind).eval(), head.features(9, kind == "bert")
    found, inputs = by_row(head, model, features), padded_inputs(features)
    width = inputs["input_ids"].shape[1]
    left = {name: torch.zeros_like(value) for name, value in inputs.items()}
    for row, length in enumerate(features.rows.lengths):
        for name, value in inputs.items():
            left[name][row, width - length :] = value[row, :length]
    if kind in TOLD:
        left["position_ids"] = (left["attention_mask"].cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        outputs = model(**left)
    for row, length in enumerate(features.rows.lengths):
        shifted = {key: value[:, width - length :] for key, value in outputs.items() if torch.is_tensor(value)}
        assert torch.allclose(found[row], read(ModelOutput(shifted), row, int(length)), atol=1e-4), row


TASKS = {
    "xnli": (write_xnli, "en,sw"), "panx": (write_panx, "en,sw"), "xcopa": (write_xcopa, "et,sw"),
    "mlqa": (write_mlqa, "en,de"), "lareqa": (write_lareqa, "en,de"),
}  # fmt: skip


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("task", TASKS)
def test_the_side_on_which_a_tokenizer_pads_changes_no_weight_and_no_answer(task: str, tmp_path: Path) -> None:
    """Of an encoder's folder that says left: batches are padded by us, and on the right."""
    writer, languages = TASKS[task]
    writer(tmp_path / "data")
    data, found = tmp_path / "data", []
    for side in ("left", "right"):
        encoder, run = write_encoder(tmp_path / side), tmp_path / f"{side}-run"
        told = encoder / "tokenizer_config.json"
        told.write_text(json.dumps({**read_json(told), "padding_side": side}), encoding="utf-8")
        assert transformers.AutoTokenizer.from_pretrained(encoder).padding_side == side
        more = ("--task", task, "--max-length", "99", "--train-rows", "16", "--evaluate", "--limit", "4")
        more += ("--languages", languages)
        assert call(train_command(data, encoder, run, *more)) == 0
        found.append((load_file(run / "model" / "model.safetensors"), read_predictions(run / "predictions.parquet")[0]))
    (left, answers), (right, expected) = found
    assert all(torch.equal(value, right[name]) for name, value in left.items())
    assert answers.equals(expected) and len(answers)


def test_sixteen_rows_are_learnt_by_heart_by_a_classifier(tmp_path: Path) -> None:
    """The other heads: test_heads.py."""
    step = make_step(PLAIN.model(), PLAIN.features(16, True))
    settings = TrainSettings("any", epochs=120, batch_size=16, learning_rate=1e-2)
    Loop(step, settings, [], tmp_path).run()
    with torch.no_grad():
        assert PLAIN.right(step.model.eval()(**padded_inputs(step.features)), step.features).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
@pytest.mark.parametrize(("kind", "head"), BOTH)
def test_an_update_is_made_and_the_folder_loads(kind: str, head: Head, method: Method, tmp_path: Path) -> None:
    """The saved weights are the trained ones: transformers alone gives the same logits, and they have moved."""
    model, features = head.model(kind), head.features(9, kind == "bert")
    working = copy.deepcopy(model)
    step = make_step(working, features, method, category=head.category)
    settings = TrainSettings("any", method=method, epochs=1, batch_size=16, learning_rate=1e-2, warmup=0.0)
    assert Loop(step, settings, [], tmp_path).run().update == 1
    expand(step.model, working.get_input_embeddings(), step.table)
    trained = by_row(head, step.model, features)
    step.model.save_pretrained(tmp_path / "model")
    loaded = getattr(transformers, head.category.AUTO_CLASS).from_pretrained(
        tmp_path / "model", attn_implementation="eager"
    )
    weights = loaded.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in step.model.state_dict().items())
    for one, other in zip(trained, by_row(head, loaded, features), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    before = by_row(head, model, features)
    assert not all(torch.allclose(one, other, atol=1e-3) for one, other in zip(trained, before, strict=True))


@pytest.mark.usefixtures("own_cache")
def test_a_head_that_transformers_lacks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder, data = write_encoder(tmp_path / "encoder", "eurobert"), write_mlqa(tmp_path / "data")
    said = "is a eurobert, for which transformers has no AutoModelForQuestionAnswering"
    with pytest.raises(UserError, match=said):
        load_task_model(str(encoder), "AutoModelForQuestionAnswering")
    assert call(train_command(data, encoder, tmp_path / "run", "--task", "mlqa", "--max-length", "24")) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()
    missing = [(kind, name) for kind in ENCODERS for name, head in ALL.items() if not has_head(kind, head)]
    assert missing == [("eurobert", "spans"), ("eurobert", "choice")]


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("task", ["xnli", "mlqa", "lareqa"])
def test_an_encoder_with_a_decoder_behind_it_leaves_no_folder(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, data = write_encoder(tmp_path / "encoder", "mt5"), tmp_path / "data"
    {"xnli": write_xnli, "mlqa": write_mlqa, "lareqa": write_lareqa}[task](data)
    stated = ("--task", task, "--max-length", "99")
    assert call(train_command(data, encoder, tmp_path / "run", *stated)) == 2
    said = capsys.readouterr().err
    assert "answers this kind of task (MT5" in said and "with a decoder; name an --encoder without one" in said
    assert not (tmp_path / "run").exists()
