"""LoRA (Hu et al. 2021, arXiv 2106.09685) through the optional package peft, merged at the end."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError

if TYPE_CHECKING:
    from torch import nn

# Query and value of the attention as architectures call them; the last holds query, key and value in one matrix.
_USUAL = (("query", "value"), ("query_proj", "value_proj"), ("q_proj", "v_proj"), ("q_lin", "v_lin"), ("Wqkv",))

# How a record names those.
_DEFAULT = "query and value"


@dataclass(frozen=True)
class LoraSettings:
    """Adapters of low rank on the encoder's matrices, which are themselves frozen.

    Attributes:
        rank: r.
        alpha: an adapter counts alpha / rank times; None is 2 x rank.
        dropout: probability on an adapter's input.
        targets: last parts of the names of the matrices; empty is query and value of every attention.
    """

    rank: int
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"--lora is the rank of the adapters, at least 1, not {self.rank}")
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            raise UserError(f"--lora-alpha must be a number greater than 0, not {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"--lora-dropout is a probability from 0 to below 1, not {self.dropout}")

    @property
    def scale(self) -> float:
        """Alpha with its default filled in."""
        return 2.0 * self.rank if self.alpha is None else float(self.alpha)

    def as_dict(self) -> dict[str, Any]:
        """Flat values for records."""
        return {
            "lora": self.rank,
            "lora_alpha": self.scale,
            "lora_dropout": self.dropout,
            "lora_targets": ",".join(self.targets) or _DEFAULT,
        }

    @staticmethod
    def from_dict(recorded: dict[str, Any]) -> LoraSettings | None:
        """The settings that `as_dict` recorded; None where there were none."""
        if "lora" not in recorded:
            return None
        names = recorded["lora_targets"]
        targets = () if names == _DEFAULT else tuple(names.split(","))
        return LoraSettings(recorded["lora"], recorded["lora_alpha"], recorded["lora_dropout"], targets)

    @property
    def label(self) -> str:
        """For arms: the rank, and what is not the default."""
        usual = LoraSettings(self.rank)
        parts = [f"lora{self.rank}"]
        parts += [f"alpha{self.scale:g}"] if self.scale != usual.scale else []
        parts += [f"drop{self.dropout:g}"] if self.dropout else []
        return "-".join([*parts, *self.targets])


def check_installed() -> None:
    """Raise UserError where peft is missing."""
    if importlib.util.find_spec("peft") is None:
        raise UserError("--lora needs the package peft; install it with: pip install 'xtremor[peft]'")


def target_modules(model: nn.Module, settings: LoraSettings) -> list[str]:
    """Full names of the encoder's matrices that get an adapter; never one of the head.

    Raises:
        UserError: no matrix of the encoder has one of these names.
    """
    from torch import nn

    backbone: Any = getattr(model, "base_model", model)
    within = {id(module) for module in backbone.modules()}
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in within]
    ends = {name: name.rpartition(".")[2] for name in linear}
    usual = next((names for names in _USUAL if set(names) <= set(ends.values())), ())
    wanted = settings.targets or usual
    for target in wanted or ("query",):
        if target not in ends.values():
            known = ", ".join(dict.fromkeys(ends.values())) or "none"
            raise UserError(f"--lora-targets: no matrix of this encoder is called '{target}'; it has {known}")
    return [name for name in linear if ends[name] in wanted]


def add_adapters(model: nn.Module, settings: LoraSettings, targets: list[str], seed: int, kept: Collection[str]) -> Any:
    """Put adapters on ``targets`` and freeze everything but them and the parameters named in ``kept``.

    The adapters begin as zero (B = 0), so that the first forward pass is the pretrained one; A is drawn from ``seed``.
    Returns what `merge` takes.
    """
    import torch
    from peft import LoraConfig, LoraModel

    # What is frozen stays so: only these are given back their gradient.
    trained = [parameter for name, parameter in model.named_parameters() if name in kept and parameter.requires_grad]
    config = LoraConfig(
        r=settings.rank,
        # peft divides whatever number it is given.
        lora_alpha=settings.scale,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=targets,
    )
    torch.manual_seed(seed)
    tuner = LoraModel(model, config, "default")
    for parameter in trained:
        parameter.requires_grad_(True)
    return tuner


def merged(model: nn.Module, target: str) -> Any:
    """The matrix of a module with its adapter added, as `merge` would leave it; the module stays as it is."""
    layer: Any = model.get_submodule(target)
    return layer.base_layer.weight.detach() + layer.get_delta_weight("default").detach()


def merge(model: nn.Module, tuner: Any) -> None:
    """Add the adapters to the matrices that they stand beside and take them out: an ordinary model again, in place."""
    tuner.merge_and_unload()
    # peft leaves its configuration on the model, which transformers would save.
    if hasattr(model, "peft_config"):
        del model.peft_config
