"""Loading: what the report says, and one sentence for each way in which a checkpoint can be unusable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xtremor.encoders import hub, load
from xtremor.encoders.checkpoint import conversion_command
from xtremor.encoders.load import LoadReport
from xtremor.errors import UserError

pytestmark = pytest.mark.usefixtures("cache")
HEAD = {"num_labels": 3, "id2label": {0: "x", 1: "y", 2: "z"}, "label2id": {"x": 0, "y": 1, "z": 2}}


def change_config(folder: Path, **entries: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def rename_tensors(folder: Path, rename) -> None:
    """Rewrite the weights with other names; tensors whose new name is None are dropped."""
    from safetensors.numpy import load_file, save_file

    path = folder / "model.safetensors"
    renamed = {rename(name): tensor for name, tensor in load_file(path).items()}
    renamed.pop(None, None)
    save_file(renamed, path, metadata={"format": "pt"})


def refusal(name: object) -> str:
    """The sentence with which a task model of ``name`` is refused."""
    with pytest.raises(UserError) as caught:
        load.load_task_model(str(name), "AutoModelForSequenceClassification", **HEAD)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestReport:
    def test_a_fresh_head_is_reported_as_missing(self, tiny_folder):
        model, report = load.load_task_model(str(tiny_folder), "AutoModelForSequenceClassification", **HEAD)
        assert type(model).__name__ == report.architecture == "BertForSequenceClassification"
        assert report.missing == [
            "bert.pooler.dense.weight",
            "bert.pooler.dense.bias",
            "classifier.weight",
            "classifier.bias",
        ]
        assert (report.loaded, report.unexpected) == (37, [])
        assert report.parameters == sum(tensor.numel() for tensor in model.parameters())
        assert (report.name, report.resolved) == (str(tiny_folder), str(tiny_folder))
        assert "37 tensors loaded\npooler, classifier newly initialised" in report.sentences()
        assert model.config.id2label == {0: "x", 1: "y", 2: "z"} and not model.training

    def test_a_model_saved_with_its_head_comes_back_whole(self, tiny_folder, tmp_path):
        import torch

        model, first = load.load_task_model(str(tiny_folder), "AutoModelForSequenceClassification", **HEAD)
        saved = tmp_path / "saved"
        model.save_pretrained(saved)
        load.load_tokenizer(str(tiny_folder)).save_pretrained(saved)
        again, report = load.load_task_model(str(saved), "AutoModelForSequenceClassification", **HEAD)
        assert report.missing == report.unexpected == [] and report.loaded == first.loaded + 4
        assert report.sentences().endswith("nothing missing, nothing unused")
        assert report.fingerprint != first.fingerprint
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))

        bare, report = load.load_encoder(str(saved))
        assert type(bare).__name__ == "BertModel" and report.missing == []
        assert report.unexpected == ["classifier.bias", "classifier.weight"]
        assert report.sentences().endswith("2 tensors unused: classifier")

    def test_a_head_of_another_size_counts_as_missing(self, tiny_folder, tmp_path):
        model, _ = load.load_task_model(str(tiny_folder), "AutoModelForSequenceClassification", **HEAD)
        model.save_pretrained(tmp_path / "saved")
        load.load_tokenizer(str(tiny_folder)).save_pretrained(tmp_path / "saved")
        again, report = load.load_task_model(
            str(tmp_path / "saved"), "AutoModelForSequenceClassification", num_labels=2
        )
        assert report.missing == ["classifier.weight", "classifier.bias"] and again.classifier.out_features == 2

    def test_the_head_depends_on_the_seed_alone(self, tiny_folder):
        import torch

        heads = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            model, _ = load.load_task_model(str(tiny_folder), "AutoModelForSequenceClassification", **HEAD)
            heads.append(torch.cat([model.classifier.weight.flatten(), model.bert.pooler.dense.weight.flatten()]))
        assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])

    def test_nothing_is_printed(self, tiny_folder, capfd):
        from transformers.utils import logging

        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        load.load_encoder(str(tiny_folder))
        captured = capfd.readouterr()
        assert captured.out == captured.err == ""
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)

    def test_half_precision_weights_become_fp32(self, checkpoint):
        import torch
        from safetensors.torch import load_file, save_file

        path = checkpoint / "model.safetensors"
        save_file({name: t.half() for name, t in load_file(path).items()}, path, metadata={"format": "pt"})
        change_config(checkpoint, dtype="float16")
        model, _ = load.load_encoder(str(checkpoint))
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}

    def test_long_lists_are_collapsed(self):
        missing = [f"bert.encoder.layer.{i}.output.dense.weight" for i in range(9)] + ["bert.pooler.dense.bias"]
        report = LoadReport("n", "r", "A", 10**6, 5, missing, [f"head{i}.weight" for i in range(8)], "f")
        assert report.sentences() == (
            "encoder n: A, 1.0 M parameters, 5 tensors loaded\n"
            "encoder, pooler newly initialised; 8 tensors unused: head0, head1, head2, head3, head4, ..."
        )

    def test_a_key_that_no_config_has_is_our_own_fault(self, tiny_folder):
        with pytest.raises(ValueError, match=r"not in the config of a bert: nmu_labels"):
            load.load_task_model(str(tiny_folder), "AutoModel", nmu_labels=3)


class TestRefusals:
    def test_a_folder_that_does_not_exist(self, tmp_path):
        assert refusal(tmp_path / "absent") == (
            f"encoder folder {tmp_path}/absent does not exist; name a folder, a hub repository or 'starter'"
        )

    def test_a_folder_without_config(self, checkpoint):
        (checkpoint / "config.json").unlink()
        assert "has no config.json" in refusal(checkpoint)

    def test_a_run_folder_points_to_the_model_inside(self, checkpoint):
        (checkpoint.parent / "run").mkdir()
        checkpoint.rename(checkpoint.parent / "run" / "model")
        assert refusal(checkpoint.parent / "run").endswith(f"did you mean {checkpoint.parent}/run/model?")

    def test_a_config_that_is_not_json(self, checkpoint):
        (checkpoint / "config.json").write_text("{")
        assert "config.json is not readable JSON" in refusal(checkpoint)

    def test_a_config_without_model_type(self, checkpoint):
        (checkpoint / "config.json").write_text("{}")
        assert "names no model_type" in refusal(checkpoint)

    def test_an_unknown_model_type(self, checkpoint):
        change_config(checkpoint, model_type="brt")
        assert "is of model type 'brt', which transformers" in refusal(checkpoint)

    def test_a_model_that_needs_its_own_code(self, checkpoint):
        change_config(checkpoint, model_type="brt", auto_map={"AutoModel": "modeling_brt.BrtModel"})
        (checkpoint / "modeling_brt.py").write_text("raise SystemExit('ran')")
        assert "needs code from its own repository, which xtremor never runs" in refusal(checkpoint)

    def test_a_folder_without_tokenizer(self, checkpoint):
        (checkpoint / "tokenizer.json").unlink()
        assert "has no tokenizer" in refusal(checkpoint)

    def test_a_tokenizer_that_cannot_be_read(self, checkpoint):
        (checkpoint / "tokenizer.json").write_text("{}")
        with pytest.raises(UserError, match=r"the tokenizer in .* cannot be loaded"):
            load.load_tokenizer(str(checkpoint))

    def test_a_folder_without_weights(self, checkpoint):
        (checkpoint / "model.safetensors").unlink()
        assert "has no weights; expected model.safetensors" in refusal(checkpoint)

    def test_weights_that_are_cut_short(self, checkpoint):
        with open(checkpoint / "model.safetensors", "r+b") as file:
            file.truncate(5000)
        assert "model.safetensors is damaged or cut short" in refusal(checkpoint)

    def test_a_missing_shard(self, checkpoint):
        (checkpoint / "model.safetensors").unlink()
        index = {"weight_map": {"embeddings.LayerNorm.bias": "model-00001-of-00001.safetensors"}}
        (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
        assert "lacks the shard model-00001-of-00001.safetensors" in refusal(checkpoint)

    def test_a_checkpoint_that_matches_nothing(self, checkpoint):
        rename_tensors(checkpoint, lambda name: f"vision.{name}")
        assert "matches nothing of a BertForSequenceClassification (its tensors are named like vision." in refusal(
            checkpoint
        )

    def test_a_checkpoint_that_lacks_a_layer(self, checkpoint):
        rename_tensors(checkpoint, lambda name: None if name.startswith("encoder.layer.1.") else name)
        said = refusal(checkpoint)
        assert "gives 21 of the 37 tensors of the encoder" in said and "encoder.layer.1." in said

    def test_weights_of_another_shape(self, checkpoint):
        change_config(checkpoint, intermediate_size=32)
        assert "intermediate.dense.weight has the wrong shape" in refusal(checkpoint)

    def test_a_task_that_the_architecture_lacks(self, tiny_folder):
        with pytest.raises(UserError, match=r"is a bert, for which transformers has no AutoModelForImage"):
            load.load_task_model(str(tiny_folder), "AutoModelForImageClassification")

    def test_a_misspelt_name(self):
        assert refusal("startr").startswith("unknown encoder 'startr' (nearest: starter")
        assert "xlm-r-base" in refusal("xlmr-base")


class TestPickles:
    """Weights in pickles only: refused, with a command that converts them, and never opened."""

    @pytest.fixture
    def pickled(self, checkpoint):
        import torch
        from safetensors.torch import load_file

        path = checkpoint / "model.safetensors"
        torch.save(load_file(path), checkpoint / "pytorch_model.bin")
        path.unlink()
        return checkpoint

    def test_are_refused_with_a_command_that_works(self, pickled, tiny_folder):
        said = refusal(pickled)
        assert "only as pickles (pytorch_model.bin), which xtremor never loads" in said
        command = said.split("safetensors: ", 1)[1]
        assert command == conversion_command(str(pickled))
        code = command.removeprefix('python -c "').removesuffix('"')
        subprocess.run([sys.executable, "-c", code], check=True)
        _, report = load.load_encoder(str(pickled))
        _, original = load.load_encoder(str(tiny_folder))
        assert (report.loaded, report.missing) == (original.loaded, original.missing)

    def test_are_never_opened(self, pickled):
        class Trap:
            def __reduce__(self):
                return os._exit, (13,)

        import pickle

        (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
        assert "never loads" in refusal(pickled)


class TestFingerprint:
    def test_changes_with_weights_and_config_and_nothing_else(self, checkpoint):
        first = load.fingerprint(str(checkpoint))
        (checkpoint / "README.md").write_text("another card")
        assert load.fingerprint(str(checkpoint)) == first
        change_config(checkpoint, hidden_dropout_prob=0.2)
        second = load.fingerprint(str(checkpoint))
        path = checkpoint / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        assert len({first, second, load.fingerprint(str(checkpoint))}) == 3

    def test_reads_large_files_once(self, checkpoint, cache, monkeypatch):
        import hashlib

        first = load.fingerprint(str(checkpoint))
        assert len(json.loads((cache / "digests.json").read_text())) == 2
        monkeypatch.setattr(hashlib, "file_digest", lambda *arguments: pytest.fail("read again"))
        assert load.fingerprint(str(checkpoint)) == first

    @pytest.mark.parametrize("content", ["", "[1]", '{"x": 3}'])
    def test_survives_a_damaged_memory(self, checkpoint, cache, content):
        first = load.fingerprint(str(checkpoint))
        (cache / "digests.json").write_text(content)
        assert load.fingerprint(str(checkpoint)) == first


class TestHub:
    """The hub's client is replaced; no test goes to the network."""

    NAME = "someone/encoder"

    def ask(self, monkeypatch, answer) -> str:
        import huggingface_hub

        def model_info(self, repository, timeout):
            if isinstance(answer, Exception):
                raise answer
            files = [huggingface_hub.hf_api.RepoSibling(rfilename=name) for name in answer]
            return type("Info", (), {"siblings": files})()

        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: None)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
        return refusal(self.NAME)

    def test_no_network(self, monkeypatch):
        said = self.ask(monkeypatch, ConnectionError("name not known"))
        assert said == (
            "cannot fetch encoder 'someone/encoder' from the hub (name not known); "
            "without a network use 'starter' or a local folder"
        )

    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            ("RepositoryNotFoundError", "neither a folder here nor a public repository"),
            ("GatedRepoError", "is gated: accept its terms at https://huggingface.co/someone/encoder"),
        ],
    )
    def test_unknown_and_gated_repositories(self, monkeypatch, kind, said):
        import huggingface_hub.errors as errors

        error = getattr(errors, kind).__new__(getattr(errors, kind))
        assert said in self.ask(monkeypatch, error)

    def test_a_repository_with_pickles_only(self, monkeypatch):
        said = self.ask(monkeypatch, ["config.json", "pytorch_model.bin", "tokenizer.json"])
        assert "hub repository 'someone/encoder' has its weights only as pickles" in said
        assert "hf download someone/encoder --local-dir encoder && python -c" in said

    def test_a_repository_without_weights_or_config(self, monkeypatch):
        assert "has no model.safetensors" in self.ask(monkeypatch, ["config.json"])
        assert "has no config.json" in self.ask(monkeypatch, ["model.safetensors"])

    def test_only_the_needed_files_are_fetched(self):
        files = ["config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin", "onnx/config.json", "x.py"]
        assert hub.wanted_files(self.NAME, files) == ["config.json", "tokenizer.json", "model.safetensors"]
        shards = ["config.json", "model.safetensors.index.json", "model-00001-of-00001.safetensors", "tf_model.h5"]
        assert hub.wanted_files(self.NAME, shards) == shards[:3]

    def test_what_is_cached_needs_no_network_and_is_known_by_its_commit(self, monkeypatch, checkpoint):
        import huggingface_hub

        commit = checkpoint.parent / "snapshots" / "c0ffee"
        commit.parent.mkdir()
        checkpoint.rename(commit)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: str(commit / file))
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *arguments, **named: pytest.fail("asked"))
        _, report = load.load_encoder(self.NAME)
        assert (report.name, report.fingerprint, report.resolved) == (self.NAME, "c0ffee", str(commit))
        assert load.resolve("xlm-r-base") == load.resolve("xlm-roberta-base") == str(commit)


class TestCards:
    def test_known_encoders_are_listed_without_importing_torch(self):
        code = (
            "import sys; from xtremor.encoders.load import known_encoders; cards = known_encoders(); "
            "assert 'torch' not in sys.modules and 'transformers' not in sys.modules; "
            "print(*(card.name for card in cards))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert {"starter", "mbert", "xlm-r-base", "xlm-r-large", "mdeberta", "mmbert"} <= set(done.stdout.split())

    def test_facts_are_whole_and_names_unique(self):
        cards = load.known_encoders()
        names = [card.name for card in cards] + [card.hub for card in cards if card.hub]
        assert len(set(names)) == len(names)
        for card in cards:
            assert card.exposure and card.licence and "\n" not in card.exposure
            assert card.hidden % 64 == 0 and card.layers >= 12 and 100 < card.parameters < 1000

    def test_starter_is_available_once_decoded(self, tiny_folder, monkeypatch):
        import shutil

        from xtremor.encoders import starter

        def available() -> bool:
            return next(card.available for card in load.known_encoders() if card.name == "starter")

        assert not available()
        shutil.copytree(tiny_folder, starter.target_folder())
        assert available()
