"""The discriminator beside a step: its rows, its move, the reversed gradient, and what the record says of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from xtremor.robust.depth import find_depth, first
from xtremor.robust.methods.base import Runner
from xtremor.robust.segments import Segments
from xtremor.training.adversary.player import Adversary
from xtremor.training.adversary.text import Opponent
from xtremor.training.config import derived_seed
from xtremor.training.step import BatchStep
from xtremor.training.step_beside import StepBeside

if TYPE_CHECKING:
    from xtremor.robust.passes import Passes
    from xtremor.training.unlabelled import JoinedStep, UnlabelledText

PREFIX = "adversary/"


@dataclass(frozen=True)
class BalancedOrder:
    """Units of every language equally often, those of each in a seeded order that goes round before one comes again.

    A function of the seed and the update. Where the size does not divide, languages take turns.

    Attributes:
        units: of each language.
        size: units of an update.
        seed: of the run.
    """

    units: tuple[np.ndarray, ...]
    size: int
    seed: int

    def batch(self, update: int) -> np.ndarray:
        """The units of a 0-based update, (size,)."""
        slots = np.arange(update * self.size, (update + 1) * self.size)
        found = np.empty(self.size, dtype=np.int64)
        for place, own in enumerate(self.units):
            chosen = np.flatnonzero(slots % len(self.units) == place)
            rounds, inside = np.divmod(slots[chosen] // len(self.units), len(own))
            for number in np.unique(rounds):
                draw = np.random.default_rng(derived_seed(self.seed, "adversary", place, int(number)))
                there = rounds == number
                found[chosen[there]] = own[draw.permutation(len(own))[inside[there]]]
        return found


def pooled(states: Tensor, segments: Segments) -> Tensor:
    """(T, H) states of real tokens -> (B, H) their means over each row, float32; differentiable."""
    states = states.float()
    sums = states.new_zeros(segments.count, states.shape[1]).index_add(0, segments.row_of_token, states)
    return sums / segments.lengths.unsqueeze(1)


class Players:
    """The method's runner, and the discriminator, which moves after every update; one state for a checkpoint."""

    def __init__(self, runner: Runner, adversary: Adversary) -> None:
        self.runner, self.adversary = runner, adversary

    def step(self, passes: Passes) -> Tensor:
        """The method's."""
        return self.runner.step(passes)

    def after_update(self) -> None:
        """The weights have moved; now the discriminator does, by a gradient taken before they did."""
        self.runner.after_update()
        self.adversary.move()

    def state(self) -> dict[str, Tensor]:
        """Of both."""
        own = {f"{PREFIX}{name}": tensor for name, tensor in self.adversary.state().items()}
        return {**self.runner.state(), **own}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        own = {name.removeprefix(PREFIX): each for name, each in tensors.items() if name.startswith(PREFIX)}
        self.adversary.load_state(own)
        self.runner.load_state({name: each for name, each in tensors.items() if not name.startswith(PREFIX)})


class AdversarialStep(StepBeside):
    """A step with a discriminator of languages beside it, as `training.loop.Step` has it.

    The labelled rows make their step as if alone, whatever the method. Then the text of the update is passed once,
    unperturbed; the discriminator is shown its pooled states, detached, and the gradient of its loss in them goes on
    into the encoder, multiplied by minus lambda. Where lambda is 0 none is formed there. Order and dropout are
    functions of the seed and the update; the discriminator's state is its weights, moments and counts.

    Args:
        step: of the labelled rows, or of those with unlabelled ones beside (vat, alum).
        base: what passes rows through the model.
        opponent: text, graph and settings.
        text: unlabelled, as it was read.
        updates: of the schedule, which the ramp of lambda goes by.
        pieces: that the text is passed in, as the labelled rows are with ``accumulate``.

    Attributes:
        model, counts, below: the other step's; passes of all kinds are counted together.
        runner: the method's and the discriminator's.

    Raises:
        UserError: the encoder has no such layer.
    """

    def __init__(
        self, step: BatchStep | JoinedStep, base: BatchStep, opponent: Opponent, text: UnlabelledText, updates: int,
        pieces: int = 1,
    ) -> None:  # fmt: skip
        self.step, self.base, self.opponent, self.text, self.pieces = step, base, opponent, text, pieces
        settings = opponent.settings
        site = "last" if settings.layer is None else f"layer:{settings.layer}"
        # To find the place the model is run once, which is no pass of the run's.
        counted = vars(base.counts).copy()
        depth = find_depth(base.model, site, base.sited.sample()[1])
        vars(base.counts).update(counted)
        self.module, self.share = depth.module, _share(base, settings.layer)
        width = int(base.model.config.hidden_size)  # type: ignore[union-attr,arg-type]
        device = next(base.model.parameters()).device
        self.adversary = Adversary(settings, opponent.graph, width, base.seed, updates, device)
        self.order = BalancedOrder(tuple(map(opponent.units_of, opponent.players)), text.settings.rows, base.seed)
        self.model, self.counts, self.below = step.model, step.counts, step.below
        self.runner: Runner = Players(step.runner, self.adversary)

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int]:
        """As `BatchStep.run`, the loss without the discriminator's; its text joins the first part of an update.

        Another ``method`` (plain, in linear probing and in measurements beside) is given labelled rows alone.
        """
        loss, tokens = self.step.run(units, update, part, weight, method)
        if method is not None or part > 0:
            return loss, tokens
        chosen = self.order.batch(update)
        for number, piece in self.parts_of(chosen):
            move = partial(self._show, self.opponent.languages[piece], update, len(piece) / len(chosen))
            _, seen = self.base.over(self.opponent.features, piece, move, ("adversary", update, number), 1.0)
            tokens += seen
        return loss, tokens

    def about(self) -> dict[str, Any]:
        """What the log says of the latest update."""
        return self.adversary.about()

    def _show(self, languages: np.ndarray, update: int, share: float, passes: Passes) -> Tensor:
        """One pass over text: the discriminator's gradient, and minus lambda times its way back into the encoder."""
        weight = self.adversary.weight(update)
        with self._kept() as kept, torch.set_grad_enabled(weight != 0):
            passes.outputs()
        states = pooled(passes.segments.real(kept[-1]), passes.segments)
        places = torch.from_numpy(languages).to(states.device)
        gradient = self.adversary.play(states, places, update, share)
        if weight != 0 and states.requires_grad:
            passes.backward(-weight * share * (states * gradient).sum())
        return states.new_zeros(())

    @contextlib.contextmanager
    def _kept(self) -> Iterator[list[Tensor]]:
        """Within the context the hidden states that the site puts out are kept."""
        kept: list[Tensor] = []
        module = self.base.model.get_submodule(self.module)
        hook = module.register_forward_hook(lambda module, inputs, output: kept.append(first(output)))
        try:
            yield kept
        finally:
            hook.remove()

    def enter(self, record: dict[str, Any], updates: int) -> None:
        """Add to a run's record what it owes to the discriminator, after ``updates`` of the schedule."""
        from xtremor.training.unlabelled import JoinedStep, text_record

        opponent, lengths = self.opponent, self.opponent.features.lengths
        batches = [self.order.batch(update) for update in range(updates)]
        tokens = [int(lengths[batch].sum()) for batch in batches]
        counts, own = record["counts"], sum(tokens)
        if isinstance(self.step, JoinedStep):
            self.step.enter(record, updates, others=own)
        else:
            record["unlabelled"] = text_record(self.text)
            record["training"]["unlabelled"] = {**record["training"]["unlabelled"], "sha256": self.text.digest}
            record["warnings"] += self.text.warnings
        chosen = np.concatenate(batches) if batches else np.zeros(0, dtype=np.int64)
        spoken = Counter(opponent.graph.codes[place] for place in opponent.languages[chosen].tolist())
        record["language_adversary"] = {
            "graph": opponent.graph.as_dict(),
            "layer": "last" if opponent.settings.layer is None else opponent.settings.layer,
            "pooling": "mean",
            **self.adversary.record(),
            "text": {"rows": opponent.rows, "of_the_training_rows": list(opponent.training)},
            "trained_on": {
                "rows": len(chosen),
                "languages": dict(sorted(spoken.items())),
                "tokens": own,
                "batches": sum(min(self.pieces, len(each)) for each in batches),
            },
        }
        record["training"]["adversary"] = {**record["training"]["adversary"], "sha256": opponent.graph.digest}
        labelled = max(1, counts["tokens"] - own)
        if isinstance(self.step, JoinedStep):
            labelled = max(1, labelled - record["unlabelled"]["trained_on"]["tokens"])
        passes = sum(self._passes(update) * seen for update, seen in enumerate(tokens))
        counts["passes_relative_to_plain"] += passes / (3.0 * labelled)
        record["warnings"] += self.adversary.warnings()

    def _passes(self, update: int) -> float:
        """Passes over an update's text: forward, and back through what lies below the site where lambda is not 0."""
        return 1.0 if self.adversary.weight(update) == 0 else 1.0 + 2.0 * self.share


def _share(base: BatchStep, layer: int | None) -> float:
    """Share of the layers that lie below the site."""
    layers = int(getattr(base.model.config, "num_hidden_layers", 0) or 0)
    return layer / layers if layer is not None and layers else 1.0
