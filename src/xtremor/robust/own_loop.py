"""Robust methods in anyone's training loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.robust.counter import PassCounter, PassCounts
from xtremor.robust.divergence import ABSENT
from xtremor.robust.methods.base import Method, Runner, as_method
from xtremor.robust.methods.unlabelled import for_unlabelled
from xtremor.robust.passes import Passes
from xtremor.robust.processes import Processes
from xtremor.robust.segments import Segments
from xtremor.robust.site import mean_norm
from xtremor.robust.sited import SitedModel
from xtremor.robust.weights import Weights

IGNORED = -100


class Robust:
    """A robust method for a Hugging Face model with labels, in a loop of one's own.

    ::

        robust = Robust(model, PGD(radius=0.003))
        for batch in batches:
            loss = robust.step(batch)   # instead of: loss = model(**batch).loss; loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    Dropout draws from torch's own generators and leaves them where one pass would, so that `Plain` is the ordinary step
    bit for bit; perturbations are functions of ``seed`` and the number of the step.

    Args:
        model: a transformers model, also inside ``DistributedDataParallel`` or with adapters of peft.
        method: for example ``PGD(radius=0.003)``.
        seed: of perturbations.
        special_ids: ids of special tokens, for ``spare_special`` (``tokenizer.all_special_ids``).
        optimizer: needed by methods with a state (``SMART(bregman=...)``, ``R4F``), which it tells of every update.
        backward: takes the place of ``loss.backward()``, for example ``accelerator.backward``.

    Attributes:
        counts: passes made so far.
        unit: mean norm of a vector at the site, which a relative radius is a share of: over the embedding table as it
            is now, elsewhere over the first batch.

    Raises:
        UserError: no method, a site that the model lacks.
        ValueError: a method with a state and no optimizer, or one that cannot work on token ids.
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        *,
        seed: int = 0,
        special_ids: Sequence[int] = (),
        optimizer: torch.optim.Optimizer | None = None,
        backward: Callable[[Tensor], None] = torch.Tensor.backward,
    ) -> None:
        self.method, self.model, self.seed, self.backward = as_method(method), model, seed, backward
        if self.method.substitution is not None:
            raise ValueError(f"{self.method.name} rewrites texts, not batches: use `xtremor train --method rsda`")
        self.inner, self.processes = _transformers_model(model), Processes(model)
        self.special_ids, self.steps = torch.tensor(sorted(special_ids)), 0
        if getattr(self.method, "spare_special", False) and not len(self.special_ids):
            raise ValueError("spare_special needs the special tokens: special_ids=tokenizer.all_special_ids")
        self.runner: Runner = self.method.bind(self.inner)
        if type(self.runner) is not type(self.method):
            if optimizer is None:
                raise ValueError(
                    f"{self.method.name} follows weight updates: name the optimizer, Robust(..., optimizer=...)"
                )
            optimizer.register_step_post_hook(lambda *_: self.runner.after_update())
        self.counts: PassCounts = PassCounter(self.inner).counts
        table: Tensor = self.inner.get_input_embeddings().weight  # type: ignore[operator]
        self.unit, self.width = (mean_norm(table) if self.method.at == "word" else 0.0), table.shape[1]
        self.sited: SitedModel | None = None

    def step(self, batch: Mapping[str, Any], scale: float = 1.0, unlabelled: Mapping[str, Any] | None = None) -> Tensor:
        """Add the weight gradients of a batch and return the loss that was trained on, detached.

        Args:
            batch: what the model takes, with ``input_ids``, ``attention_mask`` (padding anywhere; without one all
                tokens count) and labels.
            scale: that gradients are multiplied by, 1 / n in an accumulation of n batches; the loss returned is not.
            unlabelled: a batch without labels, of any language, for `VAT` and `ALUM`: their divergence on it, the mean
                over its rows (of a tagger over its real tokens), is added to the loss.

        Raises:
            ValueError: no ``input_ids``, or outputs without a loss.
            UserError: ``unlabelled`` beside a method that needs labels.
        """
        agreeing = None if unlabelled is None else for_unlabelled(self.method)
        loss = self.over(batch, lambda: self.model(**batch), _loss_of, lambda found: self.backward(found * scale))
        if agreeing is None or unlabelled is None:
            return loss
        # Of the same step, but not of the same draws.
        draw = _seed(self.steps - 1, self.processes.size, self.processes.rank)
        return loss + self.over(
            unlabelled, lambda: self.model(**unlabelled), _loss_of, lambda found: self.backward(found * scale), draw,
            step=agreeing.step_unlabelled,
        )  # fmt: skip

    def over(
        self,
        batch: Mapping[str, Any],
        call: Callable[[], Any],
        criterion: Callable[[Any], Tensor],
        propagate: Callable[[Tensor], None],
        draw: int | None = None,
        scale: float = 1.0,
        step: Callable[[Passes], Tensor] | None = None,
    ) -> Tensor:
        """The method's step over a batch, with every part of it stated.

        Args:
            batch: as in `step`.
            call: runs the model over it.
            criterion: outputs -> loss.
            propagate: computes and adds weight gradients.
            draw: number that perturbations are a function of, with the seed; by default the steps so far, times the
                number of processes, plus the number of this one.
            scale: of divergences.
            step: makes the passes; by default the method's own step, which alone is counted as one.
        """
        if "input_ids" not in batch:
            raise ValueError("the batch has no input_ids, which tell what is perturbed")
        ids = batch["input_ids"]
        mask = batch.get("attention_mask")
        mask = (torch.ones_like(ids) if mask is None else mask).flatten(0, -2)
        segments, tokens = Segments.from_mask(mask), ids.flatten(0, -2)[mask.bool()]
        sited = self._sited(segments, call)
        run = sited.over(segments, call)
        number = self.steps * self.processes.size + self.processes.rank if draw is None else draw
        self.steps += step is None
        weights = [each for each in self.inner.parameters() if each.requires_grad]
        passes = Passes(
            segments=segments,
            width=self.width,
            run=run,
            criterion=criterion,
            distributions=lambda outputs: distributions(outputs, batch),
            generator=torch.Generator().manual_seed(_seed(self.seed, number)),
            dropout_seed=None,
            scale=scale,
            share_dropout=self.method.shares_dropout,
            unit=self.unit,
            special=torch.isin(tokens, self.special_ids.to(tokens.device)),
            propagate=propagate,
            weights=Weights(
                weights,
                exchange=lambda: self.processes.average(weights),
                words=self.inner.get_input_embeddings().weight,  # type: ignore[operator]
            ),
            states=run.states,
        )
        with self.processes.step(weights):
            loss = (step or self.runner.step)(passes)
            run.finish()
        return loss

    def _sited(self, segments: Segments, call: Callable[[], Any]) -> SitedModel:
        """The model with its site, which the first batch tells the size of."""
        if self.sited is None:
            counted = vars(self.counts).copy()
            self.sited = SitedModel(self.inner, self.method, lambda: (segments, call))
            if not self.sited.at_words:
                vectors = self.sited.vectors()
                self.width, self.unit = vectors.shape[1], self.unit or mean_norm(vectors)
            vars(self.counts).update(counted)
        return self.sited

    def state_dict(self) -> dict[str, Any]:
        """Number of steps, unit, and what the method averages: all that resuming exactly needs besides torch's own."""
        return {"steps": self.steps, "unit": self.unit, "method": self.runner.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.steps, self.unit = int(state["steps"]), float(state["unit"])
        self.runner.load_state(dict(state["method"]))


def _transformers_model(model: Any) -> nn.Module:
    """What DistributedDataParallel and peft wrap."""
    inner = model.module if isinstance(getattr(model, "module", None), nn.Module) else model
    found: nn.Module = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    return found


def _loss_of(outputs: Any) -> Tensor:
    loss = getattr(outputs, "loss", None)
    if loss is None:
        raise ValueError("the model gave no loss: the batch needs labels, and the model a head")
    assert isinstance(loss, Tensor)
    return loss


def distributions(outputs: Any, batch: Mapping[str, Any]) -> list[Tensor]:
    """Logits (N, C) of each kind of decision, as heads of transformers give them.

    Classes or choices (B, C); the labelled tokens of (B, L, C); begin and end over the real tokens of (B, L).
    """
    if getattr(outputs, "start_logits", None) is not None:
        found = [outputs.start_logits, outputs.end_logits]
        mask = batch.get("attention_mask")
        return found if mask is None else [each.float().masked_fill(mask == 0, ABSENT) for each in found]
    logits: Tensor = outputs.logits
    if logits.ndim == 3:
        asked = batch["labels"] != IGNORED if "labels" in batch else batch["attention_mask"].bool()
        return [logits[asked]]
    return [logits]


def _seed(*parts: int) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
