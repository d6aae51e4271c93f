"""How the payoff of a cast comes to be known."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Mode: TypeAlias = Literal["auto", "exact", "played"]
"""What a config asks for."""
How: TypeAlias = Literal["exact", "played", "learned"]
HOW: tuple[How, ...] = get_args(How)
