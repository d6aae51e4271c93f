"""Schedules: who meets whom, and how often. One line for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...envs.catalogue import Catalogue

if TYPE_CHECKING:
    from .schedule import Schedule

BUILTIN = {
    "round_robin": "dilemma.tournament.schedules.round_robin:RoundRobin",
    "shares": "dilemma.tournament.schedules.shares:Shares",
    "exploit": "dilemma.tournament.schedules.exploit:Exploit",
    "moran": "dilemma.tournament.schedules.moran:Moran",
    "wright_fisher": "dilemma.tournament.schedules.wright_fisher:WrightFisher",
    "imitation": "dilemma.tournament.schedules.imitation:Imitation",
    "ecological": "dilemma.tournament.schedules.ecological:Ecological",
    "partner_choice": "dilemma.tournament.schedules.partner_choice:PartnerChoice",
    "evolve": "dilemma.tournament.schedules.evolve:Evolve",
}

DEFAULT = "round_robin"
"""The kind of a config that names none."""

CATALOGUE: Catalogue[Schedule] = Catalogue(
    "schedule", "dilemma.tournament.schedules.schedule:Schedule", BUILTIN, "dilemma.schedules"
)
