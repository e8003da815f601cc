"""Tables of the counter: receipts in one series, and the cash of each officer's day."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CASE, MONEY, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.core.immutability import IMMUTABLE_KEY
from backend.payments.kinds import Basis
from backend.payments.models import (
    CURRENCY_CHARACTERS,
    MAX_NOTE_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
)


class ReceiptSeriesRow(Base):
    """The last number that an agency's counter gave: the row that whoever gives the next locks."""

    __tablename__ = "receipt_series"

    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), primary_key=True)
    last_number: Mapped[int] = mapped_column(info=MONEY)


class ReceiptRow(Base):
    """The number of a payment at the counter. In each agency they are 1, 2, 3 …"""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("agency_id", "number"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transactions.id"), primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    number: Mapped[int] = mapped_column(info=MONEY)


class CashDayRow(Base):
    """The cash of one currency that one officer took on one day: counted once, counted again.

    `expected_minor` is what the ledger said when it was closed: nothing is added after that.
    """

    __tablename__ = "cash_days"
    __table_args__ = (
        UniqueConstraint("officer_id", "day", "currency"),
        CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> officer_id AND confirmed_by <> closed_by)",
            name="second_person",
        ),
        CheckConstraint("confirmed_at IS NULL OR closed_at IS NOT NULL", name="closed_first"),
        Index("ix_cash_days_agency_id_id", "agency_id", "id"),
        {
            "info": {
                IMMUTABLE_KEY: (
                    *("closed_by", "closed_at", "expected_minor", "counted_minor", "note"),
                    *("confirmed_by", "confirmed_at", "authority", "document"),
                )
            }
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    officer_id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    day: Mapped[date] = mapped_column(info=MONEY)
    currency: Mapped[str] = mapped_column(String(CURRENCY_CHARACTERS), info=MONEY)
    opened_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    closed_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    expected_minor: Mapped[int | None] = mapped_column(BigInteger, info=MONEY)
    counted_minor: Mapped[int | None] = mapped_column(BigInteger, info=MONEY)
    note: Mapped[str] = mapped_column(String(MAX_NOTE_CHARACTERS), info=MONEY)
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    confirmed_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    authority: Mapped[Basis | None] = mapped_column(stored_enum(Basis), info=MONEY)
    document: Mapped[str | None] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=MONEY)


class CashMovementRow(Base):
    """In whose cash, on which day, a payment or its reversal shows."""

    __tablename__ = "cash_movements"
    __table_args__ = (
        Index("ix_cash_movements_cash_day_id", "cash_day_id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("ledger_transactions.id"), primary_key=True
    )
    cash_day_id: Mapped[UUID] = mapped_column(ForeignKey("cash_days.id"), info=CASE)
