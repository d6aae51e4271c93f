"""The contracts as tests: `check_agent` and `check_environment`, for shipped and for your own classes.

Each failure is an AssertionError that says what to change.

>>> from dilemma.envs.matrix_game import StagHunt
>>> check_environment(StagHunt(noise=0.1))
"""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import pickle
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from typing import ClassVar, TypeVar

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from .agents import global_generators
from .agents.agent import Agent, Chairs, Observation, Player, Round
from .agents.automaton import AutomatonPlayer
from .envs.chance import Chance, Purpose, derive, sealed
from .envs.cleanup import Cleanup
from .envs.coins import Coins
from .envs.coins_room import CoinsRoom
from .envs.common_pool_trust import CommonPoolTrust
from .envs.environment import GRANTS, Box, Discrete, Environment, State, Step
from .envs.errors import DilemmaError
from .envs.graphs import Ring
from .envs.joint_action import ActionView, Form, forms, seats_that_act_alike
from .envs.leave_or_stay import LeaveOrStay
from .envs.matrix_game import PrisonersDilemma, RockPaperScissors
from .envs.n_player_ipd import NPlayerIPD
from .envs.neighbourhood import Neighbours, all_others, gather_neighbours
from .envs.policy_game import PolicyGame
from .envs.public_goods import PublicGoods
from .envs.reputation.reputation_dilemma import ReputationDilemma
from .envs.spatial_dilemma import SpatialDilemma
from .tournament.allowed import Allowed
from .tournament.arena import AgentError, play
from .tournament.protocol import Protocol
from .tournament.recorders import PlayedRound

Model = TypeVar("Model", bound=BaseModel)
Rows = TypeVar("Rows", Tensor, Tensor | None)

ROUNDS = 16
TABLES = 2


def examples(kind: type[Model]) -> list[Model]:
    """Some instances of `kind`: with its defaults, and with `Field(examples=[...])` for parameters without one."""
    required = {name: field for name, field in kind.model_fields.items() if field.is_required()}
    missing = [name for name, field in required.items() if not field.examples]
    _require(not missing, f"{kind.__name__}: give {', '.join(missing)} a default or Field(examples=[...])")
    given = {name: field.examples or [] for name, field in required.items()}
    count = max((len(values) for values in given.values()), default=1)
    return [
        kind.model_validate({name: values[index % len(values)] for name, values in given.items()})
        for index in range(count)
    ]


def check_agent(agent: Agent, game: Environment | None = None) -> None:
    """Check an agent's contract, in `game` or in those of a few small ones that it plays.

    It must be a frozen value that hashes, pickles and survives JSON. Its players must act within the rules, use
    only `chance` and what they declare in `needs`, and write into nothing that they are shown. A match must give
    the same bits alone as beside others (except for learners, which depend on their block). Raises
    AssertionError where this does not hold.
    """
    _check_value(agent)
    _require(agent.needs <= GRANTS.keys(), f"`needs` may hold {sorted(GRANTS)}, found {sorted(agent.needs)}")
    games = _games() if game is None else [game]
    reasons = [agent.refuses(each) for each in games]
    for reason in reasons:
        _require(
            reason is None or (isinstance(reason, str) and reason != ""),
            f"`refuses` must give None or the end of a sentence, found {reason!r}",
        )
    played = [each for each, reason in zip(games, reasons, strict=True) if reason is None]
    _require(len(played) > 0, f"it refuses every game tried ({reasons[0]}): name one, check_agent(agent, game)")
    for each in played:
        try:
            # The global generators are seeded for plain Python agents, as in a watched match.
            with (
                _global_generators_unmoved(),
                global_generators.generators_kept() if agent.slow else nullcontext(),
                global_generators.watching(),
            ):
                learning = _check_acting(agent, each) or agent.learns  # trained beforehand, it counts as a learner
                _check_matches(agent, each, alone=not learning)
                _check_blind(agent, each)
        except AgentError as error:
            cause = error.__cause__
            raise AssertionError(f"it raised {type(cause).__name__} in {each!r}: {cause}") from error
    _check_value(agent)  # again after play: cached values must not count


def check_environment(game: Environment) -> None:
    """Check an environment's contract.

    It must be a frozen value that hashes, pickles and survives JSON. Its tensors must have the documented
    shapes, also with one match at one table. It must change no state passed in, draw from `chance` alone, keep
    matches and tables apart, treat seats alike where all have one role, pay nothing after the end, and nothing
    beyond its `extremes`. Raises AssertionError where this does not hold.
    """
    _check_value(game)
    _require(game.seats >= 1, f"`seats` must be at least 1, found {game.seats}")
    _require(game.grants <= GRANTS.keys(), f"`grants` may hold {sorted(GRANTS)}, found {sorted(game.grants)}")
    for seat in range(game.seats):
        space = game.actions(seat)
        _require(isinstance(space, Discrete | Box), f"`actions` must give a Discrete or a Box, found {space!r}")
    _check_neighbours(game)
    with _global_generators_unmoved():
        keys = derive(torch.arange(3), 0)
        trajectory = _trajectory(game, keys)
        _require(
            _same(trajectory, _trajectory(game, keys)),
            "two plays with the same chance differ: take randomness from `chance`, and keep no state",
        )
        for match in range(len(keys)):
            alone = _trajectory(game, keys[match : match + 1])
            _require(
                _same([_only(step, match) for step in trajectory], alone),
                "a match differs when it is played alone: let no match see another, nor how many there are",
            )
        _require(
            _same([_only(step, 0, 0) for step in trajectory], _trajectory(game, keys[:1], tables=1)),
            "a table differs when it is played alone: let no table see another, nor how many there are",
        )
        _check_symmetry(game, keys, trajectory)
        _check_end(game, keys)
        _check_extremes(game, trajectory)
    _check_value(game)  # again after play: cached values must not count


# Both are values.


def _check_value(thing: BaseModel) -> None:
    kind = type(thing)
    _require(bool(kind.__dict__.get("__doc__")), f"{kind.__name__} needs a docstring: say what it is")
    _require(
        bool(getattr(kind, "source", "")),
        f'{kind.__name__} needs a source: say where it comes from, source: ClassVar[str] = "..."',
    )
    for name, field in kind.model_fields.items():
        _require(bool(field.description), f"describe the parameter {name!r}: Field(..., description=...)")
    _require(kind.model_config.get("frozen") is True, "it must be frozen: leave model_config as it is")
    try:
        hash(thing)
    except TypeError as error:
        raise AssertionError(f"it must hash ({error}): make its parameters tuples, numbers and strings") from None
    _require(_equal(copy.deepcopy(thing), thing), "a copy must be equal: keep nothing but parameters")
    try:
        pickled = pickle.loads(pickle.dumps(thing))
    except Exception as error:
        raise AssertionError(f"it must pickle ({error}): define its class at the top of a module") from error
    _require(_equal(pickled, thing), "what was pickled must be equal: keep nothing but parameters")
    try:
        written = json.loads(json.dumps(thing.model_dump(mode="json")))
        again = kind.model_validate(written)
    except Exception as error:
        raise AssertionError(
            f"its parameters must survive JSON ({error}): Field(strict=False) lets tuples be read from lists"
        ) from error
    _require(_equal(again, thing), f"its parameters must survive JSON, but {written} gives another")


def _equal(copied: BaseModel, thing: BaseModel) -> bool:
    try:
        return copied == thing and hash(copied) == hash(thing)
    except ValueError:
        raise AssertionError("copies can't be compared: keep no arrays or tensors, nor cache them") from None


@contextmanager
def _global_generators_unmoved() -> Iterator[None]:
    """Check that the process is left as it was."""
    before = _generator_states()
    yield
    for name, state in _generator_states().items():
        if name.endswith("generator"):
            advice = "take randomness from `chance`"
        else:
            advice = "leave it to the program that runs the process"
        _require(state == before[name], f"it changed {name}: {advice}")


def _generator_states() -> dict[str, object]:
    return {
        "torch's global generator": torch.get_rng_state().tolist(),
        "numpy's global generator": pickle.dumps(np.random.get_state()),
        "random's global generator": random.getstate(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's default dtype": torch.get_default_dtype(),
        "whether torch records gradients": torch.is_grad_enabled(),
        "the start method of processes": multiprocessing.get_start_method(allow_none=True),
    }


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


# Agents.


class Probe(Agent):
    """Plays random actions: a partner that shows whether an agent keeps the contract."""

    source: ClassVar[str] = "this module"

    def refuses(self, game: Environment) -> str | None:
        return None

    def sit(self, chairs: Chairs) -> Player:
        return _ProbePlayer(chairs)


class _ProbePlayer(Player):
    def __init__(self, chairs: Chairs):
        self._chairs = chairs

    def act(self, observation: Observation) -> Tensor:
        chairs, mask = self._chairs, observation.action_mask
        drawn = []
        for chair, seat in enumerate(chairs.seat.tolist()):
            chance = Chance(chairs.chance.keys[chair : chair + 1])
            allowed = None if mask is None else mask[chair : chair + 1]
            space = chairs.spec.actions(seat)
            drawn.append(_random_actions(space, chance, allowed, observation.episode, observation.round))
        return torch.cat(drawn)


def _random_actions(
    space: Discrete | Box, chance: Chance, mask: Tensor | None, episode: int, round: int
) -> Tensor:
    """Random allowed actions [row, table, ...]."""
    if isinstance(space, Box):
        draws = chance.parts(math.prod(space.shape)).uniform(Purpose.ACTION, episode, round)
        draws = space.low + (space.high - space.low) * draws
        return draws.transpose(1, 2).reshape(*chance.keys.shape, *space.shape)
    scores = chance.parts(space.n).uniform(Purpose.ACTION, episode, round).transpose(1, 2)
    if mask is not None:
        scores = torch.where(mask[..., : space.n], scores, -1.0)
    return scores.argmax(-1)


def _games() -> list[Environment]:
    return [
        PrisonersDilemma(rounds=ROUNDS, noise=0.1),
        PrisonersDilemma(rounds=ROUNDS, continuation=0.8),
        RockPaperScissors(rounds=ROUNDS),
        NPlayerIPD(rounds=ROUNDS, noise=0.1),
        PublicGoods(rounds=ROUNDS, levels=3),
        PolicyGame(rounds=2),
        Coins(rounds=ROUNDS),
        CoinsRoom(rounds=ROUNDS, sides=(2, 4), growth=0.2),
        SpatialDilemma(graph=Ring(size=5), rounds=ROUNDS, memory=2),
        SpatialDilemma(graph=Ring(size=5), rounds=ROUNDS, selection=True, memory=4),
        ReputationDilemma(variant="tpp_dp_s", population=3, rounds=1, encounters=2),
        LeaveOrStay(players=5, rounds=ROUNDS),
        Cleanup(players=2, layout="S.~W\n.AW~\nSA.S", rounds=ROUNDS, delay=2, away=3),
        CommonPoolTrust(rounds=ROUNDS),
    ]


def _seats_to_take(agent: Agent, game: Environment) -> list[list[int]]:
    """The seats that an agent may take; where seats act in different ways, those of each role."""
    roles = {role: agent.refuses_role(game, role) for role in dict.fromkeys(game.roles)}
    for reason in roles.values():
        _require(
            reason is None or (isinstance(reason, str) and reason != ""),
            f"`refuses_role` must give None or the end of a sentence, found {reason!r}",
        )
    _require(
        None in roles.values(),
        f"it refuses every role, but not the game: let `refuses` give the reason, {next(iter(roles.values()))!r}",
    )
    parts = [[seat for seat in part if roles[game.roles[seat]] is None] for part in seats_that_act_alike(game)]
    return [part for part in parts if part]


def _check_acting(agent: Agent, game: Environment) -> bool:
    """Play some matches for two episodes; returns whether the player learns."""
    learns = [_check_acting_on(agent, game, seats) for seats in _seats_to_take(agent, game)]
    return any(learns)


def _check_acting_on(agent: Agent, game: Environment, seats: list[int]) -> bool:
    """Play some matches for two episodes on all chairs of these seats; returns whether the player learns."""
    chairs, chance = _chairs(game, agent, seats)
    try:
        player, fresh = agent.sit(chairs), agent.sit(chairs)
        first = _episode(player, agent, game, chance, chairs, 0)
        second = _episode(player, agent, game, chance, chairs, 1)
        fresh.begin()
        alone = _episode(fresh, agent, game, chance, chairs, 1)
    except DilemmaError as error:
        raise AssertionError(str(error)) from error
    except Exception as error:
        raise AgentError((agent,)) from error
    if player.learning:
        return True
    _require(
        _same(second, alone),
        "its second episode depends on the first: forget it in `begin`, and take randomness from `chance`",
    )
    automaton = agent.as_automaton(game)
    if automaton is not None and automaton.deterministic:
        same = AutomatonPlayer([automaton], torch.zeros_like(chairs.seat), chairs)
        _require(
            _same(first, _episode(same, agent, game, chance, chairs, 0)),
            "`sit` and `as_automaton` play differently: make them agree",
        )
    return False


def _chairs(game: Environment, agent: Agent, seats: list[int]) -> tuple[Chairs, Chance]:
    """The chairs of these seats in three matches, and the chance of the environment."""
    keys = derive(torch.arange(3), 1)
    seat = torch.tensor(seats).repeat(len(keys))
    chair_keys = sealed(keys.repeat_interleave(len(seats)), seat + 1)
    return Chairs(game, seat, Chance.at_tables(chair_keys, TABLES), agent), Chance.at_tables(keys, TABLES)


def _episode(
    player: Player, agent: Agent, game: Environment, chance: Chance, chairs: Chairs, episode: int
) -> list[Tensor]:
    """What a player does in each round; seats that are not its own are played at random."""
    matches, tables = chance.keys.shape
    allowed = Allowed(game, chairs)
    state = game.reset(matches, tables, chance, episode)
    seats = len(chairs.seat) // matches
    everywhere = seats == game.seats
    sitting = None if everywhere else torch.arange(matches).repeat_interleave(seats) * game.seats + chairs.seat
    neighbours = Neighbours.of_chairs(game, matches, sitting, chairs.device)
    view = ActionView.of_seats(game, chairs.seat.tolist())
    drawn = chance.parts(game.seats).keys
    player.begin()
    done = []
    for _ in range(int(min(game.horizon, ROUNDS))):
        with _only_read(state, chairs.seat, chairs.chance.keys):
            action = allowed.checked(player.act(Observation(state, sitting, neighbours, agent)))
        done.append(action.clone())
        if sitting is None:
            joint = action.view(matches, game.seats, *action.shape[1:])
        else:
            joint = _joint_action(game, state, drawn)
            joint.flatten(0, 1)[sitting] = view.own.packed(action, view.joint) if view else action
        state, step = game.step(state, joint, chance)
        # Rows of whole tensors are views: writes to them are seen.
        step = replace(step, action=step.action.contiguous(), reward=step.reward.contiguous())
        with _only_read(step, state):
            player.observe(Round(step, sitting, neighbours, agent, view))
    return done


@contextmanager
def _only_read(*shown: object) -> Iterator[None]:
    """Check that what a player is shown stays unchanged; raises DilemmaError where it does not."""
    before = copy.deepcopy(shown)
    yield
    if not _same(before, shown):
        raise DilemmaError("it writes into what it is shown, which others may see too: make new tensors instead")


def _check_blind(agent: Agent, game: Environment) -> None:
    """Play on one seat of some matches, once with all hidden that it does not see: actions must agree."""
    for seats in _seats_to_take(agent, game):
        seeing = _from_one_seat(agent, game, seats[0], blind=False)
        try:
            same = _same(seeing, _from_one_seat(agent, game, seats[0], blind=True))
        except Exception:
            same = False
        _require(same, "it acts on what its seat does not see: read no names that begin with `_`")


def _from_one_seat(agent: Agent, game: Environment, own: int, blind: bool) -> list[Tensor]:
    """What a player does on seat `own` in each round, while the others play at random."""
    keys = derive(torch.arange(3), 3)
    chance = Chance.at_tables(keys, TABLES)
    drawn = Chance.at_tables(derive(keys, 1), TABLES).parts(game.seats).keys
    seat = torch.full_like(keys, own)
    sitting = torch.arange(len(keys)) * game.seats + own
    neighbours = Neighbours.of_chairs(game, len(keys), sitting, keys.device)
    view = ActionView.of_seats(game, [own])
    graph = all_others(game.seats, keys.device) if game.neighbours is None else game.neighbours
    player = agent.sit(Chairs(game, seat, Chance.at_tables(sealed(keys, 1), TABLES), agent))
    state = game.reset(len(keys), TABLES, chance)
    player.begin()
    done = []
    for _ in range(int(min(game.horizon, ROUNDS))):
        action = _joint_action(game, state, drawn)
        shown = state
        if blind:
            seen, mask = _only_of(own, state.observation), _only_of(own, state.action_mask)
            shown = replace(state, tensors={}, observation=seen, action_mask=mask)
        acted = player.act(Observation(shown, sitting, neighbours, agent))
        action[:, own] = view.own.packed(acted, view.joint) if view else acted
        done.append(action[:, own].clone())
        state, step = game.step(state, action, chance)
        if blind:
            seen = _only_of(own, gather_neighbours(step.action, graph) if step.seen is None else step.seen)
            seen = seen if "others_actions" in agent.needs else torch.zeros_like(seen)
            reward = step.reward if "others_rewards" in agent.needs else _only_of(own, step.reward)
            public = step.public if "public" in agent.needs else {}
            step = Step(_only_of(own, step.action), reward, seen, public=public)
        player.observe(Round(step, sitting, neighbours, agent, view))
    return done


def _only_of(seat: int, rows: Rows) -> Rows:
    """Rows [match, seat, ...] with zeros for all other seats."""
    if rows is not None:
        rows = rows.clone()
        rows[:, :seat] = 0
        rows[:, seat + 1 :] = 0
    return rows


def _check_matches(agent: Agent, game: Environment, alone: bool) -> None:
    """Play matches against the probe, together, and (if `alone`) each alone and in another order."""
    seats = [seat for part in _seats_to_take(agent, game) for seat in part]
    first = (torch.arange(len(seats)) > torch.arange(len(seats))[:, None]).long()  # on 1, 2, .. all that it takes
    cast = torch.ones(2 * len(seats) - 1, game.seats, dtype=torch.int64)
    cast[:, seats] = torch.cat((first, first.flip(1)[:-1]))  # 0 is the agent, 1 the probe
    keys = derive(torch.arange(len(cast)), 2)
    together = _transcript(game, [agent, Probe()], cast, keys)
    _require(
        _same(together, _transcript(game, [agent, Probe()], cast, keys)),
        "two plays with the same seed differ: take randomness from `chance`, and keep no state in the agent",
    )
    if not alone:
        return
    message = "it leaks from chair to chair: let no row of a tensor see another, and draw from `chance` only"
    backwards = _transcript(game, [Probe(), agent], 1 - cast.flip(0), keys.flip(0))
    _require(_same(together, [actions.flip(0) for actions in backwards]), f"{message} (order matters)")
    for match in range(len(cast)):
        apart = _transcript(game, [agent, Probe()], cast[match : match + 1], keys[match : match + 1])
        # Alone a match may stop earlier: among others, other tables go on.
        among = [actions[match : match + 1] for actions in together[: len(apart)]]
        _require(_same(among, apart), f"{message} (a match differs when it is played alone)")


def _transcript(game: Environment, agents: Sequence[Agent], cast: Tensor, keys: Tensor) -> list[Tensor]:
    """The actions in each round [match, seat, table], as played in the arena."""
    transcript = Transcript()
    play(game, agents, cast, keys, Protocol(tables=TABLES), recorders=[transcript])
    return transcript.done


class Transcript:
    """A recorder of the actions in each round [match, seat, table]."""

    def __init__(self) -> None:
        self.done: list[Tensor] = []

    def record(self, played: PlayedRound) -> None:
        self.done.append(played.step.action.clone())


# Environments.


def _check_neighbours(game: Environment) -> None:
    """The graph is made of other seats, each once, and rows end in -1."""
    graph = game.neighbours
    if graph is None:
        return
    _require(
        graph.dtype == torch.int64 and graph.dim() == 2 and len(graph) == game.seats,
        f"`neighbours` must be int64 [seat, neighbour], found {graph.dtype} {list(graph.shape)}",
    )
    for seat, row in enumerate(graph.tolist()):
        some = [other for other in row if other != -1]
        _require(
            set(some) <= set(range(game.seats)) - {seat} and len(set(some)) == len(some),
            f"`neighbours` of seat {seat} must be other seats, each once, found {row}",
        )
        _require(
            row[: len(some)] == some, f"`neighbours` of seat {seat}: -1 may stand only at the end, found {row}"
        )


def _check_extremes(game: Environment, trajectory: list[Step]) -> None:
    """Rewards must lie within `extremes`, except for the 0 of seats that do not play."""
    if game.extremes is None:
        return
    least, most = game.extremes
    slack = 1e-9 * max(abs(least), abs(most))
    reward = torch.stack([step.reward for step in trajectory])
    within = (reward >= least - slack) & (reward <= most + slack) | (reward == 0)
    found = f"{float(reward.min())} to {float(reward.max())}"
    _require(bool(within.all()), f"`extremes` are {least} to {most}, but rewards go from {found}")


def _trajectory(
    game: Environment, keys: Tensor, shift: int = 0, other_chance: bool = False, tables: int = TABLES
) -> list[Step]:
    """Play random actions, those of each seat moved to the seat `shift` further; check what every round gives."""
    matches = len(keys)
    chance = Chance.at_tables(derive(keys, 3 if other_chance else 0), tables)
    drawn = Chance.at_tables(derive(keys, 1), tables).parts(game.seats).keys.roll(shift, 1)
    state = game.reset(matches, tables, chance, 1)
    _require(
        (state.episode, state.round) == (1, 0),
        f"`reset` must give the episode it was given and round 0, found {state.episode} and {state.round}",
    )
    trajectory = []
    for round in range(int(min(game.horizon, ROUNDS))):
        _check_state(state, game, matches, tables)
        action = _joint_action(game, state, drawn)
        before = copy.deepcopy((state, action))
        after, step = game.step(state, action, chance)
        _require(
            _same(before, (state, action)),
            "`step` changed the state or the action passed to it: make new tensors instead of writing into them",
        )
        _require(after.round == round + 1, f"after round {round} the state says {after.round}: count rounds")
        _check_step(step, action, game)
        if state.playing is not None:
            _check_after_end(state, after, step)
        trajectory.append(step)
        state = after
    return trajectory


def _joint_action(game: Environment, state: State, keys: Tensor) -> Tensor:
    """Random actions of all seats [match, seat, table, ...]; `keys` are [match, seat, table]."""
    joint = Form.joint(forms(game))
    found = torch.zeros((*keys.shape, *joint.shape), dtype=joint.dtype)
    for space, seats in _spaces(game).items():
        mask = None if state.action_mask is None else state.action_mask[:, seats].flatten(0, 1)
        some = _random_actions(space, Chance(keys[:, seats].flatten(0, 1)), mask, state.episode, state.round)
        some = Form.of(space).packed(some, joint)
        found[:, seats] = some.view(len(keys), len(seats), *some.shape[1:])
    return found


def _spaces(game: Environment) -> dict[Discrete | Box, list[int]]:
    """The different spaces of actions, and the seats that have each."""
    spaces: dict[Discrete | Box, list[int]] = {}
    for seat in range(game.seats):
        spaces.setdefault(game.actions(seat), []).append(seat)
    return spaces


def _check_state(state: State, game: Environment, matches: int, tables: int) -> None:
    shape = (matches, game.seats, tables)
    for name in ("playing", "observation", "action_mask"):
        tensor = getattr(state, name)
        if tensor is None:
            continue
        _require(
            tensor.shape[:3] == shape,
            f"`{name}` must start with [match, seat, table] = {list(shape)}, found {list(tensor.shape)}",
        )
        if name != "observation":
            _require(tensor.dtype == torch.bool, f"`{name}` must be bool, found {tensor.dtype}")


def _check_step(step: Step, action: Tensor, game: Environment) -> None:
    matches, seats, tables, *own = action.shape
    others = seats - 1 if game.neighbours is None else game.neighbours.shape[1]
    shapes = {
        "action": (step.action, (matches, seats, tables, *own)),
        "reward": (step.reward, (matches, seats, tables)),
    }
    if step.seen is not None:
        shapes["seen"] = (step.seen, (matches, seats, others, tables, *own))
    if step.chosen is not None:
        shapes["chosen"] = (step.chosen, (matches, seats, tables))
        chosen = step.chosen.long()
        _require(torch.equal(chosen.clamp(0, seats - 1), step.chosen), "`chosen` must be numbers of seats")
    shapes |= {name: (value, (matches, seats, tables)) for name, value in step.measures.items()}
    shapes |= {name: (told, (matches, tables, *told.shape[2:])) for name, told in step.public.items()}
    _require(not step.public or "public" in game.grants, "it tells something `public`, which `grants` must have")
    for name, (tensor, shape) in shapes.items():
        _require(tensor.shape == shape, f"`{name}` must be {list(shape)}, found {list(tensor.shape)}")
        _require(bool(torch.isfinite(tensor).all()), f"`{name}` must be finite numbers")
    _require(step.reward.dtype == torch.float64, f"`reward` must be float64, found {step.reward.dtype}")
    _require(step.action.dtype == action.dtype, f"`action` must be {action.dtype}, found {step.action.dtype}")
    for space, these in _spaces(game).items():
        low, high = (0, space.n - 1) if isinstance(space, Discrete) else (space.low, space.high)
        done = Form.of(space).unpacked(step.action[:, these], Form.joint(forms(game)))
        wrong = ((done < low) | (done > high)).flatten(2).any(2).any(0).tolist()
        bad = [seat for seat, is_wrong in zip(these, wrong, strict=True) if is_wrong]
        _require(not bad, f"what was done in seats {bad} is not an action")


def _check_after_end(state: State, after: State, step: Step) -> None:
    assert state.playing is not None
    over = ~state.playing
    _require(
        after.playing is not None and not bool((after.playing & over).any()),
        "who has stopped playing plays again: `playing` may only turn false",
    )
    for name, tensor in {"reward": step.reward, **step.measures}.items():
        _require(not bool(tensor[over].any()), f"`{name}` must be 0 where `playing` is false")


def _check_symmetry(game: Environment, keys: Tensor, trajectory: Sequence[Step]) -> None:
    rewards = [step.reward for step in trajectory]
    elsewhere = [step.reward for step in _trajectory(game, keys, other_chance=True)]
    if game.neighbours is not None or len(set(game.roles)) > 1 or not _same(rewards, elsewhere):
        return  # on a graph the next seat has other neighbours; a game of chance is alike in distribution only
    moved = [step.reward.roll(-1, 1) for step in _trajectory(game, keys, shift=1)]
    alike = all(torch.allclose(a, b) for a, b in zip(rewards, moved, strict=True))
    _require(
        alike,
        "with one role, moving everybody's actions one seat on must move the rewards too: where seats differ, "
        "give the seats different `roles`",
    )


def _check_end(game: Environment, keys: Tensor) -> None:
    ending = type(game).model_validate({**game.model_dump(), "continuation": 0.7})
    state = ending.reset(len(keys), TABLES, Chance.at_tables(keys, TABLES))
    _require(state.playing is not None, "with `continuation` below 1 `reset` must give `playing`")
    _trajectory(ending, keys)


def _only(step: Step, match: int, table: int | None = None) -> Step:
    """One match of a step, or one table of it."""
    row, column = slice(match, match + 1), slice(table, None if table is None else table + 1)
    cooperation, mutual = (
        None if value is None else value[row, :, column] for value in (step.cooperation, step.mutual)
    )
    return Step(
        step.action[row, :, column],
        step.reward[row, :, column],
        None if step.seen is None else step.seen[row, :, :, column],
        cooperation,
        mutual,
        {name: value[row, :, column] for name, value in step.measures.items()},
        None if step.decided is None else step.decided[row, :, column],
        {name: value[row, column] for name, value in step.public.items()},
        None if step.chosen is None else step.chosen[row, :, column],
    )


def _same(one: object, other: object) -> bool:
    """Whether two structures hold the same bits."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, State | Step):
        return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(_same(a, b) for a, b in zip(one, other, strict=True))
        )
    return one == other
