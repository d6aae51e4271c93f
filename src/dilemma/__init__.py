"""Tournaments between agents in social dilemmas: play them, rank them, know how sure you are.

>>> from dilemma import Tournament
>>> tournament = Tournament(["prisoners_dilemma"], ["tit_for_tat", "all_d"])
>>> tournament.run().payoffs[["agent", "opponent", "payoff"]]
         agent     opponent  payoff
0  tit_for_tat        all_d   0.995
1        all_d  tit_for_tat   1.020
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .version import VERSION as __version__  # noqa: N811 (the name that Python's tools look for)

if TYPE_CHECKING:
    from .play import Tournament
    from .results import Results, open_run

__all__ = ["Results", "Tournament", "__version__", "open_run"]


def __getattr__(name: str) -> object:
    # They import pandas, and `Tournament` torch as well, which a command's help must not wait for.
    if name in ("Results", "open_run"):
        from . import results

        return getattr(results, name)
    if name == "Tournament":
        from .play import Tournament

        return Tournament
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
