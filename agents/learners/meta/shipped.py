"""What meta-agents have learned beforehand, shipped with the package: weights/AGENT_GAME.json.

A file says how it was made, and holds a row of parameters for each player that was trained. To make one from a run
that kept its learners (`learning.keep`), only what acts being needed:

    python -m dilemma.agents.learners.meta.shipped runs/train_good_shepherd good_shepherd > good_shepherd_ipd.json
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


def drawn(name: str, chairs: Chairs) -> Tensor:
    """Parameters [chair, parameter] from the file `name`: each chair draws one of the trained players."""
    rows = _read(name)
    lot = chairs.chance.part(0).uniform(Purpose.START, 0, 0)[:, 0]
    return rows[(lot * len(rows)).long().cpu()].to(chairs.device)


@lru_cache
def _read(name: str) -> Tensor:
    text = (files("dilemma.agents.learners.meta") / "weights" / f"{name}.json").read_text(encoding="utf-8")
    return torch.tensor(json.loads(text)["players"], dtype=torch.float64)


def main(run: str, label: str) -> None:
    """Write the file of a run's learner to standard output."""
    kept = [torch.load(file, weights_only=True) for file in files_of(run, label)]
    rows = torch.cat([part["state"]["acting"] for part in kept]).double()
    opponents = ", ".join(sorted({opponent for part in kept for opponent in part["opponent"]}))
    made = f"{kept[0]['name']} {kept[0]['parameters']}, trained against {opponents}"
    players = [[float(f"{value:.6g}") for value in row] for row in rows.tolist()]
    print(json.dumps({"made": made, "players": players}))


if __name__ == "__main__":
    main(*sys.argv[1:])
