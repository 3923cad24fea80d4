"""The trained model as an ordinary Hugging Face folder with a model card."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xtremor.paths import atomic_folder
from xtremor.tasks.base import TaskCard
from xtremor.training.config import TrainSettings
from xtremor.training.folder import RunFolder
from xtremor.training.lineage import root_name

if TYPE_CHECKING:
    from torch import nn

    from xtremor.tasks.embedding import Embedding

HUB_IDS = {"starter": "intfloat/multilingual-e5-small"}
# Category -> the hub's name of the task, and how the folder is used without this package.
_USE = {
    "classification": (
        "text-classification",
        'from transformers import pipeline\n\nclassify = pipeline("text-classification", model="FOLDER")',
    ),
    "tagging": (
        "token-classification",
        "from transformers import pipeline\n\n"
        "# Words of several pieces have the tag of their first one, as the model was trained.\n"
        'tag = pipeline("token-classification", model="FOLDER", aggregation_strategy="first")',
    ),
    "choice": (
        "multiple-choice",
        "from transformers import AutoModelForMultipleChoice, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n'
        'model = AutoModelForMultipleChoice.from_pretrained("FOLDER")\n'
        'pairs = tokenizer([asked] * len(choices), choices, padding=True, return_tensors="pt")\n'
        "best = model(**{name: value[None] for name, value in pairs.items()}).logits.argmax()",
    ),
    "spans": (
        "question-answering",
        "from transformers import AutoModelForQuestionAnswering, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n'
        'model = AutoModelForQuestionAnswering.from_pretrained("FOLDER")\n'
        'outputs = model(**tokenizer(question, paragraph, return_tensors="pt"))\n'
        "first, last = outputs.start_logits.argmax(), outputs.end_logits.argmax()",
    ),
}


def _retrieval_use(embedding: Embedding) -> tuple[str, str]:
    """The hub's name of the task, and how vectors are made from the folder, pooled and prefixed as in training."""
    pooled = "hidden[:, 0]" if embedding.pooling == "cls" else "(hidden * mask).sum(1) / mask.sum(1)"
    prefixes = {"query": embedding.prefix_query, "passage": embedding.prefix_passage}
    texts = ", ".join(f"{json.dumps(prefix, ensure_ascii=False)} + {name}" for name, prefix in prefixes.items())
    return "feature-extraction", (
        "from torch.nn.functional import normalize\n"
        "from transformers import AutoModel, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER", padding_side="right")\n'
        'model = AutoModel.from_pretrained("FOLDER").eval()\n'
        f'inputs = tokenizer([{texts}], padding=True, return_tensors="pt")\n'
        'hidden, mask = model(**inputs).last_hidden_state, inputs["attention_mask"].unsqueeze(-1)\n'
        f"vectors = normalize({pooled})\n"
        "cosine = vectors[0] @ vectors[1]"
    )


def write_model(
    folder: RunFolder,
    model: nn.Module,
    tokenizer: Any,
    settings: TrainSettings,
    card: TaskCard,
    record: dict[str, Any],
) -> None:
    """Write ``model/``: configuration, safetensors weights, tokenizer and README.md, all or nothing."""
    with atomic_folder(folder.model) as temporary:
        with without_bars():
            model.save_pretrained(temporary)  # type: ignore[operator]
        tokenizer.save_pretrained(temporary)
        (temporary / "README.md").write_text(model_card(settings, card, record), encoding="utf-8")


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Keep transformers from drawing a bar for the second that saving takes."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def method_words(settings: TrainSettings) -> str:
    """The method with its settings, in Markdown."""
    stated = {key: value for key, value in settings.method.as_dict().items() if key != "name" and value is not None}
    method = f"`{settings.method.name}`"
    return f"{method} ({', '.join(f'{key} {value}' for key, value in stated.items())})" if stated else method


def ancestry(settings: TrainSettings, record: dict[str, Any]) -> tuple[str, str]:
    """The pretrained encoder by name, and the stages since then in words (`` after pgd-1 on mnli``)."""
    stages = (record.get("lineage") or {}).get("stages", [])
    return root_name(record, settings.encoder), "".join(
        f" after {each['arm']} on {each['task']}" for each in reversed(stages)
    )


def model_card(settings: TrainSettings, card: TaskCard, record: dict[str, Any]) -> str:
    """Markdown with the hub's metadata: what it was trained on and how, what it scores, what it is not."""
    method = method_words(settings)
    dev = record["english_dev"]
    metric = dev.get("metric", "accuracy") if dev else ""
    languages = "English" if settings.sources is None else " and ".join(settings.sources)
    no_dev = "English dev was not scored." if settings.embedding else "No English dev set."
    no_dev = "English dev was not scored again." if "interpolated_from" in record else no_dev
    dev_line = f"English dev {metric}: {dev['score']:.2f} on {dev['items']} rows." if dev else no_dev
    held = {**settings.controls.as_dict(), **({} if settings.lora is None else settings.lora.as_dict())}
    held |= {} if settings.adversary is None else {"language adversary": f"`{settings.adversary.label}`"}
    held_line = f"Besides: {', '.join(f'{key} {value}' for key, value in held.items())}.\n" if held else ""
    pipeline, usage = _retrieval_use(settings.embedding) if settings.embedding else _USE[card.category]
    warnings = "".join(f"\n> Warning: {sentence}.\n" for sentence in record["warnings"])
    notes = "".join(f"- {note}\n" for note in card.notes)
    root, stages = ancestry(settings, record)
    base = HUB_IDS.get(root, root)
    return f"""---
library_name: transformers
pipeline_tag: {pipeline}
base_model: {json.dumps(base, ensure_ascii=False)}
tags: [xtremor, robust-training, cross-lingual]
---
# {card.name}, {record["arm"]}{stages}, seed {settings.seed}
{warnings}
`{record["encoder"]["architecture"]}` from `{root}`{stages}, fine-tuned with the method {method}
on {record["training"]["rows"]:,} {languages} rows of {card.name} ({card.title}; {card.train}).
It is meant for zero-shot use in other languages. {dev_line}

{settings.epochs:g} epochs, batch {settings.batch_size}, learning rate {settings.learning_rate:g} (head
{settings.head_learning_rate:g}), {settings.max_length} tokens at most, the last step of a fixed schedule. Nothing was
selected on a target language.
{held_line}
```python
{usage}
```

Data licence: {card.licence}. Cite: {card.citation}.

{notes}
Made by: `{record["command"]}` with {", ".join(f"{name} {version}" for name, version in record["versions"].items())}.
"""
