"""A tokenizer that was loaded before is loaded again only for what is not remembered of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xtremor.encoders.checkpoint import TOKENIZER_FILES
from xtremor.encoders.fingerprint import file_digest
from xtremor.errors import UserError
from xtremor.paths import atomic_file, cache_folder

# What shapes a tokenizer beyond its vocabulary.
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
# What training asks of a tokenizer whose token ids are kept already: a 250,000-piece vocabulary takes seconds to read.
FACTS = ("pad_token_id", "all_special_ids", "is_fast")
LENGTH = "__len__"


def tokenizer_files_digest(folder: Path) -> str:
    """The sha256 over the files that a checkpoint's tokenizer is made from, and the model type that names its class."""
    digest = hashlib.sha256()
    for name in sorted({*TOKENIZER_FILES, *SETTINGS}):
        if (folder / name).is_file():
            digest.update(f"{name}\0{file_digest(folder / name)}\0".encode())
    with contextlib.suppress(OSError, ValueError, AttributeError):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        digest.update(str(config.get("model_type")).encode())
    return digest.hexdigest()


class LazyTokenizer:
    """Stands for a tokenizer of transformers; loaded at once where nothing is known of these files, else when needed.

    Args:
        folder: of the checkpoint.
        load: loads the tokenizer; what it raises is raised here where the files were never loaded before.

    Attributes:
        digest: of the files that it is made from.
    """

    def __init__(self, folder: Path, load: Callable[[], Any]) -> None:
        self.digest = tokenizer_files_digest(folder)
        self._load = load
        self._loaded: Any = None
        self._facts = _recall(self.digest)
        if self._facts is None:
            self._facts = {**{name: getattr(self.loaded, name) for name in FACTS}, LENGTH: len(self.loaded)}
            _remember(self.digest, self._facts)

    @property
    def loaded(self) -> Any:
        """The tokenizer itself."""
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def __getattr__(self, name: str) -> Any:
        # Only names that the object itself lacks come here; of its own, a copy that is being made lacks all.
        if name.startswith("__") or name in ("_facts", "_loaded", "_load", "digest"):
            raise AttributeError(name)
        if self._loaded is None and name in FACTS and self._facts is not None:
            return self._facts[name]
        return getattr(self.loaded, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.loaded(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._loaded) if self._loaded is not None or self._facts is None else int(self._facts[LENGTH])


def _store(digest: str) -> Path:
    return cache_folder() / "tokenizers" / f"{digest[:40]}.json"


def _recall(digest: str) -> dict[str, Any] | None:
    try:
        found = json.loads(_store(digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and set(found) == {*FACTS, LENGTH} else None


def _remember(digest: str, facts: dict[str, Any]) -> None:
    with contextlib.suppress(UserError, OSError), atomic_file(_store(digest)) as draft:
        draft.write_text(json.dumps(facts), encoding="utf-8")
