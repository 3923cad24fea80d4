"""Reading transfer scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xtremor.analysis.selection.scores import read_scores
from xtremor.errors import UserError


def test_tables_are_read_and_seeds_averaged(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("target,source,score,seed\nsw,en,40,1\nsw,en,42,2\nen,en,90,1\nsw,fr+de,50,1\n", encoding="utf-8")
    found = read_scores([path])
    assert found.sources == ("en",) and found.values.tolist()[0][0] == 41
    assert np.isnan(found.values[0, 1]) and "on itself" in found.notes[0]
    assert found.several == {"de+fr": {"sw": 50.0}}


BAD = {
    "columns": ("a,b\n1,2\n", "line 1: no column source, target, score"),
    "number": ("source,target,score\nen,sw,high\n", "line 2: the score 'high' is no number"),
    "short": ("source,target,score\nen,sw\n", "line 2 has 2 columns"),
    "language": ("source,target,score\nen,xx,3\n", "unknown language 'xx'"),
    "empty line": ("source,target,score\n\nen,sw,3\n", "line 2 is empty"),
    "nothing": ("source,target,score\n", "holds no scores"),
    "nan": ("source,target,score\nen,sw,nan\n", "is no number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_one_sentence(name: str, tmp_path: Path) -> None:
    text, said = BAD[name]
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_scores([path])
