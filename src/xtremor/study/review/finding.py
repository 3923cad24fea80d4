"""Every kind of threat, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xtremor.study.review import arms, power, record, tests
from xtremor.study.review.material import Material
from xtremor.study.review.threat import Threat

# In the order in which equals are told.
FINDERS: tuple[Callable[[Material], Iterator[Threat]], ...] = (
    record.rehearsal,
    record.edited,
    record.frozen,
    power.seeds,
    arms.compute,
    arms.recipes,
    record.failed,
    record.missing_runs,
    record.early,
    record.hardly_learnt,
    arms.environments,
    record.versions,
    tests.selected,
    tests.floors,
    tests.exposed,
    tests.same_data,
    tests.tiny,
    tests.missing_languages,
)


def found(material: Material) -> list[Threat]:
    """All threats, by how near they come to the primary contrasts."""
    each = [threat for finder in FINDERS for threat in finder(material)]
    return sorted(dict.fromkeys(each), key=lambda threat: threat.weight)
