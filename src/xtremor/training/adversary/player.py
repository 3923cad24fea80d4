"""The discriminator as a player: its network, its own optimizer, its moves, and how well it does."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.training.adversary.games import Game, Outcome, game_of
from xtremor.training.adversary.graph import LanguageGraph
from xtremor.training.adversary.settings import AdversarySettings
from xtremor.training.config import derived_seed

PERIODS = 10
# Rows, decisions that were right, those that guessing gets right, losses; each summed over a tenth of the schedule.
ROWS, RIGHT, GUESSED, LOSS = range(4)
CERTAIN, MARGIN = 0.99, 0.01


class Discriminator(nn.Module):
    """Pooled hidden states (B, H) -> (B, outputs): LayerNorm without weights, one hidden layer with ReLU.

    The norm keeps the encoder from fighting by scale alone.
    """

    def __init__(self, width: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, outputs)
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, pooled: Tensor) -> Tensor:
        """What it makes of rows."""
        found: Tensor = self.second(torch.relu(self.first(self.norm(pooled))))
        return found


class Adversary:
    """A discriminator that learns on detached states, and says which way its loss grows in them.

    Both players move at once: the gradients of an update are taken at the same weights of both, the discriminator
    descends its loss with AdamW of a constant rate, and the encoder is given minus lambda times the gradient of that
    loss in the pooled states.

    Args:
        settings: of the run.
        graph: of the languages.
        width: H of the hidden states.
        seed: of the run; the network depends on nothing else.
        updates: of the schedule.
        device: where it computes.
    """

    def __init__(
        self,
        settings: AdversarySettings,
        graph: LanguageGraph,
        width: int,
        seed: int,
        updates: int,
        device: torch.device | None = None,
    ) -> None:
        self.settings, self.updates = settings, updates
        self.device = device or torch.device("cpu")
        self.game: Game = game_of(settings.game, graph.adjacency)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "adversary"))
            self.network = Discriminator(width, settings.hidden, self.game.outputs)
        self.network.to(self.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=settings.rate, weight_decay=0.0)
        self.periods = torch.zeros(PERIODS, 4, dtype=torch.float64, device=self.device)
        self.latest: dict[str, Tensor | float] = {}

    def weight(self, update: int) -> float:
        """Lambda at a 0-based update."""
        return self.settings.weight_at(update, self.updates)

    def play(self, pooled: Tensor, languages: Tensor, update: int, share: float = 1.0) -> Tensor:
        """Add ``share`` times the gradient of the loss to the network's; return (B, H), that in the states, detached.

        Args:
            pooled: (B, H) states; no gradient reaches what they were computed from.
            languages: (B,) int64 places in the graph.
            update: 0-based, of the schedule.
            share: of the update's rows that these are.
        """
        leaf = pooled.detach().to(self.network.first.weight.dtype).requires_grad_()
        outcome = self.game.play(self.network(leaf), languages, self.network.offset)
        parameters = list(self.network.parameters())
        gradient, *own = torch.autograd.grad(outcome.loss, [leaf, *parameters], allow_unused=True)
        for parameter, found in zip(parameters, own, strict=True):
            if found is not None:
                parameter.grad = found * share if parameter.grad is None else parameter.grad + found * share
        self._count(outcome, len(pooled), update, share)
        return gradient

    def _count(self, outcome: Outcome, rows: int, update: int, share: float) -> None:
        seen = torch.stack([outcome.right, outcome.chance, outcome.loss.detach().double()])
        period = min(PERIODS - 1, PERIODS * update // max(1, self.updates))
        self.periods[period, ROWS] += rows
        self.periods[period, RIGHT:] += rows * seen
        before = self.latest if self.latest.get("update") == update else {"seen": torch.zeros_like(seen)}
        self.latest = {"update": update, "seen": before["seen"] + share * seen}

    def move(self) -> None:
        """Descend: one step of its own optimizer, after which its gradients are gone."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def about(self) -> dict[str, float]:
        """What the log says of the latest update: figures from before the discriminator learnt from it."""
        if not self.latest:
            return {}
        seen, update = self.latest["seen"], self.latest["update"]
        assert isinstance(seen, Tensor)
        right, chance, loss = seen.tolist()
        return {
            "adversary_loss": loss,
            "adversary_accuracy": right,
            "adversary_chance": chance,
            "adversary_weight": self.weight(int(update)),
        }

    def state(self) -> dict[str, Tensor]:
        """Weights, moments and counts, for a checkpoint."""
        found = {"periods": self.periods.clone()}
        for name, parameter in self.network.named_parameters():
            found[f"weight/{name}"] = parameter.detach().clone()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}/{name}"] = torch.as_tensor(value).clone()
        return found

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        self.periods = tensors["periods"].to(self.device)
        keys = {name.partition("/")[0] for name in tensors} - {"periods", "weight"}
        for name, parameter in self.network.named_parameters():
            with torch.no_grad():
                parameter.copy_(tensors[f"weight/{name}"])
            if any(f"{key}/{name}" in tensors for key in keys):
                # AdamW counts its steps on the CPU.
                self.optimizer.state[parameter] = {
                    key: tensors[f"{key}/{name}"].to("cpu" if key == "step" else parameter.device) for key in keys
                }

    def record(self) -> dict[str, Any]:
        """The network, its optimizer, the schedule, and how it did in each tenth of the schedule."""
        group = self.optimizer.param_groups[0]
        told = self._told()
        return {
            "game": self.settings.game,
            "discriminator": {
                "parameters": sum(each.numel() for each in self.network.parameters()),
                "inputs": self.network.first.in_features,
                "hidden": self.settings.hidden,
                "outputs": self.game.outputs,
                "optimizer": {
                    "name": "AdamW", "learning_rate": group["lr"], "betas": list(group["betas"]), "eps": group["eps"],
                    "weight_decay": group["weight_decay"], "steps_an_update": 1,
                },
            },
            "weight": {"schedule": self.settings.schedule, "target": self.settings.weight},
            "by_tenth": told,
            "accuracy": None if not told else told[-1]["accuracy"],
            "chance": None if not told else told[-1]["chance"],
        }  # fmt: skip

    def _told(self) -> list[dict[str, float]]:
        """Means over each tenth of the schedule that had rows."""
        found = []
        for period, (rows, right, guessed, loss) in enumerate(self.periods.tolist()):
            if rows:
                found.append(
                    {"tenth": period + 1, "rows": int(rows), "accuracy": right / rows, "chance": guessed / rows,
                     "loss": loss / rows}
                )  # fmt: skip
        return found

    def warnings(self) -> list[str]:
        """What is suspicious about how it did: never better than guessing, or certain from beginning to end."""
        told = self._told()
        # It knows nothing at first, whatever the game.
        later = told[1:] or told
        if not later:
            return []
        last = later[-1]
        figures = f"accuracy {100 * last['accuracy']:.1f}% at the end, guessing gives {100 * last['chance']:.1f}%"
        if all(each["accuracy"] < each["chance"] + _noise(each) for each in told):
            return [
                f"the discriminator of languages was never better than guessing ({figures}): it gave the encoder "
                "nothing to learn from; try a larger --adversary-rate, longer training, or look at the text"
            ]
        if all(each["accuracy"] >= CERTAIN for each in later):
            return [
                f"the discriminator of languages was certain to the end ({figures}): the encoder lost nothing of what "
                "tells them apart; try a larger --adversary-weight or longer training, or look for signs of the "
                "language in the text that have nothing to do with it"
            ]
        return []


def _noise(period: dict[str, float]) -> float:
    """Two standard errors of guessing, at least a point."""
    chance = period["chance"]
    return max(MARGIN, 2 * math.sqrt(chance * (1 - chance) / max(1, period["rows"])))
