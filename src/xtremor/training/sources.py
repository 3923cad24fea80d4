"""The rows that a run is trained on: English ones, or those of several source languages at an equal total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError
from xtremor.languages import lookup
from xtremor.sources.base import RetrievalSource, Source, training_examples

if TYPE_CHECKING:
    from xtremor.training.config import TrainSettings


def source_codes(text: str) -> tuple[str, ...]:
    """``de, fr`` -> the codes, in alphabetical order: another order is no other run.

    Raises:
        UserError: there is none, one is repeated or unknown.
    """
    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes:
        raise UserError("--sources names no language; write codes between commas, for example de,fr")
    for place, code in enumerate(codes):
        lookup(code)
        if code in codes[:place]:
            raise UserError(f"--sources: {code} is named more than once")
    return tuple(sorted(codes))


def recorded_sources(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Languages whose labels a run was trained on, from ``run.json``: no zero-shot average counts them."""
    return tuple((record.get("training") or {}).get("sources") or ("en",))


def training_rows(source: Source, settings: TrainSettings) -> list[Any]:
    """English rows as drawn by ``train_rows`` and ``rows_seed``; of several sources ``train_rows`` in all, each an
    equal share (the first ones a row more where it does not divide), one source after the other.

    Raises:
        UserError: as `sources.base.training_examples`; a source without a training set, or with fewer rows than its
            share; retrieval.
    """
    if settings.sources is None:
        return draw(training_examples(source), settings.train_rows, settings.rows_seed)
    if isinstance(source, RetrievalSource):
        raise UserError("--sources is not for retrieval, whose training set is English; leave it out")
    found = {code: source.examples("train", code) for code in settings.sources}
    total = settings.train_rows or len(found) * min(map(len, found.values()))
    each, over = divmod(total, len(found))
    rows = []
    for place, (code, examples) in enumerate(found.items()):
        share = each + (place < over)
        if share == 0 or len(examples) < share:
            raise UserError(
                f"{code} has {len(examples):,} training rows and its share of {total:,} is {share:,}; name another "
                f"--train-rows (at most {len(found) * min(map(len, found.values())):,}), or other --sources"
            )
        rows += draw(examples, share, settings.rows_seed)
    return rows


def draw(examples: Sequence[Any], rows: int | None, seed: int) -> list[Any]:
    """``rows`` of the examples without replacement, in file order; all when there are not more than that."""
    if rows is None or rows >= len(examples):
        return list(examples)
    chosen = np.random.default_rng([seed, 0xD4A7]).choice(len(examples), rows, replace=False)
    return [examples[index] for index in sorted(chosen)]
