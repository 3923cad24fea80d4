"""Scores per language, their official average, and strata, from a table of predictions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.languages import by_stratum, is_english
from xtremor.scoring.predictions import decoded
from xtremor.scoring.registry import scorer
from xtremor.tasks.base import TaskCard

if TYPE_CHECKING:
    import polars as pl

    from xtremor.scoring.parts import Parts

FORMAT = 1


def scores_from_predictions(
    table: pl.DataFrame,
    metric: str | TaskCard,
    split: str,
    strata_of: Callable[[str], Mapping[str, str]] | None = None,
    sources: Collection[str] = (),
) -> dict[str, Any]:
    """Compute what goes into ``scores.json``.

    ``average`` is the official one: the unweighted mean over the languages in the table, English included.
    Strata describe transfer, so English is in none of them; a stratum's score is the unweighted mean over its
    languages and ``items`` the sum of theirs. Nothing is rounded.

    Args:
        table: predictions of one task and split (see ``xtremor.scoring.predictions.schema``).
        metric: name of the scorer, or the task's card.
        split: the split that was scored.
        strata_of: language code -> {stratum: value}; by default the facts in ``xtremor.languages``.
        sources: languages beside English whose labels were trained on, which are no transfer either.

    Returns:
        {"format", "task", "split", "metric", "unit", "languages": {code: {"score", "items"}}, "average",
        "average_without_english" (None when there is only English), "strata": {stratum: {value: {"score",
        "languages", "items"}}}}, languages in the order of the table. Where the scorer gives several figures, a
        language has all of them as "figures"; the score is the official one.

    Raises:
        UserError: no rows, several tasks, an item that occurs twice, a row without gold label or prediction.
    """
    task = _checked(table)
    return _summary(table.partition_by("language", maintain_order=True), task, metric, split, strata_of, sources)


def scores_from_parts(
    stored: Parts,
    metric: str | TaskCard,
    split: str,
    strata_of: Callable[[str], Mapping[str, str]] | None = None,
    sources: Collection[str] = (),
) -> dict[str, Any]:
    """As `scores_from_predictions`, with one language at a time in memory."""
    tasks: dict[str, None] = {}
    files: dict[str, str] = {}
    shared = False
    for part in stored.languages():
        tasks[_checked(part)] = None
        for file in part["file"].unique():
            shared |= files.setdefault(file, part["language"][0]) != part["language"][0]
    if shared or not tasks:
        # Two languages in one file: only all of their rows together tell whether an item occurs twice.
        _check_identities(stored.identities())
    return _summary(stored.languages(), _one(list(tasks)), metric, split, strata_of, sources)


def _summary(
    parts: Iterable[pl.DataFrame],
    task: str,
    metric: str | TaskCard,
    split: str,
    strata_of: Callable[[str], Mapping[str, str]] | None,
    sources: Collection[str],
) -> dict[str, Any]:
    """Scores of tables of one language each; see `scores_from_predictions`."""
    name = metric.metric if isinstance(metric, TaskCard) else metric
    languages = {str(part["language"][0]): _language(part, name) for part in parts}
    others = {code: entry for code, entry in languages.items() if not is_english(code) and code not in sources}
    return {
        "format": FORMAT,
        "task": task,
        "split": split,
        "metric": name,
        "unit": "percent",
        "languages": languages,
        "average": _mean(languages),
        "average_without_english": _mean(others) if others else None,
        "strata": _strata(others, strata_of),
    }


def _language(part: pl.DataFrame, metric: str) -> dict[str, Any]:
    """Score of one language's rows; further figures where the scorer has some."""
    kind = scorer(metric, str(part["language"][0]))
    figures = kind.score(*decoded(part, metric))
    cell: dict[str, Any] = {"score": figures[kind.values[0]], "items": part.height}
    return cell if len(figures) == 1 else {**cell, "figures": figures}


def _checked(table: pl.DataFrame) -> str:
    """Return the table's one task; raises UserError where the table cannot be scored."""
    _check_identities(table)
    for column, what in (("gold", "gold label"), ("predicted", "prediction")):
        bare = table.filter(table[column].is_null())
        if bare.height:
            raise UserError(
                f"{bare.height:,} of {table.height:,} rows have no {what} (first: {_place(bare)}); "
                "only rows with both can be scored"
            )
    return _one(table["task"].unique(maintain_order=True).to_list())


def _one(tasks: list[str]) -> str:
    if len(tasks) > 1:
        raise UserError(f"the predictions are of several tasks ({', '.join(tasks)}); score one task at a time")
    return str(tasks[0])


def _check_identities(table: pl.DataFrame) -> None:
    if table.height == 0:
        raise UserError("there are no predictions to score; expected at least one row")
    twice = table.filter(table.select("task", "file", "row").is_duplicated())
    if twice.height:
        raise UserError(
            f"{_place(twice)} occurs more than once among the predictions; expected each item once, "
            "so evaluate again or remove what was joined twice"
        )


def _place(rows: pl.DataFrame) -> str:
    return f"{rows['file'][0]}, line {rows['row'][0] + 1}"


def _mean(entries: Mapping[str, Mapping[str, Any]]) -> float:
    return fmean(entry["score"] for entry in entries.values())


def _strata(
    languages: Mapping[str, Mapping[str, Any]], strata_of: Callable[[str], Mapping[str, str]] | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """The score of every stratum that the languages have, values sorted."""
    return {
        stratum: {
            value: {
                "score": _mean({code: languages[code] for code in codes}),
                "languages": len(codes),
                "items": sum(languages[code]["items"] for code in codes),
            }
            for value, codes in values.items()
        }
        for stratum, values in by_stratum(languages, strata_of).items()
    }
