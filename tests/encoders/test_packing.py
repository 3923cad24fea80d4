"""Packed encoders: the same as padded ones for every head and method, and no token computed that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.commands import call, train_command
from helpers.heads import HEADS, Head
from helpers.problems import OnCpu, gradients, make_step, padded_inputs, random_features, reference_loss
from helpers.tiny import LABELS, make_config, make_model, write_encoder
from torch import Tensor, nn

from xtremor.encoders.first_token import cut_of, linears_behind
from xtremor.encoders.layers import layer_names
from xtremor.encoders.packing import can_pack, packed
from xtremor.evaluation.predict import forward_batches
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.tasks import choice, classification
from xtremor.tasks.features import Features
from xtremor.training.batches import epoch_batches
from xtremor.training.ragged import PaddedView

pytestmark = pytest.mark.usefixtures("one_thread")
PACKABLE = ("bert", "roberta", "xlm-roberta", "distilbert", "modernbert")
PLAIN = Head(
    classification, {"num_labels": len(LABELS)}, lambda rows, types: random_features(rows, types=types), reference_loss,
    lambda outputs, features: outputs.logits.argmax(-1).numpy() == features.targets, "classifier.weight",
)  # fmt: skip
ALL = {"classification": PLAIN, **HEADS}


def has_head(kind: str, head: Head) -> bool:
    """Whether transformers has such a head for the architecture."""
    import transformers

    return type(make_config(kind)) in getattr(transformers, head.category.AUTO_CLASS)._model_mapping


BOTH = [
    pytest.param(kind, head, id=f"{kind}-{name}")
    for kind in PACKABLE
    for name, head in ALL.items()
    if has_head(kind, head)
]


def told(outputs: Any, mask: Tensor) -> list[Tensor]:
    """What a head puts out, at real tokens where it is about tokens."""
    names = ("logits", "start_logits", "end_logits", "last_hidden_state")
    found = [outputs[name] for name in names if name in outputs]
    return [each[mask.bool()] if each.shape[:2] == mask.shape else each for each in found]


class Computed:
    """Counts what every linear map of an encoder's layers is given."""

    def __init__(self, model: nn.Module) -> None:
        self.tokens: list[int] = []
        self.handles = [
            module.register_forward_pre_hook(lambda module, args: self.tokens.append(args[0][..., 0].numel()))
            for names in layer_names(model) or ()
            for name in names
            for module in model.get_submodule(name).modules()
            if isinstance(module, nn.Linear)
        ]


@pytest.mark.parametrize(("kind", "head"), BOTH)
def test_logits_are_those_of_padded_rows_and_only_real_tokens_are_computed(kind: str, head: Head) -> None:
    model, features = head.model(kind).eval(), head.features(12, kind == "bert")
    inputs = padded_inputs(features)
    real = int(inputs["attention_mask"].sum())
    assert real < inputs["attention_mask"].numel()
    given, computed = head.category.model_inputs(inputs), Computed(model)
    with torch.inference_mode():
        before = told(model(**given), inputs["attention_mask"])
        assert max(computed.tokens) > real
        computed.tokens.clear()
        with packed(model) as packs:
            after = told(model(**given), inputs["attention_mask"])
    assert packs and computed.tokens and set(computed.tokens) == {real}
    assert before and all(torch.allclose(one, two, atol=1e-5) for one, two in zip(before, after, strict=True))


@pytest.mark.parametrize(("kind", "head"), BOTH)
def test_a_head_that_reads_first_tokens_is_given_no_others(kind: str, head: Head) -> None:
    model, features = head.model(kind).eval(), head.features(12, kind == "bert")
    inputs = padded_inputs(features)
    mask, given = inputs["attention_mask"], head.category.model_inputs(inputs)
    (last,) = (layer_names(model) or [])[-1]
    cut = cut_of(model)
    cuts = kind != "modernbert" and head.category in (classification, choice)
    assert (cut is not None) == cuts
    below, behind = Computed(model), linears_behind(model, model.get_submodule(last))
    with torch.inference_mode():
        before = told(model(**given), mask)
        below.tokens.clear()
        with packed(model, head_alone=True):
            after = told(model(**given), mask)
    # Half of a layer's six maps in BERT, two of them in DistilBERT.
    assert len(behind) == (0 if cut is None else 2 if kind == "distilbert" else 3)
    assert below.tokens.count(len(mask)) == len(behind)
    assert below.tokens.count(int(mask.sum())) == len(below.handles) - len(behind)
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(before, after, strict=True))


def test_nobody_is_given_hidden_states_that_were_not_computed() -> None:
    model = PLAIN.model("bert").eval()
    inputs = padded_inputs(random_features())
    rows, width = inputs["attention_mask"].shape
    with packed(model, head_alone=True):
        assert model.base_model(**inputs).last_hidden_state.shape[:2] == (rows, 1)
        with packed(model, head_alone=True) as again:
            assert again
        with pytest.raises(RuntimeError, match="only first ones are computed"), packed(model):
            pass
    with packed(model), packed(model, head_alone=True):
        assert model.base_model(**inputs).last_hidden_state.shape[:2] == (rows, width)


@pytest.mark.parametrize("head_alone", [False, True])
@pytest.mark.parametrize(("kind", "head"), BOTH)
def test_a_run_without_dropout_has_the_same_losses(kind: str, head: Head, head_alone: bool) -> None:
    features = head.features(24, kind == "bert")
    losses = {pack: losses_of(head.model(kind), head, features, pack, head_alone) for pack in (False, True)}
    assert losses[True] == pytest.approx(losses[False], abs=1e-4)
    assert len(set(losses[True])) == len(losses[True])


def losses_of(model: Any, head: Head, features: Features, pack: bool, head_alone: bool) -> list[float]:
    """The losses of a few updates."""
    step = make_step(model, features, category=head.category)
    optimizer = torch.optim.AdamW(step.model.parameters(), lr=1e-3)
    found = []
    with packed(step.model, pack, head_alone) as packs:
        assert packs is pack
        for update, units in enumerate(epoch_batches(features.lengths, 8, seed=1, epoch=0) * 2):
            optimizer.zero_grad()
            found.append(float(step.run(units, update, 0, 1.0)[0]))
            optimizer.step()
    return found


METHODS = [
    make("noise", radius=0.1, draws=2),
    make("neftune", alpha=5.0),
    make("fgm", radius=0.1),
    make("pgd", radius=0.1, steps=2, spare_special=True),
    make("pgd", radius=0.1, steps=2, clean=0.5, scope="sequence", norm="linf"),
    make("noise-norms", radius=0.1),
    make("noise-rise", radius=0.1),
    make("freelb", radius=0.1),
    make("freelb-code"),
    make("noise-k", radius=0.1),
    make("smart", radius=0.1, bregman=1.0),
    make("alum", radius=0.1),
    make("r4f", radius=0.1),
    make("r-drop"),
    make("sam"),
]
SITES = [make("pgd", radius=0.1, site=site) for site in ("embeddings", "layer:1", "last")]


@pytest.mark.parametrize("head_alone", [False, True])
@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
@pytest.mark.parametrize("kind", ["bert", "modernbert", "distilbert"])
def test_every_method_forms_the_gradients_of_padded_rows(kind: str, method: Method, head_alone: bool) -> None:
    check_gradients(kind, method, head_alone)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_layer_below_the_last_may_be_perturbed_where_the_last_is_cut(kind: str) -> None:
    check_gradients(kind, make("pgd", radius=0.1, site="layer:1"), head_alone=True)


@pytest.mark.parametrize("method", SITES, ids=lambda each: each.at)
@pytest.mark.parametrize("kind", PACKABLE)
def test_so_it_is_at_every_site(kind: str, method: Method) -> None:
    check_gradients(kind, method)


def check_gradients(kind: str, method: Method, head_alone: bool = False) -> None:
    """Gradients of one batch, packed and padded, and the passes that they cost."""
    features, found, counts = random_features(types=kind == "bert"), {}, {}
    for pack in (False, True):
        step = make_step(PLAIN.model(kind), features, method)
        with packed(step.model, pack, head_alone):
            found[pack] = gradients(step)
        counts[pack] = step.counts.as_dict()
    assert counts[True] == counts[False]
    assert found[True].keys() == found[False].keys()
    # Some gradients are zero but for rounding, that of a key's bias for one.
    largest = max(float(each.abs().max()) for each in found[False].values())
    for name, gradient in found[False].items():
        assert torch.allclose(found[True][name], gradient, rtol=1e-3, atol=1e-6 * largest), name


class InBfloat16(OnCpu):
    """Autocast as accelerate has it on a CPU."""

    def autocast(self) -> Any:
        """Products in bfloat16."""
        return torch.autocast("cpu", torch.bfloat16)


@pytest.mark.parametrize("kind", PACKABLE)
def test_bfloat16(kind: str) -> None:
    features, found = random_features(types=kind == "bert"), {}
    for pack in (False, True):
        step = make_step(PLAIN.model(kind), features, make("freelb", radius=0.1), accelerator=InBfloat16())
        with packed(step.model, pack):
            found[pack] = float(step.run(np.arange(len(features.rows)), 0, 0, 1.0)[0])
    assert found[True] == pytest.approx(found[False], rel=0.03)


def test_dropout_is_the_same_in_all_passes_over_a_batch() -> None:
    """Shared masks: without noise, the two passes of R3F agree, so that nothing is added to the loss."""
    features, losses = random_features(), {}
    for dropout in ("shared", "fresh"):
        method = make("r3f", radius=0.0, dropout=dropout)
        step = make_step(make_model("AutoModelForSequenceClassification", dropout=0.3, num_labels=3), features, method)
        plain = make_step(make_model("AutoModelForSequenceClassification", dropout=0.3, num_labels=3), features)
        with packed(step.model), packed(plain.model):
            losses[dropout] = [float(each.run(np.arange(12), 0, 0, 1.0)[0]) for each in (step, plain)]
    assert losses["shared"][0] == pytest.approx(losses["shared"][1], rel=1e-6)
    assert losses["fresh"][0] > losses["fresh"][1] + 1e-3


@pytest.mark.parametrize("kind", ["bert", "modernbert", "deberta-v2"])
def test_the_order_of_evaluation_changes_no_prediction(kind: str) -> None:
    features = random_features(40, types=kind == "bert", longest=20)
    model = PLAIN.model(kind)
    orders = [np.arange(40), np.arange(40)[::-1], np.random.default_rng(1).permutation(40)]
    found = []
    for order, size in zip(orders, (None, 7, 1), strict=True):
        logits = np.zeros((40, len(LABELS)), dtype=np.float32)

        def take(batch: np.ndarray, view: PaddedView, outputs: Any, order: Any = order, logits: Any = logits) -> None:
            logits[order[batch]] = outputs.logits.numpy()

        forward_batches(model, features.rows.take(order), 0, torch.device("cpu"), take, batch_size=size)
        found.append(logits)
    assert model.training and not np.allclose(found[0][0], found[0][1])
    for logits in found[1:]:
        assert np.allclose(logits, found[0], atol=1e-5)
        assert (logits.argmax(1) == found[0].argmax(1)).all()


def test_architectures_that_cannot_be_packed_say_so_once(
    tmp_path: Path, tiny_data: Path, own_cache: None, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for kind in ("bert", "deberta-v2"):
        encoder = write_encoder(tmp_path / kind, kind)
        run = tmp_path / f"run-{kind}"
        assert call(train_command(tiny_data, encoder, run, "--no-keep-model")) == 0
        said[kind] = capsys.readouterr().err.count("not packed"), json.loads((run / "run.json").read_text())
    assert said["bert"][0] == 0 and said["bert"][1]["packed"] and "padded" not in said["bert"][1]
    assert said["deberta-v2"][0] == 1 and not said["deberta-v2"][1]["packed"]
    assert "encoders of type deberta-v2 are not packed" in said["deberta-v2"][1]["padded"]


def test_a_model_is_left_as_it_was() -> None:
    model = PLAIN.model("bert").eval()
    inputs = padded_inputs(random_features())
    before = model(**inputs).logits
    with packed(model), packed(model) as again:
        assert again
    assert model.config._attn_implementation == "eager"
    assert torch.equal(model(**inputs).logits, before)
    assert can_pack(model) and not can_pack(PLAIN.model("convbert"))
    with packed(model), pytest.raises(ValueError, match="needs an attention_mask"):
        model(input_ids=inputs["input_ids"])
