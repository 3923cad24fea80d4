"""A study file is read strictly: what is wrong with it is said in one sentence that names the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.study.design import Contrast, Seeds, Study, target_seed
from xtremor.study.reading import parse_study, read_study
from xtremor.study.recipes import names, text_of

SMALL = """
name = "small"
intermediate = ["mnli"]
seeds = 3

[stage1]
epochs = 1

[[arms]]
name = "none"

[[arms]]
name = "robust"
stage1 = { method = "freelb-3", radius = 0.01, train-rows = 100 }

[[targets]]
task = "panx"
languages = "sw"
learning_rate = 1e-4
"""
CLAIM = """[[claims]]
name = 'x'
kind = 'gain'
statement = 's'
source = 'we'
treatment = { arm = 'robust' }
control = { arm = 'none' }
"""
BROKEN = {
    "nam = 1": r"unknown key 'nam' \(nearest: name",
    "threads = 'two'": "threads must be a whole number, not 'two'",
    "threads = true": "threads must be a whole number, not True",
    "threads = 0": "threads must be at least 1, not 0",
    "strata = ['scripts']": r"strata: unknown stratum 'scripts' \(nearest: script",
    "checkpoints = ['best']": r"checkpoints: unknown checkpoint rule 'best' \(nearest: best-dev",
    "store = 3": "store must be text, not 3",
    "keep = { target = 'no' }": r"keep.target: unknown value 'no'",
    "keep = { targets = 'always' }": r"\[keep\]: unknown key 'targets' \(nearest: target\)",
    "assumed = { sd_seed = 'big' }": r"\[assumed\]: sd_seed must be a number, not 'big'",
    "assumed = { effect = 101.0 }": "assumed.effect is in points",
    "stage2 = { radiuss = 1.0 }": r"\[stage2\]: unknown key 'radiuss' \(nearest: radius",
    "stage2 = { epochs = 'two' }": r"\[stage2\]: epochs must be a number, not \"two\"",
    "stage2 = { threads = 2 }": r"\[stage2\]: unknown key 'threads'",
    "[[arms]]\nname = 'robust'": "arms: two of one arm, 'robust'; name each once",
    "[[arms]]\nnam = 'x'": r"arms 3: unknown key 'nam' \(nearest: name",
    "[[arms]]\nname = 'a,b'": "the name 'a,b' must be words without commas",
    "[[arms]]\nname = 'x'\nmatch_compute = 'robus'": r"arm 'x': match_compute: unknown arm 'robus' \(nearest: robust",
    "[[arms]]\nname = 'x'\nmatch_compute = 'robust'": "one of the two has a stage1 where the other has none",
    "[[arms]]\nname='x'\nmatch_compute='y'\n[[arms]]\nname='y'\nmatch_compute='x'": "in a cycle: x -> y -> x",
    "[[arms]]\nname = 'x'\nmatch_compute = 'x'": "in a cycle: x -> x",
    "[[arms]]\nname = 'x'\nstage1 = { metod = 'plain' }": r"arms 3 'x', stage1: unknown key 'metod' \(nearest: method",
    "[[claims]]\nname = 'x'": "claim 1 'x': kind is missing",
    "claims = 3": "claims must be a list; write",
    CLAIM.replace("'robust'", "'robus'"): r"claim 'x', treatment: arm: unknown arm 'robus' \(nearest: robust",
    "[[contrasts]]\ntreatment = 'robust'\ncontrol = 'nothing'": r"contrasts: unknown arm 'nothing'",
    "[[contrasts]]\ntreatment = 'robust'\ncontrol = 'robust'": "'robust' is compared with itself",
    "[[contrasts]]\ntreatment = 'robust'": "contrasts 1: control is missing",
    "[[contrasts]]\ntreatment='robust'\ncontrol='none'\nrole='third'": "unknown role 'third'",
    2 * "[[contrasts]]\ntreatment='robust'\ncontrol='none'\n": "two of one pair of arms, 'robust, none'",
    "[[targets]]\ntask = 'panx'": "targets: two of one task, 'panx'; name each once",
    "[[targets]]\ntask = 'udpos'\nlimit = 0": "limit of udpos must be at least 1, not 0",
    "[[targets]]\ntask = 'udpos'\nradius = 0.1": "unknown key 'radius'",
    "[[targets]]\nlimit = 1": "targets 2: task is missing; it must be text",
    "name = = 2": "not TOML",
}


def parsed(text: str) -> Study:
    return parse_study(text, "s.toml")


def test_the_file_becomes_dataclasses() -> None:
    study = parsed(SMALL + "[[contrasts]]\ntreatment = 'robust'\ncontrol = 'none'\n")
    assert study.seeds == Seeds((1, 2, 3)) and study.encoders == ("starter",) and study.threads == 1
    none, robust = study.arms
    assert none.stage1 is None and robust.stage1 is not None
    assert robust.stage1.method().as_dict() == {**robust.stage1.method().as_dict(), "name": "freelb", "steps": 3}
    assert study.stage1.get("epochs") == 1.0 and study.targets[0].settings.get("learning_rate") == 1e-4
    assert study.targets[0].languages == ("sw",) and study.contrasts == (Contrast("robust", "none", "primary"),)
    recipe = robust.stage1.over(study.stage1).recipe("xlm-r-base", 2)
    assert (recipe.train_rows, recipe.epochs, recipe.encoder, recipe.threads) == (100, 1.0, "xlm-r-base", 2)


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_what_is_wrong_is_said(line: str) -> None:
    # Plain keys go before the tables.
    text = SMALL + line if line.startswith("[[") else f"{line}\n{SMALL}"
    with pytest.raises(UserError) as told:
        parsed(text)
    said = str(told.value)
    assert re.search(BROKEN[line], said), said
    assert "\n" not in said and said.startswith("s.toml")


def test_missing_parts_are_said(tmp_path: Path) -> None:
    for text, said in {
        "": "name is missing",
        "name = 'x'": "a study needs arms",
        "name = 'x'\n[[arms]]\nname = 'a'": "a study needs targets",
        "name = 'x'\n[[arms]]\nname = 'a'\nstage1 = {}\n[[targets]]\ntask = 'panx'": "names no task for it",
        "name='x'\nintermediate=['mnli']\n[[arms]]\nname='a'\n[[targets]]\ntask='panx'": "no arm has a stage1",
        "name = 'x'\nseeds = 0\n[[arms]]\nname = 'a'": "seeds.stage1 must name seeds",
        "name = 'x'\nseeds = [1, 1]\n[[arms]]\nname = 'a'": "each once",
        "name = 'x'\nseeds = { stage3 = 1 }": "unknown key 'stage3'",
        "name = 'x'\nseeds = 'a'": "must be a number of seeds, or a list of them",
        "name = 'x'\nseeds = [1000]": "seeds go from 1 to 999",
        "name = 'x'\narms = 3": r"arms must be a list; write [[arms]]",
    }.items():
        with pytest.raises(UserError) as told:
            parsed(text)
        assert said in str(told.value)
    with pytest.raises(UserError, match="No such file or directory; name a TOML file"):
        read_study(tmp_path / "none.toml")


def test_no_two_pairs_of_seeds_train_a_target_alike() -> None:
    pairs = Seeds(tuple(range(1, 1000)), (1, 2, 999)).pairs
    assert len({target_seed(*pair) for pair in pairs}) == len(pairs)
    assert all(target_seed(first, 1) == first for first, _ in pairs)


@pytest.mark.parametrize("name", names())
def test_recipes_are_studies(name: str) -> None:
    study = parsed(text_of(name))
    assert study.about and study.name == name
    assert len(text_of(name).splitlines()) < 200
