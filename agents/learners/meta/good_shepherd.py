"""The Good Shepherd: a fixed policy that shapes what others learn."""

from __future__ import annotations

from typing import ClassVar

from ...agent import Chairs, Player
from .meta_agent import EvolvedAgent, EvolvedPlayer


class GoodShepherd(EvolvedAgent):
    """Plays one memory-one policy throughout a trial, which it learns from the returns of whole trials.

    It observes only its own rewards, and so can be trained against any co-player.
    """

    source: ClassVar[str] = "Balaguer et al. 2022; trained by an evolution strategy, as in Khan et al. 2023"

    def sit(self, chairs: Chairs) -> Player:
        return EvolvedPlayer(self, chairs, "good_shepherd")
