"""``xtremor compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from xtremor.cli.score import names_between_commas
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.compare.folders import Loaded

AS_PLANNED = (
    "Compared is what the study plans; its report (`xtremor study report`) corrects primary and secondary contrasts "
    "apart."
)


def compare(
    *paths: Annotated[Path, Parameter(help="A table of scores; or runs, folders of them, studies, prediction files.")],
    baseline: Annotated[
        str | None,
        Parameter(help="System that the others are compared with; a study's own contrasts, where none is named."),
    ] = None,
    contrasts: Annotated[
        str | None, Parameter(help="Planned pairs instead: treatment:control, between commas.")
    ] = None,
    strata: Annotated[
        str | None, Parameter(help="Schemes that were planned, between commas (resource, script).")
    ] = None,
    task: Annotated[str | None, Parameter(help="Only this task.")] = None,
    languages: Annotated[str | None, Parameter(help="Only these, between commas.")] = None,
    effect: Annotated[float, Parameter(help="Difference that matters, in points: how many seeds does it take?")] = 0.5,
    power: Annotated[float, Parameter(help="With which it shall be found.")] = 0.8,
    margin: Annotated[float | None, Parameter(help="Test equivalence within so many points.")] = None,
    alpha: Annotated[float, Parameter(help="Chance of any false finding in the planned family.")] = 0.05,
    pair: Annotated[str, Parameter(help="auto, yes (on shared seeds) or no: compare runs seed by seed.")] = "auto",
    looks: Annotated[str | None, Parameter(help="Numbers of seeds at which looking was planned: 5,10,20.")] = None,
    english: Annotated[bool, Parameter(negative=(), help="Keep English in the averages.")] = False,
    mixed: Annotated[bool, Parameter(negative=(), help="Fit a mixed model too (extra stats).")] = False,
    split_half: Annotated[bool, Parameter(negative=(), help="A/A test: split the runs of one system in two.")] = False,
    splits: Annotated[int, Parameter(help="Of --split-half, at most.")] = 1000,
    replicates: Annotated[int, Parameter(help="Of the bootstrap; 0 leaves it out.")] = 2000,
    seed: Annotated[int, Parameter(help="Of all draws.")] = 0,
    system_column: Annotated[str | None, Parameter(help="Column of systems, where its name does not tell.")] = None,
    task_column: Annotated[str | None, Parameter(help="Column of tasks.")] = None,
    language_column: Annotated[str | None, Parameter(help="Column of languages.")] = None,
    language_columns: Annotated[str | None, Parameter(help="Columns that are languages, between commas.")] = None,
    seed_column: Annotated[
        str | None, Parameter(help="Column of seeds; of the first stage, where there are two.")
    ] = None,
    nested_column: Annotated[str | None, Parameter(help="Column of seeds of a second stage on the same first.")] = None,
    score_column: Annotated[str | None, Parameter(help="Column of scores.")] = None,
    labelled_column: Annotated[
        str | None,
        Parameter(
            help="Column that is true where a run was trained on labels in the language: left out of all averages."
        ),
    ] = None,
    map_: Annotated[
        Path | None,
        Parameter(name="--map", help="Draw the gain of every ordered pair of languages (--generalized): .svg or .png."),
    ] = None,
    output: Annotated[Path | None, Parameter(alias="-o", help="Write all figures, unrounded, to this file.")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print all figures as JSON.")] = False,
) -> None:
    """Say whether one system is better than another beyond seed noise."""
    from xtremor import machine
    from xtremor.compare import aa, comparison, record, text
    from xtremor.compare.settings import CompareSettings, parse_contrasts
    from xtremor.compare.table import restrict
    from xtremor.console import say
    from xtremor.paths import atomic_file

    if output is not None and (output.is_dir() or output.parent.is_file()):
        raise UserError(f"--output {output} cannot be a file: it is a folder, or is inside of a file; name another")
    if map_ is not None:
        from xtremor.report.pair_map import check_output

        check_output(map_)
        if split_half:
            raise UserError("--map draws a comparison, and --split-half makes none; leave one out")
    if baseline is not None and contrasts is not None:
        raise UserError("--baseline and --contrasts both say what is compared; name one of them")
    settings = CompareSettings(
        baseline=baseline,
        strata=names_between_commas("--strata", strata),
        effect=effect,
        power=power,
        alpha=alpha,
        margin=margin,
        pair=pair,
        looks=_looks(looks),
        english=english,
        replicates=replicates,
        seed=seed,
        mixed=mixed,
    )
    columns = {
        "system": system_column, "task": task_column, "language": language_column, "seed": seed_column,
        "nested": nested_column, "score": score_column, "labelled": labelled_column,
    }  # fmt: skip
    given = {role: column for role, column in columns.items() if column is not None}
    loaded = _load(paths, given, names_between_commas("--language-columns", language_columns) or (), task)
    table = restrict(loaded.table, task, names_between_commas("--languages", languages))
    if split_half:
        if splits < 1:
            raise UserError(f"--splits must be at least 1, not {splits}")
        halves = aa.halves_of(table, loaded.items, baseline, splits, replicates, seed, english)
        figures, shown = halves.record(), aa.text(halves)
    else:
        if contrasts is not None:
            settings = replace(settings, contrasts=parse_contrasts(contrasts, table.systems))
        elif baseline is None and (planned := tuple(p for p in loaded.planned if set(p) <= set(table.systems))):
            settings = replace(settings, contrasts=planned)
            loaded = replace(loaded, notes=(*loaded.notes, AS_PLANNED))
        found = comparison.compare(table, settings, loaded.items)
        figures, shown = record.record(found), text.text(found)
        if map_ is not None:
            from xtremor.report.pair_map import write_map

            write_map(found, map_)
            say(f"map: {map_}")
    figures["notes"] = [*loaded.notes, *figures["notes"]]
    figures |= {"command": machine.command_line(), "created": machine.now(), "versions": machine.versions()}
    told = json.dumps(figures, ensure_ascii=False, indent=2, allow_nan=False)
    if output is not None:
        with atomic_file(output) as temporary:
            temporary.write_text(told + "\n", encoding="utf-8")
        say(f"comparison: {output}")
    print(told if json_ else "\n".join([shown, *(f"note: {note}" for note in loaded.notes)]))


def _load(paths: tuple[Path, ...], given: dict[str, str], languages: tuple[str, ...], task: str | None) -> Loaded:
    """The one score table that was named, or runs."""
    from xtremor.compare.folders import Loaded, is_predictions, load
    from xtremor.compare.read import read_table

    if not paths:
        raise UserError("name a table of scores or run folders, for example: xtremor compare scores.csv")
    tables = [path for path in paths if not path.is_dir() and not is_predictions(path)]
    if tables and len(paths) > 1:
        raise UserError(f"{tables[0]} is no run folder; name one table of scores alone, or run folders")
    if tables:
        return Loaded(read_table(tables[0], given, languages), {})
    if given or languages:
        raise UserError(f"{paths[0]} holds runs, which have no columns to name; leave the --...-column options out")
    return load(paths, task)


def _looks(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--looks '{text}' is no list of whole numbers; write for example 5,10,20") from error
