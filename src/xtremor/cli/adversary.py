"""Options of language-adversarial training, spread into flags by cyclopts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.training.adversary.settings import AdversarySettings

ADVERSARY = Group("Language adversary", sort_key=2)
OFF = "none"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AdversaryOptions:
    """A discriminator of languages that the encoder learns to defeat, on unlabelled text of several languages."""

    language_adversary: Annotated[
        str | None,
        Parameter(
            group=ADVERSARY,
            help="Languages that become alike: clique (all: DANN), clusters (those of a cluster), graph (neighbours in "
            "--adversary-graph), permuted (control: the same with languages exchanged), none. Needs --unlabelled...",
        ),
    ] = None
    adversary_graph: Annotated[
        str | None,
        Parameter(
            group=ADVERSARY, help=".csv of edges (de,nl), or .toml of edges or clusters; languages as of the text."
        ),
    ] = None
    adversary_distance: Annotated[
        str | None,
        Parameter(
            group=ADVERSARY,
            help="Of clusters: kinship (family and script; default), uriel, syntax, phonology, inventory, family, "
            "geography, encoder.",
        ),
    ] = None
    adversary_clusters: Annotated[
        int | None, Parameter(group=ADVERSARY, help="How many (default: the square root of the languages).")
    ] = None
    adversary_permutation: Annotated[
        int | None, Parameter(group=ADVERSARY, help="Seed of permuted, the same for all seeds of a run (default 0).")
    ] = None
    adversary_game: Annotated[
        str | None,
        Parameter(
            group=ADVERSARY,
            help="neighbours (name the language among its neighbours; default) or links (tell linked pairs: GRDA).",
        ),
    ] = None
    adversary_weight: Annotated[
        float | None, Parameter(group=ADVERSARY, help="Lambda, of the reversed gradient (default 0.1).")
    ] = None
    adversary_schedule: Annotated[
        str | None, Parameter(group=ADVERSARY, help="Of lambda: ramp (from 0; default) or constant.")
    ] = None
    adversary_rate: Annotated[
        float | None, Parameter(group=ADVERSARY, help="Learning rate of the discriminator (default 0.001).")
    ] = None
    adversary_hidden: Annotated[
        int | None, Parameter(group=ADVERSARY, help="Width of its hidden layer (default 256).")
    ] = None
    adversary_layer: Annotated[
        int | None, Parameter(group=ADVERSARY, help="Layer whose states it is shown (default: the last hidden states).")
    ] = None

    def adversary(self) -> AdversarySettings | None:
        """What was asked for; None where nothing was.

        Raises:
            UserError: an option without --language-adversary, or a value that cannot be.
        """
        from xtremor.training.adversary.settings import AdversarySettings

        names = {
            "adversary_graph": "edges", "adversary_distance": "distance", "adversary_clusters": "clusters",
            "adversary_permutation": "permutation", "adversary_game": "game", "adversary_weight": "weight",
            "adversary_schedule": "schedule", "adversary_rate": "rate", "adversary_hidden": "hidden",
            "adversary_layer": "layer",
        }  # fmt: skip
        stated = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.language_adversary in (None, OFF):
            for name in stated:
                raise UserError(
                    f"--{name.replace('_', '-')} is about a discriminator of languages; name its graph with "
                    "--language-adversary, or leave it out"
                )
            return None
        return AdversarySettings(str(self.language_adversary), **{names[name]: value for name, value in stated.items()})


def stated_of(options: type, held: object) -> list[str]:
    """Names of the options of a class that are stated in an object that has them."""
    return [each.name for each in fields(options) if getattr(held, each.name) is not None]  # type: ignore[arg-type]
