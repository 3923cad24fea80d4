"""Score a trained model in every language of its task and keep the predictions item by item."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor import computing, machine
from xtremor.alignment.rows import parallel_text_seen
from xtremor.console import Progress, say
from xtremor.errors import UserError, unknown
from xtremor.evaluation.apart import check_task, identity_apart, record_apart
from xtremor.evaluation.checkpoints import choose, score_oracle, sweep
from xtremor.evaluation.loaded import check_model, load_run
from xtremor.evaluation.rules import LAST, Rule
from xtremor.languages import is_english
from xtremor.scoring.parts import Parts, parts
from xtremor.sources.base import Source
from xtremor.sources.generalized import GeneralizedSource
from xtremor.sources.own import OwnSource, strata_or_unknown
from xtremor.tasks.base import TaskCard
from xtremor.tasks.category import category
from xtremor.tasks.embedding import Embedding
from xtremor.training.folder import RunFolder, read_json, write_json
from xtremor.training.lineage import root_name
from xtremor.training.sources import recorded_sources
from xtremor.training.token_cache import keeping_tokens
from xtremor.wording import number_of

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import nn

    from xtremor.alignment.evaluated import Aligned, Alignment
    from xtremor.evaluation.embedder import Embedder


# Rows that are predicted together: many batches, and little memory whatever the number of rows.
CHUNK = 8192
# Folder within a run for the scores of other weights than those of its last step.
CHECKPOINTS = "checkpoints"
LAST_STEP = Rule()
# Metrics of rankings, which submissions key by the ids of the queries.
KEYED = ("map@20", "mrr@20")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is scored.

    Attributes:
        split: of the task; None is the card's first.
        languages: codes, or None for every language of the task.
        limit: first rows of each language, the same ones for every model; None is all.
        max_length: longest input in tokens.
        embedding: in retrieval, how vectors are made.
    """

    split: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    max_length: int = 128
    embedding: Embedding = field(default_factory=Embedding)

    def selection(self) -> dict[str, Any]:
        """What a score file must record to tell whether it answers these settings."""
        return {"split": self.split, "languages": self.languages and list(self.languages), "limit": self.limit}

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit must be at least 1, not {self.limit}")


def read_examples(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, dict[str, list[Any]]]:
    """The split's name and the rows to score, by language.

    Raises:
        UserError: a split or a language that the task lacks, a file that is missing, rows without labels.
    """
    split, chosen = chosen_languages(card, source, settings)
    return split, {language: source.examples(split, language)[: settings.limit] for language in chosen}


def count_examples(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, dict[str, int]]:
    """The split's name and the number of rows to score by language; every file is read and checked, and let go again.

    Raises:
        UserError: as `read_examples`.
    """
    split, chosen = chosen_languages(card, source, settings)
    return split, {language: len(source.examples(split, language)[: settings.limit]) for language in chosen}


def chosen_languages(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, list[str]]:
    """The split's name and the languages to score; raises UserError as `read_examples`, but for what the files hold."""
    split = settings.split or card.splits[0]
    if split not in card.splits:
        raise unknown("split", split, card.splits)
    known = card.languages or tuple(source.languages(split))
    for language in settings.languages or ():
        if language not in known:
            own = isinstance(source, OwnSource)
            hint = "--data names no file of it" if own else f"`xtremor languages --task {card.name}` lists them"
            raise unknown(f"language of {card.name}", language, known, hint)
    chosen = settings.languages or known
    if not chosen:
        first = source.files.examples[0] if isinstance(source, OwnSource) else "sw.csv"
        raise UserError(
            f"there is nothing to score: name labelled files of {card.name} with --data, a folder of files such as "
            f"{first}, or {first},de=german{Path(first).suffix}"
        )
    missing = [language for language in chosen if language not in source.languages(split)]
    if missing and settings.languages is None and len(missing) < len(chosen):
        present = ",".join(language for language in chosen if language not in missing)
        raise UserError(
            f"{card.name} {split}: the data lacks {', '.join(missing)}; add the files, or score the others with "
            f"--languages {present}"
        )
    return split, list(chosen)


def evaluate(
    model: nn.Module,
    tokenizer: Any,
    labels: Sequence[str],
    card: TaskCard,
    source: Source,
    settings: EvaluationSettings,
    device: torch.device,
    found: Parts,
    aligned: Aligned | None = None,
) -> str:
    """Predict every row of every language into ``found``; return the split's name.

    Languages make one stream, of which no more than `CHUNK` rows and the language that is being read are in memory.
    Where they are ``aligned``, the rows of each are passed apart, through its own map.
    """
    if card.category == "retrieval":
        from xtremor.evaluation.embedder import Embedder

        split, examples = read_examples(card, source, settings)
        mappings = {} if aligned is None else aligned.mappings
        embedder = Embedder(model, tokenizer, device, settings.embedding, settings.max_length, mappings)
        with keeping_tokens():
            found.add(rank_examples(embedder, card, source, split, examples)[0])
        return split
    kind = category(card.category)
    split, counts = count_examples(card, source, settings)
    with (
        Progress(f"scoring {card.name} in {number_of(len(counts), 'languages')}", sum(counts.values())) as progress,
        keeping_tokens(),
    ):
        for rows in _stream(source, split, counts, apart=aligned is not None):

            def advance(share: float, rows: int = len(rows)) -> None:
                progress.advance(share * rows)

            with nullcontext() if aligned is None else aligned.over(model, rows[0].language):
                found.add(kind.predict(model, tokenizer, rows, labels, settings.max_length, device, advance))
    return split


def _stream(source: Source, split: str, counts: Mapping[str, int], apart: bool = False) -> Iterator[list[Any]]:
    """The first ``counts`` rows of every language, one after the other, in chunks whatever their language, or
    ``apart`` for each language."""
    waiting: list[Any] = []
    for language, count in counts.items():
        rows = source.examples(split, language)[:count]
        at = 0
        while len(waiting) + len(rows) - at >= CHUNK:
            end = at + CHUNK - len(waiting)
            yield waiting + rows[at:end]
            at, waiting = end, []
        waiting += rows[at:]
        if apart and waiting:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def rank_examples(
    embedder: Embedder, card: TaskCard, source: Source, split: str, examples: dict[str, list[Any]]
) -> tuple[pl.DataFrame, dict[str, float]]:
    """`evaluation.ranking.predict_retrieval` with its progress shown."""
    from xtremor.evaluation.ranking import predict_retrieval

    with Progress(
        f"ranking {card.name} in {number_of(len(examples), 'languages')}", sum(map(len, examples.values()))
    ) as progress:
        return predict_retrieval(embedder, card, source, split, examples, progress.advance)


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
    if "checkpoint" in (facts or {}):
        made["checkpoint"] = dict(facts or {})["checkpoint"]
    scores = {**scores_from_parts(table, card, split, strata_of, sources), **made}
    # A centroid's cosines are no logits.
    if card.category in ("classification", "choice") and record["method"]["name"] != "centroid":
        scores["calibration"] = {code: cell for part in table.languages() for code, cell in calibration(part).items()}
    scores |= {
        **(facts or {}),
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
        scores = _write_both(folder, table, split, settings, card, record, seconds, source, labels, facts)
    finally:
        folder.release()
    say(summary(scores))
    return scores


def _write_both(folder: RunFolder, table: Any, split: str, *rest: Any) -> dict[str, Any]:
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


def evaluate_run(
    run: Path,
    source: Source,
    card: TaskCard,
    settings: EvaluationSettings,
    threads: int | None = None,
    output: Path | None = None,
    alignment: Alignment | None = None,
    rule: Rule = LAST_STEP,
) -> dict[str, Any]:
    """Load ``RUN/model`` with transformers, score it, write the results and return the scores.

    Args:
        run: the run folder.
        source: rows of the task.
        card: of the task; another one than the run's where its head can answer it.
        settings: what is scored.
        threads: for the CPU; None leaves torch's choice.
        output: a folder for the results; None is the run folder, and of another rule than the last step one within it.
        alignment: turn the hidden states of other languages into English first; ``output`` is then needed.
        rule: which weights of the run are scored.

    Raises:
        UserError: no model, no snapshots where the rule needs them, a task that it cannot answer, bad data, or an
            output that holds something else.
    """
    import torch

    computing.prepare(threads)
    folder = RunFolder(run)
    record = folder.read_record()
    check_model(folder)
    check_task(run, record, card, output)
    settings = replace(settings, embedding=Embedding.recorded(record["training"]) or settings.embedding)
    if alignment is not None and rule.name != LAST:
        raise UserError(
            f"the checkpoint rule {rule.label} and a rotation of hidden states were never tried together; leave one out"
        )
    chosen = choose(folder, record, rule)
    if output is None and rule.name != LAST:
        output = folder.path / CHECKPOINTS / rule.label
    target = folder if output is None else RunFolder(output)
    claimed = {} if output is None else identity_apart(folder, card, selection(settings, source), chosen)
    claimed |= {} if alignment is None else {"alignment": alignment.identity()}
    if output is not None:
        target.check(claimed)
        if evaluated(target, settings, source):
            sweep(output)
            say(f"{output}: already scored")
            return read_json(target.scores)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer, labels = load_run(run, card, source, device)
    started = time.monotonic()
    aligned, root = None, root_name(record, record["training"]["encoder"])
    facts: dict[str, Any] = {"checkpoint": chosen.facts()}
    apart = record if output is None else record_apart(run, record, card, chosen)
    if alignment is not None:
        from xtremor.alignment.evaluated import align_model
        from xtremor.alignment.records import enter

        aligned = align_model(alignment, model, tokenizer, card, source, settings, root)
        apart, facts = enter(apart, aligned, root), {**facts, "alignment": aligned.record}

    def score(into: Parts) -> str:
        return evaluate(model, tokenizer, labels, card, source, settings, device, into, aligned)

    try:
        with parts() as found:
            if rule.upper_bound:
                # Now, because snapshots that have been scored are kept there.
                target.claim(claimed)
                split, best = score_oracle(chosen, model, card, target.path, found, score)
                facts["checkpoint"]["by_language"] = best
            else:
                if chosen.updates:
                    chosen.snapshots.put(chosen.updates, model)
                split = score(found)
                if output is not None:
                    target.claim(claimed)
            rest = (settings, card, apart, time.monotonic() - started, source, labels, facts)
            write = write_evaluation if output is None else _write_both
            scores = write(target, found, split, *rest)
        sweep(target.path)
    finally:
        target.release()
    say(summary(scores))
    return scores


def selection(settings: EvaluationSettings, source: Source) -> dict[str, Any]:
    """What was scored: the settings, which files where the user chose them, and whether in the generalized setting."""
    chosen = settings.selection()
    if isinstance(source, OwnSource):
        chosen["files"] = source.scored_files()
    if isinstance(source, GeneralizedSource):
        chosen["generalized"] = True
    if getattr(source, "upstream_question", False):
        chosen["upstream_question"] = True
    return chosen


def evaluated(folder: RunFolder, settings: EvaluationSettings, source: Source) -> bool:
    """Whether the run's score file answers these settings on these files."""
    return folder.scores.exists() and read_json(folder.scores).get("selection") == selection(settings, source)


def summary(scores: dict[str, Any]) -> str:
    """One line: the averages of a score file."""
    rule = scores.get("checkpoint") or {}
    parts = [f"{scores['average']:.2f} on average over {number_of(len(scores['languages']), 'languages')}"]
    if scores.get("average_without_english") is not None:
        left_out = ", ".join(["English", *scores.get("trained_on", ())])
        parts.append(f"{scores['average_without_english']:.2f} without {left_out}")
    told = "" if rule.get("rule", LAST) == LAST else f", {rule['rule']}"
    told += " (an upper bound, chosen on the scored rows themselves)" if rule.get("upper_bound") else ""
    return f"{scores['task']} {scores['split']}{told}, {scores['metric']}: {', '.join(parts)}"
