"""Key figures of alerting: how many, how many for nothing, how soon somebody looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from backend.alerts.lifecycle import FALSE_DISPOSITIONS, AlertState, Disposition

LONGEST_PERIOD: Final = timedelta(days=92)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one alert that was detected in the period."""

    state: AlertState
    disposition: Disposition | None
    to_acknowledge: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one period. A share or a median of nothing is None, not zero."""

    since: datetime
    until: datetime
    alerts: int
    people: int
    per_person_day: float | None
    false_share: float | None
    median_to_acknowledge_s: float | None


def figure(
    outcomes: Sequence[Outcome], *, people: int, since: datetime, until: datetime
) -> Figures:
    """Return the figures of `[since, until)` for `people` under supervision.

    False are alerts that a human found to be a technical, location or data error, and those that
    judging itself withdrew; their share is of all that were resolved or withdrawn.
    """
    person_days = people * ((until - since) / _DAY)
    judged = [outcome for outcome in outcomes if _is_settled(outcome)]
    waits = [o.to_acknowledge.total_seconds() for o in outcomes if o.to_acknowledge is not None]
    return Figures(
        since=since,
        until=until,
        alerts=len(outcomes),
        people=people,
        per_person_day=len(outcomes) / person_days if person_days else None,
        false_share=sum(map(_is_false, judged)) / len(judged) if judged else None,
        median_to_acknowledge_s=median(waits) if waits else None,
    )


def _is_settled(outcome: Outcome) -> bool:
    return outcome.state in {AlertState.RESOLVED, AlertState.WITHDRAWN}


def _is_false(outcome: Outcome) -> bool:
    return outcome.state is AlertState.WITHDRAWN or outcome.disposition in FALSE_DISPOSITIONS
