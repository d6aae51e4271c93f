"""Published settings: what a named variant sets, where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Variant: TypeAlias = Literal[
    "none",
    "reputation",
    "dp",
    "dp_s",
    "tpp",
    "tpp_s",
    "tpp_dp",
    "tpp_dp_s",
    "partner_selection_2020",
    "reputation_2021",
]

_CHOSEN = {"partners": "chosen", "selection_shows": ("reputations",)}
_DIRECT = {"punishment": "direct", "reputation": "both", "play_shows": ("moves",)}
_THIRD = {"punishment": "third_party", "reputation": "both", "play_shows": ("moves", "reputations")}
_BOTH = {**_THIRD, "punishment": "both"}
_NONE = {"punishment": "none"}

VARIANTS: Mapping[Variant, Mapping[str, object]] = {
    "none": {**_NONE, "reputation": "none", "play_shows": ("moves",)},
    "reputation": {**_NONE, "reputation": "play", "play_shows": ("moves", "reputations")},
    "dp": _DIRECT,
    "dp_s": {**_DIRECT, **_CHOSEN},
    "tpp": _THIRD,
    "tpp_s": {**_THIRD, **_CHOSEN},
    "tpp_dp": _BOTH,
    "tpp_dp_s": {**_BOTH, **_CHOSEN},
    "partner_selection_2020": {
        **_NONE,
        "population": 20,
        "partners": "chosen",
        "rounds": 1,
        "reputation": "none",
        "selection_shows": ("moves",),
        "play_shows": ("last_moves",),
    },
    "reputation_2021": {
        **_NONE,
        "population": 20,
        "rounds": 1,
        "reputation": "assigned",
        "play_shows": ("reputations",),
    },
}
"""The eight of Dasgupta and Musolesi 2025 (punishment direct, by third parties, or both, each also with the choice
of a partner, "_s"); Anastassacos, Hailes and Musolesi 2020; Anastassacos, García, Hailes and Musolesi 2021."""
