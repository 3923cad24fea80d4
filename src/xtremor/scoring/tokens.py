"""Token accuracy: the share of all tokens of a language whose tag is right, the usual figure for parts of speech.

It is no official figure of XTREME, whose "F1" of UD-POS (see ``pos``) says something else. Long sentences count more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xtremor.scoring.base import Scorer
from xtremor.scoring.chunks import Tags, check_aligned
from xtremor.scoring.counting import percent


def _statistics(gold: Sequence[Tags], predicted: Sequence[Tags]) -> np.ndarray:
    tokens = check_aligned(gold, predicted)
    right = [sum(map(str.__eq__, a, b)) for a, b in zip(gold, predicted, strict=True)]
    return np.column_stack((right, tokens)).astype(np.float64)


def _figures(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    return {"token_accuracy": percent(sums[..., 0], sums[..., 1])}


TOKEN_ACCURACY = Scorer("token_accuracy", ("right", "tokens"), ("token_accuracy",), _statistics, _figures)
