"""How payoffs are evaluated: exactly, by play, or by play of learners."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Mode: TypeAlias = Literal["auto", "exact", "played"]
"""The mode that a config asks for."""
How: TypeAlias = Literal["exact", "played", "learned"]
HOW: tuple[How, ...] = get_args(How)
