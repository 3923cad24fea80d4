"""Two lines in anyone's loop: plain is the ordinary step, every padding, head and architecture."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from helpers.problems import padded_inputs, random_features
from helpers.tiny import make_classifier, make_model

from xtremor.errors import UserError
from xtremor.robust import FGM, PGD, R4F, RSDA, SAM, SMART, VAT, FreeLB, Plain, RandomNoise, Robust

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
BATCH = {**padded_inputs(FEATURES), "labels": torch.from_numpy(FEATURES.targets)}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1).train()


@pytest.fixture(scope="module")
def still() -> Any:
    return make_classifier(dropout=0.0).train()


def gradients(model: Any, method: Any, batch: dict[str, Any] = BATCH, **more: Any) -> tuple[float, dict[str, Any]]:
    own = copy.deepcopy(model)
    torch.manual_seed(7)
    loss = Robust(own, method, **more).step(batch)
    return float(loss), {name: each.grad for name, each in own.named_parameters() if each.grad is not None}


def ordinary(model: Any, batch: dict[str, Any] = BATCH) -> tuple[float, dict[str, Any]]:
    own = copy.deepcopy(model)
    torch.manual_seed(7)
    loss = own(**batch).loss
    loss.backward()
    return float(loss), {name: each.grad for name, each in own.named_parameters() if each.grad is not None}


@pytest.mark.parametrize(
    "method",
    [Plain(), PGD(radius=0.0, steps=2), RandomNoise(radius=0.0), FreeLB(steps=1), SAM(rho=0.0),
     PGD(radius=0.0, site="layer:1"), PGD(radius=0.0, site="last"), PGD(radius=0.0, site="embeddings")],
    ids=lambda method: method.arm,
)  # fmt: skip
def test_size_zero_is_the_ordinary_step_bit_for_bit_dropout_included(model: Any, method: Any) -> None:
    loss, found = gradients(model, method)
    expected, wanted = ordinary(model)
    assert loss == expected and found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert torch.equal(gradient, found[name]), name


def test_torch_draws_on_as_after_one_pass(model: Any) -> None:
    drawn = []
    for method in (Plain(), PGD(steps=3), FreeLB(steps=4)):
        gradients(model, method)
        drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])


def test_losses_rise_and_steps_differ(still: Any) -> None:
    losses = {
        method.name: gradients(still, method)[0] for method in (Plain(), RandomNoise(radius=0.2), PGD(radius=0.2))
    }
    assert losses["pgd"] > max(losses["noise"], losses["plain"]) + 0.01
    robust = Robust(copy.deepcopy(still), RandomNoise(radius=0.3))
    assert float(robust.step(BATCH)) != float(robust.step(BATCH))
    state = robust.state_dict()
    later = Robust(copy.deepcopy(still), RandomNoise(radius=0.3))
    later.load_state_dict(state)
    assert float(later.step(BATCH)) == float(robust.step(BATCH))


def test_padding_may_stand_anywhere(still: Any) -> None:
    """The same rows padded left, positions given: the same loss, and nothing of the perturbation on padding."""
    from transformers import BertForTokenClassification

    tagger = BertForTokenClassification(still.config).train()
    mask = BATCH["attention_mask"]
    right = {**BATCH, "labels": (BATCH["input_ids"] % 3).masked_fill(mask == 0, -100)}
    order = torch.argsort(mask, dim=1, stable=True)
    left = {name: value.gather(1, order) for name, value in right.items()}
    left["position_ids"] = (left["attention_mask"].cumsum(1) - 1).clamp_min(0)
    for method in (Plain(), FGM(radius=0.2), PGD(radius=0.2, start=0.0, scope="sequence"), VAT(radius=0.2)):
        one, other = (gradients(tagger, method, batch)[0] for batch in (left, right))
        assert one == pytest.approx(other, rel=1e-5 if method.name != "vat" else 0.05)


def states_of(model: Any, method: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Last hidden states of XLM-R in the last pass of a step."""
    seen: list[torch.Tensor] = []
    model.roberta.encoder.register_forward_hook(lambda *found: seen.append(found[2][0].detach()))
    Robust(model, method).step(batch)
    return seen[-1]


def test_left_padding_needs_no_positions_where_the_model_counts_real_tokens() -> None:
    """XLM-R: positions come from the ids, which a perturbation leaves alone."""
    model = make_model("AutoModelForSequenceClassification", "xlm-roberta", num_labels=3)
    mask = BATCH["attention_mask"]
    right = {name: value for name, value in BATCH.items() if name != "token_type_ids"}
    order = torch.argsort(mask, dim=1, stable=True)
    left = {**right, **{name: right[name].gather(1, order) for name in ("input_ids", "attention_mask")}}
    # A classifier reads the first place, which left padding moves: no ascent, but noise that is drawn token by token.
    for method in (Plain(), RandomNoise(radius=0.2), RandomNoise(radius=0.2, site="layer:1")):
        hidden = [states_of(copy.deepcopy(model), method, batch) for batch in (right, left)]
        one, other = (
            states[batch["attention_mask"].bool()] for states, batch in zip(hidden, (right, left), strict=True)
        )
        assert torch.allclose(one, other, atol=1e-5)


def test_gradient_checkpointing_changes_nothing(still: Any) -> None:
    for site in ("word", "layer:1"):
        method = PGD(radius=0.2, start=0.0, site=site)
        wanted = gradients(still, method)
        saving = copy.deepcopy(still)
        saving.gradient_checkpointing_enable({"use_reentrant": False})
        found = gradients(saving, method)
        assert found[0] == pytest.approx(wanted[0], rel=1e-6)
        for name, gradient in wanted[1].items():
            assert torch.allclose(gradient, found[1][name], rtol=1e-4, atol=1e-7), (site, name)


def test_accumulation_adds_up_and_passes_are_counted(still: Any) -> None:
    half = [{name: value[part] for name, value in BATCH.items()} for part in (slice(0, 6), slice(6, 12))]
    own = copy.deepcopy(still)
    robust = Robust(own, PGD(radius=0.2, start=0.0))
    for batch in half:
        robust.step(batch, scale=0.5)
    _, wanted = gradients(still, PGD(radius=0.2, start=0.0))
    for name, each in own.named_parameters():
        if each.grad is not None:
            assert torch.allclose(each.grad, wanted[name], rtol=1e-3, atol=1e-6), name
    assert robust.counts.as_dict() == {"forward": 4, "backward_activations": 4, "backward_weights": 2}


def test_a_method_with_a_state_follows_the_optimizer(still: Any) -> None:
    own = copy.deepcopy(still)
    optimizer = torch.optim.SGD(own.parameters(), lr=0.1)
    robust = Robust(own, SMART(bregman=1.0, averaging=0.5), optimizer=optimizer)
    before = own.classifier.weight.detach().clone()
    robust.step(BATCH)
    optimizer.step()
    held = robust.state_dict()["method"]["classifier.weight"]
    assert torch.allclose(held, (before + own.classifier.weight.detach()) / 2)
    with pytest.raises(ValueError, match="name the optimizer"):
        Robust(own, R4F())


def test_what_cannot_be_is_refused(still: Any) -> None:
    with pytest.raises(UserError, match=r"write PGD\(\)"):
        Robust(still, PGD)
    with pytest.raises(ValueError, match="rewrites texts"):
        Robust(still, RSDA())
    with pytest.raises(ValueError, match="special_ids"):
        Robust(still, PGD(spare_special=True))
    with pytest.raises(ValueError, match="needs labels"):
        Robust(still, PGD()).step({name: value for name, value in BATCH.items() if name != "labels"})
    with pytest.raises(ValueError, match="no input_ids"):
        Robust(still, PGD()).step({"inputs_embeds": torch.zeros(1, 2, 16)})
    with pytest.raises(UserError, match="has 2 layers"):
        Robust(still, PGD(site="layer:5")).step(BATCH)


def test_t5_hands_its_position_bias_past_the_site() -> None:
    """Gradients at size 0 are plain's to the last tensor, the bias that every layer reads included."""
    model = make_model("AutoModelForTokenClassification", "mt5", num_labels=3)
    ids, mask = BATCH["input_ids"], BATCH["attention_mask"]
    batch = {"input_ids": ids, "attention_mask": mask, "labels": (ids % 3).masked_fill(mask == 0, -100)}
    expected, wanted = ordinary(model, batch)
    for site in ("word", "layer:1", "layer:2", "last"):
        loss, found = gradients(model, PGD(radius=0.0, site=site), batch)
        assert loss == pytest.approx(expected, rel=1e-6) and found.keys() == wanted.keys()
        for name, gradient in wanted.items():
            assert torch.allclose(gradient, found[name], rtol=1e-4, atol=1e-6), (site, name)
        assert gradients(model, PGD(radius=0.3, site=site), batch)[0] > expected + 0.01
    with pytest.raises(UserError, match="has no embedding block"):
        Robust(model, PGD(site="embeddings")).step(batch)


@pytest.mark.parametrize("site", ["word", "embeddings", "layer:1", "last"])
def test_adapters_of_peft(still: Any, site: str) -> None:
    peft = pytest.importorskip("peft")
    settings = peft.LoraConfig(r=4, target_modules=["query", "value"], task_type="SEQ_CLS", init_lora_weights=False)
    model = peft.get_peft_model(copy.deepcopy(still), settings)
    expected, wanted = ordinary(model)
    assert 0 < len(wanted) < len(list(still.parameters()))
    loss, found = gradients(model, PGD(radius=0.0, site=site))
    assert loss == expected and found.keys() == wanted.keys()
    assert all(torch.allclose(gradient, found[name], atol=1e-7) for name, gradient in wanted.items())
    assert gradients(model, PGD(radius=0.3, site=site))[0] > expected + 0.01


HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "xlm", "distilbert", "deberta-v2", "modernbert"])
def test_heads_and_architectures(kind: str, head: str) -> None:
    import transformers
    from helpers.tiny import make_config

    config = make_config(kind)
    config.num_labels = 2 if head == "ForQuestionAnswering" else 3
    found = getattr(transformers, f"Auto{'ModelFor'}{head.removeprefix('For')}")
    if type(config) not in found._model_mapping or (kind, head) == ("xlm", "ForQuestionAnswering"):
        pytest.skip("transformers has no such head, or one of another kind")
    torch.manual_seed(0)
    model = found.from_config(config).train()
    ids = torch.randint(5, 60, (4, 7))
    mask = torch.ones_like(ids)
    mask[0, 4:] = mask[2, 5:] = 0
    batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    if head == "ForSequenceClassification":
        batch["labels"] = torch.tensor([0, 1, 2, 1])
    elif head == "ForTokenClassification":
        batch["labels"] = torch.randint(0, 3, (4, 7)).masked_fill(mask == 0, -100)
    elif head == "ForQuestionAnswering":
        batch |= {"start_positions": torch.tensor([0, 1, 2, 3]), "end_positions": torch.tensor([1, 2, 3, 3])}
    else:
        batch = {name: value.view(2, 2, 7) for name, value in batch.items()}
        batch["labels"] = torch.tensor([0, 1])
    losses = {}
    for method in (Plain(), PGD(radius=0.3, steps=2), VAT(radius=0.3), SMART(radius=0.1, relative=True)):
        torch.manual_seed(3)
        own = copy.deepcopy(model)
        losses[method.name] = float(Robust(own, method).step(batch))
        assert all(bool(each.grad.isfinite().all()) for each in own.parameters() if each.grad is not None)
    assert losses["pgd"] != losses["plain"] and losses["vat"] > losses["plain"] and losses["smart"] > losses["plain"]
