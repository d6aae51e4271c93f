"""Chance: every random number has an address, and is a pure function of it.

A draw is `hash(key + address)`. The key belongs to one (match, seat or environment, table), the address to one
(purpose, episode, round). So a draw does not depend on which other matches are in the chunk, on the number of
workers, on earlier draws, or on the device. The hash is splitmix-like (Steele, Lea and Flood 2014, "Fast
splittable pseudorandom number generators") on int64 tensors, where multiplication wraps.

This hash is fast, but it can be inverted. So a chair or an environment gets a key that is derived from the
match's key by a hash that can't be inverted (`sealed`). With it, one can compute one's own draws and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

_MASK = 2**64 - 1
_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_HALF = 2**31
_SIPHASH = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


class Purpose(IntEnum):
    """What a draw is for: draws for different purposes are independent. Members are only ever added."""

    ACTION = 1
    NOISE = 2
    MISPERCEPTION = 3
    END = 4
    SEATS = 5
    START = 6
    SPAWN = 7
    MINIBATCH = 8
    IMAGINATION = 9
    PARAMETERS = 10
    MEMORY = 11
    GENERATOR = 12
    SELECTION = 13
    TREMBLE = 14


def _signed(number: int) -> int:
    """The int64 with the same 64 bits as `number`."""
    number &= _MASK
    return number - 2**64 if number >= 2**63 else number


def mix(number: int) -> int:
    """Splitmix64's finaliser: a bijection of 64-bit integers whose output looks random."""
    number &= _MASK
    for multiplier, shift in zip(_MULTIPLIERS, (30, 27), strict=True):
        number = ((number ^ (number >> shift)) * multiplier) & _MASK
    return number ^ (number >> 31)


def mix_tensor(numbers: Tensor) -> Tensor:
    """`mix` of every element of an int64 tensor, bit for bit."""
    for multiplier, shift in zip(_MULTIPLIERS, (30, 27), strict=True):
        numbers = (numbers ^ _shift_right(numbers, shift)) * _signed(multiplier)
    return numbers ^ _shift_right(numbers, 31)


def _shift_right(numbers: Tensor, bits: int) -> Tensor:
    return torch.bitwise_and(numbers >> bits, 2 ** (64 - bits) - 1)  # torch shifts int64 arithmetically


def derive(keys: Tensor, index: int | Tensor) -> Tensor:
    """Keys of the parts `index` (a table, a repetition) of what `keys` belong to; they broadcast.

    Each can be computed from the other. Where that must not be possible, use `sealed`.
    """
    step = (index + 1) * _signed(_GAMMA) if isinstance(index, Tensor) else _signed((index + 1) * _GAMMA)
    return mix_tensor(keys + step)


def siphash(first: Tensor, second: Tensor, message: Tensor) -> Tensor:
    """SipHash-2-4 of the four bytes of `message` (0 to 2**32 - 1) under the 128-bit key (first, second).

    int64 tensors that broadcast, with the bits of unsigned numbers. Without the key, the output can't be told
    from random numbers. Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF".
    """
    block = message | (4 << 56)  # their count is in the top byte
    nothing = torch.zeros_like(first ^ second ^ block)
    a, b, c, d = (nothing ^ half ^ constant for half, constant in zip((first, second) * 2, _SIPHASH, strict=True))
    d ^= block
    spare = torch.empty_like(d)
    for turn in range(6):
        if turn == 2:
            a ^= block
            c ^= 0xFF
        for x, y, bits in ((a, b, 13), (c, d, 16)):
            x += y
            _rotate(y, bits, spare).bitwise_xor_(x)
        _rotate(a, 32, spare)
        for x, y, bits in ((c, b, 17), (a, d, 21)):
            x += y
            _rotate(y, bits, spare).bitwise_xor_(x)
        _rotate(c, 32, spare)
    return a ^ b ^ c ^ d


def _rotate(numbers: Tensor, bits: int, spare: Tensor) -> Tensor:
    """`numbers` with their bits rotated left in place."""
    torch.bitwise_right_shift(numbers, 64 - bits, out=spare)
    spare &= 2**bits - 1  # the shift is arithmetic
    numbers <<= bits
    numbers |= spare
    return numbers


def sealed(keys: Tensor, part: int | Tensor) -> Tensor:
    """Keys of the parts of what `keys` belong to: 0 is the environment, seat + 1 a chair; they broadcast.

    From one of them, neither `keys` nor the key of another part can be found, short of trying every key.
    """
    return siphash(keys, mix_tensor(keys), torch.as_tensor(part, device=keys.device))


@dataclass(frozen=True, slots=True)
class Chance:
    """The random numbers of some rows (chairs, or matches) at their tables.

    `keys` is int64 [row, table]. Every draw has that shape and is addressed by purpose, episode and round.
    """

    keys: Tensor

    @staticmethod
    def at_tables(keys: Tensor, tables: int) -> Chance:
        """Chance of rows with `keys` [row], at `tables` tables each."""
        return Chance(derive(keys[:, None], torch.arange(tables, device=keys.device)))

    def part(self, index: int) -> Chance:
        """An independent stream for part `index` (a seat, say) of every row."""
        return Chance(derive(self.keys, index))

    def parts(self, count: int) -> Chance:
        """The streams of parts 0 .. count - 1 of every row, at once: draws are [row, part, table]."""
        return Chance(derive(self.keys[:, None], torch.arange(count, device=self.keys.device)[:, None]))

    def bits(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        """64 random bits [row, table] as int64. Use halves, or the high end: the lowest bits are weak."""
        return _hashed(self.keys + _address(purpose, episode, round))

    def integers(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        """Uniform int64 [row, table] from -2**31 to 2**31 - 1: compare them with `threshold(p)`."""
        hashed = self.bits(purpose, episode, round)
        hashed >>= 32
        return hashed

    def pair(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        """`integers` twice for every row [row, 2, table]: the two halves of one hash."""
        return _halves(self.bits(purpose, episode, round), 1)

    def pairs(self, purpose: Purpose, episode: int, rounds: range) -> Tensor:
        """`pair` of many rounds, at the cost of a few for small tensors [2, round, row, table]."""
        addresses = torch.tensor([_address(purpose, episode, round) for round in rounds], device=self.keys.device)
        return _halves(_hashed(self.keys + addresses[:, None, None]), 0)

    def uniform(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        """Uniform float64 [row, table] in [0, 1), in steps of 2**-32."""
        return (self.integers(purpose, episode, round) + _HALF).to(torch.float64) * 2.0**-32

    def normal(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        """Standard normal deviates, float64 [row, table]."""
        normal: Tensor = torch.special.ndtri(self.uniform(purpose, episode, round) + 2.0**-33)
        return normal

    def happens(self, probability: float | Tensor, purpose: Purpose, episode: int, round: int) -> Tensor:
        """Bool [row, table], true with `probability` (which broadcasts); 0 never happens, 1 always."""
        return self.integers(purpose, episode, round) < threshold(probability)


def _address(purpose: Purpose, episode: int, round: int) -> int:
    return _signed(mix(mix(mix(purpose) + episode) + round))


def _hashed(numbers: Tensor) -> Tensor:
    """Hashes of fresh numbers, in place.

    Keys are themselves hashes, so one multiply-xorshift-multiply is enough. The arithmetic shift loses one bit of
    64 and saves two passes over memory.
    """
    numbers *= _signed(_MULTIPLIERS[0])
    numbers ^= numbers >> 32
    numbers *= _signed(_MULTIPLIERS[1])
    return numbers


def _halves(bits: Tensor, dim: int) -> Tensor:
    """The two halves of 64 bits as numbers with a sign, along a new dimension."""
    return torch.stack((bits >> 32, (bits << 32) >> 32), dim)


def threshold(probability: float | Tensor) -> int | Tensor:
    """The bound below which `Chance.integers` falls with `probability`, to the nearest 2**-32."""
    if isinstance(probability, Tensor):
        return (probability.to(torch.float64) * 2.0**32).round().to(torch.int64) - _HALF
    return round(probability * 2**32) - _HALF
