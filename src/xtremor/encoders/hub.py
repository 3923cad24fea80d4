"""A repository on the Hugging Face hub as a local folder: from the hub's own cache, or downloaded into it."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

from xtremor.encoders.checkpoint import INDEX, SINGLE, conversion_command, is_complete
from xtremor.errors import UserError

WITHOUT_NETWORK = "without a network use 'starter' or a local folder"
SMALL_FILES = ("*.json", "*.txt", "*.model")
TIMEOUT_SECONDS = 15.0


def cached_snapshot(repository: str) -> Path | None:
    """The folder of a repository in the hub's cache, or None; it may be incomplete. Needs no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, "config.json")
    return Path(found).parent if isinstance(found, str) else None


def snapshot(repository: str) -> Path:
    """Return the folder of a hub repository, downloading config, tokenizer and safetensors when they are not cached.

    What is cached is used as it is, without asking the hub for a newer commit. The folder is named after the commit.

    Raises:
        UserError: the hub cannot be reached, there is no such repository, or it has no safetensors weights.
    """
    cached = cached_snapshot(repository)
    if cached is not None and is_complete(cached):
        return cached
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        files = [
            sibling.rfilename for sibling in HfApi().model_info(repository, timeout=TIMEOUT_SECONDS).siblings or []
        ]
        wanted = wanted_files(repository, files)
        return Path(snapshot_download(repository, allow_patterns=wanted))
    except UserError:
        raise
    except GatedRepoError as error:
        page = f"https://huggingface.co/{repository}"
        raise UserError(
            f"encoder '{repository}' is gated: accept its terms at {page} and run: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"encoder '{repository}' is neither a folder here nor a public repository on the Hugging Face hub; "
            "check the spelling (for a private one run: hf auth login)"
        ) from error
    except Exception as error:
        # The hub's client raises types of whichever HTTP library it uses; all mean that nothing came.
        raise UserError(
            f"cannot fetch encoder '{repository}' from the hub ({_reason(error)}); {WITHOUT_NETWORK}"
        ) from error


def wanted_files(repository: str, files: list[str]) -> list[str]:
    """Those of a repository's files that a load needs: top-level text files and one set of safetensors.

    Raises:
        UserError: there are no safetensors weights, or there is no config.
    """
    top = [file for file in files if "/" not in file]
    if "config.json" not in top:
        raise UserError(f"hub repository '{repository}' has no config.json, so it is not a transformers checkpoint")
    small = [file for file in top if any(fnmatch.fnmatch(file, pattern) for pattern in SMALL_FILES)]
    if SINGLE in top:
        return [*small, SINGLE]
    if INDEX in top:
        return [*small, *(file for file in top if fnmatch.fnmatch(file, "model-*-of-*.safetensors"))]
    if any(file.endswith(".bin") for file in top):
        folder = repository.rsplit("/", 1)[-1]
        pattern = "pytorch_model.bin" if "pytorch_model.bin" in top else "pytorch_model-*.bin"
        raise UserError(
            f"hub repository '{repository}' has its weights only as pickles, which xtremor never loads; fetch and "
            f"convert them: hf download {repository} --local-dir {folder} && {conversion_command(folder, pattern)} "
            f"(then use the folder ./{folder})"
        )
    raise UserError(f"hub repository '{repository}' has no {SINGLE}, so there are no weights to load")


def _reason(error: Exception) -> str:
    cause: Any = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
