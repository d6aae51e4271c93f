"""Roles: who may take which, whom chance moves, and what is stored of matches of three and more agents."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dilemma import Tournament, open_run
from dilemma.agents.fixed_action import FixedAction
from dilemma.envs.environment import Discrete, Environment, State, Step
from dilemma.envs.errors import DilemmaError
from dilemma.replay import replayed
from dilemma.tournament.chunk import opponents
from dilemma.tournament.config import parse
from dilemma.tournament.run_folder import RunFolder
from dilemma.tournament.seating import seated, unseated


class Tax(Environment):
    """One seat sets a tax, high (0) or low (1); three pay it, in full (0) or in part (1)."""

    source: ClassVar[str] = "this test"

    @property
    def seats(self) -> int:
        return 4

    @property
    def roles(self) -> tuple[str, ...]:
        return ("taxer", "payer", "payer", "payer")

    def actions(self, seat: int) -> Discrete:
        return Discrete(2)

    def begin(self, matches, tables, chance, episode):
        return State(episode, 0)

    def play(self, state, action, chance):
        tax = torch.where(action[:, :1] == 0, 0.5, 0.2).double()
        paid = torch.where(action[:, 1:] == 0, tax, tax / 2)
        return state, Step(action, torch.cat((paid.sum(1, keepdim=True), 1 - paid), 1))


def fixed(action, label, roles=None):
    entry = {"name": "fixed_action", "label": label, "action": action}
    return entry if roles is None else {**entry, "roles": roles}


TAXERS = [fixed(0, "high", ["taxer"]), fixed(1, "low", ["taxer"])]
PAYERS = [fixed(0, "honest", ["payer"]), fixed(1, "evader", ["payer"]), {"name": "random", "roles": ["payer"]}]


def asked(agents, **schedule):
    game = {"name": f"{__file__}:Tax", "label": "tax", "rounds": 5}
    return {"seed": 2, "environments": [game], "agents": agents, "schedule": schedule}


@pytest.fixture
def play(tmp_path):
    def played(agents, **schedule):
        Tournament.of(parse(asked(agents, **schedule))).run(tmp_path / "run")
        return open_run(tmp_path / "run")

    return played


def test_every_taxer_meets_every_mixture_of_payers(play):
    results = play([*TAXERS, *PAYERS], repetitions=2)
    rows = results.rows
    assert not len(results.failures)
    assert rows["match"].nunique() == 2 * (2 * 3 * 2)  # repetitions, taxers, pairs of payers, 1 or 2 of the first
    assert set(rows.loc[rows["role"] == "taxer", "agent"]) == {"high", "low"}
    assert (rows["role"] == "taxer").equals(rows["seat"] == 0)
    assert rows["opponent"].isna().all()  # three agents sit in each
    assert (rows.groupby("cast")["match"].nunique() == 2).all()
    assert rows.groupby("match", observed=True)["k"].apply(sorted).map(tuple).isin([(1, 1, 2, 2)]).all()


def test_payers_change_seats_by_chance_and_the_taxer_stays(play):
    rows = play([*TAXERS, *PAYERS[:2]], repetitions=40).rows
    honest = rows[(rows["agent"] == "honest") & (rows["k"] == 1)]
    share = honest["seat"].value_counts(normalize=True)
    assert set(share.index) == {1, 2, 3}
    assert share.min() > 0.15  # 80 matches; below with probability 1e-4


def test_payoffs_are_those_of_the_seat_that_was_taken(play):
    rows = play([*TAXERS, *PAYERS[:2]], self_play=True).rows
    taxed = {("high", "honest"): 0.5, ("high", "evader"): 0.75, ("low", "honest"): 0.8, ("low", "evader"): 0.9}
    for _, match in rows.groupby("match"):
        [taxer] = match.loc[match["role"] == "taxer", "agent"]
        payers = match[match["role"] == "payer"]
        assert payers["payoff"].tolist() == pytest.approx([taxed[taxer, payer] for payer in payers["agent"]])
    alone = rows[(rows["role"] == "taxer") & ~rows["opponent"].isna()]
    assert set(alone["opponent"]) == {"honest", "evader"}  # where all payers are alike, two agents sit there


def test_a_cut_run_goes_on_with_the_same_matches(play, tmp_path):
    first = play([*TAXERS, *PAYERS[:2]], repetitions=2).rows
    more = play([*TAXERS, *PAYERS], repetitions=2).rows
    assert set(first["match"]) < set(more["match"])


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([*TAXERS, fixed(0, "payer", ["player"])], "there is no role 'player'; there is taxer, payer"),
        ([*TAXERS], "nobody takes the role payer in tax"),
        ([*TAXERS, fixed(0, "none", [])], "roles: found an empty list; allowed: one or more"),
        (
            [fixed(0, "x"), fixed(1, "y", ["payer"]), {"name": "joss", "roles": ["taxer"]}],
            "joss can't play in tax: ",
        ),
        ([fixed(2, "third")], "third can't play in tax: it can't do action 2 on seat 0, which has 2"),
    ],
)
def test_what_is_wrong_with_roles_is_said(play, agents, said):
    with pytest.raises(DilemmaError) as refused:
        play(agents)
    assert said in str(refused.value)


ROLES = st.lists(st.sampled_from("abc"), min_size=2, max_size=7)


@given(ROLES, st.integers(0, 10**6), st.integers(1, 5))
def test_who_sits_where_can_be_traced_back_and_stays_in_its_role(roles, seed, matches):
    rng = np.random.default_rng(seed)
    cast = rng.integers(0, 3, (matches, len(roles)))
    keys, repetition = rng.integers(-(2**62), 2**62, matches), np.arange(matches)
    sitting = seated(cast, keys, repetition, roles)
    assert (unseated(sitting, keys, repetition, roles) == cast).all()
    if len(set(roles)) < len(roles):
        for role in set(roles):
            own = [seat for seat, each in enumerate(roles) if each == role]
            assert (np.sort(sitting[:, own], 1) == np.sort(cast[:, own], 1)).all()


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_opponent_is_whoever_else_sits_there_if_that_is_one(casts):
    opponent, k = opponents(np.array(casts))
    for cast, others, held in zip(casts, opponent.tolist(), k.tolist(), strict=True):
        assert held == [cast.count(agent) for agent in cast]
        different = set(cast)
        if len(different) > 2:
            assert others == [-1] * 4
        else:
            assert others == [next(iter(different - {agent}), agent) for agent in cast]


def test_pairs_are_in_every_role_where_everybody_may_take_every_role(play):
    results = play([fixed(0, "zero"), fixed(1, "one")], repetitions=1)
    casts = {tuple(match.sort_values("seat")["agent"]) for _, match in results.rows.groupby("match")}
    whole = {(taxer, *sorted(payers)) for taxer, *payers in casts}
    mixtures = [("one",) * k + ("zero",) * (3 - k) for k in range(4)]
    assert whole == {
        (taxer, *payers) for taxer in ("zero", "one") for payers in mixtures if {taxer, *payers} == {"zero", "one"}
    }


def test_a_match_of_three_agents_is_played_again_from_its_rows(play, tmp_path):
    rows = play([*TAXERS, *PAYERS], repetitions=2).rows
    for match in rows["match"].unique()[:3]:
        course, stored = replayed(RunFolder.existing(tmp_path / "run"), str(match))
        assert list(course.payoff) == stored
        assert list(course.labels) == rows.loc[rows["match"] == match].sort_values("seat")["agent"].tolist()


def test_who_does_not_take_the_exploiters_role_is_exploited_among_others_alone(play, tmp_path):
    kinds = {"analysis": {"exploitability": ["learned"], "budget": 1000, "restarts": 1}}
    Tournament.of(parse(asked([*TAXERS, *PAYERS[:1]]) | kinds)).run(tmp_path / "run")
    found = open_run(tmp_path / "run").exploits
    assert {str(each["reason"]) for each in found if each.get("reason")} == {
        "it does not take the role payer, and would have to sit there, too",
        "it does not take the role taxer, and would have to sit there, too",
    }
    assert all("among " in str(each) for each in found if not each.get("reason"))


def test_roles_are_given_from_python_too():
    agents = {"high": FixedAction(action=0), "low": FixedAction(action=1), "payer": "random"}
    roles = {"high": ["taxer"], "low": ("taxer",), "payer": ["payer"]}
    rows = Tournament([Tax(rounds=2)], agents, roles=roles).run().rows
    assert set(rows.loc[rows["seat"] == 0, "agent"]) == {"high", "low"}
    assert set(rows.loc[rows["seat"] > 0, "agent"]) == {"payer"}
    with pytest.raises(DilemmaError, match="roles: there is no agent 'tall'; there is high, low, payer"):
        Tournament([Tax(rounds=2)], agents, roles={"tall": ["taxer"]})


def test_each_league_is_ranked_by_itself(play, tmp_path):
    results = play([*TAXERS, *PAYERS], repetitions=2)
    rows = results.rows.assign(role=results.rows["role"].astype(str))
    rows["company"] = [
        str(sorted(zip(others["role"], others["agent"], strict=True)))
        for others in (
            rows[(rows["match"] == row.match) & (rows["seat"] != row.seat)] for row in rows.itertuples()
        )
    ]
    means = rows.groupby(["role", "agent", "company"], observed=True)["payoff"].mean()
    expected = means.groupby(["role", "agent"], observed=True).mean()
    ranking = results.ranking.set_index(["role", "agent"])["payoff"]
    assert len(ranking) == 5
    for (role, agent), payoff in ranking.items():
        assert payoff == pytest.approx(expected[role, agent])
    page = results.report(tmp_path / "report").read_text()
    assert "tax: taxer" in page
    assert "tax: payer" in page
