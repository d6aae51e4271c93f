"""Replays of stored matches: the moves as text, or the board as an animated GIF or a strip of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

import pandas as pd
from torch import Tensor

from .envs.environment import Discrete, Environment, SelectiveMove
from .envs.errors import DilemmaError
from .envs.joint_action import Form, forms
from .pictures import PANELS, Frame, Line, animation, evenly, short_label, strip
from .tournament.config import load
from .tournament.how import HOW
from .tournament.plan import Plan
from .tournament.replaying import EpisodeRecord, MatchSpec, key_of, match_spec, replay
from .tournament.run_folder import RunFolder

WIDTH = 100
"""Moves in a line of text."""
MANY = 12
"""With more seats, pictures name agents only."""


def replayed(
    store: RunFolder, match: str, environment: str | None = None, table: int = 0, episode: int | None = None
) -> tuple[EpisodeRecord, list[float]]:
    """One table of a match of a run, played again, and the stored payoffs of its seats.

    `match` is its key in the seats table, or LABEL:LABEL[:REPETITION]. Raises DilemmaError if there is none.
    """
    store.check_schema()
    plan = load(str(store.config_path))
    seats = store.seats()
    number = _number(match)
    if number is not None:
        rows = seats[seats["match"] == number]
        if rows.empty:
            raise DilemmaError(f"{store.path} has no match {number}; its seats table has a column `match`")
        spec = match_spec(plan, rows)
    else:
        spec = _named(plan, seats, match, environment)
    record = replay(plan, spec, table, episode)
    rows = seats[seats["match"].isin([record.match, key_of(plan, replace(spec, repetition=-1))])]
    if rows.empty:
        raise DilemmaError(f"{store.path} has no rows of match {record.match}: it failed, or is yet to be played")
    return record, rows.sort_values("seat")["payoff"].tolist()


def replay_gif(store: RunFolder, match: str) -> bytes:
    """An animated GIF of a match of a run at table 0, in its last episode. Raises DilemmaError without a board."""
    return gif(replayed(store, match)[0])


def _number(match: str) -> int | None:
    try:
        return int(match)
    except ValueError:
        return None


def _named(plan: Plan, seats: pd.DataFrame, match: str, environment: str | None) -> MatchSpec:
    """The match LABEL:LABEL[:REPETITION] of the seats table."""
    settings = [setting.label for setting in plan.settings]
    index = settings.index(chosen_environment(settings, environment))
    labels = [entrant.label for entrant in plan.entrants]
    before, _, last = match.rpartition(":")
    repetition, names = (int(last), before) if last.isdecimal() and _cast(before, labels) else (0, match)
    members = _cast(names, labels)
    if members is None:
        raise DilemmaError(
            f"{match!r} is no match; allowed: its key, or LABEL:LABEL[:REPETITION] of {', '.join(labels)}"
        )
    rows = seats[seats["environment"] == settings[index]]
    known, there = rows["repetition"].unique().tolist(), set(rows["match"].tolist())
    if len(members) == 2:
        members = (members[0],) + (members[1],) * (plan.settings[index].game.seats - 1)
    how = HOW[plan.ways(index)[list(members)].max()]
    for cast in dict.fromkeys((members, members[::-1], *_sorted(members))):
        spec = MatchSpec(index, cast, repetition, how)
        found = [number for number in known if key_of(plan, replace(spec, repetition=number)) in there]
        if found and how != "exact" and repetition not in found:
            raise DilemmaError(f"there is no repetition {repetition}; allowed: {min(found)} to {max(found)}")
        if found:
            return spec
    wanted = [labels[i] for i in members]
    # By shares, they may meet in any numbers.
    for _, played in rows[rows["repetition"] == repetition].groupby("match"):
        if set(played["agent"]) == set(wanted):
            return match_spec(plan, played)
    named = wanted if len(wanted) == 2 else dict.fromkeys(wanted)
    raise DilemmaError(
        f"{settings[index]} has no match of {' and '.join(named)}: they don't meet, or it failed, or is yet to be "
        "played"
    )


def chosen_environment(labels: Sequence[str], wanted: str | None) -> str:
    """The one of these environments that is wanted, or the only one."""
    if wanted is None and len(labels) > 1:
        raise DilemmaError(f"there are {len(labels)} environments: choose one with --env, {', '.join(labels)}")
    if wanted is not None and wanted not in labels:
        raise DilemmaError(f"--env: there is no environment {wanted!r}; there is {', '.join(labels)}")
    return wanted or labels[0]


def _sorted(members: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Cells with two agents have all seats of one before those of the other."""
    for order in permutations(sorted(set(members))):
        yield tuple(sorted(members, key=order.index))


def _cast(text: str, labels: Sequence[str]) -> tuple[int, ...] | None:
    """LABEL:LABEL... as agents; labels may hold colons themselves."""
    for index, label in enumerate(labels):
        if text == label:
            return (index,)
        if text.startswith(f"{label}:"):
            rest = _cast(text[len(label) + 1 :], labels)
            if rest is not None:
                return (index, *rest)
    return None


def encoded(record: EpisodeRecord, suffix: str) -> bytes:
    """The content of a file: an animation .gif, a strip .svg, or the moves .txt."""
    return gif(record) if suffix == ".gif" else (svg(record) if suffix == ".svg" else text(record)).encode()


# Text.


def text(record: EpisodeRecord) -> str:
    """The moves of every seat, and its payoff per round."""
    game = record.setting.game
    place = f"match {record.match}, repetition {record.repetition}, table {record.table}, episode {record.episode}"
    lines = [f"{' against '.join(dict.fromkeys(record.labels))} in {record.setting.label}: {place}"]
    width = max(map(len, record.labels))
    letters = _letters(game)
    if letters is None:
        lines += _round_by_round(record)
    else:
        moves = [_moves(record, seat, letters) for seat in range(game.seats)]
        for start in range(0, len(moves[0]), WIDTH):
            if len(moves[0]) > WIDTH:
                lines.append(f"from round {start + 1}")
            for label, own in zip(record.labels, moves, strict=True):
                lines.append(f"{label:{width}}  {own[start : start + WIDTH]}")
    paid = zip(record.labels, record.per_round, strict=True)
    lines.append("per round: " + ", ".join(f"{label} {payoff:.6g}" for label, payoff in paid))
    return "\n".join(lines) + "\n"


def _letters(game: Environment) -> str | None:
    """A letter for each action; None if there are too many. Small letters refuse a neighbour."""
    spaces = [game.actions(seat) for seat in range(game.seats)]
    if all(isinstance(space, SelectiveMove) and space.moves == 2 for space in spaces):
        return "CDcd"
    most = max(space.n if isinstance(space, Discrete) else math.inf for space in spaces)
    return None if most > 10 else "CD" if most == 2 else "0123456789"


def _moves(record: EpisodeRecord, seat: int, letters: str) -> str:
    """The actions of a seat, round by round; a dot if it took no part."""
    took = zip(record.action[:, seat].tolist(), record.playing[:, seat].tolist(), strict=True)
    selects = isinstance(record.setting.game.actions(seat), SelectiveMove)
    shown = ((action % 2 + 2 * (action > 1) if selects else action, played) for action, played in took)
    return "".join(letters[action] if played else "." for action, played in shown)


def _round_by_round(record: EpisodeRecord) -> Iterator[str]:
    for round, (actions, rewards) in enumerate(zip(record.action, record.reward, strict=True), 1):
        done = [
            f"{label} {action} ({reward:.4g})"
            for label, action, reward in zip(
                record.labels, _numbers(record, actions), rewards.tolist(), strict=True
            )
        ]
        yield f"{round}  {'  '.join(done)}"


def _numbers(record: EpisodeRecord, actions: Tensor) -> Iterator[str]:
    """What each seat did in a round, of a joint action [seat, ...]."""
    every = forms(record.setting.game)
    joint = Form.joint(every)
    for form, action in zip(every, actions, strict=True):
        yield " ".join(f"{number:.4g}" for number in form.unpacked(action, joint).flatten().tolist())


# Pictures.


def gif(record: EpisodeRecord) -> bytes:
    """The board after every round, with actions and rewards of all seats. Raises DilemmaError without a board."""
    _drawable(record)
    return animation([_frame(record, round, _done(record, round)) for round in range(len(record.pictures))])


def svg(record: EpisodeRecord, panels: int = PANELS) -> str:
    """The board at the start, at the end and at evenly spaced rounds, side by side, with total rewards."""
    _drawable(record)
    chosen = evenly(range(len(record.pictures)), panels)
    return strip([_frame(record, round, _so_far(record, round)) for round in chosen])


def _drawable(record: EpisodeRecord) -> None:
    if not record.pictures:
        raise DilemmaError(f"{record.setting.label} has no board to draw; its moves are text: leave out --out")


def _frame(record: EpisodeRecord, round: int, said: Sequence[str]) -> Frame:
    """The board after `round` rounds, with a title and a line for each seat."""
    title, *seats = said
    lines = [Line(text, record.setting.game.colour_of(seat)) for seat, text in enumerate(seats)]
    return Frame(record.pictures[round].numpy(), title, lines)


def _done(record: EpisodeRecord, round: int) -> list[str]:
    """What an animation says after `round` rounds: the round, and action, reward and total of each seat."""
    total = record.reward[:round].sum(0).tolist()
    if len(record.labels) > MANY:
        return [f"round {round} of {len(record.reward)}" if round else "start", *_by_agent(record, round)]
    if round == 0:
        return ["start", *(f"{label}" for label in record.labels)]
    actions, rewards = record.action[round - 1], record.reward[round - 1].tolist()
    seats = zip(record.labels, _numbers(record, actions), rewards, total, strict=True)
    did = [f"{label}: action {done}, reward {paid:g}, total {sum:g}" for label, done, paid, sum in seats]
    return [f"round {round} of {len(record.reward)}", *did]


def _so_far(record: EpisodeRecord, round: int) -> list[str]:
    """What a strip says, short enough for its width: the round, and the total of each seat."""
    title = f"after round {round} of {len(record.reward)}" if round else "at the start"
    if len(record.labels) > MANY:
        return [title, *_by_agent(record, round)]
    total = record.reward[:round].sum(0).tolist()
    has = [f"{short_label(label)} {sum:g}" for label, sum in zip(record.labels, total, strict=True)]
    return [title, *has]


def _by_agent(record: EpisodeRecord, round: int) -> Iterator[str]:
    """What each agent has earned so far, the mean over its seats."""
    total = record.reward[:round].sum(0)
    for label in dict.fromkeys(record.labels):
        seats = [seat for seat, each in enumerate(record.labels) if each == label]
        yield f"{short_label(label)} ({len(seats)}) {float(total[seats].mean()):.4g}"
