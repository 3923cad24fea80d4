"""The objective of fine-tuning on translations against one written by hand, in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from helpers.tiny import make_model, make_tokenizer

from xtremor.alignment.objective import Anchor, PairFeatures, Realignment, measured, pair_features
from xtremor.alignment.words import kept_of, place_words, points_of, subwords_of
from xtremor.training.ragged import Ragged, padded_view

ENGLISH = [[2, 9, 12, 30, 3], [2, 8, 3], [2, 40, 41, 42, 43, 44, 3]]
OTHER = [[2, 50, 51, 3], [2, 20, 21, 22, 23, 3], [2, 11, 3]]
LINKS = [[(0, 0), (3, 1), (1, 2)], [(1, 4)], [(0, 0), (5, 1), (6, 2), (2, 1)]]
HELD = [[0, 1, 2, 3, 4], [1], [0, 5, 6]]


def features(pooling: str | None) -> PairFeatures:
    sides = [Ragged.from_rows(rows, [[0] * len(row) for row in rows]) for rows in (ENGLISH, OTHER)]
    if pooling is not None:
        return pair_features(*sides, 0, pooling)
    points, held = [np.array(each) for each in LINKS], [np.array(each) for each in HELD]
    return pair_features(*sides, 0, None, points, held)


def model_and_anchor() -> tuple[torch.nn.Module, torch.nn.Module, Anchor]:
    """A model that was moved since, and what it was."""
    model = make_model("AutoModel").double().eval()
    was = copy.deepcopy(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    tokens = np.array([each for rows in (ENGLISH, OTHER) for row in rows for each in row])
    return model, was, Anchor(copy.deepcopy(was), tokens, 0, torch.device("cpu"))


def by_hand(model: torch.nn.Module, was: torch.nn.Module, units: list[int], pooling: str | None, weight: float):
    """Sentence by sentence, without padding, batches or anything of this package."""
    total, pairs = torch.zeros((), dtype=torch.float64), 0
    for unit in units:
        one, two, before = (
            each(input_ids=torch.tensor([ids])).last_hidden_state[0]
            for each, ids in ((model, ENGLISH[unit]), (model, OTHER[unit]), (was, ENGLISH[unit]))
        )
        if pooling is None:
            total = total + sum(((one[i] - two[j]) ** 2).sum() for i, j in LINKS[unit])
            total = total + weight * sum(((one[i] - before[i].detach()) ** 2).sum() for i in HELD[unit])
            pairs += len(LINKS[unit])
        else:
            one, two, before = ((each.mean(0) if pooling == "mean" else each[0]) for each in (one, two, before))
            total = total + ((one - two) ** 2).sum() + weight * ((one - before.detach()) ** 2).sum()
            pairs += 1
    return total / pairs


@pytest.mark.parametrize("pooling", ["mean", "cls", None])
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_loss_and_gradient(pooling: str | None, weight: float) -> None:
    model, was, anchor = model_and_anchor()
    found, units = features(pooling), np.array([2, 0, 1])
    objective = Realignment(found, anchor, weight)
    view = padded_view(found.rows.take(found.rows_of(units)), 0, torch.device("cpu"))
    loss = objective.loss(model(**view.inputs), torch.from_numpy(found.targets_of(units)))
    loss.backward()
    expected = by_hand(other := copy.deepcopy(model), was, units.tolist(), pooling, weight)
    other.zero_grad()
    expected.backward()
    assert loss.dtype == torch.float64 and loss.item() == pytest.approx(expected.item(), rel=1e-12)
    for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True):
        if two.grad is not None:
            assert torch.allclose(one.grad, two.grad, atol=1e-10), name
    # Nothing of what it was is trained.
    assert all(not each.requires_grad and each.grad is None for each in anchor.model.parameters())


@pytest.mark.parametrize("pooling", ["mean", None])
def test_parts_of_a_batch_add_up_to_the_whole(pooling: str | None) -> None:
    """By the pairs of vectors, which is what an update's parts are weighed by."""
    model, _, anchor = model_and_anchor()
    found = features(pooling)
    objective, weights = Realignment(found, anchor), found.weights

    def loss(units: list[int]) -> float:
        view = padded_view(found.rows.take(found.rows_of(np.array(units))), 0, torch.device("cpu"))
        return objective.loss(model(**view.inputs), torch.tensor(units)).item()

    whole = sum(loss(part) * weights[part].sum() for part in ([0], [1, 2])) / weights.sum()
    assert loss([0, 1, 2]) == pytest.approx(whole, rel=1e-12)
    assert weights.tolist() == ([1, 1, 1] if pooling else [3, 1, 4])


def test_an_encoder_that_has_not_moved_is_held_by_nothing() -> None:
    model, was, anchor = model_and_anchor()
    units = np.arange(3)
    same = measured(was, Realignment(features(None), anchor), units)
    assert same["moved"] == pytest.approx(0, abs=1e-20) and same["apart"] > 0
    assert measured(model, Realignment(features(None), anchor), units)["moved"] > 1e-4


def test_what_is_aligned_is_part_of_the_digest() -> None:
    from xtremor.training.prepare import features_digest

    sides = [Ragged.from_rows(rows) for rows in (ENGLISH, OTHER)]
    held = [np.array(each) for each in HELD]
    other = [np.array(each) for each in ([(0, 0), (3, 1), (1, 1)], *LINKS[1:])]
    made = [
        pair_features(*sides, 0, None, [np.array(each) for each in LINKS], held),
        pair_features(*sides, 0, None, other, held),
    ]
    assert features_digest(made[0]) != features_digest(made[1])


def test_words_are_where_their_last_tokens_are() -> None:
    """By the tokenizer itself; words of several tokens, and one that is cut off with its links."""
    tokenizer = make_tokenizer()
    subwords = subwords_of(tokenizer)
    english, other = place_words(["ba,de fo!", "ku"], subwords, 32)
    assert tokenizer.convert_ids_to_tokens(english.ids)[0] == "[CLS]"
    assert english.ids == tokenizer("ba,de fo!")["input_ids"] and english.places == [3, 5]
    assert points_of(english, other, [(1, 0)]).tolist() == [[5, 1], [0, 0], [6, 2]]
    assert kept_of(english).tolist() == [0, 3, 5, 6]
    # The second word does not fit any more.
    (short,) = place_words(["ba,de fo!"], subwords, 6)
    assert short.places == [3] and len(short.ids) == 5
    assert points_of(short, other, [(1, 0)]).shape == (0, 2)
    assert points_of(short, other, [(1, 0), (0, 0)]).tolist() == [[3, 1], [0, 0], [4, 2]]
