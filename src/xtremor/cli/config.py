"""Options from a TOML file: ``--config run.toml`` stands for the options that it names.

Keys are the long names of options, with dashes or underscores; tables group them and may be called anything. What is
typed wins over the file. The file becomes words of the command line, so that both are read and refused alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from xtremor.errors import UserError, unknown

CONFIG, PRINT = "--config", "--print-config"
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "text"}


@dataclass(frozen=True)
class Option:
    """An option of a command: its names, the first one first, the words that switch it off, and what it holds."""

    names: tuple[str, ...]
    negative: tuple[str, ...]
    kind: type

    @property
    def key(self) -> str:
        """In a file."""
        return self.names[0].removeprefix("--")


def options_of(command: str) -> list[Option]:
    """The options of a command that take one value or none."""
    from xtremor.cli.app import app

    found: list[Option] = []
    if app[command].default_command is None:
        # A group of commands.
        return found
    for argument in app[command].assemble_argument_collection():
        negative = tuple(argument.negatives)
        names = tuple(name for name in argument.names if name.startswith("-") and name not in negative)
        if names and argument.index is None:
            found.append(Option(names, negative, _kind(argument.hint)))
    return found


def _kind(hint: Any) -> type:
    """``float | None`` -> float."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kind: type = next(part for part in parts if part is not NoneType)
    return kind


def expand(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The command line with the options of its ``--config`` file, and what ``--print-config`` asks for (else None).

    Raises:
        UserError: no such file, no TOML, a key that is no option of the command, a value of the wrong kind.
    """
    from xtremor.cli.app import COMMANDS

    typed = list(arguments)
    asked = any(word.partition("=")[0] in (CONFIG, PRINT) for word in typed)
    if not asked or typed[0] not in COMMANDS:
        return typed, None
    options = options_of(typed[0])
    if all(CONFIG not in option.names for option in options):
        return typed, None
    said = _said(typed[1:], options)
    file = next((value for option, value in said if CONFIG in option.names), None)
    mentioned = {option.key for option, _ in said}
    added = (
        [] if file is None else [each for each in read(Path(file), typed[0], options) if each[0].key not in mentioned]
    )
    words = [word for option, value in added for word in _words(option, value)]
    printed = None
    if any(PRINT in option.names for option, _ in said):
        own = [(option, _typed(option, value)) for option, value in said if not {CONFIG, PRINT} & set(option.names)]
        printed = dumped([*added, *own])
    return [typed[0], *typed[1:], *words], printed


def _said(typed: Sequence[str], options: Sequence[Option]) -> list[tuple[Option, str]]:
    """Options that were typed and the word that each was given; of a switch ``true`` or ``false``."""
    found, words = [], iter(typed)
    for word in words:
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        option = next((each for each in options if name in (*each.names, *each.negative)), None)
        if option is None:
            continue
        if option.kind is bool:
            found.append((option, value if equals else str(name not in option.negative).lower()))
        elif (given := value if equals else next(words, None)) is not None:
            found.append((option, given))
    return found


def read(path: Path, command: str, options: Sequence[Option]) -> list[tuple[Option, Any]]:
    """Options that a file names and their values; see the module for its form. Raises UserError as `expand`."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{CONFIG} {path}: {error.strerror}; name a TOML file of options") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{CONFIG} {path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{CONFIG} {path}: not TOML: {error}; write lines such as radius = 0.003") from error
    own = [option for option in options if not {CONFIG, PRINT} & set(option.names)]
    known = {name.removeprefix("--"): option for option in own for name in option.names if name.startswith("--")}
    found: dict[str, tuple[Option, Any]] = {}
    for table, key, value in _flat(content, path):
        where = f"{path}{_line(text, table, key)}"
        name = key.replace("_", "-")
        if isinstance(value, dict):
            raise UserError(f"{where}: [{table}.{key}] is a table in a table; tables group options and hold no others")
        if name not in known:
            close = unknown("key", key, known, f"keys are options, which `xtremor {command} --help` lists")
            raise UserError(f"{where}: {close}")
        option = known[name]
        if option.key in found:
            raise UserError(f"{where}: '{key}' stands in this file twice; name every option once")
        found[option.key] = (option, _checked(where, key, value, option.kind))
    return list(found.values())


def _flat(content: dict[str, Any], path: Path) -> list[tuple[str, str, Any]]:
    """Table (empty on top), key and value of every line."""
    found: list[tuple[str, str, Any]] = []
    for key, value in content.items():
        if isinstance(value, dict):
            found += [(key, inner, each) for inner, each in value.items()]
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            raise UserError(f"{path}: [[{key}]] is a list of tables; write [{key}] once")
        else:
            found.append(("", key, value))
    return found


def _line(text: str, table: str, key: str) -> str:
    """``, line 3`` where the key stands; nothing where it cannot be told."""
    now = ""
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if bare.startswith("["):
            now = bare.strip("[] \t").split("#")[0].rstrip("] ").strip("\"'")
        elif now == table and bare.partition("=")[0].strip().strip("\"'") == key:
            return f", line {number}"
    return ""


def _checked(where: str, key: str, value: Any, kind: type) -> Any:
    """The value, of its option's kind; lists and numbers are text where the option takes text."""
    right = {
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, int | float) and not isinstance(value, bool),
    }.get(kind, _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value))))
    if not right:
        what = WORDS.get(kind, "text") + (", or a list of values" if kind is str else "")
        raise UserError(f"{where}: {key} must be {what}, not {_shown(value)}")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return dumped_value(value) if isinstance(value, bool | str | int | float) else str(value)


def _words(option: Option, value: Any) -> list[str]:
    """As typed on a command line."""
    if option.kind is bool:
        return [f"{option.names[0]}={str(value).lower()}"]
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    # Joined, because a value may begin with a dash.
    return [f"{option.names[0]}={text}"]


def _typed(option: Option, word: str) -> Any:
    """The value of a typed word; raises UserError where it is of another kind."""
    if option.kind is bool:
        return word == "true"
    if option.kind in (int, float):
        try:
            return option.kind(word)
        except ValueError:
            raise UserError(f"{option.names[0]} must be {WORDS[option.kind]}, not '{word}'") from None
    return word


def dumped(values: Sequence[tuple[Option, Any]]) -> str:
    """Options as TOML, one a line."""
    return "".join(f"{option.key} = {dumped_value(value)}\n" for option, value in values)


def dumped_value(value: Any) -> str:
    """A value as TOML; text as a basic string with everything escaped that must be."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(dumped_value, value))}]"
    if isinstance(value, int | float):
        return str(value)
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'
