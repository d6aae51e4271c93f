"""Stewart and Plotkin 2012: who wins is not who beats the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import pytest
import torch
from scipy.stats import spearmanr

from dilemma.envs.chance import derive
from dilemma.tournament.arena import play
from dilemma.tournament.config import load

REPETITIONS = 100

# Payoff per round without self-play and wins of 18, measured with the Axelrod library (50 repetitions); places on
# payoff and on wins, as published.
TABLE = {
    "ZDGTFT-2": (2.668, 0.0, 1, 16),
    "GTFT": (2.593, 0.0, 2, 18),
    "TF2T": (2.376, 0.0, 3, 19),
    "TFT": (2.514, 0.0, None, None),
    "HARD_PROBE": (2.377, 7.6, 5, 6),
    "HARD_TF2T": (2.348, 0.0, 6, 17),
    "WSLS": (2.322, 0.4, 7, 13),
    "RANDOM": (2.084, 8.0, 8, 8),
    "ALLC": (2.043, 0.0, None, None),
    "HARD_MAJO": (2.037, 10.6, 13, 5),
    "GRIM": (2.023, 4.2, 10, 11),
    "PROBE2": (2.019, 3.5, 9, 12),
    "HARD_TFT": (2.013, 4.2, 12, 10),
    "CALCULATOR": (1.892, 10.2, None, None),
    "PROBE": (1.844, 5.2, 15, 9),
    "HARD_JOSS": (1.823, 11.8, 16, 4),
    "PROBE3": (1.788, 8.0, 17, 7),
    "EXTORT-2": (1.618, 11.8, 18, 2),
    "ALLD": (1.589, 17.0, None, None),
}


@dataclass(frozen=True)
class Standing:
    """What a strategy got, with standard errors over repetitions of what is compared with the library."""

    payoff: float
    """Per round, self-play included."""
    payoff_from_others: float
    wins: float
    """Of 18."""
    payoff_error: float
    wins_error: float


@pytest.fixture(scope="module")
def standings() -> dict[str, Standing]:
    """The shipped tournament."""
    plan = load("stewart_plotkin_2012")
    labels = [entrant.label for entrant in plan.entrants]
    assert sorted(labels) == sorted(TABLE)
    pairs = torch.tensor(list(combinations_with_replacement(range(len(labels)), 2)))
    cast = pairs.repeat(REPETITIONS, 1)
    keys = derive(torch.arange(len(cast)), plan.seed)
    played = play(plan.settings[0].game, [entrant.agent for entrant in plan.entrants], cast, keys)
    payoff = (played.payoff / played.rounds)[..., 0].view(REPETITIONS, *pairs.shape)
    strangers = (pairs[:, 0] != pairs[:, 1])[:, None]
    results = torch.stack((payoff, payoff * strangers, (payoff > payoff.flip(2)) * strangers))
    results = torch.where(strangers, results, results / 2)  # self-play is one cell, the mean of both seats
    total = results.new_zeros(3, REPETITIONS, len(labels)).index_add_(2, pairs.flatten(), results.flatten(2))
    total /= torch.tensor([len(labels), len(labels) - 1, 1])[:, None, None]
    error = total.std(1) / REPETITIONS**0.5
    columns = torch.cat((total.mean(1), error[1:])).T.tolist()
    return {label: Standing(*column) for label, column in zip(labels, columns, strict=True)}


def test_generosity_wins_and_extortion_does_not(standings):
    order = sorted(standings, key=lambda label: -standings[label].payoff)
    assert order[:2] == ["ZDGTFT-2", "GTFT"]
    assert order[-2:] == ["EXTORT-2", "ALLD"]


def test_only_unconditional_defection_beats_more_of_the_others_than_extortion(standings):
    order = sorted(standings, key=lambda label: -standings[label].wins)
    assert order[:2] == ["ALLD", "EXTORT-2"]


@pytest.mark.parametrize("label", TABLE)
def test_payoffs_and_wins_are_those_of_the_axelrod_library(standings, label):
    ours = standings[label]
    payoff, wins, *_ = TABLE[label]
    errors = 4 * (1 + REPETITIONS / 50) ** 0.5  # theirs has one too
    assert ours.payoff_from_others == pytest.approx(payoff, abs=errors * ours.payoff_error + 0.0005)
    assert ours.wins == pytest.approx(wins, abs=errors * ours.wins_error + 0.05)


@pytest.mark.parametrize(("criterion", "column"), [("payoff", 2), ("payoff_from_others", 2), ("wins", 3)])
def test_the_order_is_close_to_the_published_one(standings, criterion, column):
    known = [label for label in TABLE if TABLE[label][column]]
    ours = [-getattr(standings[label], criterion) for label in known]
    assert spearmanr(ours, [TABLE[label][column] for label in known]).statistic >= 0.95
