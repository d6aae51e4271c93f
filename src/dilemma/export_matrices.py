"""Payoff matrices of a run for solvers of games; docs/commands.md has the formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .analysis.matrices import game_matrices
from .file_names import file_name
from .results import Results
from .written import writing


def export_matrices(results: Results, folder: Path) -> Iterator[Path]:
    """Write the payoff matrices of every two-player game: as CSV with labels, and both players' as .npz."""
    for game in game_matrices(results.payoffs, results.games):
        name = folder / f"payoffs_{file_name(game.environment)}"
        table = pd.DataFrame(game.row_payoffs, game.rows, game.columns)
        with writing(name.with_name(f"{name.name}.csv")) as file:
            table.to_csv(file, index_label="agent")
        yield name.with_name(f"{name.name}.csv")
        with writing(name.with_name(f"{name.name}.npz")) as file:
            rows, columns = np.array(game.rows), np.array(game.columns)
            np.savez(file, A=game.row_payoffs, B=game.column_payoffs, rows=rows, columns=columns)
        yield name.with_name(f"{name.name}.npz")
