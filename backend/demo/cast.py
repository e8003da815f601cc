"""Who and what the story is about. All of it is invented, and says so; only the drive is real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from backend.simulator.position import Position

ZONE: Final = ZoneInfo("Europe/Zagreb")
"""Where the drive was recorded."""

AGENCY: Final = {
    "name": "Invented Probation Office",
    "zone": ZONE.key,
    "phone": "+15555550100",
    "email": "office@invented.example",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """Somebody who signs in; the password is invented like its owner."""

    given_name: str
    family_name: str
    role: str
    email: str
    password: str

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.given_name} {self.family_name}"


OFFICER: Final = Employee(
    given_name="Officer",
    family_name="Invented",
    role="officer",
    email="officer@invented.example",
    password="nothing here is real",  # noqa: S106 - shown on purpose
)
AUDITOR: Final = Employee(
    given_name="Auditor",
    family_name="Invented",
    role="auditor",
    email="auditor@invented.example",
    password="nothing here is real either",  # noqa: S106 - shown on purpose
)

PERSON: Final = {
    "given_name": "Testa",
    "family_name": "Example",
    "emails": ["testa@invented.example"],
    "phones": ["+15555550101"],
    "language": "en",
    "zone": ZONE.key,
}

# Where they go. The circles lie well between the recorded points: no verdict hangs on a metre.

ACCURACY_M: Final = 8.0
"""What the phone says of itself; the recorder did not say."""

HOME: Final = Position(latitude=45.27340, longitude=13.71410, accuracy_m=ACCURACY_M)


def circle(latitude: float, longitude: float, radius_m: float) -> dict[str, Any]:
    """Return a round zone as the API takes it: a GeoJSON point with a radius in metres."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": {"radius_m": radius_m},
    }


def daily(start: str, end: str) -> dict[str, Any]:
    """Return a schedule of one window of local wall time, from `start` to `end`, on every day."""
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    weekly = [{"weekday": day, "start": start, "end": end} for day in days]
    return {"timezone": ZONE.key, "weekly": weekly}


CURFEW: Final = "Home"
NEIGHBOURHOOD: Final = "Neighbourhood"
STORE: Final = "Example Store"

CONDITIONS: Final[tuple[dict[str, Any], ...]] = (
    {
        "kind": "curfew",
        "title": CURFEW,
        "zone": circle(HOME.latitude, HOME.longitude, 100.0),
        "schedule": daily("21:00", "06:00"),
        "reason": "As ordered.",
    },
    {
        "kind": "exclusion-zone",
        "title": STORE,
        "zone": circle(45.2764, 13.7200, 110.0),
        "reason": "As ordered.",
    },
    {
        "kind": "inclusion-zone",
        "title": NEIGHBOURHOOD,
        "zone": circle(HOME.latitude, HOME.longitude, 350.0),
        "schedule": daily("18:00", "21:00"),
        "reason": "As ordered.",
    },
)


def in_words(condition: dict[str, Any]) -> str:
    """Return a condition in one line."""
    radius_m = condition["zone"]["properties"]["radius_m"]
    place = f"“{condition['title']}” ({radius_m:.0f} m around it)"
    if "schedule" not in condition:
        return f"Condition: never be in {place}."
    window = condition["schedule"]["weekly"][0]
    return f"Condition: be in {place} daily from {window['start']} to {window['end']}."


# When it happens: on any machine and any day the same story.

SET_UP_AT: Final = datetime(2026, 3, 2, 20, 15, tzinfo=ZONE)
OPENED_AT: Final = datetime(2026, 3, 2, 20, 25, tzinfo=ZONE)
DRIVE_AT: Final = datetime(2026, 3, 2, 20, 30, tzinfo=ZONE)
SILENT_AT: Final = datetime(2026, 3, 2, 20, 54, tzinfo=ZONE)
CURFEW_AT: Final = datetime(2026, 3, 2, 21, 0, 30, tzinfo=ZONE)
ASKS_AT: Final = datetime(2026, 3, 2, 21, 5, tzinfo=ZONE)
FEE_RAISED_AT: Final = datetime(2026, 3, 3, 9, 0, tzinfo=ZONE)
PLANNED_AT: Final = datetime(2026, 3, 3, 9, 1, tzinfo=ZONE)
REMINDED_AT: Final = datetime(2026, 3, 4, 13, 0, tzinfo=ZONE)

ORDER: Final = {
    "court": "Invented County Court",
    "reference": "INVENTED-2026-001",
    "starts_at": OPENED_AT.isoformat(),
}

FEE_MINOR: Final = 4000
CURRENCY: Final = "EUR"
FEE: Final = {
    "kind": "supervision_fee",
    "amount_minor": FEE_MINOR,
    "currency": CURRENCY,
    "basis": "order",
    "reference": ORDER["reference"],
    "cadence": "monthly",
    "starts_on": OPENED_AT.date().isoformat(),
    "day_of_month": 9,
}
"""Due on the 9th: its first reminder goes out five days before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandCount:
    """What the recording shows, counted by hand: how many points, and when a zone is left behind.

    `began` and `ended` are the first point that shows the breach beyond its accuracy, and the
    first after it that shows the return, as time since the recording began.
    """

    points: int
    store_began: timedelta
    store_ended: timedelta
    neighbourhood_began: timedelta
    neighbourhood_ended: timedelta


DRIVE: Final = HandCount(
    points=104,
    store_began=timedelta(seconds=208),
    store_ended=timedelta(seconds=363),
    neighbourhood_began=timedelta(seconds=129),
    neighbourhood_ended=timedelta(seconds=381),
)
