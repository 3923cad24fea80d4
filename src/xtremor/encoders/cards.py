"""The encoders that are known by name, with the facts that bear on a zero-shot claim."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xtremor.encoders import hub, starter
from xtremor.encoders.checkpoint import is_complete


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """The facts about an encoder.

    Attributes:
        name: as typed on the command line; the hub id works too.
        hub: repository on the Hugging Face hub, or None.
        layers: number of transformer layers.
        hidden: width of the hidden states.
        parameters: in millions, embeddings included.
        languages: how many languages it was pretrained on.
        exposure: what it saw in training that qualifies a zero-shot claim.
        licence: of the weights.
        available: whether it can be loaded without a network, as found when the card was listed.
        prefixes: what it was trained to read before a query and before a passage; empty where nothing.
        translations: whether it saw translation pairs in training; None where we do not know.
    """

    name: str
    hub: str | None
    layers: int
    hidden: int
    parameters: int
    languages: str
    exposure: str
    licence: str
    available: bool = False
    prefixes: tuple[str, str] = ("", "")
    translations: bool | None = None


_NOT_ZERO_SHOT = "XNLI, question answering and retrieval are not strictly zero-shot"
_E5 = f"contrastive training on translation pairs, NLI, SQuAD, Mr. TyDi and MIRACL among others: {_NOT_ZERO_SHOT}"
_PREFIXES = ("query: ", "passage: ")
_CC100 = "masked words of CC-100 web text only: no task labels, no translation pairs"

CARDS: tuple[EncoderCard, ...] = (
    EncoderCard(
        "starter", None, 12, 384, 118, "about 100", f"{starter.WHAT}: {_NOT_ZERO_SHOT}", "MIT", prefixes=_PREFIXES,
        translations=True,
    ),
    EncoderCard(
        "mbert", "google-bert/bert-base-multilingual-cased", 12, 768, 178, "104",
        "masked words and next sentences of Wikipedia, from which PAN-X, XQuAD, MLQA and TyDi QA draw their text; "
        "no task labels", "Apache-2.0", translations=False,
    ),
    EncoderCard("xlm-r-base", "FacebookAI/xlm-roberta-base", 12, 768, 278, "100", _CC100, "MIT", translations=False),
    EncoderCard("xlm-r-large", "FacebookAI/xlm-roberta-large", 24, 1024, 560, "100", _CC100, "MIT", translations=False),
    EncoderCard(
        "e5-small", "intfloat/multilingual-e5-small", 12, 384, 118, "about 100", _E5, "MIT", False, _PREFIXES, True
    ),
    EncoderCard(
        "e5-base", "intfloat/multilingual-e5-base", 12, 768, 278, "about 100", _E5, "MIT", False, _PREFIXES, True
    ),
    EncoderCard(
        "e5-large", "intfloat/multilingual-e5-large", 24, 1024, 560, "about 100", _E5, "MIT", False, _PREFIXES, True
    ),
    EncoderCard(
        "mdeberta", "microsoft/mdeberta-v3-base", 12, 768, 278, "100",
        "replaced tokens in CC-100 web text only: no task labels, no translation pairs", "MIT", translations=False,
    ),
    EncoderCard(
        "mmbert", "jhu-clsp/mmBERT-base", 22, 768, 307, "1833",
        "web text, Wikipedia, code and about 1 % instruction data made from labelled English tasks (Tulu Flan), "
        "NLI among them: English task labels were seen", "MIT",
    ),
    EncoderCard(
        "glot500", "cis-lmu/glot500-base", 12, 768, 395, "511",
        "masked words of text in 511 languages, continued from XLM-R base: no task labels",
        "Apache-2.0",
    ),
    EncoderCard(
        "eurobert", "EuroBERT/EuroBERT-210m", 12, 768, 212, "15",
        "web text, code and mathematics in 15 languages, with translation pairs: retrieval is not strictly zero-shot",
        "Apache-2.0", translations=True,
    ),
)  # fmt: skip


def known_encoders() -> list[EncoderCard]:
    """The cards, each saying whether the encoder can be loaded without a network. Imports no torch."""
    return [replace(card, available=_available(card)) for card in CARDS]


def known_card(name: str) -> EncoderCard | None:
    """The card of a known name, of a hub repository or of the last part of its id; None for others."""
    for card in CARDS:
        if name == card.name or (card.hub is not None and name in (card.hub, card.hub.rsplit("/", 1)[-1])):
            return card
    return None


def hub_id(name: str) -> str | None:
    """The hub repository of a known name, or of the last part of a known repository's id; None for others."""
    for card in CARDS:
        if card.hub is not None and name in (card.name, card.hub.rsplit("/", 1)[-1]):
            return card.hub
    return None


def _available(card: EncoderCard) -> bool:
    if card.hub is None:
        return starter.is_complete(starter.target_folder())
    folder = hub.cached_snapshot(card.hub)
    return folder is not None and is_complete(folder)
