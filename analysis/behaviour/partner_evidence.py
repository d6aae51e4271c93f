"""The evidence of partner choice: sums over independent units of each chooser, rule and candidate.

The unit is a path, or, of a partner that is a checkpoint, the trained run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..arrays import Numbers
from ..game import Game
from ..ratings.bradley_terry import Comparisons, bradley_terry

SCORES = ("own_payoff", "partner_payoff", "joint_payoff", "warmth", "competence")
"""What a preference for partners may follow."""
COUNTED = ("choices", "kept", "kept_payoff", "freed", "free_payoff")
MEASURED = ("weight", "own_payoff", "partner_payoff", "warmth", "warmth_of", "competence")


@dataclass(frozen=True, eq=False)
class UnitSums:
    """Sums over independent units of one chooser's rule with one candidate, by name [unit]."""

    sums: Mapping[str, Numbers]

    def of(self, name: str) -> tuple[Numbers, Numbers]:
        """A score as a ratio: its part and its whole [unit]."""
        sums = self.sums
        if name == "joint_payoff":
            return sums["own_payoff"] + sums["partner_payoff"], sums["weight"]
        wholes = {"keep_rate": "choices", "kept_payoff": "kept", "free_payoff": "freed", "warmth": "warmth_of"}
        return sums["kept" if name == "keep_rate" else name], sums[wholes.get(name, "weight")]


@dataclass(frozen=True, eq=False)
class PartnerEvidence:
    """The choices of one environment, and what was played there."""

    choices: pd.DataFrame
    seats: pd.DataFrame
    game: Game
    schedule: Mapping[str, object]
    draws: int
    seed: int

    @property
    def proxies(self) -> tuple[str, str]:
        """The measures that stand for warmth and competence; "" for none."""
        shares = self.game.get("shares", {})
        share = next(iter(shares), "")
        warmth = str(self.schedule.get("warmth") or share or "cooperation")
        return warmth, str(self.schedule.get("competence") or (shares[share][1] if share else ""))

    @cached_property
    def units(self) -> dict[tuple[str, str, str], UnitSums]:
        """Sums by chooser, rule and candidate."""
        measured, counted = self._measured(), self._counted()
        found = dict[tuple[str, str, str], UnitSums]()
        of_pair = {key: table.droplevel([0, 1]) for key, table in measured.groupby(level=[0, 1])}
        for key, sums in counted.groupby(level=[0, 1, 2], sort=False):
            agent, rule, opponent = map(str, key)
            both = sums.droplevel([0, 1, 2]).join(of_pair[agent, opponent], how="outer")
            both = both.fillna(dict.fromkeys(both.columns[both.notna().any()], 0.0))  # a unit without any
            found[agent, rule, opponent] = UnitSums({str(name): both[name].to_numpy(np.float64) for name in both})
        return found

    def _counted(self) -> pd.DataFrame:
        """Choices and what followed, by chooser, rule, candidate and unit."""
        rows, kept = self.choices, self.choices["kept"].to_numpy(np.bool_)
        known = rows["partner_next_payoff"].notna().to_numpy()
        table = pd.DataFrame(
            {
                "agent": rows["agent"].astype(str),
                "rule": rows["rule"].astype(str),
                "opponent": rows["opponent"].astype(str),
                "unit": np.where(rows["run"] >= 0, rows["run"], rows["repetition"]),
                "choices": 1.0,
                "kept": kept.astype(np.float64),
                "kept_payoff": np.where(kept, rows["next_payoff"], 0.0),
                "freed": known.astype(np.float64),
                "free_payoff": np.where(known, rows["partner_next_payoff"], 0.0),
            }
        )
        return table.groupby(["agent", "rule", "opponent", "unit"], sort=False)[list(COUNTED)].sum()

    def _measured(self) -> pd.DataFrame:
        """Weighted sums over all matches, by chooser, candidate and unit."""
        rows = self.seats[self.seats["repetition"] >= 0].sort_values(["match", "seat"])
        path = rows["repetition"].to_numpy(np.int64) // int(str(self.schedule.get("matches", 2)))
        run = rows["run"].to_numpy(np.int64) if "run" in rows else np.full(len(rows), -1)
        weight = rows["weight"].to_numpy(np.float64)
        warmth, competence = self.proxies
        shares = self.game.get("shares", {})
        part, whole = shares.get(warmth, (warmth, ""))

        def other(values: Numbers) -> Numbers:
            """Of the other seat of the match."""
            return values.reshape(-1, 2)[:, ::-1].ravel()

        def measure(name: str) -> Numbers:
            return rows[name].to_numpy(np.float64) if name in rows else np.full(len(rows), np.nan)

        warm = measure(part)
        of = measure(whole) if whole else np.where(np.isnan(warm), np.nan, 1.0)
        table = pd.DataFrame(
            {
                "agent": rows["agent"].astype(str),
                "opponent": rows["opponent"].astype(str),
                "unit": np.where(other(run) >= 0, other(run), path),
                "weight": weight,
                "own_payoff": measure("payoff") * weight,
                "partner_payoff": other(measure("payoff") * weight),
                "warmth": other(warm * weight),
                "warmth_of": other(of * weight),
                "competence": other(measure(competence) * weight) if competence else np.nan,
            }
        )
        # An agent that met itself sat on both seats, the first of which is the chooser's.
        alike = (table["agent"] == table["opponent"]) & (rows["seat"].to_numpy() > 0)
        return table[~alike].groupby(["agent", "opponent", "unit"])[list(MEASURED)].sum(min_count=1)

    @cached_property
    def alone(self) -> dict[str, tuple[float, float]]:
        """What each chooser earned alone, and the variance of that mean."""
        once = self.choices.drop_duplicates(["agent", "repetition", "encounter"])
        found = dict[str, tuple[float, float]]()
        for agent, payoff in once.groupby("agent", observed=True)["alone_payoff"]:
            known = payoff.dropna().to_numpy(np.float64)
            spread = float(known.var(ddof=1)) / len(known) if len(known) > 1 else np.nan
            found[str(agent)] = float(known.mean()) if len(known) else np.nan, spread
        return found

    @cached_property
    def strengths(self) -> tuple[dict[tuple[str, str, str], tuple[float, float]], list[str]]:
        """Bradley-Terry strengths with their errors by chooser, rule and candidate, and why some have none."""
        found, reasons = dict[tuple[str, str, str], tuple[float, float]](), list[str]()
        first = self.choices[self.choices["encounter"] == 0]
        for key, own in first.groupby(["agent", "rule"], observed=True, sort=False):
            agent, rule = map(str, key)
            wide = own.assign(opponent=own["opponent"].astype(str)).pivot(
                index="repetition", columns="opponent", values="kept"
            )
            try:
                strengths = bradley_terry(compared(wide.to_numpy(np.float64)))
            except ValueError as error:
                reasons.append(f"{agent}, {rule}: no strengths. {error}")
                continue
            for name, strength, spread in zip(wide, strengths.strength, strengths.standard_error, strict=True):
                found[agent, rule, str(name)] = float(strength), float(spread)
        return found, reasons


def compared(kept: Numbers) -> Comparisons:
    """Each two candidates of a path compared by whether they were kept after their first match [path, candidate].

    Who was kept is preferred to who was not; both or none is a tie. NaN where there was no choice.
    """
    first, second = np.triu_indices(kept.shape[1], 1)
    difference = kept[:, first] - kept[:, second]
    path, pair = np.nonzero(~np.isnan(difference))
    return Comparisons(kept.shape[1], first[pair], second[pair], (difference[path, pair] + 1) / 2, path)
