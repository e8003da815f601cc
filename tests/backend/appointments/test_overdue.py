"""Check-ins that do not come: the officer is told once, unless the person was excused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from backend.alerts import service as alerts
from backend.alerts.kinds import AlertKind, Severity
from backend.alerts.lifecycle import AlertState, Disposition, Step
from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import EventKind
from backend.appointments import overdue, service
from backend.appointments.models import AppointmentRow
from backend.appointments.service import Appointment, AppointmentKind, AppointmentTerms
from backend.conditions import orders
from backend.conditions.orders import OrderTerms
from backend.core.db import Database
from backend.location.models import Episode
from backend.migrations import downgrade, upgrade
from backend.worker import jobs
from tests.support.clocks import FrozenClock
from tests.support.conditions import exempt, let_rest, propose_absence
from tests.support.location import HOME, Watched, at, watched_person

DUE: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
GRACE: Final = timedelta(hours=1)
OVER: Final = DUE + GRACE


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person with a phone, under an order."""
    return watched_person(app, database, clock, curfew=False)


def expect(
    watched: Watched,
    starts_at: datetime = DUE,
    kind: AppointmentKind = AppointmentKind.CHECK_IN,
) -> Appointment:
    with watched.database.transaction() as session:
        return service.make_appointment(
            session,
            watched.case.officer,
            watched.case.supervisee_id,
            kind,
            AppointmentTerms(starts_at=starts_at),
            now=watched.clock.now(),
        )


@pytest.fixture
def expected(watched: Watched) -> Appointment:
    """A check-in three hours ahead."""
    return expect(watched)


def check_in(watched: Watched, expected: Appointment, at_time: datetime) -> int:
    """Check in then and return the status."""
    watched.clock.set(at_time)
    watched.phone.take_fix(at(HOME))
    return watched.phone.check_in(str(expected.id)).status


def work(watched: Watched, now: datetime) -> None:
    """Let the worker look once, at this time."""
    watched.clock.set(now)
    jobs.look_for_check_ins(watched.database, now)


def told(watched: Watched) -> list[AlertRow]:
    return [one for one in watched.alerts() if one.kind is AlertKind.FAILURE_TO_REPORT]


def the_alert(watched: Watched) -> AlertRow:
    (alert,) = told(watched)
    return alert


def events(watched: Watched) -> list[EventKind]:
    with watched.database.snapshot() as session:
        mine = AlertEventRow.alert_id == the_alert(watched).id
        rows = session.scalars(select(AlertEventRow).where(mine).order_by(AlertEventRow.number))
        return [row.kind for row in rows]


def row_of(watched: Watched, appointment_id: UUID) -> AppointmentRow:
    with watched.database.snapshot() as session:
        return session.get_one(AppointmentRow, appointment_id)


def decide(watched: Watched, alert: AlertRow) -> None:
    steps = (
        (Step.ACKNOWLEDGE, None),
        (Step.INVESTIGATE, None),
        (Step.RESOLVE, Disposition.EXCUSED),
    )
    with watched.database.transaction() as session:
        for step, disposition in steps:
            alerts.take_step(
                session,
                watched.case.officer,
                alert.id,
                step,
                note="The train did not run.",
                disposition=disposition,
                now=watched.clock.now(),
            )


class TestWhatIsTold:
    def test_a_check_in_that_never_comes_is_told_when_its_time_is_over(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, DUE)
        work(watched, OVER - timedelta(seconds=1))
        early = told(watched)
        work(watched, OVER)

        assert early == []
        alert = the_alert(watched)
        assert (alert.severity, alert.state) == (Severity.WARNING, AlertState.OPEN)
        assert (alert.occurred_at, alert.detected_at) == (OVER, OVER)
        assert alert.explanation == {
            "appointment_id": str(expected.id),
            "due_at": "2026-03-02T12:00:00Z",
            "late_from": "2026-03-02T13:00:00Z",
            "came_at": None,
            "refused_attempts": 0,
        }
        assert alert.sentence_en == (
            "The check-in expected at 2026-03-02 06:00, on time until 2026-03-02 07:00, has not "
            "come. It can still be made. Attempts that were refused: 0. By itself this is not a "
            "violation."
        )
        assert alert.sentence_es == (
            "La presentación prevista a las 2026-03-02 06:00, puntual hasta las 2026-03-02 07:00, "
            "no se ha hecho. Todavía puede hacerse. Intentos rechazados: 0. Por sí solo no es un "
            "incumplimiento."
        )

    def test_once_for_each_appointment(self, watched: Watched) -> None:
        first, second = expect(watched), expect(watched, DUE + timedelta(days=1))

        for hours in range(40):
            work(watched, OVER + timedelta(hours=hours))

        causes = {alert.source_id for alert in told(watched)}
        assert len(told(watched)) == 2
        assert causes == {first.id, second.id}

    def test_a_worker_that_looks_late_tells_when_it_was_over(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER + timedelta(days=3))

        alert = the_alert(watched)
        assert alert.source_id == expected.id
        assert (alert.occurred_at, alert.detected_at) == (OVER, OVER + timedelta(days=3))

    @pytest.mark.usefixtures("expected")
    def test_an_agency_may_state_another_grace_until_it_is_over(self, watched: Watched) -> None:
        watched.set_policy(check_in_grace_s=0)

        work(watched, DUE)

        assert the_alert(watched).occurred_at == DUE

    @pytest.mark.usefixtures("expected")
    def test_it_is_no_violation(self, watched: Watched) -> None:
        work(watched, OVER)

        with watched.database.snapshot() as session:
            assert session.scalars(select(Episode)).all() == []

    @pytest.mark.parametrize("kind", [AppointmentKind.HEARING, AppointmentKind.APPOINTMENT])
    def test_what_is_in_person_is_looked_for_by_nobody(
        self, watched: Watched, kind: AppointmentKind
    ) -> None:
        made = expect(watched, kind=kind)

        work(watched, OVER)

        assert (told(watched), row_of(watched, made.id).look_at) == ([], None)

    def test_only_so_many_at_once(self, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(overdue, "BATCH", 2)
        for _ in range(3):
            expect(watched)
        watched.set_policy(check_in_grace_s=0)
        watched.clock.set(OVER)

        more = [jobs.look_for_check_ins(watched.database, OVER) for _ in range(2)]

        assert more == [True, False]
        assert len(told(watched)) == 3


class TestWhatCounts:
    @pytest.mark.parametrize("when", [DUE - timedelta(hours=2), OVER - timedelta(seconds=1)])
    def test_who_checked_in_is_told_of_by_nobody(
        self, watched: Watched, expected: Appointment, when: datetime
    ) -> None:
        assert check_in(watched, expected, when) == 200

        work(watched, OVER)

        assert (told(watched), row_of(watched, expected.id).look_at) == ([], None)

    @pytest.mark.parametrize("least", ["device", "verified"])
    def test_a_refused_and_a_too_weak_check_in_do_not_count(
        self, watched: Watched, expected: Appointment, least: str
    ) -> None:
        watched.set_policy(least_presence=least)
        if least == "verified":
            watched.phone.enrol_presence()
        assert check_in(watched, expected, DUE) == 403
        assert check_in(watched, expected, DUE + timedelta(minutes=1)) == 403

        work(watched, OVER)

        alert = the_alert(watched)
        assert alert.explanation["refused_attempts"] == 2
        assert "Attempts that were refused: 2." in alert.sentence_en

    def test_what_is_cancelled_is_not_looked_for(
        self, watched: Watched, expected: Appointment
    ) -> None:
        with watched.database.transaction() as session:
            service.cancel_appointment(
                session, watched.case.officer, expected.id, reason="Ill.", now=watched.clock.now()
            )

        work(watched, OVER)

        assert (told(watched), row_of(watched, expected.id).look_at) == ([], None)

    def test_what_is_moved_is_looked_for_at_its_new_time(
        self, watched: Watched, expected: Appointment
    ) -> None:
        later = DUE + timedelta(days=2)
        with watched.database.transaction() as session:
            terms = AppointmentTerms(starts_at=later)
            now = watched.clock.now()
            service.change_appointment(session, watched.case.officer, expected.id, terms, now=now)

        work(watched, OVER)
        at_the_old_time = told(watched)
        work(watched, later + GRACE)

        assert at_the_old_time == []
        assert the_alert(watched).occurred_at == later + GRACE

    def test_what_was_called_off_since_the_worker_read_is_left_alone(
        self, watched: Watched, expected: Appointment
    ) -> None:
        with watched.database.snapshot() as session:
            waiting = overdue.due(session, OVER)
        with watched.database.transaction() as session:
            service.cancel_appointment(
                session, watched.case.officer, expected.id, reason="Ill.", now=watched.clock.now()
            )

        with watched.database.transaction() as session:
            overdue.look(session, waiting[0], OVER)

        assert (waiting, told(watched)) == ([expected.id], [])


class TestWhoIsExcused:
    @pytest.mark.usefixtures("expected")
    def test_during_an_absence_nobody_is_told(self, watched: Watched) -> None:
        with watched.database.transaction() as session:
            let_rest(session, watched.case, now=watched.clock.now(), hours=4)

        work(watched, OVER)

        assert told(watched) == []

    @pytest.mark.usefixtures("expected")
    def test_an_absence_that_nobody_approved_excuses_nobody(self, watched: Watched) -> None:
        with watched.database.transaction() as session:
            propose_absence(session, watched.case, now=watched.clock.now(), hours=4)

        work(watched, OVER)

        assert len(told(watched)) == 1

    @pytest.mark.parametrize("hours", [2, 3])
    @pytest.mark.usefixtures("expected")
    def test_an_absence_that_ends_before_it_is_due_excuses_nobody(
        self, watched: Watched, hours: float
    ) -> None:
        with watched.database.transaction() as session:
            let_rest(session, watched.case, now=watched.clock.now(), hours=hours)

        work(watched, OVER)

        assert len(told(watched)) == 1

    @pytest.mark.usefixtures("expected")
    def test_with_an_exemption_nobody_is_told(self, watched: Watched) -> None:
        with watched.database.transaction() as session:
            exempt(session, watched.case, now=watched.clock.now(), days=0.2)

        work(watched, OVER)

        assert told(watched) == []

    def test_without_an_order_nobody_is_told(
        self, app: Flask, database: Database, clock: FrozenClock
    ) -> None:
        watched = watched_person(app, database, clock, ordered=False)
        expected = expect(watched)

        work(watched, OVER)

        assert (told(watched), row_of(watched, expected.id).look_at) == ([], None)

    def test_an_absence_that_is_approved_later_withdraws_the_alert(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        with watched.database.transaction() as session:
            starts_at = DUE - timedelta(hours=1)
            let_rest(session, watched.case, now=watched.clock.now(), starts_at=starts_at)

        work(watched, OVER + overdue.LOOK_EVERY)

        assert the_alert(watched).state is AlertState.WITHDRAWN
        assert events(watched) == [EventKind.RAISED, EventKind.WITHDRAWN]
        assert row_of(watched, expected.id).look_at is None

    def test_what_an_officer_decided_stands_beside_a_late_absence(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        decide(watched, the_alert(watched))
        with watched.database.transaction() as session:
            starts_at = DUE - timedelta(hours=1)
            let_rest(session, watched.case, now=watched.clock.now(), starts_at=starts_at)

        work(watched, OVER + overdue.LOOK_EVERY)

        assert the_alert(watched).state is AlertState.RESOLVED
        assert events(watched)[-1] is EventKind.CONTRADICTED
        assert row_of(watched, expected.id).look_at is None

    def test_an_order_that_turns_out_to_have_ended_withdraws_the_alert(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        assert watched.order is not None
        terms = OrderTerms(
            court=watched.order.court,
            reference=watched.order.reference,
            judge=None,
            issued_on=None,
            starts_at=watched.order.starts_at,
            ends_at=DUE - timedelta(hours=1),
        )
        with watched.database.transaction() as session:
            orders.change_order(
                session, watched.case.officer, watched.order.id, terms, now=watched.clock.now()
            )

        work(watched, OVER + overdue.LOOK_EVERY)

        assert the_alert(watched).state is AlertState.WITHDRAWN
        assert row_of(watched, expected.id).alert_id is None

    def test_after_thirty_days_nobody_looks_any_more(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        work(watched, DUE + overdue.LOOK_FOR)

        assert row_of(watched, expected.id).look_at is None
        assert the_alert(watched).state is AlertState.OPEN


class TestWhatComesLate:
    def test_a_late_check_in_is_recorded_with_the_alert_and_clears_it(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        late = OVER + timedelta(minutes=20)

        status = check_in(watched, expected, late)

        alert = the_alert(watched)
        assert status == 200
        assert (alert.state, alert.cleared_at) == (AlertState.OPEN, late)
        assert alert.explanation["came_at"] == "2026-03-02T13:20:00Z"
        assert alert.sentence_en == (
            "The check-in expected at 2026-03-02 06:00, on time until 2026-03-02 07:00, came at "
            "2026-03-02 07:20. Attempts that were refused: 0. By itself this is not a violation."
        )
        assert alert.sentence_es == (
            "La presentación prevista a las 2026-03-02 06:00, puntual hasta las 2026-03-02 07:00, "
            "se hizo a las 2026-03-02 07:20. Intentos rechazados: 0. Por sí solo no es un "
            "incumplimiento."
        )
        assert events(watched) == [EventKind.RAISED, EventKind.EXTENDED, EventKind.CLEARED]
        assert row_of(watched, expected.id).look_at is None

    def test_what_an_officer_decided_stands_and_its_history_goes_on(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        decide(watched, the_alert(watched))
        before = the_alert(watched)

        check_in(watched, expected, OVER + timedelta(days=1))

        alert = the_alert(watched)
        assert (alert.state, alert.disposition) == (AlertState.RESOLVED, Disposition.EXCUSED)
        assert (alert.explanation, alert.sentence_en) == (before.explanation, before.sentence_en)
        assert alert.cleared_at == OVER + timedelta(days=1)
        assert events(watched)[-2:] == [EventKind.EXTENDED, EventKind.CLEARED]

    def test_it_is_told_the_same_when_no_worker_had_looked(
        self, watched: Watched, expected: Appointment
    ) -> None:
        late = OVER + timedelta(seconds=5)

        check_in(watched, expected, late)
        work(watched, late + timedelta(minutes=1))

        alert = the_alert(watched)
        assert (alert.occurred_at, alert.cleared_at) == (OVER, late)
        assert alert.explanation["came_at"] == "2026-03-02T13:00:05Z"
        assert events(watched) == [EventKind.RAISED, EventKind.CLEARED]

    @pytest.mark.parametrize("worker_looked", [False, True])
    def test_who_was_excused_and_comes_late_is_told_of_by_nobody(
        self, watched: Watched, expected: Appointment, worker_looked: bool
    ) -> None:
        with watched.database.transaction() as session:
            let_rest(session, watched.case, now=watched.clock.now(), hours=4)
        if worker_looked:
            work(watched, OVER)

        assert check_in(watched, expected, OVER + timedelta(hours=1)) == 200

        assert told(watched) == []

    def test_a_withdrawn_alert_stays_withdrawn(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        with watched.database.transaction() as session:
            starts_at = DUE - timedelta(hours=1)
            let_rest(session, watched.case, now=watched.clock.now(), starts_at=starts_at)
        work(watched, OVER + overdue.LOOK_EVERY)

        check_in(watched, expected, OVER + timedelta(hours=2))

        assert the_alert(watched).state is AlertState.WITHDRAWN

    def test_after_a_month_it_is_recorded_all_the_same(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        work(watched, DUE + overdue.LOOK_FOR)

        check_in(watched, expected, DUE + timedelta(days=40))

        assert the_alert(watched).cleared_at == DUE + timedelta(days=40)

    def test_what_a_longer_grace_makes_timely_clears_the_alert_too(
        self, watched: Watched, expected: Appointment
    ) -> None:
        work(watched, OVER)
        watched.set_policy(check_in_grace_s=86_400)
        work(watched, OVER + overdue.LOOK_EVERY)

        check_in(watched, expected, OVER + timedelta(hours=2))

        alert = the_alert(watched)
        assert alert.cleared_at == OVER + timedelta(hours=2)
        assert alert.explanation["late_from"] == "2026-03-03T12:00:00Z"

    def test_asking_again_adds_nothing(self, watched: Watched, expected: Appointment) -> None:
        work(watched, OVER)
        check_in(watched, expected, OVER + timedelta(minutes=1))
        before = events(watched)

        check_in(watched, expected, OVER + timedelta(minutes=9))

        assert events(watched) == before


def test_one_faulty_appointment_does_not_hold_up_the_others(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty, other = expect(watched), expect(watched)
    look = overdue.look

    def fail_for_one(session: object, one: UUID, now: datetime) -> None:
        if one == faulty.id:
            raise RuntimeError
        look(session, one, now)  # type: ignore[arg-type]  # passed on

    watched.set_policy(check_in_grace_s=0)
    with monkeypatch.context() as patch:
        patch.setattr(overdue, "look", fail_for_one)
        work(watched, OVER)
    first = [alert.source_id for alert in told(watched)]
    work(watched, OVER + timedelta(minutes=1))

    assert first == [other.id]
    assert {alert.source_id for alert in told(watched)} == {faulty.id, other.id}


def test_the_alert_names_the_appointment(watched: Watched, expected: Appointment) -> None:
    work(watched, OVER)

    with watched.database.snapshot() as session:
        detail = alerts.alert(session, watched.case.officer, the_alert(watched).id)

    assert (detail.source, detail.source_id) == ("check-in", expected.id)
    assert row_of(watched, expected.id).alert_id == detail.alert.id


def test_at_its_coming_check_ins_that_are_ahead_are_looked_for_and_no_others(
    watched: Watched,
) -> None:
    past, ahead = (datetime(year, 3, 2, tzinfo=UTC) for year in (2020, 2999))
    watched.clock.set(past - timedelta(hours=1))
    old, coming, cancelled, hearing = (
        expect(watched, past),
        expect(watched, ahead),
        expect(watched, ahead),
        expect(watched, ahead, AppointmentKind.HEARING),
    )
    with watched.database.transaction() as session:
        now = watched.clock.now()
        service.cancel_appointment(
            session, watched.case.officer, cancelled.id, reason="Ill.", now=now
        )

    downgrade(watched.database, "0020")
    upgrade(watched.database)

    looked_at = {
        one.id: row_of(watched, one.id).look_at for one in (old, coming, cancelled, hearing)
    }
    assert looked_at == {
        old.id: None,
        coming.id: ahead,
        cancelled.id: None,
        hearing.id: None,
    }
