"""A worker that ends itself by SIGKILL at a named step of sending; a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

from backend.core.clock import SteppedClock
from backend.core.db import Database
from backend.core.settings import Settings
from backend.outbox.store import OutboxStore
from backend.worker.channels import open_channels
from backend.worker.jobs import READERS, send
from backend.worker.people import addresses, forget
from notifications.channels.base import AddressKind, Channel, OutboundMessage, SendResult
from notifications.delivery import Claim, Content, Outcome


class Step(Enum):
    """After which a worker may die."""

    CLAIMED = "claimed"
    READ = "read"
    SENT = "sent"
    UNRECORDED = "unrecorded"
    RECORDED = "recorded"


def die() -> None:
    """End here and now."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(OutboxStore):
    """The outbox of a worker that dies at `step`."""

    def __init__(self, database: Database, step: Step) -> None:
        super().__init__(database, readers=READERS, address_book=addresses, forget=forget)
        self._step = step

    def claim(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Claim]:
        """Claim, and perhaps die."""
        claims = super().claim(now=now, lease_s=lease_s, limit=limit)
        self._pass(Step.CLAIMED)
        return claims

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        """Read, and perhaps die."""
        contents = super().read_due(claims, now=now)
        self._pass(Step.READ)
        return contents

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        """Perhaps die, record, and perhaps die."""
        self._pass(Step.UNRECORDED)
        super().record(outcomes, now=now)
        self._pass(Step.RECORDED)

    def _pass(self, step: Step) -> None:
        if step is self._step:
            die()


class DyingChannel:
    """A channel that dies when the provider has taken what it sent."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def kinds(self) -> frozenset[AddressKind]:
        """Those of the channel."""
        return self._channel.kinds

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        """Send, and die."""
        results = self._channel.send(batch, now=now)
        die()
        return results

    def close(self) -> None:
        """Nobody lives to do it."""


def main(step: Step) -> None:
    """Send what is due, and die on the way."""
    settings = Settings.from_environment(os.environ)
    assert settings.stepped_clock is not None
    database = Database(settings.database_url)
    channels = open_channels(settings, database)
    if step is Step.SENT:
        channels[-1] = DyingChannel(channels[-1])
    send(DyingStore(database, step), channels, SteppedClock(settings.stepped_clock))


if __name__ == "__main__":
    main(Step(sys.argv[1]))
