"""Options of text without labels, spread into flags by cyclopts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.sources.unlabelled import UnlabelledSettings

UNLABELLED = Group("Unlabelled text (vat, alum, --language-adversary)", sort_key=2)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class UnlabelledOptions:
    """Text of any language beside the labelled rows, for a method's consistency term or a discriminator."""

    unlabelled: Annotated[
        str | None,
        Parameter(
            group=UNLABELLED,
            help="A folder of files such as sw.txt, or files between commas (wiki.txt,tr=news.csv): .txt of one text "
            "a line or tables; of a tagger .txt sentences or CoNLL.",
        ),
    ] = None
    unlabelled_languages: Annotated[
        str | None,
        Parameter(
            group=UNLABELLED, help="Languages, between commas, in which rows of the task itself join, without labels."
        ),
    ] = None
    unlabelled_split: Annotated[
        str | None, Parameter(group=UNLABELLED, help="The split that those are of (default dev).")
    ] = None
    unlabelled_rows: Annotated[
        int | None,
        Parameter(group=UNLABELLED, help="Texts beside the labelled rows of an update (default: as many as those)."),
    ] = None
    unlabelled_text: Annotated[
        str | None,
        Parameter(group=UNLABELLED, help="Text column of the files (default: that of training, or inferred)."),
    ] = None
    unlabelled_text_pair: Annotated[
        str | None, Parameter(group=UNLABELLED, help="Second text column, where rows are pairs.")
    ] = None

    def text(self, batch_size: int) -> UnlabelledSettings | None:
        """What was named; None where nothing was.

        Raises:
            UserError: an option that is about text which is not named.
        """
        from xtremor.sources.unlabelled import UnlabelledSettings

        if self.unlabelled is None and self.unlabelled_languages is None:
            self._refuse(
                [each.name for each in fields(UnlabelledOptions)], "name it with --unlabelled or --unlabelled-languages"
            )
            return None
        if self.unlabelled_languages is None:
            self._refuse(["unlabelled_split"], "name their languages with --unlabelled-languages")
        if self.unlabelled is None:
            self._refuse(["unlabelled_text", "unlabelled_text_pair"], "name them with --unlabelled")
        codes = [code.strip() for code in (self.unlabelled_languages or "").split(",") if code.strip()]
        if self.unlabelled_languages is not None and not codes:
            raise UserError("--unlabelled-languages names no language; write codes between commas, as in sw,tr")
        repeated = [code for place, code in enumerate(codes) if code in codes[:place]]
        if repeated:
            raise UserError(f"--unlabelled-languages names {repeated[0]} more than once")
        rows = batch_size if self.unlabelled_rows is None else self.unlabelled_rows
        return UnlabelledSettings(
            rows, self.unlabelled, tuple(codes), self.unlabelled_split or "dev", self.unlabelled_text,
            self.unlabelled_text_pair,
        )  # fmt: skip

    def _refuse(self, names: list[str], advice: str) -> None:
        """Raise UserError where one of the options is given."""
        about = {"unlabelled_split": "rows of the task", "unlabelled_text": "files", "unlabelled_text_pair": "files"}
        for name in names:
            if getattr(self, name) is not None:
                what = about.get(name, "unlabelled text")
                raise UserError(f"--{name.replace('_', '-')} is about {what}; {advice}, or leave it out")
