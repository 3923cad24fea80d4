"""Invented runs, an invented language table so that these tests stand alone, and a browser where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Browser, find
from synthetic_runs import place

from xtremor.report import places


@pytest.fixture(autouse=True)
def language_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_place", lambda code, column: place(code))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = find()
    if executable is None:
        pytest.skip("no Chromium found (Debian: apt-get install chromium)")
    with Browser(executable) as browser:
        yield browser
