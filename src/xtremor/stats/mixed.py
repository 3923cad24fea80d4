"""A linear mixed model of run-level scores, as secondary evidence (extra ``stats``: statsmodels).

    score ~ arm * stratum + task + arm:task + (1 + arm | language) + (1 | run)

A run, one seed of one arm, has an effect of its own: its scores in forty languages are one draw, not forty. A model
without it, with (1 | seed) alone, finds differences between identical methods in a third of all studies and more.
The languages' random slopes make the interval of ``arm`` one over languages too: it asks about another language of
the kind, where the t-tests ask about these languages. statsmodels gives normal quantiles without a correction for few
runs, so that its p-values are too small with few seeds; the t-tests decide, this model is shown beside them.

Slopes and intercepts of a language are taken as uncorrelated: statsmodels has no correlation between crossed effects.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremor.errors import UserError

# The covariance of all rows is one dense matrix, factored at every step.
MOST_ROWS = 2_500
FEWEST_RUNS, FEWEST_LANGUAGES = 3, 4


@dataclass(frozen=True, slots=True)
class Score:
    """One run's score in one language of one task.

    Attributes:
        treated: whether the run is of the treatment's arm.
        run: names the run (arm and seed) across tasks and languages.
        stratum: of the language; empty where strata are not modelled.
    """

    treated: bool
    run: str
    task: str
    language: str
    score: float
    stratum: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A fixed effect: estimate, standard error, interval and p-value by the normal distribution."""

    estimate: float
    error: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class MixedModel:
    """A fitted model.

    Attributes:
        formula: in the notation of lme4.
        arm: effect of the treatment, averaged over the languages of the table.
        terms: all fixed effects, by name.
        sds: standard deviations: ``run``, ``language``, ``arm in language`` and ``residual``.
        rows: of the table.
        warnings: what the fit complained about; one sentence each.
    """

    formula: str
    arm: Term
    terms: Mapping[str, Term]
    sds: Mapping[str, float]
    rows: int
    warnings: tuple[str, ...]


def mixed_model(scores: Sequence[Score], confidence: float = 0.95) -> MixedModel:
    """Fit the model by restricted maximum likelihood.

    Raises:
        UserError: statsmodels is missing, or the table is too small, too large or the fit fails; one sentence.
    """
    _check(scores)
    design, names = _design(scores)
    groups = _groups(scores)
    fitted, said = _fit(np.array([each.score for each in scores]), design, groups)
    estimates, covariance = np.asarray(fitted.fe_params), np.asarray(fitted.cov_params())[: len(names), : len(names)]
    one = [_term(np.eye(len(names))[i], estimates, covariance, confidence) for i in range(len(names))]
    # The arm's effect is over all rows of the table, with centred covariates: the coefficient itself.
    sds = {name: math.sqrt(max(0.0, float(value))) for name, value in zip(groups, fitted.vcomp, strict=True)}
    sds["residual"] = math.sqrt(float(fitted.scale))
    strata, tasks = len({each.stratum for each in scores}) > 1, len({each.task for each in scores}) > 1
    return MixedModel(
        _formula(strata, tasks), one[names.index("arm")], dict(zip(names, one, strict=True)), sds, len(scores), said
    )


def _check(scores: Sequence[Score]) -> None:
    if importlib.util.find_spec("statsmodels") is None:
        raise UserError("the mixed model needs statsmodels; install it with: pip install 'xtremor[stats]'")
    if len(scores) > MOST_ROWS:
        raise UserError(
            f"the mixed model cannot be fitted on {len(scores):,} scores: it is dense in them, up to {MOST_ROWS:,}; "
            "restrict it with --task or --languages"
        )
    languages = len({each.language for each in scores})
    fewest = min(len({each.run for each in scores if each.treated is side}) for side in (False, True))
    if fewest < FEWEST_RUNS or languages < FEWEST_LANGUAGES:
        raise UserError(
            f"the mixed model cannot be fitted on {fewest} runs of an arm in {languages} languages: it needs at least "
            f"{FEWEST_RUNS} runs and {FEWEST_LANGUAGES} languages to tell their variances apart"
        )


def _formula(strata: bool, tasks: bool) -> str:
    fixed = ["arm * stratum" if strata else "arm"] + (["task", "arm:task"] if tasks else [])
    return f"score ~ {' + '.join(fixed)} + (1 | language) + (0 + arm | language) + (1 | run)"


def _design(scores: Sequence[Score]) -> tuple[np.ndarray, list[str]]:
    """Fixed effects. Strata and tasks are centred, so that ``arm`` is the mean effect over the rows of the table."""
    arm = np.array([each.treated for each in scores], np.float64)
    columns, names = [np.ones(len(scores)), arm], ["intercept", "arm"]
    for what in ("stratum", "task"):
        values = [getattr(each, what) for each in scores]
        for value in sorted(set(values))[1:]:
            column = np.array([one == value for one in values], np.float64)
            column -= column.mean()
            columns += [column, column * arm]
            names += [f"{what} {value}", f"arm in {what} {value}"]
    return np.column_stack(columns), names


def _groups(scores: Sequence[Score]) -> dict[str, np.ndarray]:
    """Random effects: name -> (rows, levels) design."""

    def indicator(names: Sequence[str]) -> np.ndarray:
        known = {name: place for place, name in enumerate(dict.fromkeys(names))}
        found = np.zeros((len(names), len(known)))
        found[np.arange(len(names)), [known[name] for name in names]] = 1
        return found

    language = indicator([f"{each.task}\n{each.language}" for each in scores])
    side = np.array([each.treated for each in scores], np.float64)[:, None] - 0.5
    found = {
        "run": indicator([each.run for each in scores]),
        "language": language,
        "arm in language": language * side,
    }
    if len({each.task for each in scores}) > 1:
        found["run in task"] = indicator([f"{each.run}\n{each.task}" for each in scores])
    return found


def _fit(score: np.ndarray, design: np.ndarray, groups: Mapping[str, np.ndarray]) -> tuple[Any, tuple[str, ...]]:
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    one = "all"
    spec = VCSpec(
        list(groups),
        [[[f"{name} {place}" for place in range(each.shape[1])]] for name, each in groups.items()],
        [[each] for each in groups.values()],
    )
    model = MixedLM(score, design, groups=[one] * len(score), exog_vc=spec)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = model.fit(reml=True, method=["bfgs", "lbfgs"], start_params=_start(score, design, groups))
        except (np.linalg.LinAlgError, ValueError) as error:
            raise UserError(
                f"the mixed model could not be fitted on these scores ({error}); use the t-tests"
            ) from error
    if not fitted.converged:
        raise UserError("the mixed model did not converge on these scores; use the t-tests")
    if not np.isfinite(np.asarray(fitted.bse_fe)).all():
        raise UserError("the mixed model has no standard errors on these scores; use the t-tests")
    # What the search says on its way does not matter once it has converged.
    zero = [name for name, value in zip(groups, fitted.vcomp, strict=True) if value < 1e-4 * float(fitted.scale)]
    said = [f"the variance of {name} is estimated as zero" for name in zero]
    if any("positive definite" in str(each.message) for each in caught) and not zero:
        said.append("the fit may lie beside its optimum: the Hessian is not positive definite")
    return fitted, tuple(said)


def _start(score: np.ndarray, design: np.ndarray, groups: Mapping[str, np.ndarray]) -> Any:
    """Variances to begin with, from means over the levels of each effect.

    Languages scatter a hundred times more than runs: from equal variances the search stops short.
    """
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    left = score - design @ np.linalg.lstsq(design, score, rcond=None)[0]
    parts = []
    for each in groups.values():
        fitted = np.linalg.lstsq(each, left, rcond=None)[0]
        left = left - each @ fitted
        parts.append(float(fitted.var()))
    ratio = np.maximum(np.array(parts) / max(float(left.var()), 1e-9), 1e-3)
    fixed = np.linalg.lstsq(design, score, rcond=None)[0]
    return MixedLMParams.from_components(fe_params=fixed, cov_re=np.zeros((0, 0)), vcomp=ratio)


def _term(weights: np.ndarray, estimates: np.ndarray, covariance: np.ndarray, confidence: float) -> Term:
    from scipy import stats

    estimate, error = float(weights @ estimates), math.sqrt(float(weights @ covariance @ weights))
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * error
    p = float(2 * stats.norm.sf(abs(estimate) / error)) if error else 1.0
    return Term(estimate, error, estimate - half, estimate + half, p)
