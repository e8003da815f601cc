"""The table of who has read which notice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import OPERATIONAL
from backend.core.db import Base


class AcknowledgementRow(Base):
    """That a person said of a version of the privacy notice that they have read it."""

    __tablename__ = "notice_acknowledgements"
    __table_args__ = ({"info": {"immutable": True}},)

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    acknowledged_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
