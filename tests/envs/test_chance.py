"""Chance: the same address gives the same number, and numbers at different addresses look unrelated.

Statistical tests run on fixed keys, so they can't fail by bad luck; each bound is what independent numbers
exceed with the probability that stands beside it.
"""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dilemma.envs.chance import Chance, Purpose, derive, mix, mix_tensor, sealed, siphash, threshold

ERROR = 1e-4
BIGGEST = 2**63 - 1

KEYS = derive(torch.arange(1000), 7)
CHANCE = Chance.at_tables(KEYS, 8)


def signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@given(st.integers(-(2**63), BIGGEST))
def test_mix_on_tensors_is_mix(number):
    assert mix_tensor(torch.tensor([number])).tolist() == [signed(mix(number))]


def test_mix_is_splitmix64():
    # First outputs for seed 1234567 of the reference implementation (Vigna), whose state advances by gamma.
    gamma = 0x9E3779B97F4A7C15
    outputs = [mix(1234567 + gamma * turn) for turn in (1, 2, 3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(-(2**63), BIGGEST), st.integers(0, 2**40))
def test_derive_wraps_the_same_for_numbers_and_tensors(key, index):
    keys = torch.tensor([key])
    assert torch.equal(derive(keys, index), derive(keys, torch.tensor([index])))


def test_siphash_is_the_published_one():
    # Of the bytes 0 to 3 under the key 0 to 15, as in the authors' vectors; by hand: openssl mac SIPHASH.
    key, other, message = (
        torch.tensor([int.from_bytes(bytes(some), "little")]) for some in (range(8), range(8, 16), range(4))
    )
    found = siphash(key, other, message).item() % 2**64
    assert found.to_bytes(8, "little") == bytes.fromhex("b7877127e09427cf")


def test_sealed_keys_are_each_part_of_each_key():
    parts = sealed(KEYS[:, None], torch.arange(3))
    for part in range(3):
        assert torch.equal(parts[:, part], sealed(KEYS, part))
        assert torch.equal(parts[5:6, part], sealed(KEYS[5:6], torch.tensor([part])))


@pytest.mark.parametrize("size", [1, 3, 64, 1001])
def test_multiplication_wraps_in_vector_registers_and_out(size):
    numbers = torch.full((size,), BIGGEST) - torch.arange(size)
    assert mix_tensor(numbers).tolist() == [signed(mix(BIGGEST - index)) for index in range(size)]


@pytest.mark.parametrize("draw", [Chance.bits, Chance.integers, Chance.uniform, Chance.pair])
def test_a_draw_does_not_depend_on_who_else_is_there(draw):
    address = (Purpose.NOISE, 3, 14)
    everybody = draw(CHANCE, *address)
    assert torch.equal(everybody, draw(CHANCE, *address))
    some = torch.tensor([999, 5])
    assert torch.equal(everybody[some], draw(Chance.at_tables(KEYS[some], 8), *address))
    assert torch.equal(everybody[..., :3], draw(Chance.at_tables(KEYS, 3), *address))


def test_parts_are_each_part():
    parts = CHANCE.parts(3)
    for index in range(3):
        assert torch.equal(parts.keys[:, index], CHANCE.part(index).keys)


def test_no_two_addresses_share_a_number():
    addresses = itertools.product(Purpose, range(3), range(5))
    chances = [Chance(CHANCE.keys[:50]), CHANCE.part(0), CHANCE.part(1)]
    drawn = [c.bits(*address)[:50].flatten() for address in addresses for c in chances]
    drawn = torch.cat(drawn)
    assert len(drawn.unique()) == len(drawn)


def even(values: torch.Tensor, bins: int = 256) -> bool:
    """Chi-square of uniform numbers from -2**31."""
    counts = torch.bincount(((values.flatten() + 2**31) * bins) >> 32, minlength=bins)
    return bool(stats.chisquare(counts.numpy()).pvalue > ERROR)


def unrelated(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Correlation of values, and an 8x8 table of them against independence."""
    one, other = one.flatten(), other.flatten()
    correlation = torch.corrcoef(torch.stack((one, other)).double())[0, 1].item()
    table = torch.bincount(((one + 2**31) >> 29) * 8 + ((other + 2**31) >> 29), minlength=64)
    expected = len(one) / 64
    chi = ((table - expected) ** 2 / expected).sum().item()
    return abs(correlation) * len(one) ** 0.5 < stats.norm.isf(ERROR / 2) and chi < stats.chi2.isf(ERROR, 63)


@pytest.mark.parametrize("purpose", Purpose)
def test_numbers_are_uniform(purpose):
    high, low = CHANCE.pair(purpose, 0, 1).unbind(1)
    assert even(high)
    assert even(low)
    assert torch.equal(high, CHANCE.integers(purpose, 0, 1))
    for bit in range(32):
        ones = int(((low >> bit) & 1).sum())
        assert stats.binomtest(ones, low.numel()).pvalue > ERROR / 32


def test_numbers_are_uniform_over_the_rounds_of_one_row():
    one = Chance(CHANCE.keys[:1, :1])
    drawn = torch.stack([one.pair(Purpose.ACTION, 0, round) for round in range(8000)])
    for half in drawn.unbind(2):
        assert even(half)
        assert unrelated(half[1:], half[:-1])
        assert unrelated(half[2:], half[:-2])


NOISE = CHANCE.integers(Purpose.NOISE, 0, 1)
OTHERS = {
    "next round": CHANCE.integers(Purpose.NOISE, 0, 2),
    "next episode": CHANCE.integers(Purpose.NOISE, 1, 1),
    "next purpose": CHANCE.integers(Purpose.MISPERCEPTION, 0, 1),
    "episode and round swapped": CHANCE.integers(Purpose.NOISE, 1, 0),
    "next row": NOISE.roll(1, 0),
    "next table": NOISE.roll(1, 1),
    "first part": CHANCE.part(0).integers(Purpose.NOISE, 0, 1),
    "another seat": Chance.at_tables(sealed(KEYS, 1), 8).integers(Purpose.NOISE, 0, 1),
    "low half": CHANCE.pair(Purpose.NOISE, 0, 1)[:, 1],
    "low half of the next round": CHANCE.pair(Purpose.NOISE, 0, 2)[:, 1],
    "rows with consecutive keys": Chance.at_tables(derive(torch.arange(1000) + 1, 7), 8).integers(
        Purpose.NOISE, 0, 2
    ),
}


@pytest.mark.parametrize("which", OTHERS)
def test_neighbours_are_unrelated(which):
    assert unrelated(NOISE, OTHERS[which])


@pytest.mark.parametrize("keys", [torch.arange(8000), KEYS, KEYS ^ 1, -torch.arange(8000)])
def test_sealed_keys_are_uniform_and_unrelated(keys):
    parts = sealed(keys[:, None], torch.arange(3))
    halves = [half for part in (*parts.unbind(1), keys) for half in (part >> 32, (part << 32) >> 32)]
    assert all(even(half, 64) for half in halves[:6])
    for one, other in itertools.combinations(halves[:6], 2):
        assert unrelated(one, other)
    for half in halves[:6]:
        assert unrelated(half[1:], half[:-1])
    if len(keys) < 8000:  # numbers in order are no random ones themselves
        assert all(unrelated(half, own) for half in halves[:6] for own in halves[6:])


def test_each_bit_of_a_key_and_of_a_part_changes_half_of_the_bits():
    seals = sealed(KEYS, 1)
    flips = [sealed(KEYS ^ (1 << bit if bit < 63 else -(2**63)), 1) for bit in range(64)]
    flips += [sealed(KEYS, 1 ^ (1 << bit)) for bit in range(32)]
    for flipped in flips:
        ones = sum(int(((seals ^ flipped) >> bit & 1).sum()) for bit in range(64))
        assert stats.binomtest(ones, 64 * len(KEYS)).pvalue > ERROR / len(flips)


def test_seats_and_the_environment_are_unrelated():
    parts = CHANCE.parts(4).integers(Purpose.ACTION, 0, 0).unbind(1)
    for one, other in itertools.combinations(parts, 2):
        assert unrelated(one, other)


@pytest.mark.parametrize("bit", [0, 1, 31, 32, 40, 46])
def test_keys_that_differ_in_one_bit_are_unrelated(bit):
    # Beyond 2**47 draws are related. Keys and addresses are hashes: a pair of them differs by such a multiple
    # once in 2**47.
    flipped = Chance(CHANCE.keys + (1 << bit))
    pairs = [chance.pair(Purpose.NOISE, 0, 1).unbind(1) for chance in (CHANCE, flipped)]
    for one, other in zip(*pairs, strict=True):
        assert unrelated(one, other)


@pytest.mark.parametrize("probability", [0.001, 0.05, 0.5, 0.999])
def test_happens_as_often_as_it_should(probability):
    happens = CHANCE.happens(probability, Purpose.END, 0, 0)
    assert stats.binomtest(int(happens.sum()), happens.numel(), probability).pvalue > ERROR
    assert torch.equal(happens, CHANCE.happens(torch.tensor(probability).double(), Purpose.END, 0, 0))


def test_nought_never_happens_and_one_always_does():
    assert threshold(0.0) == -(2**31)  # nothing is below
    assert threshold(1.0) == 2**31  # everything is
    for probability, happens in ((0.0, False), (1.0, True)):
        assert (CHANCE.happens(probability, Purpose.END, 0, 0) == happens).all()
    extremes = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert torch.equal(threshold(extremes), torch.tensor([-(2**31), 2**31]))


def test_uniform_stays_below_one():
    drawn = CHANCE.uniform(Purpose.ACTION, 0, 0)
    assert drawn.dtype == torch.float64
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert stats.kstest(drawn.flatten().numpy(), "uniform").pvalue > ERROR


def test_draws_of_many_rounds_are_those_of_each():
    chance = Chance.at_tables(derive(torch.arange(3), 0), 2)
    many = chance.pairs(Purpose.ACTION, 4, range(5, 9))
    assert torch.equal(
        many, torch.stack([chance.pair(Purpose.ACTION, 4, at).movedim(1, 0) for at in range(5, 9)], 1)
    )
