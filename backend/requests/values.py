"""What a request is, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID


class RequestKind(Enum):
    """What a person may ask for without showing where they are."""

    TROUBLE = "trouble"
    EXEMPTION = "exemption"
    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"


class RequestState(Enum):
    """How far a request is; once there is an answer, it stays."""

    OPEN = "open"
    ANSWERED = "answered"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """What a person asks, in their words; for an exemption also when they want it, if they say."""

    kind: RequestKind
    text: str = field(repr=False)
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(NewRequest):
    """A request as it stands, with the officer's answer, which the person reads."""

    id: UUID
    supervisee_id: UUID
    asked_at: datetime
    state: RequestState
    answer: str | None = field(repr=False)
    answered_by: UUID | None
    answered_at: datetime | None
