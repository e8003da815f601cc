"""The life of an alert: which step is possible from where, and what a step needs. Pure.

`OPEN -> ACKNOWLEDGED -> INVESTIGATING -> RESOLVED(disposition)`, `RESOLVED -> REOPENED ->
INVESTIGATING`. Judging again may withdraw what nobody decided, and bring it back. What a human
decided stays decided: no step of the machine leads away from it. That the condition ended by
itself (cleared) is a stamp beside this, not a step in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class AlertState(Enum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"


class Disposition(Enum):
    """What a human decided that it was."""

    PRE_APPROVED = "pre-approved"
    EXCUSED = "excused"
    TECHNICAL = "technical"
    LOCATION_ERROR = "location-error"
    DATA_ERROR = "data-error"
    WARNING_GIVEN = "warning-given"
    CONFIRMED = "confirmed"


FALSE_DISPOSITIONS: Final = frozenset(
    {Disposition.TECHNICAL, Disposition.LOCATION_ERROR, Disposition.DATA_ERROR}
)
"""Dispositions that say: what was alerted did not happen."""


class Step(Enum):
    """What may be done with an alert: by an officer, or (the last two) by judging again."""

    ACKNOWLEDGE = "acknowledge"
    INVESTIGATE = "investigate"
    RECORD_CONTACT = "record-contact"
    NOTE = "note"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"


MACHINE_STEPS: Final = frozenset({Step.WITHDRAW, Step.REINSTATE})


class Refusal(Enum):
    """Why a step is not taken."""

    NOT_FROM_HERE = "not-from-here"
    DECIDED = "decided"
    NOTE_MISSING = "note-missing"
    DISPOSITION_MISSING = "disposition-missing"
    DISPOSITION_UNASKED = "disposition-unasked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an alert stands, and the last decision on it (None before the first)."""

    state: AlertState = AlertState.OPEN
    disposition: Disposition | None = None

    @property
    def decided(self) -> bool:
        """Whether a human has ever decided, even if it was taken up again."""
        return self.disposition is not None


def _transitions() -> Mapping[tuple[AlertState, Step], AlertState]:
    state, step = AlertState, Step
    table = {
        (state.OPEN, step.ACKNOWLEDGE): state.ACKNOWLEDGED,
        (state.ACKNOWLEDGED, step.INVESTIGATE): state.INVESTIGATING,
        (state.INVESTIGATING, step.RESOLVE): state.RESOLVED,
        (state.RESOLVED, step.REOPEN): state.REOPENED,
        (state.REOPENED, step.INVESTIGATE): state.INVESTIGATING,
        (state.OPEN, step.WITHDRAW): state.WITHDRAWN,
        (state.ACKNOWLEDGED, step.WITHDRAW): state.WITHDRAWN,
        (state.INVESTIGATING, step.WITHDRAW): state.WITHDRAWN,
        (state.WITHDRAWN, step.REINSTATE): state.OPEN,
    }
    in_hand = (state.ACKNOWLEDGED, state.INVESTIGATING, state.REOPENED)
    contacts = {(at, step.RECORD_CONTACT): at for at in in_hand}
    notes = {(at, step.NOTE): at for at in state}
    return MappingProxyType(table | contacts | notes)


TRANSITIONS: Final = _transitions()
"""Every legal step; what is not here is illegal."""


def take(
    standing: Standing, step: Step, *, note: str, disposition: Disposition | None
) -> Standing | Refusal:
    """Return where the alert stands after `step`, or why the step is refused.

    1. The step leads on from here. 2. The machine leaves alone what a human decided. 3. A human
    says why. 4. A resolution names its disposition, and nothing else does.
    """
    state = TRANSITIONS.get((standing.state, step))
    if state is None:  # 1
        return Refusal.NOT_FROM_HERE
    if step in MACHINE_STEPS and standing.decided:  # 2
        return Refusal.DECIDED
    if step not in MACHINE_STEPS and not note.strip():  # 3
        return Refusal.NOTE_MISSING
    if step is Step.RESOLVE and disposition is None:  # 4
        return Refusal.DISPOSITION_MISSING
    if step is not Step.RESOLVE and disposition is not None:  # 4
        return Refusal.DISPOSITION_UNASKED
    return Standing(state=state, disposition=disposition or standing.disposition)
