"""A map of ordered pairs of languages: the gain by the languages of the first and of the second text of a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.languages import PAIR
from xtremor.paths import atomic_file
from xtremor.report.charts import Drawing

if TYPE_CHECKING:
    from xtremor.compare.comparison import Comparison, Contrast

SUFFIXES = (".svg", ".png")
CELL = 26  # Pixels.
# Smallest end of the scale, in points, so that differences of a tenth do not look like much.
LEAST = 1.0


def check_output(path: Path) -> None:
    """Raise UserError where the name of a map does not say how to write it, or is a folder."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--map {path}: the suffix says how to draw it; expected one of {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise UserError(f"--map {path} is a folder; name a file in it")


def cells(contrast: Contrast, task: str) -> list[dict[str, Any]]:
    """A row for each ordered pair of a task: languages of both texts, the difference in points, whether it was found.

    English in both texts has a row only where it is compared (``--english``).
    """
    return [
        {
            "first": first,
            "second": second,
            "difference": effect.effect,
            "same": first == second,
            "said": f"{effect.effect:+.1f}",
            "verdict": effect.verdict,
        }
        for effect in contrast.languages
        if effect.group.task == task and PAIR in effect.group.value
        for first, second in [effect.group.value.split(PAIR, 1)]
    ]


def draw(comparison: Comparison) -> dict[str, Any]:
    """The specification of a picture: one map for every contrast and task with ordered pairs of languages.

    Raises:
        UserError: no test set is a pair of languages.
    """
    import altair as alt

    found = [
        (contrast, task, rows)
        for contrast in comparison.contrasts
        for task in comparison.scores.tasks
        if (rows := cells(contrast, task))
    ]
    if not found:
        raise UserError(
            f"--map draws ordered pairs of languages (as en{PAIR}sw), of which these scores have none; score runs with "
            "--generalized"
        )
    largest = max(LEAST, *(abs(row["difference"]) for _, _, rows in found for row in rows))
    maps, data = [], {}
    for number, (contrast, task, rows) in enumerate(found):
        data[f"map-{number}"] = rows
        maps.append(_map(f"map-{number}", contrast, task, rows, largest))
    return Drawing(alt.vconcat(*maps).resolve_scale(color="shared"), data).spec()


def _map(name: str, contrast: Contrast, task: str, rows: Sequence[dict[str, Any]], largest: float) -> Any:
    import altair as alt

    codes = list(dict.fromkeys(row["first"] for row in rows))
    codes += [each for each in dict.fromkeys(row["second"] for row in rows) if each not in codes]
    base = alt.Chart(alt.NamedData(name)).encode(
        x=alt.X("second:N", sort=codes, title="language of the second text", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("first:N", sort=codes, title="of the first"),
    )
    scale = alt.Scale(scheme="blueorange", domain=[-largest, largest], domainMid=0, reverse=True)
    squares = base.mark_rect().encode(
        color=alt.Color("difference:Q", scale=scale, title="points"),
        tooltip=["first:N", "second:N", alt.Tooltip("difference:Q", format="+.2f"), "verdict:N"],
    )
    marks = base.transform_filter("datum.same").mark_rect(fill=None, stroke="#1f2933", strokeWidth=1.2)
    ink = alt.condition(f"abs(datum.difference) > {0.7 * largest}", alt.value("white"), alt.value("#1f2933"))
    texts = base.mark_text(fontSize=9).encode(text="said:N", color=ink)
    effect = contrast.main
    title = alt.TitleParams(
        f"{task}: {effect.treatment} minus {effect.control}", subtitle="points; framed: both texts in one language"
    )
    size = CELL * len(codes)
    return alt.layer(squares, marks, texts).properties(width=size, height=size, title=title)


def write_map(comparison: Comparison, path: Path) -> None:
    """Write the picture, whole or not at all; raises UserError as `draw` and `check_output` do."""
    from xtremor.report.drawing import png, svg

    spec = draw(comparison)
    content = png(spec) if path.suffix.lower() == ".png" else svg(spec).encode()
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
