"""Items: the answers are those of an evaluation, batches hold everything once, what cannot be attacked is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.attacked import LENGTH, examples, items_of, labels_of, model_of, victim_of
from helpers.tiny import make_tokenizer

from xtremor.errors import UserError
from xtremor.evaluation.attack.categories import check_category
from xtremor.evaluation.attack.conditions import clean
from xtremor.tasks.category import category as category_of
from xtremor.tasks.losses import LOSSES, cross_entropies

pytestmark = pytest.mark.usefixtures("one_thread")
CATEGORIES = ("classification", "choice", "tagging", "spans")


@pytest.mark.parametrize("category", CATEGORIES)
def test_clean_answers_are_those_of_an_evaluation(category: str) -> None:
    items = items_of(category, 20)
    found = clean(victim_of(category, items), items, lambda done: None)
    table = category_of(category).predict(
        model_of(category), make_tokenizer(), examples(category, 20), labels_of(category), LENGTH, torch.device("cpu")
    )
    assert found.answers == table["predicted"].to_list() and items.gold == table["gold"].to_list()
    for kept, logits in zip(found.logits, table["logits"].to_list(), strict=True):
        assert kept.tolist() == pytest.approx(logits, abs=1e-5)


@pytest.mark.parametrize("category", CATEGORIES)
def test_scores_of_items_are_the_scorer_s(category: str) -> None:
    items = items_of(category, 12)
    found = clean(victim_of(category, items), items, lambda done: None)
    weights = [len(example.tokens) for example in items.examples] if category == "tagging" else None
    predicted = [items.decode(answer) for answer in found.answers]
    assert 100 * np.average(found.scores, weights=weights) == pytest.approx(
        items.scorer.score(items.decoded, predicted)[items.figure]
    )


@pytest.mark.parametrize("category", CATEGORIES)
def test_losses_of_items_are_the_mean_loss_apart(category: str) -> None:
    """Each unit's own cross-entropies, weighted by its targets, are the loss that is trained on."""
    items, model = items_of(category, 8), model_of(category)
    batch = items.batch(np.arange(8), torch.device("cpu"))
    outputs = model(**items.category.model_inputs(batch.view.inputs))
    each = items.category.unit_losses(outputs, batch.targets, cross_entropies)
    weights = torch.from_numpy(items.features.weights).float()
    together = items.category.loss(outputs, batch.targets)
    if category == "tagging":
        # A hopeless token counts no more than five; with small logits none is.
        outputs.logits = outputs.logits * 0.1
        each = items.category.unit_losses(outputs, batch.targets, cross_entropies)
        together = items.category.loss(outputs, batch.targets)
    torch.testing.assert_close((each * weights).sum() / weights.sum(), together)


def test_a_margin_is_above_zero_exactly_where_a_target_is_missed() -> None:
    logits, targets = torch.randn(50, 4), torch.randint(4, (50,))
    assert torch.equal(LOSSES["margin"](logits, targets) > 0, logits.argmax(1) != targets)


@pytest.mark.parametrize("category", CATEGORIES)
def test_batches_hold_every_item_once_within_the_budget(category: str) -> None:
    items, budget = items_of(category, 30), 100
    seen = list(items.batches(np.arange(1, 30), budget))
    assert sorted(np.concatenate(seen).tolist()) == list(range(1, 30)) and len(seen) > 3
    for numbers in seen:
        batch = items.batch(numbers, torch.device("cpu"))
        assert len(numbers) == 1 or batch.view.inputs["input_ids"].numel() <= budget
        assert batch.item_of_token.tolist() == sorted(batch.item_of_token.tolist())


def test_a_sentence_without_tokens_has_nothing_to_lose() -> None:
    rows = examples("tagging", 3)
    rows[1] = replace(rows[1], tokens=(), tags=())
    items = items_of("tagging", given=rows)
    found = clean(victim_of("tagging", items), items, lambda done: None)
    assert found.answers[1] == "" and found.scores[1] == 0 and items.tokens_of(1) == 0


@pytest.mark.parametrize("category", CATEGORIES)
def test_rows_without_labels_are_refused(category: str) -> None:
    rows = examples(category, 3)
    field = {"tagging": "tags", "spans": "answers"}.get(category, "label")
    rows[1] = replace(rows[1], **{field: None})
    with pytest.raises(UserError, match=f"{category}-en, line 2 has no gold answer"):
        items_of(category, given=rows)


def test_retrieval_is_refused() -> None:
    with pytest.raises(UserError, match="lareqa is retrieval"):
        check_category(Path("run"), {"task": "lareqa", "category": "retrieval"}, None)
