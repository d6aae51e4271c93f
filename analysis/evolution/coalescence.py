"""How much a benefit must outweigh its cost for cooperation to be favoured on a graph (Allen et al. 2017)."""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, cg

from ..arrays import Numbers
from .adjacency import Graph, connected_adjacency, strengths


def critical_benefit_cost(graph: Graph) -> float:
    """The (b/c)* of a graph, weighted or not: donations at weak selection, death-birth, averaged payoffs.

    A cooperator pays c for each neighbour to get b. Started from one vertex drawn uniformly, it takes over more
    often than without selection if b/c > (b/c)* = t_2 / (t_3 - t_1), where t_n is the expected time until
    lineages coalesce that start at both ends of a random walk of n steps, itself started by strength. Below 0
    spite is favoured instead (b/c < (b/c)*); infinity where neither ever is. Allen et al. 2017, eq. 3.
    With remeeting times r_i, t_(n+1) = t_n + sum_i pi_i p_ii^(n) r_i - 1, so that nothing large cancels.
    """
    walk, share = _walk(graph)
    meeting = _meeting_times(walk, share)
    remeeting = 1 + np.asarray(walk.multiply(meeting).sum(1))
    back = share * remeeting
    once, twice = walk.diagonal(), np.asarray(walk.multiply(walk.T).sum(1))
    two = float(back @ (1 + once)) - 2
    gain = float(back @ (once + twice)) - 2
    return two / gain if abs(gain) > 1e-9 * two else math.inf


def coalescence_times(graph: Graph) -> Numbers:
    """The expected time [vertex, vertex] until two lineages meet, of which one in two steps at each time.

    tau_ij = 1 + sum_k (p_ik tau_jk + p_jk tau_ik) / 2, and tau_ii = 0, with p the random walk on the graph.
    """
    return _meeting_times(*_walk(graph))


def _walk(graph: Graph) -> tuple[csr_array, Numbers]:
    """The random walk on a graph, and its stationary law."""
    if graph.is_directed():
        raise ValueError("Coalescence times need an undirected graph; this one is directed.")
    weights = connected_adjacency(graph, "graph")
    strength = strengths(weights)
    return csr_array(diags_array(1 / strength) @ weights), strength / strength.sum()


def _meeting_times(walk: csr_array, share: Numbers) -> Numbers:
    """By conjugate gradients: times pi_i pi_j the equations are symmetric, for a walk can be run backwards."""
    n = len(share)
    # In the unknowns x = tau sqrt(pi_i pi_j) the diagonal is even, and the residual weighs all pairs alike.
    root = np.sqrt(share)
    symmetric = csr_array(diags_array(root) @ walk @ diags_array(1 / root))
    apart = ~np.eye(n, dtype=np.bool_)

    def equations(flat: Numbers) -> Numbers:
        times = flat.reshape(n, n) * apart
        left = symmetric @ times
        moved: Numbers = (left + left.T) / 2
        return np.where(apart, times - moved, times).ravel()

    right = np.where(apart, np.outer(root, root), 0.0).ravel()
    operator = LinearOperator((n * n, n * n), matvec=equations, dtype=np.float64)
    solved, failed = cg(operator, right, rtol=1e-13, atol=0, maxiter=100 * n)
    if failed:
        raise ArithmeticError(f"Coalescence times of {n} vertices were not found in {100 * n} iterations.")
    found: Numbers = solved.reshape(n, n) / np.outer(root, root)
    return found
