"""Write an encoder, or a trained model, with the rows of its vocabulary that chosen languages need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor import machine
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.paths import atomic_folder
from xtremor.trim.tokenizer import Trimmed, core_of, trim_tokenizer

if TYPE_CHECKING:
    from torch import nn

# Every so many lines of a language are left out of the vocabulary and measured on.
HELD_OUT = 10
RECEIPT = "trim.json"


@dataclass(frozen=True)
class LanguageReport:
    """What trimming does to text of a language that it has not seen.

    Attributes:
        language: its code.
        lines: lines of text that the vocabulary was taken from.
        held_out: lines that were measured on.
        unknown_before, unknown_after: share of tokens that are unknown, in percent.
        longer: tokens more than before, in percent.
        same: share of lines that are split as before, in percent.
    """

    language: str
    lines: int
    held_out: int
    unknown_before: float
    unknown_after: float
    longer: float
    same: float


def trim(
    encoder: str,
    texts: dict[str, list[str]],
    sources: Sequence[str],
    output: Path,
    half: bool = False,
    least: int = 1,
) -> dict[str, Any]:
    """Trim an encoder and return the record that ``output/trim.json`` holds.

    Args:
        encoder: as for ``load_encoder``; of a trained run, the model with its head.
        texts: lines of each language; every tenth is measured on instead of kept.
        sources: where they come from, in words.
        output: a new folder.
        half: store the weights in float16.
        least: how often a token must occur to stay.

    Raises:
        UserError: the encoder cannot be trimmed, or the folder holds something else.
    """
    from xtremor.encoders.load import load_tokenizer, resolve

    _check_output(output)
    folder = Path(resolve(encoder))
    tokenizer = load_tokenizer(encoder)
    seen = {language: [line for at, line in enumerate(lines) if at % HELD_OUT] for language, lines in texts.items()}
    lines = [line for each in seen.values() for line in each]
    say(f"{len(lines):,} lines of {', '.join(seen)}; every {HELD_OUT}th beside them is measured on")
    trimmed = trim_tokenizer(tokenizer, lines, least)
    model = _model(folder)
    before = _trim_model(model, trimmed)
    reports = [
        report(language, core_of(tokenizer), trimmed, len(seen[language]), lines[::HELD_OUT], tokenizer.unk_token_id)
        for language, lines in texts.items()
    ]
    record: dict[str, Any] = {
        "encoder": encoder,
        "architecture": type(model).__name__,
        "languages": [vars(each) for each in reports],
        "text": list(sources),
        "rows": {"before": before, "after": len(trimmed.rows)},
        "half": half,
        "least": least,
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
    }
    _write(output, model, tokenizer, trimmed, record, half)
    record["bytes"] = sum(path.stat().st_size for path in output.iterdir())
    return record


def report(
    language: str, core: Any, trimmed: Trimmed, lines: int, held_out: Sequence[str], unknown: int | None
) -> LanguageReport:
    """Split held-out lines before and after."""
    rows = trimmed.rows
    new_unknown = trimmed.new_id(unknown)
    before = [each.ids for each in core.encode_batch_fast(list(held_out), add_special_tokens=False)]
    after = [each.ids for each in trimmed.core.encode_batch_fast(list(held_out), add_special_tokens=False)]
    total, now = sum(map(len, before)), sum(map(len, after))
    same = sum(one == rows[two].tolist() for one, two in zip(before, map(np.array, after), strict=True) if len(two))
    return LanguageReport(
        language,
        lines,
        len(held_out),
        100 * sum(ids.count(unknown) for ids in before) / max(1, total) if unknown is not None else 0.0,
        100 * sum(ids.count(new_unknown) for ids in after) / max(1, now) if new_unknown is not None else 0.0,
        100 * (now / max(1, total) - 1),
        100 * same / max(1, len(held_out)),
    )


def _check_output(output: Path) -> None:
    if output.exists() and (not output.is_dir() or (any(output.iterdir()) and not (output / RECEIPT).is_file())):
        raise UserError(f"--output {output} holds something else; name a new folder")


def _model(folder: Path) -> nn.Module:
    """The checkpoint as transformers' own class for it; of a language model, the encoder alone."""
    import torch
    import transformers

    from xtremor.encoders.boundary import is_task_model
    from xtremor.encoders.load import load_encoder, quiet

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = config.get("architectures") or [""]
    if config.get("is_encoder_decoder"):
        raise UserError(f"{folder} holds an encoder with a decoder, which cannot be trimmed; use another encoder")
    kind = getattr(transformers, names[0], None)
    if not is_task_model(folder) or kind is None:
        return load_encoder(str(folder))[0]
    with quiet():
        model: nn.Module = kind.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
    return model.eval()


def _trim_model(model: Any, trimmed: Trimmed) -> int:
    """Cut the table of word embeddings; return the rows that it had."""
    import torch
    from torch import nn

    full = model.get_input_embeddings()
    if not isinstance(full, nn.Embedding):
        raise UserError(f"{type(model).__name__} has no plain word-embedding table, which trimming needs")
    size = full.num_embeddings
    if int(trimmed.rows.max()) >= size:
        raise UserError("the tokenizer has tokens that the encoder's table has no row for; they do not belong together")
    others = [
        name
        for name, tensor in model.named_parameters()
        if tensor is not full.weight and size in tensor.shape and size > model.config.hidden_size
    ]
    if others:
        raise UserError(
            f"{type(model).__name__} has further tensors over the vocabulary ({others[0]}); use its bare encoder"
        )
    small = nn.Embedding(len(trimmed.rows), full.embedding_dim)
    small.weight = nn.Parameter(full.weight.detach()[torch.from_numpy(trimmed.rows)].clone())
    small.padding_idx = trimmed.new_id(full.padding_idx)
    model.set_input_embeddings(small)
    config = model.config
    config.vocab_size = len(trimmed.rows)
    for name, value in config.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int):
            setattr(config, name, trimmed.new_id(value))
    return int(size)


def _write(output: Path, model: Any, tokenizer: Any, trimmed: Trimmed, record: dict[str, Any], half: bool) -> None:
    import torch
    from transformers import PreTrainedTokenizerFast

    from xtremor.training.export import without_bars
    from xtremor.trim.card import readme

    special = {name: str(getattr(tokenizer, name)) for name in tokenizer.SPECIAL_TOKENS_ATTRIBUTES
               if name.endswith("_token") and getattr(tokenizer, name) is not None}  # fmt: skip
    small = PreTrainedTokenizerFast(
        tokenizer_object=trimmed.core,
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        padding_side=tokenizer.padding_side,
        clean_up_tokenization_spaces=False,
        **special,
    )
    with atomic_folder(output) as draft, without_bars():
        (model.to(torch.float16) if half else model).save_pretrained(draft)
        small.save_pretrained(draft)
        _squeeze(draft / "tokenizer.json")
        (draft / RECEIPT).write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
        (draft / "README.md").write_text(readme(record), encoding="utf-8")


def _squeeze(path: Path) -> None:
    """A third of the file is the white space of its layout."""
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
