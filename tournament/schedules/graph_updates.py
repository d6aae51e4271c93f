"""What happens to a population on a graph, generation by generation.

A payoff that is exact is looked up. Others are those of matches, taken from the pools: before each event (a birth,
a comparison, or one of everybody at once) whoever's payoff counts in it meets all its neighbours anew.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...compiled import compiled

Indices: TypeAlias = NDArray[np.int64]
Ends: TypeAlias = NDArray[np.int32]
Agents: TypeAlias = NDArray[np.int16]
Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

BIRTH_DEATH, DEATH_BIRTH, FERMI, BEST, PROPORTIONAL = range(5)
FIXED, SHORT = 1, 2
"""Why it may end early: all are alike, or a pool is used up."""


class Played(NamedTuple):
    """From each vertex to whom it plays against."""

    first: Ends
    """[vertex + 1]: where the edges of a vertex begin."""
    end: Ends
    """[edge]."""
    weight: Numbers
    """[edge]."""
    back: Ends
    """[edge]: the edge from there to here, of the same match; -1 where there is none."""
    strength: Numbers
    """[vertex]: the weight in all."""


class Led(NamedTuple):
    """From each vertex to others, by weight."""

    first: Ends
    """[vertex + 1]."""
    end: Ends
    """[edge]."""
    weight: Numbers
    """[edge]."""
    strength: Numbers
    """[vertex]: the weight in all."""
    even: bool
    """Whether all edges weigh the same."""


class Ways(NamedTuple):
    played: Played
    players: Led
    """From a vertex to who plays against it."""
    offspring: Led
    """From a parent to whom it can replace."""
    parents: Led
    """From a vertex to who can replace it."""


class Stock(NamedTuple):
    """Payoffs by agents: exact, or those of matches."""

    table: Numbers
    """[own, other], where exact."""
    exact: Flags
    """[own, other]."""
    pair: Indices
    """[own, other]."""
    values: Numbers
    """[first or second, match]."""
    start: Indices
    """[pair]: where its matches begin."""
    length: Indices
    """[pair]."""
    grows: Flags
    """[pair]: whether more can be asked for."""


class Rule(NamedTuple):
    """How places change hands: the keys of `moran` and `imitation` on graphs."""

    update: int
    """`BIRTH_DEATH` and so on."""
    whole: bool
    """Whether all are updated at once, by what they were before."""
    linear: bool
    """Whether fitness is 1 - s + s payoff, rather than e^(s payoff)."""
    selection: float
    """s, also of Fermi's function."""
    span: float
    """The largest difference of payoffs per interaction, counting 0 where payoffs accumulate."""
    accumulates: bool
    """Whether a payoff is the sum over neighbours, rather than the mean."""
    mutation: float
    others: bool
    """Whether mutants are of another agent."""
    tie: float
    """Payoffs that differ by less are the same."""


def led(weights: csr_array) -> Led:
    """The ways along weights [vertex, other]."""
    kept = csr_array(weights)
    ends = kept.indices.astype(np.int32)
    strength = np.asarray(kept.sum(1), dtype=np.float64)
    even = bool(np.ptp(kept.data) == 0)
    return Led(kept.indptr.astype(np.int32), ends, kept.data.astype(np.float64), strength, even)


def ways(interaction: csr_array, replacement: csr_array) -> Ways:
    """All ways of a network: `interaction` [player, other], `replacement` [parent, place]."""
    out = led(interaction)
    numbered = csr_array(
        (np.arange(1, 1 + len(out.end)), interaction.indices, interaction.indptr),
        shape=interaction.shape,
    )
    row = np.repeat(np.arange(len(out.first) - 1), np.diff(out.first))
    back = _found(csr_array(numbered.T), row, out.end) - np.int32(1)
    played = Played(out.first, out.end, out.weight, back, out.strength)
    return Ways(played, led(csr_array(interaction.T)), led(replacement), led(csr_array(replacement.T)))


def _found(matrix: csr_array, row: Indices, column: Ends) -> Ends:
    """Entries of a sparse matrix, 0 where there are none."""
    matrix.sort_indices()
    size = np.int64(matrix.shape[1])
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * size + matrix.indices
    wanted = row * size + column
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, matrix.data[at], 0).astype(np.int32)


@compiled
def evolve(
    state: Agents,
    counts: Indices,
    taken: Indices,
    generations: int,
    ways: Ways,
    stock: Stock,
    rule: Rule,
    random: np.random.Generator,
) -> tuple[int, int]:
    """Some generations of one population; the steps they took, and why it ended early (`FIXED`, `SHORT`) or 0.

    Changes `state` [vertex], how many there are of each agent `counts` [agent], and the matches `taken` [pair].
    """
    played, players, offspring, parents = ways
    n, kinds = len(state), len(counts)
    lacks = np.zeros(1, dtype=np.bool_)
    # Of each vertex and edge: its value, and the event (the clock) that it is of.
    clock = 1
    earned, known = np.zeros(n), np.zeros(n, dtype=np.int64)
    drawn, met = np.zeros(len(played.end)), np.zeros(len(played.end), dtype=np.int64)
    draws = not stock.exact.all()
    keeps = draws or rule.whole or rule.update == BIRTH_DEATH
    worth = np.empty(n)
    before = state.copy() if rule.whole else state
    events = 1 if rule.whole else n

    def below(limit: int) -> int:
        return int(random.random() * limit)

    def match(own: int, other: int) -> int:
        pair = stock.pair[own, other]
        turn = taken[pair]
        taken[pair] += 1
        if turn >= stock.length[pair]:
            if stock.grows[pair] or stock.length[pair] == 0:
                lacks[0] = True
                return -1
            turn = below(stock.length[pair])
        return stock.start[pair] + turn  # type: ignore[no-any-return]

    def earns(x: int, clock: int) -> float:
        if keeps and known[x] == clock:
            return earned[x]  # type: ignore[no-any-return]
        total = 0.0
        for e in range(played.first[x], played.first[x + 1]):
            y = played.end[e]
            own, other = before[x], before[y]
            if not draws or stock.exact[own, other]:
                total += played.weight[e] * stock.table[own, other]
                continue
            if met[e] != clock:
                at = match(own, other)
                if at < 0:
                    return 0.0
                mine = 0 if own <= other else 1
                met[e], drawn[e] = clock, stock.values[mine, at]
                theirs = played.back[e]
                if theirs == e:
                    drawn[e] = (stock.values[0, at] + stock.values[1, at]) / 2
                elif theirs >= 0:
                    met[theirs], drawn[theirs] = clock, stock.values[1 - mine, at]
            total += played.weight[e] * drawn[e]
        if not rule.accumulates:
            total /= played.strength[x]
        known[x], earned[x] = clock, total
        return total

    def one_of(others: Led, x: int) -> int:
        """One of those that edges lead to, by weight."""
        e, last = others.first[x], others.first[x + 1] - 1
        if others.even:
            return others.end[e + below(last - e + 1)]  # type: ignore[no-any-return]
        aim = random.random() * others.strength[x]
        while e < last and aim >= others.weight[e]:
            aim -= others.weight[e]
            e += 1
        return others.end[e]  # type: ignore[no-any-return]

    def fitness(paid: float, most: float) -> float:
        """Up to a factor that all have in common."""
        if rule.linear:
            return 1 - rule.selection + rule.selection * paid
        return np.exp(rule.selection * (paid - most))  # type: ignore[no-any-return]

    def parent_of(x: int, clock: int) -> int:
        """Who of its neighbours has a child where x has died: by weight and fitness."""
        low, high = parents.first[x], parents.first[x + 1]
        most = -np.inf
        for e in range(low, high):
            most = max(most, earns(parents.end[e], clock))
        total = 0.0
        for e in range(low, high):
            total += parents.weight[e] * fitness(earned[parents.end[e]], most)
        if total <= 0:
            return one_of(parents, x)
        aim, e = random.random() * total, low
        while e < high - 1:
            aim -= parents.weight[e] * fitness(earned[parents.end[e]], most)
            if aim < 0:
                break
            e += 1
        return parents.end[e]  # type: ignore[no-any-return]

    def born(clock: int) -> int:
        """Who of all has a child: by fitness."""
        most, total = -np.inf, 0.0
        for x in range(n):
            most = max(most, earns(x, clock))
        for x in range(n):
            worth[x] = fitness(earned[x], most)
            total += worth[x]
        if total <= 0:
            return below(n)
        aim = random.random() * total
        x = 0
        while x < n - 1 and aim >= worth[x]:
            aim -= worth[x]
            x += 1
        return x

    def best_of(x: int, clock: int) -> int:
        """Who earns most, of x and its neighbours: one like x if that ties, else of the first agent."""
        best, winner = earns(x, clock), x
        for e in range(parents.first[x], parents.first[x + 1]):
            y = parents.end[e]
            own, its, had = before[x], before[y], before[winner]
            paid = earns(y, clock)
            if paid > best + rule.tie:
                best, winner = paid, y
            elif paid > best - rule.tie and had != own and (its == own or its < had):
                winner = y
        return winner

    def model_of(x: int, clock: int) -> int:
        """Whom x takes after, comparing itself with a neighbour: it or x."""
        y = one_of(parents, x)
        if before[x] == before[y]:
            return x
        ahead = earns(y, clock) - earns(x, clock)
        if rule.update == FERMI:
            return y if random.random() * (1 + np.exp(-rule.selection * ahead)) < 1 else x
        scale = rule.span
        if rule.accumulates:
            scale *= max(played.strength[x], played.strength[y])
        return y if random.random() * scale < ahead else x

    def mutant(own: int) -> int:
        if rule.others:
            to = below(kinds - 1)
            return to + (to >= own)
        return below(kinds)

    steps = 0
    for _ in range(generations):
        if rule.whole:
            before[:] = state
            clock += 1
        for _ in range(events):
            steps += 1
            if draws and not rule.whole:
                clock += 1
            for place in range(n if rule.whole else 1):
                # Who is replaced, and by what.
                if rule.whole:
                    x = place
                elif rule.update == BIRTH_DEATH:
                    parent = born(clock)
                    x = one_of(offspring, parent)
                else:
                    x = below(n)
                own = state[x]
                mutates = rule.mutation > 0 and random.random() < rule.mutation
                if rule.update == BIRTH_DEATH:
                    new = before[parent]
                elif rule.update == DEATH_BIRTH:
                    new = before[parent_of(x, clock)]
                elif mutates:
                    new = own
                elif rule.update == BEST:
                    new = before[best_of(x, clock)]
                else:
                    new = before[model_of(x, clock)]
                if lacks[0]:
                    return steps, SHORT
                if mutates:
                    new = mutant(new)
                if new == own:
                    continue
                state[x] = new
                counts[own] -= 1
                counts[new] += 1
                if rule.update == BIRTH_DEATH and not draws:
                    known[x] = 0
                    for e in range(players.first[x], players.first[x + 1]):
                        known[players.end[e]] = 0
            if rule.mutation == 0 and counts[new] == n:
                return steps, FIXED
    return steps, 0
