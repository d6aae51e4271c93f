"""Measures of a population whose members choose partners, play, punish and are judged.

Each is a part and a whole, whose ratio over matches it is; both are [...], of values [..., seat].
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Numbers
from .welfare import equality

OUTCOMES = ("mutual_cooperation", "mutual_defection", "exploitation", "deception")
"""Both cooperate; both defect; the chooser defects on a cooperator; it cooperates with a defector."""
CLASSES = ("always_cooperate", "always_defect", "answers_in_kind", "answers_reversed")
"""What a learner's best answers to CC and CD amount to."""
ANSWERS = ("p_good", "p_bad")
"""Whether its best is to cooperate with who is good, and with who is bad."""
NORM = ("good_c_to_good", "good_c_to_bad", "good_d_to_good", "good_d_to_bad")
"""Whether it calls good who cooperated or defected, towards a good or a bad other."""
LEARNED = (*CLASSES, *ANSWERS, *NORM)
RATES = {"just_punishment": ("just", "defections_judged"), "unjust_punishment": ("unjust", "cooperations_judged")}
MEANS = ("cooperation", "gross", "net", "reputation_spread")
SHARES = frozenset({"cooperation", *RATES, *OUTCOMES, *LEARNED, "gini", "gini_gross", "chosen_gini", "share"})
"""The measures between 0 and 1."""
COUNTS = frozenset({"chosen", "punished", "reputation_spread"})
"""Those that are 0 or more."""


def of_population(values: Mapping[str, Numbers]) -> dict[str, tuple[Numbers, Numbers]]:
    """The measures that the columns of `values` [match, ..., seat] allow; parts are NaN where there is no such.

    `assortment` is P(partner cooperates | chooser cooperates) - P(partner cooperates | chooser defects); `gini` is
    Gini's coefficient of members' payoffs net of sanctions, where none is below 0 in any match.
    """
    found = {name: _mean(values[name]) for name in MEANS if name in values}
    for name, (part, whole) in RATES.items():
        if part in values:
            found[name] = values[part].sum(-1), values[whole].sum(-1)
    if "cooperates_as_chooser" in values:
        cooperates, defects = (values[f"{does}_as_chooser"].sum(-1) for does in ("cooperates", "defects"))
        total = {name: values[name].sum(-1) for name in OUTCOMES}
        with np.errstate(invalid="ignore", divide="ignore"):
            found["assortment"] = _once(total["mutual_cooperation"] / cooperates - total["exploitation"] / defects)
        found |= {name: (part, cooperates + defects) for name, part in total.items()}
    for name, of in {"gini": "net", "gini_gross": "gross", "chosen_gini": "picked"}.items():
        if of in values:
            gini = 1 - equality(values[of])
            # A mean over those matches alone in which nobody loses would be of the more equal ones.
            found[name] = _once(np.where(np.isnan(gini).any(0), np.nan, gini))
    return found | {name: _mean(values[name]) for name in LEARNED if name in values}


def _mean(values: Numbers) -> tuple[Numbers, Numbers]:
    """The mean over the seats that have it."""
    known = ~np.isnan(values)
    return _once(np.where(known, values, 0).sum(-1) / np.where(known.any(-1), known.sum(-1), np.nan))


def _once(values: Numbers) -> tuple[Numbers, Numbers]:
    """Values of which each counts once, if it is known."""
    return values, (~np.isnan(values)).astype(np.float64)
