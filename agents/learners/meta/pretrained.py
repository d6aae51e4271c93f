"""Pretrained parameters of meta-agents, shipped with the package: weights/AGENT_GAME.json.

A file records how it was made, and has a row of acting parameters for each trained player. To make one from a run
that kept its learners (`learning.keep`):

    python -m dilemma.agents.learners.meta.pretrained runs/train_m_fos m_fos > m_fos_ipd.json
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from importlib.resources import files

import torch
from torch import Tensor

from ....envs.chance import Purpose
from ...agent import Chairs
from ...checkpoint import files_of


def pretrained_parameters(name: str, chairs: Chairs) -> Tensor:
    """Parameters [chair, parameter] from the file `name`: each chair draws one of the trained players."""
    rows = _read(name)
    lot = chairs.chance.part(0).uniform(Purpose.START, 0, 0)[:, 0]
    return rows[(lot * len(rows)).long().cpu()].to(chairs.device)


@lru_cache
def _read(name: str) -> Tensor:
    text = (files("dilemma.agents.learners.meta") / "weights" / f"{name}.json").read_text(encoding="utf-8")
    return torch.tensor(json.loads(text)["players"], dtype=torch.float64)


def main(run: str, label: str) -> None:
    """Write the parameters of a run's learner to standard output."""
    kept = [torch.load(file, weights_only=True) for file in files_of(run, label)]
    rows = torch.cat([part["state"]["acting"] for part in kept]).double()
    opponents = ", ".join(sorted({opponent for part in kept for opponent in part["opponent"]}))
    made = f"{kept[0]['name']} {kept[0]['parameters']}, trained against {opponents}"
    players = [[float(f"{value:.6g}") for value in row] for row in rows.tolist()]
    print(json.dumps({"made": made, "players": players}))


if __name__ == "__main__":
    main(*sys.argv[1:])
