"""How somebody moved so far, as far as it bears on the signals of what they tell next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from geofence.fix import Fix
from geofence.footing import Footing
from geofence.limits import SignalLimits
from geofence.oddity import Oddity
from geofence.parameters import Parameters
from geofence.stillness import Stillness


@dataclass(slots=True, kw_only=True)
class Course:
    """One person's fixes, followed in time order from `since_s` up to `until_s`.

    Before `since_s` nothing is known. `last` is the last fix, `phones` has what each activation
    told. All of it are plain values, so that a course can be stored and gone on with.
    """

    since_s: int
    until_s: int
    last: Fix | None = None
    footing: Footing = field(default_factory=Footing)
    phones: dict[str, Stillness] = field(default_factory=dict)

    def follow(
        self, fixes: Iterable[Fix], until_s: int, limits: SignalLimits, parameters: Parameters
    ) -> list[Oddity]:
        """Go on to `until_s` by usable fixes of after the course, in order; return the odd ones."""
        footing, phones, found = self.footing, self.phones, list[Oddity]()
        for fix in fixes:
            signals = footing.signals(fix, parameters)
            footing = footing.after(fix, signals)
            phone = phones.get(fix.activation)
            if phone is None:
                phone = phones[fix.activation] = Stillness()
            signals += phone.step(fix, limits)
            if signals:
                found.append(Oddity(fix=fix, signals=signals))
            self.last = fix
        self.footing, self.until_s = footing, until_s
        return found


def find_oddities(
    fixes: Iterable[Fix], limits: SignalLimits, parameters: Parameters
) -> list[Oddity]:
    """The odd ones among one person's fixes, in time order, whatever order they arrived in.

    Unusable fixes are marked already and bear on nothing. A course that begins `limits.reach_s`
    before a fix knows enough of what came before it.
    """
    usable = sorted((fix for fix in fixes if fix.usable), key=lambda fix: fix.order)
    return Course(since_s=0, until_s=0).follow(usable, 0, limits, parameters)
