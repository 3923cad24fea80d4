"""Files by language: which code a file has, what is refused, what is only said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.languages import strata
from xtremor.sources.own.kinds.classification import FILES
from xtremor.sources.own.language_files import canonical, language_files, strata_or_unknown


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text(f"text,label\nof {name},x\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("spelt", "code"),
    [
        ("sw", "sw"), ("swh", "sw"), ("swa", "sw"), ("SW", "sw"), ("sr-Latn", "sr-Latn"), ("srp_latn", "sr-Latn"),
        ("zho_Hant", "zh-Hant"), ("pt_br", "pt-BR"), ("es-419", "es-419"), ("eng", "en"), ("zz", "zz"),
        ("QQQ-latn", "qqq-Latn"), ("swahili", None), ("s", None), ("sw-Latin", None), ("", None), ("sw.test", None),
    ],
)  # fmt: skip
def test_codes(spelt: str, code: str | None) -> None:
    assert canonical(spelt) == code


def test_a_folder(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "swh.tsv",
        "de.csv",
        "sr-Latn.jsonl",
        "sr.jsonl",
        "zz.parquet",
        "README.md",
        "notes.txt",
        ".hidden.csv",
    )
    (tmp_path / "more").mkdir()
    found = language_files(str(tmp_path), FILES)
    assert dict(found.files) == {
        "de": tmp_path / "de.csv", "sr-Latn": tmp_path / "sr-Latn.jsonl", "sr": tmp_path / "sr.jsonl",
        "sw": tmp_path / "swh.tsv", "zz": tmp_path / "zz.parquet",
    }  # fmt: skip
    assert found.names["sw"] == f"{tmp_path.name}/swh.tsv" and found.unknown == ("zz",)
    said = " ".join(found.sentences())
    assert "zz: their strata are 'unknown'" in said and "README.md" in said and "notes.txt" in said
    assert ".hidden" not in said


def test_the_training_file_may_lie_in_the_folder(tmp_path: Path) -> None:
    fill(tmp_path, "reviews.csv", "de.csv")
    digest = hashlib.sha256((tmp_path / "reviews.csv").read_bytes()).hexdigest()
    found = language_files(str(tmp_path), FILES, [digest])
    assert list(found.files) == ["de"] and "reviews.csv (the run was trained with it)" in found.sentences()[0]


def test_a_list_of_files(tmp_path: Path) -> None:
    fill(tmp_path, "de.csv", "mine.csv")
    found = language_files(f"sw={tmp_path}/mine.csv, {tmp_path}/de.csv", FILES)
    assert dict(found.files) == {"sw": tmp_path / "mine.csv", "de": tmp_path / "de.csv"}
    assert found.names["sw"] == (tmp_path / "mine.csv").as_posix()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("sw.csv", "swh.tsv"), "sw.csv and {0}/swh.tsv are both of the language sw"),
        (("sr.csv", "srp_Cyrl.csv"), "are both of the language sr"),
        (("zh-TW.csv", "zh-Hant-TW.csv"), "are both of the language"),
        (("german.csv",), "'german' is no language code"),
        (("dev.csv",), "'dev' looks like a split"),
        (("README.md",), "holds no file of a language (left aside: README.md (no"),
        ((), "holds no file of a language; expected files such as sw.csv"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as refused:
        language_files(str(fill(tmp_path, *names)), FILES)
    assert message.format(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{0}/no.csv", "no.csv does not exist"),
        ("sw={0}/no.csv", "no.csv does not exist"),
        ("klingon={0}/a.csv", "'klingon' is no language code"),
        ("{0}/a.csv", "'a' is no language code"),
        ("de={0}/a.csv,deu={0}/b.csv", "are both of the language de"),
        ("de={0}/a.csv,de={0}/a.csv", "are both of the language de"),
        ("sw={0}/c.txt", "is no table with labels"),
        (",", "names no file"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, data: str, message: str) -> None:
    fill(tmp_path, "a.csv", "b.csv", "c.txt")
    with pytest.raises(UserError) as refused:
        language_files(data.format(tmp_path), FILES)
    assert message in str(refused.value)


def test_strata_of_a_language_without_facts_are_unknown() -> None:
    assert strata_or_unknown("sw") == strata("sw")
    assert strata_or_unknown("qqq-Latn").keys() == strata("sw").keys()
    assert set(strata_or_unknown("qqq-Latn").values()) == {"unknown"}
