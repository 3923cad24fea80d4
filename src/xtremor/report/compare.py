"""Which configurations may share a label, and what differs between arms beyond their method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.report import lineage

if TYPE_CHECKING:
    from xtremor.report.records import Run

# Training settings that belong to the run and not to its arm, or are compared elsewhere.
_FREE = ("seed", "task", "encoder", "method", "updates", "output", "device", "threads", "snapshots")


def configuration(run: Run) -> dict[str, Any]:
    """What defines an arm, flat: method, encoder, training settings (``training.epochs`` -> 2), earlier stages."""
    training = {key: value for key, value in (run.info.get("training") or {}).items() if key not in _FREE}
    if isinstance(training.get("unlabelled"), dict):
        training["unlabelled"] = _unlabelled(training["unlabelled"])
    if isinstance(training.get("alignment"), dict):
        training["alignment"] = _alignment(training["alignment"])
    found = lineage.flat({"method": run.info["method"], "training": training}) | lineage.configuration(run.info)
    if lineage.stages(run.info):
        # After a stage nothing but the encoder is ever taken, asked for or not.
        found["training.fresh_pooler"] = True
    encoder = run.encoder
    found["encoder"] = encoder.get("fingerprint") or encoder.get("resolved") or encoder.get("name")
    return found


def _unlabelled(text: dict[str, Any]) -> str:
    """The text without labels that joined a run, in words that differ where it does."""
    named = [str(text["files"]).rstrip("/").rsplit("/", 1)[-1]] if text.get("files") else []
    if text.get("languages"):
        named.append(f"the {text.get('split')} rows of {', '.join(map(str, text['languages']))}")
    digest = str(text.get("sha256") or "")[:8]
    return f"{text.get('rows')} texts an update from {' and '.join(named)} (sha256 {digest})"


def _alignment(found: dict[str, Any]) -> str:
    """The map of hidden states into English that scores were made with, in words that differ where it does."""
    rows = "all" if found.get("rows_asked") is None else f"{found['rows_asked']:,}"
    draw = f", draw {found['seed']}" if found.get("seed") else ""
    languages = ", ".join(found.get("languages") or ())
    return (
        f"{found.get('kind')} ({found.get('pooling')}) on {rows} rows of {languages} from {found.get('parallel_text')}"
        f"{draw} (sha256 {str(found.get('sha256') or '')[:8]})"
    )


def _files(run: Run) -> dict[str, Any]:
    data = run.info.get("data") or {}
    files = data.get("files") or {}
    return {name: facts.get("sha256") for name, facts in files.items() if isinstance(facts, dict)}


def _changed(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def arms_must_agree(runs: Sequence[Run]) -> None:
    """Raise UserError when two runs share an arm's label but not its configuration."""
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.arm, run)
        here, there = configuration(other), configuration(run)
        for key in _changed(here, there):
            same = f" with seed {run.seed}" if run.seed == other.seed else ""
            raise UserError(
                f"{other.folder} and {run.folder} are both arm '{run.arm}'{same} but {key} is {_show(here.get(key))} "
                f"in one and {_show(there.get(key))} in the other; report them apart"
            )


def _show(value: Any) -> str:
    return "not set" if value is None else str(value)


def differences_between_arms(runs: Sequence[Run]) -> list[str]:
    """Sentences on whatever differs between trained arms besides the method; empty when nothing does."""
    trained = [run for run in runs if run.role != "frozen"]
    notices: list[str] = []
    if not trained:
        return notices
    facts = [(run.arm, configuration(run)) for run in trained]
    for key in sorted({key for _, found in facts for key in found if not _of_the_arm(key)}):
        values: dict[str, list[str]] = {}
        for arm, found in facts:
            # To have a stage or not is what arms are for; those that share one should have trained it alike.
            if key in found or not key.startswith("stage "):
                values.setdefault(_show(found.get(key)), []).append(arm)
        if len(values) > 1:
            said = "; ".join(f"{value} in {', '.join(dict.fromkeys(arms))}" for value, arms in values.items())
            notices.append(f"The arms differ in more than the method: {key} is {said}.")
    known: dict[str, Any] = {}
    changed = {name for run in runs for name, sha in _files(run).items() if known.setdefault(name, sha) != sha}
    if changed:
        notices.append(f"Not every run read the same data: {', '.join(sorted(changed)[:5])} differ in content.")
    if len({_versions(run) for run in trained}) > 1:
        notices.append("The runs were made with different versions of the software: compare them with care.")
    if len({_machine(run) for run in trained}) > 1:
        notices.append("The runs were made on different machines: do not compare their times.")
    return notices


def _of_the_arm(key: str) -> bool:
    """Whether arms are meant to differ in this: the method of any stage."""
    return key.startswith("method.") or (key.startswith("stage ") and (").method." in key or key.endswith(").arm")))


def _versions(run: Run) -> str:
    return str(sorted((run.info.get("versions") or {}).items()))


def _machine(run: Run) -> str:
    machine = run.info.get("machine") or {}
    return str([machine.get(key) for key in ("processor", "cores", "threads", "device")])
