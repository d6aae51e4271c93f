"""Conditional cooperators whose coefficients are fitted to published figures of people."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from .pool_players import ConditionalCooperator, Normal, Spread


class FittedPlayers(ConditionalCooperator):
    """Conditional cooperators that do as people did, in the mean, under three mechanisms.

    `python -m dilemma.pool_players_fit` finds the parameters from nine published means: surplus, Gini and survival
    under the equal, the mixed and the proportional mechanism. They are no portrait of people: nine parameters fit
    nine means, and others do about as well. What the fit can't reproduce: a pool that all groups exhaust under the
    equal mechanism (here 9 % keep it), with a surplus as low as that of people (3.08 instead of 2.20).
    docs/results.md has all moments, and those that were not fitted.
    """

    source: ClassVar[str] = "fitted to Koster et al. 2025, experiment 1"

    share: Normal = Field(
        (0.631, 0.053), description="what it returns at the start: mean and deviation over players"
    )
    others: Normal = Field((-0.494, 0.844), description="how far it moves to what the others returned")
    allocation: Normal = Field((0.06, 0.002), description="how much more it returns of a larger allocation")
    pool: Normal = Field((0.168, 0.305), description="how much more it returns when the pool is fuller")
    noise: Spread = Field(0.006, description="standard deviation of the noise of a round")
