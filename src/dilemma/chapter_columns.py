"""Columns of the tables of a report's chapters, and of curves and populations beside them."""

from __future__ import annotations

from collections.abc import Iterator

from .columns import CHOICES, PER_ROUND, STATES, Column, TableSchema

FIELD, REPEATED = "95 % interval over partners", "95 % interval over repetitions"


def _column(name: str, meaning: str, unit: str = "", kind: str = "float64") -> Column:
    return Column(name, kind, unit, meaning)


def _label(name: str, meaning: str) -> Column:
    return _column(name, meaning, kind="label")


def _count(name: str, meaning: str, unit: str) -> Column:
    return _column(name, meaning, unit, "int64")


def _flag(name: str, meaning: str) -> Column:
    return _column(name, meaning, kind="bool")


def _text(name: str, meaning: str) -> Column:
    return _column(name, meaning, kind="text")


def _ends(of: str, interval: str, unit: str, prefix: str | None = None) -> Iterator[Column]:
    """The ends of an interval; `low` and `high` alone with an empty prefix."""
    start = f"{of}_" if prefix is None else prefix
    yield _column(f"{start}low", f"lower end of the {interval} of `{of}`", unit)
    yield _column(f"{start}high", "upper end of it", unit)


def _known(name: str, meaning: str, interval: str, unit: str) -> Iterator[Column]:
    """A measure with its interval."""
    yield _column(name, meaning, unit)
    yield from _ends(name, interval, unit)


ENVIRONMENT = _label("environment", "label of the environment")
ROLE = _label("role", "roles of the league, joined by `and`")
AGENT = _label("agent", "label of the agent")
OPPONENT = _label("opponent", "label of the other agent; `others` where there are several")
SEAT = _label("seat", "number of the seat, `any` where seats are alike")
PARTNERS = _count("partners", "partners that it rests on", "agents")
LEAGUE = (ENVIRONMENT, ROLE)
OWN = (*LEAGUE, AGENT)
PROCESS = _label("process", "evolutionary process or dynamic")
TYPE = _label("type", "label of the agent that is a type of the population")
PAYOFF = _column("payoff", "mean payoff over its partners, as in the ranking", PER_ROUND)

_ROW = "a row for each environment, league and"
EXPLOITABILITY = TableSchema(
    "exploitability.csv, `results.exploitability`",
    f"{_ROW} agent and kind of exploiter",
    (
        *OWN,
        _label(
            "kind", "`population`: the best of these agents; `exact`, `inferred`, `learned`, `dynamic`: searched"
        ),
        _column("best_response_payoff", "what the exploiter earns", PER_ROUND),
        _column("victim_payoff", "what the agent earns from it", PER_ROUND),
        _column("self_play", "what the exploiter's seat earns if the agent meets itself", PER_ROUND),
        _column("gain", "`best_response_payoff` less `self_play`", PER_ROUND),
        *_ends("best_response_payoff", "95 % interval", PER_ROUND, ""),
        _text("exploiter", "who it is, as JSON if it was searched"),
        *_known(
            "regret", "what the agent would gain on average by being another of these agents", REPEATED, PER_ROUND
        ),
        _column("exploiter_gain", "what the exploiter earns from it above its own mean", PER_ROUND),
        _column("victim_loss", "`self_play` less the least that a partner leaves it", PER_ROUND),
        _column("worst_case", "lowest payoff that the agent was held to", PER_ROUND),
        _column("victim_optimistic", "what the best response leaves it that leaves it most", PER_ROUND),
        _column("victim_pessimistic", "what the best response leaves it that leaves it least", PER_ROUND),
        _column("gain_share", "gain as a share of T - P, in dilemmas", "share"),
        _column("loss_share", "loss of the agent as a share of R - S, in dilemmas", "share"),
        _count("states", "states of the automaton that it is, or was inferred to be", "states"),
        _count("seat", "the exploiter's seat; missing where seats are alike", ""),
        _count("budget", "rounds played to find the exploiter", "rounds"),
        _text("note", "how it was found"),
    ),
)
RESPONSES = {
    "p_start": "share of openings with C",
    **{f"p_{state}": f"share of rounds with C after one in which {said}" for state, said in STATES.items()},
}
TRAITS = {
    "niceness": "`p_start` times `p_cc`: never the first to defect",
    "retaliation": "1 - `p_cd`",
    "forgiveness": "share of rounds with C after the other's D",
    "contrition": "`p_dc`: returns to C after exploiting",
    "reciprocity": "share of C after the other's C, less that after its D",
    "cooperation": "share of rounds with C",
    "good_partner": "share of matches in which it cooperates at least as much as the others",
}
CONDUCT = TableSchema(
    "conduct.csv",
    f"{_ROW} agent",
    (
        *OWN,
        *(one for name, said in {**RESPONSES, **TRAITS}.items() for one in _known(name, said, FIELD, "share")),
        _column("eigenjesus", "goodness by cooperating with the good; defection counts nothing"),
        _column("eigenmoses", "goodness, where defecting on the bad is good as well"),
        PARTNERS,
    ),
)
CONDUCT_BY_PARTNER = TableSchema(
    "conduct_by_partner.csv",
    f"{_ROW} agent and opponent",
    (*OWN, OPPONENT, *(_column(name, said, "share") for name, said in {**RESPONSES, **TRAITS}.items())),
)
WELFARE = TableSchema(
    "welfare.csv",
    f"{_ROW} agent",
    (
        *OWN,
        _column("welfare", "sum of the payoffs of all seats in its matches", PER_ROUND),
        _column("welfare_share", "welfare as a share of the largest possible", "share"),
        _column("equality", "1 less Gini's coefficient of these payoffs", "share"),
        _column("payoff", "what it earns, without self-play", PER_ROUND),
        _column("others", "what the others earn in its matches", PER_ROUND),
        _column("others_elsewhere", "what the same others earn in matches without it", PER_ROUND),
        *_known("effect", "`others` less `others_elsewhere`", FIELD, PER_ROUND),
        PARTNERS,
    ),
    "shares that the environment declares, each with its interval",
)
PARETO = TableSchema(
    "pareto.csv",
    f"{_ROW} agent",
    (
        *OWN,
        PAYOFF,
        _column("partners_payoff", "what others earn with it, the mean over partners", PER_ROUND),
        _column("victim_loss", "its loss to an exploiter", PER_ROUND),
        _flag("on_front", "whether no agent is nowhere worse and somewhere better"),
        _column("p_front", "share of bootstrap draws on the front, partners drawn as well", "share"),
        _column("fixed_p_front", "share of bootstrap draws on the front, with these partners", "share"),
        _text("dominated_by", "of those that dominate it the one that earns most"),
    ),
)
_PAIR = (
    _label("cooperator", "label of the agent that is the cooperator"),
    _label("defector", "label of the agent that is the defector"),
    _label("beside", "labels of the agents on seats of other roles"),
)
SCHELLING = TableSchema(
    "schelling.csv",
    f"{_ROW} pair of agents in a game of three or more, and number of other cooperators",
    (
        *LEAGUE,
        *_PAIR,
        _count("other_cooperators", "how many of the others are cooperators; the rest are defectors", "seats"),
        *_known("c_payoff", "what a cooperator earns", REPEATED, PER_ROUND),
        *_known("d_payoff", "what a defector earns", REPEATED, PER_ROUND),
        *_known("temptation", "`d_payoff` less `c_payoff`", REPEATED, PER_ROUND),
        _count("c_matches", "matches behind `c_payoff`; 0 if it is exact", "matches"),
        _count("d_matches", "matches behind `d_payoff`; 0 if it is exact", "matches"),
    ),
)
SOCIAL_DILEMMA = TableSchema(
    "social_dilemma.csv",
    f"{_ROW} pair of agents in a game of three or more, and condition of a social dilemma",
    (
        *LEAGUE,
        *_PAIR,
        _label("condition", "what has to be above 0, in words; the last of a pair is all of them together"),
        _column("difference", "of the two payoffs; the least one where it is for every number", PER_ROUND),
        *_ends("difference", REPEATED, PER_ROUND, ""),
        _label("verdict", "`yes`, `no`, or `open` if the interval has 0 in it or is unknown"),
        _label("where", "numbers of other cooperators for which it certainly holds, counted from that end"),
    ),
)
ALLOCATIONS = TableSchema(
    "allocations.csv",
    "a row for each environment and mechanism that `dilemma explain` was asked about, level of the pool, and "
    "tenth of a player's share of all that was returned",
    (
        ENVIRONMENT,
        AGENT,
        _column("pool_from", "least pool of the level, as a share of the capacity", "share"),
        _column("pool_to", "most pool of the level", "share"),
        _column("contribution_share", "middle of the player's share of all that was returned", "share"),
        _column("allocated", "mean share of the pool that the player got", "share"),
        _column("rule", "what the nearest interpolating rule gives in the same samples", "share"),
        _count("samples", "players and rounds that this is the mean over", ""),
    ),
)
MECHANISMS = TableSchema(
    "mechanisms.csv",
    f"{_ROW} mechanism and population of one type, where a mechanism shares out a common pool",
    (
        *OWN,
        _label("population", "label of the agent on all players' seats"),
        _count("rank", "place by surplus among mechanisms with this population", "rank"),
        *_known("surplus", "what a player keeps, the mean over players and matches", REPEATED, PER_ROUND),
        *_known("gini", "Gini's coefficient of what the players kept over a match", REPEATED, "share"),
        *_known("survived", "share of matches with a final pool above 1", REPEATED, "share"),
        _column("alive", "share of rounds before the pool first fell below 1", "share"),
        _column("final_pool", "the pool after the last round", "units"),
        _column("return_rate", "what was returned as a share of what was allocated", "share"),
        _column("excluded", "how often a player got less than a unit of a pool that had one for each", "share"),
        _flag("on_front", "whether no other mechanism surpasses it in surplus, equality and survival at once"),
        _label("exploiter", "the agent that earns most as a single player among the population"),
        *_known("gain", "what it earns above one of the population where all are alike", REPEATED, PER_ROUND),
        _count("matches", "matches of the population", "matches"),
    ),
)
HELD_OUT = TableSchema(
    "held_out.csv",
    f"{_ROW} ranked agent, if there is a background",
    (
        *OWN,
        _column("self_play", "payoff in self-play", PER_ROUND),
        _column("field", "mean payoff with the other ranked agents", PER_ROUND),
        _count("field_partners", "those partners", "agents"),
        _column(
            "held_out", "mean payoff with the agents of the background, by their shares if it has them", PER_ROUND
        ),
        _count("held_out_partners", "those partners", "agents"),
        *_known("gap", "`field` less `held_out`", FIELD, PER_ROUND),
        _column("gap_beyond_others", "gap less the mean gap of the other ranked agents", PER_ROUND),
    ),
)
COST = TableSchema(
    "cost.csv",
    f"{_ROW} agent that was played, the cheapest first",
    (
        *OWN,
        _count("rank", "place in the ranking", "rank"),
        PAYOFF,
        _column("chairs", "chairs that it sat on", "chairs"),
        _column("rounds", "rounds of all its chairs and tables", "rounds"),
        _column("updates", "updates of all its chairs", "updates"),
        _column("seconds", "time in its own methods", "s"),
        _column("rounds_per_chair", "`rounds` by chair", "rounds"),
        _column("updates_per_chair", "`updates` by chair", "updates"),
        _column("seconds_per_chair", "`seconds` by chair", "s"),
        _column("microseconds_per_round", "`seconds` by round", "µs"),
    ),
)
BUDGETS = TableSchema(
    "budgets.csv",
    f"{_ROW} budget and learner",
    (
        *LEAGUE,
        _label("budget", "what is counted: `rounds`, `updates` or `seconds` of a chair"),
        _column("amount", "what the cheapest learner needs in all, in units of the budget"),
        AGENT,
        _column("share", "share of its own training after which it has used that", "share"),
        _column("payoff", "mean payoff over the tenth of its training before that", PER_ROUND),
        *_ends("payoff", FIELD, PER_ROUND, ""),
        _column("payoff_at_end", "payoff after all of its training", PER_ROUND),
        PARTNERS,
    ),
)
RUNS = TableSchema(
    "runs.csv",
    f"{_ROW} learner, opponent and seat",
    (
        *OWN,
        OPPONENT,
        SEAT,
        _count("runs", "runs of training, one a match", "runs"),
        *_known("late", "mean payoff in the last tenth of the curve", "95 % interval over runs", PER_ROUND),
        _column("late_iqm", "interquartile mean of it over runs", PER_ROUND),
        *_known("area", "mean payoff over the whole curve", "95 % interval over runs", PER_ROUND),
        *_known(
            "cooperating", "share of runs with late cooperation above 0.9", "95 % interval over runs", "share"
        ),
        *_known("defecting", "share of runs with late cooperation below 0.1", "95 % interval over runs", "share"),
    ),
)
COMPARISONS = TableSchema(
    "comparisons.csv",
    f"{_ROW} pair of agents, the better one first",
    (
        *OWN,
        _label("other", "label of the other agent"),
        _column("difference", "payoff of the first less that of the other, paired by partner", PER_ROUND),
        *_ends("difference", FIELD, PER_ROUND, ""),
        _column("p_flip", "p-value of flipping the signs of the differences", "probability"),
        _column("p_student", "p-value of Student's test", "probability"),
        _column("p", "p-value adjusted for all pairs", "probability"),
        _label("verdict", "on the first agent: `better`, `equivalent` or `unresolved`"),
        PARTNERS,
    ),
)
RATED = {
    "alpha_rank": "share of time that evolution stays with it, if rivals compare the payoffs of their own match",
    "alpha_rank_population": "share of time that evolution stays with it, if fitness is the mean payoff",
    "deviation": "what switching to it would gain in the strictest equilibrium; 0 is the most",
    "nash": "what it earns more than its opponents, against the Nash equilibrium of largest entropy",
    "coarse_correlated": "payoff against the others in the coarse correlated equilibrium of largest entropy",
    "elo": "Elo's scale, of agents compared by what they earned with the same partner",
}
RATINGS = TableSchema(
    "ratings.csv",
    f"{_ROW} agent; ratings that `[analysis] ratings` names",
    (
        *OWN,
        *_known("payoff", "mean payoff over its partners", REPEATED, PER_ROUND),
        *(one for name, said in RATED.items() for one in _known(name, said, REPEATED, "")),
    ),
)
CLONES = TableSchema(
    "clones.csv",
    f"{_ROW} agent that is entered several times",
    (
        *OWN,
        *(_column(name, f"how far `{name}` moves at most", "share of its spread") for name in ("payoff", *RATED)),
    ),
)
EQUILIBRIA = TableSchema(
    "equilibria.csv",
    f"{_ROW} Nash equilibrium, player and agent in its support",
    (
        *LEAGUE,
        _count("equilibrium", "number of the equilibrium, from 1", ""),
        _count("player", "number of the player, from 0", ""),
        _label("strategy", "label of the agent"),
        _column("probability", "with which the player takes it", "probability"),
        _column("payoff", "of the player", PER_ROUND),
        _flag("symmetric", "whether both players mix alike"),
    ),
)
VERDICT = _label("verdict", "`favoured`, `opposed` or `open`; `drift alone` where both earn the same")
EVOLUTION = TableSchema(
    "evolution.csv",
    "a row for each environment, process and type; of populations that were played, for each agent",
    (
        *LEAGUE,
        PROCESS,
        TYPE,
        _column("share", "in the long run, or where the dynamic leads from equal shares", "share"),
        *_ends("share", REPEATED, "share", ""),
        AGENT,
        _column("start", "share in the first generation, of populations that were played", "share"),
        *_known("end", "share in the last generation", "95 % interval over populations", "share"),
        *_known("second_half", "share over the second half", "95 % interval over populations", "share"),
        _count("alone", "populations that consist of it alone at the end", "populations"),
    ),
)
FIXATION = TableSchema(
    "fixation.csv",
    "a row for each environment, process, resident and mutant",
    (
        *LEAGUE,
        PROCESS,
        _label("resident", "label of the agent that the others are"),
        _label("mutant", "label of the agent that may take over"),
        _column("neutral", "probability that it takes over by chance alone", "probability"),
        _column("probability", "that it takes over; of played populations the share", "probability"),
        *_ends("probability", "95 % interval", "probability", ""),
        _column("time", "mean steps until then, if it comes to that", "steps"),
        _flag("drift", "whether both earn the same in every composition"),
        VERDICT,
        _count("start", "mutants at first, of played populations", "individuals"),
        _count("size", "of the population", "individuals"),
        _count("fixed", "populations that it took over", "populations"),
        _count("replicates", "populations that were played", "populations"),
    ),
)
FIRST_PASSAGE = TableSchema(
    "first_passage.csv",
    "a row for each environment, process and agent or pair, where mutants keep coming",
    (
        *LEAGUE,
        PROCESS,
        _label("resident", "label of the agent that all are at first"),
        _label("mutant", "label of the agent that comes to half"),
        AGENT,
        _column("start", "share at first, of played populations", "share"),
        _count("reached", "populations in which it came to half", "populations"),
        _count("replicates", "populations that were played", "populations"),
        _column("probability", "share of populations in which it came to half", "probability"),
        *_ends("probability", "95 % interval", "probability", ""),
        _column("generation", "mean generation in which it did", "generations"),
        _column(
            "time", "mean steps until it did; `low` and `high` are its ends where nothing was played", "steps"
        ),
    ),
)
STABILITY = TableSchema(
    "stability.csv",
    f"{_ROW} type",
    (
        *LEAGUE,
        TYPE,
        _label(
            "stability",
            "what a population of it is: `strict Nash`, `ESS`, `neutrally stable`, `invaded` and the like",
        ),
        _text("invaded_by", "labels of those who invade it"),
        _text("drifts_with", "labels of those who neither gain nor lose in it"),
    ),
)
REST_POINTS = TableSchema(
    "rest_points.csv",
    f"{_ROW} rest point of the replicator and type that is there",
    (
        *LEAGUE,
        _count("point", "number of the rest point, from 1", ""),
        TYPE,
        _column("share", "of the population", "share"),
        _column("payoff", "what everybody earns there", PER_ROUND),
        _label("kind", "by its eigenvalues: `sink`, `source`, `saddle`, `centre`, `degenerate`"),
        _count("dimension", "of the set of rest points that it is in", ""),
        _flag("nash", "whether it is a Nash equilibrium"),
        _label("verdict", "whether populations nearby come back"),
    ),
)
FRIEDMAN = TableSchema(
    "friedman.csv",
    f"{_ROW} pair of agents",
    (
        *OWN,
        _label("other", "label of the other agent"),
        _column("rank", "mean rank within each partner's matches, 1 the best", "rank"),
        _column("other_rank", "that of the other", "rank"),
        _column("p_wilcoxon", "p-value of the signed-rank test of the pair", "probability"),
        _column("p", "p-value adjusted for all pairs", "probability"),
    ),
)
VARIANCE = TableSchema(
    "variance.csv",
    f"{_ROW} component of the variance of a match's payoff",
    (
        *LEAGUE,
        _label("component", "`agent`, `partner`, `interaction` or `repetition`"),
        _column("variance", "of that component", f"({PER_ROUND})²"),
        _column("share", "of the sum", "share"),
    ),
)
ENVIRONMENTS = TableSchema(
    "environments.csv",
    "a row for each agent, of all environments together",
    (
        ENVIRONMENT,
        AGENT,
        _column("anchored", "mean payoff on the scale of the environments' anchors"),
        _column("borda", "Borda's score of the environments' votes"),
        _column("copeland", "agents that a majority ranks below it, half for a draw"),
        _column("schulze", "agents that it beats by stronger paths of majorities"),
        _column("ranked_pairs", "agents below it when the widest majorities are locked first"),
        _column("maximal_lotteries", "lotteries after the one that it wins, plus its probability in that"),
    ),
)
PARAMETERS = TableSchema(
    "parameters.csv",
    "a row for each environment and measure of agents that evolve",
    (
        ENVIRONMENT,
        _label("measure", "`payoff`, `best`, `cooperation`, or a parameter"),
        _column("start", "mean over populations at first"),
        *_known("end", "mean over populations at the end", "95 % interval over populations", ""),
        *_known("second_half", "mean over the second half", "95 % interval over populations", ""),
        _column("tenth", "first tenth of the populations at the end"),
        _column("median", "their median"),
        _column("ninetieth", "their last tenth"),
    ),
)
CURVES = TableSchema(
    "curves.csv",
    "a row for each environment, agent, opponent, seat, point and measure",
    (
        ENVIRONMENT,
        AGENT,
        OPPONENT,
        SEAT,
        _column(
            "point", "number of the episode, in a policy game of the round: the middle of an averaged stretch"
        ),
        _label("measure", "`payoff`, `cooperation` or what a learner says of its updates"),
        _column("mean", "over matches"),
        *_ends("mean", "95 % interval at this point", "", ""),
        _column("band_low", "lower end of the band that holds for the whole curve"),
        _column("band_high", "upper end of it"),
        _count("matches", "matches in it", "matches"),
    ),
)
POLICIES = TableSchema(
    "policies.csv",
    "a row for each environment, agent, opponent and seat: the last tenth of the curve",
    (ENVIRONMENT, AGENT, OPPONENT, SEAT, _count("matches", "matches in it", "matches")),
    "each measure of the curve, and `NAME_spread`, its standard deviation over matches",
)
GENERATIONS = TableSchema(
    "generations.csv",
    "a row for each environment, generation and agent: means over populations",
    (
        ENVIRONMENT,
        _count("generation", "number of the generation, from 0", ""),
        AGENT,
        _column("share", "of the population", "share"),
        *_ends("share", "95 % interval over populations", "share", ""),
        _column("payoff", "what it earns", PER_ROUND),
        _column("cooperation", "share of rounds with cooperation", "share"),
    ),
)
REPLICATE = _count("replicate", "number of the population, from 0", "")
EVOLVED = TableSchema(
    "evolved.csv",
    "a row for each environment, population and generation of agents that evolve",
    (
        ENVIRONMENT,
        REPLICATE,
        _count("generation", "number of the generation, from 0", ""),
        _column("payoff", "mean payoff of the population", PER_ROUND),
        _column("best", "payoff of the best one", PER_ROUND),
        _column("cooperation", "share of rounds with cooperation", "share"),
    ),
    "the mean of each parameter that evolves",
)
GENEALOGY = TableSchema(
    "genealogy.csv",
    "a row for each of those who are alive at the end, and their ancestors",
    (
        ENVIRONMENT,
        REPLICATE,
        _count("id", "number of this one", ""),
        _count("parent", "number of its parent; missing without one", ""),
        _count("other_parent", "number of its second parent", ""),
        _count("born", "generation in which it was born", "generations"),
        _label("how", "`entry`, `random`, `mutant`, `crossover`, `sampled` or `copied`"),
        _column("payoff", "what it earned", PER_ROUND),
        _column("share", "of the population at the end; 0 of ancestors that are gone", "share"),
    ),
    "the parameters that evolve",
)
CHOOSER = (_label("agent", "label of the chooser"), _label("rule", "by what it chose"))
SCORE = "mean payoff over all matches of the two"
KEPT_PARTNERS = TableSchema(
    "partners.csv",
    "a row for each environment, chooser, rule and candidate",
    (
        ENVIRONMENT,
        *CHOOSER,
        _label("opponent", "label of the candidate"),
        _count("choices", "after matches with it", "choices"),
        _count("kept", "of these, how often the chooser stayed", "choices"),
        _column("keep_rate", "`kept` of `choices`", "share"),
        *_ends("keep_rate", "95 % interval, Wilson's", "share"),
        _column("own_payoff", f"the chooser's {SCORE}", PER_ROUND),
        _column("partner_payoff", f"the candidate's {SCORE}", PER_ROUND),
        _column("joint_payoff", "their sum", PER_ROUND),
        *_known("warmth", "proxy: the measure of the candidate that stands for warmth", REPEATED, ""),
        *_known("competence", "proxy: the measure of the candidate that stands for competence", REPEATED, ""),
        _column("alone_payoff", "what the chooser earns alone", PER_ROUND),
        _column("kept_payoff", "what it earns in the match after it stayed", PER_ROUND),
        *_known("opportunity_cost", "`kept_payoff` less `alone_payoff`", REPEATED, PER_ROUND),
        _column(
            "strength", "Bradley-Terry strength from first choices, paths compared; their mean is 0", "log odds"
        ),
        _column("strength_error", "its standard error", "log odds"),
        *_known("free_payoff", "what the candidate earns after a choice, kept or left alone", REPEATED, PER_ROUND),
    ),
)
PREDICTORS = TableSchema(
    "predictors.csv",
    "a row for each environment, chooser, rule and score of candidates",
    (
        ENVIRONMENT,
        *CHOOSER,
        _label("score", "which column of partners.csv"),
        _column("tau", "Kendall's tau-b with the keep rate, over candidates"),
        *_ends("tau", REPEATED, ""),
        _column("best", "share of bootstrap draws in which no score has a tau farther from 0", "share"),
    ),
)
_IN_POPULATION = _label("population", "who it consists of")
_PUNISHES = {
    "just_punishment": "share of defections which it could punish that it did",
    "unjust_punishment": "share of cooperations which it could punish that it did",
}
_LEARNED = {
    "always_cooperate": "share of learners that cooperate after CC and CD, by their best decisions",
    "always_defect": "share of learners that defect after both",
    "answers_in_kind": "share of learners that cooperate after CC alone",
    "answers_reversed": "share of learners that cooperate after CD alone",
    "p_good": "share of learners that cooperate with the good, by their best decisions",
    "p_bad": "share of learners that cooperate with the bad",
    "good_c_to_good": "share of views in which learners call good who cooperated with the good",
    "good_c_to_bad": "the same of who cooperated with the bad",
    "good_d_to_good": "the same of who defected on the good",
    "good_d_to_bad": "the same of who defected on the bad",
}
POPULATION = TableSchema(
    "population.csv",
    "a row for each environment, population and phase, where members have reputations",
    (
        ENVIRONMENT,
        _IN_POPULATION,
        _label("phase", "`learning`, the last episodes before learners are frozen, or `result`"),
        _count("matches", "matches of the population", "matches"),
        *_known("cooperation", "share of a member's moves, the mean over members", REPEATED, "share"),
        *_known("gross", "what the game pays a member", REPEATED, PER_ROUND),
        *_known("net", "the same with sanctions", REPEATED, PER_ROUND),
        *(each for name, said in _PUNISHES.items() for each in _known(name, said, REPEATED, "share")),
        *_known("reputation_spread", "standard deviation of reputations among members", REPEATED, ""),
        *_known(
            "assortment",
            "P(partner cooperates), if the chooser cooperates, less the same if it defects",
            REPEATED,
            "",
        ),
        *_known("mutual_cooperation", "share of a dyad's rounds in which both cooperate", REPEATED, "share"),
        *_known("mutual_defection", "in which both defect", REPEATED, "share"),
        *_known("exploitation", "in which the chooser defects on a cooperator", REPEATED, "share"),
        *_known("deception", "in which the chooser cooperates with a defector", REPEATED, "share"),
        *_known("gini", "Gini's coefficient of `net` over members; missing where one loses", REPEATED, "share"),
        *_known("gini_gross", "Gini's coefficient of `gross` over members", REPEATED, "share"),
        *_known("chosen_gini", "Gini's coefficient of how often each is chosen", REPEATED, "share"),
        *(each for name, said in _LEARNED.items() for each in _known(name, said, REPEATED, "share")),
    ),
)
COURSE = TableSchema(
    "course.csv",
    "a row for each environment, population with reputations, measure and point of the learning curve",
    (
        ENVIRONMENT,
        _IN_POPULATION,
        _label("measure", "a measure of `population.csv`"),
        _column("point", "number of the episode, from 0"),
        _column("mean", "over matches"),
        *_ends("mean", REPEATED, "", ""),
    ),
)
TYPES = TableSchema(
    "types.csv",
    "a row for each environment, population and type, where members have reputations, the best first",
    (
        ENVIRONMENT,
        _IN_POPULATION,
        AGENT,
        _count("members", "members of this type", "members"),
        _count("matches", "matches of the population", "matches"),
        *_known("net", "what a member earns, with sanctions", REPEATED, PER_ROUND),
        *_known("gross", "what the game pays it", REPEATED, PER_ROUND),
        *_known("chosen", "of how many members it is the partner at a time; 1 on average", REPEATED, "members"),
        *_known("punished", "how often it is punished in a round", REPEATED, "per round"),
        *(each for name, said in _PUNISHES.items() for each in _known(name, said, REPEATED, "share")),
        *_known("cooperation", "share of its moves", REPEATED, "share"),
        *_known("reputation", "its reputation at the end of rounds", REPEATED, ""),
        *(each for name, said in _LEARNED.items() for each in _known(name, said, REPEATED, "share")),
    ),
)
SELECTED = TableSchema(
    "selected.csv",
    "a row for each environment, population and two types, where members choose partners",
    (
        ENVIRONMENT,
        _IN_POPULATION,
        _label("agent", "label of those who choose"),
        _label("opponent", "label of those who are chosen"),
        *_known("share", "of the choices", REPEATED, "share"),
        _column("by_lot", "that share if all are chosen equally often; missing on a graph", "share"),
        _column("times", "`share` over `by_lot`", ""),
    ),
)
CHAPTERS = {
    "choices": CHOICES,
    "partners": KEPT_PARTNERS,
    "predictors": PREDICTORS,
    "population": POPULATION,
    "course": COURSE,
    "types": TYPES,
    "selected": SELECTED,
    "exploitability": EXPLOITABILITY,
    "conduct": CONDUCT,
    "conduct_by_partner": CONDUCT_BY_PARTNER,
    "welfare": WELFARE,
    "pareto": PARETO,
    "allocations": ALLOCATIONS,
    "schelling": SCHELLING,
    "social_dilemma": SOCIAL_DILEMMA,
    "mechanisms": MECHANISMS,
    "held_out": HELD_OUT,
    "cost": COST,
    "budgets": BUDGETS,
    "runs": RUNS,
    "comparisons": COMPARISONS,
    "ratings": RATINGS,
    "equilibria": EQUILIBRIA,
    "clones": CLONES,
    "evolution": EVOLUTION,
    "fixation": FIXATION,
    "first_passage": FIRST_PASSAGE,
    "stability": STABILITY,
    "rest_points": REST_POINTS,
    "friedman": FRIEDMAN,
    "variance": VARIANCE,
    "environments": ENVIRONMENTS,
    "parameters": PARAMETERS,
    "curves": CURVES,
    "policies": POLICIES,
    "generations": GENERATIONS,
    "evolved": EVOLVED,
    "genealogy": GENEALOGY,
}
"""Tables of the chapters of a report, by the name of their files."""
