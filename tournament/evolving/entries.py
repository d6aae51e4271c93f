"""What agents evolved to: entries for other configs, and what learners among them have learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tomli_w
import torch

from ...agents import CATALOGUE
from ..chunk import LearnedState, Outcome
from ..plan import Plan
from ..schedules.evolve import Evolve
from .evolution import Evolving
from .population_based import MEMBER, Training, part


def evolved_entries(evolving: Evolving, plan: Plan, setting: int) -> str:
    """The leader of each replicate, as [[agents]] tables: who has the largest share, or else earns most."""
    assert isinstance(plan.schedule, Evolve)
    population, name = evolving.search.population, plan.schedule.entrant(plan).definition.name
    text = [
        f"# {plan.settings[setting].label}, generation {evolving.generation:,}: the leader of each population.\n"
    ]
    for replicate, leader in enumerate(population.leaders().tolist()):
        agent = evolving.genome.agent_of(population.genes[replicate, leader])
        parameters = {key: value for key, value in CATALOGUE.parameters(name, agent).items() if value is not None}
        label = f"{plan.schedule.agent} {plan.settings[setting].label} {replicate}"
        share, payoff, cooperation = (
            each[replicate, leader] for each in (population.share, population.payoff, population.cooperation)
        )
        text.append(f"# share {share:.4g}, payoff {payoff:.6g} a round, cooperation {cooperation:.4g}")
        text.append(tomli_w.dumps({"agents": [{"name": name, "label": label[:80], **parameters}]}))
    return "\n".join(text)


def learned(evolving: Evolving, plan: Plan) -> Iterator[Outcome]:
    """The learned states of the leaders, for `checkpoint`, which plays them frozen."""
    if not isinstance(evolving.search, Training):
        return
    assert isinstance(plan.schedule, Evolve)
    own = plan.schedule.entrant(plan)
    field = np.array([index for index, each in enumerate(plan.entrants) if each is not own])
    population, arrays = evolving.search.population, evolving.search.learned
    matches = dict.fromkeys(name.partition("/")[0] for name in arrays)
    checkpoints = list[LearnedState]()
    for replicate, leader in enumerate(population.leaders().tolist()):
        who = replicate * population.share.shape[1] + leader
        for match in matches:
            rows = part(arrays, f"{match}/{MEMBER}/rows", who)
            rows["opponent"] = field[rows["opponent"]]
            state = {
                name: torch.from_numpy(each) for name, each in part(arrays, f"{match}/{MEMBER}/state", who).items()
            }
            checkpoints.append(LearnedState(plan.entrants.index(own), rows, state))
    yield Outcome(checkpoints=checkpoints)
