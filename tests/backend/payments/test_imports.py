"""Payments from a file of a bank: read strictly, booked once."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select

from backend.core.actor import SYSTEM
from backend.core.db import Database
from backend.core.paging import Cursor
from backend.payments import service
from backend.payments.bank_file import COLUMNS, UnreadableFileError, read_file
from backend.payments.imports import LineOutcome
from backend.payments.models import LedgerTransactionRow
from tests.support.clocks import START
from tests.support.offices import Office, make_office

HEADER = ",".join(COLUMNS)
GOOD = "B-1,2026-03-01,4000,USD,lockbox,,Thank you"


def file_of(*lines: str) -> bytes:
    return ("\n".join([HEADER, *lines]) + "\n").encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "line 1: the header"),
        (b'"open', "line 1: the header"),
        (b"external_id,amount\n", "line 1: the header"),
        (HEADER.encode() + b",more\n", "line 1: the header"),
        (file_of("B-1,2026-03-01"), "line 2: this has another number"),
        (file_of(GOOD + ",more"), "line 2: this has another number"),
        (file_of(GOOD, GOOD), "line 3: external_id stands twice"),
        (file_of(GOOD.replace("B-1", " ")), "external_id"),
        (file_of(GOOD.replace("B-1", "B" * 81)), "external_id"),
        (file_of(GOOD.replace("B-1", "B\x00")), "external_id"),
        (file_of(GOOD).replace(b"B-1", b"B-\xff"), "line 2: external_id"),
        (file_of(GOOD).replace(b"Thank", b"\xe9"), "line 2: note"),
        (file_of(GOOD.replace("2026-03-01", "1.3.2026")), "received_on"),
        (file_of(GOOD.replace("4000", "40.00")), "amount_minor"),
        (file_of(GOOD.replace("4000", "-1")), "amount_minor"),
        (file_of(GOOD.replace("4000", "0")), "amount_minor"),
        (file_of(GOOD.replace("4000", "٤٠")), "amount_minor"),
        (file_of(GOOD.replace("4000", "9" * 5000)), "amount_minor"),
        (file_of(GOOD.replace("4000", "1000000000001")), "amount_minor"),
        (file_of(GOOD.replace("USD", "usd")), "currency"),
        (file_of(GOOD.replace("lockbox", "cash")), "method"),
        (file_of(GOOD.replace("lockbox,", "lockbox,Testa")), "supervisee"),
        (file_of(GOOD.replace("Thank you", "4242 4242 4242 4242")), "note"),
        (file_of(GOOD.replace("Thank you", "x" * 1001)), "note"),
        (file_of('B-1,2026-03-01,4000,USD,lockbox,,"open', "B-2"), "line 2: this is no CSV"),
    ],
)
def test_a_file_with_a_bad_line_is_refused_and_the_line_is_named(text: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason) as refusal:
        read_file(text)

    assert "4242" not in str(refusal.value)


def test_every_bad_line_is_named_at_once() -> None:
    with pytest.raises(UnreadableFileError) as refusal:
        read_file(
            file_of(
                GOOD.replace("4000", "x").replace("USD", "?"),
                GOOD.replace("B-1", "B-2"),
                GOOD.replace("Thank", '"Thank"s'),
                "",
                "B-3",
                GOOD.replace("B-1", "B-4").replace("Thank you", '"Two\nlines"'),
                GOOD.replace("B-1", "B-4"),
            )
        )

    assert [(bad.line, len(bad.problems)) for bad in refusal.value.lines] == [
        (2, 2),
        (4, 1),
        (6, 1),
        (9, 1),
    ]


def test_a_file_that_is_too_long_is_not_read_to_its_end() -> None:
    lines = [GOOD.replace("B-1", f"B-{number}") for number in range(5)]

    with pytest.raises(UnreadableFileError, match="line 4: this is past 2 payments"):
        read_file(file_of(*lines), most=2)

    assert len(read_file(file_of(*lines), most=5).lines) == 5


def test_a_file_without_lines_is_empty() -> None:
    assert read_file(file_of()).lines == []


def test_a_file_as_a_spreadsheet_writes_it_is_read() -> None:
    written = b"\xef\xbb\xbf" + file_of(GOOD, "", GOOD.replace("B-1", "B-2")).replace(
        b"\n", b"\r\n"
    )

    assert [(one.line, one.external_id) for one in read_file(written).lines] == [
        (2, "B-1"),
        (4, "B-2"),
    ]


def run(database: Database, agency_id: UUID, text: bytes) -> dict[LineOutcome, list[int]]:
    with database.transaction() as session:
        found = service.import_payments(session, SYSTEM, agency_id, read_file(text), now=START)
    return {outcome: list(lines) for outcome, lines in found.items() if lines}


def test_each_line_is_booked_once_and_who_is_unknown_waits(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
    agency_id, person = office.agency.id, office.person.id
    text = file_of(
        f"B-1,2026-03-01,4000,USD,lockbox,{person},Thank you",
        "B-2,2026-03-01,100,USD,bank_transfer,,Somebody",
        f"B-3,2026-03-01,200,USD,check,{elsewhere.person.id},",
    )

    first, again = run(database, agency_id, text), run(database, agency_id, text)

    assert first == {LineOutcome.BOOKED: [2], LineOutcome.SUSPENSE: [3, 4]}
    assert again == {LineOutcome.KNOWN: [2, 3, 4]}
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(LedgerTransactionRow)) == 1
        waiting = service.suspense_items(session, office.actor, waiting=True, cursor=Cursor())
    assert sorted(one.amount_minor for one in waiting.items) == [100, 200]


def test_a_line_whose_owner_became_known_is_not_booked_again(
    database: Database, office: Office
) -> None:
    agency_id, person = office.agency.id, office.person.id
    run(database, agency_id, file_of("B-1,2026-03-01,4000,USD,lockbox,,"))

    found = run(database, agency_id, file_of(f"B-1,2026-03-01,4000,USD,lockbox,{person},"))

    assert found == {LineOutcome.KNOWN: [2]}


@pytest.mark.parametrize("supervised", [True, False])
def test_a_number_that_stands_for_other_money_is_contradicted(
    database: Database, office: Office, supervised: bool
) -> None:
    agency_id = office.agency.id
    line = f"B-1,2026-03-01,4000,USD,lockbox,{office.person.id if supervised else ''},"
    run(database, agency_id, file_of(line))

    found = run(database, agency_id, file_of(line.replace("4000", "4001")))

    assert found == {LineOutcome.CONTRADICTED: [2]}
