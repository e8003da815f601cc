"""Tables of money. What was owed and what was paid never changes; mistakes are reversed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.actor import ActorKind
from backend.core.classification import CASE, MONEY, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.core.immutability import IMMUTABLE_KEY
from backend.payments.kinds import (
    Authority,
    Basis,
    Cadence,
    Decision,
    Method,
    ObligationKind,
    PlanState,
)
from backend.payments.ledger import Account, TransactionKind
from backend.payments.values import Source

MAX_REFERENCE_CHARACTERS: Final = 200
MAX_NOTE_CHARACTERS: Final = 1000
MAX_EXTERNAL_ID_CHARACTERS: Final = 80
MAX_STATEMENT_CHARACTERS: Final = 4000
CURRENCY_CHARACTERS: Final = 3


class RecurringFeeRow(Base):
    """A fee that falls due again and again. Only its end and its next due day may change.

    `next_due_on` is the first due day for which no obligation was raised yet; None when it ended.
    """

    __tablename__ = "recurring_fees"
    __table_args__ = (
        Index("ix_recurring_fees_agency_id_next_due_on", "agency_id", "next_due_on"),
        Index("ix_recurring_fees_supervisee_id_id", "supervisee_id", "id"),
        {"info": {IMMUTABLE_KEY: ("last_due_on", "next_due_on")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    kind: Mapped[ObligationKind] = mapped_column(stored_enum(ObligationKind), info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)
    basis: Mapped[Basis] = mapped_column(stored_enum(Basis), info=CASE)
    reference: Mapped[str] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=CASE)
    cadence: Mapped[Cadence] = mapped_column(stored_enum(Cadence), info=MONEY)
    starts_on: Mapped[date] = mapped_column(info=MONEY)
    day_of_month: Mapped[int | None] = mapped_column(info=MONEY)
    last_due_on: Mapped[date | None] = mapped_column(info=MONEY)
    next_due_on: Mapped[date | None] = mapped_column(info=MONEY)
    set_at: Mapped[datetime] = mapped_column(info=MONEY)


class ObligationRow(Base):
    """One amount that a person came to owe, once and by some authority."""

    __tablename__ = "obligations"
    __table_args__ = (
        UniqueConstraint("recurring_fee_id", "due_on"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_obligations_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_obligations_due_on", "due_on"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    recurring_fee_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("recurring_fees.id"), info=MONEY
    )
    kind: Mapped[ObligationKind] = mapped_column(stored_enum(ObligationKind), info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)
    due_on: Mapped[date] = mapped_column(info=MONEY)
    basis: Mapped[Basis] = mapped_column(stored_enum(Basis), info=CASE)
    reference: Mapped[str] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=CASE)
    raised_at: Mapped[datetime] = mapped_column(info=MONEY)


class LedgerBookRow(Base):
    """A person's book: the row that whoever posts locks, so that one posts at a time."""

    __tablename__ = "ledger_books"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)


class LedgerTransactionRow(Base):
    """A transaction. In each book they are numbered 1, 2, 3 …: a missing one shows.

    `(source, external_id)` is what happened outside, once per agency: a receipt, an obligation,
    the transaction that is reversed or that caused an allocation (`about_id`).
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("agency_id", "source", "external_id"),
        UniqueConstraint("supervisee_id", "number"),
        Index("ix_ledger_transactions_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_ledger_transactions_about_id", "about_id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_books.supervisee_id"), info=CASE)
    number: Mapped[int] = mapped_column(info=MONEY)
    kind: Mapped[TransactionKind] = mapped_column(stored_enum(TransactionKind), info=MONEY)
    source: Mapped[Source] = mapped_column(stored_enum(Source), info=MONEY)
    external_id: Mapped[str] = mapped_column(String(MAX_EXTERNAL_ID_CHARACTERS), info=MONEY)
    about_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_transactions.id"), info=MONEY)
    booked_on: Mapped[date] = mapped_column(info=MONEY)
    recorded_at: Mapped[datetime] = mapped_column(info=MONEY)
    actor_kind: Mapped[ActorKind] = mapped_column(stored_enum(ActorKind), info=OPERATIONAL)
    actor_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    received_on: Mapped[date | None] = mapped_column(info=MONEY)
    method: Mapped[Method | None] = mapped_column(stored_enum(Method), info=MONEY)
    note: Mapped[str] = mapped_column(String(MAX_NOTE_CHARACTERS), info=MONEY)
    authority: Mapped[Authority | None] = mapped_column(stored_enum(Authority), info=CASE)
    document: Mapped[str | None] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=CASE)


class LedgerEntryRow(Base):
    """One line of a transaction; debits are positive."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        Index("ix_ledger_entries_supervisee_id", "supervisee_id"),
        Index("ix_ledger_entries_obligation_id_account", "obligation_id", "account"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("ledger_transactions.id"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_books.supervisee_id"), info=CASE)
    account: Mapped[Account] = mapped_column(stored_enum(Account), info=MONEY)
    obligation_id: Mapped[UUID | None] = mapped_column(ForeignKey("obligations.id"), info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)


class SuspenseTransactionRow(Base):
    """A transaction in an agency's own book, where money waits until its owner is known.

    What takes money out of it names what put it in (`about_id`), once.
    """

    __tablename__ = "suspense_transactions"
    __table_args__ = (
        UniqueConstraint("agency_id", "source", "external_id"),
        UniqueConstraint("about_id"),
        Index("ix_suspense_transactions_agency_id_id", "agency_id", "id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    kind: Mapped[TransactionKind] = mapped_column(stored_enum(TransactionKind), info=MONEY)
    source: Mapped[Source] = mapped_column(stored_enum(Source), info=MONEY)
    external_id: Mapped[str] = mapped_column(String(MAX_EXTERNAL_ID_CHARACTERS), info=MONEY)
    about_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("suspense_transactions.id"), info=MONEY
    )
    booked_on: Mapped[date] = mapped_column(info=MONEY)
    recorded_at: Mapped[datetime] = mapped_column(info=MONEY)
    actor_kind: Mapped[ActorKind] = mapped_column(stored_enum(ActorKind), info=OPERATIONAL)
    actor_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    received_on: Mapped[date] = mapped_column(info=MONEY)
    method: Mapped[Method] = mapped_column(stored_enum(Method), info=MONEY)
    note: Mapped[str] = mapped_column(String(MAX_NOTE_CHARACTERS), info=MONEY)


class SuspenseEntryRow(Base):
    """One line of a transaction in an agency's own book; debits are positive."""

    __tablename__ = "suspense_entries"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("suspense_transactions.id"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    account: Mapped[Account] = mapped_column(stored_enum(Account), info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)


class AllocationOrderRow(Base):
    """Which kind of obligation an agency has paid first: a list of every kind."""

    __tablename__ = "allocation_orders"

    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), primary_key=True)
    kinds: Mapped[list[Any]] = mapped_column(info=MONEY)


class ReliefRow(Base):
    """A waiver, reduction or conversion that one officer proposed; another one's name makes it so.

    Approved, it is a transaction of the ledger with source `relief` and this id.
    """

    __tablename__ = "reliefs"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("approver_id IS NULL OR approver_id <> author_id", name="second_person"),
        Index("ix_reliefs_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_reliefs_obligation_id", "obligation_id"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    "approver_id",
                    "approved_at",
                    "withdrawn_by",
                    "withdrawn_at",
                    "withdrawal_reason",
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligations.id"), info=MONEY)
    kind: Mapped[TransactionKind] = mapped_column(stored_enum(TransactionKind), info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    authority: Mapped[Basis] = mapped_column(stored_enum(Basis), info=CASE)
    document: Mapped[str] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=CASE)
    reason: Mapped[str] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
    service_hours: Mapped[int | None] = mapped_column(info=CASE)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    approver_id: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    approved_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    withdrawn_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    withdrawal_reason: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)


class PlanRow(Base):
    """An instalment plan, asked for by the person or set by an officer. No income is kept."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("instalment_minor > 0", name="instalment_positive"),
        Index("ix_plans_supervisee_id_id", "supervisee_id", "id"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    "state",
                    "decided_by",
                    "decided_at",
                    "decision_note",
                    "ended_by",
                    "ended_at",
                    "end_reason",
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)
    instalment_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)
    cadence: Mapped[Cadence] = mapped_column(stored_enum(Cadence), info=MONEY)
    first_due_on: Mapped[date] = mapped_column(info=MONEY)
    asked_by: Mapped[ActorKind] = mapped_column(stored_enum(ActorKind), info=OPERATIONAL)
    asked_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    note: Mapped[str] = mapped_column(String(MAX_STATEMENT_CHARACTERS), info=CASE)
    state: Mapped[PlanState] = mapped_column(stored_enum(PlanState), info=MONEY)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    decision_note: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    end_reason: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)


class PlanInstalmentRow(Base):
    """What of one obligation is to be paid by one day, fixed when the plan was approved."""

    __tablename__ = "plan_instalments"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_plan_instalments_obligation_id", "obligation_id"),
        Index("ix_plan_instalments_due_on", "due_on"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligations.id"), info=MONEY)
    due_on: Mapped[date] = mapped_column(info=MONEY)
    amount_minor: Mapped[int] = mapped_column(BigInteger, info=MONEY)


class HardshipClaimRow(Base):
    """What a person said of why they cannot pay, and what an officer answered."""

    __tablename__ = "hardship_claims"
    __table_args__ = (
        Index("ix_hardship_claims_supervisee_id_id", "supervisee_id", "id"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    "decision",
                    "decided_by",
                    "decided_at",
                    "decision_note",
                    "hold_until",
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    statement: Mapped[str] = mapped_column(String(MAX_STATEMENT_CHARACTERS), info=CASE)
    claimed_at: Mapped[datetime] = mapped_column(info=CASE)
    decision: Mapped[Decision | None] = mapped_column(stored_enum(Decision), info=CASE)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    decision_note: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
    hold_until: Mapped[date | None] = mapped_column(info=MONEY)


class ClaimedObligationRow(Base):
    """An obligation that a hardship claim is about."""

    __tablename__ = "claimed_obligations"
    __table_args__ = (
        Index("ix_claimed_obligations_obligation_id", "obligation_id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    claim_id: Mapped[UUID] = mapped_column(ForeignKey("hardship_claims.id"), primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligations.id"), primary_key=True)


class ReferralRow(Base):
    """An obligation that an officer put before the court, until the court has answered."""

    __tablename__ = "referrals"
    __table_args__ = (
        Index("ix_referrals_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_referrals_obligation_id", "obligation_id"),
        {"info": {IMMUTABLE_KEY: ("returned_by", "returned_at", "outcome")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligations.id"), info=MONEY)
    document: Mapped[str] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=CASE)
    reason: Mapped[str] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
    referred_by: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    referred_at: Mapped[datetime] = mapped_column(info=CASE)
    returned_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    returned_at: Mapped[datetime | None] = mapped_column(info=CASE)
    outcome: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
