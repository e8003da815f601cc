"""The check-ins of one simulated phone: made as soon as they are open, and asked for in the end.

No finger opens its presence key: it is in software, which an agency that asks for `verified` refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from backend.simulator.phone import Phone, PhoneRefusedError
from backend.simulator.receipt import CHECK_IN_RECEIPT, ReceiptKeys
from backend.simulator.tally import Tally

_REFUSED: Final = "check-in-refused"
_APPOINTMENTS: Final = "/v1/me/appointments"
_CHECK_INS: Final = "/v1/me/check-ins"


class _LaterError(Exception):
    """The server gave no answer to go on with: nothing is wrong that another try may not mend."""


class Attendance:
    """Looks where its person is to check in, does so, and counts what came of it in `tally`."""

    def __init__(self, phone: Phone, keys: ReceiptKeys, tally: Tally) -> None:
        self._phone, self._keys, self._tally = phone, keys, tally
        self._settled: set[str] | None = None  # appointments that nothing is left to do for
        self._made: set[str] = set()  # check-ins that are still to be asked for
        self.is_behind = False  # the last look had no answer to go on with

    @property
    def unasked(self) -> int:
        """How many accepted check-ins were not asked for again."""
        return len(self._made)

    def look(self) -> None:
        """Check in for all that is open, where the phone's last fix was."""
        try:
            self._check_in_for_all()
        except (_LaterError, PhoneRefusedError, OSError):
            self.is_behind = True
        else:
            self.is_behind = False

    def ask_for_all(self) -> None:
        """Ask for what was made: what the server accepted and knows no more is lost."""
        if not self._made:
            return
        try:
            known = {each["id"] for each in self._accepted()}
        except (_LaterError, PhoneRefusedError, OSError):
            return
        self._tally.lost += len(self._made - known)
        self._made.clear()

    def _check_in_for_all(self) -> None:
        """Check in for one after the other; what opens later than the first that is not open waits."""
        if self._settled is None:
            self._settled = {each["appointment_id"] for each in self._accepted()}
        for appointment_id in self._expected(self._settled):
            if self._phone.presence is None:
                self._enrol_presence()
            opened = self._phone.open_check_in(appointment_id)
            if opened.status != HTTPStatus.OK:
                raise _LaterError
            opens_at = datetime.fromisoformat(opened.json()["opens_at"])
            if datetime.fromtimestamp(self._phone.now_s(), UTC) < opens_at:
                return
            answer = self._phone.confirm_check_in(appointment_id, opened)
            said = answer.json()
            if answer.status == HTTPStatus.OK:
                self._count(appointment_id, said)
            elif said.get("code") == _REFUSED:
                self._tally.check_ins_refused[said.get("reason") or said["refusal"]] += 1
            else:
                raise _LaterError
            self._settled.add(appointment_id)

    def _enrol_presence(self) -> None:
        try:
            self._phone.enrol_presence()
        except PhoneRefusedError as refused:
            self._tally.presence_refused[refused.answer.json().get("code", "refused")] += 1
            raise
        self._tally.presence_keys += 1

    def _count(self, appointment_id: str, said: dict[str, Any]) -> None:
        self._made.add(said["id"])
        self._tally.check_ins += 1
        self._tally.check_ins_late += said["punctuality"] == "late"
        expected = {
            "jkt": self._phone.jkt,
            "check_in": said["id"],
            "appointment": appointment_id,
            "punctuality": said["punctuality"],
            "presence": said["level"],
        }
        claims = self._keys.read(said["receipt"], CHECK_IN_RECEIPT) or {}
        self._tally.receipts += 1
        self._tally.wrong_receipts += any(claims.get(name) != it for name, it in expected.items())

    def _expected(self, settled: set[str]) -> list[str]:
        """Return the appointments that are still to be checked in for, the next one first."""
        theirs = [
            (each["starts_at"], each["id"])
            for each in self._all(_APPOINTMENTS)
            if each["kind"] == "check_in" and each["cancelled_at"] is None
        ]
        return [
            appointment_id for _, appointment_id in sorted(theirs) if appointment_id not in settled
        ]

    def _accepted(self) -> list[dict[str, Any]]:
        return [each for each in self._all(_CHECK_INS) if each["refusal"] is None]

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            answer = self._phone.get(f"{path}?limit=100{after}")
            if answer.status != HTTPStatus.OK:
                raise _LaterError
            said = answer.json()
            yield from said["items"]
            if said["next"] is None:
                return
            after = f"&after={said['next']}"
