"""`xtremor evaluate --align`: what it moves, what it leaves, what it records and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from helpers.commands import call, read_json, train_command
from helpers.retrieval import write_lareqa, write_tatoeba
from helpers.tiny import KINDS, MORE_KINDS, WIDTH, make_model, make_tokenizer, write_panx, write_xnli

from xtremor.alignment.evaluated import Aligned, _last_module
from xtremor.alignment.procrustes import Mapping
from xtremor.alignment.rival import fairness
from xtremor.encoders.cards import CARDS

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt the tiny task; not to be written to."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        assert call(train_command(tiny_data, tiny_encoder, folder, "--epochs", "4")) == 0
    return folder


def aligned(run: Path, data: Path, output: Path, *more: str) -> list[str]:
    return ["evaluate", str(run), "--data", str(data), "--output", str(output), "--threads", "1", "--align", *more]


def pairs(folder: Path, language: str = "sw", rows: int = 10, same: bool = False) -> Path:
    """Made-up translations; with ``same`` every text is its own."""
    path = folder / f"{language}.tsv"
    texts = [("ba de fo"[: 2 + n % 6] + f" {n}", "ku la ne"[: 2 + n % 5] + f" {n}") for n in range(rows)]
    path.write_text("".join(f"{one}\t{one if same else two}\n" for one, two in texts), encoding="utf-8")
    return path


def moved(matrix: np.ndarray) -> Mapping:
    return Mapping(matrix, np.zeros(len(matrix)), np.zeros(len(matrix)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packing", [False, True])
def test_the_head_reads_what_the_map_makes(kind: str, packing: bool) -> None:
    """A rotation before the head is the head of rotated states: by hand from the encoder's own last hidden states."""
    from xtremor.encoders.packing import packed

    model = make_model("AutoModelForTokenClassification", kind, num_labels=3).eval()
    tokenizer = make_tokenizer(pairs=kind == "bert")
    matrix = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))[0]
    made = Aligned({"sw": moved(matrix)}, {}, _last_module(model, tokenizer))
    ids = torch.tensor([[2, 9, 12, 30, 3], [2, 8, 3, 0, 0]])
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    real = ids > 0
    with torch.no_grad(), packed(model, packing):
        plain = model(**inputs).logits
        hidden = model.base_model(**inputs).last_hidden_state
        with made.over(model, "sw"):
            found = model(**inputs).logits
        with made.over(model, "de"):
            other = model(**inputs).logits
        after = model(**inputs).logits
    head = model.classifier if kind != "modernbert" else torch.nn.Sequential(model.head, model.drop, model.classifier)
    with torch.no_grad():
        expected = head(hidden @ torch.from_numpy(matrix).float())
    assert torch.allclose(found[real], expected[real], atol=1e-5)
    assert not torch.allclose(found[real], plain[real], atol=1e-3)
    assert torch.equal(other, plain) and torch.equal(after, plain)


@pytest.mark.parametrize("kind", [*MORE_KINDS, "mt5", "roberta"])
def test_the_last_hidden_states_are_found(kind: str) -> None:
    """In architectures whose layers are followed by a norm, or stand in several lists."""
    model = make_model("AutoModelForTokenClassification", kind, num_labels=3).eval()
    matrix = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))[0]
    made = Aligned({"sw": moved(matrix)}, {}, _last_module(model, make_tokenizer(pairs=False)))
    ids = torch.tensor([[2, 9, 12, 30, 3]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        hidden, logits = model.base_model(**inputs).last_hidden_state, model(**inputs).logits
        with made.over(model, "sw"):
            found, other = model.base_model(**inputs).last_hidden_state, model(**inputs).logits
    assert torch.allclose(found, hidden @ torch.from_numpy(matrix).float(), atol=1e-5)
    assert not torch.allclose(logits, other, atol=1e-3)


@pytest.mark.parametrize("category", ["classification", "choice", "tagging", "spans"])
def test_an_identity_changes_no_bit(category: str) -> None:
    """In every category that has a head, packed."""
    from xtremor.encoders.packing import packed
    from xtremor.tasks.category import category as kind_of

    kind = kind_of(category)
    model = make_model(kind.AUTO_CLASS).eval()
    made = Aligned({"sw": moved(np.eye(WIDTH))}, {}, _last_module(model, make_tokenizer()))
    ids = torch.tensor([[2, 9, 12, 30, 3], [2, 8, 3, 0, 0]])
    inputs = kind.model_inputs({"input_ids": ids, "attention_mask": (ids > 0).long()})
    with torch.no_grad(), packed(model, True):
        plain = model(**inputs)
        with made.over(model, "sw"):
            found = model(**inputs)
    assert all(torch.equal(one, two) for one, two in zip(plain.to_tuple(), found.to_tuple(), strict=True))


def test_scores_are_another_arm_and_say_what_was_used(
    run: Path, tiny_data: Path, tmp_path: Path, capsys: Captured
) -> None:
    pairs(tmp_path)
    more = ("procrustes", "--pairs", str(tmp_path / "sw.tsv"), "--align-rows", "6", "--languages", "en,sw,de")
    before = sorted(path.name for path in run.iterdir())
    assert call(aligned(run, tiny_data, tmp_path / "out", *more)) == 0
    said = capsys.readouterr().err
    assert "no parallel rows, left as they are: de" in said
    scores, record = (read_json(tmp_path / "out" / f"{name}.json") for name in ("scores", "run"))
    found = scores["alignment"]
    assert found["languages"].keys() == {"sw"} and found["left_as_they_are"] == ["de"]
    cell = found["languages"]["sw"]
    assert cell["rows"] == 6 and cell["fitted"]["after"] < cell["fitted"]["before"] and cell["held_out"]["rows"] == 4
    assert found["kind"] == "procrustes" and found["pooling"] == "cls" and not found["centred"]
    assert "is not known here" in found["fairness"]
    assert scores["parallel_text_seen"] == {"sw": 6}
    assert record["arm"] == scores["arm"] == f"{read_json(run / 'run.json')['arm']}-procrustes6-own-pairs"
    assert any(each.startswith("parallel text of sw (own pairs) was used") for each in record["warnings"])
    assert sorted(path.name for path in run.iterdir()) == before
    # Asked again nothing is done; with other rows it is another result.
    assert call(aligned(run, tiny_data, tmp_path / "out", *more)) == 0
    assert "already scored" in capsys.readouterr().err
    assert call(aligned(run, tiny_data, tmp_path / "out", *more, "--align-seed", "1")) == 2
    assert "alignment.seed: 0 there, 1 here" in capsys.readouterr().err


def test_languages_without_a_map_are_as_they_were(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    """English and what has no parallel rows: the very same answers; with a map others."""
    pairs(tmp_path)
    languages = ("--languages", "en,sw,de")
    plain = ["evaluate", str(run), "--data", str(tiny_data), "--output", str(tmp_path / "plain"), "--threads", "1"]
    assert call([*plain, "--split", "test", *languages]) == 0
    assert call(aligned(run, tiny_data, tmp_path / "out", "procrustes", "--pairs", str(tmp_path), *languages)) == 0
    one, two = (pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("plain", "out"))
    assert one.drop("logits", "predicted").equals(two.drop("logits", "predicted"))
    logits = [np.array(table["logits"].to_list()) for table in (one, two)]
    same = (one["language"] != "sw").to_numpy()
    assert np.allclose(logits[0][same], logits[1][same], atol=1e-5)
    assert np.abs(logits[0][~same] - logits[1][~same]).max() > 1e-3
    assert one.filter(pl.Series(same))["predicted"].equals(two.filter(pl.Series(same))["predicted"])


def test_equal_spaces_give_the_very_same_predictions(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    """Every text is its own translation: the map is the identity, fitted and not put there."""
    pairs(tmp_path, same=True, rows=40)
    plain = ["evaluate", str(run), "--data", str(tiny_data), "--output", str(tmp_path / "plain"), "--threads", "1"]
    assert call([*plain, "--languages", "sw"]) == 0
    more = ("--pairs", str(tmp_path / "sw.tsv"), "--languages", "sw")
    for kind in ("procrustes", "procrustes-centred", "centring"):
        assert call(aligned(run, tiny_data, tmp_path / kind, kind, *more)) == 0
        one, two = (pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("plain", kind))
        assert one["predicted"].equals(two["predicted"])
        logits = [np.array(table["logits"].to_list()) for table in (one, two)]
        assert np.allclose(*logits, atol=1e-4)


def test_rows_that_are_scored_are_never_fitted_on(
    tiny_encoder: Path, run: Path, tmp_path: Path, capsys: Captured
) -> None:
    write_xnli(tmp_path, languages=("en", "sw"))
    english = (tmp_path / "xnli" / "test-en.tsv").read_text(encoding="utf-8").splitlines()
    # Parallel rows have equal labels: these are.
    languages = ("--languages", "sw")
    test = aligned(run, tmp_path, tmp_path / "out", "centring", "--parallel-task", "xnli", *languages)
    assert len(english) == 12
    # By default another split than the scored one: there is no dev in Swahili here, so that none is left.
    assert call(test) == 2
    assert "all 12 rows of xnli test in sw hold a text that is scored" in " ".join(capsys.readouterr().err.split())
    # A part of the split is scored, the rest but for rows with a premise in common is fitted on.
    assert call([*test, "--limit", "4"]) == 0
    found = read_json(tmp_path / "out" / "scores.json")["alignment"]["languages"]["sw"]
    # Rows 4 and 5 share their premise with row 3, which is scored.
    assert (found["rows"], found["left_out"]) == (6, 6)
    (tmp_path / "xnli" / "dev-sw.tsv").write_text((tmp_path / "xnli" / "dev-en.tsv").read_text(), encoding="utf-8")
    test[test.index(str(tmp_path / "out"))] = str(tmp_path / "dev")
    assert call(test) == 0
    assert read_json(tmp_path / "dev" / "scores.json")["alignment"]["parallel_text"] == "xnli dev"


def test_tagging(tiny_encoder: Path, tmp_path: Path) -> None:
    write_panx(tmp_path)
    pairs(tmp_path)
    more = ("--task", "panx", "--max-length", "64")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", *more)) == 0
    wanted = ("procrustes-centred", "--pairs", str(tmp_path / "sw.tsv"), "--languages", "en,sw,yo")
    assert call(aligned(tmp_path / "run", tmp_path, tmp_path / "out", *wanted)) == 0
    found = read_json(tmp_path / "out" / "scores.json")["alignment"]
    assert found["pooling"] == "mean" and found["left_as_they_are"] == ["yo"]


def test_retrieval_moves_pooled_vectors(tiny_encoder: Path, tmp_path: Path) -> None:
    """English queries of Tatoeba stay; an identity keeps every answer."""
    write_lareqa(tmp_path)
    write_tatoeba(tmp_path)
    pairs(tmp_path, "de", 40, same=True)
    more = ("--task", "lareqa", "--max-length", "96")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", *more)) == 0
    plain = ["evaluate", str(tmp_path / "run"), "--data", str(tmp_path), "--task", "tatoeba", "--threads", "1"]
    plain += ["--languages", "de"]
    assert call([*plain, "--output", str(tmp_path / "plain")]) == 0
    assert (
        call([*plain, "--output", str(tmp_path / "out"), "--align", "procrustes", "--pairs", str(tmp_path / "de.tsv")])
        == 0
    )
    one, two = (pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("plain", "out"))
    assert one["predicted"].equals(two["predicted"])


def test_a_frozen_encoder_is_turned_too(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    """The translations are the English texts through a permutation of vectors that a rotation undoes: all are found."""
    write_tatoeba(tmp_path, rows=40)
    pairs(tmp_path, "de", 30)
    base = ["baseline", "--task", "tatoeba", "--data", str(tmp_path), "--encoder", str(tiny_encoder), "--threads", "1"]
    base += ["--max-length", "64", "--languages", "de,jv"]
    assert call([*base, "--output", str(tmp_path / "plain")]) == 0
    more = ("--align", "procrustes", "--pairs", str(tmp_path / "de.tsv"))
    assert call([*base, "--output", str(tmp_path / "out"), *more]) == 0
    one, two = (read_json(tmp_path / name / "scores.json") for name in ("plain", "out"))
    assert one["languages"]["jv"] == two["languages"]["jv"] and two["alignment"]["left_as_they_are"] == ["jv"]
    assert two["arm"] == f"{one['arm']}-procrustes-own-pairs" and "layer" in two["alignment"]["site"]
    # Rows of Tatoeba itself are candidates, if not queries.
    capsys.readouterr()
    more = ("--align", "procrustes", "--parallel-task", "tatoeba", "--limit", "5")
    assert call([*base, "--output", str(tmp_path / "same"), *more]) == 2
    assert "hold a text that is scored" in " ".join(capsys.readouterr().err.split())
    assert call([*base[:2], "xnli", *base[3:], "--output", str(tmp_path / "c"), *more]) == 2


def test_a_report_shows_it_beside_the_plain_run(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    pairs(tmp_path)
    languages = ("--languages", "en,sw,de")
    plain = ["evaluate", str(run), "--data", str(tiny_data), "--output", str(tmp_path / "runs" / "a"), "--threads", "1"]
    assert call([*plain, *languages]) == 0
    more = ("procrustes", "--pairs", str(tmp_path / "sw.tsv"), *languages)
    assert call(aligned(run, tiny_data, tmp_path / "runs" / "b", *more)) == 0
    assert call(["report", str(tmp_path / "runs"), "--output", str(tmp_path / "page")]) == 0
    page = " ".join((tmp_path / "page" / "index.html").read_text(encoding="utf-8").split())
    assert "plain-procrustes-own-pairs" in page and "parallel text of sw (own pairs) was used" in page
    assert page.count("training.alignment") == 1 and "procrustes (cls) on all rows of sw from own pairs" in page


def test_whether_it_is_a_fair_rival() -> None:
    assert "no fair rival" in fairness("starter") and "no fair rival" in fairness("intfloat/multilingual-e5-base")
    assert "is a fair rival" in fairness("mbert") and "is a fair rival" in fairness("xlm-r-large")
    assert "not known" in fairness("some/encoder")
    for card in CARDS:
        # What a card says of translations, and whether it counts as such, do not part.
        told = "translation pairs" in card.exposure and "no translation pairs" not in card.exposure
        assert (card.translations is True) == told, card.name


BAD = {
    "no output": (["--align", "procrustes", "--pairs", "{pairs}"], "name a folder for them with --output"),
    "no rows": (["--output", "{out}", "--align", "procrustes"], "name parallel rows"),
    "both": (["--output", "o", "--align", "centring", "--pairs", "x", "--parallel-task", "xnli"], "name parallel rows"),
    "no such map": (["--output", "{out}", "--align", "procrust", "--pairs", "{pairs}"], "nearest: procrustes"),
    "zero rows": (["--output", "o", "--align", "centring", "--pairs", "{pairs}", "--align-rows", "0"], "at least 1"),
    "not parallel": (["--output", "{out}", "--align", "centring", "--parallel-task", "panx"], "its rows are no"),
    "other language": (
        ["--output", "{out}", "--align", "centring", "--pairs", "{pairs}", "--languages", "de"], "names no file of de",
    ),
    "not asked": (["--pairs", "{pairs}"], "--pairs is about --align"),
    "pooling": (
        ["--output", "{out}", "--align", "centring", "--pairs", "{pairs}", "--align-pooling", "max"], "mean, cls"
    ),
    "two languages": (
        ["--output", "{out}", "--align", "centring", "--pairs", "{pairs}", "--generalized"], "leave --generalized out"
    ),
    "split": (
        ["--output", "o", "--align", "centring", "--parallel-task", "xnli", "--parallel-split", "trial"], "has test, d"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name: str, run: Path, tiny_data: Path, tmp_path: Path, capsys: Captured) -> None:
    given, said = BAD[name]
    values = {"pairs": pairs(tmp_path), "out": tmp_path / "out"}
    arguments = [each.format(**values) for each in given]
    assert call(["evaluate", str(run), "--data", str(tiny_data), *arguments]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error, error
    assert not (tmp_path / "out").exists()
