"""Layers of every architecture, by the names that transformers gives them and by what really feeds them."""

from __future__ import annotations

import pytest
import torch
from helpers.tiny import KINDS, MORE_KINDS, make_classifier

from xtremor.encoders.layers import layer_names, parameters_below, part_of
from xtremor.errors import UserError

# Parameters of the encoder that no layer's output depends on.
AFTER = {
    "bert": {"bert.pooler.dense.weight", "bert.pooler.dense.bias"},
    "modernbert": {"model.final_norm.weight"},
    "eurobert": {"model.norm.weight"},
}


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_every_parameter_has_a_part(kind: str) -> None:
    model = make_classifier(kind)
    layers = layer_names(model)
    assert layers is not None and len(layers) == 2
    parts: dict[str, int] = {}
    for name, _ in model.base_model.named_parameters(prefix=model.base_model_prefix):
        part = part_of(name, layers)
        parts[part] = parts.get(part, 0) + 1
        assert (part == "other") == (name in AFTER.get(kind, ())), name
    assert parts["layer 1"] > 4 and parts["embeddings"] > 0
    # The first norm of ModernBERT's first layer does nothing and has no weight.
    assert parts["layer 2"] - parts["layer 1"] == (kind == "modernbert")


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_what_is_below_a_layer_is_what_its_input_depends_on(kind: str) -> None:
    """Moving the rest changes nothing that the next layer reads, moving any of it does: asked of outputs."""
    model = make_classifier(kind).eval()
    below, layers = set(parameters_below(model, 1)), layer_names(model)
    assert not any(module._forward_hooks for module in model.modules())
    ids = torch.tensor([[5, 6, 7, 8]])

    def read() -> torch.Tensor:
        with torch.no_grad():
            return model.base_model(
                input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
            ).hidden_states[1]

    before = read()
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            kept = parameter.clone()
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
            changed = not torch.equal(read(), before)
            parameter.copy_(kept)
        # The bias of keys shifts all scores of a softmax alike: it is below, and changes nothing.
        assert name in below or not changed, name
    assert below >= {name for name, _ in model.named_parameters() if part_of(name, layers) == "layer 1"}
    assert not any(part_of(name, layers) in ("layer 2", "other") for name in below)


def test_all_layers_leave_the_head_and_what_follows() -> None:
    model = make_classifier("modernbert")
    rest = {name for name, _ in model.named_parameters()} - set(parameters_below(model, 2))
    assert rest == {"model.final_norm.weight", "head.dense.weight", "head.norm.weight", "classifier.weight",
                    "classifier.bias"}  # fmt: skip


def test_refusals() -> None:
    import transformers

    with pytest.raises(UserError, match="--freeze-layers 3 is more than the 2 layers of this encoder"):
        parameters_below(make_classifier(), 3)
    shape = {
        "vocab_size": 30,
        "hidden_size": 16,
        "embedding_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    shared = transformers.AlbertForSequenceClassification(transformers.AlbertConfig(**shape, num_hidden_layers=3))
    with pytest.raises(UserError, match=r"the layers of this encoder \(albert\) cannot be told apart"):
        parameters_below(shared, 1)
    assert layer_names(shared) is None
    assert part_of("albert.embeddings.word_embeddings.weight", None) == "embeddings"
