"""The two games that a discriminator of languages can play against an encoder over a graph of languages.

Notation: N languages with adjacency A (no loops), drawn equally often; p_u(h) the distribution of the pooled hidden
states h of language u, q_u(h) = p_u(h) / sum_v p_v(h) what can be known of the language from h, D the discriminator.
In both games the discriminator descends L(D, E), and the encoder E descends its own loss minus lambda L(D, E).

**neighbours** (`Neighbours`). D gives each language a score z_v(h) and names the language of h among it and its
neighbours, N[u] = {u} and all v with A_uv = 1:

    L = mean over rows of  -log( exp z_u(h) / sum over v in N[u] of exp z_v(h) )

*A clique is DANN.* There N[u] is every language, so that L is, term by term, the cross-entropy of the uniform domain-
adversarial network of Ganin et al. 2016 (arXiv 1505.07818) with N domains; losses and gradients are equal.

*What it asks of the encoder.* Constant scores z are always open to D, so that min over D of L is at most C, what the
best constant scores give, and E reaches C exactly where they are best at every h: where the gradient in z vanishes,
p_v(h) = sum over u with v in N[u] of p_u(h) P_uv for all v, P_uv = exp z_v / sum over w in N[u] of exp z_w. That says
that p_1(h) .. p_N(h) is a left fixed vector of the Markov chain P, whose steps are along edges. Within a connected
component the chain is irreducible and its fixed vector unique up to scale, and summing over h shows which: all equal.
Hence at the equilibrium the languages of one component are distributed alike, and nothing is asked between
components. For separate cliques (`clusters`) that is one DANN a cluster; a connected graph asks in the end for what
the clique asks, and differs in which pairs push.

**links** (`Links`), the game of Xu et al. 2022 (GRDA, ICLR, arXiv 2202.03628): D reconstructs the graph. It gives
each row a vector, scores every pair of rows of a batch, and predicts whether their languages are linked:

    L = 1/2 mean over linked pairs of -log sigma(s) + 1/2 mean over other pairs of -log(1 - sigma(s))

Two rows of one language are a pair that is not linked (A_uu = 0). *On a clique it asks what DANN asks:* the best D
knows q(h)' A q(h') = 1 - q(h) . q(h'), and E's optimum is where that is constant over pairs; with h = h' among them
all q(h) have one length and one inner product, hence are one vector, and their mean is 1/N: p_u = p_v, DANN's
optimum, though the losses differ. *On other graphs* it asks for q(h)' A q(h') to be constant and for no more: in a
chain of three, p_2 = (p_1 + p_3) / 2. **Between separate clusters it does ask for alignment**: two rows of different
clusters are never linked, so that an encoder that keeps clusters apart tells D the answer. Whoever wants clusters
that stay apart takes the first game.

The published score is an inner product, which cannot say that a row is *not* linked to its like, because a Gram
matrix has no negative diagonal. Here half of the vector's entries count negatively, s = a . a' - c . c' + b, which
any symmetric A can be written as.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Outcome:
    """What a discriminator made of a batch.

    Attributes:
        loss: L, a scalar with a graph.
        right: sum over decisions of how much each counts if it was right, over that of all: accuracy from 0 to 1.
        chance: accuracy of guessing.
    """

    loss: Tensor
    right: Tensor
    chance: Tensor


class Game(Protocol):
    """What is asked of a discriminator.

    Attributes:
        outputs: numbers that it gives for a row.
    """

    outputs: int

    def play(self, found: Tensor, languages: Tensor, offset: Tensor) -> Outcome:
        """Judge (B, outputs) numbers for rows of ``languages`` (B,) int64; ``offset`` is a trained scalar."""
        ...


class Neighbours:
    """Name the language of a row among it and its neighbours."""

    def __init__(self, adjacency: np.ndarray) -> None:
        self.outputs = len(adjacency)
        self.near = torch.from_numpy(adjacency | np.eye(len(adjacency), dtype=bool))

    def play(self, found: Tensor, languages: Tensor, offset: Tensor) -> Outcome:
        """Cross-entropy within closed neighbourhoods; a language without neighbours gives loss 0."""
        near = self.near.to(found.device)[languages]
        scores = found.masked_fill(~near, -torch.inf)
        loss = nn.functional.cross_entropy(scores, languages)
        right = (scores.argmax(dim=1) == languages).double().mean()
        return Outcome(loss, right, (1 / near.sum(dim=1).double()).mean())


class Links:
    """Tell the pairs of rows whose languages are linked."""

    def __init__(self, adjacency: np.ndarray) -> None:
        self.outputs = 2 * len(adjacency)
        self.linked = torch.from_numpy(adjacency)

    def play(self, found: Tensor, languages: Tensor, offset: Tensor) -> Outcome:
        """Balanced binary cross-entropy over all pairs of different rows; a kind of pair that is missing gives 0."""
        half = self.outputs // 2
        plus, minus = found[:, :half], found[:, half:]
        one, other = torch.triu_indices(len(found), len(found), 1, device=found.device)
        scores = (plus @ plus.T - minus @ minus.T + offset)[one, other]
        linked = self.linked.to(found.device)[languages[one], languages[other]]
        losses, rights = [found.sum() * 0], []
        for kind in (True, False):
            chosen = scores[linked == kind]
            if len(chosen):
                losses.append(nn.functional.softplus(-chosen if kind else chosen).mean() / 2)
                rights.append(((chosen > 0) == kind).double().mean())
        right = torch.stack(rights).mean() if rights else torch.full((), 0.5, dtype=torch.float64, device=found.device)
        chance = torch.full_like(right, 1 / max(1, len(rights)))
        return Outcome(torch.stack(losses).sum(), right, chance)


def game_of(name: str, adjacency: np.ndarray) -> Game:
    """The game by its name in `settings.GAMES` over (N, N) bool."""
    return Neighbours(adjacency) if name == "neighbours" else Links(adjacency)
