"""The chapters of a report: what each analysis says of an environment, as a table with its sentences.

An analysis that fails takes nothing else down: its chapter says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from numpy.linalg import LinAlgError

from .bootstrap import drawn_tables
from .cells import Cells, Game, Numbers
from .comparisons import DRAWS, comparisons
from .conduct import conduct, conduct_by_partner
from .cost import cost, equal_budgets
from .exploitability import Cards, exploitability
from .finding import Finding
from .friedman import friedman
from .held_out import held_out
from .influence import payoff_matrix
from .judgement import Judgement
from .pareto import pareto
from .ratings.anchors import Anchors, across_environments
from .ratings.clones import clone_sensitivity, near_clones
from .ratings.equilibria import nash_equilibria
from .ratings.normal_form import symmetric_game
from .ratings.ratings import RATINGS, Rating, rate
from .tables import readable
from .variance_components import variance_components
from .welfare import welfare

WORK, FEWEST = 200_000_000, 20
"""What bootstrap draws of ratings may cost, as draws x agents^3; and the draws that are worth an interval."""
SMALL = 6
"""With so many agents at most Nash equilibria are looked for: supports are enumerated."""
FLIPS, FEWEST_FLIPS = 40_000_000_000, 200
"""What flips of signs may cost, as flips x pairs x partners: two seconds; and the fewest."""
MANY = 100
"""With more agents each is not entered again and again to see what clones do."""
ARITHMETIC = (ValueError, ArithmeticError, LinAlgError)


@dataclass(frozen=True)
class Chapter:
    """One analysis of one environment, or of all of them."""

    name: str
    """Of its files."""
    environment: str
    title: str
    lead: str
    """What its table holds, in a sentence or two."""
    finding: Finding

    def text(self) -> pd.DataFrame:
        """The table for readers."""
        return readable(_shown(self.name, self.finding.table))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the chapters of one environment work on."""

    cells: Cells
    table: pd.DataFrame
    """Its `cell_table`."""
    ranking: pd.DataFrame
    everybody: Cells
    """With those in the background too."""
    whole_table: pd.DataFrame
    """Their `cell_table`."""
    game: Game
    asked: Judgement
    cards: Cards = ()
    runs: Finding | None = None
    """Of learners, in all environments: `learned_runs`."""
    costs: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None

    @cached_property
    def matrix(self) -> Numbers:
        """Payoffs [agent, opponent] in the order of the cells' roster."""
        return payoff_matrix(self.cells, self.table)

    @cached_property
    def names(self) -> list[str]:
        return [str(label) for label in self.cells.agents[self.cells.roster]]

    @cached_property
    def ratings(self) -> dict[str, Rating]:
        """Those that are asked for."""
        return {name: RATINGS[name] for name in self.asked.ratings if name in RATINGS}


def chapters(evidence: Evidence, tell: Callable[[str], None] = lambda step: None) -> Iterator[Chapter]:
    """All chapters that have something to say; `tell` hears of each before it is worked out."""
    for name, title, lead, work in _CONTENTS:
        tell(f"{evidence.cells.environment}: {title.lower()}")
        yield from chapter(name, title, lead, partial(work, evidence), evidence.cells.environment)


def chapter(
    name: str, title: str, lead: str, work: Callable[[], Finding | None], environment: str
) -> Iterator[Chapter]:
    """A chapter of what `work` finds, with the environment as the first column; none where it has nothing."""
    try:
        with np.errstate(all="ignore"):
            finding = work()
    except ARITHMETIC as error:
        finding = Finding(pd.DataFrame(), (f"Not computed: {error}",))
    if finding is None or (finding.table.empty and not finding.remarks):
        return
    table = finding.table
    if "environment" not in table and len(table.columns):
        table = table.assign(environment=environment)
        table = table[["environment", *(column for column in table if column != "environment")]]
    yield Chapter(name, environment, title, lead, Finding(table, finding.remarks))


def _comparisons(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 2:
        return None
    asked, size = evidence.asked, len(evidence.names)
    flips = max(FEWEST_FLIPS, min(DRAWS, FLIPS // (size**2 * (size - 1) // 2)))
    found = comparisons(evidence.cells, evidence.table, margin=asked.margin or 0.0, draws=flips, seed=asked.seed)
    fewer = (f"For so many pairs p_flip rests on {flips:,} flips of signs.",) if flips < DRAWS else ()
    return Finding(found.table, (*found.remarks, *fewer))


def _ratings(evidence: Evidence) -> Finding | None:
    chosen = evidence.ratings
    if not chosen:
        return None
    affordable = WORK // len(evidence.names) ** 3
    draws = min(affordable, evidence.asked.draws, max(rating.draws for rating in chosen.values()))
    tables = drawn_tables(evidence.cells, draws if draws >= FEWEST else 0, evidence.asked.seed)
    moves = bool((tables != tables[:1])[~np.isnan(tables)].any())
    found = rate(evidence.matrix, tables if moves else None, evidence.names, ratings=chosen)
    order = evidence.ranking["agent"].astype(str).to_list()
    table = found.table.sort_values("agent", key=lambda names: names.map(order.index), kind="stable")
    return Finding(table.reset_index(drop=True), found.remarks)


def _equilibria(evidence: Evidence) -> Finding | None:
    if not 2 <= len(evidence.names) <= SMALL or np.isnan(evidence.matrix).any() or not find_spec("nashpy"):
        return None
    return nash_equilibria(symmetric_game(evidence.matrix), [evidence.names] * 2)


def _clones(evidence: Evidence) -> Finding | None:
    if not evidence.ratings or len(evidence.names) < 2:
        return None
    alike = near_clones(evidence.table)
    if np.isnan(evidence.matrix).any() or len(evidence.names) > MANY:
        return alike
    moved = clone_sensitivity(evidence.matrix, evidence.names, ratings=evidence.ratings)
    return Finding(moved.table, (*alike.remarks, *moved.remarks))


def _exploitability(evidence: Evidence) -> Finding | None:
    cells = evidence.cells
    order = [str(agent) for agent in evidence.ranking["agent"]]
    within = cells if "population" in evidence.asked.exploitability else None
    return exploitability(cells.environment, order, evidence.cards, within)


def _shown(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """What the page has of a table; the files have all."""
    if name != "exploitability" or table.empty:
        return table
    shown = table[["agent", "kind", "best_response_payoff", "victim_payoff", "self_play", "gain", "exploiter"]]
    ends = {f"best_response_payoff_{end}": table[end] for end in ("low", "high")}
    return shown.assign(**ends)


def _variance(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 3:
        return None
    return variance_components(evidence.cells, evidence.table)


def _friedman(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 3:
        return None
    return friedman(evidence.matrix, evidence.names)


def _runs(evidence: Evidence) -> Finding | None:
    if evidence.runs is None or evidence.runs.table.empty:
        return evidence.runs
    table = evidence.runs.table
    return Finding(table[table["environment"].astype(str) == evidence.cells.environment], evidence.runs.remarks)


def _conduct(evidence: Evidence) -> Finding | None:
    return _unless_blank(conduct(evidence.cells), "p_start")


def _conduct_by_partner(evidence: Evidence) -> Finding | None:
    return _unless_blank(conduct_by_partner(evidence.cells), "p_start")


def _unless_blank(finding: Finding, column: str) -> Finding | None:
    """Nothing where the column has nothing: the game has no such thing."""
    return None if column not in finding.table or finding.table[column].isna().all() else finding


def _welfare(evidence: Evidence) -> Finding | None:
    optimum = evidence.game.get("optimum")
    most = None if optimum is None else optimum * evidence.game["seats"]
    declared = evidence.game.get("shares")
    return welfare(evidence.everybody, evidence.whole_table, optimum=most, declared=declared)


def _pareto(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 2:
        return None
    asked, everybody = evidence.asked, evidence.everybody
    loss: dict[str, float] = {}
    for card in evidence.cards:
        if card["environment"] == everybody.environment and card["kind"] == "exact" and "reason" not in card:
            loss[str(card["agent"])] = float(str(card["self_play"])) - float(str(card["victim_payoff"]))
    draws = min(asked.draws, 500, 4_000_000 // len(evidence.names) ** 2)
    return pareto(
        everybody,
        evidence.whole_table,
        loss or None,
        background=asked.background,
        draws=draws,
        seed=asked.seed,
    )


def _held_out(evidence: Evidence) -> Finding | None:
    if not evidence.asked.background:
        return None
    return held_out(evidence.everybody, evidence.whole_table, evidence.asked.background)


def _cost(evidence: Evidence) -> Finding | None:
    return None if evidence.costs is None or evidence.costs.empty else cost(evidence.costs, evidence.ranking)


def _budgets(evidence: Evidence) -> Finding | None:
    if evidence.costs is None or evidence.curves is None or evidence.curves.empty:
        return None
    return equal_budgets(evidence.costs, evidence.curves, {evidence.cells.environment: evidence.game})


_CONTENTS: tuple[tuple[str, str, str, Callable[[Evidence], Finding | None]], ...] = (
    (
        "exploitability",
        "Who can be exploited",
        "What an exploiter earns from each agent per round, and what that leaves the agent. A gain is over what "
        "the agent's own kind earns in that seat; it is no harm unless the victim's payoff falls. Population: the "
        "best of the agents of this run. Exact: the best of all strategies, for finite automata. The other kinds "
        "are lower bounds, found by playing.",
        _exploitability,
    ),
    (
        "conduct",
        "Conduct",
        "Probability to cooperate at the start and after the last (own, other's) moves CC, CD, DC, DD, with its "
        "95 % interval over partners, and what follows from it.",
        _conduct,
    ),
    (
        "conduct_by_partner",
        "Conduct with each partner",
        "The same with each partner.",
        _conduct_by_partner,
    ),
    (
        "welfare",
        "Who pays for the score",
        "Welfare is the sum of all seats' payoffs in an agent's matches, equality 1 less Gini's coefficient. "
        "Others' payoff in its matches stands beside what the same others earn without it: the effect is what it "
        "does to them.",
        _welfare,
    ),
    (
        "pareto",
        "Pareto front",
        "Who is beaten by nobody at once in its own payoff, in what its partners earn and in what it loses to its "
        "best response; with the share of bootstrap draws in which it is on the front.",
        _pareto,
    ),
    (
        "held_out",
        "Partners held out",
        "Payoff with the other ranked agents, with the partners of the background, and the gap.",
        _held_out,
    ),
    (
        "cost",
        "Cost",
        "What agents took: rounds played, learning updates and seconds of one core in their own code.",
        _cost,
    ),
    (
        "budgets",
        "Learners at equal budgets",
        "What each learner earned when it had used as much as the cheapest of them uses in all.",
        _budgets,
    ),
    (
        "runs",
        "What training runs end with",
        "Payoff in the last tenth of a run and over all of it, and the share of runs that lock in on cooperation "
        "(above 0.9) and on defection (below 0.1). The run is the unit.",
        _runs,
    ),
    (
        "comparisons",
        "Pairs of agents",
        "Differences of mean payoffs, paired by partner, with the 95 % interval over other partners of this kind, "
        "and p-values adjusted for all pairs.",
        _comparisons,
    ),
    (
        "ratings",
        "Ratings",
        "What each agent is worth in the game that the payoff table is, by several definitions, each with its "
        "95 % interval over further repetitions with these agents.",
        _ratings,
    ),
    (
        "equilibria",
        "Nash equilibria",
        "Equilibria of the game in which each of two players chooses an agent: the payoff table, by Nashpy.",
        _equilibria,
    ),
    (
        "clones",
        "Clones",
        "How far each rating moves, as a share of the spread of its scores, when one agent is entered twice or "
        "five times.",
        _clones,
    ),
    (
        "friedman",
        "Ranks within partners",
        "Friedman's test of equal ranks, with partners as blocks, and Wilcoxon's signed-rank test of each pair, "
        "adjusted after Holm.",
        _friedman,
    ),
    (
        "variance",
        "Where the variance comes from",
        "The variance of one match's payoff, split into agents, their partners, how the two go together, and "
        "repetitions.",
        _variance,
    ),
)


def across(rankings: Sequence[pd.DataFrame], asked: Judgement) -> Iterator[Chapter]:
    """What several environments say together; nothing of one."""
    if len(rankings) < 2:
        return
    together = pd.concat([table[["environment", "agent", "payoff"]].astype({"agent": str}) for table in rankings])
    payoffs = together.pivot_table(
        index="agent", columns="environment", values="payoff", observed=True, sort=False
    )
    anchors = {label: Anchors(*ends) for label, ends in asked.anchors.items()}
    yield from chapter(
        "environments",
        "All environments together",
        "Environments vote on the agents, each by its ranking; only where all of them declare what payoffs count "
        "as 0 and as 1 (analysis.anchors) is there a mean over them.",
        lambda: across_environments(payoffs, anchors),
        "all environments",
    )


def cards_alone(cards: Cards, told: Sequence[str]) -> Iterator[Chapter]:
    """What searches for exploiters found in environments of which nothing else is `told`."""
    name, title, lead, _ = _CONTENTS[0]
    for environment in dict.fromkeys(str(card["environment"]) for card in cards):
        if environment not in told:
            agents = list(dict.fromkeys(str(card["agent"]) for card in cards))
            work = partial(exploitability, environment, agents, cards)
            yield from chapter(name, f"{title}: {environment}", lead, work, environment)
