"""The long-run behaviour of a Markov chain: the share of time in each state, for any finite chain.

The Cesàro limit of the distribution, lim 1/T sum_{t<T} d_t, exists for reducible and periodic chains as well: a
chain ends in one of its recurrent classes, where its share of time is the stationary distribution of the class.
Kemeny and Snell 1960, "Finite Markov chains", chapters 3 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .chain import Chains, Indices, Numbers
from .geometric_series import add_up
from .passage import Passage


@dataclass(frozen=True, eq=False)
class LongRun:
    """The recurrent classes of chains, and their stationary distributions."""

    recurrent: Indices
    """The recurrent states."""
    among: Indices
    """The recurrent class of each of them, numbered from 0 [recurrent state]."""
    stationary: Numbers
    """Share of time in each of them, given that the chain ends in its class [recurrent state]."""
    ends: Numbers
    """Probability that the chain of its pair ends in a class [class]."""
    pair: Indices
    """The pair of each class [class]."""


def long_run(chains: Chains) -> LongRun:
    """The recurrent classes of every pair's chain, and the probability to end in each.

    The relative error of each number is about 1e-16 times the number of states, however small the probabilities
    are.
    """
    passage = Passage(chains, chains.probability)
    begin = np.zeros(chains.states)
    begin[chains.start] = 1
    arrives = passage.through(begin)[1]
    recurrent = np.flatnonzero(passage.closed[passage.component])
    among = (np.cumsum(passage.closed) - 1)[passage.component[recurrent]]
    pair = chains.pair[passage.members[passage.first[passage.closed]]]
    ends = add_up(among, arrives[recurrent], len(pair))
    ends /= add_up(pair, ends, len(chains.start))[pair]
    return LongRun(recurrent, among, passage.stationary()[recurrent], ends, pair)
