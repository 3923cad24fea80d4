"""The encoder of a run on several tasks as an ordinary Hugging Face folder, its heads beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.paths import atomic_folder
from xtremor.training.config import TrainSettings
from xtremor.training.export import HUB_IDS, ancestry, method_words, without_bars
from xtremor.training.folder import RunFolder

if TYPE_CHECKING:
    from xtremor.training.prepare import Prepared
    from xtremor.training.shared import SharedEncoder

HEADS = "heads"


def write_encoder(
    folder: RunFolder,
    model: SharedEncoder,
    tasks: Sequence[Prepared],
    settings: TrainSettings,
    record: dict[str, Any],
) -> None:
    """Write ``model/``, all or nothing: configuration, weights and tokenizer of the bare encoder, README.md.

    The encoder has no pooler, because every task has one of its own. ``heads/<task>/`` holds what a task's model
    has besides the encoder, under the names of transformers' class for it, and that model's configuration.
    """
    with atomic_folder(folder.model) as temporary:
        _write_bare(temporary, model, settings)
        tasks[0].tokenizer.save_pretrained(temporary)
        for prepared in tasks:
            _write_head(temporary / HEADS / prepared.card.name, model, prepared.card.name)
        (temporary / "README.md").write_text(_readme(tasks, settings, record), encoding="utf-8")


def _write_bare(folder: Path, model: SharedEncoder, settings: TrainSettings) -> None:
    from xtremor.encoders.load import load_encoder

    bare, _ = load_encoder(settings.encoder)
    trained = model.encoder_tensors()
    absent, unexpected = bare.load_state_dict(trained, strict=False)
    wrong = [name for name in absent if "pooler" not in name.split(".")] + list(unexpected)
    if wrong:
        raise RuntimeError(f"the trained encoder and {type(bare).__name__} differ in {wrong[:3]}")
    with without_bars():
        bare.save_pretrained(folder, state_dict={name: each.cpu().contiguous() for name, each in trained.items()})  # type: ignore[operator]


def _write_head(folder: Path, model: SharedEncoder, task: str) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    tensors = {name: each.cpu().contiguous() for name, each in model.head_tensors(task).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    one: Any = model.of(task)
    one.config.architectures = [type(one).__name__]
    one.config.save_pretrained(folder)


def _readme(tasks: Sequence[Prepared], settings: TrainSettings, record: dict[str, Any]) -> str:
    """Markdown with the hub's metadata: what it was trained on and how, and what it is for."""
    root, stages = ancestry(settings, record)
    base = HUB_IDS.get(root, root)
    sampling = ", ".join(f"{key} {value}" for key, value in record["sampling"].items() if value is not None)
    rows = "".join(
        f"| {entry['task']} | {entry['rows']:,} | {entry['updates']:,} | {_dev(entry)} | {prepared.card.licence} |\n"
        for entry, prepared in zip(record["tasks"], tasks, strict=True)
    )
    cited = "".join(f"- {prepared.card.name}: {prepared.card.citation}\n" for prepared in tasks)
    warnings = "".join(f"\n> Warning: {sentence}.\n" for sentence in record["warnings"])
    return f"""---
library_name: transformers
base_model: {json.dumps(base, ensure_ascii=False)}
tags: [xtremor, robust-training, cross-lingual]
---
# Encoder trained on {settings.task}, {record["arm"]}{stages}, seed {settings.seed}
{warnings}
The encoder of `{base}`, fine-tuned on several English tasks at once with the method {method_words(settings)},
each update on a batch of one task ({sampling}). It has no head and no pooler; fine-tune it on a task:

```
xtremor train --task xnli --data DIR --encoder FOLDER --output RUN
```

| task | English rows | updates | English dev | licence |
|---|---|---|---|---|
{rows}
The head of each task is in `{HEADS}/TASK`. Batch {settings.batch_size}, learning rate {settings.learning_rate:g} (heads
{settings.head_learning_rate:g}), {settings.max_length} tokens at most, the last step of a fixed schedule.

Cite:

{cited}
Made by: `{record["command"]}` with {", ".join(f"{name} {version}" for name, version in record["versions"].items())}.
"""


def _dev(entry: dict[str, Any]) -> str:
    dev = entry["english_dev"]
    return f"{dev.get('metric', 'accuracy')} {dev['score']:.2f} ({dev['items']:,} rows)" if dev else "none"
