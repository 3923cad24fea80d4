"""A trained model on disk, a run's or any Hugging Face folder's, ready to label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.own import OwnTask
from xtremor.training.folder import RunFolder

# Longest input of a folder that does not say how it was trained, where the encoder allows as much.
LONGEST = 512
# Category -> what a model of it is called, and how its architecture ends in config.json.
KINDS = {
    "classification": ("classifier", "ForSequenceClassification"),
    "tagging": ("tagger", "ForTokenClassification"),
    "choice": ("model of multiple choice", "ForMultipleChoice"),
    "spans": ("model of question answering", "ForQuestionAnswering"),
}


@dataclass(frozen=True)
class TrainedFolder:
    """Where a model is, and what its run recorded.

    Attributes:
        model: the Hugging Face folder.
        category: of the task.
        max_length: longest input in training; None where there is no record of it.
        texts: 1, or 2 where it was trained on pairs; None where there is no record of it.
        task: the user's own task that it was trained on, if it was.
    """

    model: Path
    category: str = "classification"
    max_length: int | None = None
    texts: int | None = None
    task: OwnTask | None = None


def find_trained(path: Path) -> TrainedFolder:
    """Find the model of a run folder, of its ``model``, or of a Hugging Face folder.

    Raises:
        UserError: there is none, or none that labels.
    """
    run = path.parent if path.name == "model" and (path.parent / "run.json").is_file() else path
    config = None if (run / "run.json").is_file() else _checkpoint(path)
    if config is not None:
        ends = tuple(str(name) for name in config.get("architectures") or ())
        found = (kind for kind, (_, end) in KINDS.items() if any(name.endswith(end) for name in ends))
        return TrainedFolder(path, next(found, "classification"))
    folder = RunFolder(run)
    record = folder.read_record()
    category = record.get("category", "classification")
    if category not in KINDS:
        raise UserError(
            f"{run} was trained on {record['task']} ({category}), for which xtremor predict has no answers to write"
        )
    if not folder.model.is_dir():
        if record["method"]["name"] == "centroid":
            raise UserError(f"{run} is the frozen baseline, which has no classifier; name a run of `xtremor train`")
        raise UserError(f"{run} keeps no model (it was trained with --no-keep-model); train it again without that")
    own = record.get("own")
    task = None if own is None else OwnTask.from_dict(own)
    return TrainedFolder(folder.model, category, record["training"]["max_length"], record.get("texts"), task)


@dataclass(frozen=True)
class Trained:
    """A model in memory.

    Attributes:
        model, tokenizer, device: of transformers and torch.
        labels: names of classes or tags in the order of the logits.
        max_length: inputs have at most this many tokens, special tokens included.
    """

    model: Any
    tokenizer: Any
    device: Any
    labels: tuple[str, ...]
    max_length: int


def load_trained(folder: TrainedFolder, max_length: int | None) -> Trained:
    """Load a model and its tokenizer.

    Raises:
        UserError: the folder holds no trained model of its category, or an input length that it cannot take.
    """
    import torch

    from xtremor.encoders.load import load_task_model, load_tokenizer
    from xtremor.tasks.category import category
    from xtremor.training.model import check_positions

    tokenizer = load_tokenizer(str(folder.model))
    model, report = load_task_model(str(folder.model), category(folder.category).AUTO_CLASS)
    if report.missing:
        called = KINDS[folder.category][0]
        raise UserError(
            f"{folder.model} holds no trained {called} (its weights lack {', '.join(report.missing[:3])}); name a "
            f"run of `xtremor train`, or a folder of a {called}"
        )
    length = max_length or folder.max_length or _longest(model, tokenizer)
    check_positions(model, length)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config: Any = model.config
    labels = tuple(config.id2label[index] for index in range(config.num_labels))
    return Trained(model.to(device), tokenizer, device, labels, length)


def _longest(model: Any, tokenizer: Any) -> int:
    from xtremor.training.model import positions_of

    # A tokenizer without a limit reports an astronomical one.
    return min(LONGEST, positions_of(model) or LONGEST, int(min(tokenizer.model_max_length, LONGEST)))


def _checkpoint(path: Path) -> dict[str, Any] | None:
    """The folder's config.json where it is of transformers, and not of a run."""
    from xtremor.encoders.checkpoint import read_config

    if not (path / "config.json").is_file():
        return None
    try:
        return read_config(path)
    except UserError:
        return None
