"""The trackers that there are, and whether the packages that they need are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence

from xtremor.errors import UserError, unknown

# Name, which is also that of the extra -> the package that is imported.
PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}


def check_names(names: Iterable[str], where: str) -> None:
    """Raise UserError for a name that is no tracker's, or named twice."""
    seen: list[str] = []
    for name in names:
        if name not in PACKAGES:
            raise UserError(f"{where}: {unknown('tracker', name, PACKAGES)}")
        if name in seen:
            raise UserError(f"{where}: {name} is named more than once")
        seen.append(name)


def check_installed(names: Sequence[str], where: str) -> None:
    """Raise UserError where the package of one of these trackers is missing."""
    for name in names:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise UserError(
                f"{where} {name} needs the package {PACKAGES[name]}; install it with: pip install 'xtremor[{name}]'"
            )


def split_trackers(text: str | None, where: str = "--tracker") -> tuple[str, ...]:
    """``tensorboard, mlflow`` -> the names, checked, with their packages at hand; None gives none."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UserError(f"{where} names no tracker; write names between commas, for example tensorboard,mlflow")
    check_names(names, where)
    check_installed(names, where)
    return names
