"""A statement on paper: A4, one table for each currency, in the person's language.

Pure Python (fpdf2) with the fonts built into every reader. The same statement, issued on the same
day, is the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos

from backend.payments.printable import is_printable, printable
from backend.payments.statement_words import WORDS, Words
from backend.payments.values import StatementDocument, StatementLine
from notifications.formats import Language, day, decimal
from notifications.messages import SUBJECTS
from notifications.planning import Subject

_FONT: Final = "Helvetica"
_LABEL_MM: Final = 28
_WIDTHS: Final = (24, 92, 32, 32)
_GREY: Final = 110
_LIGHT: Final = 238


class _Paper(FPDF):
    """Pages with their number at the foot."""

    def __init__(self, words: Words, issued_on: date) -> None:
        super().__init__(format="A4")
        self._words = words
        self.set_creation_date(datetime.combine(issued_on, time(), UTC))
        self.set_margins(15, 15)
        self.set_auto_page_break(True, margin=20)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(_FONT, size=8)
        self.set_text_color(_GREY)
        page = self._words.page.format(self.page_no(), self.str_alias_nb_pages)
        self.cell(0, 5, printable(page), align="R")
        self.set_text_color(0)


def to_pdf(document: StatementDocument) -> bytes:
    """Return the document as a PDF file."""
    words = WORDS[document.language]
    paper = _Paper(words, document.issued_on)
    paper.set_lang(document.language.value)
    paper.set_title(words.title)
    paper.add_page()
    _head(paper, words, document)
    statement = document.statement
    currencies = sorted({one.currency for one in (*statement.opening, *statement.closing)})
    for currency in currencies:
        _account(paper, document, currency)
    _foot(paper, words, document, bool(currencies))
    return bytes(paper.output())


def _head(paper: FPDF, words: Words, document: StatementDocument) -> None:
    statement = document.statement
    paper.set_font(_FONT, "B", 16)
    _say(paper, words.title, height=9)
    paper.ln(2)
    first, last = (day(on, document.language) for on in (statement.since, statement.last_day))
    for label, text in (
        (words.name, document.person_name),
        (words.period, words.span.format(first, last)),
        (words.issued, f"{day(document.issued_on, document.language)}, {document.agency_name}"),
        (words.questions, document.contact),
    ):
        paper.set_font(_FONT, "B", 10)
        paper.cell(_LABEL_MM, 6, printable(label))
        paper.set_font(_FONT, size=10)
        _say(paper, text, height=6)
    paper.ln(4)


def _account(paper: FPDF, document: StatementDocument, currency: str) -> None:
    statement, words = document.statement, WORDS[document.language]
    opening = {one.currency: one.balance_minor for one in statement.opening}.get(currency, 0)
    closing = {one.currency: one.balance_minor for one in statement.closing}.get(currency, 0)
    lines = [line for line in statement.lines if line.currency == currency]
    paper.set_font(_FONT, "B", 12)
    _say(paper, currency, height=8)
    paper.set_font(_FONT, size=9)
    rows: list[Sequence[str]] = [
        words.columns,
        ("", words.opening, "", decimal(opening, currency)),
        *(_row(document.language, line) for line in lines),
        ("", words.closing, "", decimal(closing, currency)),
    ]
    with paper.table(
        col_widths=_WIDTHS,
        text_align=("LEFT", "LEFT", "RIGHT", "RIGHT"),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", fill_color=_LIGHT),
        line_height=5,
        padding=1,
    ) as table:
        for row in rows:
            table.row([printable(text) for text in row])
    paper.ln(4)


def _row(language: Language, line: StatementLine) -> Sequence[str]:
    words = WORDS[language]
    said = [f"{line.number}. {words.transactions[line.kind]}"]
    if line.obligation_kind is not None:
        said = [f"{line.number}. {SUBJECTS[language][Subject(line.obligation_kind.value)]}"]
    if line.about_number is not None:
        said.append(words.about.format(line.about_number))
    if line.receipt_number is not None:
        said.append(words.receipt.format(line.receipt_number))
    if line.authority is not None:
        said.append(words.authorities[line.authority])
    said += [text for text in (line.reference, line.note) if text]
    return (
        line.booked_on.isoformat(),
        ", ".join(said),
        decimal(line.amount_minor, line.currency),
        decimal(line.balance_minor, line.currency),
    )


def _foot(paper: FPDF, words: Words, document: StatementDocument, has_account: bool) -> None:
    paper.set_font(_FONT, size=9)
    _say(paper, words.sign if has_account else words.nothing)
    _say(paper, words.cannot_pay)
    lines = document.statement.lines
    texts = [document.person_name, document.agency_name, document.contact]
    texts += [f"{line.reference}{line.receipt_number}{line.note}" for line in lines]
    if not all(is_printable(text) for text in texts):
        _say(paper, words.unprintable)


def _say(paper: FPDF, text: str, height: float = 5) -> None:
    paper.multi_cell(0, height, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
