"""From when on an oddity is a signal: an agency may change any of these numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLimits:
    """The agency's limits. Raises ValueError unless each is above zero."""

    frozen_s: int = 14_400
    """At the same place, digit for digit, for this long. Phones at rest repeat themselves a while."""
    constant_accuracy_s: int = 3_600
    """Moving for this long while the stated radius never changes."""
    even_fixes: int = 8
    """So many fixes in a row just where an even motion would put them."""
    replayed_places: int = 10
    """So many different places met before, at one distance in time."""
    together_s: int = 1_800
    """Moving for this long at another person's side."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} is above zero")

    @property
    def reach_s(self) -> int:
        """How much of what came before a fix may bear on its signals."""
        return max(self.frozen_s, self.constant_accuracy_s, self.together_s) + 3_600
