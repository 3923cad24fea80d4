"""Multiple choice: ``xcopa``, with COPA and Social IQa to train on.

XCOPA is JSON lines (premise, choice1, choice2, question, label, idx, changed) in ``xcopa/XX/{val,test}.XX.jsonl``, or
without the folder of the language, as the official script leaves it. The field ``question`` (cause or effect)
is wrong upstream in several languages. Rows of equal ``idx`` are translations of each other, so the right value is
known from a language without such errors; it is put in place and counted in ``record().notes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.json_text import member, read_json_lines
from xtremor.sources.official.clusters import numbered
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.official.social import LETTERS, read_social
from xtremor.sources.text import TextFile
from xtremor.tasks.base import ChoiceExample, TaskCard

# Languages whose field `question` is right throughout, the first that is there being asked.
CLEAN = ("zh", "et", "qu", ENGLISH)
QUESTIONS = {"cause": "What was the cause?", "effect": "What was the effect?"}
_FILE_SPLITS = {"dev": "val"}
_SIQA = {"siqa": "siqa/socialIQa_v1.4_trn.jsonl", "siqa-dev": "siqa/socialIQa_v1.4_dev.jsonl"}


class ChoiceSource(OfficialSource):
    """Rows of ``xcopa``; translations of a row share a cluster.

    English has ``train`` (COPA's 400 rows), ``dev``, ``test``, and ``siqa`` and ``siqa-dev`` (Social IQa, three
    choices); the benchmark's languages have ``dev`` and ``test``.

    Args:
        card, folder, unlabelled: see ``OfficialSource``.
        upstream_question: keep the field ``question`` as it is in the file.
    """

    further_splits = tuple(_SIQA)

    def __init__(self, card: TaskCard, folder: Path, unlabelled: bool = False, upstream_question: bool = False) -> None:
        super().__init__(card, folder, unlabelled)
        self.upstream_question = upstream_question
        self._right: dict[str, tuple[str, dict[int, str]] | None] = {}

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """The repository's name, then those of the official scripts."""
        if split in _SIQA:
            return (_SIQA[split],) if language == ENGLISH else ()
        if split == "train" and language != ENGLISH:
            return ()
        part = _FILE_SPLITS.get(split, split)
        return (
            f"{card.name}/{language}/{part}.{language}.jsonl",
            f"{card.name}/{part}.{language}.jsonl",
            f"{card.name}/{part}-{language}.jsonl",
        )

    def examples(self, split: str, language: str) -> list[ChoiceExample]:
        """All rows of a split in file order; raises UserError at a missing file or the first unusable row."""
        name, file = self._open(split, language)
        if split in _SIQA:
            return self._social(name, file, split)
        rows = _read(file)
        self._record(name, file, len(rows))
        labels = _labels(rows, file, split)
        if labels is None:
            self._check_bare(name, "no row has a 'label'")
        asked = self._questions(split, language, name, rows)
        return [
            ChoiceExample(
                self.card.name, name, number, f"{self.card.name}/{split}/{row['idx']}", language, row["premise"],
                QUESTIONS[asked[number]], (row["choice1"], row["choice2"]), None if labels is None else labels[number],
            )
            for number, row in enumerate(rows)
        ]  # fmt: skip

    def _questions(self, split: str, language: str, name: str, rows: list[dict[str, Any]]) -> list[str]:
        """Cause or effect for each row, repaired where upstream is wrong."""
        written = [row["question"] for row in rows]
        if split == "train" or language == ENGLISH:
            return written
        reference = self._reference(split)
        if reference is None:
            self._note(name, f"'question' not checked: no usable {split} file in any of {', '.join(CLEAN)}")
            return written
        source, right = reference
        repaired = [right.get(row["idx"], row["question"]) for row in rows]
        wrong = sum(a != b for a, b in zip(written, repaired, strict=True))
        unknown_rows = sum(row["idx"] not in right for row in rows)
        if unknown_rows:
            self._note(name, f"'question' of {unknown_rows:,} rows not checked: {source} lacks their idx")
        if wrong and self.upstream_question:
            self._note(name, f"'question' differs from {source} in {wrong:,} of {len(rows):,} rows; kept as it is")
            return written
        if wrong:
            self._note(name, f"'question' was wrong in {wrong:,} of {len(rows):,} rows; taken from {source} by idx")
        return repaired

    def _reference(self, split: str) -> tuple[str, dict[int, str]] | None:
        """File and idx -> question of the first clean language that is there and can be read."""
        if split not in self._right:
            self._right[split] = None
            for language in CLEAN:
                path = self._find(split, language)
                if path is None:
                    continue
                name = self._name(split, language)
                try:
                    rows = _read(TextFile(path))
                except UserError as error:
                    # The user asked for another language, whose file is fine.
                    self._note(name, f"not used to check 'question': {error}")
                    continue
                self._right[split] = (name, {row["idx"]: row["question"] for row in rows})
                break
        return self._right[split]

    def _social(self, name: str, file: TextFile, split: str) -> list[ChoiceExample]:
        """Rows of Social IQa, version 1.4, which has the letter of the right answer in the row."""
        found = read_social(file)
        for number, (_, correct) in enumerate(found, start=1):
            if correct is None:
                raise UserError(f"{file.name}, line {number}: 'correct' is missing; expected a string")
        rows = [row for row, _ in found]
        labels = [str(LETTERS.index(correct or "")) for _, correct in found]
        self._record(name, file, len(rows))
        clusters = numbered((row[0] for row in rows), f"{self.card.name}/{split}")
        return [
            ChoiceExample(self.card.name, name, number, cluster, ENGLISH, row[0], row[1], row[2:], label)
            for number, (cluster, row, label) in enumerate(zip(clusters, rows, labels, strict=True))
        ]


def _read(file: TextFile) -> list[dict[str, Any]]:
    """Checked rows of an XCOPA file; labels are left for ``_labels``."""
    rows: list[dict[str, Any]] = []
    places: dict[int, str] = {}
    for where, row in read_json_lines(file):
        for key in ("premise", "choice1", "choice2"):
            _text(row, key, where)
        question, idx = member(row, "question", str, where), member(row, "idx", int, where)
        if question not in QUESTIONS:
            raise UserError(f"{where}: 'question' is '{question}'; expected {' or '.join(QUESTIONS)}")
        if idx in places:
            raise UserError(f"{where}: idx {idx} stands at {places[idx]} already; expected each once")
        places[idx] = where.rpartition(", ")[2]
        rows.append(row)
    return rows


def _labels(rows: list[dict[str, Any]], file: TextFile, split: str) -> list[str] | None:
    """Labels as text, or None where no row of a file that is not for training has one."""
    if split != "train" and not any("label" in row for row in rows):
        return None
    found = []
    for number, row in enumerate(rows, start=1):
        label = member(row, "label", int, f"{file.name}, line {number}")
        if label not in (0, 1):
            raise UserError(f"{file.name}, line {number}: 'label' is {label}; expected 0 or 1")
        found.append(str(label))
    return found


def _text(row: dict[str, Any], key: str, where: str) -> str:
    text = member(row, key, str, where)
    if not text.strip():
        raise UserError(f"{where}: '{key}' is empty; expected a text, so restore or remove the row")
    return text
