"""Token ids that are kept: found again, told apart, bounded, and never read half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.tiny import sentence, write_encoder

from xtremor.encoders import lazy_tokenizer
from xtremor.encoders.load import load_tokenizer
from xtremor.errors import UserError
from xtremor.tasks import spans, tagging
from xtremor.tasks.base import Answer, SpanExample, TaggingExample
from xtremor.tasks.texts import tokenise
from xtremor.training import token_cache
from xtremor.training.token_cache import keeping_tokens, kept, token_folder


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XTREMOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tokenizer(tiny_encoder: Path) -> Any:
    """A tokenizer of a folder."""
    return load_tokenizer(str(tiny_encoder))


def texts(count: int = 300, seed: str = "texts") -> list[str]:
    import random

    draw = random.Random(seed)
    return [sentence(draw, "en") for _ in range(count)]


def files() -> list[Path]:
    return sorted(token_folder().glob("*"))


def test_ids_are_those_that_were_made_and_lie_in_a_file(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made, cut = tokenise(tokenizer, 12, texts(), texts(300, "more"))
    assert not files()
    with keeping_tokens():
        first = tokenise(tokenizer, 12, texts(), texts(300, "more"))
        assert len(files()) == 1
        monkeypatch.setattr("xtremor.tasks.texts._tokenise", None)
        again = tokenise(tokenizer, 12, texts(), texts(300, "more"))
    for rows, truncated in (first, again):
        assert truncated == cut > 0
        assert np.array_equal(rows.tokens, made.tokens) and np.array_equal(rows.offsets, made.offsets)
        assert made.types is not None and np.array_equal(rows.types, made.types)
    assert not again[0].tokens.flags.writeable and again[0].tokens.dtype == np.int32
    assert np.array_equal(again[0].take(np.array([5, 2])).tokens, made.take(np.array([5, 2])).tokens)


def test_what_ids_depend_on_tells_them_apart(tokenizer: Any, tmp_path: Path) -> None:
    other = write_encoder(tmp_path / "other", "xlm-roberta")
    changed = texts()
    changed[7] += " "
    swapped = [*texts()[1:], texts()[0]]
    with keeping_tokens():
        for each, columns in ((tokenizer, [texts()]), (load_tokenizer(str(other)), [texts()]), (tokenizer, [changed]),
                              (tokenizer, [swapped]), (tokenizer, [texts(150), texts(300)[150:]])):  # fmt: skip
            tokenise(each, 12, *columns)
        tokenise(tokenizer, 13, texts())
    assert len(files()) == 6


def test_few_texts_and_unknown_tokenizers_leave_nothing(tokenizer: Any) -> None:
    with keeping_tokens():
        tokenise(tokenizer, 12, texts(20))
        tokenise(tokenizer.loaded, 12, texts())
    assert not token_folder().exists()


def test_categories_with_further_arrays(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = texts(120)
    sentences = [TaggingExample("panx", "f", n, f"{n}", "en", tuple(text.split(" ")), None)
                 for n, text in enumerate(draws)]  # fmt: skip
    questions = [
        SpanExample("xquad", "f", n, f"{n}", "en", f"{n}", text, "a b", (Answer(text.split(" ")[0], 0),))
        for n, text in enumerate(draws)
    ]
    plain = tagging.encode([each.tokens for each in sentences], tokenizer, 12), spans.encode(questions, tokenizer, 20)
    with keeping_tokens():
        tagging.encode([each.tokens for each in sentences], tokenizer, 12)
        spans.encode(questions, tokenizer, 20)
        assert len(files()) == 2
        monkeypatch.setattr("xtremor.tasks.tagging._encode", None)
        monkeypatch.setattr("xtremor.tasks.windows._encode", None)
        found = (
            tagging.encode([each.tokens for each in sentences], tokenizer, 12),
            spans.encode(questions, tokenizer, 20),
        )
        # One token moved from a sentence to the next is another text.
        moved = [[*sentences[0].tokens, sentences[1].tokens[0]], sentences[1].tokens[1:]]
        with pytest.raises(TypeError):
            tagging.encode([*moved, *(each.tokens for each in sentences[2:])], tokenizer, 12)
    for one, two in zip(plain, found, strict=True):
        for name, value in vars(one).items():
            other = getattr(two, name)
            if name == "rows":
                assert np.array_equal(value.tokens, other.tokens) and np.array_equal(value.offsets, other.offsets)
            else:
                assert np.array_equal(value, other), name


@pytest.mark.parametrize("damage", ["short", "empty", "garbage", "header"])
def test_a_file_that_is_not_whole_is_made_anew(tokenizer: Any, damage: str) -> None:
    with keeping_tokens():
        rows, _ = tokenise(tokenizer, 12, texts())
        path = files()[0]
        whole = path.read_bytes()
        path.unlink()
        path.write_bytes(
            {"short": whole[:-8], "empty": b"", "garbage": b"\xff" * 100, "header": whole[:8] + b"{" + whole[9:40]}[
                damage
            ]
        )
        again, _ = tokenise(tokenizer, 12, texts())
        assert np.array_equal(again.tokens, rows.tokens)
        assert files() == [path] and path.read_bytes() == whole


def test_the_folder_is_bounded_and_what_was_used_last_stays(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping_tokens():
        for seed in ("a", "b", "c"):
            tokenise(tokenizer, 12, texts(300, seed))
        oldest, middle, newest = sorted(files(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(middle, (1, 1))
        size = newest.stat().st_size
        monkeypatch.setattr(token_cache, "budget", lambda: int(3.5 * size))
        tokenise(tokenizer, 12, texts(300, "d"))
        assert middle not in files() and {oldest, newest} < set(files()) and len(files()) == 3
        monkeypatch.setattr(token_cache, "budget", lambda: 10)
        tokenise(tokenizer, 12, texts(300, "e"))
        assert not files()


def test_none_is_kept_where_none_is_wanted(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTREMOR_TOKEN_CACHE_MB", "0")
    with keeping_tokens():
        tokenise(tokenizer, 12, texts())
        assert not token_folder().exists()
        monkeypatch.setenv("XTREMOR_TOKEN_CACHE_MB", "lots")
        with pytest.raises(UserError, match="XTREMOR_TOKEN_CACHE_MB must be a number of megabytes"):
            tokenise(tokenizer, 12, texts())


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tokenizer: Any, fresh_cache: Path) -> None:
    fresh_cache.mkdir(exist_ok=True)
    (fresh_cache / "tokens").write_text("in the way")
    with keeping_tokens():
        rows, _ = tokenise(tokenizer, 12, texts())
    assert len(rows) == 300


def test_processes_side_by_side(tokenizer: Any) -> None:
    """Four processes make and read the same ids at once."""
    script = (
        "import numpy as np; from xtremor.training.token_cache import keeping_tokens, kept\n"
        "class T: digest = 'x'\n"
        "for at in range(40):\n"
        "    with keeping_tokens():\n"
        "        found = kept(T(), {'at': at}, ['a'] * 500, lambda: {'x': np.arange(5000) + at})['x']\n"
        "    assert (found == np.arange(5000) + at).all()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(4)]
    said = [each.communicate()[1].decode() for each in running]
    assert [each.returncode for each in running] == [0] * 4, said
    assert len(files()) == 40 and all(path.suffix == ".tokens" for path in files())


def test_arrays_of_every_shape(tokenizer: Any) -> None:
    arrays = {"a": np.zeros((0, 3)), "b": np.array([[True], [False], [True]]), "c": np.arange(7, dtype=np.int8)}
    with keeping_tokens():
        kept(tokenizer, {}, ["x"] * 500, lambda: arrays)
        found = kept(tokenizer, {}, ["x"] * 500, dict)
    assert list(found) == list(arrays)
    assert all(np.array_equal(found[name], each) and found[name].dtype == each.dtype for name, each in arrays.items())


def test_a_known_tokenizer_is_loaded_when_it_is_needed(tiny_encoder: Path, tmp_path: Path) -> None:
    first = load_tokenizer(str(tiny_encoder))
    assert first._loaded is not None
    again = load_tokenizer(str(tiny_encoder))
    assert (again.pad_token_id, len(again), again.is_fast) == (first.loaded.pad_token_id, len(first.loaded), True)
    assert again.all_special_ids == first.loaded.all_special_ids and again._loaded is None
    assert again("ba de")["input_ids"] == first("ba de")["input_ids"] and again._loaded is not None
    again.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "tokenizer.json").is_file()


def test_changed_files_are_another_tokenizer(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "encoder")
    before = lazy_tokenizer.tokenizer_files_digest(folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, "model_max_length": 7}))
    assert lazy_tokenizer.tokenizer_files_digest(folder) != before
