"""The journal end to end: buffered fixes come late, count by when they were taken, and in a chain."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import select

from backend.alerts.kinds import AlertKind, Severity
from backend.alerts.lifecycle import AlertState
from backend.audit.acts import Act
from backend.core.actor import Actor
from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.key_state import KeyReason
from backend.identity.roles import Role
from backend.identity.tokens import open_session
from backend.location.models import JournalChain, JournalEntry
from backend.location.refusals import RefusalReason
from backend.simulator.position import Position
from tests.support.audit import recorded_acts
from tests.support.clocks import FrozenClock
from tests.support.conditions import employ
from tests.support.location import HOME, MARKET, Watched, approach, at, enrol, watched_person


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person at home with a phone that has not sent anything."""
    return watched_person(app, database, clock)


def buffer(watched: Watched, positions: list[Position], every_s: float = 60) -> None:
    """Take fixes without a connection."""
    for position in positions:
        watched.phone.buffer_fix(position)
        watched.clock.step(seconds=every_s)


def tokens(watched: Watched) -> list[JournalEntry]:
    with watched.database.snapshot() as session:
        return list(
            session.scalars(select(JournalEntry).order_by(JournalEntry.n, JournalEntry.forked))
        )


def chain(watched: Watched) -> JournalChain:
    with watched.database.snapshot() as session:
        return session.scalars(select(JournalChain)).one()


def kinds(watched: Watched) -> list[AlertKind]:
    return [one.kind for one in watched.alerts() if one.state is not AlertState.WITHDRAWN]


def spans(value: list[dict[str, int]]) -> list[tuple[int, int]]:
    return [(span["first"], span["last"]) for span in value]


def test_buffered_fixes_are_kept_and_receipted(watched: Watched, app: Flask) -> None:
    buffer(watched, [at(HOME, east_m=n) for n in range(3)])

    answer = watched.phone.send_journal()

    assert answer.status == 200, answer.body
    said = answer.json()
    assert (said["n"], said["accepted"], said["refused"]) == (1, 3, [])
    assert (said["missing"], said["unaccounted"]) == ([], [])
    fixes = watched.fixes()
    assert [(fix.seq, fix.journal_n, fix.refused, fix.usable) for fix in fixes] == [
        (1, 1, None, True),
        (2, 1, None, True),
        (3, 1, None, True),
    ]
    (entry,) = tokens(watched)
    published = app.test_client().get("/.well-known/jwks.json").get_json()["keys"][0]
    receipt = jwt.decode(said["receipt"], jwt.PyJWK(published), algorithms=["ES256"])
    assert receipt["jkt"] == watched.phone.jkt
    assert (receipt["n"], receipt["accepted"], receipt["refused"]) == (1, 3, 0)
    assert receipt["hash"] == watched.phone.journal.head  # type: ignore[union-attr]
    assert entry.signed == watched.phone._last_request.body.decode()  # type: ignore[union-attr]


def test_the_same_token_again_gets_the_same_receipt(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    text = watched.phone.write_journal()
    first = watched.phone.send_token(text).json()
    watched.clock.step(minutes=20)

    again = watched.phone.send_token(text).json()

    assert again == first
    assert len(watched.fixes()) == len(tokens(watched)) == 1


def test_a_breach_while_offline_is_found_by_when_it_happened(watched: Watched) -> None:
    watched.walk([at(HOME)])
    buffer(
        watched, [*approach(MARKET, 2000.0, 8), *(at(MARKET, north_m=20.0 * n) for n in (1, 2, 3))]
    )
    watched.clock.step(hours=2)
    watched.sweep()

    answer = watched.phone.send_journal()

    assert answer.status == 200
    assert AlertKind.EXCLUSION_ENTERED in kinds(watched)
    entered = next(one for one in watched.alerts() if one.kind is AlertKind.EXCLUSION_ENTERED)
    assert entered.detected_at - entered.occurred_at > watched.clock.now() - watched.clock.now()
    assert all(one.cleared_at for one in watched.alerts() if one.kind is AlertKind.NO_COMMUNICATION)


def test_what_comes_in_a_journal_is_judged_as_if_it_had_come_live(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    route = [at(HOME), *approach(MARKET, 2000.0, 8), at(MARKET, north_m=20), at(MARKET), at(HOME)]
    live = watched_person(app, database, clock)
    late = watched_person(app, database, clock, name="other")
    for position in route:
        live.phone.send_fix(position)
        late.phone.buffer_fix(position)
        clock.step(seconds=60)
    late.phone.send_journal()

    verdicts: dict[Any, list[tuple[Any, ...]]] = {}
    for row in live.episodes():
        told = (row.certainty, row.onset_s, row.ended_s, row.perimeter)
        verdicts.setdefault(row.supervisee_id, []).append(told)

    assert len(verdicts) == 2
    one, other = verdicts.values()
    assert sorted(one) == sorted(other)


def test_a_fix_that_came_live_is_one_fix(watched: Watched) -> None:
    watched.phone.send_fix(at(HOME))
    watched.phone.keep_fix()
    watched.clock.step(seconds=60)
    buffer(watched, [at(HOME, east_m=5)])

    said = watched.phone.send_journal().json()

    assert (said["accepted"], said["refused"], said["unaccounted"]) == (2, [], [])
    assert [(fix.seq, fix.journal_n) for fix in watched.fixes()] == [(1, None), (2, 1)]


def test_another_fix_under_a_live_ones_number_is_a_fork(watched: Watched) -> None:
    watched.phone.send_fix(at(HOME))
    watched.phone._seq = 0
    buffer(watched, [at(HOME, east_m=50), at(HOME, east_m=51)])

    said = watched.phone.send_journal().json()

    assert (said["accepted"], said["refused"]) == (1, [{"seq": 1, "reason": "FORKED"}])
    assert next(fix.longitude for fix in watched.fixes()) == HOME[1]
    (told,) = (one for one in watched.alerts() if one.kind is AlertKind.JOURNAL_FORK)
    assert told.severity is Severity.WARNING


def test_a_gap_that_is_declared_is_no_gap(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    watched.phone.lose_fix("TIMEOUT")
    watched.phone.lose_fix("TIMEOUT")
    buffer(watched, [at(HOME)])

    said = watched.phone.send_journal().json()

    assert said["unaccounted"] == []
    assert tokens(watched)[0].gaps == "[[2,3]]"
    assert chain(watched).seq_to == 4


def test_a_gap_that_is_not_declared_is_noted_and_told(watched: Watched) -> None:
    watched.walk([at(HOME)])
    watched.phone._seq += 2
    buffer(watched, [at(HOME)])
    watched.phone._seq += 1
    buffer(watched, [at(HOME)])

    said = watched.phone.send_journal().json()

    assert spans(said["unaccounted"]) == [(2, 3), (5, 5)]
    assert tokens(watched)[0].unaccounted == "[[2,3],[5,5]]"


def test_a_token_that_is_missing_is_asked_for_and_may_still_come(watched: Watched) -> None:
    texts = []
    for _ in range(4):
        buffer(watched, [at(HOME), at(HOME, east_m=3)])
        texts.append(watched.phone.write_journal())

    answers = [watched.phone.send_token(texts[n]).json() for n in (0, 3, 1, 2)]

    assert [spans(said["missing"]) for said in answers] == [[], [(2, 3)], [(3, 3)], []]
    assert [said["unaccounted"] for said in answers] == [[], [], [], []]
    assert [fix.seq for fix in watched.fixes()] == list(range(1, 9))
    assert (chain(watched).complete_n, chain(watched).seq_to) == (4, 8)


def test_what_a_late_token_leaves_open_is_noted_then(watched: Watched) -> None:
    texts = []
    for _ in range(3):
        buffer(watched, [at(HOME)])
        watched.phone._seq += 1
        texts.append(watched.phone.write_journal())

    answers = [watched.phone.send_token(texts[n]).json() for n in (0, 2, 1)]

    assert [spans(said["unaccounted"]) for said in answers] == [[], [], [(2, 2), (4, 4)]]


def fork_of(watched: Watched, position: Position) -> str:
    """Sign another token under the number of the last one, as a phone restored from a backup."""
    journal = watched.phone.journal
    assert journal is not None
    journal.n -= 1
    watched.phone._seq -= 1
    watched.phone.buffer_fix(position)
    return watched.phone.write_journal()


def test_a_fork_is_refused_told_to_the_officer_and_kept(watched: Watched) -> None:
    start = deepcopy(watched.phone.journal)
    buffer(watched, [at(HOME)])
    first = watched.phone.write_journal()
    watched.phone.journal = start
    watched.phone._seq = 0
    buffer(watched, [at(HOME, east_m=900)])
    second = watched.phone.write_journal()

    answers = [watched.phone.send_token(text) for text in (first, second, second, first)]

    assert [answer.status for answer in answers] == [200, 409, 409, 200]
    assert answers[1].json()["code"] == "journal-fork"
    assert [(entry.forked, entry.signed) for entry in tokens(watched)] == [
        (False, first),
        (True, second),
    ]
    assert [fix.longitude for fix in watched.fixes()] == [HOME[1]]
    (told,) = (one for one in watched.alerts() if one.kind is AlertKind.JOURNAL_FORK)
    assert told.severity is Severity.WARNING
    assert chain(watched).forks == 1


def test_a_token_that_follows_another_history_is_a_fork(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    kept = watched.phone.write_journal()
    fork_of(watched, at(HOME, east_m=900))
    buffer(watched, [at(HOME)])
    after_fork = watched.phone.write_journal()

    answers = [watched.phone.send_token(text).status for text in (kept, after_fork)]

    assert answers == [200, 409]
    assert [entry.forked for entry in tokens(watched)] == [False, True]


def test_a_token_that_a_later_one_does_not_follow_is_a_fork(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    left_out = watched.phone.write_journal()
    fork_of(watched, at(HOME, east_m=900))
    buffer(watched, [at(HOME)])
    later = watched.phone.write_journal()

    answers = [watched.phone.send_token(text).status for text in (later, left_out)]

    assert answers == [200, 409]


def test_forked_tokens_beyond_enough_are_not_kept(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.location.journal_intake.MAX_FORKS_KEPT", 1)
    buffer(watched, [at(HOME)])
    texts = [watched.phone.write_journal()]
    for number in (1, 2):
        assert watched.phone.journal is not None
        watched.phone.journal.n = 0
        watched.phone._seq = 0
        buffer(watched, [at(HOME, east_m=number)])
        texts.append(watched.phone.write_journal())

    assert [watched.phone.send_token(text).status for text in texts] == [200, 409, 409]
    assert len(tokens(watched)) == 2


def test_a_first_token_that_does_not_begin_with_the_enrolment_is_refused(watched: Watched) -> None:
    assert watched.phone.journal is not None
    watched.phone.journal.head = "A" * 43
    buffer(watched, [at(HOME)])

    answer = watched.phone.send_journal()

    assert (answer.status, answer.json()["reason"]) == (422, "WRONG_START")
    assert (tokens(watched), watched.fixes()) == ([], [])


def test_fixes_are_refused_one_by_one_with_their_reasons(watched: Watched, app: Flask) -> None:
    watched.clock.step(hours=2)
    watched.phone = enrol(app.test_client(), watched.database, watched.clock, watched.case)
    buffer(watched, [at(HOME)])
    assert watched.phone.journal is not None
    before_it_was_theirs: Any = deepcopy(watched.phone.journal.fixes[0])
    before_it_was_theirs["location"]["timestamp"] -= 3600
    watched.phone.journal.fixes = [before_it_was_theirs]
    buffer(watched, [at(HOME, mock=True), at(HOME, mock=True, accuracy_m=400)])
    buffer(watched, [at((0.0, 0.0)), at(HOME, accuracy_m=101)])
    buffer(watched, [at(HOME), at(HOME, east_m=60_000)])
    watched.clock.step(hours=1)
    buffer(watched, [at(HOME)])
    watched.clock.step(minutes=-2)

    said = watched.phone.send_journal().json()

    assert [one["reason"] for one in said["refused"]] == [
        "STALE",
        "MOCK",
        "MOCK",
        "ZERO_ZERO",
        "LOW_ACCURACY",
        "IMPLAUSIBLE",
        "FUTURE",
    ]
    assert said["accepted"] == 1
    by_seq = {fix.seq: fix for fix in watched.fixes()}
    assert [seq for seq, fix in by_seq.items() if fix.usable] == [5, 6, 7]
    assert by_seq[7].refused is RefusalReason.IMPLAUSIBLE
    assert "impossible_speed" in by_seq[7].signals


def test_after_one_wrong_fix_the_right_ones_are_accepted(watched: Watched) -> None:
    buffer(watched, [at(HOME), at(HOME, east_m=60_000), at(HOME), at(HOME, east_m=2)])

    said = watched.phone.send_journal().json()

    assert said["refused"] == [{"seq": 2, "reason": "IMPLAUSIBLE"}]


def test_a_clock_that_creeps_is_a_signal(watched: Watched) -> None:
    fixes = []
    for number in range(6):
        watched.phone.take_fix(at(HOME))
        said: Any = deepcopy(watched.phone._fix.said)  # type: ignore[union-attr]
        said["location"]["timestamp"] += number
        fixes.append(said)
        watched.clock.step(seconds=60)
    assert watched.phone.journal is not None
    watched.phone.journal.fixes = fixes

    watched.phone.send_journal()

    signals = [fix.signals for fix in watched.fixes()]
    assert signals == ["", "", "", *["clock_tampered"] * 3]


def test_under_no_order_nothing_of_where_somebody_was_is_kept(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, ordered=False)
    buffer(watched, [at(HOME)])

    said = watched.phone.send_journal().json()

    assert said["refused"] == [{"seq": 1, "reason": "NO_ORDER"}]
    assert watched.fixes() == []
    assert [entry.signed for entry in tokens(watched)] == [""]


def test_a_suspended_phone_keeps_its_journal(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    with watched.database.transaction() as session:
        devices.suspend(
            session,
            watched.case.officer,
            watched.phone.jkt,
            reason=KeyReason.TAMPERING_SUSPECTED,
            now=watched.clock.now(),
        )

    answer = watched.phone.send_journal()

    assert (answer.status, answer.json()["reason"]) == (403, "SUSPENDED_DEVICE")
    assert (tokens(watched), watched.fixes()) == ([], [])
    assert watched.phone.journal is not None
    assert list(watched.phone.journal.unsent) == [1]


def test_a_journal_passes_no_gate(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    watched.phone.send_journal()

    refused = watched.phone.request_without_location()

    assert refused.status == 403


def test_gaps_alone_move_the_chain_on(watched: Watched) -> None:
    watched.phone.lose_fix("SERVICES_OFF")

    said = watched.phone.send_journal().json()

    assert (said["accepted"], said["unaccounted"]) == (0, [])
    assert (chain(watched).complete_n, chain(watched).seq_to) == (1, 1)


def test_fixes_of_another_start_of_the_phone_go_on_in_another_token(watched: Watched) -> None:
    buffer(watched, [at(HOME)])
    watched.phone.send_journal()
    watched.phone.reboot()
    buffer(watched, [at(HOME)])

    assert watched.phone.send_journal().status == 200
    assert [fix.boot for fix in watched.fixes()] == [1, 2]
    assert [fix.signals for fix in watched.fixes()] == ["", ""]


# What a live proof tells of the journal ---------------------------------------------------


def test_a_live_fix_is_told_how_the_journal_stands(watched: Watched) -> None:
    none = watched.phone.send_fix(at(HOME)).json()
    buffer(watched, [at(HOME)])
    first = watched.phone.write_journal()
    buffer(watched, [at(HOME)])
    second = watched.phone.write_journal()
    behind = watched.phone.send_fix(at(HOME)).json()
    watched.phone.send_token(second)
    open_yet = watched.phone.send_fix(at(HOME)).json()
    watched.phone.send_token(first)
    complete = watched.phone.send_fix(at(HOME)).json()

    assert "journal" not in none
    assert behind["journal"] == {"standing": "behind", "missing": [{"first": 1, "last": 2}]}
    assert open_yet["journal"] == {"standing": "behind", "missing": [{"first": 1, "last": 1}]}
    assert complete["journal"] == {"standing": "complete", "missing": []}


@pytest.mark.parametrize("change", ["head", "n"])
def test_a_phone_with_another_past_is_told_so(watched: Watched, change: str) -> None:
    journal = watched.phone.journal
    assert journal is not None
    for _ in range(2):
        buffer(watched, [at(HOME)])
        watched.phone.send_journal()
    if change == "n":
        journal.n = 1
    else:
        journal.head = "A" * 43

    said = watched.phone.send_fix(at(HOME)).json()

    assert said["journal"] == {"standing": "forked", "missing": []}


# What is refused, and what officers see ------------------------------------------------------


def test_a_body_that_is_no_token_is_refused_by_name(watched: Watched) -> None:
    nonsense = watched.phone.send_token("a.b.c")
    other_type = watched.phone.send("POST", "/v1/journal", {})

    assert (nonsense.status, nonsense.json()["reason"]) == (422, "NOT_COMPACT")
    assert other_type.status == 415


def test_a_malformed_token_is_refused_with_its_place(watched: Watched) -> None:
    watched.phone.take_fix(at(HOME))
    said: Any = deepcopy(watched.phone._fix.said)  # type: ignore[union-attr]
    said["location"]["latitude"] = 91
    assert watched.phone.journal is not None
    watched.phone.journal.fixes = [said]

    answer = watched.phone.send_journal()

    assert answer.json()["member"] == "fixes[0].location.latitude"
    assert answer.status == 422


def test_a_token_by_another_key_is_refused(watched: Watched, app: Flask) -> None:
    other = watched_person(app, watched.database, watched.clock, name="other")
    other.phone.buffer_fix(at(HOME))
    text = other.phone.write_journal()
    watched.phone.token()

    answer = watched.phone.send_token(text)

    assert (answer.status, answer.json()["reason"]) == (422, "OTHER_KEY")


def test_a_token_for_another_server_is_refused_after_its_proof(watched: Watched) -> None:
    watched.phone.token()
    watched.phone.buffer_fix(at(HOME))
    here, watched.phone._server_url = watched.phone._server_url, "https://elsewhere.test"
    text = watched.phone.write_journal()
    watched.phone._server_url = here

    answer = watched.phone.send_token(text)

    assert (answer.status, answer.json()["reason"]) == (422, "WRONG_AUDIENCE")


def test_a_request_whose_proof_does_not_hold_stores_nothing(watched: Watched) -> None:
    watched.phone.buffer_fix(at(HOME))
    text = watched.phone.write_journal()
    here, watched.phone._server_url = watched.phone._server_url, "https://elsewhere.test"

    answer = watched.phone.send_token(text)

    watched.phone._server_url = here
    assert (answer.status, answer.json()["reason"]) == (401, "WRONG_URL")
    assert tokens(watched) == []


def test_officers_see_tokens_and_which_fixes_came_late(watched: Watched, app: Flask) -> None:
    watched.walk([at(HOME)])
    buffer(watched, [at(HOME), at(HOME, mock=True)])
    watched.phone.send_journal()
    assert watched.case.officer.id is not None
    with watched.database.transaction() as session:
        bearer = open_session(session, watched.case.officer.id, now=watched.clock.now()).secret
    client, headers = app.test_client(), {"Authorization": f"Bearer {bearer}"}
    person = f"/v1/supervisees/{watched.case.supervisee_id}"

    (kept,) = client.get(f"{person}/journal", headers=headers).get_json()["items"]
    fixes = client.get(f"{person}/fixes", headers=headers).get_json()["items"]

    assert (kept["n"], kept["forked"], kept["accepted"], kept["refused"]) == (1, False, 1, 1)
    assert kept["refusals"] == [{"seq": 3, "reason": "MOCK"}]
    assert [(fix["seq"], fix["delayed"], fix["journal_n"]) for fix in fixes] == [
        (3, True, 1),
        (2, True, 1),
        (1, False, None),
    ]


def as_officer(watched: Watched, actor: Actor | None = None) -> dict[str, str]:
    actor = actor or watched.case.officer
    assert actor.id is not None
    with watched.database.transaction() as session:
        bearer = open_session(session, actor.id, now=watched.clock.now()).secret
    return {"Authorization": f"Bearer {bearer}"}


def url_of(watched: Watched, entry: JournalEntry) -> str:
    return f"/v1/supervisees/{watched.case.supervisee_id}/journal/{entry.id}"


def test_officers_take_a_token_with_them_as_it_was_signed(watched: Watched, app: Flask) -> None:
    start = deepcopy(watched.phone.journal)
    buffer(watched, [at(HOME)])
    texts = [watched.phone.write_journal()]
    watched.phone.journal, watched.phone._seq = start, 0
    buffer(watched, [at(HOME, east_m=900)])
    texts.append(watched.phone.write_journal())
    for text in texts:
        watched.phone.send_token(text)
    headers = as_officer(watched)

    answers = [
        app.test_client().get(url_of(watched, entry), headers=headers) for entry in tokens(watched)
    ]

    assert [answer.get_data(as_text=True) for answer in answers] == texts
    assert [entry.forked for entry in tokens(watched)] == [False, True]
    for answer, entry in zip(answers, tokens(watched), strict=True):
        signed = answer.get_data(as_text=True).rpartition(".")[0]
        assert sha256(signed.encode()).digest() == entry.digest
        assert answer.content_type == "application/eat+jwt"
        assert (
            answer.headers["Content-Disposition"]
            == f'attachment; filename="journal-{entry.id}.jwt"'
        )
    with watched.database.snapshot() as session:
        assert recorded_acts(session).count(Act.JOURNAL_TOKEN_READ.value) == 2


def test_a_token_is_given_to_nobody_who_may_not_see_the_person(
    watched: Watched, app: Flask
) -> None:
    buffer(watched, [at(HOME)])
    watched.phone.send_journal()
    other = watched_person(app, watched.database, watched.clock, name="other")
    buffer(other, [at(HOME)])
    other.phone.send_journal()
    mine, theirs = (
        next(one for one in tokens(watched) if one.supervisee_id == each.case.supervisee_id)
        for each in (watched, other)
    )
    with watched.database.transaction() as session:
        admin = employ(
            session,
            watched.case.agency_id,
            Role.AGENCY_ADMIN,
            "admin",
            now=watched.clock.now(),
        )
    client = app.test_client()

    statuses = [
        client.get(url_of(watched, theirs), headers=as_officer(watched)).status_code,
        client.get(url_of(other, theirs), headers=as_officer(watched)).status_code,
        client.get(url_of(watched, mine), headers=as_officer(watched, admin)).status_code,
        client.get(url_of(watched, mine)).status_code,
    ]

    assert statuses == [404, 404, 403, 401]
    with watched.database.snapshot() as session:
        assert Act.JOURNAL_TOKEN_READ.value not in recorded_acts(session)


def test_of_a_token_without_an_order_there_is_no_text_to_give(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, ordered=False)
    buffer(watched, [at(HOME)])
    watched.phone.send_journal()

    answer = app.test_client().get(url_of(watched, tokens(watched)[0]), headers=as_officer(watched))

    assert answer.status_code == 404
