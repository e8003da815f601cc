from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from backend.conditions import orders, service
from backend.conditions.kinds import ConditionKind
from backend.conditions.orders import OrderTerms
from backend.core import rows
from backend.core.db import Database
from backend.core.ids import new_id
from geofence import (
    Circle,
    Fix,
    GeometryRefused,
    Parameters,
    PreparedRules,
    RuleKind,
    State,
    drawn,
    judge,
    parse_zone,
)
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import (
    NIGHTS,
    Case,
    circle,
    impose_confidential,
    impose_curfew,
    impose_exclusion,
    let_rest,
    order_for,
    rectangle,
)

START_S = int(START.timestamp())
DAY = timedelta(days=1)
DAY_S = 86_400


def test_a_person_without_orders_has_nothing(database: Database, case: Case) -> None:
    with database.snapshot() as session:
        for supervisee_id in (case.supervisee_id, new_id(START)):
            assert service.rules_for(session, supervisee_id, 0) == []
            assert service.suspensions_for(session, supervisee_id, 0) == []
            assert service.rule_labels(session, supervisee_id) == {}
            assert service.orders_of(session, supervisee_id) == ()
            assert service.exemptions_of(session, supervisee_id) == ()
            assert not service.has_order_in_force(session, supervisee_id, START)
            assert service.exemption_in_force(session, supervisee_id, START) is None


def test_rules_of_somebody_else_are_not_among_them(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)

        assert service.rules_for(session, other_case.supervisee_id, 0) == []
        assert not service.has_order_in_force(session, other_case.supervisee_id, START)


def test_a_rule_says_what_the_condition_says(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + DAY)
        home = impose_curfew(session, case, order, now=START)
        market = impose_exclusion(session, case, order, now=START, buffer_m=250.0)

        curfew, exclusion = sorted(
            service.rules_for(session, case.supervisee_id, START_S), key=lambda rule: rule.kind
        )[::-1]

    assert (curfew.id, curfew.kind) == (str(home.id), RuleKind.INCLUSION)
    assert drawn(curfew.zone) == Circle(latitude=41.88, longitude=-87.63, radius_m=100.0)
    assert curfew.schedule is not None
    assert curfew.schedule.timezone == NIGHTS["timezone"]
    assert (exclusion.id, exclusion.kind) == (str(market.id), RuleKind.EXCLUSION)
    assert (exclusion.schedule, exclusion.buffer_m) == (None, 250.0)
    assert (curfew.valid_from_s, curfew.valid_until_s) == (START_S, START_S + DAY_S)


def test_only_rules_that_touch_the_span_are_returned(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, starts_at=START + DAY, ends_at=START + 2 * DAY)
        impose_curfew(session, case, order, now=START)

        def count(from_day: int, until_day: int | None) -> int:
            until_s = None if until_day is None else START_S + until_day * DAY_S
            from_s = START_S + from_day * DAY_S
            return len(service.rules_for(session, case.supervisee_id, from_s, until_s))

        assert [count(0, 1), count(0, 2), count(0, None), count(2, None)] == [0, 1, 1, 0]


def test_any_drawn_shape_comes_back_as_drawn(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    corridor = {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [[-87.6, 41.9], [-87.5, 41.95]]},
        "properties": {"width_m": 60.5},
    }
    square = rectangle(-87.7, 41.8, -87.6, 41.9)
    pair = {
        "type": "MultiPolygon",
        "coordinates": [square["coordinates"], rectangle(-87.5, 41.8, -87.4, 41.9)["coordinates"]],
    }
    drawings = [circle(41.9, -87.6, 123.456), corridor, square, pair]
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        for drawing in drawings:
            impose_exclusion(session, case, order, now=clock.step(seconds=1), zone=drawing)

    with database.snapshot() as session:
        rules = service.rules_for(session, case.supervisee_id, 0)

    zones = [parse_zone(drawing) for drawing in drawings]
    assert not any(isinstance(zone, GeometryRefused) for zone in zones)
    assert [drawn(rule.zone) for rule in rules] == zones


def test_everything_for_judging_takes_one_query_each(
    database: Database, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        for _ in range(5):
            impose_exclusion(session, case, order, now=START)
        let_rest(session, case, now=START)
    asked: list[str] = []

    def by_the_driver(connection: Any, text: str, parameters: Any) -> Any:
        asked.append(text)
        return executed(connection, text, parameters)

    executed = rows._executed
    monkeypatch.setattr(rows, "_executed", by_the_driver)
    event.listen(database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    with database.snapshot() as session:
        assert len(service.rules_for(session, case.supervisee_id, START_S)) == 5
        assert len(service.suspensions_for(session, case.supervisee_id, START_S)) == 1

    assert len([text for text in asked if text.startswith("SELECT")]) == 2


def test_labels_speak_of_each_version(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        home = impose_curfew(session, case, order, now=START)
        impose_confidential(session, case, order, now=START)

        labels = service.rule_labels(session, case.supervisee_id)

    label = labels[str(home.id), 1]
    assert len(labels) == 2
    assert (label.kind, label.confidential) == (ConditionKind.CURFEW, False)
    assert (label.place_en, label.place_es) == ("Home", "Home")
    assert (label.order_reference, label.timezone) == ("24-CR-001", "America/Chicago")


def test_a_version_that_an_order_cut_short_leaves_behind_still_has_its_label(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, starts_at=START - 9 * DAY)
        home = impose_curfew(session, case, order, now=START)
        terms = OrderTerms(
            court=order.court,
            reference=order.reference,
            judge=order.judge,
            issued_on=order.issued_on,
            starts_at=order.starts_at,
            ends_at=START - DAY,
        )
        orders.change_order(session, case.officer, order.id, terms, now=START + DAY)

        assert service.rules_for(session, case.supervisee_id, 0) == []
        assert (str(home.id), 1) in service.rule_labels(session, case.supervisee_id)


@pytest.mark.parametrize("rests", [False, True])
def test_the_engine_judges_by_what_comes_out(database: Database, case: Case, rests: bool) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_exclusion(session, case, order, now=START, zone=circle(41.9, -87.6, 300.0))
        if rests:
            let_rest(session, case, now=START)
        rules = PreparedRules(
            service.rules_for(session, case.supervisee_id, START_S),
            service.suspensions_for(session, case.supervisee_id, START_S),
        )
    parameters = Parameters()
    fixes = [
        Fix(
            digest=bytes([number]) * 32,
            activation="a",
            seq=number,
            at_s=START_S + 60 * number,
            mono_ms=60_000 * number,
            latitude=41.9 + 0.00001 * number,
            longitude=-87.6,
            accuracy_m=10.0,
        )
        for number in range(1, 6)
    ]

    judgement = judge(
        State.begin(at_s=START_S, parameters=parameters),
        fixes,
        rules,
        until_s=START_S + 600,
        parameters=parameters,
    )

    assert bool(judgement.episodes) is not rests
