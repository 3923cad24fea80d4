"""Statistics over runs: a run (one seed of one arm) is the unit of replication, never a test item.

What one imports from here:

* run-level tests: `welch`, `paired_t`, `permutation`, `equivalence`;
* corrections: `holm`, `benjamini_hochberg`, and `levels` of interim looks;
* planning: `power`, `seeds_needed`, `smallest_effect`, `power_of_equivalence`, `seeds_for_equivalence`;
* scatter: `components` of variance, `t_interval`, `shrink`;
* resampling: `cell`, `resample_items`, `crossed_difference`, `fixed_difference`, `split_half`;
* `mixed_model` (extra ``stats``).

Which of them when: docs/statistics.md. For whole score tables use `xtremor.compare.comparison.compare`.
"""

from xtremor.stats.corrections import benjamini_hochberg
from xtremor.stats.halves import split_half
from xtremor.stats.hierarchical import cell, crossed_difference, fixed_difference, redrawn_difference, resample_items
from xtremor.stats.intervals import holm, t_interval
from xtremor.stats.means import paired_t, permutation, welch
from xtremor.stats.mixed import mixed_model
from xtremor.stats.planning import power, power_of_equivalence, seeds_for_equivalence, seeds_needed, smallest_effect
from xtremor.stats.sequential import levels
from xtremor.stats.shrinkage import shrink
from xtremor.stats.tost import equivalence
from xtremor.stats.variance import components

__all__ = [
    "benjamini_hochberg",
    "cell",
    "components",
    "crossed_difference",
    "equivalence",
    "fixed_difference",
    "holm",
    "levels",
    "mixed_model",
    "paired_t",
    "permutation",
    "power",
    "power_of_equivalence",
    "redrawn_difference",
    "resample_items",
    "seeds_for_equivalence",
    "seeds_needed",
    "shrink",
    "smallest_effect",
    "split_half",
    "t_interval",
    "welch",
]
