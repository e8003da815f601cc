"""Clock, identifiers, keys, JSON, logs: the small parts that everything rests on."""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from backend.core import keys, logs
from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.clock import SteppedClock, SystemClock, from_unix_s, rfc3339, unix_s
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.core.json import StrictJsonProvider

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_system_time_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def _step(path: Path) -> None:
    SteppedClock(path).step(timedelta(days=10))


def test_a_step_moves_every_process(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = SteppedClock(path)
    clock.step_to(NOON)

    other = multiprocessing.get_context("spawn").Process(target=_step, args=(path,))
    other.start()
    other.join()

    assert NOON + timedelta(days=10) <= clock.now() < NOON + timedelta(days=10, minutes=5)


def test_a_stepped_clock_opened_again_keeps_its_time(tmp_path: Path) -> None:
    SteppedClock(tmp_path / "clock").step_to(NOON)

    assert NOON <= SteppedClock(tmp_path / "clock").now() < NOON + timedelta(minutes=1)


def test_instants_are_written_with_z() -> None:
    assert rfc3339(NOON) == "2026-03-02T12:00:00Z"
    assert rfc3339(NOON.replace(microsecond=120_000)) == "2026-03-02T12:00:00.120Z"
    assert from_unix_s(unix_s(NOON)) == NOON


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_identifiers_are_version_7_and_sort_by_time(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)

    first, later = new_id(instant), new_id(instant + timedelta(milliseconds=2))

    assert first.version == 7
    assert first < later
    assert first != new_id(instant)


def test_derived_keys_differ_by_purpose() -> None:
    assert keys.derive(bytes(32), "nonce") != keys.derive(bytes(32), "code")
    assert keys.derive(bytes(32), "nonce") != keys.derive(bytes(31) + b"1", "nonce")


def test_a_token_is_kept_only_as_its_hash() -> None:
    token = keys.new_token("cxs")

    assert token.startswith("cxs_")
    assert token.encode() not in keys.token_hash(token)
    assert keys.token_hash(token) == keys.token_hash(token)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"a":NaN}', "[Infinity]", "1e999", "[" * 100_000, '{"a":{"b":1,"b":1}}', ""],
)
def test_ambiguous_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        StrictJsonProvider(Flask("test")).loads(text)


def test_logs_keep_no_personal_data() -> None:
    event: dict[str, Any] = {"event": "sent", "job": "dispatch", "name": "Testa", "latitude": 45.2}

    assert logs.keep_allowed(None, "info", event) == {"event": "sent", "job": "dispatch"}


def test_a_fault_is_logged_without_its_text() -> None:
    try:
        raise KeyError("Testa Example")
    except KeyError as error:
        logged = json.dumps(logs.fault(error))

    assert "Testa" not in logged
    assert "KeyError" in logged


def test_an_actor_without_the_permission_is_refused() -> None:
    officer = Actor(kind=ActorKind.OFFICER, id=new_id(NOON), agency_id=new_id(NOON))

    with pytest.raises(Problem) as refused:
        officer.require(Permission.ALERT_DECIDE)

    assert refused.value.code is Code.FORBIDDEN


def test_the_system_acts_for_no_agency() -> None:
    with pytest.raises(LookupError):
        _ = SYSTEM.agency
