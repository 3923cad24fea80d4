"""What a run states about its discriminator of languages. Imports no torch."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, unknown

GRAPHS = ("clique", "clusters", "graph", "permuted")
GAMES = ("neighbours", "links")
SCHEDULES = ("ramp", "constant")
DISTANCES = ("kinship", "uriel", "syntax", "phonology", "inventory", "family", "geography", "encoder")
# Steepness of the ramp of Ganin et al. 2016, section 5.2.2.
STEEPNESS = 10.0


@dataclass(frozen=True)
class AdversarySettings:
    """A discriminator of languages, and how hard the encoder fights it.

    Attributes:
        graph: which languages are to become alike: ``clique`` (all), ``clusters`` (those of a cluster), ``graph``
            (neighbours in ``edges``), or ``permuted``, the control: the clusters or ``edges`` with languages
            exchanged at random.
        game: ``neighbours`` or ``links``, see `xtremor.training.adversary.games`.
        weight: lambda, of the reversed gradient; the target of a ramp.
        schedule: ``ramp`` (0 at first, Ganin et al. 2016) or ``constant``.
        rate: learning rate of the discriminator's own AdamW.
        hidden: width of its hidden layer.
        layer: whose hidden states it is shown, from 1; None is the last hidden states.
        distance: that languages are clustered by.
        clusters: how many; None is the rounded square root of the languages, at least 2.
        edges: a file of edges.
        permutation: seed of the permutation; the same for all seeds of a run.
    """

    graph: str
    game: str = "neighbours"
    weight: float = 0.1
    schedule: str = "ramp"
    rate: float = 1e-3
    hidden: int = 256
    layer: int | None = None
    distance: str = "kinship"
    clusters: int | None = None
    edges: str | None = None
    permutation: int = 0

    def __post_init__(self) -> None:
        for option, value, known in (
            ("--language-adversary", self.graph, GRAPHS),
            ("--adversary-game", self.game, GAMES),
            ("--adversary-schedule", self.schedule, SCHEDULES),
            ("--adversary-distance", self.distance, DISTANCES),
        ):
            if value not in known:
                raise UserError(f"{option}: {unknown('value', value, known)}")
        if not 0 <= self.weight < math.inf:
            raise UserError(f"--adversary-weight must be a number of at least 0, not {self.weight}")
        if not 0 < self.rate < math.inf:
            raise UserError(f"--adversary-rate must be a number greater than 0, not {self.rate}")
        for option, number, least in (
            ("--adversary-hidden", self.hidden, 1),
            ("--adversary-layer", self.layer, 1),
            ("--adversary-clusters", self.clusters, 2),
            ("--adversary-permutation", self.permutation, 0),
        ):
            if number is not None and number < least:
                raise UserError(f"{option} must be at least {least}, not {number}")
        self._check_graph()

    def _check_graph(self) -> None:
        if self.graph == "graph" and self.edges is None:
            raise UserError("--language-adversary graph needs a file of edges; name it with --adversary-graph")
        if self.edges is not None and self.graph not in ("graph", "permuted"):
            raise UserError(
                f"--adversary-graph is a graph of your own, and --language-adversary {self.graph} has another; name "
                "--language-adversary graph (or permuted), or leave the file out"
            )
        clustered = self.graph in ("clusters", "permuted") and self.edges is None
        for option, stated in (
            ("--adversary-distance", self.distance != "kinship"),
            ("--adversary-clusters", self.clusters is not None),
        ):
            if stated and not clustered:
                raise UserError(f"{option} is about clusters, which this graph is not made of; leave it out")
        if self.permutation and self.graph != "permuted":
            raise UserError("--adversary-permutation is about --language-adversary permuted; leave it out")

    @property
    def label(self) -> str:
        """Part of an arm's label: ``ladv-clique``, ``ladv-clusters-uriel-k3-w0.3``."""
        parts = ["ladv", self.graph]
        if self.edges is not None:
            told = hashlib.sha256(self.edges.encode()).hexdigest()[:4]
            parts.append(f"{Path(self.edges).name.split('.')[0]}-{told}")
        parts += [] if self.distance == "kinship" else [self.distance]
        parts += [] if self.clusters is None else [f"k{self.clusters}"]
        parts += [f"p{self.permutation}"] if self.permutation else []
        parts += [] if self.game == "neighbours" else [self.game]
        parts += [] if self.weight == 0.1 else [f"w{self.weight:g}"]
        parts += [] if self.schedule == "ramp" else [self.schedule]
        parts += [] if self.rate == 1e-3 else [f"rate{self.rate:g}"]
        parts += [] if self.hidden == 256 else [f"hidden{self.hidden}"]
        parts += [] if self.layer is None else [f"layer{self.layer}"]
        return "-".join(parts)

    def weight_at(self, update: int, updates: int) -> float:
        """Lambda at a 0-based update of a schedule: w, or w (2 / (1 + exp(-10 p)) - 1) at the share p that is done."""
        if self.schedule == "constant":
            return self.weight
        return self.weight * (2 / (1 + math.exp(-STEEPNESS * update / max(1, updates))) - 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
