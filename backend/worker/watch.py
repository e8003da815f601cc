"""The dead-man alarm: tells the agencies' administrators when reminders stop.

It runs in a thread of its own in every process, server and worker, and sends by the mail relay
itself: it needs neither the jobs nor the outbox, which may be what stopped. What it cannot see is
that everything stopped: for that another machine asks `/readyz` (docs/operating.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import structlog

from backend.core import outages
from backend.core.clock import Clock, rfc3339
from backend.core.db import Database
from backend.core.jobs import Heartbeat, heartbeats
from backend.core.outages import Outage
from backend.core.settings import Settings
from backend.identity import service as identity
from backend.identity.service import OfficerContact
from backend.outbox.store import HEARTBEAT_JOB
from backend.worker.channels import open_mail
from backend.worker.jobs import SCHEDULE
from backend.worker.loop import Job, Worker
from notifications.channels.base import Address, AddressKind, Channel, OutboundMessage, Retry
from notifications.kind import CollapseKey
from notifications.messages import Template, render

WATCHED: Final[Mapping[str, int]] = {
    job: SCHEDULE.periods_s[job] for job in (HEARTBEAT_JOB, "plan-reminders")
}
"""The jobs without which nobody is reminded, and their periods in seconds."""

EVERY_S: Final = 60
PATIENCE: Final = timedelta(minutes=5)
"""How long an overdue job must stand still under our eyes: starts and long passes are no outages."""
_USEFUL_FOR: Final = timedelta(days=1)
_log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at the heartbeats. Without `mail` it tells the log alone."""

    database: Database
    mail: Channel | None
    _standing: dict[str, tuple[datetime | None, datetime]] = field(default_factory=dict)
    """By job the heartbeat at which it stands still, and since when we see it do so."""

    def look(self, now: datetime) -> bool:
        """Note what stands still and what runs again, and tell of an outage once.

        If nobody could be told, this or another process tries again after some minutes.
        """
        with self.database.snapshot() as session:
            beats = heartbeats(session, list(WATCHED))
        overdue = {beat.job for beat in beats if beat.is_overdue(WATCHED[beat.job], now)}
        stopped = {beat.job for beat in beats if self._stands(beat, now, beat.job in overdue)}
        with self.database.transaction() as session:
            outages.end(session, WATCHED.keys() - overdue, now)
            outages.begin(session, stopped, now)
            untold = outages.claim(session, now)
            administrators = identity.administrators(session) if untold else []
        told = [one.id for one in untold if self._tell(one, administrators, now)]
        if told:
            with self.database.transaction() as session:
                outages.told(session, told, now)
        return False

    def _stands(self, beat: Heartbeat, now: datetime, is_overdue: bool) -> bool:
        if not is_overdue:
            self._standing.pop(beat.job, None)
            return False
        at, since = self._standing.get(beat.job, (None, now))
        if at != beat.finished_at:
            since = now
        self._standing[beat.job] = (beat.finished_at, since)
        return now - since >= PATIENCE

    def _tell(self, outage: Outage, people: Sequence[OfficerContact], now: datetime) -> bool:
        """Return whether there is nobody left to tell."""
        _log.error("job.stopped", job=outage.job)
        if self.mail is None or not people:
            return True
        messages = [_message(outage, one, now) for one in people]
        results = self.mail.send(messages, now=now)
        return not all(isinstance(result, Retry) for result in results)


def _message(outage: Outage, officer: OfficerContact, now: datetime) -> OutboundMessage:
    """Return the e-mail; told again, by whichever process, it has the same id."""
    parameters = {"job": outage.job, "since": rfc3339(outage.noticed_at)}
    return OutboundMessage(
        id=_message_id(outage.id, officer.id),
        address=Address(kind=AddressKind.EMAIL, value=officer.email),
        rendered=render(Template.JOB_STOPPED, officer.language, parameters),
        collapse_key=CollapseKey.NOTICE,
        expires_at=now + _USEFUL_FOR,
    )


def _message_id(outage_id: UUID, officer_id: UUID) -> UUID:
    return uuid5(outage_id, officer_id.hex)


def build_watch(settings: Settings, database: Database, clock: Clock) -> Worker:
    """Return what watches in this process, ready to start. Raises SettingsError."""
    mail = open_mail(settings)
    watch = Watch(database=database, mail=mail)
    job = Job(name="watch", every_s=EVERY_S, run=watch.look, shared=True)
    return Worker(database, clock, [job], [] if mail is None else [mail])
