"""The closed lists of this slice; their values are stored and shown."""

from __future__ import annotations

from enum import Enum


class ConditionKind(Enum):
    """What a condition asks for, and so which parts it must have."""

    EXCLUSION_ZONE = "exclusion-zone"
    INCLUSION_ZONE = "inclusion-zone"
    CURFEW = "curfew"
    OTHER = "other"

    @property
    def monitored(self) -> bool:
        """Whether fixes are judged by it."""
        return self is not ConditionKind.OTHER


class Authority(Enum):
    """Who may let a person be served without location."""

    COURT = "court"
    AGENCY = "agency"


class Standing(Enum):
    """How far a decision of two persons has come."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class Advice(Enum):
    """What an officer should think about again; nothing is refused for it."""

    ZONE_SMALLER_THAN_ACCURACY = "zone-smaller-than-accuracy"
