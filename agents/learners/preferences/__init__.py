"""Social preferences: how a policy-gradient learner values rewards, its own and the others'."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from .inequity_aversion import InequityAversion
from .influence_seeking import InfluenceSeeking
from .introspection import Introspection
from .preference import Selfish
from .prosociality import Prosociality
from .reciprocity import Reciprocity
from .social_value_orientation import SocialValueOrientation
from .transfer_commitment import TransferCommitment
from .welfare import Welfare

AnyPreference: TypeAlias = Annotated[
    Selfish
    | InequityAversion
    | SocialValueOrientation
    | Prosociality
    | TransferCommitment
    | Welfare
    | InfluenceSeeking
    | Introspection
    | Reciprocity,
    Field(discriminator="kind"),
]
