"""Files by language: ``sw.csv``, ``swh.tsv``, ``sr-Latn.jsonl``, ``zho_Hant.parquet`` make a benchmark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xtremor.errors import UserError
from xtremor.languages import UNKNOWN, Language, lookup, strata
from xtremor.sources.own.kinds.base import FileType

_CODE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")
# Spelt like codes, and nearly always splits.
_SPLITS = ("dev", "val")


@dataclass(frozen=True)
class LanguageFiles:
    """What ``--data`` named.

    Attributes:
        files: language -> file, in the order of the codes (a list keeps its own order).
        names: language -> what the file is called in records and predictions.
        unknown: languages on which we have no facts.
        ignored: other files of the folder, with the reason.
    """

    files: Mapping[str, Path]
    names: Mapping[str, str]
    unknown: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def digests(self) -> dict[str, str]:
        """Language -> sha256 of its file."""
        return {code: _digest(path) for code, path in self.files.items()}

    def sentences(self) -> list[str]:
        """What a reader of the scores must know about the choice of files."""
        said = []
        if self.unknown:
            said.append(f"no facts are known about {', '.join(self.unknown)}: their strata are 'unknown'")
        if self.ignored:
            said.append(f"not scored: {', '.join(self.ignored)}")
        return said


def language_files(data: str, wanted: FileType, trained_on: Iterable[str] = ()) -> LanguageFiles:
    """Find the files that ``--data`` names: a folder, or files between commas, each with or without ``code=``.

    Args:
        data: as typed.
        wanted: what labelled files of the task are.
        trained_on: digests of files that may lie in the folder and are not scored (training and dev).

    Raises:
        UserError: nothing there, a name that is no language code, or two files of one language.
    """
    folder = Path(data)
    if folder.is_dir():
        return _from_folder(folder, wanted, set(trained_on))
    pairs = [_named(part.strip(), wanted) for part in data.split(",") if part.strip()]
    if not pairs:
        raise UserError(f"--data names no file; name a folder of files such as {wanted.listed()}")
    files = _by_language(pairs)
    return LanguageFiles(files, {code: path.as_posix() for code, path in files.items()}, _unknown(files))


def canonical(code: str) -> str | None:
    """``swh`` -> ``sw``, ``zho_Hant`` -> ``zh-Hant``, ``PT_br`` -> ``pt-BR``; None where it is not spelt as a code."""
    found = _CODE.fullmatch(code)
    if found is None:
        return None
    language = _facts(code)
    parts = [found[1].lower() if language is None else language.iso639_1]
    parts += [found[2].title()] if found[2] else []
    parts += [found[3].upper()] if found[3] else []
    return "-".join(parts)


def strata_or_unknown(code: str) -> dict[str, str]:
    """As ``languages.strata``, all of them ``unknown`` for a language that its table lacks."""
    try:
        return strata(code)
    except UserError:
        return dict.fromkeys(strata("en"), UNKNOWN)


def _from_folder(folder: Path, wanted: FileType, trained_on: set[str]) -> LanguageFiles:
    pairs, ignored = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() not in wanted.suffixes:
            ignored.append(f"{path.name} (no {wanted.words})")
        elif _digest(path) in trained_on:
            ignored.append(f"{path.name} (the run was trained with it)")
        elif path.stem in _SPLITS:
            raise UserError(
                f"{path}: '{path.stem}' looks like a split; give the file a language's code, or take it out"
            )
        else:
            pairs.append(_named(str(path), wanted))
    if not pairs:
        left = f" (left aside: {', '.join(ignored[:3])})" if ignored else ""
        raise UserError(f"--data {folder} holds no file of a language{left}; expected files such as {wanted.listed()}")
    files = _by_language(pairs)
    return LanguageFiles(
        files,
        {code: f"{folder.resolve().name}/{path.name}" for code, path in files.items()},
        _unknown(files),
        tuple(ignored),
    )


def _named(part: str, wanted: FileType) -> tuple[str, Path]:
    """``sw=path.csv`` or ``path/sw.csv`` -> (language, file)."""
    left, equals, right = part.partition("=")
    path = Path(right) if equals and not Path(part).exists() else Path(part)
    stem = left.strip() if path != Path(part) else path.stem
    if not path.is_file():
        raise UserError(
            f"--data: {path} {'is a folder' if path.is_dir() else 'does not exist'}; name files or a folder"
        )
    if path.suffix.lower() not in wanted.suffixes:
        raise UserError(f"--data: {path} is no {wanted.words}; expected files such as {wanted.listed()}")
    code = canonical(stem)
    if code is None:
        raise UserError(
            f"--data: '{stem}' is no language code (ISO 639-1 or 639-3, with or without a script); "
            f"call the file {wanted.listed()}, or name it as sw={path}"
        )
    return code, path


def _by_language(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    seen: dict[tuple[str, ...], Path] = {}
    for code, path in pairs:
        other = seen.setdefault(_same_language(code), path)
        if other is not path:
            raise UserError(f"--data: {other} and {path} are both of the language {code}; join them or leave one out")
        files[code] = path
    return files


def _same_language(code: str) -> tuple[str, ...]:
    """Equal for ``sr`` and ``sr-Cyrl``: the usual script need not be written."""
    found = _CODE.fullmatch(code)
    assert found is not None
    language = _facts(code)
    return found[1], found[2] or "" if language is None else language.script, found[3] or ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _facts(code: str) -> Language | None:
    try:
        return lookup(code)
    except UserError:
        return None


def _unknown(files: Mapping[str, Path]) -> tuple[str, ...]:
    return tuple(code for code in files if _facts(code) is None)
