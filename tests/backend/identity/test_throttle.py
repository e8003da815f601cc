from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from backend.core.db import Database, Session
from backend.identity.models import SignInTriesRow
from backend.identity.throttle import (
    LOCK,
    TRIES_PER_LOGIN,
    TRIES_PER_NETWORK,
    WINDOW,
    count_try,
    forgive,
    locked_until,
    network_key,
)
from tests.support.clocks import START, FrozenClock

EMAIL = "offa@agency.example"
ADDRESS = "192.0.2.1"


def tries_at(*minutes: float) -> list[float]:
    return [(START + timedelta(minutes=minute)).timestamp() for minute in minutes]


def test_without_tries_nothing_is_locked() -> None:
    assert locked_until([], 5, START) is None


def test_four_tries_do_not_lock() -> None:
    assert locked_until(tries_at(0, 0, 0, 0), 5, START) is None


def test_five_tries_within_the_window_lock_for_the_whole_lock() -> None:
    tries = tries_at(0, 1, 2, 3, 14.99)
    last = START + timedelta(minutes=14.99)

    assert locked_until(tries, 5, last) == last + LOCK
    assert locked_until(tries, 5, last + LOCK - timedelta(seconds=1)) == last + LOCK
    assert locked_until(tries, 5, last + LOCK) is None


def test_five_tries_over_the_whole_window_do_not_lock() -> None:
    assert locked_until(tries_at(0, 1, 2, 3, 15), 5, START + timedelta(minutes=15)) is None


@given(waits_s=st.lists(st.integers(0, 1_200), max_size=60))
def test_in_any_fifteen_minutes_there_are_at_most_five_bad_tries(waits_s: list[int]) -> None:
    now, bad = START, list[datetime]()

    for wait in waits_s:
        now += timedelta(seconds=wait)
        if locked_until([try_.timestamp() for try_ in bad][-5:], 5, now) is None:
            bad.append(now)

    for first in bad:
        within = [at for at in bad if first <= at < first + WINDOW]
        assert len(within) <= 5


def test_a_lock_is_kept_and_ends(database: Database, clock: FrozenClock) -> None:
    for _ in range(TRIES_PER_LOGIN):
        with database.transaction() as session:
            assert count_try(session, EMAIL, ADDRESS, clock.step(seconds=1)) is None
    until = clock.now() + LOCK

    with database.transaction() as session:
        assert count_try(session, EMAIL, ADDRESS, clock.step(minutes=1)) == until
        assert count_try(session, "other@agency.example", ADDRESS, clock.now()) is None
        clock.set(until)
        assert count_try(session, EMAIL, ADDRESS, clock.now()) is None


def test_a_network_that_tries_many_addresses_is_locked(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        for number in range(TRIES_PER_NETWORK):
            assert count_try(session, f"{number}@agency.example", ADDRESS, clock.now()) is None

        assert count_try(session, "next@agency.example", ADDRESS, clock.now()) is not None
        assert count_try(session, "next@agency.example", "192.0.2.2", clock.now()) is None


def test_a_good_try_forgets_the_bad_ones_of_its_address_and_itself_of_its_network(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        for _ in range(3):
            count_try(session, EMAIL, ADDRESS, clock.step(seconds=1))
        good = clock.step(seconds=1)
        count_try(session, EMAIL, ADDRESS, good)
        forgive(session, EMAIL, ADDRESS, good, clock.now())

    with database.snapshot() as session:
        kept = {row.key: row.tries_s for row in session.scalars(select(SignInTriesRow))}
    assert len(kept[network_key(ADDRESS)]) == 3
    assert not any(tries for key, tries in kept.items() if key.startswith("login:"))


def test_a_good_try_that_fell_out_of_the_count_of_its_network_leaves_the_others(
    database: Database, clock: FrozenClock
) -> None:
    good = clock.now()
    with database.transaction() as session:
        count_try(session, EMAIL, ADDRESS, good)
        for number in range(TRIES_PER_NETWORK):
            count_try(session, f"{number}@agency.example", ADDRESS, clock.step(minutes=1))
        forgive(session, EMAIL, ADDRESS, good, clock.now())

    with database.snapshot() as session:
        network = session.get_one(SignInTriesRow, network_key(ADDRESS))
    assert len(network.tries_s) == TRIES_PER_NETWORK


def test_counts_that_no_longer_matter_are_forgotten(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        for number in range(3):
            count_try(session, f"{number}@agency.example", f"192.0.2.{number}", clock.now())
    clock.step(hours=1)

    with database.transaction() as session:
        count_try(session, EMAIL, ADDRESS, clock.now())
        forgive(session, EMAIL, ADDRESS, clock.now(), clock.now())

    with database.snapshot() as session:
        assert count(session) == 2


def test_addresses_that_nobody_knows_are_not_kept(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        count_try(session, "somebody.private@home.example", ADDRESS, clock.now())

    with database.snapshot() as session:
        assert "private" not in " ".join(session.scalars(select(SignInTriesRow.key)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        (None, "not an address"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_one_customer_is_one_network(one: str | None, other: str | None) -> None:
    assert network_key(one) == network_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.1", "192.0.2.2"), ("::1", "127.0.0.1")],
)
def test_two_customers_are_two_networks(one: str, other: str) -> None:
    assert network_key(one) != network_key(other)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(SignInTriesRow)) or 0
