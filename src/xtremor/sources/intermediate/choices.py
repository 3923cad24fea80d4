"""Multiple choice: ``siqa``, ``hellaswag``, ``cosmosqa`` and ``commonsenseqa``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.intermediate.files import EnglishSource
from xtremor.sources.json_text import member, read_json_lines, typed
from xtremor.sources.official.clusters import numbered
from xtremor.sources.official.social import LETTERS, read_social
from xtremor.sources.own.delimited import Delimited
from xtremor.sources.text import TextFile
from xtremor.tasks.base import ChoiceExample

CSQA_LETTERS = ("A", "B", "C", "D", "E")


@dataclass(frozen=True, slots=True)
class _Item:
    """An item: what is asked, the choices, the number of the right one, and the text that it shares with others."""

    context: str
    question: str
    choices: tuple[str, ...]
    right: int
    shared: str


class EnglishChoiceSource(EnglishSource):
    """Rows of a task of multiple choice.

    Clusters: equal contexts (Social IQa, Cosmos QA), the same video or article (HellaSwag), equal questions
    (CommonsenseQA).
    """

    def examples(self, split: str, language: str) -> list[ChoiceExample]:
        """All rows of a split in file order; raises UserError at a missing file or the first unusable row."""
        ((name, file),) = self._files_of(split, language)
        items = _READERS[self.card.name](file)
        self._read(name, file, len(items), Counter())
        self._record_labels(name, file)
        empty = sum(not choice.strip() for item in items for choice in item.choices)
        if empty:
            self._note(name, f"{empty:,} choices are empty; kept")
        clusters = numbered((item.shared for item in items), f"{self.card.name}/{split}")
        return [
            ChoiceExample(
                self.card.name, name, row, cluster, language, item.context, item.question, item.choices, str(item.right)
            )
            for row, (cluster, item) in enumerate(zip(clusters, items, strict=True))
        ]

    def _record_labels(self, name: str, file: TextFile) -> None:
        """Record the file with the labels, where they are apart from the rows."""
        if self.card.name == "siqa" and _apart(file).is_file():
            labels = TextFile(_apart(file))
            count = sum(1 for _ in labels.lines())
            self._record(f"{name.rpartition('/')[0]}/{labels.path.name}", labels, count)


def _apart(file: TextFile) -> Path:
    """Where Social IQa has the labels of a file of rows."""
    return file.path.with_name(f"{file.path.stem}-labels.lst")


def _siqa(file: TextFile) -> list[_Item]:
    rows = read_social(file)
    if all(correct is None for _, correct in rows):
        right = _labels_apart(_apart(file), file, len(rows))
    else:
        without = [place for place, (_, correct) in enumerate(rows, start=1) if correct is None]
        if without:
            raise UserError(
                f"{file.name}, line {without[0]}: 'correct' is missing; expected a letter, as in other rows"
            )
        right = [LETTERS.index(correct or "") for _, correct in rows]
    return [
        _Item(texts[0], texts[1], texts[2:], number, texts[0]) for (texts, _), number in zip(rows, right, strict=True)
    ]


def _labels_apart(path: Path, rows: TextFile, count: int) -> list[int]:
    """Numbers from 0 of a file with 1, 2 or 3 a line, beside the rows."""
    if not path.is_file():
        raise UserError(f"{rows.name} has no labels, and there is no {path.name} beside it; the archive holds both")
    labels = TextFile(path)
    found = []
    for number, line in labels.lines():
        # int() does not take all that strip() takes off (U+001D).
        label = line.strip()
        if label not in ("1", "2", "3"):
            raise UserError(f"{labels.name}, line {number}: '{line[:40]}' is no label; expected 1, 2 or 3")
        found.append(int(label) - 1)
    if len(found) != count:
        raise UserError(f"{labels.name} has {len(found):,} labels, {rows.name} {count:,} rows; expected as many")
    return found


def _hellaswag(file: TextFile) -> list[_Item]:
    """The first text is ctx_a, and each ending is behind ctx_b, the words that it continues.

    A row without them has the whole text in ctx alone.
    """
    found = []
    for where, row in read_json_lines(file):
        key = "ctx_a" if "ctx_a" in row else "ctx"
        first = member(row, key, str, where)
        second = member(row, "ctx_b", str, where) if key == "ctx_a" and "ctx_b" in row else ""
        endings = [typed(each, str, f"{where}, 'endings'") for each in member(row, "endings", list, where)]
        if len(endings) != 4:
            raise UserError(f"{where}: there are {len(endings)} endings; expected 4")
        choices = tuple(f"{second} {ending}".strip() for ending in endings)
        right = _number(member(row, "label", int, where), 4, where)
        found.append(_Item(_asked(first, where, key), "", choices, right, member(row, "source_id", str, where)))
    return found


def _cosmosqa(file: TextFile) -> list[_Item]:
    """Published as CSV; JSON lines with the same keys are read as well."""
    if file.path.suffix == ".jsonl":
        return [_cosmos(row, where, int) for where, row in read_json_lines(file)]
    table = Delimited(file.path, file.name, quoted=True)
    found = [_cosmos(row, f"{file.name}, line {line}", str) for line, row in table.rows()]
    file.sha256 = table.sha256
    return found


def _cosmos(row: Mapping[str, Any], where: str, kind: type[Any]) -> _Item:
    context, question = (member(row, key, str, where) for key in ("context", "question"))
    choices = tuple(member(row, f"answer{number}", str, where) for number in range(4))
    label: Any = member(row, "label", kind, where)
    if kind is str and not label.strip().isdecimal():
        raise UserError(f"{where}: 'label' is '{label[:40]}'; expected 0 to 3")
    return _Item(_asked(context, where, "context"), question, choices, _number(int(label), 4, where), context)


def _commonsenseqa(file: TextFile) -> list[_Item]:
    found = []
    for where, row in read_json_lines(file):
        asked = member(row, "question", dict, where)
        stem = _asked(member(asked, "stem", str, where), where, "stem")
        texts: dict[str, str] = {}
        for choice in member(asked, "choices", list, where):
            texts[member(choice, "label", str, where)] = member(choice, "text", str, where)
        if sorted(texts) != list(CSQA_LETTERS) or len(asked["choices"]) != len(CSQA_LETTERS):
            letters = ", ".join(sorted(texts)) or "none"
            raise UserError(f"{where}: the choices are lettered {letters}; expected each of A to E once")
        key = member(row, "answerKey", str, where)
        if key not in texts:
            raise UserError(f"{where}: 'answerKey' is '{key[:40]}'; expected a letter from A to E")
        choices = tuple(texts[letter] for letter in CSQA_LETTERS)
        found.append(_Item(stem, "", choices, CSQA_LETTERS.index(key), stem))
    return found


def _asked(text: str, where: str, key: str) -> str:
    if not text.strip():
        raise UserError(f"{where}: '{key}' is empty; expected a text, so restore or remove the row")
    return text


def _number(label: int, choices: int, where: str) -> int:
    if not 0 <= label < choices:
        raise UserError(f"{where}: 'label' is {label}; expected 0 to {choices - 1}")
    return label


_READERS: dict[str, Callable[[TextFile], list[_Item]]] = {
    "siqa": _siqa,
    "hellaswag": _hellaswag,
    "cosmosqa": _cosmosqa,
    "commonsenseqa": _commonsenseqa,
}
