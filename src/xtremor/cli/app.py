"""The command table. Every command is imported when it is called, so that help answers at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import cleandoc

from cyclopts import App
from cyclopts.exceptions import CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from xtremor import __version__
from xtremor.errors import nearest

HELP = """Train an encoder on English labels so that it holds up in other languages, and see whether it did.

Begin with `xtremor quickstart`: it needs no data and no download of a model.
"""

# Name -> where it is, and its help: one line for the list, then what a newcomer needs, then an example.
COMMANDS = {
    "quickstart": (
        "xtremor.cli.quickstart:quickstart",
        """Compare the methods over several seeds and write a report.

        Trains plain fine-tuning, random noise, PGD and FreeLB with several seeds on English, scores every language, and
        writes OUTPUT/report/index.html. Without options it runs on the starter data and encoder and needs no download.
        Interrupted, the same command goes on where it was.

        For example: `xtremor quickstart`, or
        `xtremor quickstart --task xnli --data DIR --train-rows 4000 --limit 1000 --seeds 2 --output xnli`
        """,
    ),
    "train": (
        "xtremor.cli.train:train",
        """Fine-tune an encoder on a task's English rows with one method and one seed.

        The last step of a fixed schedule is kept; nothing is selected on a target language. Interrupted by Ctrl-C or
        killed, the same command goes on where it was.

        For example: `xtremor train --task intents --method pgd --radius 0.003 --output runs/pgd`
        """,
    ),
    "chain": (
        "xtremor.cli.chain:chain",
        """Train an intermediate task once, then every target from its encoder, and report each.

        What crosses from the first stage to the second is the encoder alone: heads and poolers start fresh. The first
        stage is trained once for every method and seed, in OUTPUT/intermediate; the runs on the targets are in
        OUTPUT/runs, OUTPUT/report/index.html is over all. Interrupted, the same command goes on where it was.

        For example: `xtremor chain --intermediate xnli --targets panx,udpos --data DIR --methods plain,freelb --direct
        --output chain`
        """,
    ),
    "sweep": (
        "xtremor.cli.sweep:sweep",
        """Search settings with equal trials for every method, choose on English dev, and report dose and response.

        Values between commas make a grid; `--trials N` draws N a method at random, also from ranges such as
        `--radius 0.001..0.05`. A method that reads fewer of the settings gets as many trials all the same (the guide
        has the rule). The plan with its cost is printed first, `--dry-run` prints nothing else. Writes
        OUTPUT/sweep.json and OUTPUT/report/index.html; target languages are scored, and never used for a choice.
        Interrupted, the same command goes on.

        For example: `xtremor sweep --methods plain,noise,pgd --radius 0.001,0.003,0.01 --seeds 2 --output sweep`
        """,
    ),
    "study": (
        "xtremor.cli.study:study",
        """Plan, run and query a study: a graph of training runs from one TOML file.

        A study crosses arms (methods, controls), intermediate tasks, targets and seeds. Its stages are stored by
        content, so that nothing is run twice; killed at any moment, the same command goes on.

        For example: `xtremor study new question --output question.toml`, `xtremor study plan question.toml`,
        `xtremor study run question.toml`
        """,
    ),
    "results": (
        "xtremor.cli.results:results",
        """Query the scores of a study: means, or one row for each system, task, language and seed.

        For example: `xtremor results studies/pilot`, or `xtremor results studies/pilot --task panx --output scores.csv`
        """,
    ),
    "review": (
        "xtremor.cli.review:review",
        """Name what threatens the conclusions of a study, from its plan and its store; itemised, without a score.

        Too few seeds and what they can see, unmatched compute, anything selected on a target, encoders that saw the
        task, tiny test sets, a plan that was not kept, missing languages and runs, and more; each with what to do.

        For example: `xtremor review studies/pilot`, or `xtremor review studies/pilot --json`
        """,
    ),
    "interpolate": (
        "xtremor.cli.interpolate:interpolate",
        """Move a trained run's encoder part of the way back to its pretrained weights (WiSE-FT).

        Nothing is trained, the head stays as it is. Writes a run folder of its own, for `evaluate` and `report`.

        For example: `xtremor interpolate runs/plain --alpha 0.5 --output runs/plain-half`
        """,
    ),
    "trim": (
        "xtremor.cli.trim:trim",
        """Make a smaller encoder for chosen languages: the rows of its vocabulary that occur in their text.

        Text comes from --text, from the tasks in --data, or else from the sentences of the starter task. It is split
        as before and has the same hidden states; for text that was left out, the share of unknown tokens and how it
        is split are told. Writes an ordinary Hugging Face folder, for `--encoder`.

        For example: `xtremor trim starter --languages de,fr --output small`, or
        `xtremor trim xlm-r-base --languages sw,yo --data DIR --task panx,tatoeba --half --output small`
        """,
    ),
    "realign": (
        "xtremor.cli.realign:realign",
        """Fine-tune an encoder on translations, before any task: the rival of robust training.

        Vectors of sentences, or of linked words (--words), are brought near those of their English originals, and
        English is held where it was (Cao et al. 2020). Writes a run folder whose encoder any task can start from. It
        uses text of the target languages, and every record that builds on it says so.

        For example: `xtremor realign --encoder xlm-r-base --parallel-task tatoeba --data DIR --languages sw,tr
        --align-rows 1000 --output runs/realigned`, then
        `xtremor train --task xnli --data DIR --encoder runs/realigned --output runs/xnli`
        """,
    ),
    "evaluate": (
        "xtremor.cli.evaluate:evaluate",
        """Score a trained run in every language of its task.

        Writes RUN/predictions.parquet (one row an item, with logits) and RUN/scores.json. With --align the hidden
        states of other languages are turned into English first, by a map fitted on translations (Procrustes).

        For example: `xtremor evaluate runs/pgd --languages sw,tr --limit 500`
        """,
    ),
    "attack": (
        "xtremor.cli.attack:attack",
        """Measure how far trained runs hold: accuracy under attack, random noise and misspelt words.

        For each radius, every item is attacked by gradient ascent with restarts and an adaptive step, which is not what
        any method trains with, and perturbed at random by as much. Writes attack.json, attack.html, attack.svg and
        predictions.parquet. Interrupted, the same command goes on where it was.

        For example: `xtremor attack runs/pgd --languages en,sw --limit 300`, or
        `xtremor attack runs/plain runs/pgd --limit 300 --radii 0.01,0.03,0.1 --output attack`
        """,
    ),
    "align": (
        "xtremor.cli.align:align",
        """Measure how far translations lie from English at every layer, and how much of that a trained model bears.

        From parallel rows: distance relative to unrelated rows, retrieval, CKA, anisotropy. Of runs on classification
        also the smallest perturbation that changes an answer, along the translation and along an attack, and whether
        answers are kept where the translation lies within it. Writes align.json, displacement.parquet,
        stability.parquet, align.html and charts. Interrupted, the same command goes on.

        For example: `xtremor align --task tatoeba --data DIR --languages de,sw --output align`, or
        `xtremor align runs/plain runs/freelb --task xnli --data DIR --limit 300 --output align`
        """,
    ),
    "select": (
        "xtremor.cli.select:select",
        """Choose source languages to label: by distance, beside random sets and English alone, at equal total rows.

        Distances from family and script, from URIEL's features (extra `languages`), and from an encoder's own space on
        unlabelled text. With real scores (--scores) every distance is checked: leave-one-language-out and Mantel's
        permutation test. Writes select.json, select.html and a chart.

        For example: `xtremor select --task panx --k 1,2,4 --rows 2000 --output select`, or
        `xtremor select --task panx --data DIR --scores transfer.csv --output select`
        """,
    ),
    "expect": (
        "xtremor.cli.expect:expect",
        """Estimate a run's accuracy in languages without labels, and check the estimates where there are some.

        From how sure the run is (average thresholded confidence, chosen on English dev), and from lines through the
        languages with labels; beside them the naive guesses: English dev, and the mean of the other languages. Every
        estimate has an interval. Writes expected.json. Interrupted, the same command goes on.

        For example: `xtremor expect runs/reviews --unlabelled sw=news.txt --output expected`, or
        `xtremor expect runs/xnli --data DIR --displacement align --output expected`
        """,
    ),
    "predict": (
        "xtremor.cli.predict:predict",
        """Label the rows of a file with a trained run, or with any Hugging Face text classifier.

        FILE is .csv, .tsv, .jsonl, .parquet, .txt (one text a line), or `-` for JSON lines on standard input. All
        its columns are kept; `predicted` and `confidence` are added. A file of any length takes the same memory.
        Stopped, it leaves no output behind.

        For example: `xtremor predict runs/reviews new-sw.csv --output labelled.csv`, or
        `xtremor predict runs/reviews new-sw.csv --probabilities --output labelled.parquet`
        """,
    ),
    "baseline": (
        "xtremor.cli.evaluate:baseline",
        """Score the frozen encoder: by the nearest English centroid of a class; in retrieval by ranking candidates.

        No weight is trained: what remains above this is what fine-tuning bought. Retrieval (tatoeba, bucc2018, lareqa,
        mewslix) ranks by the cosine of pooled hidden states; `--encoder RUN` takes the encoder of a trained run.

        For example: `xtremor baseline --task intents --output runs/centroid`, or
        `xtremor baseline --task tatoeba --data DIR --layer 12 --output runs/tatoeba`
        """,
    ),
    "score": (
        "xtremor.cli.score:score",
        """Score prediction files of any system as the official XTREME evaluator does.

        PREDICTIONS holds one folder a task with a file a language, `xnli/test-sw.tsv`, in the official submission
        layout; the gold is the evaluator's label files or the data files themselves. Prints scores, averages and strata
        with 95% intervals.

        For example: `xtremor score predictions --gold labels --benchmark xtreme`, or
        `xtremor score predictions --gold DIR --tasks panx --split dev --output scores.json`
        """,
    ),
    "submit": (
        "xtremor.cli.submit:submit",
        """Write the predictions of evaluated runs in the official submission layout.

        Writes OUTPUT/TASK/test-LANGUAGE files, each task whole or not at all.

        For example: `xtremor submit runs/xnli --output submission`
        """,
    ),
    "report": (
        "xtremor.cli.report:report",
        """Make one page, charts and a table from evaluated runs of one task.

        For example: `xtremor report runs --output report`
        """,
    ),
    "bench": (
        "xtremor.cli.bench:bench",
        """Measure what training and scoring cost on this machine, against the official way and the machine's limit.

        Contestants take turns, and every figure is a ratio within one run: training and evaluation against padding to
        128, packed against padded, compact against dense embeddings, every method against plain, and all of it against
        the rate of matrix products that the machine reaches. About ten minutes on two cores.

        For example: `xtremor bench --quick`, or `xtremor bench --data DIR --output results`
        """,
    ),
    "compare": (
        "xtremor.cli.compare:compare",
        """Say whether one system is better than another beyond seed noise, from any table of scores.

        PATHS is a table with a row a score (columns for system, task, language, seed, score; or one column a language;
        .csv, .tsv, .jsonl, .parquet), or evaluated runs. Prints a sentence for the paper, effects with intervals and
        tests on average, by stratum and by language, how many seeds it would take, and a row of LaTeX. `--split-half`
        splits the runs of one system in two at random and counts false findings.

        For example: `xtremor compare scores.csv --baseline plain --effect 0.5 --margin 0.5`, or
        `xtremor compare runs --contrasts freelb-2:noise-k2,freelb-2:plain`
        """,
    ),
    "tasks": (
        "xtremor.cli.listings:tasks",
        """List the tasks, or show one task's card.

        For example: `xtremor tasks xnli`
        """,
    ),
    "methods": (
        "xtremor.cli.listings:methods",
        """List the training methods, what they train on and what they cost in passes.

        For example: `xtremor methods --json`
        """,
    ),
    "languages": (
        "xtremor.cli.listings:languages",
        """List the languages with script, family, Joshi class and who saw them in pretraining.

        For example: `xtremor languages --task xnli`
        """,
    ),
    "encoders": (
        "xtremor.cli.listings:encoders",
        """List the encoders that are known by name; any hub name or local folder works too.

        For example: `xtremor encoders --json`
        """,
    ),
}

app = App(
    name="xtremor",
    help=HELP,
    version=f"xtremor {__version__}",
    help_format="markdown",
    # Ctrl-C is answered in one place, `xtremor.__main__`.
    suppress_keyboard_interrupt=False,
)
for _name, (_target, _help) in COMMANDS.items():
    app.command(_target, name=_name, help=cleandoc(_help))


def explain(error: CycloptsError, arguments: Sequence[str]) -> str:
    """One sentence for a command line that does not parse, with the nearest command or option where there is one."""
    path = _path(arguments)
    command = " ".join(path)
    known = [name for name in _at(path) if not name.startswith("-")] if path else list(COMMANDS)
    if isinstance(error, UnknownCommandError) or (not command and arguments):
        typed = arguments[len(path)]
        if typed.startswith("-"):
            return f"unknown option '{typed}' before a command; `xtremor --help` lists the commands"
        close = nearest(typed, known)
        where = f" of `xtremor {command}`" if command else ""
        listing = " ".join(["xtremor", *path, "--help"])
        return f"unknown command '{typed}'{where} ({_said(close, known)}); `{listing}` lists them"
    if isinstance(error, UnknownOptionError) and error.token is not None:
        typed = error.token.keyword or error.token.value
        close = nearest(typed, _options(path)) if path else []
        said = f" (nearest: {', '.join(close)})" if close else ""
        return f"unknown option '{typed}' of `xtremor {command}`{said}; `xtremor {command} --help` lists them"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"unexpected argument '{error.unused_tokens[0]}'; see `xtremor {command} --help`"
    sentence = " ".join(str(error).split())
    return f"{sentence[:1].lower()}{sentence[1:].rstrip('.')}; see `xtremor {command} --help`"


def _said(close: Sequence[str], known: Iterable[str]) -> str:
    return f"nearest: {', '.join(close)}" if close else f"known: {', '.join(known)}"


def _path(arguments: Sequence[str]) -> list[str]:
    """The command at the beginning of a command line: ``["train"]``, or ``["study", "plan"]``."""
    found: list[str] = []
    for word in arguments:
        if word.startswith("-") or word not in (COMMANDS if not found else _at(found)):
            break
        found.append(word)
    return found


def _at(path: Sequence[str]) -> App:
    found = app
    for name in path:
        found = found[name]
    return found


def _options(path: Sequence[str]) -> list[str]:
    found: list[str] = []
    for argument in _at(path).assemble_argument_collection():
        found += [name for name in argument.names if name.startswith("--")]
    return found
