"""The Good Shepherd: one fixed policy that makes learners learn what suits it."""

from __future__ import annotations

from typing import ClassVar

from ...agent import Chairs, Player
from .meta_agent import EvolvedAgent, EvolvedPlayer


class GoodShepherd(EvolvedAgent):
    """Plays the same memory-one policy through a whole trial; which one, it learns from what trials earn.

    It needs to see nothing but its own rewards, and so can be trained against any co-player.
    """

    source: ClassVar[str] = "Balaguer et al. 2022; trained by an evolution strategy, as in Khan et al. 2023"

    def sit(self, chairs: Chairs) -> Player:
        return EvolvedPlayer(self, chairs, "good_shepherd")
