"""URIEL's files in miniature, made here: three features of each kind for a few languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Language -> syntax, phonology, inventory; -1 is not attested.
TYPOLOGY = {
    "eng": (1, 0, 1, 1, 1, 0, 0, 1, 1),
    "deu": (1, 0, 0, 1, 1, 0, 0, 1, 0),
    "swa": (0, 1, 1, 0, 1, 1, 1, 0, 1),
    "yor": (0, 1, -1, 0, 0, 1, -1, -1, -1),
}
NAMES = ("S_A", "S_B", "S_C", "P_A", "P_B", "P_C", "INV_A", "INV_B", "INV_C")
FAMILY = {"eng": (1, 1, 0, 0), "deu": (1, 1, 0, 0), "swa": (0, 0, 1, 0), "yor": (0, 0, 1, 1), "eus": (0, 0, 0, 0)}
GEOGRAPHY = {"eng": (0.1, 0.5), "deu": (0.15, 0.5), "swa": (0.5, 0.1), "yor": (0.4, 0.2), "eus": (0.1, 0.45)}


def write_features(folder: Path) -> Path:
    """Write the files; two sources attest typology, of which the second knows one feature of English otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    data = np.full((len(TYPOLOGY), len(NAMES), 2), -1.0, dtype=np.float32)
    data[:, :, 0] = list(TYPOLOGY.values())
    data[list(TYPOLOGY).index("eng"), 2, 1] = 0
    _save(folder / "features.npz", NAMES, list(TYPOLOGY), data)
    for name, prefix, table in (("family", "F", FAMILY), ("geocoord", "GC", GEOGRAPHY)):
        values = np.array(list(table.values()), dtype=np.float32)[:, :, None]
        _save(folder / f"{name}_features.npz", [f"{prefix}_{n}" for n in range(values.shape[1])], list(table), values)
    return folder


def _save(path: Path, names: object, languages: list[str], data: np.ndarray) -> None:
    np.savez_compressed(path, feats=np.array(names), langs=np.array(languages), sources=np.array(["A"]), data=data)
