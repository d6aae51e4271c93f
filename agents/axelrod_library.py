"""The strategies of the Axelrod library, when it is installed; one match at a time, and slowly."""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import multiprocessing
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field

from ..envs.catalogue import import_path, load_object
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .agent import Agent, Chairs, Player, refuses_all_but_two_by_two
from .plain import Function, Parameters, Single, SinglesPlayer

if TYPE_CHECKING:
    import axelrod

SIMILARITY_CUTOFF = 0.7
"""The similarity (0 to 1) from which a name is suggested."""
CHEATS = {
    "inspects_source": "reads its opponent's code",
    "manipulates_source": "changes its opponent's code",
    "manipulates_state": "changes its opponent's state",
}
"""Classifiers of the library that are not allowed here."""


class AxelrodLibrary(Agent):
    """A player class of the Axelrod library, or one written for it; one object for each match.

    The object knows the length of the match (infinite for a random end), the noise, and the payoffs from its seat.
    Its histories are its executed actions and the other's observed ones. Parameters are those of its class;
    actions are given as "C" and "D", a team's strategies by name. Players that read or change their opponent's
    code or state, that ask a person, or that can't be constructed are refused with the reason. Playing raises
    DilemmaError if the library is not installed.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a parameter may be infinite

    source: ClassVar[str] = "Knight et al. 2016, an open framework for the reproducible study of the IPD"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    slow: ClassVar[bool] = True

    strategy: Function = Field(
        description="its class in the library, such as TitForTat; or `package.module:Class` or "
        "`path/to/file.py:Class`",
        examples=["TitForTat"],
    )
    parameters: Parameters = Field((), description="keyword arguments of that class")

    @property
    def adapted_name(self) -> str:
        """`axelrod:NAME`, or the import path of a class outside the library."""
        if isinstance(self.strategy, str):
            return self.strategy if ":" in self.strategy else f"axelrod:{self.strategy}"
        return import_path(self.strategy)

    @property
    def foreign_code(self) -> object:
        """The player's class; None if it can't be found."""
        found = _find(self.strategy)
        return None if isinstance(found, str) else found

    def refuses(self, game: Environment) -> str | None:
        if reason := refuses_all_but_two_by_two(game):
            return reason
        if game.as_repeated_game() is None:
            return "plays matrix games only"
        made = _make(self)
        return made if isinstance(made, str) else None

    def sit(self, chairs: Chairs) -> Player:
        if reason := self.refuses(chairs.game):
            raise DilemmaError(f"{self.adapted_name} {reason}")
        game = chairs.game.as_repeated_game()
        assert game is not None
        row, column = game.matrices
        payoffs = [own.flatten().tolist() for own in (row, column.T)]  # R, S, T, P of each seat
        length = int(game.rounds) if game.continuation == 1 else math.inf

        def open(seat: int, seed: int) -> Single:
            made = _make(self)
            assert not isinstance(made, str)
            made.set_match_attributes(length, _library().Game(*payoffs[seat]), game.noise)
            made.set_seed(seed >> 32)  # the library takes 32 bits
            return _LibrarySingle(made, self.adapted_name)

        return SinglesPlayer(chairs, open)


class _LibrarySingle:
    def __init__(self, player: axelrod.Player, name: str):
        self._player = player
        self._name = name
        self._opponent = _library().MockPlayer()  # a bare player, for its history
        self._actions = (_library().Action.C, _library().Action.D)

    def act(self) -> int:
        given = self._player.strategy(self._opponent)
        if given not in self._actions:
            round = len(self._player.history) + 1
            raise DilemmaError(f"{self._name} returned {given!r} in round {round}; allowed: axelrod.Action.C or D")
        return self._actions.index(given)

    def observe(self, own: int, others: Sequence[int]) -> None:
        did, saw = self._actions[own], self._actions[others[0]]
        self._player.update_history(did, saw)
        self._opponent.update_history(saw, did)


def library_agent(thing: object) -> AxelrodLibrary:
    """The agent for a player of the library, or for its class.

    Raises DilemmaError if a parameter of the player has no name that a config could use.
    """
    kind: Any = thing if isinstance(thing, type) else type(thing)  # a class of axelrod.Player
    name = str(kind.__name__)
    strategy = name if getattr(_library(), name, None) is kind else kind
    given: Mapping[str, object] = {} if isinstance(thing, type) else dict(getattr(thing, "init_kwargs", {}))
    defaults = inspect.signature(kind.__init__).parameters
    parameters = {name: _named(value) for name, value in given.items() if not _same(value, defaults[name].default)}
    return AxelrodLibrary.model_validate({"strategy": strategy, "parameters": parameters})


def _same(value: object, default: object) -> bool:
    plain = bool | int | float | str | tuple | _library().Action
    return value is default or (isinstance(value, plain) and type(value) is type(default) and value == default)


def _named(value: object) -> object:
    """Actions and strategies as their names."""
    if isinstance(value, _library().Action):
        return str(value)
    if isinstance(value, type):
        name = str(getattr(value, "__name__", ""))
        return name if getattr(_library(), name, None) is value else value
    if type(value) in (list, tuple):
        assert isinstance(value, list | tuple)
        return [_named(item) for item in value]
    return value


def _make(agent: AxelrodLibrary) -> axelrod.Player | str:
    """A new player; or why it can't be made, as the end of a sentence."""
    kind = _find(agent.strategy)
    if isinstance(kind, str):
        return kind
    try:
        made = kind(**_given(kind, dict(agent.parameters)))
    except Exception as error:
        return f"can't be made with these parameters ({type(error).__name__}: {error})"
    cheats = [said for name, said in CHEATS.items() if made.classifier.get(name)]
    return f"{' and '.join(cheats)}, which is not allowed" if cheats else made


def _given(kind: type[axelrod.Player], parameters: Mapping[str, object]) -> dict[str, object]:
    """Parameters as the class expects them: actions for "C" and "D", classes for a team's names."""
    actions = {"C": _library().Action.C, "D": _library().Action.D}
    takes = inspect.signature(kind.__init__).parameters

    def convert(value: object, known: Mapping[str, object]) -> object:
        if isinstance(value, tuple):
            items = [convert(item, known) for item in value]
            return items if known is teams else tuple(items)
        return known.get(value, value) if isinstance(value, str) else value

    teams = {player.__name__: player for player in _library().all_strategies}
    result = {}
    for name, value in parameters.items():
        said = f"{takes[name].annotation} {takes[name].default!r}" if name in takes else ""
        if name == "team" or "Player" in said:
            result[name] = convert(value, teams)
        elif "Action" in said or name in ("initial_action", "initial_actions"):
            result[name] = convert(value, actions)
        else:
            result[name] = value
    return result


@cache
def _library() -> ModuleType:
    """The library, imported when first used: it takes 10 seconds, and sets the process's start method."""
    method = multiprocessing.get_start_method(allow_none=True)
    try:
        return importlib.import_module("axelrod")
    except ModuleNotFoundError as error:
        if error.name != "axelrod":
            raise
        needs = "pip install 'dilemma-tournaments[axelrod]'"
        raise DilemmaError(f"the Axelrod library is not installed: {needs}") from None
    finally:
        multiprocessing.set_start_method(method, force=True)


@cache
def _find(strategy: str | object) -> type[axelrod.Player] | str:
    """The class; or why it can't be found, as the end of a sentence."""
    library = _library()
    if not isinstance(strategy, str):
        found = strategy
    elif ":" in strategy:
        try:
            found = load_object(strategy)
        except Exception as error:
            return f"can't be imported ({error})"
    else:
        found = getattr(library, strategy, None)
    if found is getattr(library, "Human", ...):
        return "asks a person for every move"
    if isinstance(found, type) and issubclass(found, library.Player):
        return found
    if found is not None:
        return "is no player of the Axelrod library, nor derived from one"
    plain = {_letters(player.__name__): player.__name__ for player in library.strategies}
    nearest = difflib.get_close_matches(_letters(str(strategy)), plain, n=1, cutoff=SIMILARITY_CUTOFF)
    hint = f"; the nearest is {plain[nearest[0]]}" if nearest else ""
    return f"is no strategy of the Axelrod library {library.__version__}{hint}"


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def from_name(name: str, parameters: Mapping[str, object]) -> AxelrodLibrary:
    """The agent `axelrod:NAME`, as a config names it."""
    return AxelrodLibrary.model_validate({"strategy": name, "parameters": parameters})
