"""A bank's file by HTTP: booked whole or not at all, and nothing of it repeated in a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from backend.audit import service as audit
from backend.core.actor import Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity.service import Role
from backend.payments import imports
from backend.payments.bank_file import COLUMNS, read_file
from backend.payments.models import LedgerTransactionRow, SuspenseTransactionRow
from tests.support.clocks import START
from tests.support.counters import supervisor_of
from tests.support.identity import actor_of, bearer_of, make_officer
from tests.support.offices import Office, make_office

URL = "/v1/payment-files"
HEADER = ",".join(COLUMNS)


def send(
    client: FlaskClient, bearer: Mapping[str, str], *lines: str, **options: Any
) -> TestResponse:
    """Send a file as it is."""
    headers = {"Content-Type": "text/csv; charset=utf-8", **bearer, **options.pop("headers", {})}
    return client.post(URL, data="\n".join([HEADER, *lines]), headers=headers)


def booked(database: Database) -> int:
    """How much is in all books."""
    with database.snapshot() as session:
        return sum(
            session.scalar(select(func.count()).select_from(row)) or 0
            for row in (LedgerTransactionRow, SuspenseTransactionRow)
        )


def test_a_file_is_booked_once_and_who_is_unknown_waits(
    client: FlaskClient, database: Database, office: Office
) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
    lines = (
        f"B-1,2026-03-01,4000,USD,lockbox,{office.person.id},Thank you",
        "B-2,2026-03-01,100,USD,bank_transfer,,Somebody",
        f"B-3,2026-03-01,200,USD,check,{elsewhere.person.id},",
    )

    first = send(client, office.bearer, *lines)
    again = send(client, office.bearer, *lines)
    other = send(client, office.bearer, lines[0].replace("4000", "4001"))

    nothing: dict[str, list[int]] = {"booked": [], "suspense": [], "known": [], "contradicted": []}
    assert (first.status_code, first.json) == (200, nothing | {"booked": [2], "suspense": [3, 4]})
    assert (again.status_code, again.json) == (200, nothing | {"known": [2, 3, 4]})
    assert (other.status_code, other.json) == (200, nothing | {"contradicted": [2]})
    paid = client.get(f"/v1/supervisees/{office.person.id}/payments", headers=office.bearer)
    assert paid.json is not None
    assert [one["amount_minor"] for one in paid.json["items"]] == [4_000]
    waiting = client.get("/v1/suspense", headers=office.bearer)
    assert waiting.json is not None
    assert sorted(one["amount_minor"] for one in waiting.json["items"]) == [100, 200]


def test_an_import_is_in_the_record_with_the_files_digest(
    client: FlaskClient, database: Database, office: Office
) -> None:
    line = "B-2,2026-03-01,100,USD,bank_transfer,,Somebody"

    send(client, office.bearer, line)

    with database.transaction() as session:
        supervisor = supervisor_of(session, office, START)
        (event,) = audit.events(
            session, supervisor, cursor=Cursor(), act=audit.Act.PAYMENT_FILE_IMPORTED
        ).items
    assert (event.actor_id, event.subject_id) == (office.officer.id, office.agency.id)
    assert event.details == {
        "sha256": sha256(f"{HEADER}\n{line}".encode()).hexdigest(),
        "booked": 0,
        "suspense": 1,
        "known": 0,
        "contradicted": 0,
    }


def test_with_one_unreadable_line_nothing_is_booked_and_every_such_line_is_named(
    client: FlaskClient, database: Database, office: Office
) -> None:
    answer = send(
        client,
        office.bearer,
        "B-1,2026-03-01,4000,USD,lockbox,,",
        "B-2,Testa Example,4000,dollars,lockbox,,",
        "B-3,2026-03-01",
        "B-1,2026-03-01,1,USD,lockbox,,",
    )

    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (422, "payment-file-refused")
    assert answer.json["lines"] == [
        {"line": 3, "problems": ["received_on cannot be used", "currency cannot be used"]},
        {"line": 4, "problems": ["this has another number of columns than the header"]},
        {"line": 5, "problems": ["external_id stands twice"]},
    ]
    assert "Testa" not in answer.get_data(as_text=True)
    assert booked(database) == 0


def test_a_card_number_in_a_note_is_refused_by_its_own_code(
    client: FlaskClient, database: Database, office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    line = "B-1,2026-03-01,4000,USD,lockbox,,4242 4242 4242 4242"

    answer = send(client, office.bearer, line, "B-2")

    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (422, "card-number-refused")
    assert [bad["line"] for bad in answer.json["lines"]] == [2, 3]
    assert "4242" not in answer.get_data(as_text=True)
    assert "4242" not in "".join(capfd.readouterr())
    assert booked(database) == 0


def test_a_file_that_is_too_long_or_too_large_is_refused(
    client: FlaskClient, database: Database, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_UPLOADED", 2)
    lines = [f"B-{number},2026-03-01,1,USD,check,," for number in range(3)]

    long = send(client, office.bearer, *lines)
    large = send(client, office.bearer, "x" * (1 << 20))

    assert long.json is not None
    assert (long.status_code, [bad["line"] for bad in long.json["lines"]]) == (422, [4])
    assert large.json is not None
    assert (large.status_code, large.json["code"]) == (413, "too-large")
    assert booked(database) == 0


def test_what_is_not_said_to_be_csv_is_not_read(client: FlaskClient, office: Office) -> None:
    answer = send(client, office.bearer, headers={"Content-Type": "application/json"})

    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported-media-type")


def test_a_repeated_key_gets_the_first_answer(client: FlaskClient, office: Office) -> None:
    line, key = "B-2,2026-03-01,100,USD,check,,", {"Idempotency-Key": "monday"}

    first = send(client, office.bearer, line, headers=key)
    again = send(client, office.bearer, line, headers=key)

    assert first.json == again.json
    assert again.json is not None
    assert again.json["suspense"] == [2]


def test_who_may_not_record_payments_or_sees_not_everybody_imports_nothing(
    client: FlaskClient, database: Database, office: Office
) -> None:
    line = "B-2,2026-03-01,100,USD,check,,"
    with database.transaction() as session:
        auditor = make_officer(session, office.agency, START, role=Role.AUDITOR)
        bearer = bearer_of(session, auditor, START)

    refused = send(client, bearer, line)
    narrow = send(client, {"Authorization": f"Bearer {token_of(client, office)}"}, line)

    assert refused.json is not None
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert narrow.json is not None
    assert (narrow.status_code, narrow.json["code"]) == (403, "forbidden")
    assert "everybody" in narrow.json["detail"]
    assert booked(database) == 0


def token_of(client: FlaskClient, office: Office) -> str:
    """Return an API token that may record payments, of the officer's own people."""
    answer = client.post(
        "/v1/tokens",
        json={
            "name": "script",
            "scopes": [Permission.PAYMENT_RECORD.value, "own"],
            "expires_at": "2026-04-01T00:00:00Z",
        },
        headers=office.bearer,
    )
    assert answer.json is not None
    return str(answer.json["token"])


def test_nobody_imports_for_another_agency(database: Database, office: Office) -> None:
    with database.transaction() as session:
        other = make_office(session, START)
    file = read_file(HEADER.encode())

    with database.transaction() as session, pytest.raises(Problem) as refusal:
        imports.import_payments(session, actor_of(office.officer), other.agency.id, file, now=START)

    assert refusal.value.code is Code.NOT_FOUND
