"""What ``run.json`` says of every run, on one task or on several."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtremor import machine
from xtremor.training.config import TrainSettings
from xtremor.training.folder import FORMAT

if TYPE_CHECKING:
    from xtremor.encoders.load import LoadReport
    from xtremor.training.embeddings import CompactEmbedding
    from xtremor.training.loop import Step, Totals


def common_record(
    settings: TrainSettings,
    rows: int,
    report: LoadReport,
    totals: Totals,
    step: Step,
    table: CompactEmbedding,
    device: Any,
) -> dict[str, Any]:
    """Method, seed, settings, encoder, loss, counts, command, versions and machine; ``rows`` were trained on."""
    import torch

    return {
        "format": FORMAT,
        "arm": settings.arm,
        "method": settings.method.as_dict(),
        "seed": settings.seed,
        "encoder": asdict(report),
        "training": {**settings.as_dict(), "rows": rows, "updates": totals.update},
        "final_training_loss": totals.final_loss,
        "counts": {
            "updates": totals.update,
            "examples": totals.examples,
            "tokens": totals.tokens,
            **step.counts.as_dict(),
            "passes_relative_to_plain": settings.method.expected_passes(step.below) / 3,
        },
        # Not a count, and so not the same in a second run.
        "time_beside_plain": {
            "ratio": statistics.median(totals.beside) if totals.beside else 1.0,
            "updates": len(totals.beside),
        },
        "trained_embedding_rows": table.weight.shape[0] if table.weight.requires_grad else 0,
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
        "machine": machine.machine(str(device), torch.get_num_threads()),
        "warnings": [],
    }


def told_of(settings: TrainSettings) -> dict[str, Any]:
    """What trackers are told of a run before it begins."""
    return {"arm": settings.arm, **settings.as_dict()}


def cost_sentence(record: dict[str, Any]) -> str | None:
    """What the method cost beside plain; None for plain itself."""
    counts, time = record["counts"], record["time_beside_plain"]
    if not time["updates"]:
        return None
    return (
        f"cost: {counts['passes_relative_to_plain']:.2f} times plain's passes, {time['ratio']:.2f} times its time, "
        f"measured beside plain steps in {time['updates']} of {counts['updates']:,} updates"
    )
