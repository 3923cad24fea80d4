"""Refuse an unusable checkpoint folder in one sentence, before anything heavy is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xtremor.errors import UserError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "vocab.txt",
    "vocab.json",
)


def check_folder(folder: Path, name: str) -> None:
    """Check that ``folder`` holds a config, a tokenizer and readable safetensors weights.

    Args:
        folder: the checkpoint.
        name: what the user called it.

    Raises:
        UserError: the first thing that is missing or unreadable.
    """
    if not folder.is_dir():
        raise UserError(f"encoder folder {name} does not exist; name a folder, a hub repository or 'starter'")
    if not (folder / "config.json").is_file():
        inside = folder / "model"
        hint = f"; did you mean {inside}?" if (inside / "config.json").is_file() else ""
        raise UserError(f"encoder folder {folder} has no config.json, so it is not a Hugging Face checkpoint{hint}")
    read_config(folder)
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise UserError(
            f"encoder folder {folder} has no tokenizer (such as tokenizer.json); save it there with "
            "AutoTokenizer.from_pretrained(ORIGINAL).save_pretrained(FOLDER)"
        )
    files = weight_files(folder)
    if not files:
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.ckpt") for path in folder.glob(pattern))
        if pickled:
            raise UserError(_only_pickled(folder, pickled))
        raise UserError(f"encoder folder {folder} has no weights; expected {SINGLE}")
    for path in files:
        checkpoint_names(path)


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json of a checkpoint; raises UserError when it is not JSON or names no model type."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable JSON ({error})") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UserError(f"{path} names no model_type, so transformers cannot tell what it is")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, empty when there are none; raises UserError for a missing shard."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if not (folder / INDEX).is_file():
        return []
    try:
        names = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{folder / INDEX} is not a readable index of safetensors shards") from error
    for name in names:
        if not (folder / name).is_file():
            raise UserError(f"encoder folder {folder} lacks the shard {name} that its index names; copy it again")
    return [folder / name for name in names]


def checkpoint_names(path: Path) -> list[str]:
    """Names of the tensors in a safetensors file; raises UserError when it is damaged or cut short."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return list(file.keys())
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or cut short ({error}); copy or download it again") from error


def is_complete(folder: Path) -> bool:
    """Whether a folder in the hub's cache holds all that a load needs."""
    try:
        check_folder(folder, str(folder))
    except UserError:
        return False
    return True


def conversion_command(folder: str, pattern: str = "pytorch_model.bin") -> str:
    """A command that turns a folder's pickled weights into safetensors, without running what a pickle could run."""
    code = (
        "import glob, torch, safetensors.torch as s; "
        f"d = '{folder}/'; "
        "s.save_file({k: v.clone().contiguous() "
        f"for f in sorted(glob.glob(d + '{pattern}')) "
        "for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, "
        f"d + '{SINGLE}', metadata={{'format': 'pt'}})"
    )
    return f'python -c "{code}"'


def _only_pickled(folder: Path, pickled: list[str]) -> str:
    pattern = "pytorch_model.bin" if "pytorch_model.bin" in pickled else "pytorch_model-*.bin"
    if not any(name.startswith("pytorch_model") for name in pickled):
        pattern = pickled[0]
    return (
        f"encoder folder {folder} has its weights only as pickles ({pickled[0]}), which xtremor never loads; "
        f"convert them to safetensors: {conversion_command(str(folder), pattern)}"
    )
