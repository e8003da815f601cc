from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert

from backend.audit import seal as chain
from backend.audit import service
from backend.audit.models import AuditEvent, UnsealedEvent
from backend.audit.service import BreakReason, Head, Verification
from backend.core.db import Database
from tests.support.audit import make_event, tamper
from tests.support.clocks import START, FrozenClock


def verified(database: Database, expected: Head | None = None) -> Verification:
    with database.snapshot() as session:
        return service.verify(session, expected)


def seal(database: Database, now: datetime) -> int:
    with database.transaction() as session:
        return service.seal(session, now)


@pytest.fixture
def sealed(database: Database, clock: FrozenClock) -> Database:
    """A database with five sealed events, a second apart."""
    with database.transaction() as session:
        for _ in range(5):
            make_event(session, clock.step(seconds=1))
    seal(database, clock.now())
    return database


def event_of(number: int) -> str:
    return f"(SELECT event_id FROM audit_seals WHERE number = {number})"


def test_an_empty_record_holds(database: Database) -> None:
    assert seal(database, START) == 0

    found = verified(database)

    assert found.ok
    assert (found.checked, found.unsealed, found.head.number) == (0, 0, 0)


def test_an_untouched_record_holds(sealed: Database, clock: FrozenClock) -> None:
    with sealed.transaction() as session:
        make_event(session, clock.now())

    found = verified(sealed)

    assert found.ok
    assert (found.checked, found.unsealed, found.late) == (5, 1, 0)


def test_an_event_is_sealed_once(sealed: Database, clock: FrozenClock) -> None:
    assert seal(sealed, clock.now()) == 0

    assert verified(sealed).checked == 5


@pytest.mark.parametrize(
    "change",
    [
        "act = 'officer.signed-out'",
        "outcome = 'failed'",
        "details = '{\"a\":1}'",
        "actor_kind = 'officer'",
        "actor_id = subject_id",
        "subject_id = NULL",
        "subject_kind = 'other'",
        "supervisee_id = subject_id",
        "agency_id = subject_id",
        "address = '192.0.2.9'",
        "at = (SELECT at FROM audit_events WHERE id = " + event_of(1) + ")",
    ],
)
def test_a_changed_event_breaks_the_chain_at_its_place(sealed: Database, change: str) -> None:
    tamper(sealed, f"UPDATE audit_events SET {change} WHERE id = {event_of(3)}")

    found = verified(sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (BreakReason.HASH_DIFFERS, 3)
    assert found.checked == 2


def test_a_changed_time_of_sealing_breaks_the_chain(sealed: Database) -> None:
    earlier = "(SELECT at FROM audit_events WHERE id = " + event_of(1) + ")"
    tamper(sealed, f"UPDATE audit_seals SET sealed_at = {earlier} WHERE number = 5")

    found = verified(sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (BreakReason.HASH_DIFFERS, 5)


def test_two_events_that_changed_places_break_the_chain(sealed: Database) -> None:
    tamper(
        sealed,
        "CREATE TABLE swapped AS SELECT number, event_id FROM audit_seals WHERE number IN (2, 3)",
        "DELETE FROM audit_seals WHERE number IN (2, 3)",
        "INSERT INTO audit_seals (number, event_id, sealed_at, hash) "
        "SELECT 5 - swapped.number, swapped.event_id, other.sealed_at, other.hash "
        "FROM swapped, audit_seals AS other WHERE other.number = 1",
    )

    found = verified(sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (BreakReason.HASH_DIFFERS, 2)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_removed_event_breaks_the_chain(sealed: Database, number: int) -> None:
    tamper(sealed, f"DELETE FROM audit_events WHERE id = {event_of(number)}")

    found = verified(sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (
        BreakReason.EVENT_MISSING,
        number,
    )


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_seal_breaks_the_chain(sealed: Database, number: int) -> None:
    tamper(sealed, f"DELETE FROM audit_seals WHERE number = {number}")

    found = verified(sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (
        BreakReason.SEAL_MISPLACED,
        number,
    )


def test_seals_cut_off_at_the_end_leave_stray_events(sealed: Database) -> None:
    tamper(sealed, "DELETE FROM audit_seals WHERE number >= 4")

    found = verified(sealed)

    assert found.first_break is not None
    assert found.first_break.reason is BreakReason.EVENT_STRAY
    assert (found.checked, found.unsealed) == (3, 2)


def test_an_end_cut_off_with_its_events_is_shown_by_a_head_kept_elsewhere(
    sealed: Database,
) -> None:
    kept = verified(sealed).head
    tamper(
        sealed,
        f"DELETE FROM audit_events WHERE id = {event_of(5)}",
        "DELETE FROM audit_seals WHERE number = 5",
    )

    assert verified(sealed).ok
    found = verified(sealed, expected=kept)

    assert found.first_break is not None
    assert found.first_break.reason is BreakReason.HEAD_DIFFERS


def test_a_head_kept_earlier_is_found_in_a_longer_chain(
    sealed: Database, clock: FrozenClock
) -> None:
    kept = verified(sealed).head
    with sealed.transaction() as session:
        make_event(session, clock.now())
    seal(sealed, clock.now())

    assert verified(sealed, expected=kept).ok
    assert verified(sealed, expected=Head(number=0, hash=bytes(32))).ok
    assert not verified(sealed, expected=Head(number=kept.number, hash=bytes(32))).ok


def test_an_event_slipped_in_beside_the_application_is_a_stray(sealed: Database) -> None:
    columns = ", ".join(c.name for c in AuditEvent.__table__.columns if c.name != "id")
    tamper(
        sealed,
        f"INSERT INTO audit_events (id, {columns}) "
        f"SELECT '019cada0000070008000000000000063', {columns} "
        f"FROM audit_events WHERE id = {event_of(3)}",
    )

    found = verified(sealed)

    assert found.first_break is not None
    assert found.first_break.reason is BreakReason.EVENT_STRAY
    assert found.first_break.event_id == UUID("019cada0-0000-7000-8000-000000000063")
    assert (found.checked, found.unsealed) == (5, 1)


def test_an_event_taken_out_of_the_queue_is_a_stray(sealed: Database, clock: FrozenClock) -> None:
    with sealed.transaction() as session:
        make_event(session, clock.now())
    tamper(sealed, "DELETE FROM audit_unsealed")

    assert seal(sealed, clock.now()) == 0
    found = verified(sealed)

    assert found.first_break is not None
    assert found.first_break.reason is BreakReason.EVENT_STRAY


def test_an_event_removed_while_it_waited_is_missed_and_stops_no_other(
    sealed: Database, clock: FrozenClock
) -> None:
    with sealed.transaction() as session:
        make_event(session, clock.step(seconds=1))
    tamper(
        sealed,
        "DELETE FROM audit_events WHERE id NOT IN (SELECT event_id FROM audit_seals)",
    )
    with sealed.transaction() as session:
        make_event(session, clock.step(seconds=1))

    assert seal(sealed, clock.now()) == 1
    found = verified(sealed)

    assert found.checked == 6
    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (
        BreakReason.EVENT_MISSING,
        None,
    )


def test_a_backdated_event_is_reported_as_late(sealed: Database, clock: FrozenClock) -> None:
    with sealed.transaction() as session:
        make_event(session, clock.now() - timedelta(days=30))
        make_event(session, clock.now() - timedelta(minutes=59))
    seal(sealed, clock.now())

    found = verified(sealed)

    assert found.ok
    assert found.late == 1


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE audit_events SET at = 'yesterday' WHERE id = {event_of(3)}",
        f"UPDATE audit_events SET actor_id = 'nobody' WHERE id = {event_of(3)}",
        "UPDATE audit_seals SET sealed_at = 'soon' WHERE number = 3",
    ],
)
def test_what_cannot_be_read_is_a_break_and_no_crash(sqlite_sealed: Database, change: str) -> None:
    tamper(sqlite_sealed, change)

    found = verified(sqlite_sealed)

    assert found.first_break is not None
    assert (found.first_break.reason, found.first_break.number) == (BreakReason.UNREADABLE, 3)
    assert found.checked == 2


@pytest.fixture
def sqlite_sealed(sealed: Database) -> Database:
    """Only SQLite keeps garbage in a typed column."""
    if not sealed.embedded:
        pytest.skip("PostgreSQL refuses it")
    return sealed


def test_more_events_than_one_batch_are_sealed_in_order(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        for _ in range(chain.BATCH + 3):
            make_event(session, clock.now())

    assert seal(database, clock.now()) == chain.BATCH
    assert seal(database, clock.now()) == 3
    found = verified(database)

    assert found.ok
    assert found.checked == chain.BATCH + 3


def test_the_hash_of_a_known_event_never_changes(database: Database) -> None:
    at = datetime(2026, 3, 2, 9, 0, 0, 120_000, tzinfo=UTC)
    with database.transaction() as session:
        session.execute(
            insert(AuditEvent).values(
                id=UUID("019cada0-0000-7000-8000-000000000001"),
                at=at,
                agency_id=UUID(int=10),
                actor_kind="officer",
                actor_id=UUID(int=1),
                address=None,
                act="officer.signed-in",
                outcome="succeeded",
                details="{}",
            )
        )
        session.execute(
            insert(UnsealedEvent).values(event_id=UUID("019cada0-0000-7000-8000-000000000001"))
        )
        service.seal(session, at + timedelta(milliseconds=880))

    assert verified(database).head.hash.hex() == KNOWN_HASH


# printf '\0%.0s' {1..32} | cat - event.json | sha256sum, where event.json holds, in one line:
# {"event":{"act":"officer.signed-in","actor_id":"00000000-0000-0000-0000-000000000001",
#  "actor_kind":"officer","agency_id":"00000000-0000-0000-0000-00000000000a",
#  "at":"2026-03-02T09:00:00.120000+00:00","details":"{}",
#  "id":"019cada0-0000-7000-8000-000000000001","outcome":"succeeded"},
#  "number":1,"sealed_at":"2026-03-02T09:00:01+00:00"}
KNOWN_HASH = "4a594263b1b76b016b797a99b672a0d196f6f4b6c9dd99eb8e73302bf56a366a"
