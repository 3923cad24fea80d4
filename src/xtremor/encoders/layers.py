"""Where an encoder's layers are, whatever its architecture calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError

if TYPE_CHECKING:
    from torch import nn

EMBEDDINGS, OTHER = "embeddings", "other"


def layer_names(model: nn.Module) -> list[list[str]] | None:
    """Names of the modules that make up each layer, from the lowest up; None where they cannot be told.

    A layer is an entry of the list of modules that is as long as the configuration has layers. XLM keeps its layers in
    four such lists side by side. Shared layers (ALBERT) and stacks of decoders are not told apart.
    """
    from torch import nn

    config: Any = model.config
    depth = getattr(config, "num_hidden_layers", None)
    backbone: Any = getattr(model, "base_model", model)
    prefix = next((name for name, module in model.named_modules() if module is backbone), "")
    lists: list[str] = []
    for name, module in backbone.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in lists)
        if isinstance(module, nn.ModuleList) and len(module) == depth and not inside:
            lists.append(name)
    if not depth or len({name.rpartition(".")[0] for name in lists}) != 1:
        return None
    start = f"{prefix}." if prefix else ""
    return [[f"{start}{name}.{number}" for name in lists] for number in range(depth)]


def part_of(parameter: str, layers: list[list[str]] | None) -> str:
    """The part of a parameter: ``embeddings``, ``layer 1`` (the lowest), ... or ``other`` (final norm, pooler)."""
    for number, modules in enumerate(layers or (), 1):
        if any(parameter.startswith(f"{name}.") for name in modules):
            return f"layer {number}"
    return EMBEDDINGS if "emb" in parameter else OTHER


def parameters_below(model: nn.Module, count: int) -> list[str]:
    """Names of the trainable parameters that the output of layer ``count`` (from 1) depends on.

    Asked of autograd and not of names: DeBERTa's relative positions belong to every layer, a final norm to none.

    Raises:
        UserError: the layers cannot be told, or there are fewer.
    """
    import torch

    config: Any = model.config
    layers = layer_names(model)
    if layers is None:
        raise UserError(
            f"--freeze-layers: the layers of this encoder ({config.model_type}) cannot be told apart; leave "
            "the option out, or name an --encoder with a plain stack of layers"
        )
    if count > len(layers):
        raise UserError(f"--freeze-layers {count} is more than the {len(layers)} layers of this encoder")
    modules, seen = dict(model.named_modules()), []
    handles = [
        modules[name].register_forward_hook(lambda module, inputs, output: seen.append(output))
        for name in layers[count - 1]
    ]
    backbone: Any = getattr(model, "base_model", model)
    training, ids = model.training, torch.ones((1, 2), dtype=torch.long)
    try:
        backbone.eval()(input_ids=ids, attention_mask=ids)
    finally:
        for handle in handles:
            handle.remove()
        model.train(training)
    # The module of the layer that is passed last puts out what the next layer reads.
    last: Any = seen[-1][0] if isinstance(seen[-1], tuple) else seen[-1]
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    reached = torch.autograd.grad(last.sum(), list(trained.values()), allow_unused=True)
    return [name for name, gradient in zip(trained, reached, strict=True) if gradient is not None]
