"""Which column of somebody's table is what, by its name; refused where two could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xtremor.errors import UserError, unknown
from xtremor.languages import lookup

# Role -> names, lower case, that are taken for it; "_" stands for "_", "-" and blanks.
NAMES: dict[str, tuple[str, ...]] = {
    "system": ("system", "arm", "model", "method", "approach", "name", "run_name"),
    "task": ("task", "dataset", "benchmark", "data"),
    "language": ("language", "lang", "locale", "language_code", "target_language", "tgt_lang"),
    "seed": ("seed", "random_seed", "stage1_seed", "seed1", "intermediate_seed", "run", "replicate"),
    "nested": ("stage2_seed", "seed2", "target_seed", "finetuning_seed", "fine_tuning_seed", "nested_seed"),
    "score": (
        "score", "value", "result", "accuracy", "acc", "f1", "em", "exact_match", "metric_value",
        "points", "map", "mrr",
    ),
    "labelled": ("trained_on_language",),
}  # fmt: skip
OPTION = {role: f"--{role}-column" for role in NAMES}
# Names that win over the role's other ones: the table of a report has both arm and method.
_SURE = {"system": ("arm",)}
_AVERAGES = ("avg", "average", "mean", "macro", "overall", "avg_no_en", "all")


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table's columns are.

    Attributes:
        system: required.
        score: column of scores; None in a wide table.
        task, language, seed, nested: None where there is none.
        labelled: whether the run was trained on labels in the language; None where there is none.
        wide: columns that are languages, in a table with a column a language.
        ignored: columns that are not read.
    """

    system: str
    score: str | None
    task: str | None = None
    language: str | None = None
    seed: str | None = None
    nested: str | None = None
    labelled: str | None = None
    wide: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def sentence(self) -> str:
        """``system = model, language = lang, score = f1`` and what is not read."""
        roles = ("system", "task", "language", "seed", "nested", "score", "labelled")
        said = [f"{role} = {getattr(self, role)}" for role in roles if getattr(self, role)]
        if self.wide:
            more = ", ..." if len(self.wide) > 6 else ""
            said.append(f"scores of {len(self.wide)} languages = {', '.join(self.wide[:6])}{more}")
        rest = f"; not read: {', '.join(self.ignored)}" if self.ignored else ""
        return f"columns: {', '.join(said)}{rest}"


def infer(name: str, columns: Sequence[str], given: dict[str, str], languages: Sequence[str] = ()) -> Columns:
    """Find the columns.

    Args:
        name: of the file, for messages.
        columns: of the table.
        given: role -> column, as the user named them.
        languages: columns that are languages, as the user named them.

    Raises:
        UserError: a column that is not there, a role that two columns could have, no system or no score.
    """
    for column in (*given.values(), *languages):
        if column not in columns:
            raise unknown(f"column of {name}", column, columns)
    taken = set(given.values()) | set(languages)
    found: dict[str, str | None] = {}
    for role in ("system", "task", "language", "seed", "nested", "labelled"):
        found[role] = given.get(role) or _one(name, role, [c for c in columns if c not in taken])
        taken |= {found[role] or ""}
    if found["system"] is None:
        raise UserError(f"{name} has no column of systems ({', '.join(columns[:8])}); name it with --system-column")
    rest = [column for column in columns if column not in taken]
    wide: tuple[str, ...] = tuple(languages)
    score = given.get("score")
    if score is None and not wide and found["language"] is None:
        wide = _wide(rest)
    if score is None and not wide:
        score = _one(name, "score", rest)
        if score is None and len(rest) == 1:
            score = rest[0]
        if score is None:
            raise UserError(
                f"{name} has no column of scores that can be told by its name "
                f"({', '.join(rest[:8]) or 'none is left'}); name it with --score-column, or the columns of "
                "languages with --language-columns"
            )
    ignored = tuple(column for column in rest if column != score and column not in wide)
    return Columns(
        str(found["system"]), None if wide else score, found["task"], found["language"], found["seed"], found["nested"],
        found["labelled"], wide, ignored,
    )  # fmt: skip


def _one(name: str, role: str, columns: Sequence[str]) -> str | None:
    """The column of a role; the role's own name wins over its synonyms."""
    known = [column for column in columns if _plain(column) in NAMES[role]]
    for sure in (role, *_SURE.get(role, ())):
        exact = [column for column in known if _plain(column) == sure]
        if len(exact) == 1:
            return exact[0]
    if len(known) > 1:
        raise UserError(
            f"{name}: both '{known[0]}' and '{known[1]}' could be the column of the {role}; say which "
            f"with {OPTION[role]}"
        )
    return known[0] if known else None


def _wide(columns: Sequence[str]) -> tuple[str, ...]:
    """Columns whose names are codes of known languages; averages beside them do not count."""
    codes = [column for column in columns if _is_language(column)]
    others = [column for column in columns if column not in codes and _plain(column) not in _AVERAGES]
    return tuple(codes) if len(codes) > 1 or (codes and not others) else ()


def _is_language(column: str) -> bool:
    try:
        lookup(column)
    except UserError:
        return False
    return True


def _plain(column: str) -> str:
    return column.strip().lower().replace("-", "_").replace(" ", "_")
