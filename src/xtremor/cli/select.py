"""``xtremor select``."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.cli.options import check_threads
from xtremor.cli.tables import print_table
from xtremor.console import say
from xtremor.errors import UserError, unknown

if TYPE_CHECKING:
    from xtremor.analysis.selection.distances import Distances

LANGUAGES = Group("Languages", sort_key=3)
DISTANCES = Group("Distances", sort_key=4)
TEXT = Group("The encoder's own distance", sort_key=5)
KNOWN = ("kinship", "uriel", "syntax", "phonology", "inventory", "family", "geography", "encoder")


def select(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Folder to write.")],
    targets: Annotated[
        str | None, Parameter(group=LANGUAGES, help="Codes between commas (default: the task's languages).")
    ] = None,
    sources: Annotated[
        str | None,
        Parameter(group=LANGUAGES, help="Codes that may be labelled (default: the targets, and English)."),
    ] = None,
    task: Annotated[str | None, Parameter(group=LANGUAGES, help="Task whose languages are the targets.")] = None,
    data: Annotated[
        Path | None, Parameter(group=TEXT, help="Its files, whose texts the encoder reads; labels are not looked at.")
    ] = None,
    k: Annotated[str, Parameter(group=LANGUAGES, help="Numbers of sources, between commas.")] = "1,2,4",
    rows: Annotated[int, Parameter(group=LANGUAGES, help="Labelled rows in all, shared by the sources.")] = 2000,
    draws: Annotated[int, Parameter(help="Random sets to compare with.")] = 1000,
    distances: Annotated[
        str | None,
        Parameter(
            group=DISTANCES,
            help="Between commas: kinship (family and script), uriel, syntax, phonology, inventory, family, geography, "
            "encoder (default: all that can be had).",
        ),
    ] = None,
    uriel: Annotated[
        Path | None, Parameter(group=DISTANCES, help="Folder of URIEL's .npz files (default: the extra `languages`).")
    ] = None,
    min_coverage: Annotated[
        float, Parameter(group=DISTANCES, help="Share of the features that two languages must have in common.")
    ] = 0.25,
    encoder: Annotated[str, Parameter(group=TEXT, help="Encoder, or run folder.")] = "starter",
    text: Annotated[
        Path | None, Parameter(group=TEXT, help="Folder of XX.txt files, a text a line, instead of --data.")
    ] = None,
    text_rows: Annotated[int, Parameter(group=TEXT, help="Texts of each language, at most.")] = 200,
    layer: Annotated[int | None, Parameter(group=TEXT, help="Layer of the vectors (default: the middle one).")] = None,
    scores: Annotated[
        str | None,
        Parameter(
            help="Real scores, between commas: tables with source, target and score (.csv, .tsv), evaluated runs or "
            "studies."
        ),
    ] = None,
    study: Annotated[
        Path | None,
        Parameter(help="Write a study file here that trains the chosen sets, random ones and English alone (--task)."),
    ] = None,
    seed: Annotated[int, Parameter(help="Of draws and permutations.")] = 0,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")] = False,
) -> None:
    """Choose source languages by distance, and check the distances against real scores."""
    check_threads(threads)
    from xtremor.analysis.selection.scores import read_scores
    from xtremor.analysis.selection.select import SelectSettings, check
    from xtremor.analysis.selection.select import select as choose

    wanted, candidates = _languages(targets, sources, task)
    settings = SelectSettings(_counts(k), rows, draws, seed)
    check(candidates, wanted, settings)
    if not 0 <= min_coverage <= 1:
        raise UserError(f"--min-coverage is a share, from 0 to 1, not {min_coverage}")
    _check_output(output)
    _check_study(study, task)
    started = time.monotonic()
    real = None if scores is None else read_scores([Path(each.strip()) for each in scores.split(",") if each.strip()])
    codes = list(dict.fromkeys((*candidates, *wanted, *((*real.sources, *real.targets) if real else ()))))
    names = _names(distances, text is not None or data is not None, uriel)
    measured = _from_tables(codes, names, uriel, min_coverage)
    if "encoder" in names:
        measured.append(_encoder(codes, encoder, task, data, text, text_rows, layer, threads))
    result = choose(measured, candidates, wanted, settings, real)
    if task is not None and data is not None:
        result["notes"] += _short_of_rows(result["choices"], task, data)
    _write(result, output, task, time.monotonic() - started, json_)
    if study is not None and task is not None:
        from xtremor.analysis.selection.trial import study_text

        scored = None if targets is None else wanted
        _write_study(study, study_text(result, task, encoder, None if data is None else str(data), scored))


def _short_of_rows(choices: Sequence[dict[str, Any]], task: str, data: Path) -> list[str]:
    """A note on every chosen source that has fewer training rows in the data than its share.

    None where the data has training sets of English alone: there labels have yet to be made.
    """
    from xtremor.languages import is_english
    from xtremor.sources import open_source
    from xtremor.tasks.cards import card

    source = open_source(card(task), data)
    have = source.languages("train")
    if all(is_english(code) for code in have):
        return []
    shares: dict[str, int] = {}
    for choice in choices:
        for code, share in choice["rows"].items():
            shares[code] = max(share, shares.get(code, 0))
    rows = {code: len(source.examples("train", code)) if code in have else 0 for code in shares}
    return [
        f"{code} has {rows[code]:,} training rows of {task} in {data}, fewer than a share of {share:,}: label more, or "
        "choose among others with --sources"
        for code, share in shares.items()
        if rows[code] < share
    ]


def _write(result: dict[str, Any], output: Path, task: str | None, seconds: float, as_json: bool) -> None:
    from xtremor import machine
    from xtremor.report.analysis.select import write_page
    from xtremor.training.folder import FORMAT, write_json

    result = {"format": FORMAT, "task": task, **result, "seconds": round(seconds, 2), "command": machine.command_line(),
              "created": machine.now(), "versions": machine.versions()}  # fmt: skip
    for note in result["notes"]:
        say(note)
    write_json(output / "select.json", result)
    written = [output / "select.json", *write_page(result, output)]
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _print(result)
    say(f"written: {', '.join(str(path) for path in written)}")


def _check_study(study: Path | None, task: str | None) -> None:
    if study is None:
        return
    if task is None:
        raise UserError("--study trains and scores a task; name it with --task")
    if study.exists():
        raise UserError(f"--study {study} exists already; name a file that does not")


def _write_study(path: Path, text: str) -> None:
    from xtremor.paths import atomic_file

    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"study: {path}; next: xtremor study plan {path}")


def _print(result: dict[str, Any]) -> None:
    from xtremor.report.analysis.select import check_rows, choice_rows

    print_table(choice_rows(result))
    if "scores" in result:
        print()
        print_table(check_rows(result))


def _check_output(output: Path) -> None:
    if output.is_file():
        raise UserError(f"--output {output} is a file; name a folder")
    if output.is_dir() and any(output.iterdir()) and not (output / "select.json").is_file():
        raise UserError(f"--output {output} is not empty and holds no selection; name a folder that does not exist yet")


def _languages(targets: str | None, sources: str | None, task: str | None) -> tuple[list[str], list[str]]:
    """Targets and candidate sources."""
    from xtremor.languages import is_english, lookup
    from xtremor.tasks.cards import card

    if targets is None and task is None:
        raise UserError("name the languages that models shall work in: --targets sw,yo,..., or --task TASK")
    wanted = _codes(targets, "--targets") if targets is not None else list(card(task or "").languages)
    candidates = _codes(sources, "--sources") if sources is not None else list(wanted)
    if sources is None and not any(is_english(code) for code in candidates):
        candidates = ["en", *candidates]
    for code in (*wanted, *candidates):
        lookup(code)
    return wanted, candidates


def _codes(text: str, option: str) -> list[str]:
    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes:
        raise UserError(f"{option} names no language; write codes between commas, for example sw,tr")
    repeated = [code for place, code in enumerate(codes) if code in codes[:place]]
    if repeated:
        raise UserError(f"{option}: {repeated[0]} is named more than once")
    return codes


def _counts(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() for word in words):
        raise UserError(f"--k {text}: write numbers of sources between commas, such as 1,2,4")
    return tuple(dict.fromkeys(int(word) for word in words))


def _names(distances: str | None, text: bool, uriel: Path | None) -> list[str]:
    """Distances as named, or all that can be had."""
    from xtremor.analysis.selection.uriel import uriel_folder

    if distances is not None:
        names = list(dict.fromkeys(name.strip() for name in distances.split(",") if name.strip()))
        for name in names:
            if name not in KNOWN:
                raise unknown("distance", name, KNOWN)
        if not names:
            raise UserError("--distances names none; write them between commas, such as kinship,uriel")
        if "encoder" in names and not text:
            raise UserError("--distances encoder reads text: name a folder with --text, or --task with --data")
        return names
    names = [name for name in KNOWN if name != "encoder" or text]
    try:
        uriel_folder(uriel)
    except UserError as error:
        if uriel is not None:
            raise
        say(str(error))
        return [name for name in names if name in ("kinship", "encoder")]
    return names


def _from_tables(codes: Sequence[str], names: Sequence[str], uriel: Path | None, coverage: float) -> list[Distances]:
    """Every distance that needs no encoder."""
    from xtremor.analysis.selection.distances import from_features, kinship, together
    from xtremor.analysis.selection.uriel import GROUPS, read_features, uriel_folder
    from xtremor.languages import lookup

    wanted = [name for name in GROUPS if name in names or "uriel" in names]
    found = [kinship(codes)] if "kinship" in names else []
    if not wanted:
        return found
    parts = read_features(uriel_folder(uriel), [lookup(code).iso639_3 for code in codes], wanted)
    if "uriel" in names:
        found.append(together(codes, parts, coverage))
    return found + [from_features(codes, each, coverage) for each in parts if each.group in names]


def _encoder(
    codes: Sequence[str],
    encoder: str,
    task: str | None,
    data: Path | None,
    text: Path | None,
    limit: int,
    layer: int | None,
    threads: int | None,
) -> Distances:
    """The distance in an encoder's space."""
    from xtremor import computing
    from xtremor.analysis.selection import texts
    from xtremor.analysis.selection.distances import from_vectors
    from xtremor.analysis.states import states_of
    from xtremor.sources import open_source
    from xtremor.tasks.cards import card

    if limit < 1:
        raise UserError(f"--text-rows must be at least 1, not {limit}")
    if text is not None:
        lines = texts.from_folder(text, codes, limit)
    elif task is None:
        raise UserError("--data is the folder of a task's files; name the task with --task, or texts with --text")
    else:
        lines = texts.from_task(card(task), open_source(card(task), data), codes, limit)
    if len(lines) < 3:
        raise UserError(
            f"texts of {len(lines)} languages are too few for distances; the languages are {', '.join(codes)}"
        )
    computing.prepare(threads)
    states, _ = states_of(encoder, False, 128)
    if layer is not None and not 0 <= layer <= states.embedder.layers:
        raise UserError(
            f"--layer {layer}: encoder '{encoder}' has layers 0 (the embeddings) to {states.embedder.layers}"
        )
    return from_vectors(codes, texts.mean_vectors(states, lines, layer))
