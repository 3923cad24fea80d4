"""What a method is given: forward and backward passes over one batch, with no way to draw outside the seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from xtremor.robust.ball import Ball, LocalBall, Norm, Scope
from xtremor.robust.divergence import divergence
from xtremor.robust.methods.base import Perturbed
from xtremor.robust.randomness import RandomState, random_state, set_random_state
from xtremor.robust.segments import Segments

if TYPE_CHECKING:
    from xtremor.robust.weights import Weights


def _no_states() -> Tensor:
    raise RuntimeError("the last hidden states are kept for methods that say so (`reads_states`)")


def _nothing() -> Weights:
    from xtremor.robust.weights import Weights

    return Weights([])


@dataclass(frozen=True)
class Answers:
    """What a model answered, held fixed, with no graph behind it.

    Attributes:
        logits: (N, C) for each kind of decision.
    """

    logits: tuple[Tensor, ...]


@dataclass
class Passes:
    """One batch, seen by a method as a function of a perturbation at the site.

    Attributes:
        segments: rows of the batch; delta is (T, ``width``) over their real tokens.
        width: H, size of a vector at the site.
        run: delta or None -> outputs of the model, with a graph.
        criterion: outputs -> mean loss over what counts, a scalar.
        generator: source of every random draw that a method makes; seeded anew for each batch.
        dropout_seed: what the model's own randomness is seeded with; None takes torch's generators as they stand, and
            leaves them where one pass would.
        distributions: outputs -> the logits (N, C) of each kind of decision that the task asks for.
        scale: of divergences, where ``criterion`` gives a part of the loss of several batches.
        share_dropout: draw the same dropout masks in every pass over this batch (Zhu et al. 2020, section
            3.3); otherwise each pass draws fresh ones.
        unit: mean L2 norm of a vector at the site, which a relative radius is a share of.
        special: (T,) bool, special tokens; None where they cannot be told.
        propagate: computes and accumulates weight gradients; ``Tensor.backward`` unless an accelerator scales.
        weights: of the model, for methods that move them.
        states: gives (T, H), the last hidden states of the latest pass, to methods with ``reads_states``.
    """

    segments: Segments
    width: int
    run: Callable[[Tensor | None], Any]
    criterion: Callable[[Any], Tensor]
    generator: torch.Generator
    dropout_seed: int | None
    distributions: Callable[[Any], list[Tensor]] = lambda outputs: [outputs.logits]
    scale: float = 1.0
    share_dropout: bool = True
    unit: float = 1.0
    special: Tensor | None = None
    propagate: Callable[[Tensor], None] = torch.Tensor.backward
    weights: Weights = field(default_factory=_nothing)
    states: Callable[[], Tensor] = _no_states
    _seeded: bool = False
    _random: RandomState | None = None

    def outputs(self, delta: Tensor | None = None, masks: int = 0) -> Any:
        """Outputs of the model with ``delta`` (T, H) added at the site; None means nothing is added.

        ``masks`` numbers the dropout masks where they are shared: passes of one number have the same.
        """
        if self.dropout_seed is None:
            self._as_before(masks)
        elif self.share_dropout or not self._seeded:
            torch.manual_seed(self.dropout_seed + masks)
            self._seeded = True
        return self.run(delta)

    def _as_before(self, masks: int) -> None:
        """Torch's generators as at the first pass; other masks are whatever comes next."""
        device = self.segments.lengths.device
        if self._random is None:
            self._random = random_state(device)
        elif self.share_dropout and masks == 0:
            set_random_state(device, self._random)

    def forward(self, delta: Tensor | None = None) -> Tensor:
        """Mean loss of the batch with ``delta`` (T, H) added at the site."""
        return self.criterion(self.outputs(delta))

    def look(self, delta: Tensor | None = None) -> Tensor:
        """The same without a graph."""
        with torch.no_grad():
            return self.forward(delta)

    def outputs_without_graph(self) -> Any:
        """Outputs of the unperturbed model without a graph."""
        with torch.no_grad():
            return self.outputs()

    def answers(self) -> Answers:
        """What the unperturbed model answers, held fixed; only the part below the site keeps its graph."""
        return Answers(tuple(each.detach() for each in self.distributions(self.outputs())))

    def divergence(self, outputs: Any, reference: Any, symmetric: bool = True, fixed: bool = False) -> Tensor:
        """KL(reference | outputs), or KL both ways added; mean over the task's decisions, in float32.

        The reference is outputs or `Answers`. With ``fixed`` no gradient goes into it.
        """
        known = reference.logits if isinstance(reference, Answers) else self.distributions(reference)
        found = divergence(self.distributions(outputs), known, symmetric, fixed)
        return found if self.scale == 1.0 else found * self.scale

    def likeness(self, states: Tensor) -> Tensor:
        """Cosine of the latest pass's hidden states with ``states`` (T, H), added over a row's tokens, mean over rows.

        Scaled as divergences are.
        """
        each = torch.nn.functional.cosine_similarity(self.states().float(), states.float(), dim=-1)
        return each.sum() * (self.scale / self.segments.count)

    def gradient(self, loss: Tensor, delta: Tensor) -> Tensor:
        """Gradient of ``loss`` in ``delta`` alone, float32; no weight gradient is formed or touched."""
        return torch.autograd.grad(loss, delta)[0].float()

    def backward(self, loss: Tensor) -> None:
        """Add the weight gradients of ``loss`` to the parameters' ``.grad`` (and delta's, if it asks for one)."""
        self.propagate(loss)

    def left(self, delta: Tensor) -> Tensor:
        """(T, H) float32: the gradient that the last backward pass left in ``delta``.

        Raises RuntimeError where there is none, so that a run that perturbs nothing cannot go unnoticed.
        """
        if delta.grad is None:
            raise RuntimeError("the backward pass left no gradient at the site: nothing was perturbed")
        return delta.grad.float()

    def ball(self, method: Perturbed) -> LocalBall:
        """The method's ball over the tokens of this batch, its radius in the units of the site."""
        typical = self.unit / self.width**0.5 if method.norm == "linf" else self.unit
        radius = method.radius * typical if method.relative else method.radius
        free = None
        if method.spare_special:
            if self.special is None:
                raise RuntimeError("spare_special: the special tokens of this batch are not known")
            free = (~self.special).float().unsqueeze(1)
        ball = Ball(radius, cast(Norm, method.norm), cast(Scope, method.scope))
        return LocalBall(ball, self.segments, self.width, self.generator, free)

    def zeros(self) -> Tensor:
        """A delta of zeros (T, H), float32."""
        lengths = self.segments.lengths
        return torch.zeros(self.segments.row_of_token.numel(), self.width, device=lengths.device)

    def uniform(self) -> Tensor:
        """(T, H): entries uniform in [-1, 1]."""
        drawn = self.segments.uniform(self.width, self.generator)
        return (2 * drawn - 1).to(self.segments.lengths.device)
