"""Partner choice: whom choosers stay with, what it costs them to leave, and which score of a partner tells.

Warmth and competence are proxies, measures of what a partner did: in McKee, Bai and Fiske 2024 both are judgements
of people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ...chapter_columns import KEPT_PARTNERS, PREDICTORS
from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, WrittenChapter
from ..statistics.bootstrap import generator
from ..statistics.rank_correlation import kendall
from ..statistics.ratios import ratio
from ..statistics.tails import CONFIDENCE, t_isf
from .partner_evidence import SCORES, PartnerEvidence, UnitSums

TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def partners(evidence: PartnerEvidence) -> Finding:
    """A row for each chooser, rule and candidate: how often it is kept, and what is known of it.

    `keep_rate` has Wilson's interval, of choices divided by their design effect where those of a unit depend on
    each other (Kish 1965); the other intervals are Student's over units, by the delta method. `opportunity_cost`
    is what the chooser earns from the partners that it kept, in the match after, less what it earns alone.
    `strength` is Bradley and Terry's. `free_payoff` is what the candidate earns after a choice: with the chooser,
    or alone.
    """
    rows = list[dict[str, object]]()
    strengths, reasons = evidence.strengths
    for (agent, rule, opponent), unit in evidence.units.items():
        alone, spread = evidence.alone[agent]
        known = {name: _with_interval(name, unit) for name in (*SCORES, "free_payoff")}
        strength, error = strengths.get((agent, rule, opponent), (np.nan, np.nan))
        rows.append(
            {
                "agent": agent,
                "rule": rule,
                "opponent": opponent,
                "choices": round(unit.sums["choices"].sum()),
                "kept": round(unit.sums["kept"].sum()),
                **_keep_rate(unit),
                **{name: values[name] for name, values in known.items() if name in SCORES[:3]},
                **known["warmth"],
                **known["competence"],
                "alone_payoff": alone,
                **_opportunity_cost(unit, alone, spread),
                "strength": strength,
                "strength_error": error,
                **known["free_payoff"],
            }
        )
    warmth, competence = evidence.proxies
    stands = f"warmth stands for {warmth}" + (f", competence for {competence}" if competence else "")
    remarks = [f"Proxies: {stands}, of the candidate with this chooser.", *reasons]
    return Finding(pd.DataFrame(rows, columns=list(KEPT_PARTNERS.without("environment"))), tuple(remarks))


def _keep_rate(unit: UnitSums) -> dict[str, float]:
    from statsmodels.stats.proportion import proportion_confint

    kept, choices = unit.of("keep_rate")
    count = choices.sum()
    rate = kept.sum() / count
    size = count / design_effect(kept, choices)
    low, high = proportion_confint(rate * size, size, 1 - CONFIDENCE, method="wilson")
    return {"keep_rate": rate, "keep_rate_low": float(low), "keep_rate_high": float(high)}


def design_effect(part: Numbers, whole: Numbers) -> float:
    """How many times the variance of a share sum part / sum whole exceeds that of independent choices; 1 or more.

    From counts by unit [unit], by linearisation (Kish 1965).
    """
    there = whole > 0
    part, whole, count = part[there], whole[there], int(there.sum())
    total = whole.sum()
    rate = part.sum() / total
    alone = rate * (1 - rate) / total
    if count < 2 or alone <= 0:
        return 1.0
    variance = count / (count - 1) * ((part - rate * whole) ** 2).sum() / total**2
    return max(1.0, float(variance / alone)) if (whole > 1).any() else 1.0


def _with_interval(name: str, unit: UnitSums) -> dict[str, float]:
    part, whole = unit.of(name)
    if np.isnan(part).all() or not np.nansum(whole):
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    estimate = ratio(part[None], whole[None])
    value, half = float(estimate.value[0]), float(estimate.half_width()[0])
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def _opportunity_cost(unit: UnitSums, alone: float, spread: float) -> dict[str, float]:
    names = ("kept_payoff", "opportunity_cost", "opportunity_cost_low", "opportunity_cost_high")
    part, whole = unit.of("kept_payoff")
    if not whole.sum():
        return dict.fromkeys(names, np.nan)
    estimate = ratio(part[None], whole[None])
    paid, units = float(estimate.value[0]), float(estimate.partners[0])
    variance = units / (units - 1) * float((estimate.influence**2).sum()) + spread if units > 1 else np.nan
    half = float(t_isf((1 - CONFIDENCE) / 2, units - 1)) * np.sqrt(variance)
    return dict(zip(names, (paid, paid - alone, paid - alone - half, paid - alone + half), strict=True))


def predictors(evidence: PartnerEvidence) -> Finding | None:
    """A row for each chooser, rule and score: how far candidates' scores order them as keep rates do.

    `tau` is Kendall's tau-b over candidates; its interval is that of percentiles of a bootstrap over units, drawn
    for each candidate by itself. `best` is the share of draws in which no other score has a tau farther from 0.
    """
    choosers = list(dict.fromkeys((agent, rule) for agent, rule, _ in evidence.units))
    rows = list[dict[str, object]]()
    for agent, rule in choosers:
        own = [unit for (one, by, _), unit in evidence.units.items() if (one, by) == (agent, rule)]
        if len(own) < 3:
            continue
        drawn = _drawn(evidence, own)
        keep, observed = drawn.pop("keep_rate"), {name: values[0] for name, values in drawn.items()}
        taus = {name: kendall(values[1:], keep[1:]) for name, values in drawn.items()}
        far = np.stack([np.nan_to_num(np.abs(values), nan=-1.0) for values in taus.values()])
        ahead = (far == far.max(axis=0)) & (far >= 0)
        best = (ahead / ahead.sum(axis=0).clip(1)).mean(axis=1)
        for (name, values), first in zip(taus.items(), best.tolist(), strict=True):
            tau = float(kendall(observed[name], keep[0]))
            known = values[~np.isnan(values)]
            low, high = (
                np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if len(known) else (np.nan,) * 2
            )
            rows.append(
                {
                    "agent": agent,
                    "rule": rule,
                    "score": name,
                    "tau": tau,
                    "tau_low": low,
                    "tau_high": high,
                    "best": first,
                }
            )
    table = pd.DataFrame(rows, columns=list(PREDICTORS.without("environment")))
    table = table[table["tau"].notna()].reset_index(drop=True)
    return Finding(table, tuple(_told(table))) if len(table) else None


def _drawn(evidence: PartnerEvidence, units: Sequence[UnitSums]) -> dict[str, Numbers]:
    """The keep rate and each score [draw, candidate]; the first draw is what was observed."""
    random = generator("partner choice", evidence.seed)
    found: dict[str, list[Numbers]] = {name: [] for name in ("keep_rate", *SCORES)}
    for unit in units:
        size = len(unit.sums["choices"])
        counts = np.vstack([np.ones(size), random.multinomial(size, np.full(size, 1 / size), evidence.draws)])
        for name, columns in found.items():
            part, whole = unit.of(name)
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append((counts @ part) / (counts @ whole))
    return {name: np.stack(columns, axis=1) for name, columns in found.items()}


def _told(table: pd.DataFrame) -> Iterator[str]:
    """Which score tells best whom each chooser keeps."""
    for (agent, rule), own in table.groupby(["agent", "rule"], sort=False):
        first = own.iloc[int(own["best"].argmax())]
        name = str(first["score"]).replace("_", " ")
        yield (
            f"{agent}, {rule}: {name} goes with preference most (tau {first['tau']:.2f}, "
            f"{first['tau_low']:.2f} to {first['tau_high']:.2f}; first in {first['best']:.0%} of draws)."
        )


CHAPTERS: tuple[Chapter[PartnerEvidence], ...] = (
    Chapter(
        "partners",
        "Which partners are kept",
        "How often choosers stay with each candidate, with Wilson's interval; what both earn; and proxies of "
        "warmth and competence, which are measured, not judged by people.",
        partners,
    ),
    Chapter(
        "predictors",
        "What preference goes by",
        "Kendall's tau between how often candidates are kept and each of their scores, with intervals of a "
        "bootstrap over paths, or over trained runs.",
        predictors,
    ),
)


def partner_chapters(evidence: PartnerEvidence, label: str) -> Iterator[WrittenChapter]:
    """The chapters of the choices in one environment."""
    for chapter in CHAPTERS:
        yield from chapter.write(evidence, label, environment=label)


def keep_rates(table: pd.DataFrame) -> pd.DataFrame:
    """The choice matrix of a table of partners: keep rates [chooser and rule, candidate]."""
    rules = table["rule"].nunique() > 1
    chooser = table["agent"] + (": " + table["rule"] if rules else "")
    wide = table.assign(chooser=chooser).pivot(index="chooser", columns="opponent", values="keep_rate")
    return wide.reindex(index=list(dict.fromkeys(chooser)), columns=list(dict.fromkeys(table["opponent"])))
