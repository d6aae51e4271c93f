"""Every rating of a league side by side, each with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..arrays import Flags, Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from ..statistics.bootstrap import bootstrap_tables
from ..statistics.influence_functions import payoff_matrix
from ..statistics.tails import CONFIDENCE
from .alpha_rank import alpha_rank
from .bradley_terry import bradley_terry, same_partner, separation
from .correlated_equilibrium import coarse_correlated_equilibrium, equilibrium_payoffs
from .deviation_ratings import symmetric_deviation_ratings
from .elo import elo
from .league import complete_part, largest_complete
from .nash_averaging import nash_averaging, relative
from .normal_form import symmetric_game

SELECTION = 100.0
"""α-rank's selection strength, for payoffs scaled by their spread."""
MAX_WORK, MIN_DRAWS = 200_000_000, 20
"""Largest cost of bootstrap draws, as draws x agents^3; and the fewest draws that give an interval."""

Score: TypeAlias = Callable[[Numbers], Numbers]
"""Payoffs [draw, agent, opponent] in, scores [draw, agent] out."""


@dataclass(frozen=True)
class Rating:
    """A way to rate the agents of a symmetric two-player league; higher is better."""

    name: str
    score: Score
    draws: int
    """Number of bootstrap tables that its cost allows."""
    agents: int
    """The largest league that its cost allows."""
    source: str
    meaning: str
    self_play: bool = True
    """Whether it needs self-play payoffs."""
    shares: bool = False
    """Whether scores are shares of a whole, so that those of clones add up."""
    maximum: float = np.inf
    """Upper bound of scores."""
    work: float = np.inf
    """Largest cost of its bootstrap, as draws x agents^3; where that leaves too few draws there is no interval."""
    refuses: Callable[[Numbers, Sequence[str]], str] = lambda matrix, names: ""
    """Why payoffs cannot be rated, in a sentence; "" if they can."""


def _one_by_one(score: Callable[[Numbers], Numbers]) -> Score:
    """Rate tables one by one; a table that cannot be rated gives NaN."""

    def scores(tables: Numbers) -> Numbers:
        found = np.full(tables.shape[:2], np.nan)
        for draw, table in enumerate(tables):
            try:
                found[draw] = score(table)
            except (ValueError, ArithmeticError):
                if len(tables) == 1:
                    raise  # the league itself: the reason becomes a remark
        return found

    return scores


def _all_at_once(score: Callable[[Numbers], Numbers]) -> Score:
    """Rate all tables at once, or one by one if that fails."""

    def scores(tables: Numbers) -> Numbers:
        try:
            return score(tables)
        except (ValueError, ArithmeticError):
            return _one_by_one(score)(tables)

    return scores


def _mean(tables: Numbers) -> Numbers:
    mean: Numbers = np.nanmean(tables, axis=-1)
    return mean


def _on_unit_scale(tables: Numbers) -> Numbers:
    """Payoffs divided by their spread."""
    spread = np.ptp(tables, axis=(1, 2), keepdims=True)
    scaled: Numbers = tables / np.where(spread > 0, spread, 1)
    return scaled


def _alpha_rank(tables: Numbers) -> Numbers:
    tables = tables.copy()
    tables[:, np.arange(tables.shape[1]), np.arange(tables.shape[1])] = tables[:, 0, 1, None]  # has no effect
    return alpha_rank(_on_unit_scale(tables), alpha=SELECTION)


def _alpha_rank_in_population(tables: Numbers) -> Numbers:
    return alpha_rank(_on_unit_scale(tables), alpha=SELECTION, selection="population")


def _nash(table: Numbers) -> Numbers:
    table = table.copy()
    np.fill_diagonal(table, 0)
    return nash_averaging(relative(table)).rating


def _coarse_correlated(table: Numbers) -> Numbers:
    game = symmetric_game(table)
    return equilibrium_payoffs(game, coarse_correlated_equilibrium(game).joint)[0]


def _elo(table: Numbers) -> Numbers:
    return elo(bradley_terry(same_partner(table))).rating


def _separated(matrix: Numbers, names: Sequence[str]) -> str:
    return separation(same_partner(matrix), names)


RATINGS: Mapping[str, Rating] = MappingProxyType(
    {
        rating.name: rating
        for rating in (
            Rating(
                "payoff",
                _mean,
                draws=1000,
                agents=10_000,
                source="Axelrod 1980",
                meaning="the mean payoff over opponents, each with the same weight",
                self_play=False,
            ),
            Rating(
                "deviation",
                _all_at_once(symmetric_deviation_ratings),
                draws=100,
                agents=100,
                source="Marris et al. 2025",
                meaning="what switching to the agent would gain in the strictest equilibrium; 0 is the most, and "
                "copies of an agent change nothing",
                maximum=0.0,
                work=3e6,  # some three seconds
            ),
            Rating(
                "alpha_rank",
                _alpha_rank,
                draws=1000,
                agents=1000,
                source="Omidshafiei et al. 2019",
                meaning="the share of time evolution stays with the agent when rivals compare the two payoffs of "
                "their own match, which rewards harm done to the other",
                self_play=False,
                shares=True,
            ),
            Rating(
                "alpha_rank_population",
                _alpha_rank_in_population,
                draws=1000,
                agents=1000,
                source="Omidshafiei et al. 2019; Traulsen, Nowak and Pacheco 2006",
                meaning="the share of time evolution stays with the agent when fitness is the mean payoff in the "
                "population, self-play included",
                shares=True,
            ),
            Rating(
                "nash",
                _one_by_one(_nash),
                draws=200,
                agents=200,
                source="Balduzzi, Tuyls, Pérolat and Graepel 2018",
                meaning="what the agent earns more than its opponent, against the opponents that matter; it is "
                "about relative payoffs, M - M^T, not about what agents earn",
                self_play=False,
            ),
            Rating(
                "coarse_correlated",
                _one_by_one(_coarse_correlated),
                draws=100,
                agents=100,
                source="Ortiz, Schapire and Kakade 2007; Marris et al. 2022",
                meaning="the payoff against what others play in the coarse correlated equilibrium of largest "
                "entropy",
            ),
            Rating(
                "elo",
                _one_by_one(_elo),
                draws=200,
                agents=250,
                source="Bradley and Terry 1952; Davidson 1970; Elo 1978",
                meaning="who one would rather be: agents compared by what they earned with the same partner, not "
                "by who won",
                self_play=False,
                refuses=_separated,
            ),
        )
    }
)


def rate(
    matrix: ArrayLike,
    bootstrap: ArrayLike | None = None,
    names: Sequence[str] = (),
    *,
    ratings: Mapping[str, Rating] = RATINGS,
) -> Finding:
    """A row for each agent; for each rating its score and, from bootstrap tables, `_low` and `_high`.

    `matrix` holds payoffs [agent, opponent], NaN if they never met; `bootstrap` the same for each bootstrap draw
    [draw, agent, opponent], of which a rating takes the first `draws`. Scores of noisy tables are biased, so
    neither the percentile interval nor the basic interval (mirrored at the score; Efron and Tibshirani 1993,
    chapter 13) is wide enough: on either side the wider of the two is taken. docs/analysis.md has its coverage.
    Remarks say which agents are left out, which ratings cannot be computed and why, and what each rating means.
    """
    payoffs = np.array(matrix, dtype=np.float64)
    if payoffs.ndim != 2 or payoffs.shape[0] != payoffs.shape[1]:
        raise ValueError(f"A payoff matrix has a row and a column for each agent; this one is {payoffs.shape}.")
    names = list(names) or [f"agent {i}" for i in range(len(payoffs))]
    if len(names) != len(payoffs):
        raise ValueError(f"{len(payoffs)} agents have {len(names)} names.")
    drawn = np.empty((0, *payoffs.shape)) if bootstrap is None else np.array(bootstrap, dtype=np.float64)
    if drawn.shape[1:] != payoffs.shape:
        raise ValueError(f"Bootstrap tables are [draw, {len(names)}, {len(names)}], not {drawn.shape}.")
    table = pd.DataFrame({"agent": names})
    if len(names) < 2:
        return Finding(table, ("There is no rating of one agent: nobody to compare it with.",) if names else ())
    try:
        league = largest_complete(payoffs)
    except ValueError as error:
        return Finding(table, (f"No ratings. {error}",))
    remarks = []
    left_out = [name for i, name in enumerate(names) if i not in league.agents]
    if left_out:
        remarks.append(
            f"Left out of the ratings, because some pair has no payoff: {', '.join(left_out)}. The others have "
            "all met."
        )
    kept = [names[i] for i in league.agents]
    if len(kept) < 2:
        return Finding(table, (*remarks, "No two agents have met: there is nothing to rate."))
    if len(kept) == 2:
        remarks.append("Two agents: every rating rests on four payoffs.")
    payoffs, drawn = complete_part(payoffs, league), complete_part(drawn, league)
    if np.ptp(payoffs[np.isfinite(payoffs)]) == 0:
        remarks.append("All payoffs are equal, and so are all ratings.")
    for rating in ratings.values():
        why = _why_not(rating, payoffs, kept, [names[i] for i in league.no_self_play])
        if why:
            remarks.append(f"{rating.name}: not computed. {why}")
            continue
        try:
            score = rating.score(payoffs[None])[0]
        except ArithmeticError as error:
            remarks.append(f"{rating.name}: not computed. {error}")
            continue
        affordable = drawn[: _affordable(rating, len(kept))]
        if len(drawn) and not len(affordable):
            remarks.append(f"{rating.name}: without an interval, which takes too long for {len(kept)} agents.")
        scores = bootstrap_scores(rating, affordable)
        rated: Flags = np.asarray(np.isfinite(scores).all(1), dtype=np.bool_)
        low, high = score_interval(rating, score, scores[rated])
        for column, values in ((rating.name, score), (f"{rating.name}_low", low), (f"{rating.name}_high", high)):
            table.loc[league.agents, column] = values
        remarks.append(f"{rating.name}: {rating.meaning} ({rating.source}).")
        if not rated.all():
            remarks.append(
                f"{rating.name}: {(~rated).sum()} of {len(rated)} bootstrap tables could not be rated; "
                "the interval is of the others."
            )
    return Finding(table, tuple(remarks))


def rate_cells(
    cells: Cells,
    table: pd.DataFrame,
    ratings: Mapping[str, Rating] = RATINGS,
    draws: int = 1000,
    seed: int = 0,
) -> Finding:
    """`rate` for a square league, from its cells and their `cell_table`, with as many bootstrap tables as its size
    allows."""
    names = [str(label) for label in cells.agents[cells.roster]]
    affordable = MAX_WORK // len(names) ** 3
    draws = min(affordable, draws, max(rating.draws for rating in ratings.values()))
    tables = bootstrap_tables(cells, draws if draws >= MIN_DRAWS else 0, seed)
    moves = bool((tables != tables[:1])[~np.isnan(tables)].any())
    return rate(payoff_matrix(cells, table), tables if moves else None, names, ratings=ratings)


def _why_not(rating: Rating, payoffs: Numbers, names: Sequence[str], no_self_play: Sequence[str]) -> str:
    if rating.self_play and no_self_play:
        return f"It needs payoffs against oneself, which are missing for {', '.join(no_self_play)}."
    if len(names) > rating.agents:
        return f"It is for leagues of at most {rating.agents} agents; this one has {len(names)}."
    return rating.refuses(payoffs, names)


def _affordable(rating: Rating, agents: int) -> int:
    """How many draws it takes; none if they are too few for an interval."""
    draws = min(rating.draws, rating.work // agents**3)
    return int(draws) if draws >= MIN_DRAWS else 0


def bootstrap_scores(rating: Rating, drawn: Numbers) -> Numbers:
    """Scores [draw, agent] of the tables that a rating takes; NaN if a table cannot be rated."""
    usable = drawn[: rating.draws]
    agents = range(drawn.shape[1])
    gaps = np.isnan(usable).sum((1, 2))
    if not rating.self_play:
        gaps = gaps - np.isnan(usable[:, agents, agents]).sum(1)
    scores = np.full(usable.shape[:2], np.nan)
    whole = gaps == 0
    if whole.sum() > 1:
        scores[whole] = rating.score(usable[whole])
    return scores


def score_interval(rating: Rating, score: Numbers, scores: Numbers) -> tuple[Numbers, Numbers]:
    """The ends of the interval [agent], from the scores of draws [draw, agent] that could be rated."""
    if len(scores) < 2:
        nothing = np.full(len(score), np.nan)
        return nothing, nothing
    low, high = np.quantile(scores, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    low, high = np.minimum(low, 2 * score - high), np.maximum(high, 2 * score - low)
    least, most = (0.0, 1.0) if rating.shares else (-np.inf, rating.maximum)
    return low.clip(least, most), high.clip(least, most)


def chosen_ratings(evidence: Evidence) -> dict[str, Rating]:
    """The ratings that the options name."""
    return {name: RATINGS[name] for name in evidence.options.ratings if name in RATINGS}


def _compute(evidence: Evidence) -> Finding | None:
    chosen = chosen_ratings(evidence)
    if not chosen:
        return None
    found = rate_cells(evidence.cells, evidence.table, chosen, evidence.options.draws, evidence.options.seed)
    order = evidence.ranking["agent"].astype(str).to_list()
    table = found.table.sort_values("agent", key=lambda names: names.map(order.index), kind="stable")
    return Finding(table.reset_index(drop=True), found.remarks)


CHAPTERS = (
    Chapter(
        "ratings",
        "Ratings",
        "Several ratings of each agent in the game that the payoff table defines, each with its 95 % interval "
        "over further repetitions with these agents.",
        _compute,
        square=True,
    ),
)
