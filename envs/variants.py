"""Variants: settings of a game that others have published, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from .environment import Environment


class VariedEnvironment(Environment):
    """An environment whose field `variant` sets the defaults of the others; what is given beside it wins."""

    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """What each variant sets."""
    later: ClassVar[frozenset[str]] = frozenset()
    """Parameters that came when matches had been played already. They are not written down, and so change no
    identity, where they are as they were before they came; unless the variant would set them otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_variant(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(name := given.get("variant"), str):
            return {**cls.variants.get(name, {}), **given}
        return given

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        told = dict(written(self))
        fields = type(self).model_fields
        set_by_variant = self.variants.get(str(told.get("variant")), {})
        for name in self.later - set_by_variant.keys():
            if getattr(self, name) == fields[name].default:
                told.pop(name, None)
        return told
