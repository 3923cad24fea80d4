"""Where a perturbation enters: the output of a module, overridden for one forward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.errors import UserError
from xtremor.robust.segments import Segments


class Site:
    """Modules of the encoder, one of which puts out (B, L, H) that can be replaced or shifted at real tokens.

    Overriding the output works for every architecture, keeps the model's own position ids (which
    ``inputs_embeds`` changes in XLM-R) and leaves the model unpatched afterwards.

    Args:
        modules: those whose output is overridden; one of them is called, exactly once, in a forward pass.
        name: for messages.
    """

    def __init__(self, modules: Sequence[nn.Module], name: str) -> None:
        self.modules, self.name = tuple(modules), name

    @contextlib.contextmanager
    def hooked(self, hook: Callable[[nn.Module, Any, Any], Any]) -> Iterator[None]:
        """Within the context ``hook`` is a forward hook on the modules."""
        handles = [module.register_forward_hook(hook) for module in self.modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextlib.contextmanager
    def override(self, segments: Segments, value: Tensor | None = None, delta: Tensor | None = None) -> Iterator[None]:
        """Within the context, the module puts out ``value`` (T, H; its own output if None) plus ``delta`` (T, H).

        Padding keeps the module's own output, without a gradient: the rare architecture whose real tokens read it
        (a convolution) sees what it would have seen. Raises RuntimeError when no forward pass went through the
        module, so that a run that perturbs nothing cannot go unnoticed, and UserError when more than one did.
        """
        calls = 0

        def replace(module: nn.Module, inputs: Any, output: Any) -> Any:
            nonlocal calls
            calls += 1
            first = output[0] if isinstance(output, tuple) else output
            if value is None:
                # The pad positions get exactly nothing: delta is scattered into zeros.
                changed = first if delta is None else first + segments.pad(delta.to(first.dtype), first.shape[1])
            else:
                rows = value if delta is None else value + delta.to(value.dtype)
                own = first.detach().flatten(0, 1).to(rows.dtype)
                changed = own.index_copy(0, segments.positions(first.shape[1]), rows).view_as(first)
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        with self.hooked(replace):
            yield
        if calls == 0:
            raise RuntimeError(f"the site '{self.name}' was not passed in a forward pass: nothing was perturbed")
        if calls > 1:
            raise UserError(
                f"this model passes its {self.name} embeddings {calls} times in one forward pass, as encoder-decoders "
                "do; name an --encoder without a decoder"
            )


def word_embeddings(model: nn.Module) -> Site:
    """The word-embedding table as a site; raises UserError where the model has none.

    T5 keeps the same table in several modules, of which the encoder calls its own.
    """
    words: Any = getattr(model, "get_input_embeddings", lambda: None)()
    if not isinstance(words, nn.Module):
        raise UserError(f"--site word: {type(model).__name__} has no word-embedding table")
    table = getattr(words, "weight", None)
    modules: list[nn.Module] = list(model.modules()) if isinstance(model, nn.Module) else []
    tied = [each for each in modules if isinstance(each, nn.Embedding) and each.weight is table and each is not words]
    return Site((words, *tied), "word")


def embedding_block(model: nn.Module) -> Site:
    """The embedding block (token, position and type embeddings, LayerNorm, dropout) as a site.

    Raises UserError when the architecture has no single module of that kind.
    """
    backbone = getattr(model, "base_model", model)
    block = getattr(backbone, "embeddings", None)
    words: Any = getattr(model, "get_input_embeddings", lambda: None)()
    # XLM calls the table of word vectors so, and adds positions to its output elsewhere.
    if not isinstance(block, nn.Module) or block is words:
        raise UserError(
            f"--site embeddings: {type(model).__name__} has no embedding block as one module; use --site word"
        )
    return Site((block,), "embeddings")


@torch.no_grad()
def mean_norm(vectors: Tensor) -> float:
    """Mean L2 norm of (N, H) vectors, rows of zeros (padding) left out."""
    norms = vectors.float().norm(dim=-1)
    return float(norms[norms > 0].mean())
