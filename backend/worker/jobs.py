"""The jobs, in the order in which a newcomer should read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from backend.alerts import notice
from backend.alerts import service as alerts
from backend.appointments import notices as appointment_notices
from backend.appointments import overdue
from backend.audit import service as audit
from backend.core.actor import SYSTEM
from backend.core.clock import Clock
from backend.core.db import Database, Session
from backend.core.jobs import Schedule, beat
from backend.core.logs import fault
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.identity import service as identity
from backend.location import examination, footprints, judging, missing, sweeps, trail
from backend.location.rulebook import RuleBook
from backend.outbox.messages import Message
from backend.outbox.reading import Reader
from backend.outbox.store import HEARTBEAT_JOB, OutboxStore
from backend.payments import bank_returns, decisions, receipts
from backend.payments import service as payments
from backend.payments.messages import SOURCES as MESSAGE_SOURCES
from backend.payments.messages import texts
from backend.payments.provider import PaymentProvider
from backend.reminders import service as reminders
from backend.reminders.service import PlanReport
from backend.reminders.text import texts_now
from backend.requests import notices as request_notices
from backend.worker.channels import open_channels
from backend.worker.loop import Job, Worker
from backend.worker.people import addresses, forget
from backend.worker.providers import open_provider
from backend.worker.settling import Settling
from backend.worker.status_list import fetch_status_list
from notifications.channels.base import Channel
from notifications.dispatch import DEFAULT_BATCH, dispatch
from notifications.messages import Rendered

SEAL_JOB: Final = "seal-audit"
SCHEDULE: Final = Schedule(
    periods_s={
        SEAL_JOB: 1,
        HEARTBEAT_JOB: 1,
        "sweep": 30,
        "examine": 60,
        "account-for-fixes": 600,
        "look-for-check-ins": 60,
        "plan-reminders": 60,
        "settle-payments": 2,
        "look-after-payments": 60,
        "collect-autopay": 600,
        "reconcile-payments": 86_400,
        "forget-used-proofs": 60,
        "raise-recurring-fees": 3600,
        "renew-status-list": 3600,
        "recheck-devices": 3600,
        "forget-old-checkpoints": 86_400,
        "forget-old-footprints": 86_400,
        "purge-trails": 86_400,
    }
)
"""Every job, and how often it runs."""

_SHARED: Final = {SEAL_JOB, HEARTBEAT_JOB}
_MESSAGES: Final = Counter("connectrex_messages", "Outcomes of sending, by state", ["state"])
_FAULTS: Final = Counter("connectrex_sweep_faults", "People whose sweep failed")
_log = structlog.get_logger()


def build(settings: Settings, database: Database, clock: Clock) -> Worker:
    """Return the worker of this process, ready to start. Raises SettingsError."""
    channels = open_channels(settings, database)
    provider = open_provider(settings)
    status_list = settings.android_status_list if settings.android_apps else None
    listed = jobs(database, clock, channels, provider, status_list=status_list)
    return Worker(database, clock, listed, channels)


def jobs(
    database: Database,
    clock: Clock,
    channels: Sequence[Channel],
    provider: PaymentProvider | None = None,
    *,
    status_list: str | None = None,
) -> list[Job]:
    """Return all that is to be done by the clock.

    Without a provider its jobs have nothing to do, and still show that the worker lives.
    `status_list` is where the list of revoked attestation keys is; None where no Android key is
    believed anyway.
    """
    settling = None if provider is None else Settling(database=database, provider=provider)
    readers = readers_of(pays_in_app=provider is not None)
    store = OutboxStore(database, readers=readers, address_book=addresses, forget=forget)
    runs: Mapping[str, Callable[[datetime], bool]] = {
        SEAL_JOB: partial(seal, database),
        HEARTBEAT_JOB: lambda _: send(store, channels, clock),
        "sweep": partial(sweep, database, RuleBook()),
        "examine": partial(examine, database),
        "account-for-fixes": partial(account, database, RuleBook()),
        "look-for-check-ins": partial(look_for_check_ins, database),
        "plan-reminders": partial(plan_once, database),
        "settle-payments": settling.settle_notices if settling else _nothing,
        "look-after-payments": settling.look_after if settling else _nothing,
        "collect-autopay": settling.collect if settling else _nothing,
        "reconcile-payments": settling.reconcile if settling else _nothing,
        "forget-used-proofs": partial(in_transaction, database, devices.forget_used_proofs),
        "raise-recurring-fees": partial(raise_fees, database),
        "renew-status-list": partial(renew, database, status_list),
        "recheck-devices": partial(recheck, database),
        "forget-old-checkpoints": partial(in_transaction, database, judging.forget_old_checkpoints),
        "forget-old-footprints": partial(in_transaction, database, footprints.forget_old),
        "purge-trails": partial(purge_trails, database),
    }
    return [
        Job(name=name, every_s=every_s, run=runs[name], shared=name in _SHARED)
        for name, every_s in SCHEDULE.periods_s.items()
    ]


def read_reminders(
    session: Session, messages: Sequence[Message], _now: datetime, *, pays_in_app: bool = False
) -> Mapping[UUID, Rendered]:
    """Return the words of reminders whose payments are still owed."""
    return texts_now(session, messages, pays_in_app=pays_in_app)


def read_notices(
    session: Session, messages: Sequence[Message], now: datetime
) -> Mapping[UUID, Rendered]:
    """Return the words of notices whose alerts nobody has settled."""
    return {
        message.id: notice.render_notice(message.source.id, message.language)
        for message in messages
        if alerts.is_notice_due(session, message.source.id, now)
    }


READERS: Final[Mapping[str, Reader]] = {
    reminders.SOURCE: read_reminders,
    alerts.MESSAGE_SOURCE: read_notices,
    **dict.fromkeys(MESSAGE_SOURCES, texts),
    appointment_notices.SOURCE: appointment_notices.texts,
    bank_returns.SOURCE: bank_returns.texts,
    receipts.SOURCE: receipts.texts,
    **dict.fromkeys(decisions.SOURCES, decisions.texts),
    request_notices.SOURCE: request_notices.texts_for_officers,
    request_notices.ANSWER_SOURCE: request_notices.texts,
}
"""Who says what messages say, and whether they are still due, by kind of source, where nobody takes
payments in the app.
"""


def readers_of(*, pays_in_app: bool) -> Mapping[str, Reader]:
    """Return who says what messages say where people can pay in the app, or cannot."""
    return {**READERS, reminders.SOURCE: partial(read_reminders, pays_in_app=pays_in_app)}


def _nothing(_now: datetime) -> bool:
    return False


def in_transaction(
    database: Database, act: Callable[[Session, datetime], object], now: datetime
) -> bool:
    """Do `act` in one transaction, once."""
    with database.transaction() as session:
        act(session, now)
    return False


def raise_fees(database: Database, now: datetime) -> bool:
    """Raise a batch of the recurring fees that come near; return whether there may be more."""
    with database.transaction() as session:
        return payments.raise_recurring(session, now) == payments.FEE_BATCH


def plan(database: Database, now: datetime) -> PlanReport:
    """Bring the outbox in line with what falls due, and return what that changed.

    Some people after the other: reading holds up nobody, writing few and briefly.
    """
    report, after = PlanReport(), None
    while people := _people_after(database, after):
        with database.snapshot() as session:
            changes = reminders.changes_due(session, people, now)
        if changes:
            with database.transaction() as session:
                report += reminders.make(session, changes, now)
        after = people[-1]
    return report


def plan_once(database: Database, now: datetime) -> bool:
    """Plan; there is nothing more to do until the next slot."""
    plan(database, now)
    return False


def _people_after(database: Database, after: UUID | None) -> Sequence[UUID]:
    with database.snapshot() as session:
        return reminders.people_after(session, after)


def renew(database: Database, status_list: str | None, now: datetime) -> bool:
    """Fetch the list of revoked attestation keys, with no transaction open, and keep it.

    Versions that nobody needs any more go with it.
    """
    if status_list is None:
        return False
    data, fetched_at = fetch_status_list(status_list, now)
    with database.transaction() as session:
        devices.keep_status_list(session, data, fetched_at=fetched_at)
        devices.forget_old_status_lists(session, now)
    return False


def recheck(database: Database, now: datetime) -> bool:
    """Suspend devices whose attestation was revoked or that are too weak; tell of old keys.

    Each batch is a transaction; return whether there may be more of the last two kinds.
    """
    after: UUID | None = None
    while True:
        with database.transaction() as session:
            after = devices.suspend_revoked(session, after, now)
        if after is None:
            break
    with database.transaction() as session:
        suspended = devices.suspend_below_policy(session, now)
    with database.transaction() as session:
        told = devices.tell_of_overdue_rotations(session, now)
    return devices.RECHECK_BATCH in {suspended, told}


def seal(database: Database, now: datetime) -> bool:
    """Chain a batch of audit events; return whether there may be more."""
    with database.transaction() as session:
        sealed = audit.seal(session, now)
        beat(session, SEAL_JOB, now)
    return sealed > 0


def send(store: OutboxStore, channels: Sequence[Channel], clock: Clock) -> bool:
    """Send a batch of the messages that are due; return whether there may be more."""
    report = dispatch(store, channels, clock.now, limit=DEFAULT_BATCH)
    for state, count in report.states.items():
        _MESSAGES.labels(state.value).inc(count)
    return report.claimed == DEFAULT_BATCH


def sweep(database: Database, book: RuleBook, now: datetime) -> bool:
    """Judge a batch of the people for whom time alone may have changed something.

    Many share a transaction, and rules are read before it locks anybody. Who fails is met again
    in the next sweep. Returns whether there may be more, which is not worth asking if this whole
    batch failed.
    """
    with database.transaction() as session:
        sweeps.adopt(session, now)
    with database.snapshot() as session:
        epochs = sweeps.due(session, now)

    def act(some: Sequence[UUID]) -> int:
        people = {one: epochs[one] for one in some}
        with database.snapshot() as session:
            book.of_all(session, people, now)
        with database.transaction() as session:
            return sweeps.sweep(session, book, people, now)

    done = _do_for_all("sweep", list(epochs), act, together=sweeps.TOGETHER)
    return len(epochs) == sweeps.BATCH and done > 0


def examine(database: Database, now: datetime) -> bool:
    """Look for signals in the fixes of a batch of people.

    Many are looked at together, before anything is locked. Returns whether there may be more: also
    when somebody had more than a day to be examined.
    """
    with database.snapshot() as session:
        is_any_unknown = bool(examination.unknown(session))
    if is_any_unknown:
        with database.transaction() as session:
            examination.adopt(session, now)
    with database.snapshot() as session:
        people = examination.due(session, now)

    def act(some: Sequence[UUID]) -> int:
        with database.snapshot() as session:
            findings = examination.look(session, some, now)
        with database.transaction() as session:
            return examination.keep(session, findings, now)

    return _do_for_all("examine", people, act, together=examination.TOGETHER) > 0


def account(database: Database, book: RuleBook, now: datetime) -> bool:
    """Look again for the missing fixes of a batch of phones, each in a transaction of its own."""
    with database.snapshot() as session:
        phones = missing.due(session, now)

    def act(some: Sequence[UUID]) -> int:
        with database.transaction() as session:
            for one in some:
                missing.account(session, book, one, now)
        return len(some)

    done = _do_for_all("account-for-fixes", phones, act, together=1)
    return len(phones) == missing.BATCH and done > 0


def purge_trails(database: Database, now: datetime) -> bool:
    """Erase what is not to be kept of people without a trail, in batches, each a transaction."""

    def act(some: Sequence[UUID]) -> int:
        for one in some:
            while purge_batch(database, one, now):
                pass
        return len(some)

    after = None
    while people := _without_trail_after(database, after):
        _do_for_all("purge-trails", people, act, together=1)
        after = people[-1]
    return False


def purge_batch(database: Database, supervisee_id: UUID, now: datetime) -> bool:
    """Erase a batch of one person's; return whether there may be more."""
    with database.transaction() as session:
        one = identity.get_supervisee(session, SYSTEM, supervisee_id)
        return trail.purge(session, one, now)


def _without_trail_after(database: Database, after: UUID | None) -> Sequence[UUID]:
    with database.snapshot() as session:
        return identity.without_trail_after(session, after, limit=trail.PEOPLE)


def look_for_check_ins(database: Database, now: datetime) -> bool:
    """Tell of a batch of check-ins that did not come, each in a transaction of its own."""
    with database.snapshot() as session:
        expected = overdue.due(session, now)

    def act(some: Sequence[UUID]) -> int:
        with database.transaction() as session:
            for one in some:
                overdue.look(session, one, now)
        return len(some)

    done = _do_for_all("look-for-check-ins", expected, act, together=1)
    return len(expected) == overdue.BATCH and done > 0


def _do_for_all(
    job: str, people: Sequence[UUID], act: Callable[[Sequence[UUID]], int], *, together: int
) -> int:
    """Do `act` for people, so many together; return for how many it was done.

    After a fault each of those together has a turn alone: one person's is logged, and holds up
    nobody else.
    """
    done = 0
    for first in range(0, len(people), together):
        some = people[first : first + together]
        try:
            done += act(some)
        except Exception as error:  # noqa: BLE001 - one person's fault must not hold up the others
            if len(some) > 1:
                done += _do_for_all(job, some, act, together=1)
            else:
                _FAULTS.inc()
                _log.error(f"{job}.failed", job=job, **fault(error))
    return done
