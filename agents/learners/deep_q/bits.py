"""Views of zeros and ones as whole numbers, 62 of them in one: a replay memory then takes an eighth or less."""

from __future__ import annotations

import torch
from torch import Tensor

WORD = 62
"""Bits that are kept in an int64."""


def words_of(size: int) -> int:
    """The words that so many bits take."""
    return -(-size // WORD)


def packed(bits: Tensor) -> Tensor:
    """Bits [..., bit] as int64 [..., word]."""
    parts = torch.split(bits.long(), WORD, -1)
    return torch.stack([(part << torch.arange(part.shape[-1], device=bits.device)).sum(-1) for part in parts], -1)


def unpacked(words: Tensor, size: int) -> Tensor:
    """The `size` bits of words [..., word], float32 [..., bit]."""
    parts = [
        (words[..., start // WORD, None] >> torch.arange(min(WORD, size - start), device=words.device)) & 1
        for start in range(0, size, WORD)
    ]
    return torch.cat(parts, -1).float()
