"""Tables of what is paid at the provider. Nothing of a card or an account is in them."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.actor import ActorKind
from backend.core.classification import CASE, MONEY, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.core.immutability import IMMUTABLE_KEY
from backend.payments.hosted_state import HostedState
from backend.payments.provider import Subject

MAX_PROVIDER_REFERENCE: Final = 255
MAX_URL: Final = 2048
MAX_CODE: Final = 80


class MandateState(Enum):
    """Whether money may be taken on due days. What has ended does not begin again."""

    ASKED = "asked"
    OPEN = "open"
    ACTIVE = "active"
    ENDED = "ended"


class MandateRow(Base):
    """A person's leave to take money on due days: the provider's references and nothing else."""

    __tablename__ = "autopay_mandates"
    __table_args__ = (
        UniqueConstraint("page_reference"),
        Index("ix_autopay_mandates_supervisee_id_id", "supervisee_id", "id"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    *("state", "page_reference", "page_url", "page_expires_at"),
                    *("customer", "method", "active_at", "ended_at", "let_go_at"),
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    currency: Mapped[str] = mapped_column(String(3), info=MONEY)
    asked_at: Mapped[datetime] = mapped_column(info=MONEY)
    state: Mapped[MandateState] = mapped_column(stored_enum(MandateState), info=MONEY)
    page_reference: Mapped[str | None] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    page_url: Mapped[str | None] = mapped_column(String(MAX_URL), info=MONEY)
    page_expires_at: Mapped[datetime | None] = mapped_column(info=MONEY)
    customer: Mapped[str | None] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    method: Mapped[str | None] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    active_at: Mapped[datetime | None] = mapped_column(info=MONEY)
    ended_at: Mapped[datetime | None] = mapped_column(info=MONEY)
    let_go_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class HostedPaymentRow(Base):
    """An amount that a person was asked to pay at the provider, and how far that has come.

    What was asked for never changes. `look_at` is when to ask the provider even if nobody tells.
    """

    __tablename__ = "hosted_payments"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        UniqueConstraint("page_reference"),
        UniqueConstraint("payment_reference"),
        UniqueConstraint("mandate_id", "collect_on"),
        Index("ix_hosted_payments_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_hosted_payments_look_at", "look_at"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    *("state", "page_reference", "page_url", "page_expires_at"),
                    *("payment_reference", "failure", "look_at", "changed_at"),
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    mandate_id: Mapped[UUID | None] = mapped_column(ForeignKey("autopay_mandates.id"), info=MONEY)
    collect_on: Mapped[date | None] = mapped_column(info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str] = mapped_column(String(3), info=MONEY)
    obligations: Mapped[list[Any]] = mapped_column(info=MONEY)
    asked_by_kind: Mapped[ActorKind] = mapped_column(stored_enum(ActorKind), info=OPERATIONAL)
    asked_by_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    asked_at: Mapped[datetime] = mapped_column(info=MONEY)
    state: Mapped[HostedState] = mapped_column(stored_enum(HostedState), info=MONEY)
    page_reference: Mapped[str | None] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    page_url: Mapped[str | None] = mapped_column(String(MAX_URL), info=MONEY)
    page_expires_at: Mapped[datetime | None] = mapped_column(info=MONEY)
    payment_reference: Mapped[str | None] = mapped_column(
        String(MAX_PROVIDER_REFERENCE), info=MONEY
    )
    failure: Mapped[str | None] = mapped_column(String(MAX_CODE), info=MONEY)
    look_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    changed_at: Mapped[datetime] = mapped_column(info=MONEY)


class NoticeOutcome(Enum):
    """What a notice from the provider led to."""

    SETTLED = "settled"
    STRAY = "stray"  # a payment that we did not order
    CONTRADICTED = "contradicted"  # the ledger refused it: an officer must look
    IRRELEVANT = "irrelevant"


class NoticeRow(Base):
    """A notice from the provider: that something happened to a reference. Kept before all else.

    Its text is not kept: it may name the payer, and what is true is asked of the provider anyway.
    """

    __tablename__ = "provider_notices"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index("ix_provider_notices_next_at", "next_at"),
        Index("ix_provider_notices_reference", "reference"),
        {"info": {IMMUTABLE_KEY: ("outcome", "attempts", "next_at", "finished_at")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    kind: Mapped[str] = mapped_column(String(MAX_CODE), info=MONEY)
    subject: Mapped[Subject] = mapped_column(stored_enum(Subject), info=MONEY)
    reference: Mapped[str] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    happened_at: Mapped[datetime] = mapped_column(info=MONEY)
    received_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    outcome: Mapped[NoticeOutcome | None] = mapped_column(stored_enum(NoticeOutcome), info=MONEY)
    attempts: Mapped[int] = mapped_column(info=OPERATIONAL)
    next_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class DifferenceKind(Enum):
    """In what the provider's books and ours differ."""

    UNKNOWN_HERE = "unknown-here"
    UNKNOWN_THERE = "unknown-there"
    OTHER_AMOUNT = "other-amount"
    NOT_BOOKED = "not-booked"
    CONTRADICTED = "contradicted"


class DifferenceRow(Base):
    """Something in which the provider's books and ours differ, until an officer has explained it."""

    __tablename__ = "payment_differences"
    __table_args__ = (
        UniqueConstraint("reference", "kind"),
        Index("ix_payment_differences_agency_id_id", "agency_id", "id"),
        {"info": {IMMUTABLE_KEY: ("explained_at", "explained_by", "explanation")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID | None] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    hosted_payment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("hosted_payments.id"), info=MONEY
    )
    kind: Mapped[DifferenceKind] = mapped_column(stored_enum(DifferenceKind), info=MONEY)
    reference: Mapped[str] = mapped_column(String(MAX_PROVIDER_REFERENCE), info=MONEY)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str | None] = mapped_column(String(3), info=MONEY)
    found_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    explained_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    explained_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    explanation: Mapped[str | None] = mapped_column(String(1000), info=MONEY)
