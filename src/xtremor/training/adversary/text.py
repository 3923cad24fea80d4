"""What a discriminator of languages is shown: text of every language, and the graph over those languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.sources.unlabelled import UNDETERMINED
from xtremor.training.adversary import graph as graphs
from xtremor.training.adversary.graph import LanguageGraph
from xtremor.training.adversary.settings import AdversarySettings

if TYPE_CHECKING:
    from xtremor.analysis.selection.distances import Distances
    from xtremor.sources.unlabelled import UnlabelledRows
    from xtremor.tasks.features import Features
    from xtremor.training.unlabelled import UnlabelledText

# Texts of a language whose mean vector places it, where languages are clustered by the encoder.
TEXTS_OF_A_LANGUAGE = 200


@dataclass(frozen=True)
class Opponent:
    """Everything that a discriminator needs before the first update.

    Attributes:
        settings: of the run.
        graph: over the languages that have text.
        features: of all text.
        languages: (U,) int64, place in the graph of each unit's language.
        rows: language -> inputs.
        training: languages whose labelled rows are the text.
    """

    settings: AdversarySettings
    graph: LanguageGraph
    features: Features
    languages: np.ndarray
    rows: dict[str, int]
    training: tuple[str, ...]

    @property
    def trains(self) -> bool:
        """Whether anything of it reaches the encoder."""
        return self.settings.weight > 0

    @property
    def players(self) -> list[int]:
        """Places of the languages that are drawn: those that a loss can come from."""
        left_out = set(self.graph.alone) if self.settings.game == "neighbours" else set()
        return [place for place, code in enumerate(self.graph.codes) if code not in left_out]

    def units_of(self, place: int) -> np.ndarray:
        """The units of a language."""
        return np.flatnonzero(self.languages == place)


@dataclass(frozen=True)
class Cast:
    """Who plays, before anything is tokenised.

    Attributes:
        codes: languages with text, in alphabetical order.
        added: language -> the texts of its labelled rows, where it has no other text.
        graph: over the languages; None where it is the encoder's to say and was not asked for.
    """

    codes: tuple[str, ...]
    added: dict[str, list[Any]]
    graph: LanguageGraph | None


def make_cast(settings: AdversarySettings, rows: UnlabelledRows, training: Sequence[Any], encoder: str | None) -> Cast:
    """The languages and their graph; without an ``encoder`` what would need it is left out.

    Raises:
        UserError: text of fewer than two languages or of one that is not stated; a graph that cannot be used.
    """
    named = rows.languages
    if UNDETERMINED in named:
        stray = next(name for name, facts in rows.files.items() if facts["language"] == UNDETERMINED)
        raise UserError(
            f"--language-adversary: the language of {stray} is not stated; write it as in sw={stray}, or call the file "
            "sw.txt"
        )
    english = any(map(is_english, named))
    own = [each for each in training if each.language not in named and not (english and is_english(each.language))]
    singles = any(len(getattr(each, "texts", ())) == 1 for each in rows.examples)
    own = [part for each in own for part in _alike(each, singles)]
    added = {code: [each for each in own if each.language == code] for code in dict.fromkeys(e.language for e in own)}
    codes = tuple(sorted({*named, *added}))
    if len(codes) < 2:
        raise UserError(
            f"--language-adversary needs text of two languages or more, and there is {', '.join(codes)} alone; name "
            "text of others with --unlabelled or --unlabelled-languages"
        )
    if encoder is None and settings.distance == "encoder":
        return Cast(codes, added, None)
    return Cast(codes, added, _graph(settings, codes, [*rows.examples, *own], encoder or "").check())


def make_opponent(
    settings: AdversarySettings,
    text: UnlabelledText,
    training: Sequence[Any],
    encoder: str,
    featurize: Callable[[Sequence[Any]], Features],
) -> Opponent:
    """Join the text of the labelled rows where their language has no other, and lay out the graph.

    Args:
        settings: of the run.
        text: unlabelled, tokenised.
        training: labelled examples; their labels are not looked at.
        encoder: of the run, for the distance of that name.
        featurize: as for any rows of the task.

    Raises:
        UserError: as `make_cast`.
    """
    from xtremor.training.draws import joined

    cast = make_cast(settings, text.rows, training, encoder)
    assert cast.graph is not None
    codes, added, graph = cast.codes, cast.added, cast.graph
    # A long sentence may be several inputs.
    parts = [featurize(rows) for rows in added.values()]
    features = joined([text.features, *parts])
    spoken = np.concatenate(
        [text.languages, np.repeat(np.array(list(added), dtype=str), [len(part.lengths) for part in parts])]
    )
    places = {code: place for place, code in enumerate(codes)}
    languages = np.array([places[code] for code in spoken.tolist()], dtype=np.int64)
    rows = {code: int((languages == place).sum()) for code, place in places.items()}
    found = Opponent(settings, graph, features, languages, rows, tuple(sorted(added)))
    _tell(found)
    return found


def _alike(example: Any, singles: bool) -> list[Any]:
    """A pair of texts one by one where the other languages have single ones: its form must not give it away."""
    texts = getattr(example, "texts", ())
    return [replace(example, texts=(text,)) for text in texts] if singles and len(texts) > 1 else [example]


def _tell(opponent: Opponent) -> None:
    graph = opponent.graph
    groups = "; ".join("+".join(group) for group in graph.components if len(group) > 1)
    said = f"language adversary: {opponent.settings.graph} over {len(graph.codes)} languages, {len(graph.edges)} edges"
    said += f" ({groups})" if len(groups) < 200 else ""
    if opponent.training:
        said += f"; the text of {', '.join(opponent.training)} is that of the training rows"
    say(said)
    if graph.alone:
        effect = "is not drawn" if opponent.settings.game == "neighbours" else "is linked to none"
        say(f"note: {', '.join(graph.alone)} has no neighbour in the graph and {effect}")


def _graph(settings: AdversarySettings, codes: Sequence[str], examples: Sequence[Any], encoder: str) -> LanguageGraph:
    """The graph as named."""
    if settings.graph == "clique":
        return graphs.clique(codes)
    if settings.edges is not None:
        found = graphs.read_graph(Path(settings.edges).expanduser(), codes)
    else:
        measured = _distances(settings.distance, codes, examples, encoder)
        for note in measured.notes:
            say(note)
        found = graphs.clusters(codes, measured.values, settings.clusters, settings.distance)
    return graphs.permuted(found.check(), settings.permutation) if settings.graph == "permuted" else found


def _distances(name: str, codes: Sequence[str], examples: Sequence[Any], encoder: str) -> Distances:
    """Between the languages."""
    from xtremor.analysis.selection import distances
    from xtremor.languages import lookup

    if name == "encoder":
        from xtremor.analysis.selection.texts import mean_vectors, plain
        from xtremor.analysis.states import states_of

        states, _ = states_of(encoder, False, 128)
        rows = {code: [each for each in examples if each.language == code][:TEXTS_OF_A_LANGUAGE] for code in codes}
        return distances.from_vectors(
            codes, mean_vectors(states, {code: [plain(each) for each in own] for code, own in rows.items()}, None)
        )
    try:
        facts = [lookup(code) for code in codes]
    except UserError as error:
        raise UserError(
            f"--adversary-distance {name}: {error}; name --adversary-distance encoder, or a graph of your own with "
            "--adversary-graph"
        ) from error
    if name == "kinship":
        return distances.kinship(codes)
    from xtremor.analysis.selection.uriel import GROUPS, read_features, uriel_folder

    groups = tuple(GROUPS) if name == "uriel" else (name,)
    try:
        folder = uriel_folder()
    except UserError as error:
        raise UserError(
            f"--adversary-distance {name} needs the features of URIEL: install xtremor[languages], or name kinship or "
            "encoder"
        ) from error
    parts = read_features(folder, [each.iso639_3 for each in facts], groups)
    return distances.together(codes, parts) if name == "uriel" else distances.from_features(codes, parts[0])
