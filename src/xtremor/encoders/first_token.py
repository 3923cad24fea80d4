"""Heads that read the first token of a row alone: behind the last layer's attention nothing else need be computed.

That is ten twelfths of a layer of BERT, of which this saves nine: queries, keys and values are still made of every
token, because transformers' attention shapes them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

# Heads that give the first token's last hidden state, or what the pooler makes of it, to a classifier.
HEADS = ("ForSequenceClassification", "ForMultipleChoice")


@dataclass(frozen=True)
class Cut:
    """Where a last layer goes on with the first tokens alone.

    Attributes:
        module: of the layer; whatever it is given, (1, T, H) each, is cut.
        behind: modules of the layer that see what was cut.
    """

    module: str
    behind: tuple[str, ...]


BERT = Cut("attention.output", ("attention.output", "intermediate", "output"))
DISTILBERT = Cut("sa_layer_norm", ("sa_layer_norm", "ffn", "output_layer_norm"))
# By `model_type`. ModernBERT adds a residual in between that no hook reaches.
CUTS = {"bert": BERT, "roberta": BERT, "xlm-roberta": BERT, "camembert": BERT, "distilbert": DISTILBERT}


def cut_of(model: nn.Module) -> Cut | None:
    """Where the last layer of a task model may be cut; None where its head reads more than first tokens."""
    kind = getattr(getattr(model, "config", None), "model_type", None)
    return CUTS.get(str(kind)) if type(model).__name__.endswith(HEADS) else None


def linears_behind(model: nn.Module, layer: nn.Module) -> set[Any]:
    """Linear maps of the last ``layer`` that see a token a row where it is cut."""
    cut = cut_of(model)
    parts = [layer.get_submodule(name) for name in cut.behind] if cut else []
    return {each for part in parts for each in part.modules() if isinstance(each, nn.Linear)}
