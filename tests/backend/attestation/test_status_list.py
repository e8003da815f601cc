"""Google's list of revoked certificates: what is one, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import (
    MAX_LIST_BYTES,
    StatusList,
    StatusListFault,
    read_status_list,
)

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAMPLE: Final = Path("tests/data/attestation/android/revocation-status-sample.json").read_bytes()


def read(data: bytes) -> StatusList:
    """The list, which must be one, as of an hour ago."""
    found = read_status_list(data, fetched_at=NOW - timedelta(hours=1))
    assert isinstance(found, StatusList)
    return found


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", StatusListFault.NOT_JSON),
        (b"\xef\xbb\xbf{}", StatusListFault.NOT_JSON),
        ('{"entries": {}}'.encode("utf-16"), StatusListFault.NOT_JSON),
        (b'{"entries": {}, "entries": {}}', StatusListFault.NOT_JSON),
        (b'{"entries": NaN}', StatusListFault.NOT_JSON),
        (b"[" * 100_000, StatusListFault.NOT_JSON),
        (b'{"entries": {}} {}', StatusListFault.NOT_JSON),
        (b"<html>captive portal</html>", StatusListFault.NOT_JSON),
        (b"[]", StatusListFault.WRONG_SHAPE),
        (b"{}", StatusListFault.WRONG_SHAPE),
        (b'{"entries": []}', StatusListFault.WRONG_SHAPE),
        (b'{"entries": {"ab": "REVOKED"}}', StatusListFault.WRONG_SHAPE),
        (b'{"entries": {"ab": {"status": 1}}}', StatusListFault.WRONG_SHAPE),
        (b'{"entries": {"0xab": {"status": "REVOKED"}}}', StatusListFault.WRONG_SHAPE),
        (b'{"entries": {"": {"status": "REVOKED"}}}', StatusListFault.WRONG_SHAPE),
        (bytes(MAX_LIST_BYTES + 1), StatusListFault.TOO_LARGE),
    ],
)
def test_what_is_no_list_does_not_replace_one(data: bytes, fault: StatusListFault) -> None:
    assert read_status_list(data, fetched_at=NOW) is fault


@pytest.mark.parametrize(
    ("serial", "refusal"),
    [
        (6681152659205225093, AndroidRefusal.REVOKED),
        (11244410301401252959, AndroidRefusal.REVOKED),
        (0xCC66E9A93713B6E643B26C15879786F7, AndroidRefusal.SUSPENDED),
        (0x6681152659205225093, AndroidRefusal.REVOKED),
        (1, None),
        (0, None),
        (-1, None),
    ],
)
def test_a_serial_is_looked_up_in_hex_and_in_decimal(
    serial: int, refusal: AndroidRefusal | None
) -> None:
    assert read(SAMPLE).refusal((5, serial), NOW) is refusal


def test_case_and_leading_zeros_of_the_list_do_not_hide_a_serial() -> None:
    listed = read(b'{"entries": {"00ABCDEF": {"status": "REVOKED"}}}')

    assert listed.refusal((0xABCDEF,), NOW) is AndroidRefusal.REVOKED


def test_a_status_that_is_yet_to_be_invented_is_no_clearance() -> None:
    listed = read(b'{"entries": {"ab": {"status": "PAUSED"}}}')

    assert listed.refusal((0xAB,), NOW) is AndroidRefusal.SUSPENDED


def test_a_list_older_than_48_hours_says_nothing_good_of_anyone() -> None:
    listed = read(b'{"entries": {}}')

    assert listed.refusal((), listed.fetched_at + timedelta(hours=48)) is None
    stale_at = listed.fetched_at + timedelta(hours=48, microseconds=1)
    assert listed.refusal((), stale_at) is AndroidRefusal.STATUS_LIST_STALE
    assert listed.refusal((), listed.fetched_at - timedelta(seconds=1)) is (
        AndroidRefusal.STATUS_LIST_STALE
    )


def test_the_version_names_the_bytes() -> None:
    assert read(SAMPLE).version == read(SAMPLE).version
    assert read(SAMPLE).version != read(SAMPLE + b"\n").version


@given(
    serials=st.lists(st.integers(min_value=1, max_value=2**160), min_size=1, max_size=8),
    in_hex=st.booleans(),
)
def test_every_listed_serial_is_found_and_no_other(serials: list[int], in_hex: bool) -> None:
    written = [f"{serial:x}" if in_hex else str(serial) for serial in serials]
    document = {"entries": {each: {"status": "REVOKED"} for each in written}}

    listed = read(json.dumps(document).encode())

    assert all(listed.refusal((serial,), NOW) is AndroidRefusal.REVOKED for serial in serials)
    others = {serial + 1 for serial in serials}
    for other in others:
        expected = f"{other:x}" in written or str(other) in written
        assert (listed.refusal((other,), NOW) is not None) is expected


def test_what_an_old_list_revokes_is_revoked_still() -> None:
    old = StatusList(
        refusals={"ba7c4": AndroidRefusal.REVOKED},
        fetched_at=NOW - timedelta(days=30),
        version="an old list",
    )

    assert old.refusal([0xBA7C4], NOW) is AndroidRefusal.STATUS_LIST_STALE
    assert old.listed([1, 0xBA7C4]) is AndroidRefusal.REVOKED
    assert old.listed([1]) is None
