from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from backend.alerts import notice, service
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState, Disposition, Step
from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import AlertDetail, EventKind
from backend.audit import service as audit
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.outbox.models import OutboxMessage
from notifications.delivery import MessageState
from notifications.formats import Language
from tests.support.alerts import an_explanation, raised_alert
from tests.support.audit import acts_kept
from tests.support.clocks import START
from tests.support.identity import make_officer, make_supervisee
from tests.support.offices import Office

LATER = START + timedelta(minutes=5)


def _detail(database: Database, office: Office, alert_id: UUID) -> AlertDetail:
    with database.snapshot() as session:
        return service.alert(session, office.actor, alert_id)


def _kinds(detail: AlertDetail) -> list[EventKind]:
    return [event.kind for event in detail.events]


def _messages(database: Database) -> list[OutboxMessage]:
    with database.snapshot() as session:
        return list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def _decide(database: Database, office: Office, alert_id: UUID) -> None:
    with database.transaction() as session:
        for step, disposition in [
            (Step.ACKNOWLEDGE, None),
            (Step.INVESTIGATE, None),
            (Step.RESOLVE, Disposition.EXCUSED),
        ]:
            service.take_step(
                session,
                office.actor,
                alert_id,
                step,
                note="Spoke with Testa.",
                disposition=disposition,
                now=START,
            )


def test_an_unknown_alert_is_a_fault(database: Database) -> None:
    with database.transaction() as session, pytest.raises(LookupError):
        service.clear(session, uuid4(), START, START)


def test_a_cause_cannot_move_to_another_person(database: Database, office: Office) -> None:
    cause = uuid4()

    with database.transaction() as session:
        raised_alert(session, office.person, START, source_id=cause)
        stranger = make_supervisee(session, office.agency, START)
        with pytest.raises(LookupError):
            raised_alert(session, stranger, START, source_id=cause)


def test_an_alert_is_raised_with_its_explanation(database: Database, office: Office) -> None:
    explanation = an_explanation("40 m inside.", distance_m=40.25, fixes=["a", "b"])

    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, explanation=explanation)

    detail = _detail(database, office, alert_id)
    assert detail.alert.state is AlertState.OPEN
    assert detail.alert.detected_at == START
    assert detail.alert.occurred_at == START - timedelta(minutes=2)
    assert detail.explanation == {"distance_m": 40.25, "fixes": ["a", "b"]}
    assert (detail.alert.sentence_en, detail.alert.sentence_es) == (
        "40 m inside.",
        "[es] 40 m inside.",
    )
    assert _kinds(detail) == [EventKind.RAISED]


def test_one_cause_has_one_alert_however_often_it_is_raised(
    database: Database, office: Office
) -> None:
    cause = uuid4()

    with database.transaction() as session:
        first = raised_alert(session, office.person, START, source_id=cause)
    with database.transaction() as session:
        again = raised_alert(session, office.person, START, source_id=cause)

    assert again == first
    assert _kinds(_detail(database, office, first)) == [EventKind.RAISED]


def test_a_repeat_confirms_and_raises_the_severity_and_keeps_when_it_was_detected(
    database: Database, office: Office
) -> None:
    cause = uuid4()
    with database.transaction() as session:
        alert_id = raised_alert(
            session, office.person, START, source_id=cause, certainty=Certainty.POSSIBLE
        )

    with database.transaction() as session:
        raised_alert(
            session,
            office.person,
            LATER,
            source_id=cause,
            kind=AlertKind.EXCLUSION_CROSSED,
            severity=Severity.CRITICAL,
            explanation=an_explanation("Two fixes inside."),
        )

    detail = _detail(database, office, alert_id)
    assert detail.alert.kind is AlertKind.EXCLUSION_CROSSED
    assert detail.alert.certainty is Certainty.CONFIRMED
    assert detail.alert.severity is Severity.CRITICAL
    assert detail.alert.sentence_en == "Two fixes inside."
    assert detail.alert.detected_at == START
    assert detail.alert.evidence_at == LATER
    assert _kinds(detail) == [EventKind.RAISED, EventKind.EXTENDED]


def test_severity_never_falls(database: Database, office: Office) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, severity=Severity.CRITICAL)
        service.extend(
            session,
            alert_id,
            severity=Severity.INFORMATION,
            certainty=Certainty.POSSIBLE,
            occurred_at=START,
            explanation=an_explanation("Less sure now."),
            now=LATER,
        )

    alert = _detail(database, office, alert_id).alert
    assert alert.severity is Severity.CRITICAL
    assert alert.certainty is Certainty.POSSIBLE


def test_a_decided_alert_keeps_everything_but_its_history(
    database: Database, office: Office
) -> None:
    cause = uuid4()
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, source_id=cause)
    _decide(database, office, alert_id)
    before = _detail(database, office, alert_id)

    with database.transaction() as session:
        raised_alert(
            session,
            office.person,
            LATER,
            source_id=cause,
            severity=Severity.CRITICAL,
            explanation=an_explanation("New evidence."),
        )

    after = _detail(database, office, alert_id)
    assert after.alert.disposition is Disposition.EXCUSED
    assert after.alert.sentence_en == before.alert.sentence_en
    assert after.alert.severity is before.alert.severity
    assert after.explanation == before.explanation
    assert after.alert.evidence_after_decision
    assert not before.alert.evidence_after_decision
    assert after.events[-1].kind is EventKind.EXTENDED
    assert after.events[-1].finding is not None
    assert after.events[-1].finding["sentence_en"] == "New evidence."
    assert _messages(database) == []


def test_what_judging_no_longer_stands_by_is_withdrawn_with_the_reason(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, severity=Severity.CRITICAL)

    with database.transaction() as session:
        withdrawn = service.withdraw(session, alert_id, an_explanation("A late fix."), LATER)
        again = service.withdraw(session, alert_id, an_explanation("Another word."), LATER)

    detail = _detail(database, office, alert_id)
    assert withdrawn
    assert again
    assert detail.alert.state is AlertState.WITHDRAWN
    assert _kinds(detail) == [EventKind.RAISED, EventKind.WITHDRAWN]
    assert detail.events[-1].finding is not None
    assert detail.events[-1].finding["sentence_en"] == "A late fix."
    assert [message.state for message in _messages(database)] == [MessageState.WITHDRAWN]


def test_a_decided_alert_is_not_withdrawn_but_contradicted_once(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START)
    _decide(database, office, alert_id)

    for _ in range(2):
        with database.transaction() as session:
            assert not service.withdraw(session, alert_id, an_explanation("A late fix."), LATER)

    detail = _detail(database, office, alert_id)
    assert detail.alert.state is AlertState.RESOLVED
    assert _kinds(detail).count(EventKind.CONTRADICTED) == 1
    assert detail.alert.evidence_after_decision


def test_a_withdrawn_alert_is_open_again_when_its_cause_is_raised_again(
    database: Database, office: Office
) -> None:
    cause = uuid4()
    critical = Severity.CRITICAL
    with database.transaction() as session:
        first = raised_alert(session, office.person, START, source_id=cause, severity=critical)
        service.withdraw(session, first, an_explanation("A late fix."), START)

    with database.transaction() as session:
        again = raised_alert(session, office.person, LATER, source_id=cause, severity=critical)

    detail = _detail(database, office, first)
    assert again == first
    assert detail.alert.state is AlertState.OPEN
    assert detail.events[-1].kind is EventKind.REINSTATED
    assert [message.state for message in _messages(database)] == [
        MessageState.WITHDRAWN,
        MessageState.PENDING,
    ]


def test_a_merged_alert_says_into_which(database: Database, office: Office) -> None:
    with database.transaction() as session:
        kept = raised_alert(session, office.person, START)
        other = raised_alert(session, office.person, START)
        assert service.merge(session, other, kept, an_explanation("The same walk."), LATER)

    detail = _detail(database, office, other)
    assert detail.alert.state is AlertState.WITHDRAWN
    assert detail.alert.merged_into == kept


def test_that_it_ended_by_itself_is_stamped_apart_from_the_decision(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START)
        service.clear(session, alert_id, LATER, LATER)
        service.clear(session, alert_id, LATER, LATER)

    cleared = _detail(database, office, alert_id)
    assert cleared.alert.cleared_at == LATER
    assert cleared.alert.state is AlertState.OPEN
    assert _kinds(cleared) == [EventKind.RAISED, EventKind.CLEARED]

    with database.transaction() as session:
        service.clear(session, alert_id, None, LATER)

    assert _detail(database, office, alert_id).alert.cleared_at is None


def test_decided_names_those_on_which_a_human_has_decided(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        decided = raised_alert(session, office.person, START)
        undecided = raised_alert(session, office.person, START)
    _decide(database, office, decided)

    with database.snapshot() as session:
        assert service.decided(session, [decided, undecided, uuid4()]) == {decided}
        assert service.decided(session, []) == frozenset()


def test_a_critical_alert_is_mailed_to_each_officer_in_charge(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        make_officer(session, office.agency, START)  # not in charge
        raised_alert(session, office.person, START, severity=Severity.WARNING)
        alert_id = raised_alert(session, office.person, START, severity=Severity.CRITICAL)

    (message,) = _messages(database)
    assert message.recipient_id == office.officer.id
    assert message.source_id == alert_id
    assert message.due_at == START
    assert message.waking_hours is None


def test_an_alert_that_becomes_critical_is_mailed_then_and_once(
    database: Database, office: Office
) -> None:
    cause = uuid4()
    with database.transaction() as session:
        raised_alert(session, office.person, START, source_id=cause)

    for minutes in (5, 10):
        with database.transaction() as session:
            raised_alert(
                session,
                office.person,
                START + timedelta(minutes=minutes),
                source_id=cause,
                severity=Severity.CRITICAL,
            )

    assert len(_messages(database)) == 1


def test_the_mail_says_nothing_of_the_person(database: Database, office: Office) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, severity=Severity.CRITICAL)

    for language in Language:
        rendered = notice.render_notice(alert_id, language)
        text = f"{rendered}{rendered.body}"
        assert str(alert_id) in text
        assert f"GET /v1/alerts/{alert_id}\n" in rendered.body
        assert "http" not in text
        for secret in ("Testa", office.person.family_name, "zone", "inside", str(office.person.id)):
            assert secret not in text


def test_a_notice_is_due_until_the_alert_is_settled(database: Database, office: Office) -> None:
    with database.transaction() as session:
        open_alert = raised_alert(session, office.person, START)
        resolved = raised_alert(session, office.person, START)
        withdrawn = raised_alert(session, office.person, START)
        service.withdraw(session, withdrawn, an_explanation("A late fix."), START)
    _decide(database, office, resolved)

    with database.snapshot() as session:
        assert service.is_notice_due(session, open_alert, START)
        assert not service.is_notice_due(session, resolved, START)
        assert not service.is_notice_due(session, withdrawn, START)
        assert not service.is_notice_due(session, uuid4(), START)


def test_history_cannot_be_rewritten(database: Database, office: Office) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START)

    for change in ("UPDATE alert_events SET note = 'x'", "DELETE FROM alert_events"):
        with pytest.raises(DatabaseError), database.transaction() as session:
            session.connection().exec_driver_sql(change)

    assert len(_detail(database, office, alert_id).events) == 1


def test_every_event_is_audited(database: Database, office: Office) -> None:
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START)
        service.clear(session, alert_id, LATER, LATER)
        service.withdraw(session, alert_id, an_explanation("A late fix."), LATER)

    with database.snapshot() as session:
        acts = session.scalars(
            select(AuditEvent.act)
            .where(AuditEvent.subject_id == alert_id)
            .order_by(AuditEvent.details)
        ).all()
        agencies = session.scalars(
            select(AuditEvent.agency_id).where(AuditEvent.subject_id == alert_id)
        ).all()
    wanted = [audit.Act.ALERT_RAISED, audit.Act.ALERT_CLEARED, audit.Act.ALERT_WITHDRAWN]
    assert acts == [act.value for act in wanted]
    assert set(agencies) == {office.agency.id}


def test_what_judging_again_does_to_an_alert_is_audited(database: Database, office: Office) -> None:
    cause = uuid4()
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START, source_id=cause)
        raised_alert(session, office.person, LATER, source_id=cause)
        service.clear(session, alert_id, LATER, LATER)
        service.clear(session, alert_id, None, LATER)
        service.withdraw(session, alert_id, an_explanation("A late fix."), LATER)
        raised_alert(session, office.person, LATER, source_id=cause)
    _decide(database, office, alert_id)
    with database.transaction() as session:
        service.withdraw(session, alert_id, an_explanation("A late fix."), LATER)

    assert acts_kept(database) >= {
        audit.Act.ALERT_EXTENDED,
        audit.Act.ALERT_CONTINUED,
        audit.Act.ALERT_REINSTATED,
        audit.Act.ALERT_CONTRADICTED,
    }


def test_what_a_rolled_back_transaction_raised_is_not_there(
    database: Database, office: Office
) -> None:
    with pytest.raises(RuntimeError), database.transaction() as session:
        raised_alert(session, office.person, START, severity=Severity.CRITICAL)
        raise RuntimeError

    with database.snapshot() as session:
        assert session.scalars(select(AlertRow)).all() == []
        assert session.scalars(select(AlertEventRow)).all() == []
    assert _messages(database) == []
