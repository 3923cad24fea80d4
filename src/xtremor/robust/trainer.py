"""Robust methods under ``transformers.Trainer``, which keeps accumulation, mixed precision, processes and logging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer

from xtremor.robust.methods.base import Method, as_method
from xtremor.robust.own_loop import Robust

STATE = "robust_method.safetensors"


class RobustMixin:
    """Takes ``robust=PGD(...)`` and trains with it; everything else is the Trainer's.

    With ``Plain()`` training is the Trainer's own bit for bit. Perturbations are functions of the arguments' data seed
    or seed, the process and the micro-batch, so that resuming from a checkpoint is as exact as the Trainer's; what
    a method averages is saved beside it. Passes are logged as ``robust_passes``. DeepSpeed, FSDP and
    several GPUs in one process are not supported.

    Args:
        robust: the method.
    """

    def __init__(self, *args: Any, robust: Method, **kwargs: Any) -> None:
        self.method = as_method(robust)
        super().__init__(*args, **kwargs)
        self.robust: Robust | None = None

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """The Trainer's step with the method in the place of one forward and one backward pass."""
        trainer: Any = self
        model.train()
        if callable(getattr(trainer.optimizer, "train", None)):
            trainer.optimizer.train()
        inputs = trainer._prepare_inputs(inputs)
        robust = self._robust(model)
        parts = trainer.current_gradient_accumulation_steps
        scaled = trainer.loss_is_scaled_for_ga
        if scaled is None:
            scaled = (trainer.model_accepts_loss_kwargs and num_items_in_batch is not None) or (
                trainer.compute_loss_func is not None
            )

        def call() -> Any:
            with trainer.compute_loss_context_manager():
                return trainer.compute_loss(model, dict(inputs), True, num_items_in_batch)

        def criterion(found: Any) -> Tensor:
            loss: Tensor = found[0]
            return loss if scaled else loss / parts

        return robust.over(
            inputs,
            lambda: Outputs(*call()),
            lambda outputs: criterion(outputs.found),
            trainer.accelerator.backward,
            self._draw(),
            1 / parts,
        )

    def _robust(self, model: Any) -> Robust:
        trainer: Any = self
        if self.robust is None:
            args, tokenizer = trainer.args, getattr(trainer, "processing_class", None)
            if args.n_gpu > 1:
                raise ValueError("several GPUs in one process are not supported; start one process for each (torchrun)")
            seed = args.seed if args.data_seed is None else args.data_seed
            special = getattr(tokenizer, "all_special_ids", ())
            self.robust = Robust(model, self.method, seed=seed, special_ids=special, optimizer=_bare(trainer.optimizer))
            self._restore()
        return self.robust

    def _draw(self) -> int:
        """A number of its own for every micro-batch and process."""
        trainer: Any = self
        state, processes = trainer.state, trainer.args.world_size
        if getattr(self, "_update", None) != state.global_step:
            self._update, self._part = state.global_step, 0
        self._part += 1
        number = state.global_step * 100_000 + self._part
        return int(number * processes + trainer.args.process_index)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """The Trainer's, with the passes so far."""
        if self.robust is not None and "loss" in logs:
            logs["robust_passes"] = self.robust.counts.total()
        super().log(logs, *args, **kwargs)  # type: ignore[misc]

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        super()._save_checkpoint(*args, **kwargs)  # type: ignore[misc]
        trainer: Any = self
        if self.robust is None or not trainer.args.should_save:
            return
        from safetensors.torch import save_file

        folder = Path(trainer._get_output_dir(trial=None)) / f"checkpoint-{trainer.state.global_step}"
        tensors = {f"method/{name}": held.contiguous() for name, held in self.robust.runner.state().items()}
        save_file({"unit": torch.tensor(self.robust.unit, dtype=torch.float64), **tensors}, folder / STATE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, *args, **kwargs)  # type: ignore[misc]
        self._saved = Path(resume_from_checkpoint) / STATE

    def _restore(self) -> None:
        """The method's state of the checkpoint that training goes on from."""
        saved: Path | None = getattr(self, "_saved", None)
        if saved is None or self.robust is None:
            return
        from safetensors.torch import load_file

        tensors = load_file(saved)
        method = {name.partition("/")[2]: held for name, held in tensors.items() if name != "unit"}
        self.robust.load_state_dict({"steps": 0, "unit": float(tensors["unit"]), "method": method})


class Outputs:
    """Loss and outputs of ``compute_loss``, the latter's attributes at hand."""

    def __init__(self, loss: Tensor, outputs: Any) -> None:
        self.found = (loss, outputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found[1], name)


def _bare(optimizer: Any) -> Any:
    """The optimizer that accelerate wraps."""
    return getattr(optimizer, "optimizer", optimizer)


class RobustTrainer(RobustMixin, Trainer):  # type: ignore[misc]
    """``transformers.Trainer`` with ``robust=PGD(...)``; see `RobustMixin`."""
