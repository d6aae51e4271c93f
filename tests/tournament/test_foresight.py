"""Chance can't be foreseen: what a chair is given says nothing of the match's key, or of anybody else's draws."""

import itertools

import pytest
import torch

from dilemma.agents.agent import Agent, Player
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, Purpose, derive, sealed
from dilemma.envs.matrix_game import MatchingPennies
from dilemma.tournament.arena import play, seat

WORD, GAMMA = 2**64, 0x9E3779B97F4A7C15
INVERSES = [pow(multiplier, -1, WORD) for multiplier in (0x94D049BB133111EB, 0xBF58476D1CE4E5B9)]


def undone(key, index):
    """The key from which `derive` makes `key` as its part `index`."""

    def unshifted(number, bits):
        found = number
        for _ in range(64 // bits):
            found = number ^ found >> bits
        return found

    number = unshifted(key % WORD, 31) * INVERSES[0] % WORD
    number = unshifted(number, 27) * INVERSES[1] % WORD
    return (unshifted(number, 30) - (index + 1) * GAMMA) % WORD


def signed(number):
    return number - WORD if number >= WORD // 2 else number


class Foresees(Player):
    """Undoes derivations to a match's key, and plays what the other's chance would then answer."""

    def __init__(self, chairs, step):
        matches = [
            signed(undone(undone(key, 0), place + 1))
            for key, place in zip(chairs.chance.keys[:, 0].tolist(), chairs.seat.tolist(), strict=True)
        ]
        self.seat = chairs.seat[:, None]
        self.other = Chance.at_tables(step(torch.tensor(matches), 2 - chairs.seat), 1)

    def act(self, observation):
        tails = self.other.integers(Purpose.ACTION, observation.episode, observation.round) >= 0
        return torch.where(self.seat == 0, tails.long(), 1 - tails.long())  # seat 0 wins if they are the same


class Oracle(Agent):
    how: str

    def refuses(self, game):
        return None

    def sit(self, chairs):
        return Foresees(chairs, {"derived": derive, "sealed": sealed}[self.how])


@pytest.mark.parametrize("how", ["derived", "sealed"])
def test_an_oracle_wins_nothing(how):
    # Of 4 x 10,000 rounds that pay 1 or -1 alike, the mean is 0 with a standard error of 0.005.
    cast, keys = torch.tensor([[0, 1], [1, 0]] * 2), derive(torch.arange(4), 19)
    played = play(MatchingPennies(rounds=10_000), [Oracle(how=how), Random()], cast, keys)
    mine = (cast == 0)[..., None]
    assert abs(float((played.payoff * mine).sum() / (played.weight * mine).sum())) < 4 * 0.005


def test_an_oracle_that_knows_the_key_wins_every_round():
    """The test above is worth something: with the match's key itself the draws can be computed."""
    keys = derive(torch.arange(1), 19)
    game = MatchingPennies(rounds=50)

    class Knows(Oracle):
        def sit(self, chairs):
            player = Foresees(chairs, sealed)
            player.other = Chance.at_tables(sealed(keys, 2 - chairs.seat), 1)
            return player

    played = play(game, [Knows(how=""), Random()], torch.tensor([[0, 1]]), keys)
    assert float(played.payoff[0, 0, 0]) == 50


def ancestors(key, generations, parts=range(-1, 8)):
    """Everything that `derive` may have made `key` from."""
    found = {key % WORD}
    for _ in range(generations):
        found |= {undone(one, index) for one, index in itertools.product(found, parts)}
    return found


def test_chairs_share_no_ancestor_with_each_other_or_the_environment():
    keys = derive(torch.arange(2), 3)
    told = []

    class Listens(Oracle):
        def sit(self, chairs):
            told.extend(chairs.chance.keys[:, 0].tolist())
            return super().sit(chairs)

    seat(MatchingPennies(), [Listens(how="sealed")], torch.zeros(2, 2, dtype=torch.int64), keys, 1)
    environment = Chance.at_tables(sealed(keys, 0), 1).keys[:, 0].tolist()
    families = [ancestors(key, 3) for key in (*told, *environment)]
    assert len(told) == 4
    for one, other in itertools.combinations(families, 2):
        assert not one & other
    for family in families:
        assert not family & {key % WORD for key in keys.tolist()}
