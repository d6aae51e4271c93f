"""Pretrained parameters, shipped with the package of the agents that use them: weights/AGENT_GAME.json.

A file records how it was made, and has a row of parameters for each trained player. To make one from a run that
kept its learners (`learning.keep`):

    python -m dilemma.agents.learners.pretrained runs/train_m_fos m_fos > m_fos_ipd.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import torch
from torch import Tensor

from ...envs.chance import Purpose
from ..agent import Chairs
from ..checkpoint import files_of


@dataclass(frozen=True)
class Pretrained:
    """The trained players of a file, of which each chair draws one."""

    package: str
    name: str
    """The file's, without its ending."""

    @property
    def players(self) -> Tensor:
        """Parameters, float64 [player, parameter]."""
        return _read(self.package, self.name)

    def drawn(self, chairs: Chairs) -> Tensor:
        """Which of the players each chair has [chair]."""
        lot = chairs.chance.part(0).uniform(Purpose.START, 0, 0)[:, 0]
        return (lot * len(self.players)).long()

    def parameters(self, chairs: Chairs) -> Tensor:
        """The parameters of each chair's player, float64 [chair, parameter]."""
        return self.players[self.drawn(chairs).cpu()].to(chairs.device)


@lru_cache
def _read(package: str, name: str) -> Tensor:
    text = (files(package) / "weights" / f"{name}.json").read_text(encoding="utf-8")
    return torch.tensor(json.loads(text)["players"], dtype=torch.float64)


PARAMETERS = ("acting", "theta")
"""What learners call the parameters that they act by."""


def main(run: str, label: str) -> None:
    """Write the parameters of a run's learner to standard output."""
    kept = [torch.load(file, weights_only=True) for file in files_of(run, label)]
    name = next(name for name in PARAMETERS if name in kept[0]["state"])
    rows = torch.cat([part["state"][name] for part in kept]).double()
    opponents = ", ".join(sorted({opponent for part in kept for opponent in part["opponent"]}))
    made = f"{kept[0]['name']} {kept[0]['parameters']}, trained against {opponents}"
    players = [[float(f"{value:.6g}") for value in row] for row in rows.tolist()]
    print(json.dumps({"made": made, "players": players}))


if __name__ == "__main__":
    main(*sys.argv[1:])
