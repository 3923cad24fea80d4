"""Invented runs, and an invented language table so that these tests stand alone."""

from __future__ import annotations

import pytest
from synthetic_runs import place

from xtremor.report import places


@pytest.fixture(autouse=True)
def language_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_place", lambda code, column: place(code))
