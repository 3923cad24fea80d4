"""Question answering: the answer is the best span of the paragraph, over windows where the paragraph is long.

As in XTREME's scripts, a training window that does not hold the answer points at its first token, and an answer
begins in the window in which its first token has most text around it. Two departures: start and end are chosen among
all tokens and not among the 20 best each, so that there always is an answer; and the loss leaves padding out, so that
it does not depend on what a row is batched with.

Where a question may have no answer (SQuAD 2.0, Rajpurkar et al. 2018), the answer is empty if the first token's begin
and end score above the best span; of several windows, the one that says so least decides, as in BERT's script.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.tasks.base import SpanExample
from xtremor.tasks.features import Features, as_rows
from xtremor.tasks.losses import TargetLoss, upcast
from xtremor.tasks.windows import Inputs, encode

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor, nn

    from xtremor.training.ragged import PaddedView

AUTO_CLASS = "AutoModelForQuestionAnswering"
CONSTANT = "an empty answer"
model_inputs = as_rows

# Tokens of the longest answer that is predicted.
ANSWER = 30


def head_config(labels: Sequence[str]) -> dict[str, Any]:
    """Two numbers a token: begin and end."""
    return {"num_labels": 2}


def featurize(examples: Sequence[SpanExample], tokenizer: Any, labels: Sequence[str], max_length: int) -> Features:
    """Windows; targets (N, 3) are the first and last token of the answer and the tokens of the window."""
    inputs = encode(examples, tokenizer, max_length)
    return Features(inputs.rows, np.column_stack([inputs.answers, inputs.rows.lengths]), inputs.cut)


def loss(outputs: Any, targets: Tensor) -> Tensor:
    """Mean of the cross-entropies of begin and end over the real tokens of each row, mean over rows, in float32.

    Args:
        outputs: start_logits and end_logits (B, L).
        targets: (B, 3), see `featurize`.
    """
    from torch.nn.functional import cross_entropy

    begin, end = _of_tokens(outputs, targets, float("-inf"))
    return (cross_entropy(begin, targets[:, 0]) + cross_entropy(end, targets[:, 1])) / 2


def distributions(outputs: Any, targets: Tensor) -> list[Tensor]:
    """Begin and end over the real tokens of each row."""
    from xtremor.robust.divergence import ABSENT

    return _of_tokens(outputs, targets, ABSENT)


def _of_tokens(outputs: Any, targets: Tensor, absent: float) -> list[Tensor]:
    """Logits of begin and end (B, L), at least float32, ``absent`` on padding."""
    import torch

    begin, end = upcast(outputs.start_logits), upcast(outputs.end_logits)
    padding = torch.arange(begin.shape[1], device=begin.device) >= targets[:, 2].unsqueeze(1)
    return [logits.masked_fill(padding, absent) for logits in (begin, end)]


def unit_losses(outputs: Any, targets: Tensor, each: TargetLoss) -> Tensor:
    """(B,): mean of the losses of begin and end in each row, over its real tokens; see `loss` for the arguments."""
    begin, end = _of_tokens(outputs, targets, float("-inf"))
    return (each(begin, targets[:, 0]) + each(end, targets[:, 1])) / 2


def best_spans(begin: Tensor, end: Tensor, may_start: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The span of each row with the largest sum of logits, at most ANSWER tokens long.

    Args:
        begin, end: (B, L) logits.
        may_start: (B, L) bool, where a span may begin.
        inside: (B, L) bool, where it may end.

    Returns:
        (B,) sum of logits (-inf where there is no such span), (B,) first and (B,) last token. The shortest span
        wins a tie, then the earliest.
    """
    import torch

    width = begin.shape[1]
    begin, end = begin.masked_fill(~may_start, -torch.inf), end.masked_fill(~inside, -torch.inf)
    places = torch.arange(width, device=begin.device)
    sums, lasts = begin + end, places.expand_as(begin).clone()
    for more in range(1, min(ANSWER, width)):
        here = slice(width - more)
        longer = begin[:, here] + end[:, more:]
        better = longer > sums[:, here]
        sums[:, here] = torch.where(better, longer, sums[:, here])
        lasts[:, here] = torch.where(better, places[more:], lasts[:, here])
    best, first = sums.max(dim=1)
    return best, first, lasts.gather(1, first.unsqueeze(1)).squeeze(1)


class Readings:
    """The best span of each window, as outputs of batches come by; a window that is seen again is read anew.

    Args:
        inputs: N windows.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.scores, self.none = np.full(len(inputs.rows), -np.inf), np.zeros(len(inputs.rows))
        self.tokens = np.zeros((len(inputs.rows), 2), dtype=np.int64)

    def take(self, batch: np.ndarray, view: PaddedView, outputs: Any) -> None:
        """Read the outputs of the windows ``batch`` (B,)."""
        begin, end = (logits.detach().float() for logits in (outputs.start_logits, outputs.end_logits))
        finite = (begin.isfinite() & end.isfinite()) | (view.inputs["attention_mask"] == 0)
        masks = (_padded(mask, self.inputs, batch, view) for mask in (self.inputs.may_start, self.inputs.inside))
        best, first, last = best_spans(begin, end, *masks)
        self.scores[batch] = best.double().masked_fill_(~finite.all(dim=1), np.nan).cpu().numpy()
        places = np.column_stack([first.cpu().numpy(), last.cpu().numpy()])
        self.tokens[batch] = places + self.inputs.rows.offsets[batch, None]
        self.none[batch] = (begin[:, 0] + end[:, 0]).double().cpu().numpy()

    def finite(self, rows: Sequence[int]) -> bool:
        """Whether the logits of all these windows are finite."""
        return not np.isnan(self.scores[list(rows)]).any()

    def answer(self, example: SpanExample, rows: Sequence[int]) -> str:
        """The text of the best span of a question's windows; empty where there is none, see the module."""
        row = max(rows, key=lambda each: float(self.scores[each]))
        first, last = self.tokens[row]
        score, characters = self.scores[row], self.inputs.characters
        held = score > -np.inf and (example.answerable or score >= self.none[list(rows)].min())
        return example.context[characters[first, 0] : characters[last, 1]].strip() if held else ""


def predict(
    model: nn.Module,
    tokenizer: Any,
    examples: Sequence[SpanExample],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """The text of the best span of each question's windows, as it stands in the paragraph, white space trimmed.

    It is empty where a question may have no answer and none scores higher; see the module.
    """
    from xtremor.evaluation.predict import forward_batches, shares
    from xtremor.scoring.predictions import answers_table, check_finite
    from xtremor.training.model import pad_of

    inputs = encode(examples, tokenizer, max_length)
    read = Readings(inputs)
    forward_batches(model, inputs.rows, pad_of(tokenizer), device, read.take, shares(inputs.rows, on_share))
    ends = np.searchsorted(inputs.items, np.arange(len(examples) + 1))
    windows = [range(start, end) for start, end in pairwise(ends)]
    check_finite(examples, [read.finite(rows) for rows in windows])
    found = [read.answer(example, rows) for example, rows in zip(examples, windows, strict=True)]
    return answers_table(examples, [gold_text(example) for example in examples], found)


def _padded(values: np.ndarray, inputs: Inputs, batch: np.ndarray, view: PaddedView) -> Tensor:
    """(T,) bool of all rows -> (B, L) of a batch, False on padding."""
    import torch

    offsets = inputs.rows.offsets
    flat = np.concatenate([values[offsets[row] : offsets[row + 1]] for row in batch])
    shape = view.inputs["input_ids"].shape
    padded = torch.zeros(shape.numel(), dtype=torch.bool, device=view.tokens.device)
    places = view.segments.positions(shape[1])
    return padded.index_copy_(0, places, torch.from_numpy(flat).to(padded.device)).view(shape)


def gold_text(example: SpanExample) -> str | None:
    """The gold answers as JSON; None where they are not known."""
    if example.answers is None:
        return None
    return json.dumps([answer.text for answer in example.answers], ensure_ascii=False)


def constants(gold: Sequence[Any]) -> list[list[Any]]:
    """An empty answer everywhere where some questions have none; elsewhere nothing: it would score 0."""
    return [[""] * len(gold)] if not all(gold) else []


def guess_loss(features: Features) -> float:
    """Mean logarithm of the tokens of an input: begin and end anywhere."""
    return float(np.log(features.targets[:, 2]).mean())
