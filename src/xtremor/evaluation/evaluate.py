"""Score a trained model in every language of its task and keep the predictions item by item."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor import computing
from xtremor.console import Progress, say
from xtremor.errors import UserError
from xtremor.evaluation.apart import check_task, identity_apart, record_apart
from xtremor.evaluation.checkpoints import choose, score_oracle, sweep
from xtremor.evaluation.loaded import check_model, load_run
from xtremor.evaluation.rules import LAST, Rule
from xtremor.evaluation.selection import (
    EvaluationSettings,
    count_examples,
    evaluated,
    read_examples,
    selection,
)
from xtremor.evaluation.writing import summary, write_both, write_evaluation
from xtremor.languages import counted
from xtremor.scoring.parts import Parts, parts
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.tasks.category import category
from xtremor.tasks.embedding import Embedding
from xtremor.training.folder import RunFolder, read_json
from xtremor.training.lineage import root_name
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
        with keeping_tokens(), computing.reduced(settings.precision, device):
            found.add(rank_examples(embedder, card, source, split, examples)[0])
        return split
    kind = category(card.category)
    split, counts = count_examples(card, source, settings)
    with (
        Progress(f"scoring {card.name} in {counted(counts)}", sum(counts.values())) as progress,
        keeping_tokens(),
        computing.reduced(settings.precision, device),
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
    computing.note_precision(settings.precision, device)
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
            write = write_evaluation if output is None else write_both
            scores = write(target, found, split, *rest)
        sweep(target.path)
    finally:
        target.release()
    say(summary(scores))
    return scores
