"""Options of retrieval, which `train` and `baseline` share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.tasks.base import TaskCard
    from xtremor.training.config import TrainSettings

RETRIEVAL = Group("Retrieval", sort_key=5)


@Parameter(name="*", group=RETRIEVAL)
@dataclass(frozen=True)
class PoolingOptions:
    """How the vector of a text is made."""

    pooling: Annotated[
        str | None, Parameter(help="mean (over tokens) or cls (the first token); default mean, or the benchmark's own.")
    ] = None
    prefix_query: Annotated[
        str | None, Parameter(help="Text before every query (default: the encoder's, such as E5's 'query: ').")
    ] = None
    prefix_passage: Annotated[
        str | None, Parameter(help="Text before every candidate (default: the encoder's, such as E5's 'passage: ').")
    ] = None

    def check(self, card: TaskCard, **more: object) -> None:
        """Raise UserError for an option that a task of another category does not read."""
        if card.category == "retrieval":
            return
        named = {**{each.name: getattr(self, each.name) for each in fields(self)}, **more}
        for name, value in named.items():
            if value is not None:
                raise UserError(
                    f"--{name.replace('_', '-')} is about retrieval, and {card.name} is {card.category}; leave it out"
                )

    def applied(self, settings: TrainSettings, card: TaskCard, temperature: float | None) -> TrainSettings:
        """The settings of a run with these in place of the defaults."""
        from dataclasses import replace

        self.check(card, temperature=temperature)
        if settings.embedding is None:
            return settings
        embedding = settings.embedding.changed(self.pooling, self.prefix_query, self.prefix_passage)
        chosen = settings.temperature if temperature is None else temperature
        return replace(settings, embedding=embedding, temperature=chosen)
