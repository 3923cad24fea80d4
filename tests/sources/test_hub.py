"""The hub's Parquet, written here with the published columns: the same rows as the official files, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.official import LANGUAGES, choice_rows, files, small_card, write

from xtremor.errors import UserError
from xtremor.languages import lookup
from xtremor.sources import open_source
from xtremor.sources.base import RetrievalSource
from xtremor.sources.hub import HubSource, open_hub
from xtremor.sources.hub.published import TYDIQA_LANGUAGES
from xtremor.tasks.cards import card

pytestmark = pytest.mark.usefixtures("own_cache")
XNLI = ("entailment", "neutral", "contradiction")


def put(folder: Path, name: str, rows: list[dict[str, Any]], classes: dict[str, Any] | None = None) -> None:
    """Write rows as Parquet; ``classes`` as the `datasets` library describes them in the file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {} if classes is None else {"huggingface": json.dumps({"info": {"features": classes}})}
    pl.DataFrame(rows).write_parquet(path, metadata=metadata)


def label(*names: str) -> dict[str, Any]:
    return {"names": list(names), "_type": "ClassLabel"}


def pair_rows(task: str, split: str, language: str, columns: tuple[str, str], labels: tuple[str, ...]) -> list[Any]:
    lines = files(task)[f"{task}/{split}-{language}.tsv"].splitlines()
    fields = (line.split("\t") for line in lines)
    return [{columns[0]: a, columns[1]: b, "label": labels.index(c)} for a, b, c in fields]


def tag_rows(task: str, split: str, language: str, column: str, tags: tuple[str, ...]) -> list[Any]:
    found = []
    for sentence in files(task)[f"{task}/{split}-{language}.tsv"].removesuffix("\n").split("\n\n"):
        pairs = [line.split("\t") for line in sentence.split("\n")]
        found.append({"tokens": [token for token, _ in pairs], column: [tags.index(tag) for _, tag in pairs]})
    return found


def squad_rows(text: str, prefix: str = "") -> list[Any]:
    found = []
    for article in json.loads(text)["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                answers = {key: [each[key] for each in asked["answers"]] for key in ("text", "answer_start")}
                row = {"id": prefix + asked["id"], "context": paragraph["context"], "question": asked["question"]}
                found.append({**row, "answers": answers})
    return found


def hub(folder: Path, task: str) -> Path:
    """A task's official files of our own making, as the hub has them."""
    languages, data = LANGUAGES[task], files(task)
    for language in languages:
        if task == "xnli":
            for split, theirs in (("test", "test"), ("dev", "validation")):
                rows = pair_rows("xnli", split, language, ("premise", "hypothesis"), XNLI)
                name = f"facebook/xnli/{language}/{theirs}-00000-of-00001.parquet"
                put(folder, name, rows, {"label": label(*XNLI)})
        elif task == "pawsx":
            rows = pair_rows("pawsx", "test", language, ("sentence1", "sentence2"), ("0", "1"))
            put(folder, f"google-research-datasets/paws-x/{language}/test-00000-of-00001.parquet", rows)
        elif task == "panx":
            rows = tag_rows("panx", "test", language, "ner_tags", card("panx").labels)
            put(folder, f"unimelb-nlp/wikiann/{language}/test-00000-of-00001.parquet", rows)
        elif task == "udpos":
            order = tuple(reversed(card("udpos").labels))
            rows = tag_rows("udpos", "test", language, "pos_tags", order)
            about = {"pos_tags": {"feature": label(*order), "_type": "Sequence"}}
            put(folder, f"izhx/xtreme-r-udpos/{language}/test/0000.parquet", rows, about)
        elif task == "xcopa":
            put(folder, f"cambridgeltl/xcopa/{language}/test-00000-of-00001.parquet", choice_rows(language))
        elif task == "xquad":
            rows = squad_rows(data[f"xquad/xquad.{language}.json"])
            put(folder, f"google/xquad/xquad.{language}/validation-00000-of-00001.parquet", rows)
        elif task == "tatoeba":
            code = lookup(language).tatoeba_code
            sides = [data[f"tatoeba/tatoeba.{code}-eng.{side}"].splitlines(keepends=True) for side in (code, "eng")]
            rows = [{"source_sentence": a, "target_sentence": b} for a, b in zip(*sides, strict=True)]
            put(folder, f"google/xtreme/tatoeba.{code}/validation-00000-of-00001.parquet", rows)
        elif task == "mlqa":
            rows = squad_rows(data[f"mlqa/MLQA_V1/test/test-context-{language}-question-{language}.json"])
            put(folder, f"facebook/mlqa/mlqa.{language}.{language}/test-00000-of-00001.parquet", rows)
    if task == "tydiqa":
        rows = []
        for language in languages:
            text = data[f"tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json"]
            rows += squad_rows(text, f"{TYDIQA_LANGUAGES[language]}-")
        put(folder, "google-research-datasets/tydiqa/secondary_task/validation-00000-of-00001.parquet", rows)
    return folder


# TyDi QA's ids lose their language in the official files, and MLQA's articles their titles on the hub.
@pytest.mark.parametrize("task", ["xnli", "pawsx", "panx", "udpos", "xcopa", "xquad"])
def test_rows_are_those_of_the_official_files(task: str, tmp_path: Path) -> None:
    source = HubSource(small_card(task), hub(tmp_path / "hub", task))
    official = open_source(small_card(task), write(tmp_path / "disk", task))
    assert source.languages("test") == list(LANGUAGES[task]) and source.labels() == official.labels()
    for language in source.languages("test"):
        assert source.examples("test", language) == official.examples("test", language)
    assert source.record().source.startswith("Hugging Face hub, ") and "/" in source.record().source


def test_tatoeba_has_the_queries_and_candidates_of_the_original_files(tmp_path: Path) -> None:
    source = open_hub(small_card("tatoeba"), hub(tmp_path / "hub", "tatoeba"))
    official = open_source(small_card("tatoeba"), write(tmp_path / "disk", "tatoeba"))
    assert isinstance(source, RetrievalSource) and isinstance(official, RetrievalSource)
    for language in LANGUAGES["tatoeba"]:
        assert source.examples("test", language) == official.examples("test", language)
        assert source.candidates("test", language) == official.candidates("test", language)
    assert source.record().source == "Hugging Face hub, google/xtreme" and not source.record().notes


def test_languages_of_tatoeba_that_the_hub_lacks_are_said(tmp_path: Path) -> None:
    source = open_hub(card("tatoeba"), hub(tmp_path, "tatoeba"))
    assert len(source.languages("test")) == 36
    source.examples("test", "jv")
    assert "the hub has no test file for az, lt, pl, ro, uk" in source.record().notes
    with pytest.raises(UserError, match="the hub has no test in pl that can be read; it has af, ar, bg"):
        source.examples("test", "pl")
    assert "az, lt, pl, ro and uk are missing there" in card("tatoeba").hub[0]


def test_questions_of_mlqa_and_tydiqa(tmp_path: Path) -> None:
    source = HubSource(small_card("mlqa"), hub(tmp_path, "mlqa"))
    found = source.examples("test", "hi")
    assert [each.id for each in found] == ["a", "b", "c"] and found[0].answers[0].text == "«0»"
    assert [each.cluster for each in found] == ["mlqa/test/0", "mlqa/test/0", "mlqa/test/1"]
    assert any("clusters are paragraphs" in note for note in source.record().notes)
    source = HubSource(small_card("tydiqa"), hub(tmp_path, "tydiqa"))
    korean = source.examples("test", "ko")
    assert [each.id for each in korean] == ["korean-0", "korean-1", "korean-0"] and korean[1].context.startswith("ko ")


def test_the_training_sets(tmp_path: Path) -> None:
    rows = pair_rows("xnli", "train", "en", ("premise", "hypothesis"), XNLI)
    put(tmp_path, "facebook/xnli/en/train-00000-of-00002.parquet", rows[:5])
    put(tmp_path, "facebook/xnli/en/train-00001-of-00002.parquet", rows[5:])
    source = HubSource(small_card("xnli"), tmp_path)
    assert source.languages("train") == ["en"] and len(source.examples("train", "en")) == 9
    put(
        tmp_path,
        "rajpurkar/squad/plain_text/train-00000-of-00001.parquet",
        squad_rows(files("xquad")["squad/train-v1.1.json"]),
    )
    assert len(HubSource(small_card("xquad"), tmp_path).examples("train", "en")) == 3
    social = {"context": "a", "question": "b?", "answerA": "c", "answerB": "d", "answerC": "e", "label": "3"}
    put(tmp_path, "allenai/social_i_qa/default/train/0000.parquet", [social])
    (found,) = HubSource(small_card("xcopa"), tmp_path).examples("siqa", "en")
    assert found.label == "2" and found.choices == ("c", "d", "e")


def test_the_wrong_question_of_xcopa_is_repaired_here_too(tmp_path: Path) -> None:
    hub(tmp_path, "xcopa")
    rows = [{**row, "question": "effect"} for row in choice_rows("th")]
    put(tmp_path, "cambridgeltl/xcopa/th/test-00000-of-00001.parquet", rows)
    source = HubSource(small_card("xcopa"), tmp_path)
    assert source.examples("test", "th")[0].question == "What was the cause?"
    assert any("was wrong in 3 of 6 rows" in note for note in source.record().notes)
    kept = HubSource(small_card("xcopa"), tmp_path, upstream_question=True)
    assert kept.examples("test", "th")[0].question == "What was the effect?"


GOOD = {"premise": "a", "hypothesis": "b", "label": 0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "label": 0}], r"de test has not the published columns \('premise' .*found: text, label\)"),
        ([{**GOOD, "label": 3}], "the class 3 is none of its 3"),
        ([{**GOOD, "premise": "a\tb"}], "'premise' holds 'a\\\\tb'; expected a text without tabs"),
        ([{**GOOD, "label": -1}], r"has no labels \(line 1 has 2"),
        ([{**GOOD, "label": "neutra"}], "unknown label 'neutra'"),
        ([], "it has no row of this language"),
    ],
)
def test_rows_that_are_not_as_published_are_refused(rows: list[Any], said: str, tmp_path: Path) -> None:
    hub(tmp_path, "xnli")
    frame = pl.DataFrame(rows, schema=None if rows else {"premise": pl.String})
    frame.write_parquet(tmp_path / "facebook/xnli/de/test-00000-of-00001.parquet")
    with pytest.raises(UserError, match=said) as caught:
        HubSource(small_card("xnli"), tmp_path).examples("test", "de")
    assert "\n" not in str(caught.value)


def test_numbers_without_names_are_no_tags(tmp_path: Path) -> None:
    rows = [{"tokens": ["a"], "pos_tags": [3]}]
    put(tmp_path, "izhx/xtreme-r-udpos/kk/test-00000-of-00001.parquet", rows)
    with pytest.raises(UserError, match="numbers without names"):
        HubSource(small_card("udpos"), tmp_path).examples("test", "kk")


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    source = HubSource(small_card("xnli"), tmp_path)
    with pytest.raises(UserError, match=r"facebook/xnli on the hub has no Parquet files for test in de; .*--data DIR"):
        source.examples("test", "de")
    path = tmp_path / "facebook/xnli/de/test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"cannot read .* as Parquet"):
        source.examples("test", "de")
    with pytest.raises(UserError, match="the hub has no train in de"):
        source.examples("train", "de")


def test_without_a_network_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: Any, **more: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    monkeypatch.chdir(tmp_path)
    source = open_source(card("xnli"), Path("hub"))
    assert isinstance(source, HubSource)
    with pytest.raises(UserError, match=r"cannot fetch facebook/xnli from the hub \(no route to host\); .*--data DIR"):
        source.examples("test", "de")


def test_most_retrieval_is_not_read_from_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for task in ("lareqa", "mewslix", "bucc2018"):
        with pytest.raises(UserError, match=f"task {task} is not read from the hub"):
            open_source(card(task), Path("hub"))
    with pytest.raises(UserError, match="generalized setting is read from the official files"):
        open_source(card("xnli"), Path("hub"), generalized=True)


def test_a_folder_called_hub_is_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "hub", "xnli")
    monkeypatch.chdir(tmp_path)
    assert not isinstance(open_source(small_card("xnli"), Path("hub")), HubSource)


def test_nothing_stays_behind_in_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTREMOR_CACHE", str(tmp_path / "cache"))
    source = HubSource(small_card("xnli"), hub(tmp_path / "hub", "xnli"))
    source.examples("test", "de")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    source.close()
    assert list((tmp_path / "cache").iterdir()) == []
