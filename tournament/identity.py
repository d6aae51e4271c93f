"""Identity: a hash that identifies a match. Its rows are stored under it, and its random numbers follow from it.

A match is a repetition of a cast in an environment. Its identity is a hash of the canonical JSON of the
environment with its parameters, the agents by seat with their parameters and a clone index, the seed, and for
learners the length of learning (`casts.py`). Labels, jobs, chunks, paths and versions are not part of it. For code
outside this package the digest of the code and the name of the class are, but not its location.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 2
"""Version of the identity: it changes if old rows can no longer be matched with new ones.

1: chance of chairs could be traced back to the match's key. 2: it is sealed.
"""


class Known(BaseModel):
    """How a run identifies an agent or an environment, whatever its label."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    identity: str = Field(description="the key of its definition, in every table")
    clone: int = Field(0, ge=0, description="tells apart those that are defined alike")
    digest: str = Field("", description="of its code, if that is not ours; part of its definition")
    code: str = Field("", description="of its code now, where a change was accepted")


@dataclass(frozen=True)
class Definition:
    """An agent or an environment: its registered name or import path, and every parameter, as JSON."""

    name: str
    parameters: str
    clone: int = 0
    """Distinguishes equal agents of one tournament."""
    digest: str = ""
    """Digest of its code, if it is outside this package."""
    code: str = ""
    """Digest of its code now; another one if a run has accepted a change."""
    bare: str = ""
    """The name without the location of its code, for which the digest stands; empty if it is the name itself."""
    whereabouts: tuple[str, ...] = ()
    """Parameters that are locations, and not part of what it is; of nested things as `of.run` or `of.2.run`."""

    @staticmethod
    def of(
        name: str,
        parameters: Mapping[str, object],
        clone: int = 0,
        digest: str = "",
        bare: str = "",
        whereabouts: Sequence[str] = (),
    ) -> Definition:
        return Definition(name, canonical(parameters), clone, digest, digest, bare, tuple(whereabouts))

    @cached_property
    def text(self) -> str:
        """Its canonical definition, without locations."""
        what = _without(json.loads(self.parameters), self.whereabouts)
        return canonical([self.bare or self.name, what, self.clone, *([self.digest] if self.digest else [])])

    @property
    def key(self) -> str:
        """Its identity in tables: 16 hexadecimal digits."""
        return hashlib.blake2b(self.text.encode(), digest_size=8).hexdigest()

    @property
    def known(self) -> Known:
        """Its identification, as written into a run folder."""
        return Known(
            identity=self.key,
            clone=self.clone,
            digest=self.digest,
            code="" if self.code == self.digest else self.code,
        )

    def as_known(self, known: Known) -> Definition:
        """The same with the clone index and the original digest that a run has for it."""
        return replace(self, clone=known.clone, digest=known.digest)

    def is_known(self, known: Known) -> bool:
        """Whether it is what the run identifies so, except for changed code."""
        return self.as_known(known).key == known.identity


def _without(parameters: Mapping[str, object], keys: Sequence[str]) -> dict[str, object]:
    """Parameters without `keys`; one such as `of.run` is that of a table, `of.2.run` of the third of a list."""
    found = {key: value for key, value in parameters.items() if key not in keys}
    for key, value in found.items():
        inner = [each.removeprefix(f"{key}.") for each in keys if each.startswith(f"{key}.")]
        if inner and isinstance(value, dict):
            found[key] = _without(value, inner)
        elif inner and isinstance(value, list):
            found[key] = list(_without({str(at): each for at, each in enumerate(value)}, inner).values())
    return found


def told_apart(definitions: Sequence[Definition], clones: Sequence[int | None]) -> list[Definition]:
    """Definitions with clone indices: those given, else the smallest free one among equal definitions."""
    alike = [replace(one, clone=0).text for one in definitions]
    taken: dict[str, set[int]] = {text: set() for text in alike}
    result: list[Definition | None] = [None] * len(definitions)
    first = dict.fromkeys(taken, 0)
    for given in (True, False):
        for index, (one, text, clone) in enumerate(zip(definitions, alike, clones, strict=True)):
            if result[index] is not None or (clone is not None) != given:
                continue
            while clone is None or clone in taken[text]:
                clone = first[text]
                first[text] += 1
            taken[text].add(clone)
            result[index] = replace(one, clone=clone)
    return [one for one in result if one is not None]


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
