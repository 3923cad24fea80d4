"""Messages in grammatical English."""

from __future__ import annotations

import pytest

from xtremor.wording import number_of


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")])
def test_numbers_of_things(count: int, said: str) -> None:
    assert number_of(count, "rows") == said
