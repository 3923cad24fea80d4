"""Where a run's encoder comes from: the stages of training that lie between it and the pretrained one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.encoders.runs import model_folder, run_of
from xtremor.training.folder import RunFolder, read_json

# What a record says about a pretrained encoder and a report needs of it.
_ROOT = ("name", "resolved", "architecture", "parameters", "fingerprint")


def lineage_of(encoder: str) -> dict[str, Any]:
    """``{"lineage": ...}`` for a record where ``encoder`` is a run of ours, else nothing.

    ``encoder`` of a lineage is the pretrained encoder at its beginning; ``stages`` are the runs between that and
    this one, the first first: task, arm, method, seed, training settings, digest of the training features, name of
    the run's folder, and fingerprint of the model that it left.

    Raises:
        UserError: as `xtremor.encoders.runs.model_folder`; the run's record cannot be read.
    """
    run = run_of(Path(encoder).expanduser())
    if run is None:
        return {}
    folder = RunFolder(run)
    record = folder.read_record()
    before = record.get("lineage")
    stage = {
        "task": record["task"],
        "arm": record["arm"],
        "method": record["method"],
        "seed": record["seed"],
        "training": record["training"],
        # Of several tasks at once alone.
        **({"sampling": record["sampling"]} if "sampling" in record else {}),
        "data": read_json(folder.config).get("data"),
        "folder": run.resolve().name,
        "fingerprint": folder_fingerprint(model_folder(run)),
    }
    root = before["encoder"] if before else {key: record["encoder"].get(key) for key in _ROOT}
    return {"lineage": {"encoder": root, "stages": [*(before["stages"] if before else ()), stage]}}


def base_of(encoder: str) -> str:
    """Name of the pretrained encoder that ``encoder`` goes back to: its own, unless it is a finished run of ours."""
    run = run_of(Path(encoder).expanduser())
    if run is None or not RunFolder(run).finished():
        return encoder
    record = RunFolder(run).read_record()
    return root_name(record, record["training"]["encoder"])


def root_name(record: dict[str, Any], encoder: str) -> str:
    """Name of the pretrained encoder that a run goes back to; ``encoder`` is what the run itself was given."""
    past = record.get("lineage")
    return str(past["encoder"]["name"]) if past else encoder
