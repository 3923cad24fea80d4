"""An encoder that was aligned with parallel text, as an ordinary Hugging Face folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xtremor.paths import atomic_folder
from xtremor.training.config import TrainSettings
from xtremor.training.export import HUB_IDS, ancestry, without_bars
from xtremor.training.folder import RunFolder

if TYPE_CHECKING:
    from torch import nn


def write_encoder(
    folder: RunFolder, model: nn.Module, tokenizer: Any, settings: TrainSettings, record: dict[str, Any]
) -> None:
    """Write ``model/``, an ordinary Hugging Face encoder with a README, all or nothing."""
    with atomic_folder(folder.model) as temporary:
        with without_bars():
            model.save_pretrained(temporary)  # type: ignore[operator]
        tokenizer.save_pretrained(temporary)
        (temporary / "README.md").write_text(_readme(settings, record), encoding="utf-8")


def _readme(settings: TrainSettings, record: dict[str, Any]) -> str:
    """Markdown with the hub's metadata: what it was trained on and how, and what it is for."""
    root, stages = ancestry(settings, record)
    told = record["alignment"]
    listed = ", ".join(f"{code} {count:,}" for code, count in told["languages"].items())
    what = "linked words" if told["kind"] == "words" else f"sentences ({told['pooling']} of their tokens)"
    distance = told["squared_distance"]
    warnings = "".join(f"\n> Warning: {sentence}.\n" for sentence in record["warnings"])
    return f"""---
library_name: transformers
base_model: {json.dumps(HUB_IDS.get(root, root), ensure_ascii=False)}
tags: [xtremor, cross-lingual, alignment]
---
# Encoder aligned with parallel text, {record["arm"]}{stages}, seed {settings.seed}
{warnings}
`{record["encoder"]["architecture"]}` from `{root}`{stages}, fine-tuned so that the vectors of {what} and of their
translations come together, English being held where it was with weight {told["hold_english"]:g} (Cao, Kitaev and Klein
2020). Parallel text: {told["parallel_text"]}, pairs by language: {listed}. {told["fairness"].capitalize()}.

Mean squared distance on the first {distance["units"]} pairs: {distance["before"]["apart"]:.4g} before,
{distance["after"]["apart"]:.4g} after. {settings.epochs:g} epochs, batch {settings.batch_size}, learning rate
{settings.learning_rate:g}, {settings.max_length} tokens at most. It has no head; fine-tune it on a task:

```
xtremor train --task xnli --data DIR --encoder FOLDER --output RUN
```

Made by: `{record["command"]}` with {", ".join(f"{name} {version}" for name, version in record["versions"].items())}.
"""
