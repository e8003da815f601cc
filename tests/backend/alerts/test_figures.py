from __future__ import annotations

from datetime import timedelta

import pytest

from backend.alerts.figures import Outcome, figure
from backend.alerts.lifecycle import AlertState, Disposition
from tests.support.clocks import START

WEEK = timedelta(days=7)


def _outcome(
    state: AlertState = AlertState.OPEN,
    disposition: Disposition | None = None,
    acknowledged_after_s: int | None = None,
) -> Outcome:
    waited = None if acknowledged_after_s is None else timedelta(seconds=acknowledged_after_s)
    return Outcome(state=state, disposition=disposition, to_acknowledge=waited)


def test_figures_of_nothing_are_unknown_and_not_zero() -> None:
    figures = figure([], people=0, since=START, until=START + WEEK)

    assert figures.alerts == 0
    assert figures.per_person_day is None
    assert figures.false_share is None
    assert figures.median_to_acknowledge_s is None


def test_alerts_are_counted_per_person_and_day() -> None:
    figures = figure([_outcome()] * 7, people=10, since=START, until=START + WEEK)

    assert figures.per_person_day == pytest.approx(0.1)


def test_false_are_errors_and_what_judging_withdrew_of_all_that_is_settled() -> None:
    resolved = AlertState.RESOLVED
    outcomes = [
        _outcome(resolved, Disposition.TECHNICAL),
        _outcome(resolved, Disposition.LOCATION_ERROR),
        _outcome(resolved, Disposition.DATA_ERROR),
        _outcome(AlertState.WITHDRAWN),
        _outcome(resolved, Disposition.CONFIRMED),
        _outcome(resolved, Disposition.EXCUSED),
        _outcome(resolved, Disposition.PRE_APPROVED),
        _outcome(resolved, Disposition.WARNING_GIVEN),
        _outcome(AlertState.OPEN),
        _outcome(AlertState.REOPENED, Disposition.TECHNICAL),
    ]

    figures = figure(outcomes, people=1, since=START, until=START + WEEK)

    assert figures.false_share == pytest.approx(0.5)


def test_the_median_leaves_out_what_nobody_acknowledged() -> None:
    waits = [_outcome(acknowledged_after_s=wait) for wait in (60, 600, 120)]

    figures = figure([*waits, _outcome()], people=1, since=START, until=START + WEEK)

    assert figures.median_to_acknowledge_s == 120
