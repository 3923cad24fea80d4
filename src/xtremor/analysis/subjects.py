"""What is measured: encoders as they are, and trained runs, which can also be asked for answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.encoders.runs import run_of
from xtremor.errors import UserError
from xtremor.evaluation.loaded import check_model
from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards import all_cards, card
from xtremor.training.folder import RunFolder
from xtremor.training.lineage import root_name

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Subject:
    """An encoder, or a run.

    Attributes:
        name: as it is called in results.
        given: what a user typed.
        record: run.json; None for an encoder.
    """

    name: str
    given: str
    record: dict[str, Any] | None = None

    @property
    def run(self) -> Path:
        """The run folder."""
        assert self.record is not None
        found = run_of(Path(self.given).expanduser())
        assert found is not None
        return found

    def fingerprint(self) -> str:
        """Changes when the weights do."""
        from xtremor.encoders.load import fingerprint

        return fingerprint(self.given) if self.record is None else folder_fingerprint(RunFolder(self.run).model)

    def described(self) -> dict[str, Any]:
        """For the result."""
        if self.record is None:
            return {"kind": "encoder", "encoder": self.given, "arm": "as it is", "seed": None, "trained_on": None}
        training = self.record["training"]
        return {
            "kind": "run",
            "encoder": root_name(self.record, training["encoder"]),
            "arm": self.record["arm"],
            "seed": self.record["seed"],
            "trained_on": self.record["task"],
        }


def subjects(given: Sequence[str]) -> list[Subject]:
    """Encoders and runs by what a user typed, with names that differ.

    Raises:
        UserError: one is named twice, a run is not finished or keeps no model.
    """
    found = []
    for each in given:
        folder = run_of(Path(each).expanduser())
        if folder is None:
            found.append(Subject(each.rstrip("/").rpartition("/")[2], each))
            continue
        record = RunFolder(folder).read_record()
        check_model(RunFolder(folder))
        found.append(Subject(folder.resolve().name, each, record))
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        found = [replace(each, name=_longer(each)) for each in found]
        names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise UserError("an encoder or a run is named twice; name each once")
    return found


def _longer(subject: Subject) -> str:
    if subject.record is None:
        return subject.given.strip("/").replace("/", "-")
    return f"{subject.run.resolve().parent.name}-{subject.run.resolve().name}"


def why_silent(subject: Subject, texts: int, task: TaskCard | None) -> str | None:
    """Why a subject gives no answers whose stability could be measured on these rows; None where it does.

    Args:
        subject: an encoder or a run.
        texts: in a row, 1 or 2.
        task: that the rows are of, None for a user's own.
    """
    record = subject.record
    if record is None:
        return "an encoder alone gives no answers"
    category = record.get("category", "classification")
    if category != "classification":
        return f"{record['task']} is {category}: its answers in two languages cannot be compared as such"
    trained = _texts(record)
    if trained != texts:
        return f"it answers {'pairs of texts' if trained == 2 else 'single texts'}, which these rows are not"
    if task is not None and task.category == "classification":
        known = {each.name: each for each in all_cards()}.get(record["task"])
        if known is not None and set(known.labels) != set(task.labels):
            return f"it answers {', '.join(known.labels[:3]) or record['task']}, and {task.name} asks for other classes"
    return None


def _texts(record: dict[str, Any]) -> int:
    """In a row that a run on classification was trained on."""
    own = record.get("own")
    if own is not None:
        return 2 if (own.get("columns") or {}).get("text_pair") else 1
    # Of the built-in tasks of classification one has single texts.
    return 1 if card(record["task"]).source == "intents" else 2


def load_answering(subject: Subject, device: torch.device) -> tuple[nn.Module, Any, list[str], TaskCard]:
    """The model with its head, its tokenizer, its labels in the order of the logits, and a card of its kind.

    Raises:
        UserError: weights are missing.
    """
    from xtremor.encoders.load import load_task_model, load_tokenizer
    from xtremor.tasks import classification

    folder = RunFolder(subject.run)
    tokenizer = load_tokenizer(str(folder.model))
    model, report = load_task_model(str(folder.model), classification.AUTO_CLASS)
    if report.missing:
        raise UserError(f"{folder.model} lacks the weights of {', '.join(report.missing[:3])}; train the run again")
    model.to(device)
    config: Any = model.config
    labels = [config.id2label[index] for index in range(config.num_labels)]
    assert subject.record is not None
    return model, tokenizer, labels, replace(card("xnli"), name=subject.record["task"], labels=tuple(labels))
