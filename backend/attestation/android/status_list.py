"""Google's list of attestation certificates that are no longer to be believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Final

from backend.attestation import strict_json
from backend.attestation.android.refusal import AndroidRefusal

MAX_AGE: Final = timedelta(hours=48)
MAX_LIST_BYTES: Final = 16 * 1024 * 1024

_SERIAL: Final = re.compile(r"[0-9a-fA-F]{1,64}")


class StatusListFault(Enum):
    """Why a file is no status list; the one before it stays in use until it is too old."""

    TOO_LARGE = "The list is larger than 16 MiB."
    NOT_JSON = "The list is not one JSON value in UTF-8 that names each member once."
    WRONG_SHAPE = "The list has no entries by serial number, each with a status."


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """The serial numbers that are revoked or suspended, and when we fetched them.

    `refusals` is keyed by the number as the list writes it, in lower case and without leading
    zeros. `version` is the SHA-256 of the list's bytes, in hex.
    """

    refusals: Mapping[str, AndroidRefusal] = field(repr=False)
    fetched_at: datetime
    version: str

    def refusal(self, serials: Iterable[int], now: datetime) -> AndroidRefusal | None:
        """STATUS_LIST_STALE, or what the list says of the first serial that it names, or None.

        The list writes some serials in hex and some in decimal, with nothing to tell them apart,
        so each is looked up as both. A list from the future is as bad as an old one.
        """
        if not timedelta(0) <= now - self.fetched_at <= MAX_AGE:
            return AndroidRefusal.STATUS_LIST_STALE
        return self.listed(serials)

    def listed(self, serials: Iterable[int]) -> AndroidRefusal | None:
        """What the list says of the first serial that it names, however old it is.

        For keys that were enrolled: what an old list revokes is revoked still.
        """
        for serial in serials:
            for written in (f"{serial:x}", str(serial)):
                if written in self.refusals:
                    return self.refusals[written]
        return None


def read_status_list(data: bytes, *, fetched_at: datetime) -> StatusList | StatusListFault:
    """The list in the format of android.googleapis.com/attestation/status, or what is wrong with it."""
    if len(data) > MAX_LIST_BYTES:
        return StatusListFault.TOO_LARGE
    try:
        document = strict_json.read(data)
    except ValueError:
        return StatusListFault.NOT_JSON
    entries = document.get("entries") if type(document) is dict else None
    if type(entries) is not dict:
        return StatusListFault.WRONG_SHAPE
    refusals = {}
    for serial, entry in entries.items():
        status = entry.get("status") if type(entry) is dict else None
        if _SERIAL.fullmatch(serial) is None or type(status) is not str:
            return StatusListFault.WRONG_SHAPE
        # A status that Google has yet to invent is no clearance.
        refusals[serial.lower().lstrip("0")] = _REFUSALS.get(status, AndroidRefusal.SUSPENDED)
    return StatusList(refusals=refusals, fetched_at=fetched_at, version=sha256(data).hexdigest())


_REFUSALS: Final = {
    "REVOKED": AndroidRefusal.REVOKED,
    "SUSPENDED": AndroidRefusal.SUSPENDED,
}
