"""Load an encoder by hub name, by local folder, or the offline ``starter``, and say which tensors loaded.

Weights come from safetensors only; code from a repository is never run.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.encoders import boundary, hub
from xtremor.encoders.cards import CARDS, EncoderCard, hub_id, known_encoders
from xtremor.encoders.checkpoint import check_folder, checkpoint_names, read_config, weight_files
from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.encoders.lazy_tokenizer import LazyTokenizer
from xtremor.encoders.report import LoadReport
from xtremor.encoders.runs import model_folder, run_of
from xtremor.encoders.starter import starter_folder
from xtremor.errors import UserError, unknown

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "EncoderCard",
    "LoadReport",
    "fingerprint",
    "known_encoders",
    "load_encoder",
    "load_task_model",
    "load_tokenizer",
    "resolve",
]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def resolve(name: str) -> str:
    """Return the folder of an encoder: the decoded starter, a local folder, or a hub repository in the hub's cache.

    Of a run folder it is the trained model in it.
    ``starter`` is decoded and a hub repository downloaded on first use. The folder has been checked: config,
    tokenizer and safetensors weights are there.

    Raises:
        UserError: one sentence on what is wrong with the name or the folder.
    """
    folder = _locate(name)
    check_folder(folder, name)
    return str(folder)


def fingerprint(name: str) -> str:
    """A digest that changes when the encoder's config or weights change; the commit for a hub repository."""
    return folder_fingerprint(Path(resolve(name)))


def load_tokenizer(name: str) -> Any:
    """The tokenizer of an encoder (a transformers tokenizer, loaded at its first use).

    Raises:
        UserError: as ``resolve``; at its first use, the tokenizer's files cannot be read.
    """
    folder = Path(resolve(name))
    _refuse_remote_code(folder, name)
    return LazyTokenizer(folder, lambda: _read_tokenizer(folder))


def _read_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    with quiet():
        try:
            return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except Exception as error:
            # transformers lets many types through here, from JSON errors to bare Exception out of Rust.
            raise UserError(f"the tokenizer in {folder} cannot be loaded ({_first_line(error)})") from error


def load_encoder(name: str) -> tuple[nn.Module, LoadReport]:
    """Load the bare encoder (``AutoModel``) in fp32, in eval mode; raises UserError as ``load_task_model``."""
    return load_task_model(name, "AutoModel")


def load_task_model(
    name: str, auto_class_name: str, encoder_only: bool = False, **config_overrides: Any
) -> tuple[nn.Module, LoadReport]:
    """Load an encoder with a task head in fp32, in eval mode.

    Tensors that the checkpoint lacks are drawn from torch's global generator: seed it before the call.

    Args:
        name: ``starter``, a known name, a hub id or a local folder.
        auto_class_name: for example ``"AutoModelForSequenceClassification"``.
        encoder_only: take nothing but the encoder's own tensors from the checkpoint, even where a head or a pooler
            would fit, and check that (`xtremor.encoders.boundary`).
        config_overrides: entries of the config, for example ``num_labels=3``.

    Raises:
        UserError: as ``resolve``; transformers has no such head for the architecture; the checkpoint is damaged or
            does not hold the encoder's weights.
    """
    folder = Path(resolve(name))
    _refuse_remote_code(folder, name)
    import torch
    import transformers

    auto_class = getattr(transformers, auto_class_name)
    with quiet():
        config = _head_config(folder, name, auto_class_name, config_overrides)
        if encoder_only:
            boundary.without_labels(config, config_overrides)
        drawn = torch.get_rng_state()
        try:
            model, info = auto_class.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"encoder '{name}' cannot be loaded from {folder} ({_first_line(error)})") from error
        _refuse_decoder(model, name)
        report = _report(name, folder, model, info)
        return _encoder_alone(model, report, folder, drawn) if encoder_only else (model, report)


def skeleton(name: str, auto_class_name: str) -> nn.Module:
    """The task model without weights (on the meta device): what can be known of it before anything is loaded.

    Raises:
        UserError: as `load_task_model` where the architecture is at fault.
    """
    folder = Path(resolve(name))
    _refuse_remote_code(folder, name)
    import torch
    import transformers

    with quiet(), torch.device("meta"):
        config = _head_config(folder, name, auto_class_name, {})
        model: nn.Module = getattr(transformers, auto_class_name).from_config(config)
    _refuse_decoder(model, name)
    return model


def is_task_model(name: str) -> bool:
    """Whether an encoder is a run of ours or any other model with a head trained on some task."""
    folder = Path(resolve(name))
    return run_of(folder) is not None or boundary.is_task_model(folder)


def _head_config(folder: Path, name: str, auto_class_name: str, overrides: dict[str, Any]) -> Any:
    """The checkpoint's configuration, for an architecture that has the head."""
    import transformers

    try:
        config, unused = transformers.AutoConfig.from_pretrained(
            folder, trust_remote_code=False, return_unused_kwargs=True, **overrides
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{folder / 'config.json'} cannot be used ({_first_line(error)})") from error
    if unused:
        raise ValueError(f"not in the config of a {config.model_type}: {', '.join(unused)}")
    if type(config) not in getattr(transformers, auto_class_name)._model_mapping:
        raise UserError(f"encoder '{name}' is a {config.model_type}, for which transformers has no {auto_class_name}")
    return config


def _encoder_alone(model: Any, report: LoadReport, folder: Path, drawn: Any) -> tuple[nn.Module, LoadReport]:
    """The same with everything but the encoder fresh; ``drawn`` is the generator as it was before the load."""
    import torch

    fresh = set(model.state_dict()) - set(boundary.encoder_tensors(model))
    if fresh - set(report.missing):
        torch.set_rng_state(drawn)
        model = boundary.encoder_alone(model).eval()
    found = boundary.check_crossing(model, folder, own=run_of(folder) is not None)
    missing = [name for name in model.state_dict() if name in fresh]
    loaded = len(model.state_dict()) - len(missing)
    return model, replace(report, missing=missing, loaded=loaded, unexpected=found["left_behind"], boundary=found)


def _report(name: str, folder: Path, model: Any, info: dict[str, Any]) -> LoadReport:
    mismatched = {entry[0] for entry in info["mismatched_keys"]}
    absent = set(info["missing_keys"]) | mismatched
    names = list(model.state_dict())
    _check_backbone(folder, model, names, absent, mismatched)
    return LoadReport(
        name=name,
        resolved=str(folder),
        architecture=type(model).__name__,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        loaded=sum(tensor not in absent for tensor in names),
        missing=[tensor for tensor in names if tensor in absent],
        unexpected=sorted(info["unexpected_keys"]),
        fingerprint=folder_fingerprint(folder),
    )


def _check_backbone(folder: Path, model: Any, names: list[str], absent: set[str], mismatched: set[str]) -> None:
    """Refuse a checkpoint without the encoder's own tensors; a pooler or a buffer of positions may be missing."""
    own = set(boundary.encoder_tensors(model))
    needed = [name for name in names if name in own and not name.endswith(("position_ids", "token_type_ids"))]
    lacking = [tensor for tensor in needed if tensor in absent]
    if not lacking:
        return
    if len(lacking) == len(needed):
        found = [tensor for path in weight_files(folder) for tensor in checkpoint_names(path)]
        says = f"its tensors are named like {min(found)}" if found else "it is empty"
        raise UserError(
            f"the checkpoint in {folder} matches nothing of a {type(model).__name__} ({says}, expected {needed[0]}); "
            "check that config.json belongs to these weights"
        )
    how = "has the wrong shape" if lacking[0] in mismatched else "is missing"
    raise UserError(
        f"the checkpoint in {folder} gives {len(needed) - len(lacking)} of the {len(needed)} tensors of the encoder "
        f"({lacking[0]} {how}); check that config.json belongs to these weights"
    )


def _locate(name: str) -> Path:
    if name == "starter":
        return starter_folder()
    folder = Path(name).expanduser()
    if folder.exists():
        return model_folder(folder)
    known = hub_id(name)
    if known is not None:
        return hub.snapshot(known)
    if _HUB_ID.fullmatch(name):
        return hub.snapshot(name)
    if "/" in name or os.sep in name or name.startswith((".", "~")):
        return folder
    names = [card.name for card in CARDS] + [card.hub.rsplit("/", 1)[-1] for card in CARDS if card.hub]
    raise unknown("encoder", name, names, "or name a folder, or a hub repository as owner/name")


def _refuse_remote_code(folder: Path, name: str) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    config = read_config(folder)
    if config["model_type"] in CONFIG_MAPPING_NAMES:
        return
    if "auto_map" in config:
        raise UserError(f"encoder '{name}' needs code from its own repository, which xtremor never runs; use another")
    from transformers import __version__

    raise UserError(
        f"encoder '{name}' is of model type '{config['model_type']}', which transformers {__version__} does not know"
    )


def _refuse_decoder(model: Any, name: str) -> None:
    """Refuse a task model that runs a decoder behind its encoder; T5's head for tagging has none."""
    parts = (path.rpartition(".")[2] for path, _ in model.named_modules())
    if getattr(model.config, "is_encoder_decoder", False) and "decoder" in parts:
        raise UserError(
            f"encoder '{name}' is a {model.config.model_type}, which answers this kind of task "
            f"({type(model).__name__}) with a decoder; name an --encoder without one"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing its own account of a load; ours follows in one place."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
