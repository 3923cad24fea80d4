"""The boundary between two stages of training: the encoder alone crosses it, tensor by tensor.

Everything else of a task model, the head and the pooler that was trained with it, starts anew in the next stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.encoders.checkpoint import checkpoint_names, read_config, weight_files
from xtremor.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

# Ends of the names of transformers' classes that hold no task head.
_PRETRAINED = ("Model", "ForMaskedLM", "ForPreTraining", "ForCausalLM", "WithLMHeadModel")
# Names that old BERT checkpoints use, which transformers renames as it loads.
_OLD = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


def encoder_tensors(model: Any) -> list[str]:
    """Names of the tensors of the encoder itself: those of the base model without its pooler."""
    prefix = _prefix(model)
    return [name for name in model.state_dict() if name.startswith(prefix) and "pooler" not in name.split(".")]


def is_task_model(folder: Path) -> bool:
    """Whether a checkpoint's config says that it carries a head trained on some task."""
    classes = read_config(folder).get("architectures") or []
    return any(not str(name).endswith(_PRETRAINED) for name in classes)


def without_labels(config: Any, overrides: dict[str, Any]) -> None:
    """Take the earlier task's classes out of ``config``, where the new head does not name its own."""
    if "id2label" not in overrides:
        config.id2label = None
        config.num_labels = overrides.get("num_labels", 2)
    if "problem_type" not in overrides:
        config.problem_type = None


def encoder_alone(model: Any) -> Any:
    """The same encoder in a new model in which everything else is freshly drawn from torch's global generator.

    The draws are those of loading a checkpoint that holds the bare encoder: with the same seed, every arm has the
    same head.
    """
    import torch

    crossing = set(encoder_tensors(model))
    kept = {name: tensor for name, tensor in model.state_dict().items() if name in crossing}
    return type(model).from_pretrained(None, config=model.config, state_dict=kept, dtype=torch.float32)


def check_crossing(model: Any, folder: Path, own: bool) -> dict[str, Any]:
    """Compare a loaded model with the checkpoint's files, tensor by tensor; return the result for a record.

    Args:
        model: as `encoder_alone` gives it.
        folder: of the checkpoint.
        own: the checkpoint was written by a run of ours, so that every tensor of the encoder must be found in it.

    Returns:
        ``encoder_tensors`` and how many of them are ``equal`` bit for bit to the file's (the others are ``unnamed``:
        the file knows them by names that cannot be traced), ``fresh`` names, and what was ``left_behind``.

    Raises:
        UserError: a tensor of the encoder is not the checkpoint's.
        RuntimeError: a tensor that must be fresh is the checkpoint's.
    """
    import torch

    stored = dict(_stored(folder))
    crossing = encoder_tensors(model)
    state = model.state_dict()
    used: set[str] = set()
    unnamed = []
    for name in crossing:
        found = next((each for each in _spellings(name, model) if each in stored), None)
        if found is None:
            unnamed.append(name)
            continue
        used.add(found)
        if not torch.equal(_read(stored[found], found).to(state[name].dtype), state[name].cpu()):
            raise UserError(f"tensor {name} of the encoder was not loaded as {folder} holds it; copy the folder again")
    if unnamed and own:
        raise UserError(f"the model in {folder} lacks {unnamed[0]} of its encoder; train that run again")
    fresh = [name for name in state if name not in set(crossing)]
    for name in fresh:
        if name in stored and _same(_read(stored[name], name), state[name].cpu()):
            raise RuntimeError(f"{name} crossed the stage boundary with the encoder")
    return {
        "encoder_tensors": len(crossing),
        "equal": len(crossing) - len(unnamed),
        "unnamed": unnamed,
        "fresh": fresh,
        "left_behind": sorted(set(stored) - used),
    }


def check_vocabulary(model: Any, tokenizer: Any, folder: str) -> None:
    """Raise UserError where the tokenizer has tokens that the encoder's table has no row for."""
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise UserError(
            f"the tokenizer in {folder} has {len(tokenizer)} tokens and the encoder beside it {rows} rows for them: "
            "they do not belong together; put the encoder's own tokenizer there"
        )


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal by more than an initialisation to a constant."""
    import torch

    return torch.equal(one.to(other.dtype), other) and bool((other != other.flatten()[0]).any())


def _prefix(model: Any) -> str:
    return f"{model.base_model_prefix}." if model.base_model is not model else ""


def _spellings(name: str, model: Any) -> Iterator[str]:
    """How a checkpoint may call a tensor: with or without the base model's prefix, by its old name."""
    short = name.removeprefix(_prefix(model))
    for each in (name, short, f"{model.base_model_prefix}.{short}"):
        yield each
        for new, old in _OLD.items():
            if each.endswith(new):
                yield each.removesuffix(new) + old


def _stored(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in weight_files(folder):
        for name in checkpoint_names(path):
            yield name, path


def _read(path: Path, name: str) -> Tensor:
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        return opened.get_tensor(name)
