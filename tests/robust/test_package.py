"""What `xtremor.robust` offers, and that it costs nothing until it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import TrainingArguments

import xtremor.robust
from xtremor.robust import PGD, Robust, RobustTrainer
from xtremor.robust.methods import __all__ as methods


def test_importing_it_imports_no_torch() -> None:
    program = "import sys, xtremor.robust; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_every_method_can_be_imported_and_nothing_else() -> None:
    assert {"Robust", "RobustMixin", "RobustTrainer", *methods} == set(dir(xtremor.robust))
    assert all(hasattr(xtremor.robust, name) for name in dir(xtremor.robust))
    assert PGD.name == "pgd" and Robust.__module__ == "xtremor.robust.own_loop"
    assert RobustTrainer.__mro__[1].__name__ == "RobustMixin"
    with pytest.raises(ImportError, match="cannot import name 'Pgd'"):
        from xtremor.robust import Pgd  # type: ignore[attr-defined]  # noqa: F401


def test_the_snippets_of_the_documentation_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    snippets = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) == 2
    names: dict[str, object] = {}
    exec(snippets[0], names)
    said = re.search(r"print\(robust.counts\)  # (.*)", snippets[0])
    assert said is not None and capsys.readouterr().out.strip() == said.group(1)
    exec(snippets[1].replace("model=model,", f"model=model, args=TrainingArguments({str(tmp_path)!r}),"),
         {**names, "TrainingArguments": TrainingArguments})  # fmt: skip
