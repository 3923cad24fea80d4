"""Whether a run learnt anything: English dev at its end, and the warnings that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from xtremor.sources.base import Source
    from xtremor.training.config import TrainSettings
    from xtremor.training.prepare import Prepared

# English dev rows that the end of a run is checked on; never used to choose anything.
DEV_ROWS = 1000
# A trained loss above this share of the loss of guessing says that nothing was learnt.
NOT_LEARNING = 0.97
# Share of the way from a constant answer to 100 percent: in a sweep, runs below it were lost in every language.
HARDLY_LEARNING = 0.15
# How the sentences of `doubts` begin; `unlearnt` knows them by it among other warnings of a record.
NOT_LEARNT, HARDLY_LEARNT = "the run did not learn", "the run hardly learned"


def english_dev(settings: TrainSettings, prepared: Prepared, source: Source, model: nn.Module) -> dict[str, Any] | None:
    """The task's official figure on English dev (its first rows) beside what needs no model; None without a dev set.

    Returns:
        {"score", "items", "largest_class"} where the figure is accuracy, else {"score", "items", "metric", "floor"}:
        the score of the best constant answer.
    """
    from xtremor.scoring.predictions import decoded
    from xtremor.scoring.registry import scorer
    from xtremor.training.token_cache import keeping_tokens

    # Dev queries of retrieval are ranked against all candidates, a million in Mewsli-X: an evaluation of its own.
    if prepared.card.category == "retrieval" or not has_english_dev(source):
        return None
    examples = source.examples("dev", "en")[:DEV_ROWS]
    kind, metric = prepared.category, prepared.card.metric
    device = next(model.parameters()).device
    with keeping_tokens():
        table = kind.predict(model, prepared.tokenizer, examples, prepared.labels, settings.max_length, device)
    gold, predicted = decoded(table, metric)
    official = scorer(metric, "en")

    def score(answers: list[Any]) -> float:
        return official.score(gold, answers)[official.values[0]]

    floor = max((score(each) for each in kind.constants(gold)), default=0.0)
    found = {"score": score(predicted), "items": len(examples)}
    if metric == "accuracy":
        return {**found, "largest_class": floor}
    return {**found, "metric": metric, "floor": floor}


def has_english_dev(source: Source) -> bool:
    """Whether a run can be checked on English dev; tasks that score no English may have one all the same."""
    from xtremor.sources.official.folder import OfficialSource

    return "en" in source.languages("dev") or (isinstance(source, OfficialSource) and source.holds("dev", "en"))


def dev_sentence(dev: dict[str, Any]) -> str:
    """``English dev accuracy 81.20 (1000 rows)``."""
    return f"English dev {dev.get('metric', 'accuracy')} {dev['score']:.2f} ({dev['items']} rows)"


def doubts(
    loss: float,
    guess: float,
    dev: dict[str, Any] | None,
    constant: str = "always answering the largest class",
    perturbs: bool = False,
) -> list[str]:
    """Sentences for a run whose loss stayed at guessing, or whose English dev stayed at or near a constant answer's.

    Args:
        loss: mean training loss at the end of the run.
        guess: loss of the best constant answer.
        dev: as `english_dev` returns it.
        constant: the best constant answer in words.
        perturbs: whether the method has a radius that could be too large.
    """
    found, advice = [], f"{'a smaller --radius or ' if perturbs else ''}another --learning-rate"
    if loss > NOT_LEARNING * guess:
        found.append(f"{NOT_LEARNT}: its training loss ended at {loss:.3f}, guessing gives {guess:.3f}; try {advice}")
    if dev is None:
        return found
    metric, score = dev.get("metric", "accuracy"), dev["score"]
    floor = dev["floor"] if "floor" in dev else dev["largest_class"]
    error = 100 * (floor / 100 * (1 - floor / 100) / dev["items"]) ** 0.5
    # A floor of 0 has no error: where nothing is right, nothing was learnt.
    if score < floor + 2 * error or score == 0:
        found.append(
            f"{NOT_LEARNT}, as far as English dev can tell: {metric} {score:.1f} on {dev['items']:,} rows, "
            f"{constant} gives {floor:.1f}"
        )
    elif score < floor + HARDLY_LEARNING * (100 - floor):
        found.append(
            f"{HARDLY_LEARNT}: English dev {metric} is {score:.1f}, {constant} gives "
            f"{floor:.1f}; try more training or {advice}"
        )
    return found


def unlearnt(warnings: Sequence[str] | None) -> str | None:
    """The first of a record's warnings that is of `doubts`; None without one."""
    return next((each for each in warnings or () if NOT_LEARNT in each or HARDLY_LEARNT in each), None)
