"""The strategies of the Axelrod library, when it is installed; one match at a time, and slowly."""

from __future__ import annotations

import difflib
import importlib
import math
import multiprocessing
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from ..envs.matrix_game import RepeatedGame
from .agent import Agent, Chairs, Player, refuses_all_but_two_by_two
from .plain import Parameters, Single, SinglesPlayer

if TYPE_CHECKING:
    import axelrod


class AxelrodLibrary(Agent):
    """A strategy of the Axelrod library, one of its player objects for every match.

    It is told the length of the match (infinite where chance ends it), the noise, and the payoffs as its own
    seat sees them. Its histories are what was done, and what it saw the other do. Strategies that read or
    change their opponent's code or state are refused. Playing raises DilemmaError where the library is not
    installed.
    """

    source: ClassVar[str] = "Knight et al. 2016, an open framework for the reproducible study of the IPD"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    slow: ClassVar[bool] = True

    strategy: str = Field(description="its class in the library, such as TitForTat", examples=["TitForTat"])
    parameters: Parameters = Field((), description="keyword arguments of that class")

    @property
    def their_code(self) -> object:
        """The player's class; None where there is none."""
        found = _find(self.strategy)
        return None if isinstance(found, str) else found

    def refuses(self, game: Environment) -> str | None:
        if reason := refuses_all_but_two_by_two(game):
            return reason
        if not isinstance(game, RepeatedGame):
            return "plays matrix games only"
        found = _find(self.strategy)
        if isinstance(found, str):
            return found
        try:
            found.init_params(**dict(self.parameters))
        except TypeError as error:
            return f"can't be made with these parameters ({error})"
        return None

    def sit(self, chairs: Chairs) -> Player:
        if reason := self.refuses(chairs.game):
            raise DilemmaError(f"{self.strategy} {reason}")
        game, player = chairs.game, _find(self.strategy)
        assert isinstance(game, RepeatedGame)
        assert not isinstance(player, str)
        row, column = game.matrices
        payoffs = [own.flatten().tolist() for own in (row, column.T)]  # R, S, T, P of each seat
        length = int(game.rounds) if game.continuation == 1 else math.inf
        parameters = dict(self.parameters)

        def open(seat: int, seed: int) -> Single:
            made = player(**parameters)
            made.set_match_attributes(length, _library().Game(*payoffs[seat]), game.noise)
            made.set_seed(seed >> 32)  # it takes 32 bits
            return _LibrarySingle(made)

        return SinglesPlayer(chairs, open)


class _LibrarySingle:
    def __init__(self, player: axelrod.Player):
        self._player = player
        self._opponent = _library().MockPlayer()  # a bare player, for its history
        self._actions = (_library().Action.C, _library().Action.D)

    def act(self) -> int:
        return self._actions.index(self._player.strategy(self._opponent))

    def observe(self, own: int, others: Sequence[int]) -> None:
        did, saw = self._actions[own], self._actions[others[0]]
        self._player.update_history(did, saw)
        self._opponent.update_history(saw, did)


@cache
def _library() -> ModuleType:
    """The library, imported when first used: it takes 10 seconds, and sets the process's start method."""
    method = multiprocessing.get_start_method(allow_none=True)
    try:
        return importlib.import_module("axelrod")
    except ModuleNotFoundError as error:
        if error.name != "axelrod":
            raise
        raise DilemmaError("the Axelrod library is not installed: pip install 'dilemma[axelrod]'") from None
    finally:
        multiprocessing.set_start_method(method, force=True)


@cache
def _find(name: str) -> type[axelrod.Player] | str:
    """The class of that name; or why there is none, as the end of a sentence."""
    fair: dict[str, type[axelrod.Player]] = {player.__name__: player for player in _library().strategies}
    if name in fair:
        return fair[name]
    if name in (player.__name__ for player in _library().all_strategies):
        return "reads or changes its opponent's code or state, which is not allowed"
    plain = {_letters(known): known for known in fair}
    nearest = difflib.get_close_matches(_letters(name), plain, n=1, cutoff=0)
    return f"is no strategy of the Axelrod library; the nearest is {plain[nearest[0]]}"


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def from_name(name: str, parameters: Mapping[str, object]) -> AxelrodLibrary:
    """The agent `axelrod:NAME`, as a config names it."""
    return AxelrodLibrary.model_validate({"strategy": name, "parameters": parameters})
