"""Schedules: asked and told, and anybody may add one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from dilemma import Tournament, open_run
from dilemma.envs.coins import Coins
from dilemma.envs.errors import DilemmaError
from dilemma.play import Told
from dilemma.tournament.config import as_config, parse
from dilemma.tournament.plan import Plan
from dilemma.tournament.schedules.schedule import History, Request, Schedule
from dilemma.tournament.store import Store
from dilemma.tournament.work import work

GAME = {"name": "prisoners_dilemma", "rounds": 10, "noise": 0.1}
AGENTS = [{"name": name} for name in ("all_c", "random", "tit_for_tat", "gradual", "all_d")]


class WinnerStays(Schedule):
    """The first meets the second, and whoever earned more meets the next."""

    repetitions: int = Field(3, description="matches of each pair", ge=1)

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        asked, winner = list[Request](), 0
        for challenger in range(1, len(plan.entrants)):
            asked.append(Request(0, np.array([[winner, challenger]]), self.repetitions))
            if not history.settled(asked):
                break
            names = [plan.entrants[index].label for index in (winner, challenger)]
            rows = history.rows.astype({"agent": str, "opponent": str})
            met = rows[rows["agent"].isin(names) & rows["opponent"].isin(names)]
            earned = met.groupby("agent")["payoff"].mean()
            winner = challenger if earned[names[1]] > earned[names[0]] else winner
        return asked


def asked(**schedule):
    kind = {"kind": f"{__file__}:WinnerStays", **schedule}
    return {
        "seed": 4,
        "environments": [GAME],
        "agents": AGENTS,
        "schedule": kind,
        "evaluation": {"mode": "played"},
    }


def table(folder):
    rows = open_run(folder).rows.astype({"agent": str, "opponent": str})
    return rows.sort_values(["match", "seat"], ignore_index=True)


def play(folder, plan, watch=None):
    Tournament.of(plan).run(folder, watch)


def test_a_schedule_of_ones_own_is_asked_until_it_has_nothing_left(tmp_path):
    play(tmp_path / "run", parse(asked()))
    rows = table(tmp_path / "run")
    assert len(rows) == 4 * 3 * 2
    meetings = rows.groupby("agent").size()
    assert meetings.max() > 6  # a winner stayed
    assert rows["cast"].nunique() == 4


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_cut_short_and_resumed_it_gives_the_same_bits(tmp_path, kept):
    play(tmp_path / "whole", parse(asked()))

    finished = []

    def cut(done, total):
        finished.extend([done] if done else [])
        if len(finished) == kept:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(tmp_path / "cut", parse(asked()), cut)
    assert 0 < len(table(tmp_path / "cut")) < len(table(tmp_path / "whole"))
    play(tmp_path / "cut", parse(asked()))
    pd.testing.assert_frame_equal(table(tmp_path / "cut"), table(tmp_path / "whole"), check_exact=True)


def test_it_is_written_down_and_read_again(tmp_path):
    plan = parse(asked(repetitions=2))
    written = as_config(plan, tmp_path)["schedule"]
    assert written["repetitions"] == 2
    assert parse({**as_config(plan, tmp_path)}, folder=tmp_path) == plan


def test_it_may_be_handed_over_from_python():
    tournament = Tournament([GAME["name"]], ["all_c", "all_d"], schedule=WinnerStays(repetitions=1), mode="played")
    assert len(tournament.run().rows) == 2


def test_a_race_looks_at_what_earlier_looks_had_and_no_more(tmp_path):
    """Otherwise a run that was cut short within a look would go on with another one."""
    race = {"repetitions": "until resolved", "at_most": 40}
    plan = parse({**asked(), "schedule": race})
    play(tmp_path / "run", plan)
    told = Told(Store.existing(tmp_path / "run"), plan)
    rows = told.rows
    first = told.unresolved(10, 0.01)
    told._rows, told._known = rows[rows["repetition"] < 10], {}
    assert told.unresolved(10, 0.01) == first


@pytest.mark.parametrize(
    ("cast", "said"),
    [
        ([[0, 1, 2]], "casts of shape [1, 3] in prisoners_dilemma; allowed: [cast, seat] with 2 seats"),
        ([[0, 9]], "asks for entrant 9 as player in prisoners_dilemma; allowed: "),
    ],
)
def test_what_can_t_be_played_is_refused(cast, said):
    plan = parse({"environments": [GAME], "agents": AGENTS})
    with pytest.raises(DilemmaError) as refused:
        work(plan, [Request(0, np.array(cast), 1)])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            {"kind": "round_robbin"},
            "schedule.kind: found 'round_robbin'; allowed: 'ecological', 'evolve', 'exploit', 'imitation', "
            "'moran', 'partner_choice', 'round_robin', 'shares', 'wright_fisher', package",
        ),
        ({"kind": f"{__file__}:table"}, "derived from Schedule"),
        (
            {"kind": f"{__file__}:WinnerStays", "repetition": 3},
            "there is no key 'repetition' here; allowed: background",
        ),
        ({"kind": "exploit", "self_play": True}, "there is no key 'self_play' here; allowed: background"),
        ({"kind": 3}, "schedule.kind: found 3"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(schedule, said):
    with pytest.raises(DilemmaError, match="mistake") as refused:
        parse({**asked(), "schedule": schedule})
    assert said in str(refused.value)


def groups_of(players, agents, **schedule):
    environments = [{"name": "n_player_ipd", "players": players, "rounds": 2}]
    agents = [{"name": "all_c", "label": f"c{index}"} for index in range(agents)]
    return {"environments": environments, "agents": agents, "schedule": schedule}


@pytest.mark.parametrize(
    ("players", "agents", "self_play", "casts"),
    [(3, 4, True, 20), (3, 4, False, 16), (5, 3, True, 21), (2, 3, True, 6)],
)
def test_all_compositions_are_all_multisets_of_agents(players, agents, self_play, casts):
    plan = parse(groups_of(players, agents, compositions="all", self_play=self_play))
    [request] = plan.schedule.most(plan)
    assert len({tuple(sorted(cast)) for cast in request.casts.tolist()}) == len(request.casts) == casts


def test_all_compositions_keep_the_matches_of_pairs(tmp_path):
    play(tmp_path / "run", parse(groups_of(4, 3, self_play=True)))
    before = table(tmp_path / "run")
    play(tmp_path / "run", parse(groups_of(4, 3, self_play=True, compositions="all")))
    after = table(tmp_path / "run")
    kept = after[after["match"].isin(before["match"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[before.columns], before)
    assert after["cast"].nunique() == 15  # of 3 agents on 4 seats
    play(tmp_path / "run", parse(groups_of(4, 3, self_play=True)))
    assert len(table(tmp_path / "run")) == len(after)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            groups_of(9, 12, compositions="all"),
            "12 agents on 9 seats, 167,960 casts with schedule.compositions = 'all'",
        ),
        (
            {
                "environments": [{"name": "battle_of_the_sexes"}],
                "agents": [{"name": "all_c"}, {"name": "all_d"}],
                "schedule": {"compositions": "all"},
            },
            "schedule.compositions: found 'all'; allowed in battle_of_the_sexes, with roles",
        ),
        (groups_of(3, 3, compositions="some"), "'pairs' or 'all'"),
    ],
)
def test_compositions_that_can_t_be_played_are_refused(asked, said):
    with pytest.raises(DilemmaError) as refused:
        parse(asked)
    assert said in str(refused.value)


@pytest.mark.parametrize("schedule", [{}, {"self_play": True}, {"compositions": "all"}])
@pytest.mark.parametrize("agents", [["coins_cooperator", "random"], ["random"]])
def test_where_there_is_one_seat_all_play_alone(tmp_path, agents, schedule):
    schedule = {"kind": "round_robin", "repetitions": 2, **schedule}
    run = Tournament([Coins(absent=1, rounds=5)], agents, schedule=schedule).run(tmp_path / "run")
    assert sorted(run.rows["agent"]) == sorted(agents * 2)
