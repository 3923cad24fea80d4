"""When a run is said to have learnt nothing, or hardly anything."""

from __future__ import annotations

import math

import pytest

from xtremor.training.learning import doubts, unlearnt

GUESS = math.log(3)


def dev(score: float, largest: float = 100 / 3, items: int = 1000) -> dict[str, float]:
    return {"score": score, "largest_class": largest, "items": items}


@pytest.mark.parametrize(
    ("loss", "found", "said"),
    [
        (0.80, dev(57.3), []),
        (0.80, None, []),
        (1.09, None, ["its training loss ended at 1.090, guessing gives 1.099"]),
        (0.80, dev(34.0), ["accuracy 34.0 on 1,000 rows, always answering the largest class gives 33.3"]),
        (1.02, dev(40.0), ["hardly learned: English dev accuracy is 40.0"]),
        (1.09, dev(33.0), ["its training loss ended", "did not learn"]),
        # In a sweep on intents: pgd with a radius ten times too large.
        (2.82, dev(7.0, 3.7, 300), ["hardly learned"]),
        (2.43, dev(13.7, 3.7, 300), ["hardly learned"]),
        (1.45, dev(40.7, 3.7, 300), []),
    ],
)
def test_doubts(loss: float, found: dict[str, float] | None, said: list[str]) -> None:
    sentences = doubts(loss, GUESS if found is None or found["items"] == 1000 else 3.33, found)
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_few_dev_rows_are_no_proof() -> None:
    assert "as far as English dev can tell" in doubts(0.8, GUESS, dev(45.0, items=20))[0]
    assert not doubts(0.8, GUESS, dev(60.0, items=20))


def test_a_radius_is_blamed_only_where_there_is_one() -> None:
    assert "--radius" not in doubts(GUESS, GUESS, dev(40.0))[0]
    assert all("a smaller --radius" in each for each in doubts(GUESS, GUESS, None, perturbs=True))


def test_other_warnings_of_a_record_are_not_taken_for_doubts() -> None:
    others = ["the discriminator gave the encoder nothing to learn from; try a larger --adversary-rate", "ties"]
    for dev_score in (34.0, 40.0):
        (sentence,) = doubts(0.8, GUESS, dev(dev_score))
        assert unlearnt([*others, f"slots: {sentence}"]) == f"slots: {sentence}"
    assert unlearnt(others) is None and unlearnt(None) is None
