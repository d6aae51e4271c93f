"""What the gridworlds share: maps from text, moves that may collide, beams, and what a player sees of the map.

A map is padded on all sides and flattened, so a cell is one number, a step adds a number to it, and beams and
windows need no bounds checks. In this module players are [match, table, seat], and headings 0 to 3 are north,
east, south and west. Nothing loops over matches, tables or players.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from .chance import Chance, Purpose, derive
from .environment import Step
from .variants import VariedEnvironment

STAY, FORWARD, BACKWARD, LEFT, RIGHT, TURN_LEFT, TURN_RIGHT, FIRE, FIRE_TWO = range(9)
"""Actions, relative to the heading; a game has the first few of them."""
_STEPS = {FORWARD: 0, RIGHT: 1, BACKWARD: 2, LEFT: 3}
_TURNS = {TURN_RIGHT: 1, TURN_LEFT: 3}
ACTIONS = 9

WALL, LAYERS = 16, (32, 64, 128)
"""Bits of a cell's code: the lowest four mark a player, by heading; three are the game's own."""

Ray = tuple[tuple[int, int], ...]
"""Cells that a beam passes one after the other: (to the right, ahead)."""
Colour = tuple[int, int, int]
GROUND: Colour = (222, 214, 196)
STONE: Colour = (96, 96, 104)
PLAYERS: tuple[Colour, ...] = (
    (214, 39, 40), (31, 119, 180), (255, 190, 11), (148, 103, 189), (23, 190, 207), (227, 119, 194), (20, 20, 20),
    (255, 255, 255), (140, 86, 75), (255, 127, 14),
)  # fmt: skip


class Gridworld(VariedEnvironment):
    """A game whose players walk on a map, each in a colour of `PLAYERS`; it may have variants."""

    def colour_of(self, seat: int) -> Colour:
        return PLAYERS[seat % len(PLAYERS)]


@dataclass(frozen=True, slots=True)
class View:
    """What a player sees: a window that turns with the player."""

    ahead: int
    behind: int
    sides: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.ahead + self.behind + 1, 2 * self.sides + 1

    @property
    def own(self) -> int:
        """The index of the player itself in the flattened window."""
        return self.ahead * (2 * self.sides + 1) + self.sides


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A map and the tensors derived from it; nothing here changes during play."""

    pad: int
    stride: int
    """The width of a row with its padding."""
    letters: str
    """The map, padded and flattened; `#` are walls, and all around are more of them."""
    walls: Tensor
    """Bool [cell]."""
    code: Tensor
    """The constant part of each cell's code, uint8 [cell]."""
    step: Tensor
    """By how much an action changes the cell, int64 [heading * action]."""
    turn: Tensor
    """By how much an action changes the heading, int64 [action]."""

    @property
    def cells(self) -> int:
        return len(self.letters)

    @property
    def nowhere(self) -> int:
        """The cell of players that are away: beyond the map, where no beam or window reaches past it."""
        return (self.pad - 1) * (self.stride + 1)


def map_error(layout: str, letters: str, needed: Mapping[str, int]) -> str | None:
    """What is wrong with a map, or None. It may hold `letters`, and at least as many of each as `needed` says."""
    rows = layout.splitlines()
    if not rows or len({len(row) for row in rows}) > 1:
        return f"all rows must be equally long, found {sorted({len(row) for row in rows})}"
    if unknown := sorted(set("".join(rows)) - set(letters)):
        return f"it may hold {letters!r}, found {''.join(unknown)!r}"
    few = [f"{count} {letter!r}, found {layout.count(letter)}" for letter, count in needed.items()
           if layout.count(letter) < count]  # fmt: skip
    return f"it needs at least {' and '.join(few)}" if few else None


@lru_cache(maxsize=64)
def board(layout: str, reach: int, device: torch.device) -> Board:
    """The board of a map, on which beams and windows reach up to `reach` cells."""
    rows = layout.splitlines()
    pad = reach + 1
    stride = len(rows[0]) + 2 * pad
    beyond = "#" * stride * pad
    letters = beyond + "".join(f"{'#' * pad}{row}{'#' * pad}" for row in rows) + beyond
    ahead = (-stride, 1, stride, -1)
    with torch.inference_mode(False):  # cached tensors must also serve learners
        walls = torch.tensor([letter == "#" for letter in letters], device=device)
        step = [
            ahead[(heading + _STEPS[action]) % 4] if action in _STEPS else 0
            for heading in range(4)
            for action in range(ACTIONS)
        ]
        turn = [_TURNS.get(action, 0) for action in range(ACTIONS)]
        return Board(
            pad,
            stride,
            letters,
            walls,
            walls.to(torch.uint8) * WALL,
            torch.tensor(step, device=device),
            torch.tensor(turn, device=device),
        )


@lru_cache(maxsize=256)
def sites(board: Board, letters: str) -> Tensor:
    """The cells that hold one of `letters`, int64 [site], row by row."""
    with torch.inference_mode(False):
        return torch.tensor(
            [cell for cell, letter in enumerate(board.letters) if letter in letters],
            dtype=torch.int64,
            device=board.code.device,
        )


@lru_cache(maxsize=256)
def site_numbers(board: Board, letters: str) -> Tensor:
    """The number of each cell among the sites of `letters`, int64 [cell]; the number of sites elsewhere."""
    with torch.inference_mode(False):
        found = sites(board, letters)
        number = torch.full((board.cells,), len(found), device=found.device)
        number[found] = torch.arange(len(found), device=found.device)
        return number


def take_rows(table: Tensor, index: Tensor) -> Tensor:
    """table[index], three times faster than with brackets."""
    return table.index_select(0, index.reshape(-1)).view(*index.shape, *table.shape[1:])


def draws(chance: Chance, count: int, purpose: Purpose, episode: int, round: int) -> Tensor:
    """`count` independent draws at each table, uniform int64 [match, table, count] from -2**31 to 2**31 - 1."""
    parts = torch.arange(-(-count // 2), device=chance.keys.device)
    bits = Chance(derive(chance.keys[..., None], parts)).bits(purpose, episode, round)
    return torch.cat((bits >> 32, (bits << 32) >> 32), -1)[..., :count]


def resolve_moves(
    board: Board,
    cell: Tensor,
    heading: Tensor,
    action: Tensor,
    priority: Tensor,
    walls: Tensor | None = None,
    swaps: bool = False,
) -> Tensor:
    """Where players stand after all have moved at once [match, table, seat].

    `walls` are bool [match, table, cell] where tables differ in them; by default they are the board's.

    A player that stays keeps its cell. A cell that is left may be entered in the same round, also around a
    circle, but two players can change places only where `swaps` are allowed. If several want a cell, the one with
    the highest `priority` gets it.
    """
    target = cell + take_rows(board.step, heading * ACTIONS + action)
    blocked = take_rows(board.walls, target) if walls is None else walls.gather(-1, target)
    target = torch.where(blocked, cell, target)
    moving = target != cell
    rivals = (target[..., None] == target[..., None, :]) & (priority[..., None, :] > priority[..., None])
    enters = (target[..., None] == cell[..., None, :]) & moving[..., None]  # [mover, player that it would follow]
    stuck = rivals & moving[..., None, :]
    stuck = (stuck if swaps else stuck | enters & enters.mT).any(-1)
    goes = moving & ~stuck
    itself = torch.arange(cell.shape[-1], device=cell.device)
    follows = torch.where(enters.any(-1), enters.to(torch.uint8).argmax(-1), itself)
    # A follower moves only if all before it do; each pass looks twice as far ahead.
    for _ in range((cell.shape[-1] - 1).bit_length()):
        goes = goes & goes.gather(-1, follows)
        follows = follows.gather(-1, follows)
    return torch.where(goes, target, cell)


def as_headings(draw: Tensor) -> Tensor:
    """Random draws as headings, 0 to 3."""
    return draw + 2**31 >> 30


def priorities(draw: Tensor) -> Tensor:
    """Random draws [..., seat] as priorities; no two are equal."""
    return draw * draw.shape[-1] + torch.arange(draw.shape[-1], device=draw.device)


def assign_places(free: Tensor, draw: Tensor, coming: Tensor) -> Tensor:
    """A random place [..., seat] for each player that is `coming`, all different, of the `free` [..., place].

    `draw` is [..., place]. There must be at least as many free places as players that come.
    """
    order = torch.where(free, draw, 2**40).argsort(-1)
    return order.gather(-1, (coming.cumsum(-1) - 1).clamp_(min=0))


def parallel_rays(length: int, radius: int) -> tuple[Ray, ...]:
    """The rays of a beam: the middle one `length` cells long, and `radius` more to each side.

    Those at the sides start beside the player, and end one cell earlier for each cell to the side.
    """
    middle = tuple((0, ahead) for ahead in range(1, length + 1))
    aside = [(side, length - abs(side) + 1) for side in range(-radius, radius + 1) if side]
    return (middle, *(tuple((side, ahead) for ahead in range(count)) for side, count in aside if count > 0))


@lru_cache(maxsize=256)
def _rays(board: Board, rays: tuple[Ray, ...]) -> tuple[Tensor, Tensor]:
    """Offsets of the cells int64 [heading, ray, cell], and whether a ray has that cell, bool [ray, cell]."""
    longest = max(map(len, rays))
    padded = [[*ray, *[(0, 0)] * (longest - len(ray))] for ray in rays]
    exist = [[index < len(ray) for index in range(longest)] for ray in rays]
    device = board.code.device
    with torch.inference_mode(False):
        return _offsets(board, torch.tensor(padded, device=device)), torch.tensor(exist, device=device)


def _offsets(board: Board, ahead: Tensor) -> Tensor:
    """Cells (to the right, ahead) [..., 2] as offsets in the flattened map [heading, ...]."""
    right, forward = ahead.unbind(-1)
    north = right - forward * board.stride
    east = forward + right * board.stride
    return torch.stack((north, east, -north, -east))


@dataclass(frozen=True, slots=True)
class Beam:
    """The cells that players' beams could pass [match, table, seat, ray, part]."""

    cells: Tensor
    """int64."""
    passing: Tensor
    """Whether each lets a beam pass: there are shorter rays, and walls."""


def beam(board: Board, cell: Tensor, heading: Tensor, rays: tuple[Ray, ...]) -> Beam:
    """Where beams of `rays` would go."""
    offsets, exist = _rays(board, rays)
    cells = cell[..., None, None] + take_rows(offsets, heading)
    return Beam(cells, exist & ~take_rows(board.walls, cells))


def targets_hit(beam: Beam, fired: Tensor, targets: Tensor) -> Tensor:
    """The targets that are hit, bool [match, table, seat, ray, part]; rays stop at the first target and at walls.

    `targets` has the same shape; `fired` is bool [match, table, seat].
    """
    strikes = torch.zeros_like(targets)
    lit = fired[..., None]
    for part in range(targets.shape[-1]):  # along the few cells of a ray
        lit = lit & beam.passing[..., part]
        strikes[..., part] = lit & targets[..., part]
        lit = lit & ~targets[..., part]
    return strikes


def players_hit(board: Board, cell: Tensor, beam: Beam, fired: Tensor) -> Tensor:
    """The players hit by each part of a player's beam, int64 [match, table, seat, part]: 1 + seat, or 0."""
    seat = torch.arange(1, cell.shape[-1] + 1, dtype=torch.uint8, device=cell.device).expand(cell.shape)
    occupant = seat.new_zeros((*cell.shape[:2], board.cells)).scatter_(-1, cell, seat)
    who = occupant.gather(-1, beam.cells.flatten(2)).view(beam.cells.shape)
    return (who * targets_hit(beam, fired, who != 0)).flatten(3).long()


def index_mask(indices: Tensor, count: int) -> Tensor:
    """Which of 0 .. count - 1 occur in `indices` [match, table, ...], bool [match, table, count].

    An index of `count` is ignored.
    """
    marks = torch.zeros((*indices.shape[:2], count + 1), dtype=torch.bool, device=indices.device)
    return marks.scatter_(-1, indices.flatten(2), True)[..., :count]


@lru_cache(maxsize=256)
def _window(board: Board, view: View) -> Tensor:
    """Offsets of the cells in a window, int32 [heading, part]."""
    ahead = range(view.ahead, -view.behind - 1, -1)
    cells = [(right, forward) for forward in ahead for right in range(-view.sides, view.sides + 1)]
    with torch.inference_mode(False):
        return _offsets(board, torch.tensor(cells, device=board.code.device)).int()


@lru_cache(maxsize=64)
def _bits(layers: int, device: torch.device) -> Tensor:
    """The bit of a cell's code that each plane shows, uint8 [heading, plane, 1]; the first plane shows none."""
    with torch.inference_mode(False):
        facing = [[1 << (ahead + heading) % 4 for ahead in range(4)] for heading in range(4)]
        bits = [[0, *others, WALL, *LAYERS[:layers]] for others in facing]
        return torch.tensor(bits, dtype=torch.uint8, device=device)[..., None]


def planes(board: Board, view: View, layers: int, code: Tensor, cell: Tensor, heading: Tensor) -> Tensor:
    """What each player sees, uint8 [match, seat, table, plane, height, width] of zeros and ones.

    The planes are the player itself, others by heading (same as its own, to the right, opposite, to the left),
    walls, and the game's first `layers`. `code` is uint8 [match, table, cell]. Players that are away see
    nothing.
    """
    matches, tables, seats = cell.shape
    first = torch.arange(matches * tables, dtype=torch.int32, device=cell.device).view(matches, tables, 1)
    base = (first * board.cells + cell).int().transpose(1, 2).reshape(-1, 1)
    heading = heading.transpose(1, 2).reshape(-1)
    there = cell.transpose(1, 2).reshape(-1) != board.nowhere
    seen = code.reshape(-1).index_select(0, (_window(board, view).index_select(0, heading) + base).view(-1))
    seen = seen.view(len(heading), 1, -1) * there[:, None, None]
    shown = (seen & _bits(layers, cell.device).index_select(0, heading)).clamp_(max=1)
    shown[:, 0, view.own] = there
    shown[:, 1:5, view.own] = 0
    return shown.view(matches, seats, tables, -1, *view.shape)


def add_players(code: Tensor, board: Board, cell: Tensor, heading: Tensor) -> Tensor:
    """Mark the players in `code`, in place."""
    here = torch.where(cell != board.nowhere, 1 << heading, 0).to(torch.uint8)
    return code.scatter_add_(-1, cell, here)


def picture(board: Board, code: Tensor, colours: Sequence[Colour], cell: Tensor) -> Tensor:
    """One table as an image, uint8 [height, width, 3]: the layers of `code` [cell] in `colours`, then players."""
    image = torch.tensor(GROUND, dtype=torch.uint8).repeat(board.cells, 1)
    code = code.cpu()
    for bit, colour in zip((WALL, *LAYERS), (STONE, *colours), strict=False):
        image[(code & bit) != 0] = torch.tensor(colour, dtype=torch.uint8)
    for seat, where in enumerate(cell.tolist()):
        image[where] = torch.tensor(PLAYERS[seat % len(PLAYERS)], dtype=torch.uint8)
    inside = slice(board.pad, -board.pad)
    return image.view(-1, board.stride, 3)[inside, inside]


def as_step(executed: Tensor, reward: Tensor, cooperation: Tensor | None, measures: Mapping[str, Tensor]) -> Step:
    """A Step; `executed` is [match, seat, table], the other tensors are still [match, table, seat]."""
    return Step(
        executed,
        reward.transpose(1, 2),
        cooperation=None if cooperation is None else cooperation.transpose(1, 2),
        measures={name: value.transpose(1, 2) for name, value in measures.items()},
    )
