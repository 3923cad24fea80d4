"""The state of an unfinished run in one safetensors file, replaced whole; no pickles."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.robust.methods.base import Runner
from xtremor.training.folder import CHECKPOINT

NAME = CHECKPOINT


def save(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    method: dict[str, Tensor] | None = None,
) -> None:
    """Write trainable weights, AdamW moments, the method's tensors and ``state`` (JSON values, ``update`` too)."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            tensors[f"weight/{name}"] = parameter.detach().contiguous()
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"{key}/{name}"] = torch.as_tensor(value).contiguous()
    tensors |= {f"method/{name}": tensor.contiguous() for name, tensor in (method or {}).items()}
    with atomic_file(folder / NAME) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(state)})


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, runner: Runner | None = None
) -> dict[str, Any] | None:
    """Put a checkpoint's weights and moments in place and return its state; None where there is no checkpoint."""
    from safetensors import safe_open

    path = folder / NAME
    if not path.exists():
        return None
    with _explained(path), safe_open(path, "pt") as opened:
        state = _state(opened)
        names = set(opened.keys())
        moments = {key.partition("/")[0] for key in names} - {"weight", "method"}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            with torch.no_grad():
                parameter.copy_(opened.get_tensor(f"weight/{name}"))
            # The first update has none behind it, nor has the head of a task that was not drawn yet.
            if any(f"{key}/{name}" in names for key in moments):
                # Fused AdamW wants its step count, too, where the parameter is.
                optimizer.state[parameter] = {
                    key: opened.get_tensor(f"{key}/{name}").to(parameter.device) for key in moments
                }
        if runner is not None:
            kept = [name for name in names if name.startswith("method/")]
            runner.load_state({name.partition("/")[2]: opened.get_tensor(name) for name in kept})
    return state


def peek(folder: Path) -> dict[str, Any] | None:
    """The state of a checkpoint without its tensors; None where there is none."""
    from safetensors import safe_open

    path = folder / NAME
    if not path.exists():
        return None
    with _explained(path), safe_open(path, "pt") as opened:
        return _state(opened)


def _state(opened: Any) -> dict[str, Any]:
    return dict(json.loads((opened.metadata() or {})["state"]))


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """One sentence for a file that is not, or no longer, a checkpoint of this run."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: not a checkpoint of this run ({error}); delete the file to train from the start"
        ) from error


def remove(folder: Path) -> None:
    """Delete the checkpoint of a finished run."""
    (folder / NAME).unlink(missing_ok=True)
