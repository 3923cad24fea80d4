"""What a run does to the weights besides training them: freezing, adapters, L2-SP, interpolation; and the drift."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import Tensor, nn

from xtremor.encoders.layers import parameters_below
from xtremor.errors import UserError
from xtremor.training.config import TrainSettings, derived_seed
from xtremor.training.drift import L2SP, Pretrained


def frozen_names(model: nn.Module, settings: TrainSettings) -> list[str]:
    """Parameters that ``--freeze-layers`` keeps as they are; asked while the model has all its word embeddings."""
    layers = settings.controls.freeze_layers
    return [] if layers is None else parameters_below(model, layers)


class Adaptation:
    """Freezes what is to be frozen and adds adapters; after training makes an ordinary model of it again.

    Args:
        model: on its device, its word embeddings compact; changed in place.
        settings: of the run.
        fresh: names of tensors that the encoder did not bring.
        frozen: as `frozen_names` gave them.

    Raises:
        UserError: a control that this model cannot have.
    """

    def __init__(
        self, model: nn.Module, settings: TrainSettings, fresh: Collection[str], frozen: Collection[str]
    ) -> None:
        self.model, self.settings = model, settings
        controls, lora = settings.controls, settings.lora
        for name, parameter in model.named_parameters():
            if name in frozen:
                parameter.requires_grad_(False)
        trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        if controls.probe_epochs is not None and trained.isdisjoint(fresh):
            raise UserError(
                "--probe-epochs trains new tensors first, but this model has none, its checkpoint brought all that is "
                "trained (retrieval has no head); leave the option out"
            )
        self.targets: list[str] = []
        if lora is not None:
            from xtremor.training.lora import target_modules

            # The matrices of frozen layers get none.
            found = target_modules(model, lora)
            self.targets = [name for name in found if f"{name}.weight" in trained]
            if not self.targets:
                raise UserError(
                    "--lora has nothing to adapt: --freeze-layers freezes every layer that it would go into"
                )
            table = model.get_input_embeddings().weight  # type: ignore[operator]
            others = {name for name, parameter in model.named_parameters() if name in fresh or parameter is table}
            trained &= others | {f"{name}.weight" for name in self.targets}
        self.pretrained = Pretrained(model, fresh, trained, on_device=controls.l2_sp is not None)
        self.penalty: L2SP | None = None
        if controls.l2_sp is not None:
            self.penalty = L2SP(model, self.pretrained.start, fresh, controls.l2_sp, controls.l2_sp_head or 0.0)
        self.tuner: Any = None
        if lora is not None:
            from xtremor.training.lora import add_adapters

            seed = derived_seed(settings.seed, "lora")
            self.tuner = add_adapters(model, lora, self.targets, seed, trained - {f"{n}.weight" for n in self.targets})
        self.parameters = sum(each.numel() for each in model.parameters() if each.requires_grad)

    def trained(self) -> dict[str, Tensor]:
        """Trained parameters as `finish` would leave them, by name; the model stays as it is."""
        adapters = tuple(f"{target}.lora_" for target in self.targets)
        found = {
            name: parameter.detach()
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad and not (adapters and name.startswith(adapters))
        }
        if self.tuner is not None:
            from xtremor.training.lora import merged

            found |= {f"{target}.weight": merged(self.model, target) for target in self.targets}
        share = self.settings.controls.interpolate
        if share is None:
            return found
        return {name: self.pretrained.between(name, tensor, share) for name, tensor in found.items()}

    def finish(self) -> dict[str, Any]:
        """Merge adapters and interpolate, in place; return what the record says about it."""
        said: dict[str, Any] = {}
        if self.tuner is not None:
            from xtremor.training.lora import merge

            merge(self.model, self.tuner)
            said["lora"] = {"matrices": len(self.targets), "trained_parameters": self.parameters}
        if self.settings.controls.interpolate is not None:
            self.pretrained.interpolate(self.model, self.settings.controls.interpolate)
        return {"drift": self.pretrained.distance(self.model), **said}
