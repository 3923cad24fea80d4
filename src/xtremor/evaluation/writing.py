"""Predictions and scores of an evaluation on disk, and the line that is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtremor import machine
from xtremor.alignment.rows import parallel_text_seen
from xtremor.console import say
from xtremor.evaluation.rules import LAST
from xtremor.evaluation.selection import EvaluationSettings, selection
from xtremor.languages import counted, is_english
from xtremor.scoring.parts import Parts, parts
from xtremor.sources.base import Source
from xtremor.sources.own import OwnSource, strata_or_unknown
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import RunFolder, write_json
from xtremor.training.sources import recorded_sources

if TYPE_CHECKING:
    import polars as pl

# Metrics of rankings, which submissions key by the ids of the queries.
KEYED = ("map@20", "mrr@20")


def write_evaluation(
    folder: RunFolder,
    table: pl.DataFrame | Parts,
    split: str,
    settings: EvaluationSettings,
    card: TaskCard,
    record: dict[str, Any],
    seconds: float,
    source: Source,
    labels: Sequence[str],
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write predictions.parquet and scores.json of a run and return the scores.

    ``labels`` name the logits; ``facts`` are what else scores.json must say of how the answers were made.
    """
    if not isinstance(table, Parts):
        with parts() as found:
            for part in table.partition_by("language", maintain_order=True):
                found.add(part)
            return write_evaluation(folder, found, split, settings, card, record, seconds, source, labels, facts)
    from xtremor.scoring.scores import scores_from_parts
    from xtremor.stats.calibration import calibration

    made = {
        "arm": record["arm"],
        "seed": record["seed"],
        "split": split,
        "task": card.name,
        "labels": list(labels),
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
    }
    if not any(part["logits"].list.len().sum() for part in table.languages()):
        made["logits"] = "not kept: the answers are not one of a few classes"
    text = record.get("unlabelled")
    if text is not None:
        made["unlabelled_text_seen"] = text["languages"]
    parallel = parallel_text_seen(record)
    if parallel:
        made["parallel_text_seen"] = parallel
    # A file of the user's own may be in a language on which we have no facts.
    strata_of = strata_or_unknown if isinstance(source, OwnSource) else None
    sources = [code for code in recorded_sources(record) if not is_english(code)]
    if sources:
        made["trained_on"] = sources
    facts = facts or {}
    if "checkpoint" in facts:
        made["checkpoint"] = facts["checkpoint"]
    scores = {**scores_from_parts(table, card, split, strata_of, sources), **made}
    # A centroid's cosines are no logits.
    if card.category in ("classification", "choice") and record["method"]["name"] != "centroid":
        scores["calibration"] = {code: cell for part in table.languages() for code, cell in calibration(part).items()}
    scores |= {
        **facts,
        "selection": selection(settings, source),
        "seconds": seconds,
        "data": asdict(source.record()),
    }
    ids = question_ids(card, source, split, table.counts)
    table.write(folder.predictions, {**made, **({"ids": ids} if ids else {})})
    write_json(folder.scores, scores)
    return scores


def write_untrained(
    folder: RunFolder,
    identity: dict[str, Any],
    table: pl.DataFrame | Parts,
    split: str,
    settings: EvaluationSettings,
    card: TaskCard,
    record: dict[str, Any],
    seconds: float,
    source: Source,
    labels: Sequence[str],
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the run folder of scores for which nothing was trained here, and return them; see `write_evaluation`."""
    folder.claim(identity)
    try:
        scores = write_both(folder, table, split, settings, card, record, seconds, source, labels, facts)
    finally:
        folder.release()
    say(summary(scores))
    return scores


def write_both(folder: RunFolder, table: Any, split: str, *rest: Any) -> dict[str, Any]:
    """run.json and what `write_evaluation` writes, into a folder that has been claimed."""
    _, _, record, *_ = rest
    write_json(folder.record, record)
    return write_evaluation(folder, table, split, *rest)


def question_ids(card: TaskCard, source: Source, split: str, counts: Mapping[str, int]) -> dict[str, list[str]]:
    """Upstream ids by language of the first ``counts`` rows, where submissions are keyed by them; else nothing."""
    if card.category != "spans" and card.metric not in KEYED:
        return {}
    return {
        language: [example.id for example in source.examples(split, language)[:count]]
        for language, count in counts.items()
    }


def summary(scores: dict[str, Any]) -> str:
    """One line: the averages of a score file."""
    rule = scores.get("checkpoint") or {}
    parts = [f"{scores['average']:.2f} on average over {counted(scores['languages'])}"]
    if scores.get("average_without_english") is not None:
        left_out = ", ".join(["English", *scores.get("trained_on", ())])
        parts.append(f"{scores['average_without_english']:.2f} without {left_out}")
    told = "" if rule.get("rule", LAST) == LAST else f", {rule['rule']}"
    told += " (an upper bound, chosen on the scored rows themselves)" if rule.get("upper_bound") else ""
    return f"{scores['task']} {scores['split']}{told}, {scores['metric']}: {', '.join(parts)}"
