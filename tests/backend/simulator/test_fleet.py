"""A fleet against the application: what it counts, and what it notices when the server forgets."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.assurance import Assurance
from backend.devices.key_state import KeyState
from backend.devices.models import DeviceKey
from backend.simulator.fleet import Fleet, FleetError, Hardship, Time
from backend.simulator.plan import Deed, Event, Plan
from backend.simulator.position import Position
from backend.simulator.tally import Tally, summary
from backend.simulator.track import TimedPosition
from backend.simulator.wire import HttpAnswer, HttpRequest, Transport
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import open_case, order_for
from tests.support.devices import CODE_KEY, SERVER_URL
from tests.support.phones import over_client

WAY = [
    TimedPosition(
        at=START + timedelta(seconds=10 * number),
        position=Position(latitude=45.2734 + number * 1e-5, longitude=13.7141, accuracy_m=8.0),
    )
    for number in range(61)
]


@pytest.fixture
def codes(database: Database, clock: FrozenClock) -> list[str]:
    """Codes of two people under an order."""
    issued = []
    for name in ("first", "second"):
        with database.transaction() as session:
            case = open_case(session, now=clock.now(), name=name)
            order_for(session, case, now=clock.now())
            person = case.supervisee_id
            issued.append(
                devices.issue_code(
                    session, case.officer, person, code_key=CODE_KEY, now=clock.now()
                ).code
            )
    return issued


def fleet_of(
    client: FlaskClient,
    clock: FrozenClock,
    plan: Plan,
    *,
    hardship: Hardship | None = None,
    between: Callable[[HttpRequest, HttpAnswer], HttpAnswer] = lambda _, answer: answer,
    cut: Callable[[Transport], Transport] = lambda carry: carry,
) -> Fleet:
    """A fleet that speaks one after the other; `between` may change what it is answered."""

    def connect() -> Transport:
        carry = cut(over_client(client))
        return lambda request: between(request, carry(request))

    return Fleet(
        server_url=SERVER_URL,
        plan=plan,
        hardship=hardship or Hardship(),
        time=Time(now=clock.now, wait=clock.set, pause=lambda _: None),
        threads=1,
        connect=connect,
    )


def changed(path: str, **members: Any) -> Callable[[HttpRequest, HttpAnswer], HttpAnswer]:
    """A server that answers 200 at `path` with something else in it."""

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if urlsplit(request.url).path != path or answer.status != 200:
            return answer
        body = json.dumps(answer.json() | members).encode()
        return HttpAnswer(status=200, headers=answer.headers, body=body)

    return change


def test_a_fleet_with_every_hardship_loses_nothing(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    plan = Plan(
        track=WAY,
        laps=2,
        apart_s=15,
        journal_every_s=120,
        offline=0.4,
        lose=0.1,
        late_s=240,
        reboots=2,
        rotate_every_s=200,
    )
    fleet = fleet_of(
        client, clock, plan, hardship=Hardship(drift_ppm=50, clock_off_s=120, loses=0.1)
    )
    seen: list[int] = []

    fleet.enrol(codes)
    tally = fleet.run(lambda done, of: seen.append(100 * done // of))

    assert tally.is_whole
    assert (tally.lost, tally.unaccounted, tally.wrong_receipts) == (0, 0, 0)
    assert tally.phones == 2
    assert tally.reboots > 0
    assert tally.rotations == 2 * 5
    assert not tally.rotations_refused
    assert tally.dropped > 0
    assert tally.taken + tally.dropped == 2 * 121 + 2  # and each phone's last, for the journal
    assert tally.taken == tally.live_accepted + tally.live_refused.total() + tally.buffered
    assert tally.buffered == tally.journal_accepted + tally.journal_refused.total()
    assert tally.asked_again == tally.tokens
    assert tally.receipts == tally.live_accepted + tally.tokens
    assert tally.out_of_order > 0
    assert tally.unanswered > 0
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_simulated_phones_reach_no_level_above_software(
    client: FlaskClient, clock: FrozenClock, database: Database, codes: list[str]
) -> None:
    fleet_of(client, clock, Plan(track=WAY)).enrol(codes)

    with database.snapshot() as session:
        levels = session.scalars(select(DeviceKey.assurance)).all()
    assert levels == [Assurance.SOFTWARE] * 2


def test_the_summary_says_it_in_words(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY, offline=0.2))

    fleet.enrol(codes)
    lines = list(summary(fleet.run()))

    assert lines[0].split() == ["phones", "enrolled", "2"]
    assert "p50" in next(line for line in lines if "POST /v1/fixes" in line)
    assert lines[-1] == "Nothing that was accepted got lost."


def test_somebody_under_no_order_leaves_nothing_and_that_is_no_loss(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        case = open_case(session, now=clock.now())
        code = devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=clock.now()
        ).code
    fleet = fleet_of(app.test_client(), clock, Plan(track=WAY))

    fleet.enrol([code])
    tally = fleet.run()

    assert tally.live_accepted == 61
    assert tally.lost == 0
    assert tally.journal_refused == {"NO_ORDER": 1}


def test_a_refused_fix_is_counted_by_its_reason(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    vague = [
        TimedPosition(
            at=point.at,
            position=Position(latitude=45.2734, longitude=13.7141, accuracy_m=400.0),
        )
        for point in WAY
    ]
    fleet = fleet_of(client, clock, Plan(track=vague))

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.live_refused == {"LOW_ACCURACY": 61}
    assert tally.journal_refused == {"LOW_ACCURACY": 1}
    assert tally.is_whole


def test_an_accepted_fix_that_the_server_later_knows_nothing_of_is_lost(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    forgetful = changed("/v1/journal", unaccounted=[{"first": 3, "last": 5}])
    fleet = fleet_of(client, clock, Plan(track=WAY), between=forgetful)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.lost == 3
    assert list(summary(tally))[-1].startswith("LOST: 3 ")


def test_a_token_that_gets_another_receipt_is_lost(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    answered = iter(["", "another"])

    def renew(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if request.url.endswith("/v1/journal") and answer.status == 200 and next(answered):
            return changed("/v1/journal", receipt="x")(request, answer)
        return answer

    fleet = fleet_of(client, clock, Plan(track=WAY), between=renew)

    fleet.enrol(codes[:1])

    assert fleet.run().lost == 1


def test_a_receipt_that_nobody_signed_is_wrong(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY[:3]), between=changed("/v1/fixes", receipt="x"))

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.wrong_receipts == 3
    assert not tally.is_whole


def failing(path: str, status: int, code: str) -> Callable[[HttpRequest, HttpAnswer], HttpAnswer]:
    def fail(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if urlsplit(request.url).path != path or answer.status == 401:
            return answer
        body = json.dumps({"code": code}).encode()
        return HttpAnswer(status=status, headers=answer.headers, body=body)

    return fail


def test_a_fix_that_the_server_could_not_take_goes_into_the_journal(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    busy = failing("/v1/fixes", 503, "unavailable")
    fleet = fleet_of(client, clock, Plan(track=WAY), between=busy)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.put_off == {"503": 61}
    assert tally.buffered == tally.journal_accepted == 62
    assert tally.is_whole


def test_so_does_one_without_a_token_to_send_it_with(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(
        client, clock, Plan(track=WAY[:5]), between=failing("/v1/token", 403, "forbidden")
    )

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.put_off == {"token 403": 5}
    assert tally.journal_accepted == 6


def test_tokens_that_the_server_never_takes_are_not_delivered(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(
        client, clock, Plan(track=WAY[:2]), between=failing("/v1/journal", 503, "unavailable")
    )

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert (tally.tokens, tally.undelivered) == (0, 1)
    assert list(summary(tally))[-1].startswith("INCOMPLETE")


def test_tokens_that_the_server_refuses_are_counted_and_not_sent_for_ever(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(
        client, clock, Plan(track=WAY[:2]), between=failing("/v1/journal", 409, "journal-fork")
    )

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.tokens_refused == {"journal-fork": 1}
    assert not tally.is_whole


def test_a_journal_of_more_than_a_token_holds_is_written_in_several(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY, laps=10, offline=0.99, journal_every_s=99999))

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.tokens >= 2
    assert tally.is_whole


def test_an_interruption_cuts_the_way_short_and_still_delivers(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY, offline=0.9))

    def interrupt(done: int, _of: int) -> None:
        if done >= 300:
            raise KeyboardInterrupt

    fleet.enrol(codes[:1])
    tally = fleet.run(interrupt)

    assert 20 <= tally.taken <= 40
    assert tally.is_whole


def test_a_refused_code_is_named_by_its_line_alone(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY))

    with pytest.raises(FleetError, match="code 2 was refused: 403") as raised:
        fleet.enrol([codes[0], "AAAAA-AAAAA"])

    assert "AAAAA" not in str(raised.value)


def dropped(path: str, after: int = 0) -> Callable[[HttpRequest, HttpAnswer], HttpAnswer]:
    """A line that loses all answers from `path`, after so many."""
    left = [after]

    def drop(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if urlsplit(request.url).path == path and answer.status != 401:
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionResetError
        return answer

    return drop


def test_a_fix_whose_answers_were_all_lost_is_one_fix(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY[:4]), between=dropped("/v1/fixes"))

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.put_off == {"no answer": 4}
    assert tally.journal_accepted == 5
    assert tally.is_whole


@pytest.mark.parametrize("answers", [0, 1])
def test_a_token_without_an_answer_is_not_delivered(
    client: FlaskClient, clock: FrozenClock, codes: list[str], answers: int
) -> None:
    lost = dropped("/v1/journal", after=answers)
    fleet = fleet_of(client, clock, Plan(track=WAY[:4]), between=lost)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert (tally.tokens, tally.asked_again, tally.undelivered) == (answers, 0, 1)


def out_of_reach(path: str, tries: int, *, arrives: bool) -> Callable[[Transport], Transport]:
    """A line that loses the first requests to `path`, or, where they arrive, their answers."""
    left = [tries]

    def cut(carry: Transport) -> Transport:
        def over(request: HttpRequest) -> HttpAnswer:
            if urlsplit(request.url).path != path or left[0] == 0:
                return carry(request)
            left[0] -= 1
            if arrives:
                carry(request)
            raise ConnectionResetError

        return over

    return cut


def jkts(database: Database) -> dict[str, KeyState]:
    with database.snapshot() as session:
        rows = session.execute(
            select(DeviceKey.jkt, DeviceKey.state).order_by(DeviceKey.enrolled_at)
        )
        return {row.jkt: row.state for row in rows}


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("tries", [5, 5 * 50])
def test_a_key_change_without_an_answer_is_asked_for_again_until_it_is_known(
    client: FlaskClient,
    clock: FrozenClock,
    database: Database,
    codes: list[str],
    arrives: bool,
    tries: int,
) -> None:
    plan = Plan(track=WAY, laps=2, offline=0.2, journal_every_s=100, rotate_every_s=200)
    cut = out_of_reach("/v1/device/keys", tries, arrives=arrives)
    fleet = fleet_of(client, clock, plan, cut=cut)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.is_whole
    assert tally.taken == tally.live_accepted + tally.buffered
    # The phone asked for longer than the challenge was good, and only then asked who it is.
    is_over = tries > 5
    assert tally.rotations_refused == ({"proof-refused": 1} if is_over and not arrives else {})
    states = list(jkts(database).values())
    assert states.count(KeyState.ACTIVE) == 1
    assert len(states) == 1 + tally.rotations


@pytest.mark.parametrize(
    ("path", "code"),
    [("/v1/device/keys", "evidence-refused"), ("/v1/device/key-challenge", "forbidden")],
)
def test_a_key_change_that_is_refused_is_counted_and_the_old_key_goes_on(
    client: FlaskClient, clock: FrozenClock, codes: list[str], path: str, code: str
) -> None:
    plan = Plan(track=WAY, rotate_every_s=400)

    def refuse(carry: Transport) -> Transport:
        refusal = HttpAnswer(status=422, headers={}, body=json.dumps({"code": code}).encode())
        return lambda asked: refusal if urlsplit(asked.url).path == path else carry(asked)

    fleet = fleet_of(client, clock, plan, cut=refuse)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert (tally.rotations, tally.rotations_refused) == (0, {code: 1})
    assert tally.live_accepted == 61
    assert tally.is_whole
    assert any(f"refused: {code} 1" in line for line in summary(tally))


def test_no_key_is_changed_before_the_old_one_has_delivered_what_it_signed(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    plan = Plan(track=WAY, offline=0.5, journal_every_s=60, rotate_every_s=60)
    busy = failing("/v1/journal", 503, "unavailable")
    fleet = fleet_of(client, clock, plan, between=busy)

    fleet.enrol(codes[:1])
    tally = fleet.run()

    assert tally.undelivered
    assert tally.rotations <= 5  # as long as nothing had been signed


def test_an_enrolment_without_an_answer_is_no_beginning(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY), between=dropped("/v1/devices"))

    with pytest.raises(FleetError, match="code 1: ConnectionResetError"):
        fleet.enrol(codes[:1])


def test_what_a_phone_took_without_contact_since_its_start_waits_for_contact(
    client: FlaskClient, clock: FrozenClock, codes: list[str]
) -> None:
    fleet = fleet_of(client, clock, Plan(track=WAY))
    fleet.enrol(codes[:1])
    walker = fleet.walkers[0]

    for deed in (Deed.CUT, Deed.REBOOT, Deed.TAKE, Deed.WRITE, Deed.REBOOT, Deed.JOIN):
        walker.act(Event(at_s=0, deed=deed, position=WAY[0].position))
    walker.finish()

    assert walker.tally.reboots == 1  # the second would have mixed two starts in one token
    assert walker.tally.tokens == 1
    assert walker.tally.is_whole


def unreachable(_: HttpRequest) -> HttpAnswer:
    raise ConnectionRefusedError


def test_where_no_server_answers_nothing_begins() -> None:
    fleet = Fleet(server_url=SERVER_URL, plan=Plan(track=WAY), connect=lambda: unreachable)

    with pytest.raises(FleetError, match="no server answers"):
        fleet.enrol(["AAAAA-AAAAA"])


def test_where_another_server_answers_nothing_begins() -> None:
    def other(_: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=404, headers={}, body=b"")

    fleet = Fleet(server_url=SERVER_URL, plan=Plan(track=WAY), connect=lambda: other)

    with pytest.raises(FleetError, match="no connectrex server"):
        fleet.enrol(["AAAAA-AAAAA"])


def test_an_empty_tally_has_no_times() -> None:
    assert "p50" not in "\n".join(summary(Tally()))


def test_real_time_is_waited_for() -> None:
    real = Time()
    until = real.now() + timedelta(milliseconds=20)

    real.wait(until)
    real.wait(until)  # what has passed is not waited for

    assert until <= real.now() < until + timedelta(seconds=5)
