"""One simulated phone on its way: takes fixes, sends or buffers them, and asks for what it is owed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from backend.simulator.attendance import Attendance
from backend.simulator.journal import Journal, digest_of
from backend.simulator.line import Line
from backend.simulator.phone import Phone, PhoneRefusedError
from backend.simulator.plan import Deed, Event
from backend.simulator.position import Position
from backend.simulator.receipt import FIX_RECEIPT, JOURNAL_RECEIPT, ReceiptKeys
from backend.simulator.tally import Tally
from backend.simulator.wire import HttpAnswer

_TRIES: Final = 5
_PAGE: Final = 500
"""Fixes that a token may hold."""
_FINAL: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""The server understood a token and does not want it; sending it again helps nothing."""


class Walker:
    """Does what the plan says with a phone that is enrolled, and counts what came of it."""

    def __init__(self, phone: Phone, line: Line, keys: ReceiptKeys) -> None:
        self._phone, self._line, self._keys = phone, line, keys
        self.tally = Tally(phones=1)
        self._pages: dict[int, int] = {}
        self._due: set[int] = set()
        self._taken: list[tuple[str, str]] = []  # tokens and their receipts
        self._here: set[int] = set()  # fixes of which the server said live that it has them
        self._last: Position | None = None
        self._rotates = False  # a change of the key is due
        self._attendance = Attendance(phone, keys, self.tally)
        self._attends = False  # it is time to look for check-ins

    def act(self, event: Event) -> None:
        """Do one thing. Nothing that the server answers is an error here: it is counted."""
        match event.deed:
            case Deed.JOIN:
                self._line.is_up = True
                self._send_due()
            case Deed.CUT:
                self._line.is_up = False
            case Deed.REBOOT:
                self._reboot()
            case Deed.TAKE if event.position is not None:
                self._take(event.position)
            case Deed.LOSE:
                self._phone.lose_fix("storage")
                self.tally.dropped += 1
            case Deed.WRITE:
                self._write(event.page)
            case Deed.SEND if event.page in self._pages:
                self._due.add(self._pages.pop(event.page))
                self._send_due()
            case Deed.ROTATE:
                self._rotates = True
            case Deed.CHECK_IN:
                self._attends = True
            case _:
                pass
        self._rotate_if_due()
        self._check_in_if_due()

    def finish(self) -> None:
        """Send what is left, and ask again for all of it: what was accepted must be there."""
        self._line.is_up = True
        if self._last is not None:
            self._buffer(self._last)
        for _ in range(_TRIES):
            self._rotate_if_due()
            self._attends |= self._attendance.is_behind
            self._check_in_if_due()
            self._attendance.ask_for_all()
            self._write_all()
            self._due.update(self._journal.unsent)
            self._send_due()
        unsigned = bool(self._journal.fixes or self._journal.gaps)
        self.tally.undelivered += len(self._journal.unsent) + unsigned
        self._ask_for_all()
        self.tally.undelivered += len(self._taken)
        self.tally.unasked += self._attendance.unasked
        self.tally.requests += self._line.sent
        self.tally.unanswered += self._line.unanswered
        self.tally.live_seconds += self._line.seconds.get("/v1/fixes", [])
        self.tally.journal_seconds += self._line.seconds.get("/v1/journal", [])

    # Fixes

    def _take(self, position: Position) -> None:
        self._last = position
        if not self._line.is_up:
            self._buffer(position)
            return
        seq = self._phone.take_fix(position)
        self.tally.taken += 1
        try:
            answer = self._phone.deliver_fix()
        except OSError:
            self._put_off("no answer")
        except PhoneRefusedError as refused:
            self._put_off(f"token {refused.answer.status}")
        else:
            self._count_live(seq, answer)

    def _count_live(self, seq: int, answer: HttpAnswer) -> None:
        if answer.status == HTTPStatus.OK:
            self.tally.live_accepted += 1
            receipt = answer.json().get("receipt")
            if receipt is not None:  # None: nothing is kept of somebody under no order
                self._here.add(seq)
                self._verify(receipt, FIX_RECEIPT, seq=seq, outcome="ACCEPTED")
        elif answer.status == HTTPStatus.FORBIDDEN:
            self.tally.live_refused[answer.json().get("reason", "403")] += 1
        else:
            self._put_off(str(answer.status))

    def _put_off(self, why: str) -> None:
        self.tally.put_off[why] += 1
        self._phone.keep_fix()
        self._kept()

    def _buffer(self, position: Position) -> None:
        self._phone.buffer_fix(position)
        self.tally.taken += 1
        self._kept()

    def _kept(self) -> None:
        self.tally.buffered += 1
        if len(self._journal.fixes) >= _PAGE:
            self._write_all()

    # Journal

    @property
    def _journal(self) -> Journal:
        if self._phone.journal is None:
            raise ValueError("The phone is not enrolled.")
        return self._phone.journal

    def _write(self, page: int) -> None:
        if (n := self._write_token()) is not None:
            self._pages[page] = n

    def _write_all(self) -> None:
        """Write a token that may be sent as soon as there is a line."""
        if (n := self._write_token()) is not None:
            self._due.add(n)

    def _write_token(self) -> int | None:
        journal = self._journal
        if self._phone.may_have_rotated or not (journal.fixes or journal.gaps):
            return None
        try:
            self._phone.write_journal()
        except (OSError, PhoneRefusedError):
            return None  # It has heard nothing of the server since it started: later.
        return journal.n

    def _send_due(self) -> None:
        if not self._line.is_up:
            return
        for n in sorted(self._due):
            self._send_token(n)

    def _send_token(self, n: int) -> None:
        text = self._journal.unsent[n]
        try:
            answer = self._phone.send_token(text)
        except OSError:
            return
        if answer.status == HTTPStatus.OK:
            self._count_token(n, text, answer.json())
        elif answer.status in _FINAL:
            said = answer.json()
            self.tally.tokens_refused[said.get("reason") or said.get("code", "refused")] += 1
        else:
            return
        self._due.discard(n)
        del self._journal.unsent[n]

    def _count_token(self, n: int, text: str, said: dict[str, Any]) -> None:
        self.tally.tokens += 1
        self.tally.out_of_order += bool(said["missing"])
        self.tally.journal_accepted += said["accepted"]
        self.tally.journal_refused.update(each["reason"] for each in said["refused"])
        self._taken.append((text, said["receipt"]))
        counts = {"accepted": said["accepted"], "refused": len(said["refused"])}
        self._verify(said["receipt"], JOURNAL_RECEIPT, n=n, hash=digest_of(text), **counts)
        for span in said["unaccounted"]:
            numbers = set(range(span["first"], span["last"] + 1))
            self.tally.unaccounted += len(numbers)
            self.tally.lost += len(numbers & self._here)

    def _ask_for_all(self) -> None:
        """Ask again for each token by the key that signed it; what gets no answer is still asked."""
        self._taken = [(text, it) for text, it in self._taken if not self._ask_again(text, it)]

    def _ask_again(self, text: str, receipt: str) -> bool:
        try:
            answer = self._phone.send_token(text)
        except OSError:
            return False
        self.tally.asked_again += 1
        if answer.status != HTTPStatus.OK or answer.json()["receipt"] != receipt:
            self.tally.lost += 1
        return True

    def _verify(self, text: str, typ: str, **said: object) -> None:
        """Count a receipt; it must be signed, name this phone, and say the same as the answer."""
        claims = self._keys.read(text, typ) or {}
        expected = {"jkt": self._phone.jkt, **said}
        self.tally.receipts += 1
        self.tally.wrong_receipts += any(claims.get(name) != it for name, it in expected.items())

    # Key, presence and start

    def _check_in_if_due(self) -> None:
        """Check in where that is asked for, as soon as the phone can say where it is."""
        is_able = self._line.is_up and not self._phone.may_have_rotated
        if self._attends and is_able and self._phone.has_fresh_fix:
            self._attends = False
            self._attendance.look()

    def _rotate_if_due(self) -> None:
        """Change the key once all that the old one signed is there; else it is due at the next deed."""
        if not (self._rotates and self._line.is_up and self._delivered_by_old_key()):
            return
        try:
            self._phone.rotate()
        except OSError:
            return
        except PhoneRefusedError as refused:
            self.tally.rotations_refused[refused.answer.json().get("code", "refused")] += 1
        else:
            self.tally.rotations += 1
        self._rotates = False

    def _delivered_by_old_key(self) -> bool:
        if self._phone.may_have_rotated:
            return True  # It was so before the change was asked for, and nothing was signed since.
        self._due.update(self._journal.unsent)
        self._pages.clear()
        self._send_due()
        self._ask_for_all()
        return not (self._journal.unsent or self._taken)

    def _reboot(self) -> None:
        """Switch off and on. What was buffered is signed before, for a token is of one start."""
        self._write_all()
        if self._journal.fixes:
            return  # Without any contact since the last start it cannot be signed.
        self._phone.reboot()
        self.tally.reboots += 1
