"""Robust training: methods, sites and balls, each usable on its own.

``Robust`` brings a method into a loop of one's own, ``RobustTrainer`` under ``transformers.Trainer``. Importing this
package imports no torch; a name does, when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xtremor.robust.methods import *  # noqa: F403
    from xtremor.robust.own_loop import Robust as Robust
    from xtremor.robust.trainer import RobustMixin as RobustMixin
    from xtremor.robust.trainer import RobustTrainer as RobustTrainer

_OWN = {"Robust": "own_loop", "RobustMixin": "trainer", "RobustTrainer": "trainer"}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _OWN:
        return getattr(importlib.import_module(f"xtremor.robust.{_OWN[name]}"), name)
    methods = importlib.import_module("xtremor.robust.methods")
    if name in methods.__all__:
        return getattr(methods, name)
    raise AttributeError(f"module 'xtremor.robust' has no attribute '{name}'")


def __dir__() -> list[str]:
    from xtremor.robust import methods

    return sorted([*_OWN, *methods.__all__])
