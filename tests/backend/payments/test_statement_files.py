"""A statement as a file: what a spreadsheet, a program and a printer get."""

from __future__ import annotations

import csv
import io
import zlib
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from backend.core.db import Database
from backend.payments.kinds import Authority, ObligationKind
from backend.payments.ledger import TransactionKind
from backend.payments.statement_csv import COLUMNS, to_csv
from backend.payments.statement_pdf import to_pdf
from backend.payments.statement_words import WORDS
from backend.payments.values import CurrencySum, Statement, StatementDocument, StatementLine
from notifications.formats import Language, decimal
from tests.support.clocks import START
from tests.support.offices import Office, make_office
from tests.support.payments import owed, paid

EMPTY = Statement(since=date(2026, 1, 1), until=date(2026, 4, 1), opening=[], lines=[], closing=[])


def _line(number: int = 1, **what: Any) -> StatementLine:
    usual: dict[str, Any] = {
        "booked_on": date(2026, 3, 2),
        "kind": TransactionKind.PAYMENT,
        "amount_minor": -4_000,
        "currency": "USD",
        "balance_minor": 6_000,
        "obligation_kind": None,
        "reference": None,
        "receipt_number": "R-77",
        "about_number": None,
        "note": "",
        "authority": None,
    }
    return StatementLine(number=number, **(usual | what))


def _statement(*lines: StatementLine, currency: str = "USD") -> Statement:
    return Statement(
        since=date(2026, 1, 1),
        until=date(2026, 4, 1),
        opening=[CurrencySum(currency=currency, balance_minor=10_000)],
        lines=lines,
        closing=[CurrencySum(currency=currency, balance_minor=-500)],
    )


def _document(statement: Statement, **what: Any) -> StatementDocument:
    usual: dict[str, Any] = {
        "person_name": "Testa Example",
        "agency_name": "Example County Probation",
        "contact": "+1 555 0100, help@example.org",
        "language": Language.ENGLISH,
        "issued_on": date(2026, 4, 1),
    }
    return StatementDocument(statement=statement, **(usual | what))


def _rows(statement: Statement) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(statement), newline=""), strict=True))


def _printed(pdf: bytes) -> str:
    """What the pages say: their streams, unpacked."""
    found = []
    for part in pdf.split(b"stream\n")[1:]:
        try:
            found.append(zlib.decompress(part.split(b"\nendstream")[0]).decode("latin-1"))
        except zlib.error:
            continue
    return "\n".join(found).replace("\\(", "(").replace("\\)", ")")


def test_columns_keep_their_names_and_order() -> None:
    assert to_csv(EMPTY) == (
        "number,booked_on,kind,obligation_kind,reference,receipt_number,about_number,note,"
        "currency,amount,amount_minor,balance,balance_minor,authority\r\n"
    )


def test_a_line_tells_a_transaction_between_two_balances() -> None:
    opening, line, closing = _rows(_statement(_line()))

    assert (opening["kind"], opening["booked_on"], opening["balance"]) == (
        "opening",
        "2026-01-01",
        "100.00",
    )
    assert (line["kind"], line["amount"], line["amount_minor"]) == ("payment", "-40.00", "-4000")
    assert {one["authority"] for one in (opening, line, closing)} == {""}
    assert (closing["kind"], closing["booked_on"], closing["balance"]) == (
        "closing",
        "2026-03-31",
        "-5.00",
    )


@pytest.mark.parametrize("authority", Authority)
def test_a_line_tells_by_whose_word_it_is_there(authority: Authority) -> None:
    line = _line(kind=TransactionKind.REFUND, reference="Rule 3", authority=authority)

    row = _rows(_statement(line))[1]
    papers = {
        language: _printed(to_pdf(_document(_statement(line), language=language)))
        for language in Language
    }

    assert (row["authority"], row["reference"]) == (authority.value, "Rule 3")
    for language, text in papers.items():
        assert WORDS[language].authorities[authority] in text
        assert "Rule 3" in text


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [
        (-5, "USD", "-0.05"),
        (1_234_567, "USD", "12345.67"),
        (-40, "JPY", "-40"),
        (5, "KWD", "0.005"),
    ],
)
def test_amounts_are_plain_numbers(amount_minor: int, currency: str, shown: str) -> None:
    assert decimal(amount_minor, currency) == shown


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}"]
)
def test_no_text_is_a_formula(first: str) -> None:
    text = f'{first}HYPERLINK("http://example.org")'

    row = _rows(_statement(_line(note=text, reference=text, receipt_number=text)))[1]

    assert {row["note"], row["reference"], row["receipt_number"]} == {f"'{text}"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40))
def test_any_note_comes_back_as_it_was_written(note: str) -> None:
    row = _rows(_statement(_line(note=note)))[1]

    assert row["note"] in {note, f"'{note}"}
    assert tuple(row) == COLUMNS


@pytest.mark.parametrize("language", Language)
def test_a_page_is_in_the_persons_language(language: Language) -> None:
    charge = _line(
        kind=TransactionKind.CHARGE,
        obligation_kind=ObligationKind.FINE,
        reference="2026-CR-000411",
        receipt_number=None,
    )
    back = _line(2, kind=TransactionKind.REFUND, receipt_number=None, about_number=1)

    pdf = to_pdf(_document(_statement(charge, _line(3), back), language=language))

    text, words = _printed(pdf), WORDS[language]
    assert pdf.startswith(b"%PDF-")
    assert "Testa Example" in text
    assert "2026-CR-000411" in text
    for said in (words.title, words.closing, words.about.format(1), words.receipt.format("R-77")):
        assert said.split()[0] in text
    assert {Language.ENGLISH: "Fine", Language.SPANISH: "Multa"}[language] in text


def test_an_empty_account_says_so() -> None:
    assert "Nothing was owed" in _printed(to_pdf(_document(EMPTY)))


def test_the_same_statement_is_the_same_bytes() -> None:
    document = _document(_statement(_line()))

    assert to_pdf(document) == to_pdf(document)


def test_a_name_in_another_script_is_shown_as_such_and_explained() -> None:
    text = _printed(to_pdf(_document(_statement(_line()), person_name="Testa Łęcka 王")))

    assert "Testa Lecka [U+738B]" in text
    assert "stands for a character" in text


def test_a_long_account_goes_on_over_pages() -> None:
    lines = [_line(number) for number in range(1, 367)]

    text = _printed(to_pdf(_document(_statement(*lines))))

    assert "366. Payment" in text
    assert text.count("Balance") > 6


def test_every_kind_of_transaction_has_a_name() -> None:
    for words in WORDS.values():
        assert words.transactions.keys() == set(TransactionKind)


def test_an_officer_gets_both_files(
    database: Database, client: FlaskClient, office: Office
) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, date(2026, 3, 20), START)
        paid(session, office.actor, office.person.id, START, amount_minor=4_000)
        elsewhere = make_office(session, START)
    person = f"/v1/supervisees/{office.person.id}"

    table = client.get(f"{person}/statement.csv", headers=office.bearer)
    paper = client.get(f"{person}/statement.pdf", headers=office.bearer)

    assert table.content_type == "text/csv; charset=utf-8; header=present"
    assert table.headers["Content-Disposition"] == 'attachment; filename="statement.csv"'
    assert [row["balance"] for row in csv.DictReader(io.StringIO(table.text))][-1] == "60.00"
    assert paper.content_type == "application/pdf"
    assert office.person.family_name in _printed(paper.data)
    for name in ("statement.csv", "statement.pdf"):
        assert client.get(f"{person}/{name}").status_code == 401
        too_long = client.get(f"{person}/{name}?since=2024-01-01", headers=office.bearer)
        assert too_long.status_code == 422
        for other in (elsewhere.person.id, uuid4()):
            path = f"/v1/supervisees/{other}/{name}"
            assert client.get(path, headers=office.bearer).status_code == 404
