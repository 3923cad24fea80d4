"""Typological features of languages from URIEL (Littell et al. 2017), as the package urielplus ships them.

Read are its ``.npz`` files of numbers, without pickle; the package itself is not imported. A feature has a value 0 or 1
from each source that attests it, or (geography) a number from 0 to 1; the mean over its sources is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from xtremor.errors import UserError

_FOLDER = Path("database") / "original_uriel"
# Group -> file, and how the names of its features begin.
GROUPS = {
    "syntax": ("features.npz", "S_"),
    "phonology": ("features.npz", "P_"),
    "inventory": ("features.npz", "INV_"),
    "family": ("family_features.npz", "F_"),
    "geography": ("geocoord_features.npz", "GC_"),
}
# Where a 0 of both says nothing: two languages that both lack an ancestor are not alike for that.
ASYMMETRIC = ("family",)


@dataclass(frozen=True)
class Features:
    """Features of one group.

    Attributes:
        group: one of `GROUPS`.
        values: (languages, F) float64 from 0 to 1, NaN where no source attests one.
    """

    group: str
    values: np.ndarray


def uriel_folder(named: Path | None = None) -> Path:
    """The folder with the files: as named, or of the installed package.

    Raises:
        UserError: neither is there.
    """
    if named is not None:
        if not (named / "features.npz").is_file():
            raise UserError(f"--uriel {named} holds no features.npz; name the folder of URIEL's .npz files")
        return named
    try:
        spec = find_spec("urielplus")
    except (ImportError, ValueError):
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(place) / _FOLDER / "features.npz").is_file():
            return Path(place) / _FOLDER
    raise UserError(
        "distances from URIEL need its features: install xtremor[languages], name a folder of its .npz files with "
        "--uriel, or choose other --distances (kinship, encoder)"
    )


def read_features(folder: Path, iso639_3: Sequence[str], groups: Sequence[str] = tuple(GROUPS)) -> list[Features]:
    """Features of languages by their ISO 639-3 codes; a language that is not in a file has nothing but NaN.

    Raises:
        UserError: a file that is missing or holds something else.
    """
    found, opened = [], {}
    for group in groups:
        name, prefix = GROUPS[group]
        if name not in opened:
            opened[name] = _read(folder / name, iso639_3)
        names, values = opened[name]
        chosen = [place for place, feature in enumerate(names) if feature.startswith(prefix)]
        if not chosen:
            raise UserError(f"{folder / name} has no feature whose name begins with {prefix}; is it URIEL's?")
        each = values[:, chosen]
        if group in ASYMMETRIC:
            # A language without any ancestor is an isolate or, more often, not in the file's genealogy.
            each = np.where(np.nansum(each, axis=1, keepdims=True) > 0, each, np.nan)
        found.append(Features(group, each))
    return found


def _read(path: Path, codes: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Names of features, and (languages, F) means over sources."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data: np.ndarray = file["data"]
            names, languages = ([str(each) for each in file[key]] for key in ("feats", "langs"))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read as a file of URIEL ({error})") from error
    if data.shape[:2] != (len(languages), len(names)):
        raise UserError(f"{path}: its data is {data.shape}, for {len(languages)} languages and {len(names)} features")
    places = {code: place for place, code in enumerate(languages)}
    values = np.full((len(codes), len(names)), np.nan)
    for row, code in enumerate(codes):
        if code in places:
            each = data[places[code]].astype(np.float64)
            attested = each >= 0
            count = attested.sum(1)
            mean = np.where(attested, each, 0).sum(1) / np.maximum(count, 1)
            values[row] = np.where(count > 0, mean, np.nan)
    return names, values
