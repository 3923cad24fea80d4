"""The benchmark: ratios by known numbers, honest contestants, and one whole run on a tiny encoder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.commands import call, read_json
from helpers.problems import random_features
from helpers.tiny import make_classifier

from xtremor.benchmark import rate, workload
from xtremor.benchmark.contest import Contestant, Measured, contest, of_rounds, ratio
from xtremor.benchmark.figures import Figure, MethodCost, file_name
from xtremor.benchmark.official import OfficialWay, official_logits, padded
from xtremor.benchmark.operations import operations
from xtremor.benchmark.own import Device, OwnWay
from xtremor.benchmark.rate import matrix_rate
from xtremor.benchmark.run import PARTS, QUICK, Bench
from xtremor.errors import UserError
from xtremor.robust.counter import PassCounts
from xtremor.robust.methods import PGD, Plain

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
CPU = torch.device("cpu")


def test_ratios_are_taken_round_by_round() -> None:
    """A round in which the machine is twice as slow for all changes no ratio."""
    ours, theirs = Measured((1.0, 2.0, 1.0)), Measured((3.0, 6.0, 5.0))
    found = ratio(theirs, ours)
    assert found.each == (3.0, 3.0, 5.0)
    assert (found.median, found.low, found.high) == (3.0, 3.0, 5.0)
    shares = of_rounds(lambda work, seconds, most: work / seconds / most, *(Measured((x,)) for x in (6.0, 3.0, 4.0)))
    assert shares.each == (0.5,)


def test_contestants_take_turns() -> None:
    seen: list[tuple[str, int]] = []

    def turn(name: str, seconds: float) -> Contestant:
        return Contestant(lambda number: (seen.append((name, number)), time.sleep(seconds)))

    found = contest({"a": turn("a", 0.02), "b": turn("b", 0.0)}, 2, CPU, warm=["b"])
    assert seen == [("b", 0), ("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert len(found["a"].each) == len(found["b"].each) == 2 and found["a"].low >= 0.02


def test_verdicts() -> None:
    enough = Figure("a", "a", 3.5, 3.0, 4.0, limit=3.5)
    assert enough.reached and not Figure("a", "a", 3.4, 3.0, 4.0, limit=3.5).reached
    assert Figure("m", "m", 0.4, 0.4, 0.4, "share", 0.45, at_least=False).reached
    assert Figure("m", "m", 0.5, 0.5, 0.5, "share").reached is None
    cost = MethodCost("pgd-3", 3.0, Measured((3.3,)), Measured((0.6,)), 3.2).as_dict()
    assert cost["algorithmic"] == pytest.approx(1.1) and cost["machine"]["median"] == 0.6 and cost["reached"] is False


def test_operations_by_hand() -> None:
    """Two layers of width 16 with 32 inside: four square maps and two of the feed-forward block."""
    found = operations(make_classifier(), np.array([3, 5]))
    maps = 2 * (4 * 16 * 16 + 2 * 16 * 32)
    assert found.linear == 2 * maps * 8
    assert found.attention == 4 * (9 + 25) * 16 * 2
    assert found.plain() == 3 * found.linear + 3 * found.attention
    # An ascent: no weight gradients, of which attention has none anyway.
    assert found.of(PassCounts(2, 2, 1)) == 5 * found.linear + 6 * found.attention
    # The last layer's maps behind attention see the first tokens of two rows instead of eight tokens.
    cut = operations(make_classifier(), np.array([3, 5]), head_alone=True)
    assert cut.linear == found.linear - 2 * (16 * 16 + 2 * 16 * 32) * (8 - 2)
    assert cut.attention == found.attention


def test_rate_of_matrix_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "SECONDS", 0.02)
    slow, fast = (matrix_rate(32, size, 4 * size, CPU) for size in (1, 256))
    assert 0 < slow < fast


def test_the_official_way_trains_as_ours_does() -> None:
    """Padded, dense and unfused: the same loss and gradients all the same, also of the ascent's passes."""
    features = random_features(types=False)
    units = np.arange(len(features.lengths))
    labels = torch.from_numpy(features.targets)
    official = OfficialWay(make_classifier("distilbert"), steps=0)
    inputs = padded(features.rows, 0, 16)
    assert inputs["input_ids"].shape == (len(units), 16)
    assert inputs["attention_mask"].sum() == len(features.rows.tokens)
    official.gradients(inputs, labels)
    own = OwnWay(make_classifier("distilbert"), features, 0, Device(CPU), [Plain(), PGD(steps=3)])
    own.gradients("plain", units)
    theirs = dict(official.model.named_parameters())
    for name, parameter in own.model.named_parameters():
        if "word_embeddings" not in name:
            assert torch.allclose(parameter.grad, theirs[name].grad, atol=1e-5), name
    before = vars(own.counts).copy()
    own.gradients("pgd-3", units)
    assert own.counts.forward - before["forward"] == pytest.approx(4)


def test_the_official_ascent_climbs() -> None:
    features = random_features(types=False)
    inputs, labels = padded(features.rows, 0, 16), torch.from_numpy(features.targets)
    torch.manual_seed(0)
    losses = [
        float(OfficialWay(make_classifier(), radius, steps).gradients(inputs, labels))
        for radius, steps in ((0.0, 0), (0.5, 3))
    ]
    assert losses[1] > losses[0] + 0.01


def test_official_logits_are_in_order() -> None:
    model, rows = make_classifier(), random_features(rows=5, types=False).rows
    languages = {"a": rows.take(np.arange(2)), "b": rows.take(np.arange(2, 5))}
    found = official_logits(model, languages, 0, CPU)
    with torch.no_grad():
        expected = model.eval()(**padded(rows, 0)).logits
    assert np.allclose(found, expected.numpy(), atol=1e-5)


def test_drawn_rows_are_as_long_as_xnlis() -> None:
    features = workload.drawn_features(4000, 250_002)
    assert features.lengths.mean() == pytest.approx(45, abs=1.5) and features.lengths.max() <= 128
    assert 4_000 < np.unique(features.rows.tokens).size <= workload.PIECES
    assert len(workload.drawn_languages(3)) == 15
    assert features.rows.tokens.max() < 250_002


@pytest.fixture(scope="module")
def found(tiny_encoder: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What a run on the tiny encoder wrote, and its folder."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr(rate, "SECONDS", 0.01)
        command = ["bench", "--encoder", str(tiny_encoder), "--data", str(tiny_data), "--only", ",".join(QUICK)]
        assert (
            call([*command, "--rows", "4", "--scored", "2", "--rounds", "2", "--threads", "1", "--output", str(folder)])
            == 0
        )
    (path,) = folder.glob("*.json")
    return read_json(path), folder


def test_a_run_measures_every_figure(found: tuple[dict[str, Any], Path]) -> None:
    told, folder = found
    assert [each["key"] for each in told["figures"]] == [
        "plain", "pgd-3", "packed", "limit", "official-limit", "official-update", "compact", "scoring",
    ]  # fmt: skip
    assert {each["key"]: each["limit"] for each in told["figures"]} == {
        "plain": 3.5, "pgd-3": 3.8, "packed": 1.5, "limit": 0.7, "official-limit": 0.7, "official-update": None,
        "compact": 1.25, "scoring": 3.2,
    }  # fmt: skip
    # The tiny encoder has no ninth layer.
    assert [each["method"] for each in told["methods"]] == [
        "plain", "pgd-1", "pgd-3", "freelb-3", "smart-1", "r3f", "noise",
    ]  # fmt: skip
    assert [round(each["passes"], 2) for each in told["methods"]] == [1.0, 1.67, 3.0, 3.0, 2.67, 2.0, 1.0]
    picture = (folder / f"{file_name(told)}.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_what_is_written_says_what_it_is_of(found: tuple[dict[str, Any], Path]) -> None:
    """Every key that a reader may rely on, with numbers that make sense."""
    told, _ = found
    assert told["format"] == 1 and told["quick"] is False and told["precision"] == "fp32" and told["device"] == "cpu"
    assert told["workload"]["languages"] == 15 and told["workload"]["scored_rows"] == 30
    assert told["machine"]["threads"] == 1 and "torch" in told["versions"] and told["created"] and told["command"]
    assert told["attainable_operations_per_second"]["median"] > 1e6
    for each in told["figures"]:
        assert 0 < each["low"] <= each["value"] <= each["high"]
        assert each["unit"] in ("times", "share") and each["reached"] in (True, False, None)
    for name, spent in told["seconds"].items():
        assert len(spent["rounds"]) >= 1 and spent["low"] <= spent["median"] <= spent["high"], name
    plain, official = told["seconds"]["plain"]["rounds"], told["seconds"]["official plain"]["rounds"]
    assert told["figures"][0]["high"] == pytest.approx(max(b / a for a, b in zip(plain, official, strict=True)))
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "trainign"], "training"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--shape", "xlm-r-huge"], "xlm-r-large"),
        (["--shape", "xlm-r-base", "--data", "x"], "leave one of the two out"),
        (["--precision", "fp8"], "--precision must be one of fp32, bf16"),
    ],
)
def test_refusals(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["bench", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_parts_that_a_shape_cannot_have() -> None:
    assert Bench(shape="xlm-r-base").made() == tuple(part for part in PARTS if part != "start")
    with pytest.raises(UserError):
        Bench(scored=0)


@pytest.mark.slow
def test_processes_of_their_own(tiny_encoder: Path, tmp_path: Path) -> None:
    """Memory and the first training step."""
    command = ["bench", "--encoder", str(tiny_encoder), "--only", "memory,start", "--output", str(tmp_path)]
    assert call(command) == 0
    (path,) = tmp_path.glob("*.json")
    told = {each["key"]: each for each in read_json(path)["figures"]}
    assert 0.5 < told["memory"]["value"] < 1.2 and 1 < told["start"]["value"] < 120
