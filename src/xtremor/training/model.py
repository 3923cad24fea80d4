"""The model of a run before its first update: a fresh head, what it can take in, and where it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtremor.computing import note_precision
from xtremor.errors import UserError
from xtremor.training.config import TrainSettings, derived_seed

if TYPE_CHECKING:
    from torch import nn

    from xtremor.encoders.load import LoadReport
    from xtremor.training.prepare import Prepared


def make_model(settings: TrainSettings, prepared: Prepared) -> tuple[nn.Module, LoadReport]:
    """The encoder with a fresh head; the head depends on the seed alone, not on the method."""
    import torch

    torch.manual_seed(derived_seed(settings.seed, "head"))
    return load_model(settings, prepared)


def load_model(settings: TrainSettings, prepared: Prepared) -> tuple[nn.Module, LoadReport]:
    """The encoder with a head drawn from torch's generator as it stands.

    Of a model that was trained on a task, ours or anybody's, the encoder alone is taken.
    """
    from xtremor.encoders.boundary import check_vocabulary
    from xtremor.encoders.load import is_task_model, load_task_model

    config = prepared.category.head_config(prepared.labels)
    alone = settings.fresh_pooler or is_task_model(settings.encoder)
    model, report = load_task_model(settings.encoder, prepared.category.AUTO_CLASS, alone, **config)
    if alone:
        check_vocabulary(model, prepared.tokenizer, report.resolved)
    if prepared.category.AUTO_CLASS == "AutoModel":
        # Hidden states are pooled without it: it would have no gradient, and nothing in a checkpoint to resume from.
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("pooler" not in name.split("."))
    return model, report


def positions_of(model: nn.Module) -> int | None:
    """Tokens of the longest input that the encoder has positions for; None where it has no table of positions."""
    from torch import nn

    block = getattr(getattr(model, "base_model", model), "embeddings", None)
    table = getattr(block, "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    # RoBERTa and its kin count positions from behind the padding id.
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def check_positions(model: nn.Module, max_length: int) -> None:
    """Raise UserError where the encoder has a table of positions that is shorter than the longest input allowed."""
    positions = positions_of(model)
    if positions is not None and max_length > positions:
        raise UserError(
            f"--max-length {max_length} is more than the {positions} positions of this encoder; "
            f"name --max-length {positions} or less"
        )


def recompute(model: Any) -> None:
    """Have the layers keep their input alone; raises UserError where the architecture cannot."""
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise UserError(
            f"--gradient-checkpointing: {type(model).__name__} cannot compute its layers again; leave it out"
        )
    # The reentrant kind forms weight gradients alone, and none for a perturbation.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def make_accelerator(settings: TrainSettings) -> Any:
    """Device, precision and backward."""
    from accelerate import Accelerator

    made = Accelerator(mixed_precision="bf16" if settings.precision == "bf16" else "no")
    note_precision(settings.precision, made.device)
    return made


def pad_of(tokenizer: Any) -> int:
    """Id of the padding token; 0 for a tokenizer without one (padding is masked everywhere)."""
    return 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
