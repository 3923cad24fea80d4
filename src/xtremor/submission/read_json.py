"""Strict readers of prediction files in JSON: answers, rankings and choices; ``json_text`` reads the JSON itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.json_text import described, line_of, parse
from xtremor.submission.read import read_lines, read_text, shown


def load_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        UserError: no JSON (line and column are named), a key that occurs twice in one object.
    """
    return parse(read_text(path), str(path))


def read_answers(path: Path) -> dict[str, str]:
    """Question id -> answer text; an object {"data": {...}} around them is taken off, as the evaluator does.

    Raises:
        UserError: no object, an answer that is no string, an id that occurs twice.
    """
    found = _object(path, "{id: answer text}", wrapped=True)
    for key, answer in found.items():
        if not isinstance(answer, str):
            raise UserError(
                f"{path}{line_of(read_text(path), key)}: the answer to id {shown(key)} is {described(answer)}; "
                "expected a string (an empty one for no answer)"
            )
    return found


def read_rankings(path: Path) -> dict[str, tuple[str, ...]]:
    """Query id -> ids of what was found, best first.

    Raises:
        UserError: no object, a ranking that is no list of strings, a query id that occurs twice.
    """
    found = _object(path, "{id: [ids, best first]}")
    for key, ranking in found.items():
        if not isinstance(ranking, list):
            raise UserError(
                f"{path}{line_of(read_text(path), key)}: the ranking of id {shown(key)} is {described(ranking)}; "
                "expected a list of ids, best first"
            )
        wrong = next((each for each in ranking if not isinstance(each, str)), None)
        if wrong is not None or None in ranking:
            raise UserError(
                f"{path}{line_of(read_text(path), key)}: the ranking of id {shown(key)} holds {described(wrong)}; "
                "expected ids as strings"
            )
    return {key: tuple(ranking) for key, ranking in found.items()}


def read_choices(path: Path, choices: int = 2) -> list[str]:
    """Number of the choice on each line, as text; keys other than ``label`` do not count.

    Raises:
        UserError: a line that is no such object, or whose label is no number of a choice.
    """
    found = []
    allowed = f"expected a number from 0 to {choices - 1}"
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}, line {number}"
        row = parse(line, str(path), number)
        if not isinstance(row, dict) or "label" not in row:
            raise UserError(f'{where}: {shown(line)} has no label; expected {{"label": 0}} on each line')
        label = row["label"]
        if not isinstance(label, int) or isinstance(label, bool):
            raise UserError(f"{where}: the label {shown(label)} is {described(label)}; {allowed}")
        if not 0 <= label < choices:
            raise UserError(f"{where}: there is no choice {label}; {allowed}")
        found.append(str(label))
    return found


def _object(path: Path, form: str, wrapped: bool = False) -> dict[str, Any]:
    found = load_json(path)
    # The evaluator's reader of answers takes "data" off; Mewsli-X's does not, and would find no mention.
    if wrapped and isinstance(found, dict) and "data" in found:
        if isinstance(found["data"], list):
            raise UserError(
                f"{path} holds questions with their gold answers, not predictions; expected {form} "
                "(are PREDICTIONS and --gold swapped?)"
            )
        found = found["data"]
    if not isinstance(found, dict):
        raise UserError(f"{path} holds {described(found)}; expected one object {form}")
    if not found:
        raise UserError(f"{path} holds no prediction; expected one object {form}")
    return found
