"""Which files an English intermediate task is published as, and what is done with rows that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.text import TextFile
from xtremor.tasks.base import TaskCard

_ANLI_ROUNDS = ("R1", "R2", "R3")


def _glue(task: str, train: str = "train", dev: str = "dev") -> dict[str, tuple[str, ...]]:
    """GLUE's names, with or without the folder that its archive unpacks to."""
    return {
        split: (f"{task}/{name}.tsv", f"{task}/{task.upper()}/{name}.tsv")
        for split, name in (("train", train), ("dev", dev))
    }


def _unpacked(task: str, folder: str, names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Names with or without the folder that the archive unpacks to."""
    return {split: (f"{task}/{name}", f"{task}/{folder}/{name}") for split, name in names.items()}


_MNLI = _unpacked(
    "mnli",
    "multinli_1.0",
    {
        "train": "multinli_1.0_train.jsonl",
        "dev": "multinli_1.0_dev_matched.jsonl",
        "dev-mismatched": "multinli_1.0_dev_mismatched.jsonl",
    },
)
_MNLI_GLUE = {
    **_glue("mnli", dev="dev_matched"),
    "dev-mismatched": ("mnli/dev_mismatched.tsv", "mnli/MNLI/dev_mismatched.tsv"),
}
_SIQA = _unpacked("siqa", "socialiqa-train-dev", {"train": "train.jsonl", "dev": "dev.jsonl"})
_SIQA_OLDER = {"train": "siqa/socialIQa_v1.4_trn.jsonl", "dev": "siqa/socialIQa_v1.4_dev.jsonl"}

# Task -> split -> names that its file may have, the usual one first.
FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "mnli": {split: (*names, *_MNLI_GLUE[split]) for split, names in _MNLI.items()},
    "anli": {split: (f"anli/R1/{split}.jsonl", f"anli/anli_v1.0/R1/{split}.jsonl") for split in ("train", "dev")},
    "qqp": _glue("qqp"),
    "qnli": _glue("qnli"),
    "squad": {split: (f"squad/{split}-v1.1.json",) for split in ("train", "dev")},
    # The official site has both versions side by side.
    "squad2": {split: (f"squad2/{split}-v2.0.json", f"squad/{split}-v2.0.json") for split in ("train", "dev")},
    "hellaswag": {"train": ("hellaswag/hellaswag_train.jsonl",), "dev": ("hellaswag/hellaswag_val.jsonl",)},
    "siqa": {split: (*names, _SIQA_OLDER[split]) for split, names in _SIQA.items()},
    "cosmosqa": {
        "train": ("cosmosqa/train.csv", "cosmosqa/train.jsonl"),
        "dev": ("cosmosqa/valid.csv", "cosmosqa/valid.jsonl"),
    },
    "commonsenseqa": {
        split: (f"commonsenseqa/{split}_rand_split.jsonl",) for split in ("train", "dev")
    },
}  # fmt: skip


class EnglishSource(OfficialSource):
    """Rows of an English intermediate task; its splits are ``train`` and those of the card.

    A row that no published toolkit can use (no gold label, a missing text) is dropped, counted and said; anything
    else that is wrong is refused.
    """

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """See `FILES`; none in another language."""
        return FILES[card.name].get(split, ()) if language == ENGLISH else ()

    @classmethod
    def layout(cls, card: TaskCard) -> str:
        """The files that a folder must hold, in words; other names that they may have are in `FILES`."""
        names = [name for split in ("train", *card.splits) for name in cls.parts(card, split, ENGLISH)]
        labels = " (each with its -labels.lst)" if card.name == "siqa" else ""
        return f"{', '.join(names[:-1])} and {names[-1]}{labels}"

    @classmethod
    def parts(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """One file, or ANLI's three rounds."""
        return [name for first in super().parts(card, split, language) for name in _rounds(card.name, first)]

    def _files_of(self, split: str, language: str) -> list[tuple[str, TextFile]]:
        """Names and files of a split, all of them there."""
        first, _ = self._open(split, language)
        names = _rounds(self.card.name, first)
        for name in names:
            if not self._place(name).is_file():
                raise UserError(
                    f"{self.folder} lacks {name}; the {split} set of {self.card.name} needs {len(names)} files"
                )
        return [(name, TextFile(self._place(name))) for name in names]

    def _read(self, name: str, file: TextFile, rows: int, dropped: Counter[str]) -> None:
        """Record a file that has been read; say what was dropped of it.

        Raises:
            UserError: nothing is left.
        """
        if not rows:
            why = "; ".join(dropped) or "it is empty"
            raise UserError(f"{file.name} holds no row that can be used ({why}); download it again")
        again = name in self._files
        self._record(name, file, rows)
        if dropped:
            reasons = "; ".join(f"{count:,} {why}" for why, count in dropped.items())
            self._files[name] |= {"dropped": dropped.total(), "why": reasons}
            self._note(name, f"rows dropped: {reasons}")
            if not again:
                say(f"{name}: {dropped.total():,} of {rows + dropped.total():,} rows dropped ({reasons})")


def _rounds(task: str, first: str) -> list[str]:
    """The names beside the first file's."""
    return [first.replace("/R1/", f"/{each}/") for each in _ANLI_ROUNDS] if task == "anli" else [first]
