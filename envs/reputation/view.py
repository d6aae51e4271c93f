"""What a member sees: where each part of an observation stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """The parts of an observation, slices of its entries.

    All are 0 where there is nothing to see, and while a member waits.
    """

    neighbours: int
    """How many the member with the most neighbours has."""
    shows_reputations: bool
    """Whether reputations of all neighbours are shown to whoever selects."""
    shows_moves: bool
    """Whether their last moves are."""

    @property
    def stage(self) -> slice:
        """One-hot: select, play, punish, assess."""
        return slice(0, 4)

    @property
    def theirs(self) -> slice:
        """Whether the other cooperated, whether it defected; of who is judged, where somebody is."""
        return slice(4, 6)

    @property
    def own(self) -> slice:
        """Whether the member itself did so; of whom it did it to, where a third party judges."""
        return slice(6, 8)

    @property
    def their_reputation(self) -> slice:
        """The reputation of the other; of who is judged, where somebody is."""
        return slice(8, 9)

    @property
    def own_reputation(self) -> slice:
        """The member's own; of whom it was done to, where a third party judges."""
        return slice(9, 10)

    @property
    def reputations(self) -> slice:
        """Those of its neighbours, in their order, where a partner is selected."""
        return slice(10, 10 + (self.neighbours if self.shows_reputations else 0))

    @property
    def moves(self) -> slice:
        """What each neighbour did last, cooperate and defect one-hot, where a partner is selected."""
        first = 10 + (self.neighbours if self.shows_reputations else 0)
        return slice(first, first + (2 * self.neighbours if self.shows_moves else 0))

    @property
    def size(self) -> int:
        """The number of entries."""
        return 10 + self.neighbours * (self.shows_reputations + 2 * self.shows_moves)
