from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.formats import Language, clock_time, day, money
from notifications.kind import CollapseKey, MessageKind
from notifications.messages import (
    ALERT_SUBJECTS,
    BODIES,
    HOW_TO_PAY,
    JOB_STOPPED_SUBJECTS,
    LINES,
    NEUTRAL,
    SUBJECTS,
    HowToPay,
    Line,
    ParameterError,
    Template,
    parameters_of,
    render,
    render_line,
)
from notifications.planning import DueItem, Subject
from notifications.reminder import Recipient, render_reminder

PERSON = UUID(int=1)
TO_OFFICERS = {Template.ALERT, Template.JOB_STOPPED, Template.REQUEST_WAITING}
# Words that a reminder must not contain: no threat, in either language.
THREATS = re.compile(
    r"jail|prison|arrest|warrant|violat|revo[ck]|penalt|punish|court will|consequence"
    r"|cárcel|prisión|arrest|orden de|incumpl|sanci|castig|consecuencia",
    re.IGNORECASE,
)
# Words that say on a lock screen what the message is about.
TELLING = re.compile(
    r"pay|fee|fine|court|hearing|check|appoint|zone|probation|officer|owe|due|\$|\d"
    r"|pag|cuota|multa|tribunal|audiencia|report|cita|zona|libertad|oficial|vence",
    re.IGNORECASE,
)


PAYMENT_URL = "https://pay.agency.example/fees"


def recipient(
    language: Language, payment_url: str | None = PAYMENT_URL, *, pays_in_app: bool = False
) -> Recipient:
    return Recipient(
        first_name="Testa",
        agency="Example County Pretrial Services",
        contact="Officer Example",
        phone="+1 555 0100",
        payment_url=payment_url,
        pays_in_app=pays_in_app,
        language=language,
        zone=ZoneInfo("America/Chicago"),
    )


def payment(due_on: date, source: int = 1, subject: Subject = Subject.SUPERVISION_FEE) -> DueItem:
    return DueItem(
        person=PERSON,
        kind=MessageKind.PAYMENT,
        source_id=UUID(int=source),
        subject=subject,
        due_on=due_on,
        amount_minor=123456,
        currency="USD",
    )


def event(kind: MessageKind, subject: Subject, detail: str = "") -> DueItem:
    return DueItem(
        person=PERSON,
        kind=kind,
        source_id=UUID(int=9),
        subject=subject,
        due_at=datetime(2027, 3, 5, 19, 30, tzinfo=UTC),
        detail=detail,
    )


@pytest.mark.parametrize("template", Template)
def test_every_template_exists_in_every_language_with_the_same_parameters(
    template: Template,
) -> None:
    parameters = [parameters_of(BODIES[language][template]) for language in Language]

    assert parameters[0]
    assert all(some == parameters[0] for some in parameters)


@pytest.mark.parametrize("line", Line)
def test_every_line_exists_in_every_language_with_the_same_parameters(line: Line) -> None:
    parameters = [parameters_of(LINES[language][line]) for language in Language]

    assert all(some == parameters[0] for some in parameters)


def test_everything_that_falls_due_has_a_name_in_every_language() -> None:
    for language in Language:
        assert SUBJECTS[language].keys() == set(Subject)
        assert all(SUBJECTS[language].values())


@pytest.mark.parametrize("template", Template)
@pytest.mark.parametrize("language", Language)
def test_a_missing_or_unknown_parameter_is_a_fault(template: Template, language: Language) -> None:
    params = dict.fromkeys(parameters_of(BODIES[language][template]), "x")
    lacking = {name: value for name, value in params.items() if name != min(params)}

    for wrong in ({}, lacking, params | {"zone": "home"}):
        with pytest.raises(ParameterError):
            render(template, language, wrong)
    with pytest.raises(ParameterError, match="zone"):
        render_line(Line.ON_DAY, language, {"subject": "x", "day": "x", "zone": "home"})


def test_a_parameter_is_never_read_as_a_template() -> None:
    params = {"reference": "{reference.__class__}"}

    rendered = render(Template.ALERT, Language.ENGLISH, params)

    assert "Reference: {reference.__class__}\n" in rendered.body


@pytest.mark.parametrize("language", Language)
def test_what_lands_on_a_lock_screen_takes_no_parameter_and_tells_nothing(
    language: Language,
) -> None:
    neutral = NEUTRAL[language]

    for text in (neutral.subject, neutral.lock_screen_title, neutral.lock_screen_body):
        assert text
        assert not parameters_of(text)
        assert not TELLING.search(text)
    for subjects in (ALERT_SUBJECTS, JOB_STOPPED_SUBJECTS):
        assert not parameters_of(subjects[language])


@pytest.mark.parametrize("template", sorted(set(Template) - TO_OFFICERS, key=str))
@pytest.mark.parametrize("language", Language)
def test_the_lock_screen_of_every_message_to_a_supervisee_is_the_neutral_one(
    template: Template, language: Language
) -> None:
    secret = "Testa owes $40 to the court"
    params = dict.fromkeys(parameters_of(BODIES[language][template]), secret)

    rendered = render(template, language, params)

    shown = (rendered.subject, rendered.lock_screen_title, rendered.lock_screen_body)
    neutral = NEUTRAL[language]
    assert shown == (neutral.subject, neutral.lock_screen_title, neutral.lock_screen_body)
    assert secret in rendered.body
    assert secret not in repr(rendered)


@pytest.mark.parametrize("language", Language)
def test_an_alert_says_no_more_than_its_reference_and_how_to_read_it(language: Language) -> None:
    assert parameters_of(BODIES[language][Template.ALERT]) == {"reference"}


@pytest.mark.parametrize("way", HowToPay)
def test_every_way_to_pay_is_said_in_every_language_with_the_same_parameters(
    way: HowToPay,
) -> None:
    parameters = [parameters_of(HOW_TO_PAY[language][way]) for language in Language]

    assert parameters[0]
    assert all(some == parameters[0] for some in parameters)


def test_no_text_leads_to_a_page_of_ours() -> None:
    texts = chain.from_iterable(
        (*BODIES[language].values(), *HOW_TO_PAY[language].values()) for language in Language
    )

    assert not [text for text in texts if "http" in text]


def test_no_template_threatens() -> None:
    texts = chain.from_iterable(BODIES[language].values() for language in Language)

    assert not [text for text in texts if THREATS.search(text)]


def test_a_payment_reminder_says_all_that_a_person_needs() -> None:
    rendered = render_reminder(
        [payment(date(2027, 3, 5))], recipient(Language.ENGLISH), overdue=frozenset()
    )

    assert "Hello Testa" in rendered.body
    assert "from Example County Pretrial Services" in rendered.body
    assert "- Supervision fee: $1,234.56, due Friday, March 5, 2027" in rendered.body
    assert "Pay here: https://pay.agency.example/fees\n" in rendered.body
    assert "If you cannot pay, tell us before Friday, March 5, 2027" in rendered.body
    assert "call Officer Example at +1 555 0100" in rendered.body


@pytest.mark.parametrize("overdue", [True, False])
@pytest.mark.parametrize(
    ("language", "how"),
    [
        (
            Language.ENGLISH,
            "To pay, come to Example County Pretrial Services, or call +1 555 0100 and ask how.\n",
        ),
        (
            Language.SPANISH,
            "Para pagar, venga a Example County Pretrial Services, o llame al +1 555 0100 y pregunte cómo.\n",
        ),
    ],
)
def test_without_a_page_to_pay_on_it_says_whom_to_ask(
    language: Language, how: str, *, overdue: bool
) -> None:
    item = payment(date(2027, 3, 5))
    late = {item.source_id} if overdue else frozenset()

    rendered = render_reminder([item], recipient(language, payment_url=None), overdue=late)

    assert how in rendered.body
    assert "http" not in rendered.body


@pytest.mark.parametrize("overdue", [True, False])
@pytest.mark.parametrize(
    ("language", "how"),
    [
        (
            Language.ENGLISH,
            (
                "Pay in the app: open it and choose Pay. "
                "You can also come to Example County Pretrial Services, or call +1 555 0100 and ask "
                "how.\n"
            ),
        ),
        (
            Language.SPANISH,
            (
                "Pague en la aplicación: ábrala y elija Pagar. También puede venir a Example "
                "County Pretrial Services, o llamar al +1 555 0100 y preguntar cómo.\n"
            ),
        ),
    ],
)
def test_where_one_can_pay_in_the_app_it_says_so_unless_the_agency_has_a_page(
    language: Language, how: str, *, overdue: bool
) -> None:
    item = payment(date(2027, 3, 5))
    late = {item.source_id} if overdue else frozenset()

    in_app = recipient(language, payment_url=None, pays_in_app=True)
    on_page = recipient(language, pays_in_app=True)

    assert how in render_reminder([item], in_app, overdue=late).body
    page = render_reminder([item], on_page, overdue=late).body
    assert PAYMENT_URL in page
    assert how not in page


def test_a_payment_reminder_in_spanish_says_the_same() -> None:
    rendered = render_reminder(
        [payment(date(2027, 3, 5), subject=Subject.FINE)],
        recipient(Language.SPANISH),
        overdue=frozenset(),
    )

    assert "Hola, Testa" in rendered.body
    assert "- Multa: $1,234.56, vence el viernes 5 de marzo de 2027" in rendered.body
    assert "Pague aquí: https://pay.agency.example/fees\n" in rendered.body
    assert "avísenos antes del viernes 5 de marzo de 2027" in rendered.body
    assert "Officer Example al +1 555 0100" in rendered.body


@pytest.mark.parametrize(
    ("language", "was_due"), [(Language.ENGLISH, "was due"), (Language.SPANISH, "venció el")]
)
def test_an_overdue_payment_says_so_and_sets_no_new_deadline(
    language: Language, was_due: str
) -> None:
    item = payment(date(2027, 3, 5))

    rendered = render_reminder([item], recipient(language), overdue={item.source_id})

    assert was_due in rendered.body
    assert rendered.body.count("2027") == 1


def test_a_mixed_message_takes_the_first_day_to_come_as_its_deadline() -> None:
    items = [payment(date(2027, 3, day), source=day) for day in (4, 6, 9)]

    rendered = render_reminder(items, recipient(Language.ENGLISH), overdue={items[0].source_id})

    assert "was due Thursday, March 4, 2027" in rendered.body
    assert "tell us before Saturday, March 6, 2027" in rendered.body
    assert rendered.body.count("$1,234.56") == 3


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (Language.ENGLISH, "- Court hearing (Room 3): Friday, March 5, 2027, 1:30\xa0PM"),
        (Language.SPANISH, "- Audiencia judicial (Room 3): viernes 5 de marzo de 2027, 1:30"),
    ],
)
def test_a_hearing_is_told_with_place_and_local_time(language: Language, line: str) -> None:
    item = event(MessageKind.HEARING, Subject.COURT_HEARING, "Room 3")

    rendered = render_reminder([item], recipient(language), overdue=frozenset())

    assert line in rendered.body
    assert "+1 555 0100" in rendered.body


@pytest.mark.parametrize(
    ("kind", "subject", "name"),
    [
        (MessageKind.CHECK_IN, Subject.CHECK_IN, "Check-in"),
        (MessageKind.APPOINTMENT, Subject.APPOINTMENT, "Appointment"),
    ],
)
def test_an_event_without_an_hour_is_told_by_its_day(
    kind: MessageKind, subject: Subject, name: str
) -> None:
    item = DueItem(
        person=PERSON,
        kind=kind,
        source_id=UUID(int=9),
        subject=subject,
        due_on=date(2027, 3, 5),
    )

    rendered = render_reminder([item], recipient(Language.ENGLISH), overdue=frozenset())

    assert f"- {name}: Friday, March 5, 2027\n" in rendered.body
    assert "http" not in rendered.body


def test_a_reminder_of_nothing_or_of_two_kinds_is_a_fault() -> None:
    mixed = [
        payment(date(2027, 3, 5)),
        event(MessageKind.HEARING, Subject.COURT_HEARING),
    ]

    for items in ([], mixed):
        with pytest.raises(ValueError, match="one kind"):
            render_reminder(items, recipient(Language.ENGLISH), overdue=frozenset())


def test_a_name_stays_out_of_what_is_logged() -> None:
    shown = repr(recipient(Language.ENGLISH)) + repr(payment(date(2027, 3, 5)))

    assert "Testa" not in shown
    assert "123456" not in shown


def test_every_kind_has_one_of_four_collapse_keys() -> None:
    assert len(CollapseKey) == 4
    assert {kind.collapse_key for kind in MessageKind} == set(CollapseKey)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (0, "USD", "$0.00"),
        (5, "USD", "$0.05"),
        (123456789, "USD", "$1,234,567.89"),
        (4000, "EUR", "€40.00"),
        (1234, "CLP", "CLP\xa01,234"),
        (1234, "KWD", "KWD\xa01.234"),
        (4000, "MXN", "MXN\xa040.00"),
    ],
)
def test_money_is_written_with_the_digits_of_its_currency(
    amount_minor: int, currency: str, written: str
) -> None:
    assert money(amount_minor, currency) == written


@pytest.mark.parametrize(
    ("amount_minor", "currency"), [(-1, "USD"), (1, "usd"), (1, ""), (1, "DOLLAR"), (1, "ÄÖÜ")]
)
def test_money_that_cannot_be_owed_is_refused(amount_minor: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"amount|currency"):
        money(amount_minor, currency)


@given(st.integers(0, 10**12), st.sampled_from(["USD", "JPY", "KWD", "CLF", "CAD"]))
def test_no_digit_of_an_amount_is_lost(amount_minor: int, currency: str) -> None:
    written = money(amount_minor, currency)

    assert int("".join(one for one in written if one.isdigit())) == amount_minor


@pytest.mark.parametrize(
    ("at", "english", "spanish"),
    [
        (time(0, 5), "12:05\xa0AM", "12:05\xa0a.\xa0m."),
        (time(12), "12:00\xa0PM", "12:00\xa0p.\xa0m."),
        (time(23, 59), "11:59\xa0PM", "11:59\xa0p.\xa0m."),
    ],
)
def test_times_are_of_twelve_hours(at: time, english: str, spanish: str) -> None:
    assert clock_time(at, Language.ENGLISH) == english
    assert clock_time(at, Language.SPANISH) == spanish


def test_the_last_day_of_the_year_is_written_in_both_languages() -> None:
    last = date(2028, 12, 31)

    assert day(last, Language.ENGLISH) == "Sunday, December 31, 2028"
    assert day(last, Language.SPANISH) == "domingo 31 de diciembre de 2028"


def appointment(source: int, **more: Any) -> DueItem:
    return DueItem(
        person=PERSON,
        kind=MessageKind.APPOINTMENT,
        source_id=UUID(int=source),
        subject=Subject.APPOINTMENT,
        due_at=datetime(2027, 3, 5, 15, 30, tzinfo=UTC),
        **more,
    )


def told(*items: DueItem) -> str:
    return render_reminder(items, recipient(Language.ENGLISH), overdue=frozenset()).body


def test_the_time_is_told_by_the_clock_of_the_place_and_says_so_where_it_differs() -> None:
    here = told(appointment(1, zone=ZoneInfo("America/Mexico_City")))
    there = told(appointment(1, zone=ZoneInfo("America/New_York")))

    assert "9:30\N{NO-BREAK SPACE}AM\n" in here
    assert "10:30\N{NO-BREAK SPACE}AM EST\n" in there


def test_whoever_all_the_items_name_is_to_be_called() -> None:
    clerk = {"contact": "the clerk", "phone": "+15555550177"}

    assert "call the clerk at +15555550177" in told(
        appointment(1, **clerk), appointment(2, **clerk)
    )
    assert "call Example County Pretrial Services at +15555550177" in told(
        appointment(1, phone="+15555550177")
    )


def test_where_several_are_named_the_agency_is_to_be_called() -> None:
    clerk = appointment(1, contact="the clerk", phone="+15555550177")
    other = appointment(2, contact="the lab", phone="+15555550188")

    assert "call Officer Example at +1 555 0100" in told(clerk, other)
    assert "call Officer Example at +1 555 0100" in told(clerk, appointment(3))
