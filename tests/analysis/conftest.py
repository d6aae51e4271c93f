"""Small runs to judge: tables as a run leaves them, from matches in one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

Match = tuple[Sequence[str], Sequence[float]]
"""Who sits where, and what each seat earned per round."""
MakeSeats = Callable[..., pd.DataFrame]


def make_seats(
    matches: Sequence[Match],
    *,
    environment: str = "game",
    how: str = "played",
    repetitions: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
    cooperation: float = np.nan,
    variance: float = np.nan,
    agents: Sequence[str] | None = None,
    first: int = 0,
) -> pd.DataFrame:
    rows = []
    for number, (cast, payoffs) in enumerate(matches):
        for seat, (agent, payoff) in enumerate(zip(cast, payoffs, strict=True)):
            others = list(dict.fromkeys(label for label in cast if label != agent)) or [agent]
            rows.append(
                {
                    "match": first + number,
                    "environment": environment,
                    "how": how,
                    "repetition": -1 if how == "exact" else (repetitions[number] if repetitions else 0),
                    "seat": seat,
                    "agent": agent,
                    "opponent": others[0] if len(others) == 1 else np.nan,
                    "k": cast.count(agent),
                    "payoff": payoff,
                    "weight": weights[number] if weights else 10.0,
                    "margin": payoff - (sum(payoffs) - payoff) / (len(payoffs) - 1),
                    "variance": variance,
                    "cooperation": cooperation,
                }
            )
    columns = ["match", "environment", "how", "repetition", "seat", "agent", "opponent", "k", "payoff"]
    table = pd.DataFrame(rows, columns=[*columns, "weight", "margin", "variance", "cooperation"])
    labels = list(agents or dict.fromkeys(table["agent"]))
    for name in ("agent", "opponent"):
        table[name] = pd.Categorical(table[name], labels)
    table["environment"] = pd.Categorical(table["environment"], [environment])
    table["how"] = pd.Categorical(table["how"], ["exact", "played", "learned"])
    table["rounds"] = table["weight"]
    floats = ("payoff", "weight", "margin", "variance", "cooperation", "rounds")
    table = table.astype(dict.fromkeys(floats, np.float64))
    table[["cc", "cd", "dc", "dd"]] = np.nan
    return table.astype({"match": np.int64, "repetition": np.int32, "seat": np.int8, "k": np.int8})


@pytest.fixture(scope="session")
def seats() -> MakeSeats:
    return make_seats
