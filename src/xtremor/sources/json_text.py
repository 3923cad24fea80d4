"""Strict reading of JSON: every refusal is one sentence that names the place in the file.

Beyond the grammar, these are refused: a key that stands twice in an object (Python's reader keeps the last and
loses the first), NaN and infinities, and strings with half a surrogate pair, which nothing can encode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from xtremor.errors import UserError
from xtremor.sources.text import TextFile

T = TypeVar("T")
_KINDS = {dict: "an object", list: "a list", str: "a string", int: "a whole number", bool: "true or false"}


class RepeatedKey(ValueError):
    """A key stands ``times`` times in one object."""

    def __init__(self, key: str, times: int) -> None:
        super().__init__(f"the key '{key[:40]}' stands {times} times in one object")
        self.key, self.times = key, times


class NoNumber(ValueError):
    """NaN or an infinity."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not allowed")
        self.name = name


def loads(text: str) -> Any:
    """As ``json.loads``, but strict; for callers that word the refusal themselves.

    Raises:
        json.JSONDecodeError: the grammar.
        RepeatedKey, NoNumber: what the grammar, or Python's reader, lets pass.
        RecursionError, ValueError: nested too deeply; a number with too many digits.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)


def parse(text: str, where: str, line: int | None = None) -> Any:
    """Parse one JSON document.

    Args:
        text: the document.
        where: the file, which begins the message of a UserError.
        line: of the file, where the text is that line alone.

    Raises:
        UserError: the text is not strict JSON; its place is named, of a key that stands twice the second one.
    """
    try:
        return loads(text)
    except RepeatedKey as error:
        if line is None:
            where += _line_of_second(text, error)
        raise refusal(error, where, line) from error
    except (RecursionError, ValueError) as error:
        raise refusal(error, where, line) from error


def refusal(error: Exception, where: str, line: int | None = None) -> UserError:
    """What `loads` raised, in a sentence; ``line`` is that of the file, where it is known."""
    place = where if line is None else f"{where}, line {line}"
    if isinstance(error, json.JSONDecodeError):
        at = f"line {line or error.lineno}, column {error.colno}"
        return UserError(f"{where}, {at}: no valid JSON ({error.msg}); write it again with a JSON library")
    if isinstance(error, RepeatedKey):
        return UserError(
            f"{place}: '{error.key[:40]}' stands twice in one object; expected each key once, because a reader keeps "
            "only one of them"
        )
    if isinstance(error, NoNumber):
        return UserError(f"{place} holds {error.name}, which is no JSON; write a number, a text or null")
    return UserError(f"{place} is no usable JSON: it nests too deeply or holds a number too long to read")


def line_of(text: str, key: str) -> str:
    """``, line N`` of the first place of a key in ``text``; empty where it is spelt otherwise there."""
    places = _places(text, key)
    return _line(text, places[0]) if places else ""


def _line_of_second(text: str, error: RepeatedKey) -> str:
    """``, line N``; empty where other objects have the key too, so that it cannot be told which place is meant."""
    places = _places(text, error.key)
    return _line(text, places[1]) if len(places) == error.times else ""


def _places(text: str, key: str) -> list[int]:
    """Where a string stands as a key."""
    spellings = "|".join({re.escape(json.dumps(key)), re.escape(json.dumps(key, ensure_ascii=False))})
    return [each.start() for each in re.finditer(rf"(?:{spellings})\s*:", text)]


def _line(text: str, at: int) -> str:
    return f", line {text.count(chr(10), 0, at) + 1}"


def read_json(file: TextFile) -> Any:
    """Parse a file that is one JSON document."""
    return parse(file.text(), file.name)


def read_json_lines(file: TextFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place for messages, object) of a file with one JSON object a line."""
    for number, line in file.lines():
        where = f"{file.name}, line {number}"
        if not line.strip():
            raise UserError(f"{where} is empty; expected a JSON object: remove the line or restore its row")
        value = parse(line, file.name, number)
        if not isinstance(value, dict):
            raise UserError(f"{where}: expected a JSON object, found {described(value)}")
        yield where, value


def member(holder: Any, key: str, kind: type[T], where: str) -> T:
    """The value of ``key`` in an object, of the type ``kind``; raises UserError for any other."""
    if not isinstance(holder, dict):
        raise UserError(f"{where}: expected an object with '{key}', found {described(holder)}")
    if key not in holder:
        raise UserError(f"{where}: '{key}' is missing; expected {_KINDS[kind]}")
    return typed(holder[key], kind, f"{where}, '{key}'")


def typed(value: Any, kind: type[T], where: str) -> T:
    """``value`` itself when it is of the type ``kind``; raises UserError otherwise."""
    # True and False are integers to Python.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError(f"{where}: expected {_KINDS[kind]}, found {described(value)}")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(f"{where}: the string holds half a surrogate pair; save the file again as UTF-8") from error
    return value


def described(value: Any) -> str:
    """Name what a JSON value is."""
    if value is None:
        return "null"
    for kind in (bool, dict, list, str, int):
        if isinstance(value, kind):
            return _KINDS[kind]
    return "a number"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RepeatedKey(key, sum(each == key for each, _ in pairs))
            seen.add(key)
    return found


def _constant(name: str) -> NoReturn:
    raise NoNumber(name)


STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
