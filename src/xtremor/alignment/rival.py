"""Whether alignment with translations is a fair rival of training without them, for an encoder."""

from __future__ import annotations

from collections.abc import Sequence

from xtremor.encoders.cards import known_card


def fairness(encoder: str) -> str:
    """One sentence; ``encoder`` is the name of the pretrained encoder that everything began with."""
    card = known_card(encoder)
    if card is None or card.translations is None:
        return (
            f"whether {encoder} saw translation pairs in pretraining is not known here: if it did, alignment is no "
            "fair rival of training without translations"
        )
    if card.translations:
        return (
            f"{card.name} was trained on translation pairs: what alignment adds to it is no measure of what alignment "
            "is worth, and alignment is no fair rival of robust training here"
        )
    return f"{card.name} saw no translation pairs in pretraining: alignment is a fair rival of robust training here"


def is_unfair(encoder: str) -> bool:
    """Whether it is known that the encoder saw translation pairs."""
    card = known_card(encoder)
    return card is not None and card.translations is True


def used(languages: Sequence[str], name: str) -> str:
    """What a reader of the scores must know: text of the target languages was used."""
    return (
        f"parallel text of {', '.join(languages)} ({name}) was used: scores there are zero-shot in the labels, not in "
        "the text, and do not compare with those of runs that saw English alone"
    )
