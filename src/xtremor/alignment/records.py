"""What is recorded of scores whose hidden states were turned into English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xtremor.alignment.rival import fairness, is_unfair, used
from xtremor.tasks.embedding import Embedding

if TYPE_CHECKING:
    from xtremor.alignment.evaluated import Aligned, Alignment


def record_of(
    alignment: Alignment, embedding: Embedding, facts: dict[str, dict[str, Any]], lacking: Sequence[str], encoder: str
) -> dict[str, Any]:
    """What scores.json and run.json say of maps: ``facts`` of every language, and those left as they are."""
    return {
        "kind": alignment.kind,
        "label": alignment.label,
        "centred": alignment.kind != "procrustes",
        "site": "last hidden states of every token" if embedding.layer is None else f"layer {embedding.layer}",
        "pooling": embedding.pooling,
        "rows_asked": alignment.rows,
        "seed": alignment.seed,
        "parallel_text": alignment.data.name,
        "rows_sha256": alignment.data.digest,
        "languages": facts,
        "left_as_they_are": list(lacking),
        "fairness": fairness(encoder),
        "notes": list(alignment.data.notes),
        "data": alignment.data.record,
    }


def enter(record: dict[str, Any], aligned: Aligned, encoder: str) -> dict[str, Any]:
    """``run.json`` of scores that are kept apart, with what alignment makes of the arm.

    Args:
        record: of the run.
        aligned: the maps.
        encoder: name of the pretrained encoder that the run goes back to.
    """
    told = aligned.record
    languages = {code: cell["rows"] for code, cell in told["languages"].items()}
    training = {
        **(record.get("training") or {}),
        # Of the arm, so that maps of other rows do not pass for the same.
        "alignment": {
            **{key: told[key] for key in ("kind", "pooling", "rows_asked", "seed", "parallel_text")},
            "sha256": told["rows_sha256"],
            "languages": languages,
        },
    }
    warnings = [*record.get("warnings", ()), used(list(languages), told["parallel_text"])]
    if is_unfair(encoder):
        warnings.append(fairness(encoder))
    arm = f"{record['arm']}-{told['label']}"
    return {**record, "arm": arm, "training": training, "warnings": warnings, "alignment": told}
