"""The table of what people have turned off."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import DEMOGRAPHIC, OPERATIONAL
from backend.core.db import Base


class ReminderChoicesRow(Base):
    """The kinds of reminder that a person does not want, by value."""

    __tablename__ = "reminder_choices"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    turned_off: Mapped[list[Any]] = mapped_column(info=DEMOGRAPHIC)
    changed_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
