"""What is kept of a request by what was decided of it."""

from __future__ import annotations

import pytest
from flask import Flask

from backend.core.db import Database
from backend.devices import keys
from backend.devices.key_state import KeyReason
from backend.location.refusals import RefusalReason
from tests.support.clocks import FrozenClock
from tests.support.location import HOME, Watched, at, watched_person


def suspend(watched: Watched) -> None:
    with watched.database.transaction() as session:
        keys.suspend(
            session,
            watched.case.officer,
            watched.phone.jkt,
            reason=KeyReason.LOST,
            now=watched.clock.now(),
        )


@pytest.mark.parametrize("ordered", [True, False])
def test_a_suspended_phones_position_is_kept_under_an_order_only(
    app: Flask, database: Database, clock: FrozenClock, *, ordered: bool
) -> None:
    watched = watched_person(app, database, clock, ordered=ordered)
    suspend(watched)

    answer = watched.phone.send_fix(at(HOME))

    (refusal,) = watched.refusals()
    assert (answer.status, refusal.reason) == (403, RefusalReason.SUSPENDED_DEVICE)
    assert answer.json()["reference"] == refusal.reference
    assert bool(refusal.signed) is ordered
    assert watched.fixes() == []
