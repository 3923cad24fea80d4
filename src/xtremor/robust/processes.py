"""Several processes that train copies of one model: their gradients meet once a step, whatever a method does in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# Numbers in one message.
BUCKET = 25_000_000


class Processes:
    """What ``DistributedDataParallel`` does at the end of a backward pass, done at the end of a step instead.

    A step has several forward passes and several backward passes, some to the perturbation alone, for which the hooks
    of DistributedDataParallel are not made. They are switched off within the step.

    Args:
        model: in ``DistributedDataParallel``, or not.

    Attributes:
        size: number of processes.
        rank: number of this one.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model if isinstance(model, DistributedDataParallel) else None
        group = None if self.model is None else self.model.process_group
        self.size = 1 if group is None else torch.distributed.get_world_size(group)
        self.rank = 0 if group is None else torch.distributed.get_rank(group)

    @contextlib.contextmanager
    def step(self, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
        """A method's step inside; then the gradients are averaged, unless an accumulation (``no_sync``) goes on."""
        if self.model is None:
            yield
            return
        due = self.model.require_backward_grad_sync
        with self.model.no_sync():
            yield
        if due:
            self.average(parameters)

    @torch.no_grad()
    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes; one that no process formed stays None."""
        if self.model is None or not parameters:
            return
        sum_gradients(parameters, self.model.process_group, self.size)


@torch.no_grad()
def sum_gradients(parameters: Sequence[nn.Parameter], group: Any = None, divisor: int = 1) -> None:
    """Replace every gradient by its sum over the processes of a group, divided by ``divisor``.

    One that no process formed stays None; all processes name the same parameters in the same order.
    """
    formed = torch.tensor([each.grad is not None for each in parameters], dtype=torch.int32)
    formed = formed.to(parameters[0].device)
    torch.distributed.all_reduce(formed, torch.distributed.ReduceOp.MAX, group=group)
    gradients: list[Tensor] = []
    for parameter, anywhere in zip(parameters, formed.tolist(), strict=True):
        if anywhere:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
    for bucket in _buckets(gradients):
        joined = torch.cat([each.flatten() for each in bucket])
        torch.distributed.all_reduce(joined, group=group)
        if divisor != 1:
            joined /= divisor
        parts = joined.split([each.numel() for each in bucket])
        for gradient, part in zip(bucket, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours of one type, about `BUCKET` numbers together."""
    held: list[Tensor] = []
    for gradient in gradients:
        if held and (held[0].dtype != gradient.dtype or sum(each.numel() for each in held) > BUCKET):
            yield held
            held = []
        held.append(gradient)
    if held:
        yield held
