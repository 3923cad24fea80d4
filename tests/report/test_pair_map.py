"""The map of gains over ordered pairs of languages, and the difference between its diagonal and the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from xtremor.__main__ import run
from xtremor.compare.comparison import Comparison, compare
from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.errors import UserError
from xtremor.report.pair_map import cells, draw

CODES = ("en", "de", "sw")
# A gain where the texts are in one language, and in two.
ONE, TWO = 1.0, 3.0
NOISE = (0.1, -0.1, 0.3, -0.2)


def rows() -> list[tuple[str, str, int, float]]:
    """System, pair, seed, score: the gain of each seed is the same in all pairs but for those of two languages."""
    return [
        (system, f"{first}+{second}", seed, 50.0 + noise * gained + (ONE if first == second else TWO) * gained)
        for seed, noise in enumerate(NOISE, start=1)
        for system, gained in (("plain", 0), ("freelb", 1))
        for first in CODES
        for second in CODES
    ]


def compared() -> Comparison:
    return compare(ScoreTable.of(Row(a, Target("xnli", b), str(c), d) for a, b, c, d in rows()))


def test_off_the_diagonal_minus_the_diagonal() -> None:
    effects = {
        (each.group.kind, each.group.value): each
        for each in compared().contrasts[0].strata
        if each.group.scheme == "same language"
    }
    assert effects["stratum", "yes"].effect == pytest.approx(ONE + 0.025)
    assert effects["stratum", "no"].effect == pytest.approx(TWO + 0.025)
    # English in both texts counts in no average.
    assert effects["stratum", "yes"].group.languages == 2 and effects["stratum", "no"].group.languages == 6
    gap = effects["gap", "no minus yes"]
    assert gap.effect == pytest.approx(TWO - ONE)


def test_cells_are_the_effects() -> None:
    found = {(each["first"], each["second"]): each for each in cells(compared().contrasts[0], "xnli")}
    assert len(found) == 8 and ("en", "en") not in found
    assert found["de", "sw"]["said"] == "+3.0" and not found["de", "sw"]["same"]
    assert found["sw", "sw"]["difference"] == pytest.approx(ONE + 0.025) and found["sw", "sw"]["same"]


def test_the_scale_is_symmetric_and_holds_every_cell() -> None:
    colour = draw(compared())["vconcat"][0]["layer"][0]["encoding"]["color"]
    assert colour["scale"]["domain"] == pytest.approx([-3.025, 3.025])


def test_scores_of_single_languages_have_no_map() -> None:
    table = ScoreTable.of(Row(a, Target("xnli", b.split("+")[1]), str(c), d) for a, b, c, d in rows() if b[:2] == "en")
    with pytest.raises(UserError, match=r"--map draws ordered pairs.*score runs with --generalized"):
        draw(compare(table))


@pytest.mark.parametrize(("name", "start"), [("map.svg", b"<svg"), ("map.png", b"\x89PNG")])
def test_the_command_writes_it(tmp_path: Path, name: str, start: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    scores = tmp_path / "scores.csv"
    lines = [f"{a},xnli,{b},{c},{d}" for a, b, c, d in rows()]
    scores.write_text("\n".join(["system,task,language,seed,score", *lines]) + "\n", encoding="utf-8")
    assert run(["compare", str(scores), "--baseline", "plain", "--map", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(start)
    out, err = capsys.readouterr()
    assert "no minus yes" in out and f"map: {tmp_path / name}" in err


@pytest.mark.parametrize("name", ["map.pdf", "map", "."])
def test_a_map_that_cannot_be_written_is_refused_first(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(tmp_path / "no.csv"), "--map", str(tmp_path / name)]) == 2
    assert "--map" in capsys.readouterr().err
