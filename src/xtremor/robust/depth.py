"""Perturbing the output of a layer: what lies below it is computed once for all passes over a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from xtremor.encoders.layers import layer_names
from xtremor.errors import UserError
from xtremor.robust.randomness import RandomState, random_state, set_random_state
from xtremor.robust.segments import Segments


@dataclass(frozen=True)
class Depth:
    """A place between two layers of an encoder.

    Attributes:
        name: as typed, for messages.
        module: name of the module that puts out the hidden states.
        below: names of the modules that need not run again once those are known, ``module`` among them; empty where
            the architecture does not keep its layers apart.
        share: of the layers that ``below`` is.
    """

    name: str
    module: str
    below: tuple[str, ...]
    share: float


def find_depth(model: nn.Module, site: str, call: Callable[[], Any]) -> Depth:
    """Where ``layer:N`` or ``last`` is in ``model``; ``call`` runs it over some inputs.

    Raises:
        UserError: the layers cannot be told apart, or there are fewer.
    """
    layers = layer_names(model)
    if layers is None:
        kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        raise UserError(
            f"--site {site}: the layers of this encoder ({kind}) cannot be told apart; use --site word or embeddings"
        )
    number = len(layers) if site == "last" else int(site.partition(":")[2])
    if number > len(layers):
        raise UserError(f"--site {site}: this encoder has {len(layers)} layers; name layer:1 to layer:{len(layers)}")
    calls = _calls(model, call)
    ends = [name for name, _ in calls if name in layers[number - 1]]
    module, below = ends[-1], tuple(name for layer in layers[:number] for name in layer)
    if site == "last":
        module = _last(calls, module, layers)
        below = (*below, *([module] if module not in below else []))
    apart = all(len(layer) == 1 for layer in layers)
    return Depth(site, module, below if apart else (), number / len(layers) if apart else 0.0)


def _calls(model: nn.Module, call: Callable[[], Any]) -> list[tuple[str, Any]]:
    """Every module of the encoder with its output, in the order in which they finished; last the encoder itself."""
    found: list[tuple[str, Any]] = []
    backbone: Any = getattr(model, "base_model", model)
    inside = {id(module) for module in backbone.modules()}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: found.append((name, output))

    handles = [
        module.register_forward_hook(keep(name)) for name, module in model.named_modules() if id(module) in inside
    ]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()
            call()
    finally:
        for handle in handles:
            handle.remove()
        model.train(training)
    end = next(place for place, (name, _) in enumerate(found) if model.get_submodule(name) is backbone)
    return found[: end + 1]


def _last(calls: list[tuple[str, Any]], layer: str, layers: list[list[str]]) -> str:
    """The module that puts out the last hidden states: the last layer, or a norm or dropout behind it."""
    final = calls[-1][1].last_hidden_state
    inside = tuple(f"{name}." for each in layers for name in each)
    makers = [name for name, output in calls[:-1] if first(output) is final]
    if layer in makers:
        return layer
    outer = [name for name in makers if not name.startswith(inside)]
    if not outer:
        raise UserError("--site last: no module of this encoder puts out its last hidden states; use --site layer:N")
    return outer[0]


def first(output: Any) -> Any:
    """The hidden states among what a module puts out."""
    return output[0] if isinstance(output, tuple) else output


class Stand(nn.Module):
    """Takes a module's place in its parent for one forward pass; everything but the call is the module's own."""

    def __init__(self, module: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.__dict__["module"], self.__dict__["call"] = module, call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What ``call`` says."""
        return self.__dict__["call"](*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["module"], name)


class AtDepth:
    """The passes over one batch of a model that is perturbed between two layers.

    The first pass with a graph computes everything and keeps the hidden states; later ones begin there, with the same
    dropout masks below. Gradients are gathered in the hidden states and go down once, in `finish`.

    Args:
        model: changed for the time of a pass only.
        depth: where.
        segments: rows of the batch.
        share_dropout: draw the same masks above in every pass.
    """

    def __init__(self, model: nn.Module, depth: Depth, segments: Segments, share_dropout: bool) -> None:
        self.model, self.depth, self.segments, self.share_dropout = model, depth, segments, share_dropout
        self.output: Any = None
        self.leaves: Any = None
        self.inner: dict[str, Any] = {}
        self.random: RandomState | None = None

    @contextlib.contextmanager
    def override(self, delta: Tensor | None) -> Iterator[None]:
        """Within the context one forward pass has ``delta`` (T, H) added to the hidden states."""
        passed = 0

        def place(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            output = self._hidden(module, *args, **kwargs)
            hidden = first(output)
            if delta is not None:
                hidden = self.segments.shifted(hidden, delta)
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        module = self.model.get_submodule(self.depth.module)
        stands = {self.depth.module: Stand(module, place)}
        lower = [name for name in self.depth.below if name != self.depth.module]
        if self.leaves is not None:
            for name in lower:
                stands[name] = Stand(self.model.get_submodule(name), self._remembered(name))
        hooks = [self.model.get_submodule(name).register_forward_hook(self._keep(name)) for name in lower]
        try:
            with _in_place(self.model, stands):
                yield
        finally:
            for hook in hooks:
                hook.remove()
        if passed != 1:
            raise RuntimeError(f"the site '{self.depth.name}' was passed {passed} times in a forward pass")

    def _keep(self, name: str) -> Callable[..., None]:
        """A hook that remembers what a lower module puts out: only its form matters, to whoever unpacks it later."""

        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            self.inner[name] = _each(output, Tensor.detach)

        return keep

    def _remembered(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.inner[name]

    def _hidden(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """What the module puts out, computed or remembered; the hidden states are a leaf once remembered."""
        if self.leaves is None:
            output = module(*args, **kwargs)
            if not (self.depth.below and torch.is_grad_enabled()):
                return output
            self.output, self.random = output, random_state(first(output).device)
            # T5 hands its position bias on from layer to layer beside the hidden states.
            self.leaves = _each(output, lambda made: made.detach().requires_grad_(made.requires_grad))
        elif self.share_dropout:
            assert self.random is not None
            set_random_state(first(self.leaves).device, self.random)
        return self.leaves

    def finish(self) -> None:
        """Send the gathered gradient down, once for all passes."""
        if self.leaves is not None:
            pairs = zip(_tensors(self.output), _tensors(self.leaves), strict=True)
            reached = [(made, leaf.grad) for made, leaf in pairs if leaf.grad is not None]
            if reached:
                torch.autograd.backward([made for made, _ in reached], [gradient for _, gradient in reached])
        self.output = self.leaves = self.random = None
        self.inner = {}


def _each(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A module's output with every tensor of it changed."""
    if isinstance(output, tuple):
        return tuple(_each(part, change) for part in output)
    return change(output) if isinstance(output, Tensor) else output


def _tensors(output: Any) -> list[Tensor]:
    """The tensors of a module's output."""
    if isinstance(output, tuple):
        return [each for part in output for each in _tensors(part)]
    return [output] if isinstance(output, Tensor) else []


@contextlib.contextmanager
def _in_place(model: nn.Module, stands: dict[str, Stand]) -> Iterator[None]:
    """The model with some modules replaced."""
    before: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for name, stand in stands.items():
            parent, _, own = name.rpartition(".")
            holder = model.get_submodule(parent)
            before.append((holder, own, cast(nn.Module, holder._modules[own])))
            holder._modules[own] = stand
        yield
    finally:
        for holder, own, module in reversed(before):
            holder._modules[own] = module
