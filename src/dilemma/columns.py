"""Columns of the tables in run folders and reports: their names, types, units and meaning.

The store takes its types from here, the analysis its order of columns; chapter_columns.py has those of chapters.
`python -m dilemma.columns` writes docs/columns.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

STATES = {"cc": "both cooperated", "cd": "it was exploited", "dc": "it exploited", "dd": "both defected"}
PER_ROUND = "payoff per round"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    kind: str
    """Its type: label, text, or numpy's name of it."""
    unit: str
    """Empty for labels, identities and positions."""
    meaning: str


@dataclass(frozen=True)
class TableSchema:
    """A table: where it is, what its rows are, and its columns."""

    place: str
    rows: str
    columns: Sequence[Column]
    further: str = ""
    """What columns there may be beside these, all float64."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def without(self, *names: str) -> tuple[str, ...]:
        """The names of the other columns."""
        return tuple(name for name in self.names if name not in names)


def _column(name: str, kind: str, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, unit, meaning)


_ENVIRONMENT = _column("environment", "label", "label of the environment")
_ROLE = _column("role", "label", "role of the seat")
_LEAGUE = _column("role", "label", "roles of the league, joined by `and`")
_AGENT = _column("agent", "label", "label of the agent")
_OPPONENT = _column(
    "opponent", "label", "the other agent of the match, itself in self-play; missing among three or more"
)
_HOW = _column("how", "label", "how it is known: `exact`, `played` or `learned`")
_PAYOFF = _column("payoff", "float64", "mean payoff", PER_ROUND)
_COOPERATION = _column(
    "cooperation", "float64", "share of rounds with cooperation; missing where the game has none", "share"
)
_MATCH = (
    _column("match", "int64", "identity of the match, and the root of its chance"),
    _column("cast", "int64", "identity of the cast, of which the match is a repetition"),
    _ENVIRONMENT,
    _ROLE,
    _column("repetition", "int32", "number of the repetition, from 0; -1 where the payoff is exact"),
    _column("seat", "int16", "number of the seat, from 0"),
    _AGENT,
    _OPPONENT,
    _column("k", "int16", "seats of this agent in the match", "seats"),
)
_FOUR = tuple(
    _column(name, "float64", f"share of rounds in which {said}", "share") for name, said in STATES.items()
)
_VARIANCE = _column("variance", "float64", "variance of the payoff over matches", f"({PER_ROUND})²")
_ERROR = _column("standard_error", "float64", "standard error of the payoff; 0 where it is exact", PER_ROUND)
_MARGIN = _column("margin", "float64", "payoff minus the mean of the others in the match", PER_ROUND)
_MATCHES = _column("matches", "int64", "matches played, 0 where all is exact", "matches")
_CONDUCT = (
    _column("opening", "float32", "share of openings with cooperation", "share"),
    *(
        _column(f"after_{name}", "float32", f"share of rounds after one in which {said}", "share")
        for name, said in STATES.items()
    ),
    *(
        _column(
            f"c_after_{name}", "float32", f"share of rounds with cooperation after one in which {said}", "share"
        )
        for name, said in STATES.items()
    ),
)

SEATS = TableSchema(
    "seats/*.parquet, `results.seats`",
    "a row for each seat of each match",
    (
        *_MATCH,
        _HOW,
        _PAYOFF,
        _MARGIN,
        _COOPERATION,
        *_FOUR,
        _column(
            "weight",
            "float64",
            "sum of the weights of its rounds: the number of rounds, unless it discounts",
            "rounds",
        ),
        _column("rounds", "float64", "rounds played, the mean over tables", "rounds"),
        _column("run", "int32", "trained run of a checkpoint; -1 for other agents"),
        *_CONDUCT,
        _VARIANCE,
        _column("win", "float64", "probability of earning more than the other, of exact payoffs", "share"),
        _column(
            "good",
            "float64",
            "probability that it cooperates at least as much as the other, of exact payoffs",
            "share",
        ),
        _ERROR,
    ),
    "measures of the environment, means per round",
)
CURVES = TableSchema(
    "curves/*.parquet, `results.curves`",
    "a row for each seat of each match with a learner, and point of its learning curve",
    (
        *_MATCH,
        _column("point", "float64", "number of the episode, in a policy game of the round, from 0"),
        _column("payoff", "float64", "mean payoff in this episode or round", PER_ROUND),
        _COOPERATION,
    ),
    "measures of the environment, and what learners say of their updates (`entropy`, `p_cc` and the like)",
)
COSTS = TableSchema(
    "costs/*.parquet, `results.costs`",
    "a row for each agent of each chunk that was played",
    (
        _ENVIRONMENT,
        _AGENT,
        _column("chairs", "float64", "chairs that it sat on", "chairs"),
        _column("rounds", "float64", "rounds of all its chairs and tables", "rounds"),
        _column("updates", "float64", "updates of all its chairs", "updates"),
        _column("seconds", "float64", "time in its own methods", "s"),
    ),
)
SELECTIONS = TableSchema(
    "selections/*.parquet, `results.selections`",
    "a row for each two seats of a match of which one chose to meet the other",
    (
        *(column for column in _MATCH if column.name not in ("cast", "opponent", "k")),
        _column("opponent", "label", "label of the agent that was chosen"),
        _column("chosen_seat", "int16", "number of its seat, from 0"),
        _column("count", "float64", "how often it was chosen, at all tables, in the rounds that count", "choices"),
    ),
)
_REPLICATE = _column("replicate", "int32", "number of the population, from 0")
_GENERATION = _column("generation", "int32", "number of the generation, from 0")
GENERATIONS = TableSchema(
    "generations/*.parquet, `results.generations`",
    "a row for each population, generation and agent that is in it",
    (
        _ENVIRONMENT,
        _REPLICATE,
        _GENERATION,
        _column(
            "step", "int64", "births or comparisons so far; generations where all are replaced at once", "steps"
        ),
        _AGENT,
        _column("fixed", "bool", "whether nothing can change the population any more"),
        _column("count", "float64", "individuals of this agent", "individuals"),
        _column("share", "float64", "their share of the population", "share"),
        _column("payoff", "float64", "what they earn on average", PER_ROUND),
        _COOPERATION,
    ),
)
SNAPSHOTS = TableSchema(
    "snapshots/*.parquet",
    "a row for each vertex of the graph of the first population, at some generations",
    (
        _ENVIRONMENT,
        _REPLICATE,
        _GENERATION,
        _column("vertex", "int32", "number of the vertex, from 0"),
        _column("x", "float64", "where it is drawn"),
        _column("y", "float64", "where it is drawn"),
        _AGENT,
    ),
)

CHOICES = TableSchema(
    "choices/*.parquet, `results.choices`",
    "a row for each match after which somebody chose whether to stay with the partner",
    (
        _ENVIRONMENT,
        _column("agent", "label", "label of the chooser"),
        _column("rule", "label", "by what it chose: the name of a rule, or `own`"),
        _column("opponent", "label", "label of its partner in this match"),
        _column("first", "label", "label of the candidate with whom the path began"),
        _column("repetition", "int32", "number of the path, from 0"),
        _column("encounter", "int16", "number of the match in the path, from 0"),
        _column("match", "int64", "identity of the match"),
        _column("run", "int32", "trained run of the partner, if it is a checkpoint; -1 for other agents"),
        _PAYOFF,
        _column("partner_payoff", "float64", "the partner's mean payoff", PER_ROUND),
        _column("kept", "bool", "whether the chooser stayed"),
        _column("alone_payoff", "float64", "what the chooser earned alone in the meantime", PER_ROUND),
        _column(
            "next_payoff", "float64", "what it earned next: with the partner, alone, or with another", PER_ROUND
        ),
        _column(
            "partner_next_payoff",
            "float64",
            "what the partner earned next: with the chooser, or alone; missing where it was left for another",
            PER_ROUND,
        ),
    ),
)


def _ends(name: str, field: str) -> Iterator[Column]:
    yield _column(f"{name}low", "float64", f"lower end of the 95 % interval of the payoff, {field}", PER_ROUND)
    yield _column(f"{name}high", "float64", f"upper end of the 95 % interval of the payoff, {field}", PER_ROUND)


def _open(name: str, field: str) -> Iterator[Column]:
    yield _column(f"{name}rank_low", "Int64", f"best rank that the data leave open, {field}", "rank")
    yield _column(f"{name}rank_high", "Int64", f"worst rank that the data leave open, {field}", "rank")
    yield _column(f"{name}p_best", "float64", f"share of bootstrap draws in which it is first, {field}", "share")


_HERE, _ELSEWHERE = "with these partners", "with others of their kinds"
RANKING = TableSchema(
    "ranking.csv, `results.ranking`",
    "a row for each environment, league and agent, the best first",
    (
        _ENVIRONMENT,
        _LEAGUE,
        _column(
            "rank", "Int64", "place by payoff, ties share the better one; missing where it isn't ranked", "rank"
        ),
        _AGENT,
        _column("payoff", "float64", "mean payoff over its partners", PER_ROUND),
        *_ends("", _ELSEWHERE),
        *_ends("fixed_", _HERE),
        *_open("fixed_", _HERE),
        *_open("", _ELSEWHERE),
        _column(
            "p_top", "float64", f"share of bootstrap draws in which it is among the first, {_ELSEWHERE}", "share"
        ),
        _column(
            "standard_error", "float64", "standard error over repetitions, as if partners shared none", PER_ROUND
        ),
        _column("payoff_without_self", "float64", "mean payoff over the other agents", PER_ROUND),
        _column("gap", "float64", "payoff minus that of the next agent", PER_ROUND),
        _column("worst_partner", "float64", "payoff with the worst partner", PER_ROUND),
        _column("worst_partner_name", "text", "label of that partner"),
        _column("worst_tenth", "float64", "mean payoff over the worst tenth of partners", PER_ROUND),
        _column(
            "wins",
            "float64",
            "share of matches in which it earned more than the others, without self-play",
            "share",
        ),
        _COOPERATION,
        _column("opponents", "int64", "partners in its mean", "agents"),
        _column("kinds", "Int64", "kinds of partners that the field tells apart", "kinds"),
        _column("missing", "int64", "partners of the field that it has no payoff with", "agents"),
        _MATCHES,
        _column("note", "text", "what else must be known of this row"),
    ),
)
PAYOFFS = TableSchema(
    "payoffs.csv, `results.payoffs`",
    "a row for each environment, agent, opponent or company, role and number of seats",
    (
        _ENVIRONMENT,
        _ROLE,
        _AGENT,
        _OPPONENT,
        _column("company", "label", "all others of the match, where there are three agents or more"),
        _column("seat", "label", "number of the seat, `any` for all of the role"),
        _column("k", "int64", "seats of this agent in the match", "seats"),
        _PAYOFF,
        _ERROR,
        _VARIANCE,
        _COOPERATION,
        *_FOUR,
        _MARGIN,
        _column("wins", "float64", "share of matches in which it earned more than the others", "share"),
        _MATCHES,
        _HOW,
    ),
    "measures of the environment, means per round",
)
STORED = {
    "seats": SEATS,
    "curves": CURVES,
    "costs": COSTS,
    "selections": SELECTIONS,
    "generations": GENERATIONS,
    "snapshots": SNAPSHOTS,
    "choices": CHOICES,
}
"""Tables of a run folder."""
REPORTED = {"ranking": RANKING, "payoffs": PAYOFFS}
"""Tables of a report."""


def stored_types() -> Mapping[str, str]:
    """The types of the stored columns that are no labels, by name; others are float64."""
    columns = (column for table in STORED.values() for column in table.columns)
    return {column.name: column.kind for column in columns if column.kind != "label"}


def page() -> str:
    """docs/columns.md."""
    from .chapter_columns import CHAPTERS

    parts = [
        "# Columns\n\nThe tables of a run folder (Parquet) and of a report (CSV), column by column; written by "
        "`python -m dilemma.columns > docs/columns.md`.\n"
    ]
    reported = {
        f"{name}.csv" if name in STORED else name: table for name, table in {**REPORTED, **CHAPTERS}.items()
    }
    for name, table in {**STORED, **reported}.items():
        further = f"\nFurther columns, float64: {table.further}.\n" if table.further else ""
        lines = [f"| `{one.name}` | {one.kind} | {one.unit} | {one.meaning} |" for one in table.columns]
        lines = ["| column | type | unit | meaning |", "|---|---|---|---|", *lines]
        parts.append(f"\n## {name}\n\n{table.place}: {table.rows}.\n\n" + "\n".join(lines) + "\n" + further)
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
