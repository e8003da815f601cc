"""What a next fix is compared with, so that one wrong fix does no harm to the right ones after it."""

from __future__ import annotations

import msgspec

from geofence.fix import Fix
from geofence.parameters import Parameters
from geofence.plausibility import Signal, assess_pair, score


class Footing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The last fix that nothing was odd about, and an odd one since, the suspect.

    A fix that goes well with either has no signal. So a wrong fix among right ones has a signal
    and they have none; where the wrong one came first, one right one has.
    """

    last: Fix | None = None
    suspect: Fix | None = None

    def signals(self, fix: Fix, parameters: Parameters) -> tuple[Signal, ...]:
        """The signals between `fix` and whichever of the two it goes with better."""
        found = assess_pair(self.last, fix, parameters)
        # A suspect of the same second may be this very fix, which cannot vouch for itself.
        if not found or self.suspect is None or self.suspect.at_s >= fix.at_s:
            return found
        return min(found, assess_pair(self.suspect, fix, parameters), key=score)

    def after(self, fix: Fix, signals: tuple[Signal, ...]) -> Footing:
        """The footing for the fix that follows `fix`, which had these signals."""
        return Footing(last=self.last, suspect=fix) if signals else Footing(last=fix)
