"""A match of learners that was cut short goes on, bit for bit, from what was saved between episodes."""

from __future__ import annotations

import pytest
import torch

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.envs.chance import derive
from dilemma.envs.coins import Coins
from dilemma.envs.common_pool_trust import CommonPoolTrust
from dilemma.envs.graphs import Lattice
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament import arena
from dilemma.tournament.arena import play
from dilemma.tournament.exploit.journal import forget
from dilemma.tournament.exploit.search import run_search, searches
from dilemma.tournament.protocol import Protocol
from dilemma.tournament.saving import Saver

PD, COINS, POOL = PrisonersDilemma(rounds=6), Coins(rounds=4), CommonPoolTrust(rounds=4)
LATTICE = SpatialDilemma(graph=Lattice(rows=3, columns=3), rounds=4, selection=True, memory=4)
LEARNERS = ["actor_critic", "ppo", "reinforce", "social_influence", "reciprocator", "advantage_alignment", "loqa"]
LEARNERS += ["lola_dice", "pola_dice", "phc", "wolf_phc", "q_learning", "double_q_learning", "sarsa"]


class KilledError(Exception):
    """The process ends."""


class Deadly(Saver):
    """Saves after each episode, and kills the process after so many."""

    episodes = 2

    def save(self, state):
        super().save(state)
        if state["episodes"] == self.episodes:
            raise KilledError


def played(game, agents, cast, saver=None):
    labels = [f"agent {number}" for number in range(len(agents))]
    protocol = Protocol(3, 4, window=3, keep=tuple(labels), freeze_after=((labels[-1], 3),))
    cast = torch.tensor(cast)
    return play(game, agents, cast, derive(torch.arange(len(cast)), 0), protocol, labels, saver=saver)


def goes_on(game, agents, cast, file):
    """Whether a match that is killed after two episodes and goes on ends as one that isn't."""
    whole = played(game, agents, cast)
    with pytest.raises(KilledError):
        played(game, agents, cast, Deadly(file, 0))
    resumed = played(game, agents, cast, Saver(file, 1e9))
    assert torch.equal(whole.payoff, resumed.payoff)
    for name, curve in whole.curves.items():
        assert torch.equal(curve.nan_to_num(), resumed.curves[name].nan_to_num()), name
    for one, other in zip(whole.learned, resumed.learned, strict=True):
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(value, other.state[name]) for name, value in one.state.items())
    if whole.conduct:
        assert (whole.conduct.after == resumed.conduct.after).all()
    assert [cost.updates for cost in whole.costs] == [cost.updates for cost in resumed.costs]


def made(name, **parameters):
    return CATALOGUE.build(name, parameters)


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_of_the_iterated_dilemma_go_on(name, tmp_path):
    goes_on(PD, [made("tit_for_tat"), made(name)], [[1, 1], [0, 1]], tmp_path / "kept.pt")


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "mixture", "of": ["tit_for_tat", "ppo", "q_learning"]},
        {"name": "past_selves", "of": "ppo", "every": 2, "kept": 1},
        {"name": "inner_learner", "of": "reinforce", "episodes": 2},
        {"name": "inner_learner", "of": "reinforce", "episodes": 3},
        {"name": "shaper", "policy": "gru", "trial": 2},
        {"name": "m_fos_sampled", "trial": 2, "batch": 3},
        {"name": "tremble", "of": {"name": "mixture", "of": ["all_d", {"name": "shaper", "trial": 2}]}},
    ],
    ids=lambda entry: entry["name"],
)
def test_who_holds_learners_and_who_learns_from_trials_goes_on(entry, tmp_path):
    name = entry["name"]
    parameters = {key: value for key, value in entry.items() if key != "name"}
    goes_on(PD, [made("tit_for_tat"), made(name, **parameters)], [[1, 1], [0, 1]], tmp_path / "kept.pt")


@pytest.mark.parametrize(
    ("game", "cast", "names"),
    [
        (COINS, [[1, 1], [0, 1]], ["coins_cooperator", "reciprocator"]),
        (COINS, [[1, 1], [0, 1]], ["coins_cooperator", "loqa"]),
        (COINS, [[1, 1], [0, 1]], ["coins_cooperator", "advantage_alignment"]),
        (POOL, [[0, 0, 0, 0, 1]], ["random", "social_planner"]),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_learners_of_other_games_go_on(game, cast, names, tmp_path):
    learner = {"weights": "none"} if names[-1] == "social_planner" else {"policy": "mlp"}
    agents = [made(name) for name in names[:-1]] + [made(names[-1], **learner)]
    goes_on(game, agents, cast, tmp_path / "kept.pt")


@pytest.mark.parametrize(
    ("game", "seats", "name", "soon"),
    [
        (PD, 2, "dqn", {"batch": 4}),
        (LATTICE, 9, "dual_dqn", {"batch": 4, "start": 1}),
        (ReputationDilemma(variant="dp_s", population=4, rounds=2, encounters=2), 4, "staged_dqn", {}),
    ],
)
def test_what_remembers_more_than_it_says_is_not_saved_while_it_learns(game, seats, name, soon, tmp_path):
    played(game, [made(name, **soon)], [[0] * seats], Saver(tmp_path / "kept.pt", 0))
    assert not (tmp_path / "kept.pt").exists()


def test_what_is_half_written_is_begun_anew(tmp_path):
    file = tmp_path / "kept.pt"
    file.write_bytes(b"half")
    agents = [made("tit_for_tat"), made("ppo")]
    assert torch.equal(played(PD, agents, [[0, 1]], Saver(file, 1e9)).payoff, played(PD, agents, [[0, 1]]).payoff)


def test_a_run_that_was_killed_goes_on_and_leaves_nothing_behind(tmp_path, monkeypatch):
    learning = {"episodes": 4, "tables": 2, "save_every": 1e-9}
    game = PrisonersDilemma(rounds=5)

    def tournament():
        return Tournament([game], ["tit_for_tat", "ppo"], repetitions=1, self_play=False, learning=learning)

    whole = tournament().run(tmp_path / "whole")
    save, begun = Saver.save, []
    monkeypatch.setattr(Saver, "save", lambda saver, state: (save(saver, state), _kill(state)))
    with pytest.raises(arena.Interrupt):
        tournament().run(tmp_path / "killed")
    assert list((tmp_path / "killed" / "unfinished").glob("*.pt"))
    monkeypatch.setattr(Saver, "save", save)
    go_on = arena.Episodes._go_on
    monkeypatch.setattr(arena.Episodes, "_go_on", lambda self, kept: begun.append(go_on(self, kept)) or begun[-1])
    resumed = tournament().run(tmp_path / "killed")
    assert begun == [2]
    assert not list((tmp_path / "killed" / "unfinished").glob("*.pt"))
    assert resumed.rows["payoff"].tolist() == whole.rows["payoff"].tolist()


def _kill(state):
    if state["episodes"] == 2:
        raise arena.Interrupt


SEARCHES = [("learned", "tit_for_tat"), ("learned", "q_learning"), ("dynamic", "q_learning")]


@pytest.mark.parametrize(("kind", "victim"), SEARCHES)
@pytest.mark.parametrize("killed_at", [1, 4, 14])
def test_a_search_for_an_exploiter_that_was_killed_goes_on(kind, victim, killed_at, tmp_path, monkeypatch):
    options = {"analysis": {"exploitability": [kind], "budget": 60_000, "restarts": 2}, "seed": 3}
    learning = {"episodes": 4, "tables": 2, "save_every": 1e-9}
    plan = Tournament([PrisonersDilemma(rounds=5)], [victim, "all_c"], learning=learning, **options).plan
    [search] = searches(plan, [victim])
    whole = run_search(search, plan).card
    save, saves = Saver.save, []

    def counts(saver, state):
        save(saver, state)
        saves.append(saver.file)
        if len(saves) == killed_at:
            raise arena.Interrupt

    monkeypatch.setattr(Saver, "save", counts)
    with pytest.raises(arena.Interrupt):
        run_search(search, plan, unfinished=tmp_path)
    assert run_search(search, plan, unfinished=tmp_path).card == whole
    resumed = len(saves)
    assert f"{search.key}-plays.pt" in {file.name for file in tmp_path.iterdir()}
    run_search(search, plan, unfinished=tmp_path / "other")
    assert resumed == len(saves) - resumed  # nothing that was kept is played again
    forget(tmp_path, search.key)
    assert not list(tmp_path.glob("*.pt"))
