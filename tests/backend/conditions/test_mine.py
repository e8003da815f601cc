from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from backend.conditions import imposing, mine
from backend.conditions.content import Draft
from backend.conditions.imposing import Ruling
from backend.conditions.kinds import ConditionKind
from backend.conditions.texts import MEANING, WHAT
from backend.core.actor import SYSTEM
from backend.core.db import Database
from backend.core.errors import Code
from notifications.formats import Language
from tests.support.clocks import START
from tests.support.conditions import (
    Case,
    circle,
    impose_confidential,
    impose_curfew,
    impose_exclusion,
    open_case,
    order_for,
    refused,
)

DAY = timedelta(days=1)


def test_nobody_but_a_supervised_person_asks_for_their_own(database: Database, case: Case) -> None:
    with database.snapshot() as session:
        for actor in (case.officer, SYSTEM):
            with refused(Code.FORBIDDEN):
                mine.my_conditions(session, actor, now=START)
            with refused(Code.FORBIDDEN):
                mine.my_zones(session, actor, now=START)


def test_a_person_reads_their_own_and_nobody_else_s(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        home = impose_curfew(session, case, order_for(session, case, now=START), now=START)
        impose_exclusion(session, other_case, order_for(session, other_case, now=START), now=START)

        (condition,) = mine.my_conditions(session, case.person, now=START)
        (zone,) = mine.my_zones(session, case.person, now=START)

    assert condition.id == zone.condition_id == home.id
    assert condition.title == "Home"
    assert zone.zone == circle(41.88, -87.63, 100.0)


def test_beside_a_confidential_zone_the_answer_is_the_same_as_without(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_curfew(session, case, order, now=START)
        without = (
            mine.my_conditions(session, case.person, now=START),
            mine.my_zones(session, case.person, now=START),
        )
        impose_confidential(session, case, order, now=START)

        assert without == (
            mine.my_conditions(session, case.person, now=START),
            mine.my_zones(session, case.person, now=START),
        )
    assert "Hidden" not in str([asdict(value) for values in without for value in values])


def test_what_is_planned_is_shown_with_its_time_and_what_is_over_is_not(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + 9 * DAY)
        condition = impose_exclusion(session, case, order, now=START)
        imposing.add_version(
            session,
            case.officer,
            condition.id,
            draft=Draft(title="Market, wider", zone=circle(41.9, -87.6, 400.0)),
            ruling=Ruling(reason="As ordered.", effective_from=START + 5 * DAY),
            now=START,
        )

        def shown(after: timedelta) -> list[tuple[str, timedelta, timedelta | None]]:
            return [
                (
                    item.title,
                    item.effective_from - START,
                    None if item.effective_to is None else item.effective_to - START,
                )
                for item in mine.my_conditions(session, case.person, now=START + after)
            ]

        both = [("Market", 0 * DAY, 5 * DAY), ("Market, wider", 5 * DAY, 9 * DAY)]
        assert shown(0 * DAY) == both
        assert shown(5 * DAY) == both[1:]
        assert shown(9 * DAY) == []


def test_a_lifted_condition_is_gone(database: Database, case: Case) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        ruling = Ruling(reason="Lifted by the court.")
        imposing.lift(session, case.officer, condition.id, ruling=ruling, now=START)

        assert mine.my_conditions(session, case.person, now=START) == []


def test_a_condition_without_a_zone_is_no_zone(database: Database, case: Case) -> None:
    with database.transaction() as session:
        imposing.impose(
            session,
            case.officer,
            order_for(session, case, now=START).id,
            kind=ConditionKind.OTHER,
            confidential=False,
            draft=Draft(title="Alcohol", text="Drink no alcohol."),
            ruling=Ruling(reason="As ordered."),
            now=START,
        )

        (condition,) = mine.my_conditions(session, case.person, now=START)
        assert mine.my_zones(session, case.person, now=START) == []
    assert condition.text == "Drink no alcohol."
    assert condition.meaning == "Do what the text of this condition says."


def test_our_words_are_in_the_person_s_language(database: Database) -> None:
    with database.transaction() as session:
        case = open_case(session, now=START, name="sur", language=Language.SPANISH)
        impose_exclusion(session, case, order_for(session, case, now=START), now=START)

        (condition,) = mine.my_conditions(session, case.person, now=START)
    assert condition.what == "Zona prohibida"
    assert condition.meaning.startswith("No entre en esta zona.")
    assert condition.title == "Market"


def test_every_language_has_words_for_every_kind() -> None:
    for texts in (WHAT, MEANING):
        for language in Language:
            assert set(texts[language]) == set(ConditionKind)
