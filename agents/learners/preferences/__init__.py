"""What a learner is paid for, as a value: the preferences that any policy-gradient learner may have."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from .inequity_aversion import InequityAversion
from .influencing import InfluenceSeeking
from .preference import Selfish
from .prosociality import Prosociality
from .reciprocity import Reciprocity
from .social_value_orientation import SocialValueOrientation

AnyPreference: TypeAlias = Annotated[
    Selfish | InequityAversion | SocialValueOrientation | Prosociality | InfluenceSeeking | Reciprocity,
    Field(discriminator="kind"),
]
